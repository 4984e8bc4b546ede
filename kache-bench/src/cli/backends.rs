//! `backends`: which caches are installed, and why others are not.

use super::options::Format;
use crate::backend::{self, Backend, Language, Plain};
use crate::error::Result;
use crate::system::workspace;
use serde::Serialize;
use std::process::ExitCode;

/// An entry of `--format json`.
#[derive(Serialize)]
struct Row {
    name: &'static str,
    version: Option<String>,
    rust: bool,
    c: bool,
    missing: Option<String>,
}

/// Status 1 if another cache is missing.
pub(super) fn run(format: Format) -> Result<ExitCode> {
    let workspace = workspace::find().unwrap_or_default();
    let peers = backend::installed(&workspace);
    let is_whole = peers.iter().all(|(_, backend)| backend.is_ok());
    let plain: Box<dyn Backend> = Box::new(Plain);
    for (name, backend) in std::iter::once(("plain", Ok(plain))).chain(peers) {
        let row = row(name, backend)?;
        match format {
            Format::Json => println!("{}", serde_json::to_string(&row).unwrap_or_default()),
            Format::Text => {
                let version = row.version.as_deref().unwrap_or("-");
                let cached = match (row.rust, row.c) {
                    (true, true) => "Rust, C and C++",
                    (true, false) => "Rust",
                    (false, true) => "C and C++",
                    (false, false) => "",
                };
                let text = row.missing.map_or(cached.to_owned(), |why| why.replace("\n  ", "; "));
                println!("{}", format!("{name:<10} {version:<10} {text}").trim_end());
            }
        }
    }
    if format == Format::Text {
        println!("kache      is built from the repository, or set by --kache");
    }
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn row(name: &'static str, backend: Result<Box<dyn Backend>>) -> Result<Row> {
    Ok(match backend {
        Ok(backend) => {
            let caches = |language| name != "plain" && backend.languages().contains(&language);
            let (rust, c) = (caches(Language::Rust), caches(Language::C));
            let version = Some(backend.version()?).filter(|version| !version.is_empty());
            Row { name, version, rust, c, missing: None }
        }
        Err(error) => Row { name, version: None, rust: false, c: false, missing: Some(error.to_string()) },
    })
}
