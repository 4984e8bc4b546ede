//! An error as a person meets it: what went wrong, where, and what to do about it.
//!
//! The harness has few kinds of failure that its own code reacts to, and many that a person must act on; so
//! there is one type that carries the three sentences and the exit status, rather than an enum a module.

use std::fmt;
use std::path::Path;

/// The result of anything here that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Which exit status the trouble ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The caller's input is wrong: status 2.
    Input,
    /// The input was fine, what it asked for failed: status 1.
    Run,
    /// Somebody pressed Ctrl-C: status 130, as shells have it.
    Interrupted,
}

/// What went wrong, where, and the remedy.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    what: String,
    place: Option<String>,
    remedy: Option<String>,
}

impl Error {
    /// Bad input: exit status 2.
    pub fn input(what: impl Into<String>) -> Error {
        Error { kind: ErrorKind::Input, what: what.into(), place: None, remedy: None }
    }

    /// A failure of what was asked for: exit status 1.
    pub fn run(what: impl Into<String>) -> Error {
        Error { kind: ErrorKind::Run, what: what.into(), place: None, remedy: None }
    }

    /// Ctrl-C.
    pub fn interrupted() -> Error {
        Error { kind: ErrorKind::Interrupted, what: "interrupted".into(), place: None, remedy: None }
    }

    /// A failed file operation, for `map_err`.
    pub fn io<'a>(doing: &'a str, path: &'a Path) -> impl FnOnce(std::io::Error) -> Error + 'a {
        move |e| Error::run(format!("cannot {doing}: {e}")).at(path.display())
    }

    /// Says where.
    pub fn at(mut self, place: impl fmt::Display) -> Error {
        self.place = Some(place.to_string());
        self
    }

    /// Says what to do.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Error {
        self.remedy = Some(remedy.into());
        self
    }

    /// Which exit status it ends in.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The exit status.
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
