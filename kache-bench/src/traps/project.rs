//! The project of a case, and the methods that cases are written with.
//!
//! Each method takes effect at once and returns the project, so that a case reads as a list. The first error
//! is stored, later methods do nothing, and the trial fails: a case that cannot be set up has no verdict.
//!
//! Command lines are written as for a shell, which splits them at blanks and removes quotes. In their words and
//! in values of variables, `{w}` stands for the current checkout and `{root}` for the case's directory, which
//! contains the checkout.

use crate::error::{Error, Result};
use crate::system::child;
use crate::system::environment::Environment;
use crate::system::files;
use crate::system::platform;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

/// Decides how a cache is put in front of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolFamily {
    /// rustc or a replacement.
    Rust,
    /// A C or C++ compiler or a replacement.
    C,
    /// The same, as the driver of a linker.
    Link,
    /// cargo, which calls rustc through the wrapper.
    Cargo,
    /// A script of the shell between the others, without a cache.
    Shell,
}

#[derive(Clone, Debug)]
pub struct BuildCommand {
    pub family: ToolFamily,
    /// The command line with `{w}` and `{root}`.
    pub words: Vec<String>,
}

/// A value that is compared between the cache's build and the plain compiler's.
#[derive(Clone, Copy, Debug)]
pub enum Probe {
    /// Output of a built program, or its exit status.
    Prints(&'static str),
    /// The words `SAID=<…>` in a file.
    Says(&'static str),
    Messages,
    /// The targets that cargo found up to date, and the others, in the messages of `--message-format=json`.
    UpToDate,
    Text(&'static str),
    /// The rules of a depfile, independent of line breaks.
    Rules(&'static str),
    Bytes(&'static str),
    /// Whether a file contains another checkout's path.
    Foreign(&'static str),
    /// The result of a function.
    By(fn(&TestProject) -> String),
}

#[derive(Debug)]
pub struct TestProject {
    /// The name of the case.
    pub case: &'static str,
    root: PathBuf,
    here: PathBuf,
    places: Vec<PathBuf>,
    base: Environment,
    /// Variables of the build: set, or unset if `None`.
    variables: BTreeMap<String, Option<String>>,
    /// Shell code before each command, ending in `exec`.
    before: Option<String>,
    /// Commands of the build, in order.
    pub units: Vec<BuildCommand>,
    /// Probes after the build.
    pub probes: Vec<Probe>,
    /// Runs during the first build.
    pub meanwhile: Option<fn(&Path)>,
    pub began: Cell<SystemTime>,
    /// A directory that the cache's builds keep; the plain compiler's builds must not see it.
    pub state: Option<PathBuf>,
    error: Option<Error>,
    /// Why the case cannot run on this machine.
    pub skipped: Option<String>,
}

/// Directories that are removed before each build.
const OUTPUTS: [&str; 2] = ["out", "target"];

impl TestProject {
    /// Creates an empty checkout below `root`.
    pub fn new(root: &Path, base: Environment) -> Result<TestProject> {
        let here = root.join("w");
        files::create_dir(&here.join(".git"))?;
        Ok(TestProject {
            case: "",
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

    /// A path in the checkout; `../x` is next to it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.here.join(name)
    }

    pub fn here(&self) -> &Path {
        &self.here
    }

    /// The case's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The other checkouts.
    pub fn elsewhere(&self) -> impl Iterator<Item = &PathBuf> {
        self.places.iter().filter(|place| **place != self.here)
    }

    pub fn fill(&self, text: &str) -> String {
        let name = |path: &Path| path.display().to_string();
        text.replace("{w}", &name(&self.here)).replace("{root}", &name(&self.root))
    }

    /// The stored error, if any.
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

    /// Writes a file and creates its directories.
    pub fn write(&mut self, name: &str, text: &str) -> &mut TestProject {
        self.attempt(|s| files::write(&s.path(name), text))
    }

    /// Rewrites a file and restores its modification time.
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

    /// Writes an executable script.
    pub fn script(&mut self, name: &str, text: &str) -> &mut TestProject {
        let text = self.fill(text);
        self.attempt(|s| files::write_script(&s.path(name), &text))
    }

    pub fn directory(&mut self, name: &str) -> &mut TestProject {
        self.attempt(|s| files::create_dir(&s.path(name)))
    }

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

    /// Creates or replaces a symbolic link.
    pub fn link(&mut self, to: &str, at: &str) -> &mut TestProject {
        self.attempt(|s| {
            let path = s.path(at);
            files::create_parent(&path)?;
            if path.is_symlink() {
                fs::remove_file(&path).map_err(Error::io("remove", &path))?;
            }
            platform::link(Path::new(&s.fill(to)), &path).map_err(Error::io("link", &path))
        })
    }

    /// Copies the checkout to another place below the case's directory and continues there.
    pub fn elsewhere_at(&mut self, place: &str) -> &mut TestProject {
        self.attempt(|s| {
            let to = s.root.join(place);
            files::create_parent(&to)?;
            child::succeed(Command::new("cp").arg("-r").arg(&s.here).arg(&to))?;
            s.places.push(to.clone());
            s.here = to;
            Ok(())
        })
    }

    /// Continues in another directory below the case's directory, which is there.
    pub fn elsewhere_in(&mut self, place: &str) -> &mut TestProject {
        self.attempt(|s| {
            s.here = s.root.join(place);
            s.places.push(s.here.clone());
            Ok(())
        })
    }

    // What is compiled.

    /// Adds a command that the cache wraps like rustc.
    pub fn rust(&mut self, line: &str) -> &mut TestProject {
        self.unit(ToolFamily::Rust, line)
    }

    /// Adds a command that the cache wraps like a C compiler.
    pub fn c(&mut self, line: &str) -> &mut TestProject {
        self.need(line.split(' ').next().unwrap_or(line)).unit(ToolFamily::C, line)
    }

    /// Adds a command that links.
    pub fn links(&mut self, line: &str) -> &mut TestProject {
        self.unit(ToolFamily::Link, line)
    }

    /// Compiles `a.c` to `out/a.o`.
    pub fn gcc(&mut self, more: &str) -> &mut TestProject {
        self.c(&format!("gcc -c a.c -o out/a.o {more}"))
    }

    /// Compiles `a.c` to `out/a.o` by absolute paths, as CMake does.
    pub fn gcc_absolute(&mut self, more: &str) -> &mut TestProject {
        self.c(&format!("gcc -c {{w}}/a.c -o {{w}}/out/a.o {more}"))
    }

    pub fn clang(&mut self, more: &str) -> &mut TestProject {
        self.c(&format!("clang-19 -c a.c -o out/a.o {more}"))
    }

    pub fn cargo(&mut self, arguments: &str) -> &mut TestProject {
        self.unit(ToolFamily::Cargo, &format!("cargo {arguments}"))
    }

    /// Adds a script of the shell to the commands.
    pub fn then(&mut self, script: &str) -> &mut TestProject {
        let words = ["sh", "-c", script].map(String::from).into();
        self.units.push(BuildCommand { family: ToolFamily::Shell, words });
        self
    }

    fn unit(&mut self, family: ToolFamily, line: &str) -> &mut TestProject {
        let words = split(line);
        self.attempt(|s| {
            s.units.push(BuildCommand { family, words: words? });
            Ok(())
        })
    }

    /// Compiles `l.rs` to `out/libl.rlib`, as cargo would.
    pub fn rust_lib(&mut self, more: &str) -> &mut TestProject {
        self.rust_lib_by("rustc", more)
    }

    /// The same with another compiler.
    pub fn rust_lib_by(&mut self, compiler: &str, more: &str) -> &mut TestProject {
        self.rust(&format!(
            "{compiler} --crate-name l --edition=2021 l.rs --crate-type lib --emit=dep-info,metadata,link \
             -C metadata=1f --out-dir out -Cembed-bitcode=no {more}"
        ))
    }

    /// The same by absolute paths.
    pub fn rust_lib_absolute(&mut self, more: &str) -> &mut TestProject {
        self.rust(&format!(
            "rustc --crate-name l --edition=2021 {{w}}/l.rs --crate-type lib \
             --emit=dep-info,metadata,link --out-dir {{w}}/out {more}"
        ))
    }

    /// Compiles `user.rs` to `out/user`, as cargo would.
    pub fn rust_bin(&mut self, more: &str) -> &mut TestProject {
        self.rust(&format!(
            "rustc --crate-name user --edition=2021 user.rs --crate-type bin --emit=dep-info,link \
             -C metadata=2f --out-dir out {more}"
        ))
    }

    /// Removes all commands; later ones replace them.
    pub fn instead(&mut self) -> &mut TestProject {
        self.units.clear();
        self
    }

    pub fn env(&mut self, name: &str, value: &str) -> &mut TestProject {
        self.variables.insert(name.into(), Some(value.into()));
        self
    }

    pub fn without(&mut self, name: &str) -> &mut TestProject {
        self.variables.insert(name.into(), None);
        self
    }

    /// Puts directories before the others of `PATH`.
    pub fn path_first(&mut self, directories: &str) -> &mut TestProject {
        let path = self.base.get("PATH").unwrap_or_default();
        self.env("PATH", &format!("{directories}:{}", path.to_string_lossy()))
    }

    /// Sets the umask of the build.
    pub fn umask(&mut self, mask: &'static str) -> &mut TestProject {
        self.before = Some(format!("umask {mask}; exec"));
        self
    }

    /// Has the shell begin each command with these words.
    pub fn under(&mut self, words: &str) -> &mut TestProject {
        self.before = Some(words.into());
        self
    }

    /// Opens a file as descriptor 3 of each command.
    pub fn opened(&mut self, name: &str) -> &mut TestProject {
        self.before = Some(format!("exec 3<{name}; exec"));
        self
    }

    /// Restricts the build to one processor.
    pub fn on_one_processor(&mut self) -> &mut TestProject {
        self.before = Some("exec taskset -c 0".into());
        self.need("taskset")
    }

    /// Runs a function in a thread during the first build.
    pub fn meanwhile(&mut self, what: fn(&Path)) -> &mut TestProject {
        self.meanwhile = Some(what);
        self
    }

    /// Keeps a directory between the cache's builds.
    pub fn keeps(&mut self, name: &str) -> &mut TestProject {
        self.state = Some(self.path(name));
        self
    }

    // Probes.

    pub fn probe(&mut self, probe: Probe) -> &mut TestProject {
        self.probes.push(probe);
        self
    }

    pub fn prints(&mut self, program: &'static str) -> &mut TestProject {
        self.probe(Probe::Prints(program))
    }

    pub fn says(&mut self, file: &'static str) -> &mut TestProject {
        self.probe(Probe::Says(file))
    }

    // Immediate actions without a cache.

    /// Runs a command in the checkout with the plain compiler.
    pub fn plainly(&mut self, line: &str) -> &mut TestProject {
        self.attempt(|s| s.run_plainly(split(line)?))
    }

    /// Runs a script of the shell in the checkout with the plain compiler.
    pub fn shell(&mut self, script: &str) -> &mut TestProject {
        self.attempt(|s| s.run_plainly(["sh", "-c", script].map(String::from).into()))
    }

    fn run_plainly(&self, words: Vec<String>) -> Result<()> {
        let words: Vec<_> = words.iter().map(|word| self.fill(word)).collect();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(&self.here).env_clear().envs(self.environment(&self.base));
        child::succeed(&mut command).map(drop)
    }

    /// Skips the case unless a program is installed.
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

    /// Skips the case where system calls have other numbers, and machine code is another.
    pub fn on_x86(&mut self) -> &mut TestProject {
        if cfg!(target_arch = "x86_64") {
            self
        } else {
            self.skip("the system calls and the code are x86-64's")
        }
    }

    /// Skips the case, with the reason.
    pub fn skip(&mut self, why: &str) -> &mut TestProject {
        self.skipped.get_or_insert_with(|| why.into());
        self
    }

    /// A macro `m!()` that expands to the literal `SAID=<…>` with the value of `body`, an expression; and a
    /// library that uses it.
    pub fn proc_macro(&mut self, body: &str) -> &mut TestProject {
        self.macro_crate(body).uses_macro()
    }

    /// A macro that pastes what a program prints; `command` is the rest of an expression that begins with
    /// `Command::`.
    pub fn program_macro(&mut self, command: &str) -> &mut TestProject {
        self.proc_macro(&format!(
            "String::from_utf8(std::process::Command::{command}.output().unwrap().stdout).unwrap()"
        ))
    }

    /// A library that uses the macro of the library `libm.so`.
    pub fn uses_macro(&mut self) -> &mut TestProject {
        self.write("l.rs", "pub static SAID: &str = m::m!();\n")
            .rust_lib("--extern m=libm.so")
            .says("out/libl.rlib")
    }

    /// Only the macro, compiled without a cache.
    pub fn macro_crate(&mut self, body: &str) -> &mut TestProject {
        let source = format!(
            "extern crate proc_macro;\nuse proc_macro::TokenStream;\n#[proc_macro]\n\
             pub fn m(_: TokenStream) -> TokenStream {{\n    let said: String = {{ {body} }};\n    \
             format!(\"{{:?}}\", format!(\"SAID=<{{}}>\", said.trim())).parse().unwrap()\n}}\n"
        );
        self.write("m.rs", &source).plainly("rustc --crate-type=proc-macro --edition=2021 m.rs")
    }

    // For the trial.

    /// The build's variables added to `base`.
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

    /// The part of the caller's environment that the build sees.
    pub fn base(&self) -> Environment {
        self.base.clone()
    }

    /// A command that runs a program with the requested umask, descriptor or processor.
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

    /// Removes the outputs.
    pub fn clean(&self) -> Result<()> {
        for name in OUTPUTS {
            let path = self.path(name);
            if path.exists() {
                fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
            }
        }
        files::create_dir(&self.path("out"))
    }

    /// Sets all files' times to one hour ago.
    pub fn age(&self) -> Result<()> {
        age(&self.root).map_err(Error::io("set times below", &self.root))
    }
}

/// Splits a command line as a shell does.
fn split(line: &str) -> Result<Vec<String>> {
    shlex::split(line).ok_or_else(|| Error::run("a quote of the command has no end").at(line))
}

/// Sets the times of all files to one hour ago: caches trust recently written files less and would pass the case for
/// that reason.
pub fn age(dir: &Path) -> std::io::Result<()> {
    let time = SystemTime::now() - Duration::from_secs(3600);
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            age(&entry.path())?;
        } else if kind.is_file() && entry.metadata()?.modified()? > time {
            fs::File::open(entry.path())?.set_modified(time)?;
        }
    }
    Ok(())
}
