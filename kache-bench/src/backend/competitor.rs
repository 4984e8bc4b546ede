//! Shared parts of the adapters of other caches: a program in their directory that answers queries.

use crate::error::{Error, Result};
use crate::system::child;
use crate::system::environment::Environment;
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Maximum length of a Unix socket's path.
const SOCKET_PATH: usize = 107;

#[derive(Clone, Debug)]
pub(super) struct Program(PathBuf);

impl Program {
    /// The program at `file`, which must report its version.
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

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The version in the first line of `--version`.
    pub(super) fn version(&self) -> Result<String> {
        let description = self.ask(&["--version"], &Environment::of_caller())?;
        let version =
            description.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        version.map(str::to_owned).ok_or_else(|| self.failed(&["--version"], "it does not report a version"))
    }

    pub(super) fn ask(&self, arguments: &[&str], environment: &Environment) -> Result<String> {
        let output = child::succeed(&mut self.command(arguments, environment))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The answer of a command that prints JSON.
    pub(super) fn ask_json(&self, arguments: &[&str], environment: &Environment) -> Result<Value> {
        let answer = self.ask(arguments, environment)?;
        serde_json::from_str(&answer).map_err(|e| self.failed(arguments, &format!("it prints no JSON: {e}")))
    }

    /// Runs a command. Its output is discarded: a process that it leaves running would keep a pipe open.
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

/// A socket path in `cache`, unless it is too long.
pub(super) fn socket(cache: &Path, name: &str) -> Result<PathBuf> {
    let socket = cache.join(name);
    if socket.as_os_str().len() > SOCKET_PATH {
        return Err(Error::input(format!("a socket's path may have at most {SOCKET_PATH} bytes"))
            .at(socket.display())
            .remedy("use --dir with a shorter path"));
    }
    Ok(socket)
}
