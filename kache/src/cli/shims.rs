//! `kache shims`: a directory of links to kache that are named like compilers, for builds that accept no wrapper.

use super::output::{Answer, CliError, base_dirs, failed};
use super::page::count;
use etcetera::BaseStrategy;
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
    /// Create the directory, with a link for each C and C++ compiler on PATH
    Install {
        /// The directory [default: ~/.local/share/kache/shims]
        dir: Option<PathBuf>,
        /// Names of links [default: cc, c++, and each gcc and clang on PATH, of any version and target]
        #[arg(long = "name")]
        names: Vec<String>,
    },
    /// Remove a directory that `install` created
    Remove {
        /// The directory [default: ~/.local/share/kache/shims]
        dir: Option<PathBuf>,
    },
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    match &options.what {
        What::Install { dir, names } => install(&place(dir.as_deref())?, names),
        What::Remove { dir } => remove(&place(dir.as_deref())?),
    }
}

/// The directory that the command line names, or the user's.
pub fn place(asked: Option<&Path>) -> Result<PathBuf, CliError> {
    match asked {
        Some(dir) => std::path::absolute(dir).map_err(failed(dir.display())),
        None => Ok(base_dirs("`kache shims install DIR`")?.data_dir().join("kache/shims")),
    }
}

/// Creates the links.
pub fn install(dir: &Path, names: &[String]) -> Result<Answer, CliError> {
    let cannot = |what: &str| failed(format!("cannot {what} {}", dir.display()));
    let kache =
        std::env::current_exe().and_then(fs::canonicalize).map_err(failed("cannot find this program"))?;
    if let Some(odd) = names.iter().find(|n| n.is_empty() || n.contains('/') || n.starts_with('-')) {
        return Err(CliError::usage(format!(
            "`{odd}` is not a compiler's name: give a file name such as `gcc-12`"
        )));
    }
    // By the name of a link kache knows which compiler to run.
    if let Some(odd) = names.iter().find(|n| !shims::is_compiler_name(n.as_ref())) {
        return Err(CliError::usage(format!(
            "`{odd}` is not the name of a known C compiler (cc, gcc, g++, clang or clang++, with an optional target prefix or version suffix)"
        )));
    }
    let others = fs::read_dir(dir).map(|mut d| d.next().is_some()).unwrap_or(false);
    if others && !dir.join(shims::MARK).exists() {
        let dir = dir.display();
        return Err(CliError::usage(format!("{dir} contains other files: name an empty or new directory")));
    }
    fs::create_dir_all(dir).map_err(cannot("create"))?;
    fs::write(dir.join(shims::MARK), "made by `kache shims install`\n").map_err(cannot("write to"))?;
    let names: BTreeSet<OsString> =
        if names.is_empty() { on_path(dir) } else { names.iter().map(OsString::from).collect() };
    for name in &names {
        let link = dir.join(name);
        let _ = fs::remove_file(&link);
        platform::link(&kache, &link).map_err(cannot("create a link in"))?;
    }
    let list: Vec<_> = names.iter().map(|n| n.to_string_lossy()).collect();
    Ok(Answer::page(|page| {
        let links = count(names.len(), "link", "links");
        page.line(format!("{links} in {}: {}", dir.display(), list.join(" ")));
        page.line(format!("put it first on PATH: export PATH={}:$PATH", dir.display()));
    }))
}

/// Removes a directory that `install` created.
pub fn remove(dir: &Path) -> Result<Answer, CliError> {
    if !dir.exists() {
        return Err(CliError::usage(format!("there is no directory {}: nothing to remove", dir.display())));
    }
    if !dir.join(shims::MARK).exists() {
        return Err(CliError::usage(format!("{} was not made by `kache shims install`", dir.display())));
    }
    let dir_name = dir.display();
    fs::remove_dir_all(dir).map_err(failed(format!("cannot remove {dir_name}")))?;
    Ok(Answer::page(|page| page.line(format!("removed {dir_name}"))))
}

/// The compilers on PATH.
fn on_path(but: &Path) -> BTreeSet<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).filter(|dir| dir != but && !dir.join(shims::MARK).exists());
    let files = dirs.filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten();
    let compilers =
        files.filter(|f| shims::is_compiler_name(&f.file_name()) && platform::may_execute(&f.path()));
    compilers.map(|f| f.file_name()).collect()
}
