//! Finding the compiler that a rustup proxy would start, without starting the proxy.
//!
//! The order is rustup's own (the rustup book, "Overrides"): `+toolchain`, `RUSTUP_TOOLCHAIN`, then, from the working
//! directory upward, a directory override or a `rust-toolchain(.toml)`, whichever is nearer, then the default.
//! Every other case (a toolchain that is not installed, a custom path) is left to the proxy.

use kache_core::platform;
use std::path::{Path, PathBuf};

/// The compiler that `program` starts, if `program` is a rustup proxy; `None` for a proxy that cannot be resolved here. A
/// program that is not a proxy is returned unchanged.
pub fn resolve(program: &Path, plus: Option<&str>, cwd: &Path) -> Option<PathBuf> {
    let Some(dir) = program.parent() else { return Some(program.to_path_buf()) };
    let id = |p: &Path| platform::file_type(p).ok().flatten().map(|(_, id)| (id.dev, id.ino));
    let Some(rustup) = id(&platform::as_program(dir.join("rustup"))) else {
        return Some(program.to_path_buf());
    };
    if id(program) != Some(rustup) {
        return Some(program.to_path_buf());
    }
    let home = home()?;
    let name = toolchain(&home, plus, cwd)?;
    let real = toolchain_dir(&home, &name)?.join("bin").join(program.file_name()?);
    real.is_file().then_some(real)
}

fn home() -> Option<PathBuf> {
    std::env::var_os("RUSTUP_HOME").map(PathBuf::from).or_else(|| Some(platform::home()?.join(".rustup")))
}

fn settings(home: &Path) -> toml::Table {
    let text = std::fs::read_to_string(home.join("settings.toml")).unwrap_or_default();
    text.parse().unwrap_or_default()
}

fn toolchain(home: &Path, plus: Option<&str>, cwd: &Path) -> Option<String> {
    if let Some(name) = plus {
        return Some(name.to_string());
    }
    if let Ok(name) = std::env::var("RUSTUP_TOOLCHAIN") {
        return Some(name);
    }
    let settings = settings(home);
    let overrides = settings.get("overrides").and_then(|o| o.as_table());
    for dir in cwd.ancestors() {
        if let Some(name) = overrides.and_then(|o| o.get(dir.to_str()?)?.as_str()) {
            return Some(name.to_string());
        }
        for file in ["rust-toolchain", "rust-toolchain.toml"] {
            if let Ok(text) = std::fs::read_to_string(dir.join(file)) {
                return from_file(&text);
            }
        }
    }
    Some(settings.get("default_toolchain")?.as_str()?.to_string())
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

fn toolchain_dir(home: &Path, name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name));
    }
    let all = home.join("toolchains");
    let exact = all.join(name);
    if exact.is_dir() {
        return Some(exact);
    }
    let settings = settings(home);
    let host = settings.get("default_host_triple").and_then(|h| h.as_str()).unwrap_or(HOST);
    let full = all.join(format!("{name}-{host}"));
    full.is_dir().then_some(full)
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
        assert_eq!(resolve(&p, None, dir.path()), Some(p.clone()));
        std::fs::write(dir.path().join("rustup"), "y").unwrap();
        assert_eq!(resolve(&p, None, dir.path()), Some(p));
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
        let real = resolve(&cargo, Some("stable"), Path::new("/")).unwrap();
        assert!(real.parent().unwrap().parent().unwrap().join("lib").is_dir(), "{real:?}");
    }
}
