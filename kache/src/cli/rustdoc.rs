//! The link to kache that cargo runs in place of rustdoc (`kache init --rustdoc`).
//!
//! cargo has no wrapper for rustdoc, but its setting `build.rustdoc` names the program. kache knows by the name of the link
//! what it is to run, and finds rustdoc on `PATH`.

use super::output::{CliError, base_dirs, failed};
use etcetera::BaseStrategy;
use kache_core::platform;
use kache_frontends::shims;
use std::fs;
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item, Table, value};

const SETTING: &str = "rustdoc";

/// The link.
pub fn place() -> Result<PathBuf, CliError> {
    let dir = base_dirs("the environment variable RUSTDOC")?.data_dir().join("kache/rustdoc");
    Ok(dir.join(shims::RUSTDOC))
}

/// Makes the link.
pub fn link(link: &Path) -> Result<(), CliError> {
    let kache =
        std::env::current_exe().and_then(fs::canonicalize).map_err(failed("cannot find this program"))?;
    let dir = link.parent().unwrap_or(link);
    let made = fs::create_dir_all(dir)
        .and_then(|()| fs::write(dir.join(shims::MARK), "made by `kache init --rustdoc`\n"))
        .and_then(|()| match fs::remove_file(link) {
            Err(e) if !platform::is_absent(&e) => Err(e),
            _ => platform::link(&kache, link),
        });
    made.map_err(failed(format!("cannot make the link {}", link.display())))
}

/// Removes the link and its directory.
pub fn unlink(link: &Path) -> Result<(), CliError> {
    let dir = link.parent().unwrap_or(link);
    fs::remove_dir_all(dir).map_err(failed(format!("cannot remove {}", dir.display())))
}

/// Has cargo run the link.
pub fn put(doc: &mut DocumentMut, file: &Path, link: &Path) -> Result<(), CliError> {
    let set = doc.get("build").and_then(|build| build.get(SETTING)?.as_str()).map(str::to_string);
    if let Some(set) = set.filter(|set| Path::new(set) != link) {
        return Err(CliError::usage(format!(
            "{} has `rustdoc = \"{set}\"`: remove the line to use kache for documentation, then try again",
            file.display()
        )));
    }
    let text = link.to_str().ok_or_else(|| CliError::failed(format!("{} is not UTF-8", link.display())))?;
    let build = doc.entry("build").or_insert_with(|| Item::Table(Table::new()));
    if let Some(build) = build.as_table_like_mut() {
        build.insert(SETTING, value(text));
    }
    Ok(())
}

/// Undoes that, where it was done.
pub fn take(doc: &mut DocumentMut, link: &Path) {
    let Some(build) = doc.get_mut("build").and_then(Item::as_table_like_mut) else { return };
    if build.get(SETTING).and_then(Item::as_str).is_some_and(|set| Path::new(set) == link) {
        build.remove(SETTING);
    }
}
