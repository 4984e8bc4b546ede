//! The origin of an invocation: the build that it belongs to.
//!
//! A build is what a person started. Its process is the outermost build tool above this process. Ninja, Automake and libtool
//! have a shell of its own for each object, so the parent process alone does not tell. Where no tool is above this process (a
//! script or a person calls the compiler), the parent process is the build.
//!
//! The search ends
//!
//! - at an interactive shell and at the first process of a session: what is above them started more than one build;
//! - at a program that cargo runs (`cargo test`, `cargo run`), unless it is a build script: what such a program builds is its own.
//!
//! The first invocation below a tool leaves the answer in the store, where the others below the tool find it.

use kache_core::origin::Origin;
use kache_core::platform::{self, Process};
use kache_core::store::{Area, Store};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Programs that start builds.
const TOOLS: &[&str] = &[
    "b2",
    "bmake",
    "cargo",
    "cargo-clippy",
    "cmake",
    "gmake",
    "jom",
    "make",
    "meson",
    "mingw32-make",
    "n2",
    "ninja",
    "ninja-build",
    "nmake",
    "samu",
    "scons",
    "tup",
    "waf",
    "xmake",
];
/// Shells, which give each command of a person a process group of its own.
const SHELLS: &[&str] = &[
    "ash", "bash", "busybox", "csh", "dash", "elvish", "fish", "ksh", "mksh", "nu", "pwsh", "sh", "tcsh",
    "zsh",
];
/// Programs that cargo starts to build something. Any other program is one that cargo was asked to run.
const PARTS_OF_CARGO: &[&str] = &["clippy-driver", "kache", "rustc", "rustdoc"];
/// The number of processes to look at. Each level of a recursive make has two.
const LEVELS: usize = 64;
/// The length of a command for people.
const SHOWN: usize = 160;

/// The origin of this process. The search takes place once.
pub fn of_this_process(store: Option<&Store>) -> &'static Origin {
    static ORIGIN: OnceLock<Origin> = OnceLock::new();
    let parent = || Origin { build: platform::parent(), ..Origin::default() };
    ORIGIN.get_or_init(|| search(store).unwrap_or_else(parent))
}

fn search(store: Option<&Store>) -> Option<Origin> {
    let parent = platform::parent_process()?;
    let file = |tool: &Process| Some(store?.area(Area::Builds).join(tool.name()));
    let known = |tool: &Process| Origin::decode(&platform::read_small(&file(tool)?)?);
    let (nearest, outermost) = match above(parent, platform::group(), platform::process, known) {
        Above::Known(origin) => return Some(origin),
        Above::Nothing => return None,
        Above::Tools { nearest, outermost } => (nearest, outermost),
    };
    let origin = of_tool(&outermost);
    if let (Some(store), Some(file)) = (store, file(&nearest)) {
        // Without the file, each invocation searches again.
        let _ = store.publish(&file, origin.encode().as_bytes());
    }
    Some(origin)
}

fn of_tool(tool: &Process) -> Origin {
    let (args, directory) = platform::command_of(tool.id).unwrap_or_default();
    Origin {
        build: tool.name(),
        command: shown(&args, &tool.program),
        directory: directory.to_string_lossy().replace('\n', " "),
    }
}

/// What is above a process.
#[derive(Debug, PartialEq, Eq)]
enum Above {
    /// The origin that an earlier search below the same tool left.
    Known(Origin),
    /// The first and the last tool on the way up.
    Tools {
        nearest: Process,
        outermost: Process,
    },
    Nothing,
}

/// Searches upward from `parent`, the parent of a process in the process group `group`.
fn above(
    parent: &Process,
    group: u32,
    look: impl Fn(u32) -> Option<Process>,
    known: impl Fn(&Process) -> Option<Origin>,
) -> Above {
    let mut tools: Option<(Process, Process)> = None;
    let mut at = parent.clone();
    // Of the process below `at`.
    let mut leads_group = group != at.group && group == std::process::id();
    let mut is_part_of_cargo = true;
    for _ in 0..LEVELS {
        let is_interactive = leads_group && SHELLS.contains(&&*at.program);
        if is_interactive || at.program == "cargo" && !is_part_of_cargo {
            break;
        }
        let may_be_tool = at.program == "kache" || TOOLS.contains(&&*at.program);
        if may_be_tool
            && tools.is_none()
            && let Some(origin) = known(&at)
        {
            return Above::Known(origin);
        }
        if may_be_tool && is_tool(&at) {
            tools = Some((tools.map_or_else(|| at.clone(), |(nearest, _)| nearest), at.clone()));
        }
        let leads_session = at.session == at.id;
        let Some(next) = look(at.parent).filter(|next| !leads_session && next.start <= at.start) else {
            break;
        };
        leads_group = at.group == at.id && next.group != at.group;
        is_part_of_cargo = at.program.starts_with("build-script-") || PARTS_OF_CARGO.contains(&&*at.program);
        at = next;
    }
    tools.map_or(Above::Nothing, |(nearest, outermost)| Above::Tools { nearest, outermost })
}

/// Whether a process with the name of a tool is one. The wrapper has the name of `kache run`, and starts no build.
fn is_tool(process: &Process) -> bool {
    let is_run = || {
        let (args, _) = platform::command_of(process.id).unwrap_or_default();
        args.get(1).is_some_and(|command| command == "run")
    };
    process.program != "kache" || is_run()
}

/// A command for people, on one line. The value of a variable among the words may be a secret.
fn shown(args: &[OsString], program: &str) -> String {
    let name = |word: &OsString| Path::new(word).file_stem().is_some_and(|name| name == program);
    // An interpreter is before its script.
    let start = args.iter().take(2).position(name).unwrap_or(0);
    let mut out = String::new();
    for (n, word) in args.iter().skip(start).enumerate() {
        let word = match n {
            0 => PathBuf::from(word).file_name().unwrap_or(word).to_string_lossy().into_owned(),
            _ => word.to_string_lossy().into_owned(),
        };
        let word = match word.split_once('=') {
            Some((name, value)) if may_be_secret(name) && !value.is_empty() => format!("{name}=…"),
            _ => word,
        };
        out += if n == 0 { "" } else { " " };
        out += &word.replace(char::is_control, " ");
    }
    match out.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &out[..end]),
        None => out,
    }
}

fn may_be_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "KEY"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
#[path = "origin/tests.rs"]
mod tests;
