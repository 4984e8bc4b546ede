//! `kache config`: every setting with its value, origin and purpose, and warnings about invalid ones.
//!
//! JSON: `{"v":1,"settings":[{"key","var","value","from","what"}],"files":[…],"warnings":[…]}`; `from` is `default`,
//! `environment variable NAME`, or a file's path; `files` are the files that are read if they exist.

use super::output::{Answer, CliError, Format, settings};
use super::page::{PLAIN, YELLOW, row};
use kache_core::settings::{Settings, TABLE, row_of, unknown_variables, user_file};
use serde::Serialize;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache config                  every setting with value, origin and purpose
  kache config --format json")]
pub struct Options {
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct Listed {
    key: String,
    var: String,
    value: String,
    from: String,
    what: &'static str,
}

#[derive(Serialize)]
struct Json {
    settings: Vec<Listed>,
    files: Vec<String>,
    warnings: Vec<String>,
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    let settings = settings()?;
    let unknown = unknown_variables().into_iter().map(|variable| variable.to_string());
    let warnings = settings.warnings.iter().cloned().chain(unknown).collect();
    let json = Json { settings: listed(&settings), files: files(), warnings };
    Answer::new(options.format, 1, &json, |page| {
        let settings = json.settings.iter().map(|s| row![s.key, s.value, s.from, s.what]);
        let head = [row!["setting", "value", "origin", "purpose"]];
        page.columns(&head.into_iter().chain(settings).collect::<Vec<_>>(), 0);
        page.gap();
        page.line(format!("read in this order, the environment (KACHE_…) first: {}", json.files.join(", ")));
        for warning in &json.warnings {
            page.spans(&[(YELLOW, "warning: ".to_string()), (PLAIN, warning.clone())]);
        }
    })
}

fn listed(settings: &Settings) -> Vec<Listed> {
    let one = |row: &'static kache_core::settings::Row| {
        let origin = settings.origins.iter().find(|(key, ..)| *key == row.key);
        let (value, from) = match origin {
            Some((_, value, from)) => (value.clone(), from.clone()),
            None => (row.default.to_string(), "default".to_string()),
        };
        // The default of `cache_dir` is shown as the path that it leads to.
        let value = match &settings.cache_dir {
            Some(dir) if row.key == "cache_dir" => dir.display().to_string(),
            _ => value,
        };
        Listed { key: row.key.to_string(), var: row.var.to_string(), value, from, what: row.what }
    };
    TABLE.iter().map(one).chain(of_levels(settings)).collect()
}

/// The settings of further levels of the remote.
fn of_levels(settings: &Settings) -> impl Iterator<Item = Listed> {
    let further = settings.origins.iter().filter(|(key, ..)| !TABLE.iter().any(|row| row.key == key));
    further.filter_map(|(key, value, from)| {
        let var = format!("KACHE_{}", key.replace('.', "_").to_uppercase());
        let what = row_of(key)?.what;
        Some(Listed { key: key.to_string(), var, value: value.clone(), from: from.clone(), what })
    })
}

fn files() -> Vec<String> {
    if let Some(only) = std::env::var_os("KACHE_CONFIG") {
        return vec![only.to_string_lossy().into_owned()];
    }
    let project = "kache.toml in the working directory or the nearest above it".to_string();
    std::iter::once(project).chain(user_file().map(|p| p.display().to_string())).collect()
}
