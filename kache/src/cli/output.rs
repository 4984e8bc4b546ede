//! How commands answer: what they print, in which format, with which exit status, and how they fail.

use super::page::Page;
use super::{page, pager};
use clap::ValueEnum;
use kache_core::settings::Settings;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

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

impl Answer {
    /// A page for people.
    pub fn page(page: Page) -> Answer {
        Answer { text: page.finish(), status: 0 }
    }

    /// Text that can go to a file unchanged.
    pub fn text(text: String) -> Answer {
        Answer { text, status: 0 }
    }

    /// One JSON object.
    pub fn json(value: &impl serde::Serialize) -> Result<Answer, CliError> {
        match serde_json::to_string_pretty(value) {
            Ok(text) => Ok(Answer { text: text + "\n", status: 0 }),
            Err(e) => Err(CliError::failed(format!("cannot write the answer as JSON: {e}"))),
        }
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
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(answer.status),
        Err(e) => {
            eprintln!("kache: error: cannot write to standard output: {e}");
            ExitCode::FAILURE
        }
        Ok(()) => ExitCode::from(answer.status),
    }
}

/// The settings for the working directory.
pub fn settings() -> Result<Settings, CliError> {
    let cwd = std::env::current_dir()
        .map_err(|e| CliError::failed(format!("cannot find the working directory: {e}")))?;
    Ok(Settings::load(&cwd))
}

/// The cache directory that the settings name.
pub fn cache_dir(settings: &Settings) -> Result<PathBuf, CliError> {
    settings.cache_dir.clone().ok_or_else(|| {
        CliError::failed("there is no cache directory: set KACHE_CACHE_DIR to an absolute path, or set HOME")
    })
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
