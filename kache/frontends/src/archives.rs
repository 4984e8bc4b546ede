//! Archives among the outputs of a command: an archiver may store when each member was modified, which another run does not
//! repeat.

use kache_core::action::OutputNames;
use kache_core::platform::{self, EntryType};
use kache_core::reason::{NotCacheable, Reason, refuse};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// The bytes that an archive begins with; the second kind holds no members, but their names.
const MAGICS: [&[u8; 8]; 2] = [b"!<arch>\n", b"!<thin>\n"];
/// The length of a member's header, by the format that all archivers of Unix share.
const HEADER: usize = 60;

/// Refuses where an archive among the outputs has a member with a time.
pub(crate) fn without_times(outputs: &OutputNames) -> Result<(), NotCacheable> {
    outputs.trees.iter().map(|tree| &tree.path).chain(&outputs.exact).try_for_each(|path| search(path))
}

fn search(path: &Path) -> Result<(), NotCacheable> {
    let failed =
        |e: io::Error| NotCacheable::new(Reason::UnreadableOutput, format!("{}: {e}", path.display()));
    match platform::entry(path).map_err(failed)?.0 {
        EntryType::Directory => {
            let mut entries = std::fs::read_dir(path).map_err(failed)?;
            entries.try_for_each(|entry| search(&entry.map_err(failed)?.path()))
        }
        EntryType::File if has_times(path).map_err(failed)? => {
            let detail = format!("{} has the times of its members in it", path.display());
            refuse(Reason::Clock, detail)
        }
        _ => Ok(()),
    }
}

/// Whether a file is an archive with a member's time. What cannot be read as an archive to its end has one.
fn has_times(path: &Path) -> io::Result<bool> {
    let mut file = platform::open_regular(path)?;
    let length = file.metadata()?.len();
    let mut magic = [0; 8];
    if length < 8 || file.read_exact(&mut magic).is_err() || !MAGICS.contains(&&magic) {
        return Ok(false);
    }
    let is_thin = &magic == MAGICS[1];
    let mut at = 8;
    while at < length {
        let Some((date, size, is_stored)) = member(&mut file, at, is_thin) else { return Ok(true) };
        if date != 0 {
            return Ok(true);
        }
        let size = if is_stored { size } else { 0 };
        at = at.saturating_add(HEADER as u64 + size.next_multiple_of(2));
    }
    Ok(false)
}

/// The date and the size of the member at an offset, and whether its contents follow.
fn member(file: &mut File, at: u64, is_thin: bool) -> Option<(u64, u64, bool)> {
    let mut header = [0; HEADER];
    file.seek(SeekFrom::Start(at)).ok()?;
    file.read_exact(&mut header).ok()?;
    let number = |field: &[u8]| std::str::from_utf8(field).ok()?.trim().parse::<u64>().ok();
    let is_index = header[0] == b'/' && matches!(header[1], b' ' | b'/' | b'S');
    // The indices of some archivers have an empty field.
    let date = if header[16..28].iter().all(|b| *b == b' ') { 0 } else { number(&header[16..28])? };
    Some((date, number(&header[48..58])?, is_index || !is_thin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(date: &str) -> Vec<u8> {
        let member = |name: &str, date: &str, contents: &str| {
            format!("{name:<16}{date:<12}{:<6}{:<6}{:<8}{:<10}`\n{contents}", 0, 0, 644, contents.len())
        };
        [
            "!<arch>\n".to_string(),
            member("/", "0", "ab"),
            member("a.o/", "0", "abc") + "\n",
            member("b.o/", date, "x"),
        ]
        .concat()
        .into_bytes()
    }

    #[test]
    fn a_time_in_an_archive_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let has = |bytes: &[u8]| {
            let path = dir.path().join("lib.a");
            std::fs::write(&path, bytes).unwrap();
            has_times(&path).unwrap()
        };
        assert!(!has(&archive("0")) && has(&archive("1700000000")));
        assert!(has(&archive("0")[..120]), "what is cut off may have had one");
        assert!(!has(b"no archive") && !has(b""));
    }
}
