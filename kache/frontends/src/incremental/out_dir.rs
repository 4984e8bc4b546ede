//! The directory of outputs, as rustc is told it.
//!
//! rustc notes for each object that the object depends on the names of outputs (its query `output_filenames`), and so on the
//! directory of outputs as the caller spelled it. cargo spells an absolute path. In another checkout the path is another one, and
//! rustc generates every object again, although no object contains the path. So kache spells the directory relative to the
//! working directory, where that leads to the same name in every checkout.
//!
//! What shows the spelling is spelled back: the announcements of outputs (`core::run`), and the targets of the rules in the
//! dep-info.

use super::notes;
use crate::invocation::Invocation;
use kache_core::paths::Roots;
use kache_core::platform;
use kache_core::template::Respelled;
use std::ffi::OsString;
use std::io;
use std::path::Path;

const FLAG: &str = "--out-dir";

/// How rustc is told the directory of outputs, where that is not as the caller spells it. The working directory must be that of
/// a checkout whose path is mapped.
pub(crate) fn respelled(invocation: &Invocation, roots: &Roots) -> Option<Respelled> {
    invocation.incremental.as_ref()?;
    let is_checkout = |root: &kache_core::paths::Root| root.mapped.is_some() && root.path == invocation.cwd;
    if !roots.iter().any(is_checkout) || invocation.flags.iter().any(notes::leaves_paths) {
        return None;
    }
    let mut given =
        invocation.args.iter().enumerate().filter_map(|(at, arg)| value_at(&invocation.args, at, arg));
    let (own, None) = (given.next()?, given.next()) else { return None };
    let below = own.strip_prefix(invocation.cwd.to_str()?)?.strip_prefix('/')?;
    // A path that is not in its shortest form, or leads elsewhere, stays.
    let is_plain = below.split('/').all(|part| !matches!(part, "" | "." | ".."));
    is_plain.then(|| Respelled { told: below.to_string(), own: own.to_string() })
}

/// The directory that an argument gives, or the argument after it.
fn value_at<'a>(args: &'a [OsString], at: usize, arg: &'a OsString) -> Option<&'a str> {
    match arg.to_str()?.strip_prefix(FLAG)? {
        "" => args.get(at + 1)?.to_str(),
        value => value.strip_prefix('='),
    }
}

/// The caller's arguments, with the directory as rustc is told it.
pub(crate) fn tell(args: &[OsString], respelled: &Respelled) -> Vec<OsString> {
    let mut told = args.to_vec();
    for at in 0..args.len() {
        if value_at(args, at, &args[at]) != Some(&respelled.own) {
            continue;
        }
        if args[at] == FLAG {
            told[at + 1] = respelled.told.clone().into();
        } else {
            told[at] = format!("{FLAG}={}", respelled.told).into();
        }
    }
    told
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
        Some(tell(&invocation.args, &respelled(&invocation, &roots)?)[4..].to_vec())
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
