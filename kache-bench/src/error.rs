//! The error of every command: what failed, where, and what to do about it.
//!
//! Few failures are handled by the harness itself, and many by a person. One type carries the three sentences
//! and the exit status.

use std::fmt;
use std::path::Path;

pub type Result<T> = std::result::Result<T, Error>;

/// Decides the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Invalid input: status 2.
    Input,
    /// Valid input, but the requested operation failed: status 1.
    Run,
    /// Ctrl-C: status 130, as in shells.
    Interrupted,
}

#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    what: String,
    place: Option<String>,
    remedy: Option<String>,
}

impl Error {
    /// Invalid input: exit status 2.
    pub fn input(what: impl Into<String>) -> Error {
        Error { kind: ErrorKind::Input, what: what.into(), place: None, remedy: None }
    }

    /// A failed operation: exit status 1.
    pub fn run(what: impl Into<String>) -> Error {
        Error { kind: ErrorKind::Run, what: what.into(), place: None, remedy: None }
    }

    /// Ctrl-C.
    pub fn interrupted() -> Error {
        Error { kind: ErrorKind::Interrupted, what: "interrupted".into(), place: None, remedy: None }
    }

    /// Maps a failed file operation, for `map_err`.
    pub fn io<'a>(doing: &'a str, path: &'a Path) -> impl FnOnce(std::io::Error) -> Error + 'a {
        move |e| Error::run(format!("cannot {doing}: {e}")).at(path.display())
    }

    pub fn at(mut self, place: impl fmt::Display) -> Error {
        self.place = Some(place.to_string());
        self
    }

    pub fn remedy(mut self, remedy: impl Into<String>) -> Error {
        self.remedy = Some(remedy.into());
        self
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub fn status(&self) -> u8 {
        match self.kind {
            ErrorKind::Input => 2,
            ErrorKind::Run => 1,
            ErrorKind::Interrupted => 130,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        if let Some(place) = &self.place {
            write!(f, "\n  where: {place}")?;
        }
        if let Some(remedy) = &self.remedy {
            write!(f, "\n  remedy: {remedy}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
