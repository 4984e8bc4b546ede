//! What the adapters of peers have in common: a program in the peers' folder that is asked things.

use crate::error::{Error, Result};
use crate::system::environment::Environment;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Unix sockets' paths may be no longer than this.
const SOCKET_PATH: usize = 107;

/// A peer's program.
#[derive(Clone, Debug)]
pub(super) struct Program(PathBuf);

impl Program {
    /// The one at `file`, which says its version when asked.
    pub(super) fn at(file: PathBuf) -> Result<Program> {
        let file = file.canonicalize().map_err(|e| {
            Error::input(format!("it is not installed: {e}"))
                .at(file.display())
                .remedy("run scripts/peers.sh")
        })?;
        let program = Program(file);
        program.version()?;
        Ok(program)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The version in the first line that it answers `--version` with.
    pub(super) fn version(&self) -> Result<String> {
        let told = self.ask(&["--version"], &Environment::of_caller())?;
        let version = told.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        version.map(str::to_owned).ok_or_else(|| self.failed(&["--version"], "it names no version"))
    }

    /// What it prints.
    pub(super) fn ask(&self, arguments: &[&str], environment: &Environment) -> Result<String> {
        let output = self.command(arguments, environment).output().map_err(Error::io("run", &self.0))?;
        if !output.status.success() {
            return Err(self.failed(arguments, &String::from_utf8_lossy(&output.stderr)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Has it do something. Its output goes nowhere: what it leaves running would keep a pipe open.
    pub(super) fn tell(&self, arguments: &[&str], environment: &Environment) -> Result<()> {
        let mut command = self.command(arguments, environment);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        let status = status.map_err(Error::io("run", &self.0))?;
        if status.success() { Ok(()) } else { Err(self.failed(arguments, &status.to_string())) }
    }

    fn command(&self, arguments: &[&str], environment: &Environment) -> Command {
        let mut command = Command::new(&self.0);
        command.args(arguments).env_clear().envs(environment.iter()).stdin(Stdio::null());
        command
    }

    fn failed(&self, arguments: &[&str], why: &str) -> Error {
        let name = self.0.file_name().unwrap_or(OsStr::new("?")).to_string_lossy();
        Error::run(format!("`{name} {}` failed\n    {}", arguments.join(" "), why.trim()))
            .at(self.0.display())
    }
}

/// A socket's path in `cache`, if it is short enough for one.
pub(super) fn socket(cache: &Path, name: &str) -> Result<PathBuf> {
    let socket = cache.join(name);
    if socket.as_os_str().len() > SOCKET_PATH {
        return Err(Error::input(format!("a socket's path may have {SOCKET_PATH} bytes"))
            .at(socket.display())
            .remedy("use --dir with a shorter path"));
    }
    Ok(socket)
}
