//! What rustdoc has written for one crate, as one file.

use super::index::{DIRECTORY, Files};
use super::template;
use kache_core::codec::{Reader, Writer};
use kache_core::platform::{self, EntryType};
use std::io;
use std::path::Path;

const MAGIC: &[u8; 8] = b"kachedc1";

/// rustdoc's own lock of the directory.
pub(super) const LOCK: &str = ".lock";

/// Directories that all crates share.
pub(super) const SHARED: &[&str] = &["src", "static.files", "search.index", "trait.impl", "type.impl"];

/// What becomes of a file in a documentation directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// A page of the crate, or a file that is the same for all crates, or that the last crate writes.
    Own,
    /// A list with fragments of every crate.
    Template,
    Index,
}

/// What becomes of a file of a crate. `None` for one that rustdoc 1.95 does not write: it may be shared in another way.
pub(super) fn sort(path: &str, name: &str) -> Option<Sort> {
    let top = path.split('/').next().unwrap_or_default();
    let is_source = || path.strip_prefix("src/").is_some_and(|rest| rest.split('/').next() == Some(name));
    if path.starts_with(DIRECTORY) {
        Some(Sort::Index)
    } else if matches!(path, "crates.js" | "src-files.js") || top == "trait.impl" || top == "type.impl" {
        Some(Sort::Template)
    } else {
        let is_page = matches!(path, "help.html" | "settings.html") || top == path && path.ends_with(".css");
        (top == name || top == "static.files" || is_source() || is_page).then_some(Sort::Own)
    }
}

/// Reads the files that rustdoc has written into an empty directory.
pub(super) fn read(dir: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    add(dir, "", &mut files)?;
    Ok(files)
}

fn add(dir: &Path, prefix: &str, files: &mut Files) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).ok_or(io::ErrorKind::InvalidData)?;
        let relative = format!("{prefix}{name}");
        match platform::entry(&path)?.0 {
            EntryType::Directory => add(&path, &format!("{relative}/"), files)?,
            EntryType::File if relative == LOCK => {}
            EntryType::File => _ = files.insert(relative, std::fs::read(&path)?),
            _ => return Err(io::Error::other(format!("{relative} is not a file"))),
        }
    }
    Ok(())
}

/// Says of which file kache does not know how crates share it.
pub(super) fn unknown(files: &Files, name: &str) -> Option<String> {
    let is_known = |path: &str, file: &[u8]| match sort(path, name) {
        None => false,
        Some(Sort::Template) => template::is_template(file),
        Some(_) => true,
    };
    files.iter().find(|(path, file)| !is_known(path, file)).map(|(path, _)| path.clone())
}

/// Files as bytes.
pub(super) fn encode<'a>(files: impl ExactSizeIterator<Item = (&'a String, &'a Vec<u8>)>) -> Vec<u8> {
    let mut out = Writer::new(MAGIC);
    out.num(files.len() as u64);
    for (path, file) in files {
        out.bytes(path.as_bytes());
        out.bytes(file);
    }
    out.finish()
}

/// Bytes as files. A path that leads out of the directory is none.
pub(super) fn decode(bytes: &[u8]) -> Option<Files> {
    let mut bytes = Reader::open(bytes, MAGIC)?;
    let mut files = Files::new();
    for _ in 0..bytes.count()? {
        let path = std::str::from_utf8(bytes.bytes()?).ok()?;
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return None;
        }
        files.insert(path.to_string(), bytes.bytes()?.to_vec());
    }
    bytes.at_end().then_some(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_the_same_after_they_are_written_and_read() {
        let files: Files =
            [("a/b.html", "x"), ("crates.js", "")].map(|(p, f)| (p.to_string(), f.into())).into();
        let bytes = encode(files.iter());
        assert_eq!(decode(&bytes), Some(files));
        assert_eq!(decode(&bytes[1..]), None);
        for path in ["../a", "/a", "a//b", "."] {
            let files: Files = [(path.to_string(), Vec::new())].into();
            assert_eq!(decode(&encode(files.iter())), None, "{path}");
        }
    }

    #[test]
    fn a_file_that_may_be_shared_in_another_way_is_unknown() {
        for (path, expected) in [
            ("search.index/root.js", Some(Sort::Index)),
            ("crates.js", Some(Sort::Template)),
            ("trait.impl/core/trait.Send.js", Some(Sort::Template)),
            ("c/index.html", Some(Sort::Own)),
            ("src/c/lib.rs.html", Some(Sort::Own)),
            ("static.files/a.js", Some(Sort::Own)),
            ("help.html", Some(Sort::Own)),
            ("theme.css", Some(Sort::Own)),
            ("index.html", None),
            ("search-index.js", None),
            ("other/index.html", None),
            ("src/other/lib.rs.html", None),
        ] {
            assert_eq!(sort(path, "c"), expected, "{path}");
        }
    }
}
