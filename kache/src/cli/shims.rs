//! `kache shims`: a directory of compiler-named links to kache, for builds that take no wrapper.

use super::output::{Answer, CliError};
use super::page::Page;
use kache_core::platform;
use kache_frontends::shims;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache shims install           links in ~/.local/share/kache/shims; put that first on PATH
  kache shims install DIR --name gcc-12
  kache shims remove")]
pub struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Make the directory: a link for each C and C++ compiler on PATH
    Install {
        /// Where [default: ~/.local/share/kache/shims]
        dir: Option<PathBuf>,
        /// Names to make links for [default: cc, c++, and each gcc and clang on PATH, whatever its version and target]
        #[arg(long = "name")]
        names: Vec<String>,
    },
    /// Remove a directory that `install` made
    Remove {
        /// Which [default: ~/.local/share/kache/shims]
        dir: Option<PathBuf>,
    },
}

/// Does it.
pub fn run(options: &Options) -> Result<Answer, CliError> {
    match &options.what {
        What::Install { dir, names } => install(&place(dir.as_deref())?, names),
        What::Remove { dir } => remove(&place(dir.as_deref())?),
    }
}

/// The directory: the one that is named, or the user's.
pub fn place(asked: Option<&Path>) -> Result<PathBuf, CliError> {
    let absolute =
        |p: &Path| std::path::absolute(p).map_err(|e| CliError::failed(format!("{}: {e}", p.display())));
    if let Some(dir) = asked {
        return absolute(dir);
    }
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let data = data.or_else(|| Some(platform::home()?.join(".local/share")));
    let data = data
        .ok_or_else(|| CliError::usage("HOME is not set: name the directory, `kache shims install DIR`"))?;
    Ok(data.join("kache/shims"))
}

/// Makes the links.
pub fn install(dir: &Path, names: &[String]) -> Result<Answer, CliError> {
    let trouble =
        |what: &str, e: std::io::Error| CliError::failed(format!("cannot {what} {}: {e}", dir.display()));
    let kache =
        std::env::current_exe().and_then(fs::canonicalize).map_err(|e| trouble("find kache for", e))?;
    if let Some(odd) = names.iter().find(|n| n.is_empty() || n.contains('/') || n.starts_with('-')) {
        return Err(CliError::usage(format!(
            "`{odd}` is not a compiler's name: give a file name such as `gcc-12`"
        )));
    }
    // The name is how kache knows, when it is called by it, what it stands for.
    if let Some(odd) = names.iter().find(|n| !shims::is_compiler_name(n.as_ref())) {
        return Err(CliError::usage(format!(
            "`{odd}` is not the name of a known C compiler (cc, gcc, g++, clang or clang++, with an optional target prefix or version suffix)"
        )));
    }
    let others = fs::read_dir(dir).map(|mut d| d.next().is_some()).unwrap_or(false);
    if others && !dir.join(shims::MARK).exists() {
        return Err(CliError::usage(format!(
            "{} contains other files: name an empty or new directory",
            dir.display()
        )));
    }
    fs::create_dir_all(dir).map_err(|e| trouble("make", e))?;
    fs::write(dir.join(shims::MARK), "made by `kache shims install`\n")
        .map_err(|e| trouble("write to", e))?;
    let names: BTreeSet<OsString> =
        if names.is_empty() { on_path(dir) } else { names.iter().map(OsString::from).collect() };
    let mut page = Page::new();
    for name in &names {
        let link = dir.join(name);
        let _ = fs::remove_file(&link);
        platform::link(&kache, &link).map_err(|e| trouble("make a link in", e))?;
    }
    let list: Vec<_> = names.iter().map(|n| n.to_string_lossy()).collect();
    page.line(format!("{} links in {}: {}", names.len(), dir.display(), list.join(" ")));
    page.line(format!("put it first on PATH: export PATH={}:$PATH", dir.display()));
    Ok(Answer::page(page))
}

/// Removes a directory that `install` made.
pub fn remove(dir: &Path) -> Result<Answer, CliError> {
    if !dir.exists() {
        return Err(CliError::usage(format!("there is no directory {}: nothing to remove", dir.display())));
    }
    if !dir.join(shims::MARK).exists() {
        return Err(CliError::usage(format!("{} was not made by `kache shims install`", dir.display())));
    }
    fs::remove_dir_all(dir).map_err(|e| CliError::failed(format!("cannot remove {}: {e}", dir.display())))?;
    let mut page = Page::new();
    page.line(format!("removed {}", dir.display()));
    Ok(Answer::page(page))
}

/// The compilers that can be started by name now.
fn on_path(but: &Path) -> BTreeSet<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).filter(|dir| dir != but && !dir.join(shims::MARK).exists());
    let files = dirs.filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten();
    let compilers =
        files.filter(|f| shims::is_compiler_name(&f.file_name()) && platform::may_execute(&f.path()));
    compilers.map(|f| f.file_name()).collect()
}
