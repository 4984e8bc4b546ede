//! Inputs that kache excludes: variables and flags, each by a row of its tables with a reason.
//!
//! Each one is changed alone, and a hit with the same key is required. To check the reasons, the unit is
//! compiled once with all of them changed, and its outputs must be equal byte for byte.

use crate::backend::invocations::Invocation;
use crate::system::platform;
use kache_frontends::flags::{Bucket, Row, Takes};
use kache_frontends::tables;
use kache_frontends::{gnu_flags, rustc_flags};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub struct Excluded {
    /// Name in the report: `env TERM`, `flag -C ar`.
    pub name: String,
    pub invocation: Invocation,
    /// Whether the printed messages stay the same.
    pub quiet: bool,
}

/// Every excluded input of a unit, changed. An input that the unit has as a component is not excluded for it.
pub fn all(asked: &Invocation, components: &[String], dir: &Path) -> Vec<Excluded> {
    let mut out = Vec::new();
    for row in tables::IGNORED_ENV.iter().chain(tables::COMPILER_ENV) {
        let name = row.what.to_string();
        let label = format!("env {}", row.what);
        let counts = |c: &String| *c == format!("env {name}") || *c == format!("env-path {name}");
        // The format of messages is a dependency if there are messages.
        let spoken = ["LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_MESSAGES"].contains(&name.as_str());
        let counts =
            components.iter().any(counts) || spoken && components.iter().any(|c| c.starts_with("setting"));
        if counts || out.iter().any(|e: &Excluded| e.name == label) {
            continue;
        }
        let mut invocation = asked.clone();
        change(&mut invocation, &name, dir);
        out.push(Excluded { name: label, invocation, quiet: true });
    }
    let rustc = asked.words.iter().any(|w| w == "--crate-name");
    let table: &[Row] = if rustc { rustc_flags::TABLE } else { gnu_flags::TABLE };
    for row in table.iter().filter(|r| r.bucket == Bucket::Excluded) {
        if let Some(words) = words(row, asked, dir) {
            let mut invocation = asked.clone();
            invocation.words.extend(words);
            // Flags of nightly compilers are looked up but not compiled.
            let quiet = !row.flag.starts_with("-Z");
            out.push(Excluded { name: format!("flag {}", row.flag), invocation, quiet });
        }
    }
    out
}

/// Names of all inputs that any unit can have excluded, in table order.
pub fn rows() -> Vec<String> {
    let variables = tables::IGNORED_ENV.iter().chain(tables::COMPILER_ENV);
    let flags = rustc_flags::TABLE.iter().chain(gnu_flags::TABLE).filter(|r| r.bucket == Bucket::Excluded);
    let all = variables.map(|r| format!("env {}", r.what)).chain(flags.map(|r| format!("flag {}", r.flag)));
    let mut seen = std::collections::BTreeSet::new();
    all.filter(|name| seen.insert(name.clone())).collect()
}

/// Combines all of `parts`.
pub fn together(asked: &Invocation, parts: &[Excluded]) -> Invocation {
    let mut all = asked.clone();
    for part in parts.iter().filter(|p| p.quiet) {
        for (name, value) in &part.invocation.environment {
            let known = asked.environment.iter().any(|(n, v)| n == name && v == value);
            if !known {
                all.environment.retain(|(n, _)| n != name);
                all.environment.push((name.clone(), value.clone()));
            }
        }
        all.words.extend(part.invocation.words[asked.words.len()..].iter().cloned());
    }
    all
}

fn change(invocation: &mut Invocation, name: &str, dir: &Path) {
    let old = invocation.variable(name).unwrap_or_default().to_os_string();
    let more = |text: &str| {
        let mut value = old.clone();
        value.push(text);
        value
    };
    let value: OsString = match name {
        "PATH" => more(":/nonexistent/kache-mutation"),
        "TMPDIR" | "TMP" | "TEMP" => dir.join("tmp").into(),
        "HOME" => {
            // The directories that are searched now stay.
            for (kept, below) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
                if invocation.variable(kept).is_none() {
                    invocation.environment.push((kept.into(), PathBuf::from(&old).join(below).into()));
                }
            }
            dir.join("home").into()
        }
        "RUST_MIN_STACK" => "16777216".into(),
        "RUST_BACKTRACE" | "RUST_LIB_BACKTRACE" => "full".into(),
        "RUSTC_ICE" => "0".into(),
        "COLUMNS" | "LINES" | "NUM_JOBS" | "SHLVL" => "77".into(),
        "MAKEFLAGS" | "CARGO_MAKEFLAGS" | "MFLAGS" => "".into(),
        "TZ" => "Asia/Tokyo".into(),
        "PWD" | "OLDPWD" => "/".into(),
        "LC_ALL" | "LC_CTYPE" | "LC_MESSAGES" | "LANG" | "LANGUAGE" => "C".into(),
        _ => "1".into(),
    };
    let value = if value == old { more("") } else { value };
    invocation.environment.retain(|(n, _)| n != name);
    invocation.environment.push((name.into(), value));
}

fn words(row: &Row, asked: &Invocation, dir: &Path) -> Option<Vec<OsString>> {
    let value = match row.flag {
        "-C linker" if asked.codegen("linker").is_some() => return None,
        // Another path to the same program.
        "-C linker" => {
            let path = asked.variable("PATH")?;
            let cc = std::env::split_paths(path).map(|d| d.join("cc")).find(|p| p.is_file())?;
            let link = dir.join("cc");
            drop(platform::link(cc.as_ref(), &link));
            link.display().to_string()
        }
        "-Z threads" => "2".into(),
        // This flag takes no value.
        "-C no-stack-check" => return Some(vec!["-C".into(), "no-stack-check".into()]),
        _ => "kache-mutation".into(),
    };
    match (row.takes, row.flag.split_once(' ')) {
        (Takes::Maybe | Takes::Value, Some((letter, name))) => {
            Some(vec![letter.into(), format!("{name}={value}").into()])
        }
        (Takes::Nothing, None) => Some(vec![row.flag.into()]),
        (_, None) => Some(vec![format!("{}={value}", row.flag).into()]),
        _ => None,
    }
}
