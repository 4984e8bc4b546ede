//! How rustc is told the directories of a checkout.
//!
//! rustc notes what each object depends on: on the names of outputs (its query `output_filenames`), and so on the directory of
//! outputs as the caller spelled it. The objects of a program with debug information also depend on where each crate was found
//! (`used_crate_source`: rustc asks all crates for visualizers of a debugger). cargo spells absolute paths. In another checkout
//! the paths are others, and rustc generates every object again, although no object contains the paths. So kache spells the
//! directories relative to the working directory, where that leads to the same names in every checkout.
//!
//! What shows the spelling is spelled back: the announcements of outputs (`core::run`), and the targets of the rules in the
//! dep-info. A compile that fails, and whose messages show it, is run again with the caller's arguments ([`shows`]).

use super::notes;
use crate::invocation::Invocation;
use kache_core::paths::Roots;
use kache_core::platform;
use kache_core::template::Respelled;
use memchr::memmem;
use std::ffi::OsString;
use std::io;
use std::path::Path;

const OUTPUTS: &str = "--out-dir";
const CRATE: &str = "--extern";
const CRATES: &str = "-L";

/// How rustc is told the directory of outputs, where that is not as the caller spells it. The working directory must be that of
/// a checkout whose path is mapped.
pub(crate) fn respelled(invocation: &Invocation, roots: &Roots) -> Option<Respelled> {
    invocation.incremental.as_ref()?;
    let is_checkout = |root: &kache_core::paths::Root| root.mapped.is_some() && root.path == invocation.cwd;
    if !roots.iter().any(is_checkout) || invocation.flags.iter().any(notes::leaves_paths) {
        return None;
    }
    let mut given = places(invocation).into_iter().filter(|place| place.flag == OUTPUTS);
    let (place, None) = (given.next()?, given.next()) else { return None };
    Some(Respelled { told: place.told.to_string(), own: place.own.to_string() })
}

/// A path in the arguments that can be spelled relative.
struct Place<'a> {
    flag: &'static str,
    /// The word that it ends.
    word: usize,
    own: &'a str,
    told: &'a str,
}

impl Place<'_> {
    /// The directory that it is or lies in, as rustc is told it.
    fn dir(&self) -> &str {
        match self.flag {
            CRATE => self.told.rsplit_once('/').map_or("", |(dir, _)| dir),
            _ => self.told,
        }
    }
}

/// The paths of outputs and of crates below the working directory.
fn places(invocation: &Invocation) -> Vec<Place<'_>> {
    let args = &invocation.args;
    let is_given = |flag: &str, value: &str| {
        invocation.flags.iter().any(|given| given.row.flag == flag && given.value.as_deref() == Some(value))
    };
    let place = |at: usize| {
        let text = args[at].to_str()?;
        let flag = [OUTPUTS, CRATE, CRATES].into_iter().find(|flag| text.starts_with(flag))?;
        let (word, value) = match text.strip_prefix(flag)? {
            "" => (at + 1, args.get(at + 1)?.to_str()?),
            joined if flag == CRATES => (at, joined),
            joined => (at, joined.strip_prefix('=')?),
        };
        let own = match flag {
            OUTPUTS => value,
            CRATE => value.split_once('=')?.1,
            // Libraries that are no crates are found by the linker.
            _ => value.strip_prefix("dependency=").or_else(|| value.strip_prefix("crate="))?,
        };
        let told = below(invocation.cwd.to_str()?, own)?;
        is_given(flag, value).then_some(Place { flag, word, own, told })
    };
    (0..args.len()).filter_map(place).collect()
}

/// A path relative to a directory that it is below. A path that is not in its shortest form, or leads elsewhere, stays.
fn below<'a>(dir: &str, path: &'a str) -> Option<&'a str> {
    let below = path.strip_prefix(dir)?.strip_prefix('/')?;
    below.split('/').all(|part| !matches!(part, "" | "." | "..")).then_some(below)
}

/// The caller's arguments, with the directories as rustc is told them.
pub(crate) fn tell(invocation: &Invocation) -> Vec<OsString> {
    let mut told = invocation.args.clone();
    for place in places(invocation) {
        let word = invocation.args[place.word].to_str();
        if let Some(start) = word.and_then(|word| word.strip_suffix(place.own)) {
            told[place.word] = format!("{start}{}", place.told).into();
        }
    }
    told
}

/// Whether messages show a directory as rustc was told it: the commands of a linker that failed, or a crate that does not fit.
pub(crate) fn shows(invocation: &Invocation, messages: &[u8]) -> bool {
    let shows = |dir: &str| {
        let dir = format!("{dir}/");
        // As the caller spells it, a slash is before it.
        memmem::find_iter(messages, &dir).any(|at| at == 0 || messages[at - 1] != b'/')
    };
    let places = places(invocation);
    let mut dirs: Vec<&str> = places.iter().map(Place::dir).filter(|dir| !dir.is_empty()).collect();
    dirs.sort_unstable();
    dirs.dedup();
    dirs.into_iter().any(shows)
}

/// Reads a dep-info, after the targets of its rules were spelled as the caller spells them.
///
/// # Errors
/// When the dep-info cannot be read or written.
pub(crate) fn read_depinfo(path: &Path, respelled: Option<&Respelled>) -> io::Result<Vec<u8>> {
    let text = platform::read_regular(path)?;
    let Some(respelled) = respelled else { return Ok(text) };
    let own = spell_targets(&text, respelled);
    if own != text {
        std::fs::write(path, &own)?;
    }
    Ok(own)
}

/// rustc escapes spaces in these paths and nothing else.
fn spell_targets(text: &[u8], respelled: &Respelled) -> Vec<u8> {
    let escaped = |path: &str| format!("{}/", path.replace(' ', "\\ ")).into_bytes();
    let (told, own) = (escaped(&respelled.told), escaped(&respelled.own));
    let mut out = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|b| *b == b'\n') {
        let is_rule = line.windows(2).any(|pair| pair == b": ");
        match line.strip_prefix(&told[..]).filter(|_| is_rule) {
            Some(rest) => out.extend([&own[..], rest].concat()),
            None => out.extend(line),
        }
    }
    out
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::rustc;
    use kache_core::action::Request;

    fn invocation(args: &[&str]) -> Invocation {
        let args = args.iter().map(OsString::from).collect();
        (rustc::FAMILY.parse)(&Request::new("rustc", args, "/w")).unwrap()
    }

    fn told(args: &[&str], root: &str, mapped: Option<&str>) -> Option<Vec<OsString>> {
        let all = [&["--crate-name=l", "l.rs", "-C", "incremental=/w/i"][..], args].concat();
        let invocation = invocation(&all);
        let mut roots = Roots::default();
        roots.add("workspace", root.into(), mapped);
        respelled(&invocation, &roots)?;
        Some(tell(&invocation)[4..].to_vec())
    }

    #[test]
    fn a_directory_below_a_mapped_checkout_is_told_relative() {
        for (args, expected) in [
            (&["--out-dir", "/w/target/debug/deps"][..], Some(vec!["--out-dir", "target/debug/deps"])),
            (&["--out-dir=/w/o"], Some(vec!["--out-dir=o"])),
            (&["--out-dir", "/w"], None),
            (&["--out-dir", "/w2/o"], None),
            (&["--out-dir", "/w/x/../o"], None),
            (&["--out-dir", "/w//o"], None),
            (&["--out-dir", "o"], None),
            (&["--out-dir=/w/o", "-C", "split-debuginfo=packed"], None),
            (
                &["--out-dir=/w/o", "-L", "dependency=/w/o", "--extern", "noprelude:d=/w/o/libd.rlib"],
                Some(vec!["--out-dir=o", "-L", "dependency=o", "--extern", "noprelude:d=o/libd.rlib"]),
            ),
            (
                &["--out-dir=/w/o", "-Ldependency=/w/o", "--extern=d=/w/o/libd.rlib"],
                Some(vec!["--out-dir=o", "-Ldependency=o", "--extern=d=o/libd.rlib"]),
            ),
            (
                &[
                    "--out-dir=/w/o",
                    "-L",
                    "native=/w/o",
                    "-L",
                    "/w/o",
                    "--extern",
                    "d",
                    "--extern=d=/x/d.rlib",
                ],
                Some(vec![
                    "--out-dir=o",
                    "-L",
                    "native=/w/o",
                    "-L",
                    "/w/o",
                    "--extern",
                    "d",
                    "--extern=d=/x/d.rlib",
                ]),
            ),
            // The second word is the name of a file.
            (
                &["--out-dir=/w/o", "-o", "--extern", "--cfg=d=/w/o"],
                Some(vec!["--out-dir=o", "-o", "--extern", "--cfg=d=/w/o"]),
            ),
            (&[], None),
        ] {
            let expected = expected.map(|args| args.into_iter().map(OsString::from).collect::<Vec<_>>());
            assert_eq!(told(args, "/w", Some(".")), expected, "{args:?}");
        }
        assert_eq!(told(&["--out-dir=/w/o"], "/w", None), None);
        assert_eq!(told(&["--out-dir=/w/o"], "/", Some(".")), None);
    }

    #[test]
    fn a_compile_without_state_is_told_what_the_caller_says() {
        let invocation = invocation(&["--crate-name=l", "l.rs", "--out-dir=/w/o"]);
        let mut roots = Roots::default();
        roots.add("workspace", "/w".into(), Some("."));
        assert!(respelled(&invocation, &roots).is_none());
    }

    #[test]
    fn messages_that_show_a_directory_as_told_are_found() {
        let invocation = invocation(&["l.rs", "--out-dir=/w/t/o", "--extern=d=/w/t/deps/libd.rlib"]);
        for (messages, expected) in [
            ("linking with `cc` failed\n \"t/deps/{libd.rlib}\"", true),
            ("t/o/l.o: undefined symbol", true),
            ("error: d: /w/t/deps/libd.rlib", false),
            ("error: src/t.rs: t/op", false),
            ("", false),
        ] {
            assert_eq!(shows(&invocation, messages.as_bytes()), expected, "{messages}");
        }
    }

    #[test]
    fn the_targets_of_dep_info_are_spelled_back() {
        let respelled = Respelled { told: "o p/deps".to_string(), own: "/w/o p/deps".to_string() };
        let text =
            b"o\\ p/deps/l.d: src/l.rs o\\ p/deps/x\n\no\\ p/deps/in.rs:\n\n# env-dep:X=o p/deps/l: \n";
        let expected =
            b"/w/o\\ p/deps/l.d: src/l.rs o\\ p/deps/x\n\no\\ p/deps/in.rs:\n\n# env-dep:X=o p/deps/l: \n";
        let own = spell_targets(text, &respelled);
        assert_eq!(String::from_utf8_lossy(&own), String::from_utf8_lossy(expected));
    }
}
