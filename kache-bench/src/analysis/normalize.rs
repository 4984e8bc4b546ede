//! Takes out of a text what differs between two clones by nature, so that what is left can be compared.
//!
//! Two things do: the clone's own path, and cargo's 16-digit hashes, which follow from other inputs and are
//! never a cause themselves.

use std::path::{Path, PathBuf};

/// Stands for a clone's path.
const PLACE: &str = "<checkout>";
/// Stands for one of cargo's hashes.
const HASH: &str = "<hash>";
/// How long cargo's hashes are, in hex digits.
const HASH_DIGITS: usize = 16;

/// One clone's own path.
#[derive(Clone, Debug)]
pub struct CloneRoot(PathBuf);

impl CloneRoot {
    /// Of the clone at `root`.
    pub fn of(root: &Path) -> CloneRoot {
        CloneRoot(root.to_path_buf())
    }

    /// The path itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// `text` with the clone's path replaced by a name.
    pub fn normalize(&self, text: &str) -> String {
        text.replace(&*self.0.to_string_lossy(), PLACE)
    }

    /// Whether `bytes` hold the clone's path.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        let path = self.0.to_string_lossy();
        contains(bytes, path.as_bytes())
    }
}

/// Whether `bytes` hold `sought`.
pub fn contains(bytes: &[u8], sought: &[u8]) -> bool {
    let Some((first, rest)) = sought.split_first() else { return true };
    // Skipping to the next first byte is far faster than comparing at each offset.
    let mut left = bytes;
    while let Some(at) = left.iter().position(|byte| byte == first) {
        left = &left[at + 1..];
        if left.starts_with(rest) {
            return true;
        }
    }
    false
}

/// `text` with every run of exactly 16 hex digits, no more and no less, replaced by a name.
pub fn replace_hashes(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut run = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_alphanumeric() {
            run.push(c);
            continue;
        }
        let is_hash =
            run.len() == HASH_DIGITS && run.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        folded.push_str(if is_hash { HASH } else { &run });
        run.clear();
        if c != '\0' {
            folded.push(c);
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_that_length_only() {
        assert_eq!(replace_hashes("libx-0123456789abcdef.rmeta"), "libx-<hash>.rmeta");
        assert_eq!(replace_hashes("0123456789abcdef"), "<hash>");
        assert_eq!(replace_hashes("0123456789abcdef0"), "0123456789abcdef0");
        assert_eq!(replace_hashes("0123456789abcdeg"), "0123456789abcdeg");
    }

    #[test]
    fn places_in_text_and_bytes() {
        let place = CloneRoot::of(Path::new("/t/a/src"));
        assert_eq!(place.normalize("x=/t/a/src/lib.rs"), "x=<checkout>/lib.rs");
        assert!(place.is_in(b"\x00/t/t/a/src\xff"));
        assert!(!place.is_in(b"/t/a/sr"));
    }
}
