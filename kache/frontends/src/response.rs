//! Response files (`@file`) as gcc and clang read them: words between blanks, with quotes and backslashes (libiberty's
//! `buildargv`).

use kache_core::paths::absolute;
use kache_core::platform;
use kache_core::reason::{NotCacheable, Reason, refuse};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A command line with the words of its response files.
pub struct Opened {
    pub words: Vec<String>,
    /// Each response file with its contents. Their words are in the key, so the files are not dependencies.
    pub files: Vec<(PathBuf, Vec<u8>)>,
}

/// The limit of response files that name others.
const DEEPEST: usize = 8;

pub fn open(args: &[OsString], cwd: &Path) -> Result<Opened, NotCacheable> {
    let mut opened = Opened { words: Vec::with_capacity(args.len()), files: Vec::new() };
    for arg in args {
        word(text(arg)?.to_string(), cwd, 0, &mut opened)?;
    }
    Ok(opened)
}

fn word(text: String, cwd: &Path, depth: usize, opened: &mut Opened) -> Result<(), NotCacheable> {
    let Some(name) = text.strip_prefix('@') else {
        opened.words.push(text);
        return Ok(());
    };
    if depth == DEEPEST {
        return refuse(Reason::ResponseFile, format!("{name}: response files name each other too deeply"));
    }
    let (path, inside) = read(name, cwd)?;
    opened.files.push((path, inside.clone().into_bytes()));
    split(&inside).into_iter().try_for_each(|w| word(w, cwd, depth + 1, opened))
}

/// An argument as text.
pub fn text(arg: &OsString) -> Result<&str, NotCacheable> {
    let refused = || NotCacheable::new(Reason::NotUtf8, format!("{} is not UTF-8", arg.to_string_lossy()));
    arg.to_str().ok_or_else(refused)
}

/// The path and the text of a response file.
pub fn read(name: &str, cwd: &Path) -> Result<(PathBuf, String), NotCacheable> {
    let refused = |why: String| NotCacheable::new(Reason::ResponseFile, format!("{name}: {why}"));
    let path = absolute(cwd, Path::new(name));
    let bytes = platform::read_regular(&path).map_err(|e| refused(e.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| refused("not UTF-8".to_string()))?;
    Ok((path, text))
}

pub fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', _) => word.get_or_insert_default().extend(chars.next()),
            (c, Some(q)) if c == q => quote = None,
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_ascii_whitespace() || c == '\x0b' => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_the_compiler_does() {
        assert_eq!(
            split("-DA='x y' -I\"/a b\"\n  -DQ=\\\"q\\\" '' x\\ y\\\\"),
            ["-DA=x y", "-I/a b", "-DQ=\"q\"", "", "x y\\"]
        );
    }

    #[test]
    fn files_may_name_files_but_not_themselves() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "-c @b").unwrap();
        std::fs::write(dir.path().join("b"), "x.c").unwrap();
        std::fs::write(dir.path().join("me"), "@me").unwrap();
        let opened = open(&["@a".into(), "-g".into()], dir.path()).unwrap();
        assert_eq!(opened.words, ["-c", "x.c", "-g"]);
        assert_eq!(opened.files.len(), 2);
        assert_eq!(open(&["@me".into()], dir.path()).err().unwrap().reason, Reason::ResponseFile);
        assert_eq!(open(&["@none".into()], dir.path()).err().unwrap().reason, Reason::ResponseFile);
    }
}
