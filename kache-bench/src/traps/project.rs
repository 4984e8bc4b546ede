//! The place where a case happens, and the words in which cases are written.
//!
//! Each method does its thing at once and returns the site, so that a case reads as a list. The first thing that fails is
//! kept, what follows is passed over, and the trial stops there: a case that cannot be laid out has no verdict.
//!
//! Words of a command and values of variables may have `{w}`, the checkout that is built in, and `{root}`, the case's own
//! directory, which has the checkout in it.

use super::probe::Probe;
use crate::error::{Error, Result};
use crate::system::environment::Environment;
use crate::system::platform;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

/// What a command is, which decides how a cache is put in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolFamily {
    /// rustc, or what takes its place.
    Rust,
    /// A C or C++ compiler, or what takes its place.
    C,
    /// cargo, which puts the wrapper in front of rustc by itself.
    Cargo,
}

/// One command of the build.
#[derive(Clone, Debug)]
pub struct BuildCommand {
    pub family: ToolFamily,
    /// The command line, before `{w}` and `{root}` are filled in.
    pub words: Vec<String>,
}

/// The case's own directory, and what is built in it.
#[derive(Debug)]
pub struct TestProject {
    root: PathBuf,
    here: PathBuf,
    places: Vec<PathBuf>,
    base: Environment,
    /// Variables of the build: set, or taken away.
    variables: BTreeMap<String, Option<String>>,
    /// What a shell does before it becomes a command of the build, and what it becomes it by.
    before: Option<String>,
    /// What is built, in order.
    pub units: Vec<BuildCommand>,
    /// What is looked at afterwards.
    pub probes: Vec<Probe>,
    /// What happens while the first build runs.
    pub meanwhile: Option<fn(&Path)>,
    /// When the last build began.
    pub began: Cell<SystemTime>,
    /// A directory that a build leaves for the next, which the plain compiler's builds must not see.
    pub state: Option<PathBuf>,
    error: Option<Error>,
    /// Why the case cannot be tried on this machine.
    pub skipped: Option<String>,
}

/// What a build removes to be one from clean.
const OUTPUTS: [&str; 2] = ["out", "target"];

impl TestProject {
    /// An empty checkout below `root`.
    pub fn new(root: &Path, base: Environment) -> Result<TestProject> {
        let here = root.join("w");
        fs::create_dir_all(here.join(".git")).map_err(Error::io("create", &here))?;
        Ok(TestProject {
            root: root.to_path_buf(),
            places: vec![here.clone()],
            here,
            base,
            variables: BTreeMap::new(),
            before: None,
            units: Vec::new(),
            probes: Vec::new(),
            meanwhile: None,
            began: Cell::new(SystemTime::UNIX_EPOCH),
            state: None,
            error: None,
            skipped: None,
        })
    }

    /// Something in the checkout; `../x` is beside it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.here.join(name)
    }

    pub fn here(&self) -> &Path {
        &self.here
    }

    /// The checkouts that it is not.
    pub fn elsewhere(&self) -> impl Iterator<Item = &PathBuf> {
        self.places.iter().filter(|place| **place != self.here)
    }

    pub fn fill(&self, text: &str) -> String {
        let name = |path: &Path| path.display().to_string();
        text.replace("{w}", &name(&self.here)).replace("{root}", &name(&self.root))
    }

    /// The trouble that there was, if any.
    pub fn result(&mut self) -> Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }

    fn attempt(&mut self, action: impl FnOnce(&mut TestProject) -> Result<()>) -> &mut TestProject {
        if self.error.is_none()
            && self.skipped.is_none()
            && let Err(error) = action(self)
        {
            self.error = Some(error);
        }
        self
    }

    // Files.

    /// Writes a file, with the directories above it.
    pub fn write(&mut self, name: &str, text: &str) -> &mut TestProject {
        self.attempt(|s| {
            let path = s.path(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
            }
            fs::write(&path, text).map_err(Error::io("write", &path))
        })
    }

    /// Rewrites a file and gives it its old modification time.
    pub fn rewrite_unnoticed(&mut self, name: &str, text: &str) -> &mut TestProject {
        let path = self.path(name);
        let old = fs::metadata(&path).and_then(|m| m.modified());
        self.write(name, text).attempt(|_| {
            let set = old.and_then(|time| fs::File::open(&path)?.set_modified(time));
            set.map_err(Error::io("set the time of", &path))
        })
    }

    /// Sets a file's modification time, in seconds since 1970.
    pub fn date(&mut self, name: &str, seconds: u64) -> &mut TestProject {
        self.attempt(|s| {
            let (path, time) = (s.path(name), SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
            let set = fs::File::open(&path).and_then(|file| file.set_modified(time));
            set.map_err(Error::io("set the time of", &path))
        })
    }

    /// A script that can be run.
    pub fn script(&mut self, name: &str, text: &str) -> &mut TestProject {
        let text = self.fill(text);
        self.write(name, &format!("#!/bin/sh\n{text}\n")).attempt(|s| {
            let path = s.path(name);
            platform::make_executable(&path).map_err(Error::io("set the mode of", &path))
        })
    }

    pub fn directory(&mut self, name: &str) -> &mut TestProject {
        self.attempt(|s| fs::create_dir_all(s.path(name)).map_err(Error::io("create", &s.path(name))))
    }

    /// Removes a file or a directory.
    pub fn remove(&mut self, name: &str) -> &mut TestProject {
        self.attempt(|s| {
            let path = s.path(name);
            let dir = fs::symlink_metadata(&path).is_ok_and(|m| m.is_dir());
            let gone = if dir { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            gone.map_err(Error::io("remove", &path))
        })
    }

    pub fn rename(&mut self, from: &str, to: &str) -> &mut TestProject {
        self.attempt(|s| fs::rename(s.path(from), s.path(to)).map_err(Error::io("rename", &s.path(from))))
    }

    /// A symbolic link, in place of one that is there.
    pub fn link(&mut self, to: &str, at: &str) -> &mut TestProject {
        self.attempt(|s| {
            let path = s.path(at);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
            }
            if path.is_symlink() {
                fs::remove_file(&path).map_err(Error::io("remove", &path))?;
            }
            platform::link(Path::new(&s.fill(to)), &path).map_err(Error::io("link", &path))
        })
    }

    /// Goes on in a copy of the checkout, at another place below the case's directory.
    pub fn elsewhere_at(&mut self, place: &str) -> &mut TestProject {
        self.attempt(|s| {
            let to = s.root.join(place);
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
            }
            let mut copy = Command::new("cp");
            done(copy.arg("-r").arg(&s.here).arg(&to))?;
            s.places.push(to.clone());
            s.here = to;
            Ok(())
        })
    }

    // What is compiled.

    /// A command that stands behind the cache as rustc does.
    pub fn rust(&mut self, words: &[&str]) -> &mut TestProject {
        self.unit(ToolFamily::Rust, words)
    }

    /// A command that stands behind the cache as a C compiler does.
    pub fn c(&mut self, words: &[&str]) -> &mut TestProject {
        self.need(words[0]).unit(ToolFamily::C, words)
    }

    pub fn cargo(&mut self, words: &[&str]) -> &mut TestProject {
        self.unit(ToolFamily::Cargo, &[&["cargo"], words].concat())
    }

    fn unit(&mut self, family: ToolFamily, words: &[&str]) -> &mut TestProject {
        let words = words.iter().map(|word| word.to_string()).collect();
        self.units.push(BuildCommand { family, words });
        self
    }

    /// `l.rs` to `out/libl.rlib`, as cargo would have it compiled.
    pub fn rust_lib(&mut self, more: &[&str]) -> &mut TestProject {
        self.rust(&[&LIB[..], more].concat())
    }

    pub fn rust_bin(&mut self, more: &[&str]) -> &mut TestProject {
        self.rust(&[&BIN[..], more].concat())
    }

    /// What was to be compiled is not; what follows is, instead.
    pub fn instead(&mut self) -> &mut TestProject {
        self.units.clear();
        self
    }

    /// A word more for each command.
    pub fn also(&mut self, word: &str) -> &mut TestProject {
        self.units.iter_mut().for_each(|unit| unit.words.push(word.into()));
        self
    }

    /// Sets a variable for the build.
    pub fn env(&mut self, name: &str, value: &str) -> &mut TestProject {
        self.variables.insert(name.into(), Some(value.into()));
        self
    }

    pub fn without(&mut self, name: &str) -> &mut TestProject {
        self.variables.insert(name.into(), None);
        self
    }

    /// The mask for the modes of new files.
    pub fn umask(&mut self, mask: &'static str) -> &mut TestProject {
        self.before = Some(format!("umask {mask}; exec"));
        self
    }

    /// Commands are given a file open, as their third descriptor.
    pub fn opened(&mut self, name: &str) -> &mut TestProject {
        self.before = Some(format!("exec 3<{name}; exec"));
        self
    }

    /// The build may use one processor of those that there are.
    pub fn on_one_processor(&mut self) -> &mut TestProject {
        self.before = Some("exec taskset -c 0".into());
        self.need("taskset")
    }

    /// What happens while the first build runs, in a thread of its own.
    pub fn meanwhile(&mut self, what: fn(&Path)) -> &mut TestProject {
        self.meanwhile = Some(what);
        self
    }

    /// A directory that each build of the backend leaves for its next.
    pub fn keeps(&mut self, name: &str) -> &mut TestProject {
        self.state = Some(self.path(name));
        self
    }

    // What is looked at.

    /// Adds something to look at.
    pub fn probe(&mut self, probe: Probe) -> &mut TestProject {
        self.probes.push(probe);
        self
    }

    pub fn prints(&mut self, program: &'static str) -> &mut TestProject {
        self.probe(Probe::Prints(program))
    }

    /// The words `SAID=<…>` in a file.
    pub fn says(&mut self, file: &'static str) -> &mut TestProject {
        self.probe(Probe::Says(file))
    }

    // What is done at once, without any cache.

    /// Runs a command in the checkout with the plain compiler.
    pub fn plainly(&mut self, words: &[&str]) -> &mut TestProject {
        self.attempt(|s| {
            let words: Vec<_> = words.iter().map(|word| s.fill(word)).collect();
            let environment = s.environment(&s.base);
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]).current_dir(&s.here).env_clear().envs(environment);
            done(&mut command).map(drop)
        })
    }

    /// The case needs a program; without it, it is skipped.
    pub fn need(&mut self, program: &str) -> &mut TestProject {
        let own = program.contains('/') || program.contains('{');
        let works = || {
            let asked = Command::new(program).arg("--version").stdin(Stdio::null()).output();
            asked.is_ok_and(|output| output.status.success())
        };
        if !own && !works() {
            self.skip(&format!("{program} is not installed"));
        }
        self
    }

    /// The case cannot be tried here, and why.
    pub fn skip(&mut self, why: &str) -> &mut TestProject {
        self.skipped.get_or_insert_with(|| why.into());
        self
    }

    /// A macro `m!()` whose expansion is the literal `SAID=<…>` with what `body`, an expression, gives; and a
    /// library that has it.
    pub fn proc_macro(&mut self, body: &str) -> &mut TestProject {
        self.macro_crate(body)
            .write("l.rs", "pub static SAID: &str = m::m!();\n")
            .rust_lib(&["--extern", "m=libm.so"])
            .says("out/libl.rlib")
    }

    /// The macro alone, compiled plainly.
    pub fn macro_crate(&mut self, body: &str) -> &mut TestProject {
        let source = format!(
            "extern crate proc_macro;\nuse proc_macro::TokenStream;\n#[proc_macro]\n\
             pub fn m(_: TokenStream) -> TokenStream {{\n    let said: String = {{ {body} }};\n    \
             format!(\"{{:?}}\", format!(\"SAID=<{{}}>\", said.trim())).parse().unwrap()\n}}\n"
        );
        self.write("m.rs", &source).plainly(&["rustc", "--crate-type=proc-macro", "--edition=2021", "m.rs"])
    }

    // For the trial.

    /// The build's variables on top of `base`.
    pub fn environment(&self, base: &Environment) -> BTreeMap<OsString, OsString> {
        let mut all: BTreeMap<_, _> = base.iter().map(|(n, v)| (n.clone(), v.clone())).collect();
        for (name, value) in &self.variables {
            match value {
                Some(value) => all.insert(name.into(), self.fill(value).into()),
                None => all.remove(std::ffi::OsStr::new(name)),
            };
        }
        all
    }

    /// What the build may see of the caller's environment.
    pub fn base(&self) -> Environment {
        self.base.clone()
    }

    /// A command that runs a program as was asked for.
    pub fn command(&self, words: &[OsString]) -> Command {
        let mut command = match &self.before {
            None => Command::new(&words[0]),
            Some(before) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("{before} \"$0\" \"$@\"")]).arg(&words[0]);
                shell
            }
        };
        command.args(&words[1..]).current_dir(&self.here).env_clear().stdin(Stdio::null());
        command
    }

    /// Removes what a build has made.
    pub fn clean(&self) -> Result<()> {
        for name in OUTPUTS {
            let path = self.path(name);
            if path.exists() {
                fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
            }
        }
        fs::create_dir_all(self.path("out")).map_err(Error::io("create", &self.path("out")))
    }

    /// Makes all files look an hour old: caches trust what was just written less, and would not walk into the trap.
    pub fn age(&self) -> Result<()> {
        age(&self.root, SystemTime::now() - Duration::from_secs(3600))
            .map_err(Error::io("set times below", &self.root))
    }
}

pub const LIB: [&str; 13] = [
    "rustc",
    "--crate-name",
    "l",
    "--edition=2021",
    "l.rs",
    "--crate-type",
    "lib",
    "--emit=dep-info,metadata,link",
    "-C",
    "metadata=1f",
    "--out-dir",
    "out",
    "-Cembed-bitcode=no",
];

pub const BIN: [&str; 12] = [
    "rustc",
    "--crate-name",
    "user",
    "--edition=2021",
    "user.rs",
    "--crate-type",
    "bin",
    "--emit=dep-info,link",
    "-C",
    "metadata=2f",
    "--out-dir",
    "out",
];

fn done(command: &mut Command) -> Result<Output> {
    let line = format!("{command:?}");
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|e| Error::run(format!("cannot run a command of the case: {e}")).at(&line))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Error::run(format!("a command of the case failed\n    {said}")).at(line));
    }
    Ok(output)
}

fn age(dir: &Path, time: SystemTime) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            age(&entry.path(), time)?;
        } else if kind.is_file() && entry.metadata()?.modified()? > time {
            fs::File::open(entry.path())?.set_modified(time)?;
        }
    }
    Ok(())
}
