//! The hash of rustc's arguments in a state.
//!
//! The file `dep-graph.bin` of a session begins with `RSIC`, two bytes of version, the length of rustc's version, that version, and
//! the hash of the arguments, of 8 bytes. Where the two files that are compared do not begin alike up to the hash, the state is
//! left alone, and the compile begins without it. Where the hash is elsewhere in some rustc, that rustc ignores the state.

use crate::invocation::Invocation;
use crate::rustc;
use kache_core::action::Action;
use kache_core::platform;
use kache_core::store::Store;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const GRAPH: &str = "dep-graph.bin";
const MAGIC: &[u8] = b"RSIC";
const HASH: usize = 8;
/// A program in place of the linker: what is linked is not needed. rustc does not count the linker as an argument of a state.
const NO_LINKER: &str = "linker=/kache/no-linker";

/// The beginning of a graph: all before the hash, and the hash.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    start: Vec<u8>,
    hash: [u8; HASH],
}

impl Header {
    fn read(session: &Path) -> io::Result<Header> {
        let mut file = File::open(session.join(GRAPH))?;
        let mut start = vec![0; MAGIC.len() + 3];
        file.read_exact(&mut start)?;
        if !start.starts_with(MAGIC) {
            return Err(io::Error::other("not a graph of rustc"));
        }
        let length = start.len() + usize::from(start[start.len() - 1]);
        let known = start.len();
        start.resize(length, 0);
        file.read_exact(&mut start[known..])?;
        let mut hash = [0; HASH];
        file.read_exact(&mut hash)?;
        Ok(Header { start, hash })
    }
}

/// What a graph of this compile begins with: rustc is asked by a compile of next to nothing with the same arguments.
///
/// # Errors
/// When that compile leaves no graph.
pub(super) fn of_arguments(invocation: &Invocation, action: &Action, store: &Store) -> io::Result<Header> {
    let scratch = store.temporary();
    platform::make_private_dir(&scratch)?;
    let found = ask(invocation, action, &scratch);
    let _ = platform::remove_dir_all(&scratch);
    found
}

fn ask(invocation: &Invocation, action: &Action, scratch: &Path) -> io::Result<Header> {
    let source = scratch.join("empty.rs");
    let main = if rustc::makes_program(invocation) { "/// .\nfn main() {}\n" } else { "" };
    fs::write(&source, format!("//! .\n{main}"))?;
    let mut command = Command::new(&action.program);
    command.args(arguments(invocation, action, scratch, &source)).current_dir(&action.cwd);
    command.envs(action.env.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // The link fails.
    let _ = command.status()?;
    let missing = || io::Error::other("rustc left no state");
    let below = |dir: &Path| {
        let mut dirs =
            fs::read_dir(dir)?.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir());
        dirs.next().ok_or_else(missing)
    };
    Header::read(&below(&below(&scratch.join("state"))?)?)
}

/// The arguments of the compile, with other places.
fn arguments(invocation: &Invocation, action: &Action, scratch: &Path, source: &Path) -> Vec<OsString> {
    const LEFT_OUT: &[&str] = &["-L", "--extern", "--out-dir", "-o", "-C incremental", "-C linker"];
    // Those of kache come before those of the caller.
    let own = action.args.len() - invocation.args.len();
    let mut args = action.args[..own].to_vec();
    let others = invocation.flags.iter().filter(|flag| !LEFT_OUT.contains(&flag.row.flag));
    others.for_each(|flag| rustc::spell(flag, &mut args));
    let mut state = OsString::from("incremental=");
    state.push(scratch.join("state"));
    args.extend(["-C".into(), state, "-C".into(), NO_LINKER.into(), "--out-dir".into(), scratch.into()]);
    args.push(source.into());
    args
}

/// Gives a session the hash of other arguments.
///
/// # Errors
/// When another rustc made the session, or the file cannot be written.
pub(super) fn replace(session: &Path, wanted: &Header) -> io::Result<()> {
    let found = Header::read(session)?;
    if found.start != wanted.start {
        return Err(io::Error::other("another rustc made the state"));
    }
    let path: PathBuf = session.join(GRAPH);
    let file = File::options().write(true).open(&path)?;
    let written = platform::write_at(&file, &wanted.hash, found.start.len() as u64)?;
    if written == HASH { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(dir: &Path, graph: &[u8]) -> PathBuf {
        fs::write(dir.join(GRAPH), graph).unwrap();
        dir.to_path_buf()
    }

    const ONE: &[u8] = b"RSIC\0\0\x061.95.0one hash...";
    const TWO: &[u8] = b"RSIC\0\0\x061.95.0two hash and other things";

    #[test]
    fn the_hash_is_replaced_and_nothing_else() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let wanted = Header::read(&session(two.path(), TWO)).unwrap();
        assert_eq!(&wanted.hash, b"two hash");
        replace(&session(one.path(), ONE), &wanted).unwrap();
        assert_eq!(fs::read(one.path().join(GRAPH)).unwrap(), b"RSIC\0\0\x061.95.0two hash...");
    }

    #[test]
    fn the_state_of_another_rustc_stays_as_it_is() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let wanted = Header::read(&session(two.path(), TWO)).unwrap();
        for other in [
            &b"RSIC\0\0\x061.96.0one hash..."[..],
            b"RSIC\0\x01\x061.95.0one hash...",
            b"RSIC\0",
            b"",
            b"XXXX\0\0\0one hash",
        ] {
            assert!(replace(&session(one.path(), other), &wanted).is_err());
            assert_eq!(fs::read(one.path().join(GRAPH)).unwrap(), other);
        }
    }
}
