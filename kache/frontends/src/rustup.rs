//! Finding the compiler that a rustup proxy would start, without starting the proxy.
//!
//! The order is rustup's own (the rustup book, "Overrides"): `+toolchain`, `RUSTUP_TOOLCHAIN`, then, from the working
//! directory upward, a directory override or a `rust-toolchain(.toml)`, whichever is nearer, then the default.
//! Every other case (a toolchain that is not installed, a custom path) is left to the proxy.

use kache_core::paths::absolute;
use kache_core::platform;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A compiler, and the variables that are set for it.
#[derive(Debug, PartialEq, Eq)]
pub struct Resolved {
    pub program: PathBuf,
    pub env: Vec<(&'static str, OsString)>,
}

/// How the toolchain was chosen, in rustup's words.
#[derive(Debug, PartialEq, Eq)]
struct Choice {
    toolchain: String,
    source: &'static str,
}

/// rustup takes more proxies than these, each started by the one before, for an endless chain.
const MOST_PROXIES: u32 = 20;

/// The compiler that `program` starts, if `program` is a rustup proxy; `None` for a proxy that cannot be resolved here. A
/// program that is not a proxy is returned unchanged, but takes no `+toolchain`.
pub fn resolve(program: &Path, plus: Option<&str>, cwd: &Path) -> Option<Resolved> {
    let itself = || plus.is_none().then(|| Resolved { program: program.to_path_buf(), env: Vec::new() });
    let Some(dir) = program.parent() else { return itself() };
    let id = |p: &Path| platform::file_type(p).ok().flatten().map(|(_, id)| (id.dev, id.ino));
    let Some(rustup) = id(&platform::as_program(dir.join("rustup"))) else { return itself() };
    if id(program) != Some(rustup) {
        return itself();
    }
    let home = home(cwd)?;
    let choice = choose(&home, plus, cwd)?;
    let (name, dir) = toolchain_dir(&home, &choice.toolchain)?;
    let program = dir.join("bin").join(program.file_name()?);
    let choice = Choice { toolchain: name, ..choice };
    let env = environment(&home, &choice, &dir, cwd)?;
    program.is_file().then_some(Resolved { program, env })
}

/// The variables that rustup's proxy (1.29) sets for the program that it becomes.
fn environment(
    home: &Path,
    choice: &Choice,
    toolchain: &Path,
    cwd: &Path,
) -> Option<Vec<(&'static str, OsString)>> {
    let depth = variable("RUST_RECURSION_COUNT").and_then(|text| text.to_str()?.parse().ok()).unwrap_or(0);
    if depth >= MOST_PROXIES {
        return None;
    }
    let cargo = variable("CARGO_HOME")
        .map_or_else(|| Some(platform::home()?.join(".cargo")), |v| Some(absolute(cwd, Path::new(&v))))?;
    let mut env = vec![
        ("RUSTUP_HOME", OsString::from(home)),
        ("RUSTUP_TOOLCHAIN", OsString::from(&choice.toolchain)),
        ("RUSTUP_TOOLCHAIN_SOURCE", OsString::from(choice.source)),
        ("RUST_RECURSION_COUNT", OsString::from((depth + 1).to_string())),
        ("PATH", in_front("PATH", cargo.join("bin"))?),
        ("CARGO_HOME", cargo.into_os_string()),
    ];
    if let Some(name) = platform::LIBRARY_PATH {
        env.push((name, in_front(name, toolchain.join("lib"))?));
    }
    Some(env)
}

/// The value of a list of directories with one more in front, unless it has that directory.
fn in_front(name: &str, dir: PathBuf) -> Option<OsString> {
    let given = variable(name);
    let dirs: Vec<PathBuf> = given.iter().flat_map(std::env::split_paths).collect();
    if dirs.contains(&dir) {
        return given;
    }
    std::env::join_paths([dir].into_iter().chain(dirs)).ok()
}

/// A variable that is not empty.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn home(cwd: &Path) -> Option<PathBuf> {
    match variable("RUSTUP_HOME") {
        Some(home) => Some(absolute(cwd, Path::new(&home))),
        None => Some(platform::home()?.join(".rustup")),
    }
}

fn settings(home: &Path) -> toml::Table {
    let text = std::fs::read_to_string(home.join("settings.toml")).unwrap_or_default();
    text.parse().unwrap_or_default()
}

fn choose(home: &Path, plus: Option<&str>, cwd: &Path) -> Option<Choice> {
    let choice = |toolchain: &str, source| Some(Choice { toolchain: toolchain.to_string(), source });
    if let Some(name) = plus {
        return choice(name, "cli");
    }
    if let Some(name) = variable("RUSTUP_TOOLCHAIN") {
        return choice(name.to_str()?, "env");
    }
    let settings = settings(home);
    let overrides = settings.get("overrides").and_then(|o| o.as_table());
    for dir in cwd.ancestors() {
        if let Some(name) = overrides.and_then(|o| o.get(dir.to_str()?)?.as_str()) {
            return choice(name, "path-override");
        }
        for file in ["rust-toolchain", "rust-toolchain.toml"] {
            if let Ok(text) = std::fs::read_to_string(dir.join(file)) {
                return choice(&from_file(&text)?, "toolchain-file");
            }
        }
    }
    choice(settings.get("default_toolchain")?.as_str()?, "default")
}

/// Only a file that names a channel, and requires nothing that may be missing, can be resolved here.
fn from_file(text: &str) -> Option<String> {
    let line = text.trim();
    if !line.contains(['\n', '[', '=']) && !line.is_empty() {
        return Some(line.to_string());
    }
    let table: toml::Table = text.parse().ok()?;
    let toolchain = table.get("toolchain")?.as_table()?;
    if toolchain.keys().any(|k| k == "path") {
        return None;
    }
    Some(toolchain.get("channel")?.as_str()?.to_string())
}

/// The full name and the directory of a toolchain.
fn toolchain_dir(home: &Path, name: &str) -> Option<(String, PathBuf)> {
    if name.contains('/') {
        return Some((name.to_string(), PathBuf::from(name)));
    }
    let all = home.join("toolchains");
    let exact = all.join(name);
    if exact.is_dir() {
        return Some((name.to_string(), exact));
    }
    let settings = settings(home);
    let host = settings.get("default_host_triple").and_then(|h| h.as_str()).unwrap_or(HOST);
    let name = format!("{name}-{host}");
    let full = all.join(&name);
    full.is_dir().then_some((name, full))
}

/// rustup's default host.
const HOST: &str = env!("KACHE_HOST_TRIPLE");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toolchain_files_in_both_forms() {
        assert_eq!(from_file("nightly-2026-01-01\n"), Some("nightly-2026-01-01".into()));
        assert_eq!(from_file("[toolchain]\nchannel = \"1.95\"\n"), Some("1.95".into()));
        assert_eq!(from_file("[toolchain]\npath = \"/x\"\n"), None);
        assert_eq!(from_file(""), None);
    }

    #[test]
    fn a_program_that_is_no_proxy_is_itself() {
        let dir = tempfile::tempdir().unwrap();
        let p = dir.path().join("rustc");
        std::fs::write(&p, "x").unwrap();
        let itself = Some(Resolved { program: p.clone(), env: Vec::new() });
        assert_eq!(resolve(&p, None, dir.path()), itself);
        assert_eq!(resolve(&p, Some("nightly"), dir.path()), None);
        std::fs::write(dir.path().join("rustup"), "y").unwrap();
        assert_eq!(resolve(&p, None, dir.path()), itself);
    }

    #[test]
    fn a_compiler_gets_the_variables_that_its_proxy_would_set() {
        let dir = tempfile::tempdir().unwrap();
        let name = format!("x-{HOST}");
        let toolchain = dir.path().join("toolchains").join(&name);
        std::fs::create_dir_all(&toolchain).unwrap();
        assert_eq!(toolchain_dir(dir.path(), "x"), Some((name.clone(), toolchain.clone())));
        assert_eq!(toolchain_dir(dir.path(), &name), Some((name.clone(), toolchain.clone())));
        let choice = Choice { toolchain: name.clone(), source: "cli" };
        let env = environment(dir.path(), &choice, &toolchain, dir.path()).unwrap();
        let value = |wanted: &str| env.iter().find(|(n, _)| *n == wanted).map(|(_, v)| v.clone()).unwrap();
        assert_eq!(value("RUSTUP_TOOLCHAIN"), *name);
        assert_eq!(value("RUSTUP_TOOLCHAIN_SOURCE"), "cli");
        assert_eq!(value("RUSTUP_HOME"), dir.path());
        let cargo = PathBuf::from(value("CARGO_HOME"));
        assert!(std::env::split_paths(&value("PATH")).any(|dir| dir == cargo.join("bin")));
        for (variable, _) in env.iter().filter(|(name, _)| Some(*name) == platform::LIBRARY_PATH) {
            let first = std::env::split_paths(&value(variable)).next();
            assert_eq!(first, Some(toolchain.join("lib")));
        }
    }

    #[test]
    fn the_proxy_here_leads_to_a_real_toolchain() {
        let Some(cargo) = std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".cargo/bin/rustc")) else {
            return;
        };
        if !cargo.is_file() {
            eprintln!("skipped: no rustup here");
            return;
        }
        let real = resolve(&cargo, Some("stable"), Path::new("/")).unwrap().program;
        assert!(real.parent().unwrap().parent().unwrap().join("lib").is_dir(), "{real:?}");
    }
}
