//! Rows of the tables of trust, and how they match.

use super::{Act, Actor, Passage, UnusedClock};
use crate::template::contains;
use std::path::Path;

/// A row: what it matches, and why.
#[derive(Debug)]
pub struct Excuse {
    /// A path (of a directory with all that is below it where it ends in `/`), a variable, a program's name, or a part of a
    /// symbol's name.
    pub what: &'static str,
    pub why: &'static str,
}

/// A program that reads the clock as it starts, for nothing that it could say later.
#[derive(Debug)]
pub struct ClockAtStart {
    /// The program's name.
    pub what: &'static str,
    /// Arguments with which the program does no more than start and end.
    pub arguments: &'static [&'static str],
    /// Text in an argument that makes the program use its start time: then no call is excused.
    pub unless: &'static [&'static str],
    /// The calls that are made then may be made again.
    pub again: bool,
    /// What it asks of how much time has passed goes into nothing that it is asked for.
    pub timers: bool,
    pub why: &'static str,
}

/// What a program does with the times of files, beside what it was told to do with their contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileTimes {
    /// It neither compares nor prints them.
    Nothing,
    /// It compares those of two files where a script asks it to, one after the other.
    ComparesTwo,
    Compares,
    /// It compares those of files, and not of directories.
    ComparesFiles,
    /// It compares them where its options are these letters alone, and else prints them.
    ComparesWith(&'static str),
    /// It neither compares nor prints them where its first word is one of these, and else prints them.
    NothingIn(&'static [&'static str]),
    /// It may put those of what it packs into an archive. The front end of a foreign action looks into the archives.
    Packs,
    /// It prints them, or hands them to a script.
    Tells,
}

impl FileTimes {
    /// Of a program that is not known. A script in the linker's place finds files, and is taken to do no more.
    pub fn of_unknown(actor: Actor) -> FileTimes {
        if actor == Actor::Process { FileTimes::Tells } else { FileTimes::Nothing }
    }
}

/// A tool that sizes what it works with by facts about the host, and makes the same whatever they are.
#[derive(Debug)]
pub struct SizedBy {
    /// The tool's name.
    pub what: &'static str,
    pub facts: &'static [&'static str],
    /// The argument without which the tool prints the sizes, if there is one.
    pub with: Option<&'static str>,
    /// Texts in an argument with which the tool prints the sizes.
    pub unless: &'static [&'static str],
    /// A fact, and the act of asking for the fact where the tool prints the sizes. Any other fact counts then as any program's.
    pub printed: Option<(&'static str, Act)>,
    pub why: &'static str,
}

impl SizedBy {
    /// The act of asking for a fact in a call with these arguments; `None` where the row does not tell.
    pub fn act(&self, fact: &[u8], arguments: Option<&[Vec<u8>]>) -> Option<Act> {
        let is = |own: &str| own.as_bytes() == fact;
        if self.facts.iter().any(|own| is(own)) && self.prints_nothing(arguments) {
            return Some(Act::SizesBuffer);
        }
        self.printed.filter(|(own, _)| is(own)).map(|(_, act)| act)
    }

    fn prints_nothing(&self, arguments: Option<&[Vec<u8>]>) -> bool {
        let has = |word: &str| arguments.is_some_and(|all| all.iter().any(|own| own == word.as_bytes()));
        let tells = |argument: &Vec<u8>| self.unless.iter().any(|word| contains(argument, word.as_bytes()));
        self.with.is_none_or(has) && !arguments.is_some_and(|all| all.iter().any(tells))
    }
}

/// A program that is known for what it does with the times of files, if root alone can replace it.
#[derive(Debug)]
pub struct FileTimesOf {
    /// The program's name.
    pub what: &'static str,
    pub does: FileTimes,
    pub why: &'static str,
}

/// A program that runs scripts, and hands the times of files to those that ask for them.
#[derive(Debug)]
pub struct RunsScripts {
    /// The program's name.
    pub what: &'static str,
    /// Words by which a script asks for the times of files.
    pub times: &'static [&'static str],
    /// Words by which a script asks for times by way of when the program started, or of what was looked at before the script was
    /// read.
    pub start: &'static [&'static str],
    /// Passages of scripts that have such words and tell no time.
    pub passages: &'static [Passage],
    /// Lines of scripts that ask for the time in vain.
    pub unused_clock: &'static [UnusedClock],
    /// Parts of the paths of scripts that have such words and hand on no times, where root alone can replace them.
    pub own: &'static [&'static str],
    /// Parts of the paths of scripts that the program makes itself, out of what it has read.
    pub made: &'static [&'static str],
    /// Ends of the names of files that are no scripts.
    pub data: &'static [&'static str],
    /// Whether the program asks for the time for purposes of its own, and hands it to no script without such a word.
    pub asks_the_clock: bool,
    /// Whether the program reads no script from standard input.
    pub takes_no_input: bool,
    pub why: &'static str,
}

impl Excuse {
    /// Whether it matches a name: whole, or by the prefix before a `*`.
    pub fn names(&self, name: &[u8]) -> bool {
        match self.what.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix.as_bytes()),
            None => name == self.what.as_bytes(),
        }
    }
}

/// Whether a row matches a name.
pub fn names(table: &[Excuse], name: &[u8]) -> bool {
    table.iter().any(|row| row.names(name))
}

/// Whether a row's path matches: as it is, or all that lies below one that ends in `/`. A component `*` matches any one, and
/// `**` any number of them. A path that leaves the directories that it names by `..` matches nothing.
pub fn is_below(what: &str, path: &[u8]) -> bool {
    if !may_match(what.as_bytes(), path) {
        return false;
    }
    let literal = what.split('*').next().unwrap_or(what);
    if literal.len() < what.len() {
        let parts = |path: &'_ [u8]| path.split(|b| *b == b'/').map(<[u8]>::to_vec).collect::<Vec<_>>();
        return path.starts_with(literal.as_bytes())
            && !leaves(path)
            && matches(&parts(what.as_bytes()), &parts(path));
    }
    is_at_or_below(what, path) && !leaves(path)
}

/// The same without patterns, and without regard to where a `..` leads.
pub fn is_at_or_below(what: &str, path: &[u8]) -> bool {
    match what.strip_suffix('/') {
        Some(directory) => path.starts_with(what.as_bytes()) || path == directory.as_bytes(),
        None => path == what.as_bytes(),
    }
}

/// Whether the first bytes leave it open that a row matches: each path of a trace is held against each row, and most differ there.
fn may_match(what: &[u8], path: &[u8]) -> bool {
    let first = what.iter().zip(path).take(4).find(|(own, other)| **own == b'*' || own != other);
    first.is_none_or(|(own, _)| *own == b'*')
}

fn leaves(path: &[u8]) -> bool {
    path.split(|b| *b == b'/').any(|part| part == b"..")
}

fn matches(pattern: &[Vec<u8>], path: &[Vec<u8>]) -> bool {
    match pattern {
        [] => path.is_empty(),
        [any, rest @ ..] if any == b"**" => (0..=path.len()).any(|skipped| matches(rest, &path[skipped..])),
        [first, rest @ ..] => {
            path.first().is_some_and(|part| part == first || first == b"*" && !part.is_empty())
                && matches(rest, &path[1..])
        }
    }
}

/// Whether a library has a row and lies where the system keeps its libraries: a plugin may well be called `m`.
pub fn is_system_library(table: &[Excuse], path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let system = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"].iter().any(|d| path.starts_with(d));
    let kernel = path.parent().is_none_or(|p| p.as_os_str().is_empty());
    (system || kernel) && table.iter().any(|row| name.starts_with(row.what))
}

/// A program's name without the target in front and the version at the end: `x86_64-linux-gnu-ld-12` is `ld`, where
/// that is known.
pub fn plain_name(names: impl Iterator<Item = &'static str> + Clone, file_name: &str) -> &str {
    if names.clone().any(|name| name == file_name) {
        return file_name;
    }
    // `ld.lld`, `ld.bfd`, `ld.gold` are linkers by their first part.
    let first = file_name.split('.').next().unwrap_or(file_name);
    let plain = first.trim_end_matches(|c: char| c.is_ascii_digit());
    let plain = plain.strip_suffix('-').unwrap_or(plain);
    for known in names {
        let is = |name: &str| name.strip_suffix(known).is_some_and(|b| b.is_empty() || b.ends_with('-'));
        if is(first) || is(plain) {
            return known;
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_excuses_the_path_that_it_names_and_no_longer_one() {
        for (what, path, expected) in [
            ("/dev/null", "/dev/null", true),
            ("/dev/null", "/dev/null0", false),
            ("/sys/kernel/mm/", "/sys/kernel/mm", true),
            ("/sys/kernel/mm/", "/sys/kernel/mm/a/b", true),
            ("/sys/kernel/mm/", "/sys/kernel/mmx", false),
            ("/sys/kernel/mm/", "/sys/kernel/mm/../../../etc/passwd", false),
            ("/dev/fd/*", "/dev/fd/7", true),
            ("/dev/fd/*", "/dev/fd/7/secret", false),
            ("/dev/fd/*", "/dev/fd/", false),
            ("/sys/fs/cgroup/**/cpu.max", "/sys/fs/cgroup/cpu.max", true),
            ("/sys/fs/cgroup/**/cpu.max", "/sys/fs/cgroup/a/b/cpu.max", true),
            ("/sys/fs/cgroup/**/cpu.max", "/sys/fs/cgroup/a/memory.current", false),
        ] {
            assert_eq!(is_below(what, path.as_bytes()), expected, "{what} {path}");
        }
    }
}
