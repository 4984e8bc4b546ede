//! The system's Debian mirror and its keys: what apt needs to fetch sources from it.
//!
//! Read from the system's entries for binary packages, old style (`sources.list`) and new style
//! (`*.sources`). Only the distribution's entries are used, not third parties'. The result is new style,
//! since only that can contain a key.

use crate::error::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Suffixes of the distribution's suites.
const SUFFIXES: &[&str] = &["", "-updates", "-security", "/updates"];
/// Names of suites besides the code name.
const ALIASES: &[&str] = &["stable", "testing", "unstable", "sid"];
/// Fields that are kept; old style writes them in lower case.
const KEPT: &[&str] = &["URIs", "Suites", "Components", "Signed-By", "Trusted", "Check-Valid-Until"];

/// The source entries, as the text of a `.sources` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mirror {
    pub text: String,
    /// The mirrors' addresses, for messages.
    pub addresses: Vec<String>,
}

/// The mirror of the system with the root directory `root` (`/` except in tests).
pub(super) fn of_system(root: &Path) -> Result<Mirror> {
    let release = fs::read_to_string(root.join("etc/os-release")).unwrap_or_default();
    let codename = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let codename = codename.unwrap_or_default().trim_matches('"');
    let entries = files(&root.join("etc/apt")).into_iter().flat_map(|file| {
        let text = fs::read_to_string(&file).unwrap_or_default();
        if file.extension().is_some_and(|e| e == "sources") { stanzas(&text) } else { lines(&text) }
    });
    let entries: Vec<_> = entries.filter_map(|entry| entry.of_distribution(codename)).collect();
    if entries.is_empty() {
        return Err(Error::input(format!("apt knows no mirror of this distribution (`{codename}`)"))
            .at(root.join("etc/apt").display())
            .remedy("add a `deb` entry of the distribution to sources.list or sources.list.d/"));
    }
    let mut addresses: Vec<_> = entries.iter().map(|entry| entry.get("URIs").trim().to_owned()).collect();
    addresses.dedup();
    Ok(Mirror { text: entries.iter().map(Entry::text).collect(), addresses })
}

fn files(etc: &Path) -> Vec<PathBuf> {
    let parts = fs::read_dir(etc.join("sources.list.d")).into_iter().flatten().flatten();
    let mut files: Vec<_> = parts.map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "sources" || e == "list"));
    files.sort();
    files.insert(0, etc.join("sources.list"));
    files
}

/// Fields of one entry, with continuation lines.
#[derive(Clone, Debug, Default)]
struct Entry(Vec<(String, String)>);

impl Entry {
    fn get(&self, field: &str) -> &str {
        let found = self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(field));
        found.map_or("", |(_, value)| value.trim())
    }

    /// The entry with the distribution's suites only; `None` if it has none or is not for binary packages.
    fn of_distribution(self, codename: &str) -> Option<Entry> {
        let off = ["no", "false", "0"].iter().any(|off| self.get("Enabled").eq_ignore_ascii_case(off));
        if off || !self.get("Types").split_whitespace().any(|kind| kind == "deb") {
            return None;
        }
        let names: Vec<_> =
            ALIASES.iter().copied().chain([codename]).filter(|name| !name.is_empty()).collect();
        let is_own = |suite: &&str| {
            names.iter().any(|name| suite.strip_prefix(name).is_some_and(|rest| SUFFIXES.contains(&rest)))
        };
        let suites: Vec<_> = self.get("Suites").split_whitespace().filter(is_own).collect();
        // Third parties use the distribution's suite names as well, but without the component `main`.
        if suites.is_empty()
            || !self.get("Components").split_whitespace().any(|component| component == "main")
        {
            return None;
        }
        let suites = suites.join(" ");
        let mut kept = vec![("Types".to_owned(), "deb-src".to_owned())];
        for field in KEPT {
            let value = if *field == "Suites" { &*suites } else { self.get(field) };
            if !value.is_empty() {
                kept.push(((*field).to_owned(), value.to_owned()));
            }
        }
        Some(Entry(kept))
    }

    fn text(&self) -> String {
        let fields: String = self.0.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        format!("{fields}\n")
    }
}

/// New style: paragraphs of `Field: value`, with continuation lines that begin with a space.
fn stanzas(text: &str) -> Vec<Entry> {
    let mut entries = vec![Entry::default()];
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some(entry) = entries.last_mut() else { continue };
        if line.trim().is_empty() {
            entries.push(Entry::default());
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = entry.0.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            entry.0.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    entries
}

/// Old style: `deb [option=value …] address suite component…`.
fn lines(text: &str) -> Vec<Entry> {
    text.lines().filter_map(|line| old_style(line.split('#').next().unwrap_or_default())).collect()
}

fn old_style(line: &str) -> Option<Entry> {
    let (kind, rest) = line.trim().split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    let (address, suite) = (words.next()?, words.next()?);
    let components: Vec<_> = words.collect();
    let mut fields = vec![
        ("Types".to_owned(), kind.to_owned()),
        ("URIs".to_owned(), address.to_owned()),
        ("Suites".to_owned(), suite.to_owned()),
        ("Components".to_owned(), components.join(" ")),
    ];
    let options = options.split_whitespace().filter_map(|option| option.split_once('='));
    fields.extend(options.map(|(name, value)| (name.to_owned(), value.replace(',', " "))));
    Some(Entry(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = root.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        root
    }

    #[test]
    fn the_distributions_own_entries_are_taken_and_third_parties_left() {
        let root = system(&[
            ("etc/os-release", "NAME=x\nVERSION_CODENAME=bookworm\n"),
            (
                "etc/apt/sources.list.d/debian.sources",
                "# a comment\nTypes: deb\nURIs: http://mirror/debian\nSuites: bookworm bookworm-updates bookworm-extra\n\
                 Components: main\nSigned-By:\n -----BEGIN PGP-----\n .\n abc\n\n\
                 Enabled: no\nTypes: deb\nURIs: http://off/debian\nSuites: bookworm\nComponents: main\n",
            ),
            ("etc/apt/sources.list.d/docker.list", "deb [arch=amd64] https://docker bookworm stable\n"),
            (
                "etc/apt/sources.list.d/node.sources",
                "Types: deb\nURIs: https://node\nSuites: nodistro\nComponents: main\n",
            ),
        ]);
        let mirror = of_system(root.path()).unwrap();
        assert_eq!(
            mirror.text,
            "Types: deb-src\nURIs: http://mirror/debian\nSuites: bookworm bookworm-updates\nComponents: main\n\
             Signed-By: -----BEGIN PGP-----\n .\n abc\n\n"
        );
        assert_eq!(mirror.addresses, ["http://mirror/debian"]);
    }

    #[test]
    fn old_style_entries_are_put_in_the_new_style() {
        let root = system(&[
            ("etc/os-release", "VERSION_CODENAME=\"noble\"\n"),
            (
                "etc/apt/sources.list",
                "deb [arch=amd64 signed-by=/k.gpg] http://m/ubuntu noble-security main universe # why\n\
                 deb-src http://m/ubuntu noble main\n",
            ),
        ]);
        let mirror = of_system(root.path()).unwrap();
        assert_eq!(
            mirror.text,
            "Types: deb-src\nURIs: http://m/ubuntu\nSuites: noble-security\nComponents: main universe\nSigned-By: /k.gpg\n\n"
        );
    }

    #[test]
    fn no_mirror_is_said_with_a_remedy() {
        let root = system(&[("etc/os-release", "VERSION_CODENAME=bookworm\n")]);
        let error = of_system(root.path()).unwrap_err();
        assert_eq!(error.status(), 2);
        assert!(error.to_string().contains("bookworm") && error.to_string().contains("remedy"), "{error}");
    }
}
