//! The sources of a command of gcc or clang, and their languages.

use super::languages::{CUDA, HEADERS, LANGUAGES, MODULES};
use crate::flags::{Bucket, Flag, Form, Row};
use crate::invocation::FURTHER_SOURCE;
use kache_core::reason::{NotCacheable, Reason, refuse};
use std::path::Path;

/// A source, and the language of `-x`.
pub type Input = (String, Option<String>);

/// A source and its language.
pub type Source = (String, &'static str);

/// The language of a source after the first one.
static LANGUAGE: Row = Row { flag: "<language>", bucket: Bucket::Relevant(Form::Literal), ..FURTHER_SOURCE };

/// The sources; there is at least one.
pub fn of(inputs: &[Input]) -> Result<Vec<Source>, NotCacheable> {
    if inputs.is_empty() {
        return refuse(Reason::NoInput, "no source file is named");
    }
    let sources = inputs.iter().map(source).collect::<Result<Vec<_>, _>>()?;
    let of_device = |language: &str| language == CUDA;
    let is_odd = |(_, language): &&Source| {
        of_device(language) || !LANGUAGES.iter().any(|(known, _)| known == language)
    };
    match sources.iter().find(is_odd).filter(|_| sources.len() > 1) {
        Some((name, language)) => refuse(
            Reason::SeveralInputs,
            format!("{name} in the language `{language}` beside another source"),
        ),
        None => Ok(sources),
    }
}

fn source((name, named): &Input) -> Result<Source, NotCacheable> {
    if name == "-" || name == "/dev/stdin" {
        return refuse(Reason::Stdin, "the source comes from standard input");
    }
    let ending = Path::new(name).extension().and_then(|e| e.to_str()).unwrap_or("");
    let known = LANGUAGES.iter().chain(HEADERS).chain(MODULES).find(|(language, endings)| match named {
        Some(named) => named == language,
        None => endings.contains(&ending),
    });
    let what = named.as_deref().unwrap_or(ending);
    match known {
        Some((language, _)) => Ok((name.clone(), language)),
        None => refuse(Reason::Language, format!("{name}: kache does not cache the language `{what}`")),
    }
}

/// The sources after the first one, in the form of flags.
pub fn as_flags(further: &[Source]) -> impl Iterator<Item = Flag> {
    let both =
        |(name, language): &Source| [(&FURTHER_SOURCE, name.clone()), (&LANGUAGE, (*language).to_string())];
    further.iter().flat_map(both).map(|(row, value)| Flag { row, value: Some(value) })
}
