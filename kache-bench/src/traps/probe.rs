//! Probes: the values in which the result of a cache and the plain compiler's are compared.
//!
//! Artifacts cannot always be compared byte for byte, since a cache may map paths on purpose. So each case
//! defines where a wrong result would show.

use super::project::{Probe, TestProject};
use serde_json::Value;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Command;

impl Probe {
    /// The value of the probe. `messages` is the output of the compilers.
    pub fn evaluate(&self, project: &TestProject, messages: &str) -> String {
        match self {
            Probe::Prints(program) => prints(project, &project.path(program)),
            Probe::Says(file) => read(&project.path(file), said),
            Probe::Messages => messages.to_owned(),
            Probe::UpToDate => up_to_date(messages),
            Probe::Text(file) => {
                read(&project.path(file), |bytes| String::from_utf8_lossy(bytes).into_owned())
            }
            Probe::Rules(file) => read(&project.path(file), rules),
            Probe::Bytes(file) => read(&project.path(file), |bytes| format!("{:016x}", digest(bytes))),
            Probe::Foreign(file) => read(&project.path(file), |bytes| foreign(project, bytes)),
            Probe::By(function) => function(project),
        }
    }
}

fn read(path: &Path, show: impl FnOnce(&[u8]) -> String) -> String {
    fs::read(path).map_or_else(|e| format!("{}: {e}", path.display()), |bytes| show(&bytes))
}

fn prints(project: &TestProject, program: &Path) -> String {
    let ran =
        Command::new(program).current_dir(project.here()).env_clear().envs(project.base().iter()).output();
    match ran {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Ok(output) => output.status.to_string(),
        Err(e) => format!("{}: {e}", program.display()),
    }
}

fn rules(bytes: &[u8]) -> String {
    let joined = String::from_utf8_lossy(bytes).replace("\\\n", " ");
    let line = |line: &str| line.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    joined.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Each target with `fresh` or `built`, in the order of cargo's messages.
fn up_to_date(messages: &str) -> String {
    let target = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        let how = if message["fresh"].as_bool()? { "fresh" } else { "built" };
        Some(format!("{} {how}", message["target"]["name"].as_str()?))
    };
    let found: Vec<String> = messages.lines().filter_map(target).collect();
    if found.is_empty() { "cargo names no target".into() } else { found.join(", ") }
}

/// All words in `SAID=<…>`, in order, without duplicates.
pub fn said(bytes: &[u8]) -> String {
    const BEGIN: &[u8] = b"SAID=<";
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(BEGIN.len()).position(|window| window == BEGIN) {
        rest = &rest[at + BEGIN.len()..];
        let end = rest.iter().position(|&b| b == b'>').unwrap_or(rest.len());
        let word = String::from_utf8_lossy(&rest[..end]).into_owned();
        if !found.contains(&word) {
            found.push(word);
        }
    }
    if found.is_empty() { "nothing".into() } else { found.join(" | ") }
}

/// A digest that is stable within one process.
pub fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

fn foreign(project: &TestProject, bytes: &[u8]) -> String {
    let names = |place: &Path| {
        // With the separator, since one path can be a prefix of another.
        let text = format!("{}/", place.display()).into_bytes();
        let bare = &text[..text.len() - 1];
        let followed = |at: usize| bytes.get(at + bare.len()).is_none_or(|b| !b.is_ascii_alphanumeric());
        bytes.windows(bare.len()).enumerate().any(|(at, window)| window == bare && followed(at))
    };
    let found = project.elsewhere().find(|place| names(place));
    found.map_or_else(|| "no other checkout".into(), |place| format!("names {}", place.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_found_among_bytes() {
        assert_eq!(said(b"\x00SAID=<a b>\xffSAID=<c>SAID=<a b>"), "a b | c");
        assert_eq!(said(b"SAID=<cut"), "cut");
        assert_eq!(said(b"SAID"), "nothing");
    }

    #[test]
    fn targets_are_found_among_other_lines() {
        let artifact = |name: &str, fresh: bool| {
            format!(
                "{{\"reason\":\"compiler-artifact\",\"target\":{{\"name\":\"{name}\"}},\"fresh\":{fresh}}}\n"
            )
        };
        let other = "warning: x\n{\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(
            up_to_date(&[&artifact("p", true), other, &artifact("q", false)].concat()),
            "p fresh, q built"
        );
        assert_eq!(up_to_date(other), "cargo names no target");
    }

    #[test]
    fn where_a_depfile_is_broken_does_not_show() {
        assert_eq!(
            rules(b"a.o: a.c \\\n  b\\ c.h\n\nb\\ c.h:\n"),
            rules(b"a.o: \\\n a.c b\\ c.h\n\nb\\ c.h:\n")
        );
        assert_ne!(rules(b"a.o: a.c\n"), rules(b"a.o: a.c b.h\n"));
    }
}
