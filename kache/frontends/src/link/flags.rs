//! The flags that a driver hands to the linker, word by word: `-Wl,a,b` and `-Xlinker a -Xlinker b`.
//!
//! One table has the flags of GNU ld, gold, lld and mold: if a linker does not know a flag, it fails. All of them read a long
//! name with one or two hyphens, and its value after `=` or in the next word. A name of one letter takes its value from the
//! rest of the word, or from the next one. kache does not read abbreviated names.

use crate::flags::{Bucket, Effect, Flag, Form, Row, Takes, ValueEffect, unknown};
use kache_core::reason::{NotCacheable, Reason, refuse};

include!(concat!(env!("OUT_DIR"), "/link.rs"));

/// An input of the linker, as if it were a flag: its place among the flags counts.
pub static INPUT: Row = Row {
    flag: "input",
    aliases: &[],
    takes: Takes::Nothing,
    bucket: Bucket::Relevant(Form::Path),
    effect: &Effect { why: "an input", ..Effect::NONE },
};

/// `--build-id=`: a random one differs in every run.
fn build_id(value: &str) -> ValueEffect {
    match value {
        "uuid" => ValueEffect::Unsupported("the build id is random"),
        _ => ValueEffect::Plain,
    }
}

/// Takes the flags from words that follow each other on the driver's command line.
pub fn take(words: &[String], flags: &mut Vec<Flag>) -> Result<(), NotCacheable> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some(name) = word.strip_prefix('@') {
            let detail = format!("{name}: a response file that the linker reads");
            return refuse(Reason::ResponseFile, detail);
        }
        if !word.starts_with('-') || word.len() == 1 {
            flags.push(Flag { row: &INPUT, value: Some(word.clone()) });
            continue;
        }
        let (row, joined) = row(word).ok_or_else(|| unknown(&format!("-Wl,{word}")))?;
        let value = match (row.takes, joined) {
            (Takes::Nothing | Takes::Maybe | Takes::Joined, None) => None,
            (Takes::Nothing, Some(_)) => return Err(unknown(&format!("-Wl,{word}"))),
            (_, Some(value)) => Some(value.to_string()),
            (_, None) => Some(words.next().cloned().ok_or_else(|| no_value(word))?),
        };
        flags.push(Flag { row, value });
    }
    Ok(())
}

/// The value may be a word that the driver hands on from elsewhere.
fn no_value(word: &str) -> NotCacheable {
    NotCacheable::new(Reason::Malformed, format!("-Wl,{word} has no value"))
}

/// The row of a word, and the value that is a part of the word.
fn row(word: &str) -> Option<(&'static Row, Option<&str>)> {
    let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    let find = |name: &str| TABLE.iter().find(|row| row.flag == name);
    if name.starts_with("--") {
        return find(name).map(|row| (row, value));
    }
    // `-omagic` is `-o magic`.
    let is_long = name.len() > 2 && !name.starts_with("-o");
    if let Some(row) = find(&format!("-{name}")).filter(|_| is_long) {
        return Some((row, value));
    }
    let letter = word.char_indices().nth(2).map_or(word.len(), |(at, _)| at);
    let rest = &word[letter..];
    find(&word[..letter]).map(|row| (row, (!rest.is_empty()).then_some(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> Result<Vec<(&'static str, Option<String>)>, Reason> {
        let words: Vec<String> = text.split(' ').map(str::to_string).collect();
        let mut flags = Vec::new();
        take(&words, &mut flags).map_err(|why| why.reason)?;
        Ok(flags.into_iter().map(|flag| (flag.row.flag, flag.value)).collect())
    }

    #[test]
    fn a_flag_is_read_in_all_its_spellings() {
        let map = |value: &str| Ok(vec![("--Map", Some(value.to_string()))]);
        for text in ["-Map=x", "--Map=x", "-Map x", "--Map x"] {
            assert_eq!(taken(text), map("x"), "{text}");
        }
        let one = |flag, value: Option<&str>| Ok(vec![(flag, value.map(str::to_string))]);
        assert_eq!(taken("-znow"), one("-z", Some("now")));
        assert_eq!(taken("-z now"), one("-z", Some("now")));
        assert_eq!(taken("-O1"), one("-O", Some("1")));
        assert_eq!(taken("--build-id"), one("--build-id", None));
        assert_eq!(taken("--build-id=sha1"), one("--build-id", Some("sha1")));
        assert_eq!(taken("--defsym=a=b"), one("--defsym", Some("a=b")));
        assert_eq!(taken("-L/x=y"), one("-L", Some("/x=y")));
        assert_eq!(taken("-E"), one("-E", None));
        assert_eq!(taken("x.o"), one("input", Some("x.o")));
    }

    #[test]
    fn what_is_not_in_the_table_is_refused() {
        for text in ["--no-such-flag", "--as-need", "--as-needed=x", "-j", "--shuffle-sections=1"] {
            assert_eq!(taken(text), Err(Reason::UnknownFlag), "{text}");
        }
        assert_eq!(taken("-rpath"), Err(Reason::Malformed));
        assert_eq!(taken("@words"), Err(Reason::ResponseFile));
    }

    #[test]
    fn no_flag_is_twice_in_the_table() {
        let mut names: Vec<&str> = TABLE.iter().map(|row| row.flag).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
