//! `kache run -- COMMAND`: runs a command with kache in front of every compiler that it starts, at whatever depth.

use super::output::{Answer, CliError};
use crate::summary;
use clap::Args;
use kache_core::observe::launch;
use kache_core::observe::log::{Front, Log, Purpose};
use kache_core::settings::Settings;
use kache_core::store::{Area, Store};
use kache_core::{platform, printable};
use kache_frontends::{origin, recognise};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::process::{self, Command, ExitStatus};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kache run -- make -j8                  cache the compiles of a makefile, without CC=
  kache run -- ./configure               and those of a configure script
  kache run -- cmake --build build

The command runs as without kache. Only the compilers that it starts (cc, c++, gcc, g++, clang, clang++, rustc, also with a
target or a version in the name) are answered from the cache. `kache report` shows what came of it.")]
pub struct Options {
    /// The command and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    let (program, arguments) = options.command.split_first().expect("clap asks for a command");
    let mut command = Command::new(program);
    command.args(arguments);
    // The log must outlive the command: its processes open it by this process.
    let _log = match front(&mut command) {
        Ok(log) => log,
        Err(e) => {
            eprintln!("kache: warning: running the command without kache: {e}");
            None
        }
    };
    let summary = Summary::before();
    platform::wait_for_children();
    platform::end_child_with_parent(&mut command);
    let status = command.spawn().and_then(|mut child| {
        platform::leave_interrupts_to_children();
        child.wait()
    });
    if let Some(summary) = summary {
        summary.print();
    }
    end(status, program)
}

/// The line about the build that this command is, where the settings ask for it.
struct Summary {
    cache: PathBuf,
    since_us: u64,
}

impl Summary {
    /// `None` below another build tool: its end is the end of the build.
    fn before() -> Option<Summary> {
        let settings = Settings::load(&std::env::current_dir().ok()?);
        if !settings.summary || settings.disable || !origin::of_this_process(None).command.is_empty() {
            return None;
        }
        Some(Summary { cache: settings.cache_dir?, since_us: (platform::now_ns() / 1000) as u64 })
    }

    fn print(&self) {
        if let Some(this) = platform::process(process::id()) {
            summary::print(&self.cache, &this.name(), self.since_us);
        }
    }
}

/// Has compilers that the command starts get kache in front of them. `None` where kache is off.
fn front(command: &mut Command) -> io::Result<Option<Log>> {
    let settings = Settings::load(&std::env::current_dir()?);
    if settings.disable {
        return Ok(None);
    }
    let cache = settings
        .cache_dir
        .ok_or_else(|| io::Error::other("there is no cache directory: set KACHE_CACHE_DIR"))?;
    let store = Store::open(&cache)?;
    let object = launch::unpack(&store.area(Area::Observer))?;
    let front = Front { kache: std::env::current_exe()?, compilers: recognise::FRONTED };
    let purpose = Purpose { is_quiet: true, front: Some(&front), ..Purpose::default() };
    let log = Log::create(&purpose)?;
    let base = std::env::var_os(launch::PRELOAD_VARIABLE);
    command.envs(launch::environment(&log, &object, base.as_deref()));
    Ok(Some(log))
}

/// Ends as the command did, also where a signal ended it.
fn end(status: io::Result<ExitStatus>, program: &OsStr) -> ! {
    match status {
        Ok(status) => platform::die_like(status),
        Err(e) => {
            eprintln!("kache: cannot run {}: {e}", printable::sanitize(&program.display().to_string()));
            process::exit(if e.kind() == io::ErrorKind::NotFound { 127 } else { 126 })
        }
    }
}
