//! Compares the lines of two files without their order.

use super::compare::{FileComparison, compare_links, mode_difference, read};
use crate::error::Result;
use crate::text::count;
use kache_core::printable;
use std::collections::BTreeMap;
use std::path::Path;

/// Maximum length of a line in a sentence.
const SHOWN: usize = 80;

/// Why the restored file differs from the compiled one in more than the order of lines; `None` if it does not.
pub fn difference(restored: &Path, compiled: &Path) -> Result<Option<String>> {
    match [restored, compiled].map(|file| file.symlink_metadata().is_ok()) {
        [true, false] => return Ok(Some("only the restored build has it".into())),
        [false, true] => return Ok(Some("only the compiled build has it".into())),
        [false, false] => return Ok(None),
        [true, true] => {}
    }
    match compare_links(restored, compiled) {
        Some(FileComparison::Different(why)) => return Ok(Some(why)),
        Some(_) => return Ok(None),
        None => {}
    }
    if let Some(why) = mode_difference(restored, compiled) {
        return Ok(Some(why));
    }
    Ok(line_difference(&read(restored)?, &read(compiled)?))
}

/// The first line that one text has more often than the other.
fn line_difference(restored: &[u8], compiled: &[u8]) -> Option<String> {
    let texts = [restored, compiled].map(|text| text.split(|byte| *byte == b'\n'));
    let mut times = BTreeMap::<&[u8], [usize; 2]>::new();
    for (text, lines) in texts.clone().into_iter().enumerate() {
        lines.for_each(|line| times.entry(line).or_default()[text] += 1);
    }
    let line = texts.into_iter().flatten().find(|line| times[line][0] != times[line][1])?;
    let [restored, compiled] = times[line].map(|n| count(n, "time", "times"));
    let shown: String = String::from_utf8_lossy(line).chars().take(SHOWN).collect();
    let shown = printable::sanitize(&shown);
    Some(format!("the restored file has the line `{shown}` {restored}, the compiled file {compiled}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_the_order_of_lines_is_excepted() {
        let difference = |a: &str, b: &str| line_difference(a.as_bytes(), b.as_bytes());
        assert_eq!(difference("a\nb\na\n", "b\na\na\n"), None);
        assert_eq!(difference("a\nb", "b\na"), None);
        let found = |a: &str, b: &str| difference(a, b).unwrap();
        assert_eq!(
            found("a\nb\n", "c\na\n"),
            "the restored file has the line `b` 1 time, the compiled file 0 times"
        );
        assert_eq!(
            found("a\nb\n", "b\na\na\n"),
            "the restored file has the line `a` 1 time, the compiled file 2 times"
        );
        assert!(found("a\n", "a\nc\n").contains("the line `c` 0 times"));
        assert!(difference("a\nb\n", "a\nb").is_some());
    }

    #[test]
    fn a_file_of_one_build_and_another_mode_are_differences() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("text"), "a\nb\n").unwrap();
        fs::write(at("other"), "b\na\n").unwrap();
        let why = |a: &str, b: &str| difference(&at(a), &at(b)).unwrap();
        assert_eq!(why("text", "other"), None);
        assert_eq!(why("text", "none").unwrap(), "only the restored build has it");
        assert_eq!(why("none", "text").unwrap(), "only the compiled build has it");
        if cfg!(unix) {
            crate::system::files::write_script(&at("program"), "a").unwrap();
            assert_eq!(why("program", "text").unwrap(), "executable, but should not be");
            crate::system::platform::link(&at("text"), &at("link")).unwrap();
            assert_eq!(why("link", "text").unwrap(), "a link instead of a file");
        }
    }
}
