//! A parallel build of C and Rust units under `make -j` with one cache.

use super::harness::{Engine, Files, clean, contents, difference, must_succeed, torn, wrong};
use crate::error::{Error, Result};
use crate::system::files;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The project and the outputs of the plain compilers.
#[derive(Clone, Debug)]
pub struct Build {
    pub dir: PathBuf,
    pub units: usize,
    wanted: Files,
}

const RULES: &str = "out/%.o: %.c shared.h\n\t$(WRAP) gcc -O1 -g -c $< -o $@\n\
    out/lib%.rlib: %.rs\n\t$(WRAP) rustc --crate-name $* --crate-type lib --edition 2021 $< --emit=dep-info,link --out-dir out\n";

impl Build {
    /// Creates the project and builds it without a cache.
    pub fn set_up(dir: PathBuf, objects: usize, crates: usize) -> Result<Build> {
        let write = |name: &str, text: &str| files::write(&dir.join(name), text);
        fs::create_dir_all(dir.join(".git")).map_err(Error::io("create", &dir))?;
        write("shared.h", "struct s { int x[4]; };\n")?;
        let mut makefile = String::from("all:");
        for n in 0..objects {
            let body = format!("int f{n}(struct s *s) {{ return s->x[{n} % 4] + {n}; }}\n");
            write(&format!("c{n}.c"), &format!("#include \"shared.h\"\n{body}"))?;
            let _ = write!(makefile, " out/c{n}.o");
        }
        for n in 0..crates {
            let body = format!("format!(\"{{x}}{n}\")");
            write(&format!("r{n}.rs"), &format!("pub fn f{n}(x: &str) -> String {{ {body} }}\n"))?;
            let _ = write!(makefile, " out/libr{n}.rlib");
        }
        write("Makefile", &format!("{makefile}\n{RULES}"))?;
        let mut build = Build { dir, units: objects + crates, wanted: Files::new() };
        build.clear()?;
        must_succeed(&mut build.make(None, 2), "make without kache")
            .map_err(|e| e.at(build.dir.display()))?;
        build.wanted = contents(&build.out());
        Ok(build)
    }

    pub fn out(&self) -> PathBuf {
        self.dir.join("out")
    }

    pub fn clear(&self) -> Result<()> {
        drop(fs::remove_dir_all(self.out()));
        fs::create_dir_all(self.out()).map_err(Error::io("create", &self.out()))
    }

    /// `make` that continues after failures.
    pub fn make(&self, engine: Option<&Engine>, jobs: usize) -> Command {
        let mut command = Command::new("make");
        match engine {
            Some(engine) => {
                // Only the environment; the program is make.
                let kache = engine.command(&self.dir);
                command.env_clear();
                command.envs(kache.get_envs().filter_map(|(name, value)| Some((name, value?))));
                command.arg(format!("WRAP={}", engine.program.display()));
            }
            None => _ = clean(&mut command),
        }
        command.current_dir(&self.dir).arg("-k").arg(format!("-j{jobs}"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Builds what is missing and requires the right outputs.
    pub fn must(&self, engine: &Engine, context: &str) -> Result<()> {
        must_succeed(&mut self.make(Some(engine), 4), context).map_err(|e| e.at(self.dir.display()))?;
        self.judge(context)
    }

    /// Requires all outputs. Files that a killed rustc left next to them are ignored.
    pub fn judge(&self, context: &str) -> Result<()> {
        let mut have = contents(&self.out());
        have.retain(|name, _| self.wanted.contains_key(name));
        match difference(&have, &self.wanted) {
            Some(what) => Err(wrong(context, &what).at(self.dir.display())),
            None => Ok(()),
        }
    }

    /// Requires that every existing output is complete.
    pub fn must_not_be_torn(&self, context: &str) -> Result<()> {
        match torn(&contents(&self.out()), &self.wanted) {
            Some(what) => Err(wrong(context, &what).at(self.dir.display())),
            None => Ok(()),
        }
    }
}

/// Processes that execute `program`.
pub fn running(program: &Path) -> Vec<i32> {
    of_proc(|dir| fs::read_link(dir.join("exe")).is_ok_and(|exe| exe == program))
}

/// Waits until no process has its working directory in or below a directory.
pub fn quiet(dir: &Path, context: &str) -> Result<()> {
    let begun = Instant::now();
    let works_there = |proc: &Path| fs::read_link(proc.join("cwd")).is_ok_and(|cwd| cwd.starts_with(dir));
    while !of_proc(works_there).is_empty() {
        if begun.elapsed() > Duration::from_secs(30) {
            return Err(wrong(context, "processes are left, half a minute after").at(dir.display()));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn of_proc(is_it: impl Fn(&Path) -> bool) -> Vec<i32> {
    let own = std::process::id() as i32;
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok());
    ids.filter(|id| *id != own && is_it(Path::new(&format!("/proc/{id}")))).collect()
}

/// Sends a signal, to a process group if the number is negative.
pub fn signal(id: i32, signal: i32) {
    // SAFETY: two integers; a process that no longer exists is an error return, which is ignored on purpose.
    unsafe { libc::kill(id, signal) };
}
