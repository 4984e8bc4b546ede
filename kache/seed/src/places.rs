//! Text with the two directories of a build that another checkout has elsewhere: the target directory and the workspace.
//!
//! A stored text names them by NUL and a letter. Neither arguments nor variables hold NUL.

use kache_core::codec::{Reader, Writer};
use kache_core::platform;
use memchr::memmem;
use std::path::PathBuf;

const TARGET: u8 = b't';
const WORKSPACE: u8 = b'w';

/// The two directories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    pub target: PathBuf,
    pub workspace: PathBuf,
}

impl Places {
    /// The directories, the longer path first: one may lie in the other.
    fn all(&self) -> [(u8, &[u8]); 2] {
        let (target, workspace) = (self.target.as_os_str(), self.workspace.as_os_str());
        let mut all = [(TARGET, target.as_encoded_bytes()), (WORKSPACE, workspace.as_encoded_bytes())];
        all.sort_by_key(|(_, path)| std::cmp::Reverse(path.len()));
        all
    }

    pub fn write(&self, w: &mut Writer) {
        w.bytes(self.target.as_os_str().as_encoded_bytes());
        w.bytes(self.workspace.as_os_str().as_encoded_bytes());
    }

    pub fn read(r: &mut Reader) -> Option<Places> {
        let mut path = || Some(PathBuf::from(platform::os_str(r.bytes()?)));
        Some(Places { target: path()?, workspace: path()? })
    }

    /// The text for every checkout. `None` where a path may or may not be meant.
    pub fn portable(&self, text: &[u8]) -> Option<Vec<u8>> {
        if text.contains(&0) {
            return None;
        }
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        loop {
            let found = self.all().into_iter().filter_map(|(mark, path)| {
                let at = memmem::find_iter(rest, path).find(|at| ends(&rest[at + path.len()..]))?;
                Some((at, std::cmp::Reverse(path.len()), mark))
            });
            let Some((at, std::cmp::Reverse(length), mark)) = found.min() else {
                out.extend(rest);
                return Some(out);
            };
            if !begins(&rest[..at]) {
                return None;
            }
            out.extend(&rest[..at]);
            out.extend([0, mark]);
            rest = &rest[at + length..];
        }
    }

    /// The text for this checkout. `None` for what [`Places::portable`] does not make.
    pub fn local(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut pieces = text.split(|b| *b == 0);
        let mut out = pieces.next()?.to_vec();
        for piece in pieces {
            let (mark, rest) = piece.split_first()?;
            let (_, path) = self.all().into_iter().find(|(known, _)| known == mark)?;
            out.extend(path);
            out.extend(rest);
        }
        Some(out)
    }

    /// Whether a text has one of the paths in it, in whatever way.
    pub fn are_in(&self, text: &[u8]) -> bool {
        self.all().iter().any(|(_, path)| memmem::find(text, path).is_some())
    }
}

/// Whether the last name of a path ends before this text: `/home/u/p2` does not name `/home/u/p`.
fn ends(after: &[u8]) -> bool {
    !after.first().is_some_and(|b| b.is_ascii_alphanumeric() || b"._-".contains(b) || *b >= 0x80)
}

/// Whether a path begins after this text: `/backup/home/u/p` does not name `/home/u/p`. `-L/path` and `-I/path` do.
fn begins(before: &[u8]) -> bool {
    let Some(last) = before.last() else { return true };
    let continues = last.is_ascii_alphanumeric() || b"._-/".contains(last) || *last >= 0x80;
    !continues || before == b"-L" || before == b"-I" || before.ends_with(b"=-L")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(workspace: &str) -> Places {
        Places { target: format!("{workspace}/target").into(), workspace: workspace.into() }
    }

    #[test]
    fn a_text_is_moved_to_another_checkout() {
        let (one, two) = (places("/home/u/p"), places("/work/trees/q"));
        for (here, there) in [
            ("dependency=/home/u/p/target/debug/deps", "dependency=/work/trees/q/target/debug/deps"),
            ("/home/u/p", "/work/trees/q"),
            ("/home/u/p/src:/home/u/p/target:/usr/lib", "/work/trees/q/src:/work/trees/q/target:/usr/lib"),
            ("-L/home/u/p/native", "-L/work/trees/q/native"),
            ("/home/u/p2/src", "/home/u/p2/src"),
            ("/home/u/p-old", "/home/u/p-old"),
            ("plain", "plain"),
        ] {
            let portable = one.portable(here.as_bytes()).unwrap();
            assert_eq!(one.local(&portable).unwrap(), here.as_bytes());
            assert_eq!(String::from_utf8(two.local(&portable).unwrap()).unwrap(), there);
        }
    }

    #[test]
    fn what_may_be_the_end_of_another_path_is_not_moved() {
        let one = places("/home/u/p");
        for text in ["/backup/home/u/p/src", "x/home/u/p", "a\0b"] {
            assert_eq!(one.portable(text.as_bytes()), None, "{text}");
        }
        assert_eq!(one.local(b"a\0z"), None);
        assert!(one.are_in(b"/backup/home/u/p2") && !one.are_in(b"/home/u"));
    }
}
