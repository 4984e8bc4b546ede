//! Records every invocation of a build, so that it can run again: command line, working directory and
//! environment.
//!
//! The harness's program runs under kache's name, records how it was called, and then executes kache in the
//! same process with the same arguments and environment. kache therefore does exactly what it would have
//! done, and the process of an event is the recorded process. Two variables whose names begin with `KACHE_`,
//! which no key includes, name the program to execute and the directory to write to.

use crate::error::{Error, Result};
use crate::system::files;
use crate::system::platform;
use kache_core::events::Event;
use kache_core::observe::launch::LOG_VARIABLE;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Directory of the recorded invocations.
const PLACE: &str = "KACHE_BENCH_RECORD";
const BECOME: &str = "KACHE_BENCH_KACHE";
/// The job server's variables: its pipe is gone when an invocation runs again, and rustc would report that.
const OF_THE_JOB_SERVER: &[&str] = &["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS", "MAKELEVEL"];

/// The directory of a build's invocations, with the recording program.
#[derive(Clone, Debug)]
pub struct Recorder {
    dir: PathBuf,
    front: PathBuf,
    kache: PathBuf,
}

impl Recorder {
    /// Installs the recording program for `kache` below `dir`.
    pub fn install(dir: &Path, kache: &Path) -> Result<Recorder> {
        let front = install_front(dir)?;
        let records = dir.join("invocations");
        fs::create_dir_all(&records).map_err(Error::io("create", &records))?;
        Ok(Recorder { dir: records, front, kache: kache.to_path_buf() })
    }

    /// The program to call in place of kache.
    pub fn front(&self) -> &Path {
        &self.front
    }

    pub fn variables(&self) -> [(OsString, OsString); 2] {
        [(PLACE.into(), self.dir.clone().into()), (BECOME.into(), self.kache.clone().into())]
    }

    /// The invocation of an event.
    pub fn find(&self, event: &Event) -> Result<Invocation> {
        let entries = fs::read_dir(&self.dir).map_err(Error::io("read", &self.dir))?;
        let begun = entries.flatten().filter_map(|e| {
            let name = e.file_name();
            let (pid, time) = name.to_str()?.split_once('-')?;
            let time: u64 = time.parse().ok()?;
            (pid.parse() == Ok(event.pid) && time <= event.time_us).then(|| (time, e.path()))
        });
        // Process ids can repeat.
        let (_, file) = begun.max().ok_or_else(|| {
            Error::run(format!("the invocation of {} was not recorded", event.unit.label()))
                .at(self.dir.display())
        })?;
        let bytes = fs::read(&file).map_err(Error::io("read", &file))?;
        Invocation::decode(&bytes)
            .ok_or_else(|| Error::run("the record of an invocation is incomplete").at(file.display()))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invocation {
    pub cwd: PathBuf,
    pub words: Vec<OsString>,
    /// Without the variables of the recording.
    pub environment: Vec<(OsString, OsString)>,
}

impl Invocation {
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.environment.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_os_str())
    }

    /// The value of a flag given as `-C name=value`.
    pub fn codegen(&self, name: &str) -> Option<String> {
        let values = self.words.iter().filter_map(|w| w.to_str());
        values.rev().find_map(|w| w.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    }

    /// The same command again, with `line` before it and without standard input.
    pub fn command(&self, line: &[&OsStr]) -> Command {
        let mut words = line.iter().copied().chain(self.words.iter().map(OsString::as_os_str));
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).current_dir(&self.cwd).env_clear();
        command.envs(self.environment.iter().map(|(n, v)| (n, v)));
        command.stdin(Stdio::null());
        command
    }

    /// The output directory of a build script; `None` for any other command.
    pub fn out_directory(&self) -> Option<PathBuf> {
        let [program] = &self.words[..] else { return None };
        let name = Path::new(program).file_name()?.to_string_lossy().replace('-', "_");
        let out = self.variable("OUT_DIR").filter(|_| name.starts_with("build_script_"))?;
        Some(self.cwd.join(out))
    }

    /// Removes the state of an earlier run, with which nothing is stored: the compiler's incremental state, or what a
    /// build script wrote.
    pub fn forget_state(&self) -> Result<()> {
        if let Some(out) = self.out_directory().filter(|out| out.is_dir() && !out.is_symlink()) {
            files::clear(&out)?;
        }
        if let Some(dir) = self.codegen("incremental") {
            // It may not exist.
            drop(fs::remove_dir_all(self.cwd.join(dir)));
        }
        Ok(())
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
            // On some systems a name can begin with `=`.
            let cut = field.iter().skip(1).position(|b| *b == b'=')? + 1;
            environment.push((text(&field[..cut]), text(&field[cut + 1..])));
        }
        environment
            .retain(|(n, _)| n != PLACE && n != BECOME && !OF_THE_JOB_SERVER.iter().any(|name| n == name));
        Some(Invocation { cwd, words, environment })
    }
}

/// Copies this program to `dir/front/kache`. It is a copy because the observer identifies a program by its
/// file and follows links.
pub fn install_front(dir: &Path) -> Result<PathBuf> {
    let own = std::env::current_exe().map_err(Error::io("find this program for", dir))?;
    let front = dir.join("front/kache");
    files::create_parent(&front)?;
    fs::copy(own, &front).map_err(Error::io("write", &front))?;
    Ok(front)
}

/// If this process was started in place of kache: records how, and executes kache. Otherwise returns.
pub fn stand_in() {
    let (Some(dir), Some(kache)) = (std::env::var_os(PLACE), std::env::var_os(BECOME)) else { return };
    let words: Vec<OsString> = std::env::args_os().collect();
    let environment = environment(&words);
    // Within an observed run kache becomes the compiler, and the observer must not see accesses of the harness. The
    // variable is in no environment: the observer answers for it.
    if std::env::var_os(LOG_VARIABLE).is_none()
        && let Err(e) = write_down(Path::new(&dir), &words, &environment)
    {
        eprintln!("kache-bench: cannot record an invocation in {}: {e}", Path::new(&dir).display());
        std::process::exit(1);
    }
    let mut command = Command::new(&kache);
    platform::call_as(&mut command, &words[0]);
    command.env_clear().envs(environment);
    let e = platform::replace_process(command.args(&words[1..]));
    eprintln!("kache-bench: cannot run {}: {e}", Path::new(&kache).display());
    std::process::exit(127);
}

/// The environment for kache. A build script may call the wrapper that its environment names, or read all of its
/// environment: it gets what it would get without the recording.
fn environment(words: &[OsString]) -> Vec<(OsString, OsString)> {
    let all: Vec<_> = std::env::vars_os().collect();
    let called = Invocation { words: words[1..].to_vec(), environment: all.clone(), ..Invocation::default() };
    let Some(kache) = called.variable(BECOME).filter(|_| called.out_directory().is_some()) else {
        return all;
    };
    let wrapper = |name: &OsStr| name == "RUSTC_WRAPPER" || name == "RUSTC_WORKSPACE_WRAPPER";
    let direct = |(name, value): (OsString, OsString)| {
        let value = if wrapper(&name) && value == words[0] { kache.to_owned() } else { value };
        (name, value)
    };
    all.into_iter().filter(|(name, _)| name != PLACE && name != BECOME).map(direct).collect()
}

fn write_down(dir: &Path, words: &[OsString], environment: &[(OsString, OsString)]) -> std::io::Result<()> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let own_name = words.first().map(|w| Path::new(w).file_name().unwrap_or_default()).unwrap_or_default();
    // Called by a compiler's name, it acts for that compiler; called as kache, the compiler is the first
    // argument.
    let words = match own_name == "kache" {
        true => words[1..].to_vec(),
        false => [&[own_name.to_os_string()], &words[1..]].concat(),
    };
    let file = dir.join(format!("{}-{}", std::process::id(), since.as_micros()));
    fs::write(file, Invocation::encode(&std::env::current_dir()?, &words, environment))
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
    fn a_build_script_begins_with_an_empty_directory() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        files::write(&out.join("deep/file"), "").unwrap();
        let mut invocation = Invocation {
            cwd: dir.path().into(),
            words: vec!["target/debug/build/x-1/build-script-build".into()],
            environment: vec![("OUT_DIR".into(), out.clone().into())],
        };
        invocation.forget_state().unwrap();
        assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
        invocation.words = vec!["rustc".into()];
        assert_eq!(invocation.out_directory(), None);
    }

    #[test]
    fn the_last_of_a_flag_counts() {
        let words = ["rustc", "-C", "incremental=/a", "-C", "incremental=/b"].map(OsString::from).to_vec();
        let invocation = Invocation { words, ..Default::default() };
        assert_eq!(invocation.codegen("incremental").as_deref(), Some("/b"));
        assert_eq!(invocation.codegen("linker"), None);
    }
}
