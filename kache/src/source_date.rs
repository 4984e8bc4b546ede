//! The date that compilers are given for `__DATE__` and `__TIME__`, where the setting `source_date_epoch` asks for it.
//!
//! The date is handed on in the variable SOURCE_DATE_EPOCH, which compilers, and many build scripts, read. A command that reads the
//! variable depends on its value like on that of any other variable, so the date is a part of its key.

use kache_core::paths;
use kache_core::platform;
use kache_core::settings::{Settings, SourceDate};
use kache_core::store::{Area, Store};
use kache_core::{digest::Digest, observe::launch};
use kache_frontends::origin;
use std::path::Path;
use std::process::{Command, Stdio};

const VARIABLE: &str = "SOURCE_DATE_EPOCH";

/// The date for sources that are in no checkout, such as packages of a registry: 1 January 1980. It does not change with the
/// commits of the project that uses them.
const OUTSIDE: u64 = 315_532_800;

/// Sets the variable in this process, unless the build has set it.
pub fn hand_on(settings: &Settings, store: &Store, cwd: &Path) {
    let Some(wanted) = settings.source_date_epoch else { return };
    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    let date = match wanted {
        SourceDate::Fixed(date) => Some(date),
        SourceDate::Commit => match paths::checkout(cwd) {
            Some(checkout) => of_commit(store, &checkout),
            None => Some(OUTSIDE),
        },
    };
    if let Some(date) = date {
        platform::hand_on_variable(VARIABLE, &date.to_string());
    }
}

/// The time of a checkout's last commit. A build asks git once, and has one date throughout.
fn of_commit(store: &Store, checkout: &Path) -> Option<u64> {
    let origin = origin::of_this_process(Some(store));
    if origin.command.is_empty() {
        return ask_git(checkout);
    }
    let place = Digest::of(checkout.as_os_str().as_encoded_bytes()).hex();
    let file = store.area(Area::Builds).join(format!("{}.commit-{}", origin.build, &place[..16]));
    let known = platform::read_small(&file).and_then(|text| number(&text));
    known.or_else(|| {
        let date = ask_git(checkout)?;
        // Without the file, each invocation asks again.
        let _ = store.publish(&file, format!("{date}\n").as_bytes());
        Some(date)
    })
}

fn ask_git(checkout: &Path) -> Option<u64> {
    let mut git = Command::new("git");
    git.args(["log", "-1", "--format=%ct"]).current_dir(checkout).stdin(Stdio::null()).stderr(Stdio::null());
    for name in ["GIT_DIR", "GIT_WORK_TREE", launch::PRELOAD_VARIABLE] {
        git.env_remove(name);
    }
    let output = git.output().ok().filter(|output| output.status.success())?;
    number(&output.stdout)
}

/// The number on a line. A torn line is none.
fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.strip_suffix('\n')?.parse().ok()
}
