//! How commands answer: what they print, in which format, with which exit status, and how they fail.

use super::page::Page;
use super::{page, pager};
use clap::ValueEnum;
use etcetera::base_strategy::Xdg;
use kache_core::settings::Settings;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// The format of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON object
    Json,
}

/// Why a command failed. The message names the object and, where there is one, the remedy.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The request is invalid: an unknown unit, a bad value, a missing setting.
    #[error("{0}")]
    Usage(String),
    /// The request is valid, and the command could not carry it out.
    #[error("{0}")]
    Failed(String),
}

impl CliError {
    pub fn usage(message: impl Into<String>) -> CliError {
        CliError::Usage(message.into())
    }

    pub fn failed(message: impl Into<String>) -> CliError {
        CliError::Failed(message.into())
    }

    pub fn status(&self) -> u8 {
        match self {
            CliError::Usage(_) => 2,
            CliError::Failed(_) => 1,
        }
    }
}

/// The output of a command.
pub struct Answer {
    pub text: String,
    pub status: u8,
}

/// The JSON of an answer: the version of its shape, then its fields.
#[derive(serde::Serialize)]
struct Versioned<'a, T> {
    v: u32,
    #[serde(flatten)]
    fields: &'a T,
}

impl Answer {
    /// An answer in the requested format: a page, or one JSON object whose shape has version `v`.
    pub fn new(
        format: Format,
        v: u32,
        fields: &impl serde::Serialize,
        fill: impl FnOnce(&mut Page),
    ) -> Result<Answer, CliError> {
        match format {
            Format::Text => Ok(Answer::page(fill)),
            Format::Json => Answer::json(v, fields),
        }
    }

    /// A page for people.
    pub fn page(fill: impl FnOnce(&mut Page)) -> Answer {
        let mut page = Page::new();
        fill(&mut page);
        Answer::text(page.finish())
    }

    /// Text that can go to a file unchanged.
    pub fn text(text: String) -> Answer {
        Answer { text, status: 0 }
    }

    /// One JSON object.
    pub fn json(v: u32, fields: &impl serde::Serialize) -> Result<Answer, CliError> {
        let text = serde_json::to_string_pretty(&Versioned { v, fields });
        text.map(|text| Answer::text(text + "\n")).map_err(failed("cannot write the answer as JSON"))
    }

    /// With exit status 1 if the command found a problem.
    pub fn with_problem(self, problem: bool) -> Answer {
        Answer { status: u8::from(problem), ..self }
    }
}

/// Prints an answer or an error, and returns the exit status.
pub fn finish(answer: Result<Answer, CliError>) -> ExitCode {
    match answer {
        Ok(answer) => print(&answer),
        Err(error) => {
            eprintln!("kache: error: {}", page::sanitize(&error.to_string()));
            ExitCode::from(error.status())
        }
    }
}

fn print(answer: &Answer) -> ExitCode {
    if pager::show(&answer.text) {
        return ExitCode::from(answer.status);
    }
    let mut out = io::stdout().lock();
    match out.write_all(answer.text.as_bytes()).and_then(|()| out.flush()) {
        // `kache report | head` closes the pipe early.
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("kache: error: cannot write to standard output: {e}");
            ExitCode::FAILURE
        }
        _ => ExitCode::from(answer.status),
    }
}

/// Converts an error by naming what failed: a path, or a step.
pub fn failed<E: Display>(what: impl Display) -> impl Fn(E) -> CliError {
    move |e| CliError::failed(format!("{what}: {e}"))
}

/// The working directory.
pub fn cwd() -> Result<PathBuf, CliError> {
    std::env::current_dir().map_err(failed("cannot find the working directory"))
}

/// The settings for the working directory.
pub fn settings() -> Result<Settings, CliError> {
    Ok(Settings::load(&cwd()?))
}

/// The cache directory that the settings name.
pub fn cache_dir(settings: &Settings) -> Result<PathBuf, CliError> {
    settings.cache_dir.clone().ok_or_else(|| {
        CliError::failed("there is no cache directory: set KACHE_CACHE_DIR to an absolute path, or set HOME")
    })
}

/// The user's base directories; without a home directory, an error that names an `alternative`.
pub fn base_dirs(alternative: &str) -> Result<Xdg, CliError> {
    Xdg::new().map_err(|_| CliError::usage(format!("HOME is not set: set it, or use {alternative}")))
}

/// Parses a duration of the command line.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|e| format!("{e}; give a whole number and a unit: 90s, 30m, 12h, 7d, 2w"))
}

/// "; did you mean …?", or nothing where no known word is close.
pub fn suggestion(word: &str, known: &[&str]) -> String {
    match similar::get_close_matches(word, known, 3, 0.5).as_slice() {
        [] => String::new(),
        close => {
            let quoted: Vec<String> = close.iter().map(|c| format!("`{c}`")).collect();
            format!("; did you mean {}?", quoted.join(" or "))
        }
    }
}
