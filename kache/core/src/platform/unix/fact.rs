//! Facts about the host that a program can ask for, asked here as the program asked.
//!
//! The observer records the hash of what the program was answered. An answer is spelled out here as it is in
//! `preload/facts.h`, so that the two hashes can be compared.

mod files;
mod names;

use std::ffi::{CStr, CString};

/// An answer that is spelled out, item by item.
#[derive(Default)]
struct Answer(Vec<u8>);

impl Answer {
    fn number(&mut self, number: i64) {
        self.0.extend(number.to_string().as_bytes());
        self.0.push(b' ');
    }

    fn text(&mut self, text: &[u8]) {
        self.0.extend(text);
        self.0.push(b'\n');
    }

    /// A text that libc points to.
    ///
    /// # Safety
    /// The pointer is null or leads to a C string.
    unsafe fn pointed(&mut self, text: *const libc::c_char) {
        // SAFETY: as above.
        self.text(if text.is_null() { b"" } else { unsafe { CStr::from_ptr(text) }.to_bytes() });
    }

    fn error(&mut self) {
        let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or_default();
        self.0.extend(b"error ");
        self.number(errno.into());
    }

    fn of_number(number: i64) -> Answer {
        let mut answer = Answer::default();
        answer.number(number);
        answer
    }
}

/// The answer to a question: the name of a fact with its argument after a slash, and a path or a second argument. `None`
/// for one that is not known.
pub fn host_fact(name: &[u8], about: &[u8]) -> Option<Vec<u8>> {
    let (fact, argument) = match name.iter().position(|b| *b == b'/') {
        Some(at) => (&name[..at], &name[at + 1..]),
        None => (name, &b""[..]),
    };
    let fact = std::str::from_utf8(fact).ok()?;
    match fact {
        "processors" => return Some(super::processors()),
        // What the kernel shows in a file of its own.
        "contents" => {
            let read = std::fs::read(super::os_str(about));
            return Some(read.unwrap_or_else(|e| format!("error {}", e.kind()).into_bytes()));
        }
        _ => {}
    }
    let (argument, about) = (CString::new(argument).ok()?, CString::new(about).ok()?);
    let number = || argument.to_str().ok()?.parse::<i64>().ok();
    let answer = inherited(fact, &number)
        .or_else(|| attributes(fact, &number, &about))
        .or_else(|| machine(fact, &number))
        .or_else(|| files::answer(fact, &argument, &about))
        .or_else(|| names::answer(fact, &argument, &about))?;
    Some(answer.0)
}

type Number<'a> = &'a dyn Fn() -> Option<i64>;

/// What a process inherits.
fn inherited(fact: &str, number: Number) -> Option<Answer> {
    let mut answer = Answer::default();
    // SAFETY: calls without pointers, or with room for what they fill in.
    unsafe {
        match fact {
            "uid" => answer.number(libc::getuid().into()),
            "euid" => answer.number(libc::geteuid().into()),
            "gid" => answer.number(libc::getgid().into()),
            "egid" => answer.number(libc::getegid().into()),
            "resuid" | "resgid" => {
                let mut ids = [0; 3];
                let [real, effective, saved] = &mut ids;
                let ask = if fact == "resuid" { libc::getresuid } else { libc::getresgid };
                ask(real, effective, saved);
                ids.into_iter().for_each(|id| answer.number(id.into()));
            }
            "groups" => {
                let count = libc::getgroups(0, std::ptr::null_mut()).max(0);
                let mut groups = vec![0; count as usize];
                libc::getgroups(count, groups.as_mut_ptr());
                groups.into_iter().for_each(|group| answer.number(group.into()));
            }
            "umask" => answer.number(umask()?),
            "signal" => answer.number(is_ignored(number()?.try_into().ok()?).into()),
            "sigmask" => answer.number(blocked()),
            "winsize" => {
                let mut size: libc::winsize = std::mem::zeroed();
                if libc::ioctl(number()?.try_into().ok()?, libc::TIOCGWINSZ, &mut size) == 0 {
                    let numbers = [size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel];
                    numbers.into_iter().for_each(|number| answer.number(number.into()));
                } else {
                    answer.text(b"none");
                }
            }
            "terminal" => answer.number(super::has_terminal().into()),
            "rlimit" => {
                let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
                libc::getrlimit(number()?.try_into().ok()?, &mut limit);
                [limit.rlim_cur, limit.rlim_max].into_iter().for_each(|n| answer.number(n as i64));
            }
            "priority" => answer.number(libc::getpriority(number()?.try_into().ok()?, 0).into()),
            "affinity" => {
                let mut set = [0_u8; 1024];
                let size = set.len();
                libc::sched_getaffinity(0, size, set.as_mut_ptr().cast());
                let used = set.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                set[..used].iter().for_each(|byte| answer.number((*byte).into()));
            }
            "isatty" => answer.number(i64::from(libc::isatty(number()?.try_into().ok()?) == 1)),
            _ => return None,
        }
    }
    Some(answer)
}

/// What a process may do, and how the kernel treats it.
#[cfg(target_os = "linux")]
fn attributes(fact: &str, number: Number, about: &CStr) -> Option<Answer> {
    match fact {
        // SAFETY: a plain call.
        "personality" => Some(Answer::of_number(unsafe { libc::personality(0xffff_ffff) }.into())),
        "prctl" => {
            let argument: libc::c_ulong = about.to_str().ok()?.parse().unwrap_or_default();
            let mut answer = Answer::default();
            // SAFETY: the observer records only options that take numbers.
            match unsafe { libc::prctl(number()?.try_into().ok()?, argument, 0, 0, 0) } {
                -1 => answer.error(),
                value => answer.number(value.into()),
            }
            Some(answer)
        }
        _ => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn attributes(_: &str, _: Number, _: &CStr) -> Option<Answer> {
    None
}

/// Whether a command of this process begins with a signal ignored.
fn is_ignored(signal: i32) -> bool {
    match signal {
        // Rust's standard library ignores it in this process, and in no command.
        libc::SIGPIPE => return false,
        libc::SIGXFSZ if super::process::file_limit_kills() => return false,
        libc::SIGCHLD if super::process::children_are_ignored() => return true,
        _ => {}
    }
    // SAFETY: plain data for the call to fill in.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &mut action) == 0 && action.sa_sigaction == libc::SIG_IGN
    }
}

/// The signals that are blocked in this process, as bits. The observer keeps `SIGSYS` for itself.
fn blocked() -> i64 {
    let signals = super::process::blocked_signals();
    // SAFETY: the set was filled in.
    let bits = (1..=64)
        .filter(|signal| *signal != libc::SIGSYS && unsafe { libc::sigismember(&signals, *signal) } == 1);
    bits.fold(0, |all, signal| all | 1 << (signal - 1))
}

/// The mask of this process, which no call tells without changing it.
fn umask() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
    i64::from_str_radix(mask.trim(), 8).ok()
}

/// What is the same for each process of the machine.
fn machine(fact: &str, number: Number) -> Option<Answer> {
    let mut answer = Answer::default();
    // SAFETY: calls without pointers, or with room for what they fill in; what they point to is a C string.
    unsafe {
        match fact {
            "sysconf" => answer.number(libc::sysconf(number()?.try_into().ok()?)),
            "hostid" => answer.number(libc::gethostid()),
            "gibibyte" => {
                let memory =
                    libc::sysconf(libc::_SC_PHYS_PAGES).saturating_mul(libc::sysconf(libc::_SC_PAGESIZE));
                answer.number(memory.min(1 << 30));
            }
            "uname" => {
                let mut name: libc::utsname = std::mem::zeroed();
                libc::uname(&mut name);
                answer.pointed(name.sysname.as_ptr());
                answer.pointed(name.nodename.as_ptr());
                answer.pointed(name.release.as_ptr());
                answer.pointed(name.version.as_ptr());
                answer.pointed(name.machine.as_ptr());
                answer.pointed(name.domainname.as_ptr());
            }
            "hostname" | "domainname" => {
                let mut name = [0; 256];
                let ask = if fact == "hostname" { libc::gethostname } else { libc::getdomainname };
                ask(name.as_mut_ptr(), name.len() - 1);
                answer.pointed(name.as_ptr());
            }
            "auxv" => {
                let kind = number()?.try_into().ok()?;
                let value = libc::getauxval(kind);
                match kind {
                    libc::AT_PLATFORM | libc::AT_BASE_PLATFORM => {
                        answer.pointed(value as *const libc::c_char)
                    }
                    _ => answer.number(value as i64),
                }
            }
            _ => return None,
        }
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_what_the_system_says() {
        let of = |name: &str| host_fact(name.as_bytes(), b"").map(|a| String::from_utf8(a).unwrap());
        // SAFETY: no arguments, cannot fail.
        assert_eq!(of("uid"), Some(format!("{} ", unsafe { libc::getuid() })));
        // SAFETY: as above; the mask is set back at once.
        let mask = unsafe {
            let mask = libc::umask(0o22);
            libc::umask(mask);
            mask
        };
        assert_eq!(of("umask"), Some(format!("{mask} ")));
        let user = of("pwuid/0").unwrap();
        assert!(user.starts_with("root\n") && user.contains("0 0 "), "{user:?}");
        assert_eq!(of("pwnam/root"), Some(user));
        assert_eq!(of("pwnam/no such user"), Some(String::new()));
        let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stdout());
        assert_eq!(of("isatty/1"), Some(format!("{} ", u8::from(is_terminal))));
        let memory: u64 = of("gibibyte").unwrap().trim().parse().unwrap();
        assert!((1 << 20..=1 << 30).contains(&memory), "{memory}");
        assert_eq!(of("unheard-of"), None);
        assert_eq!(of("rlimit/x"), None);
    }
}
