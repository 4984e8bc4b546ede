//! `list`: the workloads.

use super::options::{Format, below};
use crate::error::Result;
use crate::record;
use crate::workload::Workload;
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

/// An entry of `--format json`.
#[derive(Serialize)]
struct Listed {
    v: u32,
    name: String,
    source: Option<String>,
    description: Option<String>,
    error: Option<String>,
}

pub(super) fn list(workloads: Option<PathBuf>, format: Format) -> Result<ExitCode> {
    let mut bad = false;
    for (name, workload) in Workload::all(&below(&workloads, "workloads")?)? {
        bad |= workload.is_err();
        let (found, error) = match workload {
            Ok(workload) => (Some(workload), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let source = found.as_ref().map(|w| w.source.to_string());
        let description = found.map(|w| w.description);
        match format {
            Format::Json => {
                let listed = Listed { v: record::VERSION, name, source, description, error };
                println!("{}", serde_json::to_string(&listed).unwrap_or_default());
            }
            Format::Text => {
                let text = error.as_deref().or(description.as_deref()).unwrap_or_default().replace('\n', " ");
                println!("{name:<12} {:<24} {text}", source.unwrap_or_default());
            }
        }
    }
    Ok(if bad { ExitCode::from(2) } else { ExitCode::SUCCESS })
}
