//! `kache config`: every setting with its value, where that is from and what it is for; and what made no sense.
//!
//! JSON: `{"v":1,"settings":[{"key","var","value","from","what"}],"files":[…],"warnings":[…]}`; `from` is `default`,
//! `environment variable NAME`, or a file's path; `files` are those that are read where they exist.

use super::output::{Answer, CliError, Format, settings};
use super::page::{Page, Style};
use kache_core::settings::{Settings, TABLE, user_file};
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
    key: &'static str,
    var: &'static str,
    value: String,
    from: String,
    what: &'static str,
}

#[derive(Serialize)]
struct Json {
    v: u32,
    settings: Vec<Listed>,
    files: Vec<String>,
    warnings: Vec<String>,
}

/// Prints them.
pub fn run(options: &Options) -> Result<Answer, CliError> {
    let settings = settings()?;
    let json = Json { v: 1, settings: listed(&settings), files: files(), warnings: settings.warnings };
    if options.format == Format::Json {
        return Answer::json(&json);
    }
    let mut page = Page::new();
    let mut rows = vec![["setting", "value", "origin", "purpose"].map(str::to_string).to_vec()];
    for s in &json.settings {
        rows.push(vec![s.key.to_string(), s.value.clone(), s.from.clone(), s.what.to_string()]);
    }
    page.columns(&rows);
    page.gap();
    page.line(format!("read in this order, the environment (KACHE_…) first: {}", json.files.join(", ")));
    for warning in &json.warnings {
        page.spans(&[(Style::Yellow, "warning: ".to_string()), (Style::Plain, warning.clone())]);
    }
    Ok(Answer::page(page))
}

fn listed(settings: &Settings) -> Vec<Listed> {
    let one = |row: &'static kache_core::settings::Row| {
        let origin = settings.origins.iter().find(|(key, ..)| *key == row.key);
        let (value, from) = match origin {
            Some((_, value, from)) => (value.clone(), from.clone()),
            None => (row.default.to_string(), "default".to_string()),
        };
        // The default is shown as it is in the table; where it leads is what one wants to know.
        let value = match &settings.cache_dir {
            Some(dir) if row.key == "cache_dir" => dir.display().to_string(),
            _ => value,
        };
        Listed { key: row.key, var: row.var, value, from, what: row.what }
    };
    TABLE.iter().map(one).collect()
}

fn files() -> Vec<String> {
    if let Some(only) = std::env::var_os("KACHE_CONFIG") {
        return vec![only.to_string_lossy().into_owned()];
    }
    let project = "kache.toml in the working directory or the nearest above it".to_string();
    std::iter::once(project).chain(user_file().map(|p| p.display().to_string())).collect()
}
