//! What this process hands to a command open, beside the job server's pipe.
//!
//! What is read there was opened by no process of the command, so that nothing else is recorded of it.

/// A file, a pipe or a socket, as the system numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    pub device: u64,
    pub number: u64,
}

/// What a command inherits that is started now; `None` where that cannot be found out. What is written to standard output
/// and error passes through pipes of kache's own, and the null device says nothing.
#[cfg(target_os = "linux")]
pub fn open_descriptors() -> Option<Vec<Given>> {
    given_beside(&job_server(|name| std::env::var(name).ok()))
}

#[cfg(target_os = "linux")]
fn given_beside(job_server: &[i32]) -> Option<Vec<Given>> {
    // make and cargo may leave further descriptors of the same pipe open.
    let is_pipe = |is: &&libc::stat| is.st_mode & libc::S_IFMT == libc::S_IFIFO;
    let servers: Vec<_> = job_server.iter().filter_map(|fd| status(*fd).filter(|is| is_pipe(&is))).collect();
    let mut given = Vec::new();
    for fd in crate::platform::inherited_descriptors()? {
        // A held standard input is in the key.
        let is_held = fd == 0 && crate::platform::stdin_is_held();
        if matches!(fd, 1 | 2) || is_held {
            continue;
        }
        let Some(is) = status(fd) else { continue };
        let is_null = is.st_mode & libc::S_IFMT == libc::S_IFCHR && is.st_rdev == libc::makedev(1, 3);
        let is_server = servers.iter().any(|one| (one.st_dev, one.st_ino) == (is.st_dev, is.st_ino));
        let one = Given { device: is.st_dev, number: is.st_ino };
        if !is_null && !is_server && !given.contains(&one) {
            given.push(one);
        }
    }
    given.extend(terminal().filter(|terminal| !given.contains(terminal)));
    Some(given)
}

#[cfg(target_os = "linux")]
fn status(fd: i32) -> Option<libc::stat> {
    let mut is = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: writes to the structure and nowhere else; the structure is read where the call succeeded.
    unsafe { (libc::fstat(fd, is.as_mut_ptr()) == 0).then(|| is.assume_init()) }
}

/// The terminal, which any process may open by this name.
#[cfg(target_os = "linux")]
fn terminal() -> Option<Given> {
    use std::os::unix::fs::MetadataExt;
    let is = std::fs::metadata("/dev/tty").ok().filter(|_| crate::platform::has_terminal())?;
    Some(Given { device: is.dev(), number: is.ino() })
}

#[cfg(not(target_os = "linux"))]
pub fn open_descriptors() -> Option<Vec<Given>> {
    Some(Vec::new())
}

/// The descriptors of the job server, as make and cargo name them. One by a named pipe is opened by its path.
pub fn job_server(variable: impl Fn(&str) -> Option<String>) -> Vec<i32> {
    let values = ["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"].into_iter().filter_map(variable);
    let mut found = Vec::new();
    for value in values {
        let pairs = value.split_ascii_whitespace().filter_map(|word| {
            let pair = word.strip_prefix("--jobserver-auth=").or(word.strip_prefix("--jobserver-fds="))?;
            pair.split_once(',')
        });
        found.extend(pairs.flat_map(|(read, write)| [read.parse::<i32>(), write.parse()]).flatten());
    }
    found
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;

    fn is_given(file: &File) -> bool {
        let is = file.metadata().unwrap();
        open_descriptors().unwrap().contains(&Given { device: is.dev(), number: is.ino() })
    }

    #[test]
    fn the_job_servers_pipe_is_not_given_by_any_descriptor() {
        let (reader, _writer) = std::io::pipe().unwrap();
        let is = status(reader.as_raw_fd()).unwrap();
        let is = Given { device: is.st_dev, number: is.st_ino };
        // SAFETY: plain arguments; the descriptor is open until the end of the process.
        assert!(unsafe { libc::dup(reader.as_raw_fd()) } >= 0);
        assert!(given_beside(&[]).unwrap().contains(&is));
        assert!(!given_beside(&[reader.as_raw_fd()]).unwrap().contains(&is));
    }

    #[test]
    fn only_what_a_child_inherits_is_given() {
        let file = tempfile::tempfile().unwrap();
        assert!(!is_given(&file));
        // SAFETY: plain arguments.
        assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFD, 0) }, 0);
        assert!(is_given(&file));
    }

    #[test]
    fn the_job_server_is_named_by_its_descriptors() {
        let values = |name: &str| match name {
            "CARGO_MAKEFLAGS" => Some("-j --jobserver-fds=8,9 --jobserver-auth=8,9".to_string()),
            "MAKEFLAGS" => Some(" -j8 --jobserver-auth=fifo:/tmp/GMfifo1".to_string()),
            "MFLAGS" => Some("--jobserver-auth=3,4".to_string()),
            _ => None,
        };
        assert_eq!(job_server(values), [8, 9, 8, 9, 3, 4]);
        let none = job_server(|_| Some("-k --jobserver-auth=-2,-2 --jobserver-auth=x,y".to_string()));
        assert!(none.iter().all(|fd| *fd < 0), "{none:?}");
    }
}
