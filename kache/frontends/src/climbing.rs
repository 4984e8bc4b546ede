//! Words of a command line that lead out of a root by `..`, and where they lead.
//!
//! A relative word is in the key as it was given, and so is the rest of a path below a root. The same word can lead back into the
//! checkout that the command is for, and from another checkout lead into the first one: `../one/lib`, from `/w/one` and from
//! `/w/two`. Compilers make some paths real before they open a file (rustc: those of crates; gcc: the one of `--sysroot`) or compare
//! directories by their numbers, so the record of the run does not show the difference. Such a word is therefore in the key by its
//! real path as well, below a root by the root's name.

use kache_core::paths::{Roots, absolute, real};
use std::path::{Component, Path};

/// The words, or parts of words, that lead out of a root, each with the portable form of the real path.
pub fn leads<'a>(words: impl Iterator<Item = &'a str>, cwd: &Path, roots: &Roots) -> Vec<(String, Vec<u8>)> {
    let climbs = words.filter(|word| word.contains("..")).flat_map(paths);
    let climbs = climbs.map(|part| (part, absolute(cwd, Path::new(part))));
    let climbs = climbs.filter(|(_, path)| roots.is_left_by(path).unwrap_or(true));
    climbs
        .map(|(part, path)| (part.to_string(), roots.portable(real(&path).as_os_str().as_encoded_bytes())))
        .collect()
}

/// What may be a path in a word: what stands between the separators that compilers and linkers know, and the same after a flag of one
/// letter.
fn paths(word: &str) -> impl Iterator<Item = &str> {
    let parts = word.split(['=', ',', ':', ';', '@', ' ', '\n', '\t', '"', '\'']);
    let both = parts.flat_map(|part| {
        let after_flag = part.strip_prefix('-').and_then(|rest| rest.get(1..));
        [Some(part), after_flag].into_iter().flatten()
    });
    both.filter(|part| Path::new(part).components().any(|c| c == Component::ParentDir))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn led(word: &str, from: &str) -> Vec<String> {
        let place = tempfile::tempdir().unwrap();
        let top = place.path().canonicalize().unwrap();
        for dir in ["one/lib", "one/build", "two/lib", "two/build", "other"] {
            std::fs::create_dir_all(top.join(dir)).unwrap();
        }
        let cwd = top.join(from);
        let mut roots = Roots::default();
        roots.add("workspace", top.join(Path::new(from).iter().next().unwrap()), Some("."));
        let word = word.replace("TOP", top.to_str().unwrap());
        let top = format!("{}/", top.display());
        let all = leads([word.as_str()].into_iter(), &cwd, &roots).into_iter();
        all.map(|(_, to)| String::from_utf8(to).unwrap().replace(&top, "")).collect()
    }

    #[test]
    fn a_word_that_leads_out_of_the_checkout_counts_by_where_it_leads() {
        for (word, from, wanted) in [
            ("lib/x.h", "one", vec![]),
            ("lib/../build", "one", vec![]),
            ("../lib/x.h", "one/build", vec![]),
            ("../one/lib", "one", vec!["<workspace>/lib"]),
            ("../one/lib", "two", vec!["one/lib"]),
            ("foo=../one/lib/libfoo.rlib", "one", vec!["<workspace>/lib/libfoo.rlib"]),
            ("-L../two/lib", "two", vec!["two/-L../two/lib", "<workspace>/lib"]),
            ("-Wl,-L../../one/lib,--x", "one/build", vec!["<workspace>/lib"]),
            ("TOP/one/../one/lib", "one", vec!["<workspace>/lib"]),
            ("TOP/one/../one/lib", "two", vec!["one/lib"]),
            ("../none/at/../all", "one", vec!["none/at/../all"]),
        ] {
            let mut found = led(word, from);
            found.retain(|path| !path.contains("-L"));
            let mut wanted = wanted;
            wanted.retain(|path| !path.contains("-L"));
            assert_eq!(found, wanted, "{word} from {from}");
        }
    }
}
