//! Every invocation of a real build, kept so that it can be asked again: its command line, working directory and
//! environment.
//!
//! The harness's own program stands in front of kache, under kache's name, writes down how it was called, and becomes
//! kache: same process, same arguments, same environment. So kache does what it would have done, and the process that an
//! event names is the one that was written down. What to become, and where to write, is told in two variables that
//! begin with `KACHE_`, which no key counts.

use crate::error::{Error, Result};
use crate::system::platform;
use kache_core::events::Event;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where invocations are written down.
const PLACE: &str = "KACHE_BENCH_RECORD";
/// The kache to become.
const BECOME: &str = "KACHE_BENCH_KACHE";
/// The job server's variables: its pipe is gone when an invocation is asked again, and rustc would say so.
const OF_THE_JOB_SERVER: &[&str] = &["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS", "MAKELEVEL"];

/// The directory that a build's invocations are written to, with the program that stands in front.
#[derive(Clone, Debug)]
pub struct Recorder {
    dir: PathBuf,
    front: PathBuf,
    kache: PathBuf,
}

impl Recorder {
    /// Puts this program below `dir` to stand in front of `kache`.
    pub fn install(dir: &Path, kache: &Path) -> Result<Recorder> {
        let front = install_front(dir)?;
        let records = dir.join("invocations");
        fs::create_dir_all(&records).map_err(Error::io("create", &records))?;
        Ok(Recorder { dir: records, front, kache: kache.to_path_buf() })
    }

    /// What is called in kache's place.
    pub fn front(&self) -> &Path {
        &self.front
    }

    /// The two variables.
    pub fn variables(&self) -> [(OsString, OsString); 2] {
        [(PLACE.into(), self.dir.clone().into()), (BECOME.into(), self.kache.clone().into())]
    }

    /// The invocation that led to an event.
    pub fn find(&self, event: &Event) -> Result<Invocation> {
        let entries = fs::read_dir(&self.dir).map_err(Error::io("read", &self.dir))?;
        let begun = entries.flatten().filter_map(|e| {
            let name = e.file_name();
            let (pid, time) = name.to_str()?.split_once('-')?;
            let time: u64 = time.parse().ok()?;
            (pid.parse() == Ok(event.pid) && time <= event.time_us).then(|| (time, e.path()))
        });
        // A process id may come again.
        let (_, file) = begun.max().ok_or_else(|| {
            Error::run(format!("the invocation of {} was not written down", event.unit.label()))
                .at(self.dir.display())
        })?;
        let bytes = fs::read(&file).map_err(Error::io("read", &file))?;
        Invocation::decode(&bytes)
            .ok_or_else(|| Error::run("an invocation was not written down whole").at(file.display()))
    }
}

/// How kache was called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invocation {
    /// The working directory.
    pub cwd: PathBuf,
    /// The compiler, and its arguments.
    pub words: Vec<OsString>,
    /// The environment, but for what the recording needs.
    pub environment: Vec<(OsString, OsString)>,
}

impl Invocation {
    /// The value of a variable.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.environment.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_os_str())
    }

    /// The value of a flag that is given as `-C name=value`.
    pub fn codegen(&self, name: &str) -> Option<String> {
        let values = self.words.iter().filter_map(|w| w.to_str());
        values.rev().find_map(|w| w.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    }

    /// The same again: in front of it whatever `line` is, nothing on standard input.
    pub fn command(&self, line: &[&OsStr]) -> Command {
        let mut words = line.iter().copied().chain(self.words.iter().map(OsString::as_os_str));
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).current_dir(&self.cwd).env_clear();
        command.envs(self.environment.iter().map(|(n, v)| (n, v)));
        command.stdin(Stdio::null());
        command
    }

    /// Takes away the compiler's own state of earlier runs, with which nothing is stored.
    pub fn forget_state(&self) {
        if let Some(dir) = self.codegen("incremental") {
            // There is none where it was not made.
            drop(fs::remove_dir_all(self.cwd.join(dir)));
        }
    }

    fn encode(cwd: &Path, words: &[OsString], environment: &[(OsString, OsString)]) -> Vec<u8> {
        let mut fields = vec![cwd.as_os_str().as_encoded_bytes().to_vec(), words.len().to_string().into()];
        fields.extend(words.iter().map(|w| w.as_encoded_bytes().to_vec()));
        fields.extend(
            environment.iter().map(|(n, v)| [n.as_encoded_bytes(), b"=", v.as_encoded_bytes()].concat()),
        );
        fields.push(b"end".to_vec());
        fields.join(&0)
    }

    fn decode(bytes: &[u8]) -> Option<Invocation> {
        let text = platform::os_string;
        let mut fields = bytes.split(|b| *b == 0);
        let cwd = PathBuf::from(text(fields.next()?));
        let count: usize = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
        let words: Vec<OsString> = fields.by_ref().take(count).map(text).collect();
        let mut rest: Vec<&[u8]> = fields.collect();
        (rest.pop()? == b"end").then_some(())?;
        let mut environment = Vec::new();
        for field in rest {
            // The first byte of a name may be `=`, on systems that are odd.
            let cut = field.iter().skip(1).position(|b| *b == b'=')? + 1;
            environment.push((text(&field[..cut]), text(&field[cut + 1..])));
        }
        environment
            .retain(|(n, _)| n != PLACE && n != BECOME && !OF_THE_JOB_SERVER.iter().any(|name| n == name));
        Some(Invocation { cwd, words, environment })
    }
}

/// Puts a copy of this program at `dir/front/kache`: the observer knows a program by its file, links followed.
pub fn install_front(dir: &Path) -> Result<PathBuf> {
    let own = std::env::current_exe().map_err(Error::io("find this program for", dir))?;
    let front = dir.join("front/kache");
    let parent = front.parent().unwrap_or(dir);
    fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    fs::copy(own, &front).map_err(Error::io("write", &front))?;
    Ok(front)
}

/// Where this process was called in kache's place: writes down how, and becomes kache. Comes back where it was not.
pub fn stand_in() {
    let (Some(dir), Some(kache)) = (std::env::var_os(PLACE), std::env::var_os(BECOME)) else { return };
    let words: Vec<OsString> = std::env::args_os().collect();
    // Within a compile kache does nothing, and what was seen there must not be ours.
    if std::env::var_os("KACHE_WITHIN").is_none()
        && let Err(e) = write_down(Path::new(&dir), &words)
    {
        eprintln!("kache-bench: cannot write down an invocation in {}: {e}", Path::new(&dir).display());
        std::process::exit(1);
    }
    let mut command = Command::new(&kache);
    platform::call_as(&mut command, &words[0]);
    let e = platform::replace_process(command.args(&words[1..]));
    eprintln!("kache-bench: cannot run {}: {e}", Path::new(&kache).display());
    std::process::exit(127);
}

fn write_down(dir: &Path, words: &[OsString]) -> std::io::Result<()> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let environment: Vec<_> = std::env::vars_os().collect();
    let own_name = words.first().map(|w| Path::new(w).file_name().unwrap_or_default()).unwrap_or_default();
    // By a compiler's name it stands for that compiler; by kache's own the compiler is the first argument.
    let words = match own_name == "kache" {
        true => words[1..].to_vec(),
        false => [&[own_name.to_os_string()], &words[1..]].concat(),
    };
    let file = dir.join(format!("{}-{}", std::process::id(), since.as_micros()));
    fs::write(file, Invocation::encode(&std::env::current_dir()?, &words, &environment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_read_again() {
        let words = ["gcc".into(), "-DX=a b".into(), "".into(), platform::os_string(b"\xff.c")];
        let environment =
            [("A".into(), "b=c".into()), ("MAKEFLAGS".into(), "-j".into()), ("E".into(), "".into())];
        let bytes = Invocation::encode(Path::new("/w x"), &words, &environment);
        let read = Invocation::decode(&bytes).unwrap();
        assert_eq!((read.cwd.to_str(), &read.words[..]), (Some("/w x"), &words[..]));
        assert_eq!(read.environment, [environment[0].clone(), environment[2].clone()]);
        assert_eq!(Invocation::decode(&bytes[..bytes.len() - 1]), None);
    }

    #[test]
    fn the_last_of_a_flag_counts() {
        let words = ["rustc", "-C", "incremental=/a", "-C", "incremental=/b"].map(OsString::from).to_vec();
        let invocation = Invocation { words, ..Default::default() };
        assert_eq!(invocation.codegen("incremental").as_deref(), Some("/b"));
        assert_eq!(invocation.codegen("linker"), None);
    }
}
