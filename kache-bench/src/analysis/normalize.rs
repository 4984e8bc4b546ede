//! Replaces what always differs between two clones, so that the rest of a text can be compared: the clone's
//! path, and cargo's 16-digit hashes, which follow from other inputs.

use std::path::{Path, PathBuf};

/// Placeholder for a clone's path.
const PLACE: &str = "<checkout>";
/// Placeholder for cargo's hashes.
const HASH: &str = "<hash>";
/// Number of hex digits in cargo's hashes.
const HASH_DIGITS: usize = 16;

#[derive(Clone, Debug)]
pub struct CloneRoot(PathBuf);

impl CloneRoot {
    pub fn of(root: &Path) -> CloneRoot {
        CloneRoot(root.to_path_buf())
    }

    pub fn root(&self) -> &Path {
        &self.0
    }

    /// Replaces the clone's path in `text` with a placeholder.
    pub fn normalize(&self, text: &str) -> String {
        text.replace(&*self.0.to_string_lossy(), PLACE)
    }

    /// Whether `bytes` contain the clone's path.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        let path = self.0.to_string_lossy();
        contains(bytes, path.as_bytes())
    }
}

pub fn contains(bytes: &[u8], sought: &[u8]) -> bool {
    memchr::memmem::find(bytes, sought).is_some()
}

/// Replaces every run of exactly 16 hex digits in `text` with a placeholder.
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
