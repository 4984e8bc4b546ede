//! A key mismatch in words: both values, what they are, who set them, and what to do.

use super::key_diff::TextDifference;
use super::root_cause::{CauseFinder, RootCause};
use kache_core::digest::Digest;
use serde::{Deserialize, Serialize};

/// The words for a key mismatch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// In the first and in the second clone, if the values are known. A record of kache has only a digest of a value that may be a secret.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub values: Option<[String; 2]>,
    pub what: String,
    pub set_by: String,
    pub remedy: String,
}

impl CauseFinder {
    /// The words for a root cause with its component.
    pub fn words(&self, cause: RootCause, component: &str, texts: &TextDifference) -> Words {
        let given = component.strip_prefix("env ").and_then(|name| self.variables.get(name));
        let values = given
            .filter(|given| are_of(texts, &given.values))
            .map(|given| given.values.clone())
            .or_else(|| readable(texts));
        let what = values.as_ref().map_or(What::Digest, |[a, b]| self.what(a, b));
        Words {
            set_by: given.map_or_else(|| set_by(cause, component), |given| given.by).to_string(),
            remedy: remedy(cause, component, what, given.is_some()).to_string(),
            what: what.text().to_string(),
            values,
        }
    }

    fn what(&self, a: &str, b: &str) -> What {
        if self.a.is_in(a.as_bytes()) || self.b.is_in(b.as_bytes()) {
            What::Path
        } else if host().is_some_and(|host| a.contains(&host) || b.contains(&host)) {
            What::Host
        } else if is_time(a) && is_time(b) {
            What::Time
        } else if [a, b].iter().all(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        {
            What::Number
        } else if is_random(a) && is_random(b) {
            What::Random
        } else {
            What::Other
        }
    }
}

/// Whether both texts are values or their digests.
fn are_of(texts: &TextDifference, values: &[String; 2]) -> bool {
    let is_of = |text: &str, value: &String| text == value || text == Digest::of(value.as_bytes()).hex();
    is_of(&texts.a, &values[0]) && is_of(&texts.b, &values[1])
}

/// Both texts, unless one is a digest.
fn readable(texts: &TextDifference) -> Option<[String; 2]> {
    let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_known = !is_digest(&texts.a) && !is_digest(&texts.b) && (texts.a != texts.b);
    is_known.then(|| [texts.a.clone(), texts.b.clone()])
}

/// What differing values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Path,
    Host,
    Time,
    Number,
    Random,
    Digest,
    Other,
}

impl What {
    fn text(self) -> &'static str {
        match self {
            What::Path => "the checkout's path",
            What::Host => "this machine's name",
            What::Time => "a time",
            What::Number => "a number that changes, such as a process id or a counter",
            What::Random => "a hash or random digits",
            What::Digest => "a value of which kache records only the digest",
            What::Other => "another value in each clone",
        }
    }
}

fn host() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?.trim().to_string();
    // Shorter names, and the name of every machine, are in many texts by chance.
    (name.len() > 3 && name != "localhost").then_some(name)
}

/// Whether a text contains a date or a time of day, or a number of seconds, milliseconds, … since 1970 of this decade.
fn is_time(text: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let since_1970 = |word: &str| {
        is_digits(word)
            && matches!(word.len(), 10 | 13 | 16 | 19)
            && (word.starts_with("17") || word.starts_with("18"))
    };
    let separated = |word: &str, by: char, lengths: [usize; 3]| {
        let parts: Vec<&str> = word.split(by).collect();
        parts.len() == 3
            && parts.iter().zip(lengths).all(|(part, length)| part.len() == length && is_digits(part))
    };
    let mut words =
        text.split(|c: char| !c.is_ascii_digit() && c != '-' && c != ':').filter(|word| !word.is_empty());
    words.any(|word| since_1970(word) || separated(word, ':', [2, 2, 2]) || separated(word, '-', [4, 2, 2]))
}

fn is_random(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
    digits >= 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn set_by(cause: RootCause, component: &str) -> &'static str {
    let (kind, name) = component.split_once(' ').unwrap_or((component, ""));
    let is_of_script = name.contains("/build/") && name.contains("/out/");
    match (kind, cause) {
        ("env", _) if name == "OUT_DIR" || name.starts_with("CARGO") => "cargo",
        ("env", _) => "a tool of the build, for example a build script by `cargo::rustc-env`",
        ("arg", _) => "the build's flags: RUSTFLAGS, `.cargo/config.toml`, a makefile, or the build system",
        ("place", _) => "the compiler, which wrote the path into an output",
        ("file", RootCause::Host) | (_, RootCause::Host) => "this machine: the file is in neither clone",
        ("file", _) if is_of_script => "a build script, which wrote the file",
        _ => "a tool of the build, which wrote the file",
    }
}

fn remedy(cause: RootCause, component: &str, what: What, is_given: bool) -> &'static str {
    match (cause, what) {
        (RootCause::Env, _) if is_given => {
            "give the variable one value in both clones, or do not read it at compile time"
        }
        (RootCause::Env, What::Path) => "use the path only to find files, or read the variable at run time",
        (RootCause::Env, _) => {
            "set the variable to one value for every checkout, or do not read it at compile time"
        }
        (RootCause::Flag, What::Path) => {
            "write the path relative to the checkout, or take it out of the flag"
        }
        (RootCause::Flag, _) => "pass the same flags in every checkout",
        (RootCause::Path, _) if component.starts_with("place") => {
            "remove the flag that keeps paths (see the manual, Portability), or accept that the unit belongs to its checkout"
        }
        (RootCause::Path, _) => "have the generator write relative paths, or find the path at run time",
        (RootCause::Host, _) => "install the same version of the file on every machine",
        (RootCause::Nondeterminism, What::Time) => "leave the time out, or take it from SOURCE_DATE_EPOCH",
        (RootCause::Nondeterminism, _) => {
            "make the generator deterministic: sort what it lists, and use no times or random numbers"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::given::GivenVariable;
    use crate::analysis::key_diff::text_difference;
    use crate::analysis::normalize::CloneRoot;
    use std::collections::BTreeMap;
    use std::path::Path;

    fn finder() -> CauseFinder {
        let given = GivenVariable { values: ["machine-a".into(), "machine-b".into()], by: "the workload" };
        CauseFinder {
            a: CloneRoot::of(Path::new("/t/a")),
            b: CloneRoot::of(Path::new("/t/b")),
            variables: BTreeMap::from([("MACHINE_ID".to_string(), given)]),
        }
    }

    fn words(cause: RootCause, component: &str, a: &str, b: &str) -> Words {
        finder().words(cause, component, &text_difference(a, b))
    }

    #[test]
    fn the_values_of_the_harness_are_shown_though_the_record_has_digests() {
        let digest = |value: &str| Digest::of(value.as_bytes()).hex();
        let told = words(RootCause::Env, "env MACHINE_ID", &digest("machine-a"), &digest("machine-b"));
        assert_eq!(told.values, Some(["machine-a".into(), "machine-b".into()]));
        assert_eq!((&*told.what, &*told.set_by), ("another value in each clone", "the workload"));
        let told = words(RootCause::Env, "env TOKEN", &digest("hush"), &digest("more"));
        assert_eq!((told.values, &*told.what), (None, "a value of which kache records only the digest"));
        // The build has changed the variable.
        let told = words(RootCause::Env, "env MACHINE_ID", &digest("x"), &digest("y"));
        assert_eq!(told.values, None);
    }

    #[test]
    fn a_value_is_named_by_what_it_is() {
        let what = |a: &str, b: &str| words(RootCause::Env, "env X", a, b).what;
        assert_eq!(what("/t/a/src", "/t/b/src"), "the checkout's path");
        for (a, b) in [
            ("1795970597", "1795970601"),
            ("built 2026-11-29 at noon", "built 2026-11-30 at noon"),
            ("Nov 29 2026 16:07:39", "Nov 29 2026 16:07:41"),
        ] {
            assert_eq!(what(a, b), "a time", "{a}");
        }
        assert_eq!(what("4711", "4712"), "a number that changes, such as a process id or a counter");
        let uuids = ["0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"];
        assert_eq!(what(uuids[0], uuids[1]), "a hash or random digits");
        assert_eq!(what("red", "green"), "another value in each clone");
        if let Some(host) = host() {
            assert_eq!(what(&format!("on {host}"), "on other"), "this machine's name");
        }
    }

    #[test]
    fn each_kind_names_who_set_it_and_what_to_do() {
        let told = words(RootCause::Flag, "arg --cfg", "clone=\"/t/a\"", "clone=\"/t/b\"");
        assert!(told.set_by.contains("RUSTFLAGS") && told.remedy.contains("relative"), "{told:?}");
        let told =
            words(RootCause::Path, "file <target>/debug/build/p-1/out/place.rs", "\"/t/a\"", "\"/t/b\"");
        assert_eq!(told.set_by, "a build script, which wrote the file");
        assert_eq!(words(RootCause::Env, "env OUT_DIR", "/t/a/x", "/t/b/x").set_by, "cargo");
        let told = words(RootCause::Host, "file /usr/include/a.h", "1", "2");
        assert!(told.set_by.starts_with("this machine"), "{told:?}");
    }
}
