//! Where the loader finds a library that it is asked for by its name.
//!
//! It searches the directories that objects name (RPATH, RUNPATH: `collect::libraries`), those of `LD_LIBRARY_PATH`, then
//! asks a cache that holds the libraries of the system, and last searches the system's own directories.

use crate::digest::{Digest, Table};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Directories below each that is searched, which come first: those of a processor's abilities. The older ones may lie below
/// one another.
pub const SUBDIRECTORIES: [&str; 6] = ["glibc-hwcaps", "tls", "haswell", "avx512_1", "x86_64", "aarch64"];

/// Where the loader searches last.
const SYSTEM: [&str; 7] = [
    "/usr/local/lib",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
    "/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
];

/// The digest of what a library's name leads to, for a program that names no directories itself.
pub fn digest(name: &OsStr, table: &Table) -> io::Result<Digest> {
    let found = find_all(name);
    let mut digests = Vec::new();
    for path in &found {
        digests.push(table.file(path)?.0.digest);
    }
    Ok(match &digests[..] {
        [] => Digest::of(b"not found"),
        [one] => *one,
        // Which of them is loaded depends on the processor, which is the same one for as long as the cache is.
        all => Digest::of(&all.iter().flat_map(|digest| digest.0).collect::<Vec<_>>()),
    })
}

/// The file that is loaded, or the first where that depends on the processor.
pub fn find(name: &OsStr) -> Option<PathBuf> {
    find_all(name).into_iter().next()
}

fn find_all(name: &OsStr) -> Vec<PathBuf> {
    // One that is empty names nothing; between two colons nothing means the working directory.
    let path = std::env::var_os("LD_LIBRARY_PATH").filter(|path| !path.is_empty());
    let named: Vec<PathBuf> = path.iter().flat_map(std::env::split_paths).collect();
    for directory in &named {
        let found = find_in(directory, name);
        if !found.is_empty() {
            return found;
        }
    }
    let mut cached = in_cache(&CACHE, name.as_encoded_bytes()).unwrap_or_default();
    cached.retain(|path| path.is_file());
    if !cached.is_empty() {
        return cached;
    }
    let mut system = SYSTEM.iter().map(|directory| Path::new(directory).join(name));
    system.find(|path| path.is_file()).into_iter().collect()
}

/// In a directory that is searched: the library, and those of the same name for some processors, which come first.
fn find_in(directory: &Path, name: &OsStr) -> Vec<PathBuf> {
    let mut found = below(&directory.join(SUBDIRECTORIES[0]), name);
    let plain = directory.join(name);
    found.extend(plain.is_file().then_some(plain));
    found
}

fn below(directory: &Path, name: &OsStr) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found: Vec<_> =
        entries.map(|entry| entry.path().join(name)).filter(|path| path.is_file()).collect();
    found.sort();
    found
}

/// The cache, as the first lookup of the process finds it.
static CACHE: LazyLock<Vec<u8>> = LazyLock::new(|| std::fs::read("/etc/ld.so.cache").unwrap_or_default());

const OLD: &[u8] = b"ld.so-1.7.0\0";
const NEW: &[u8] = b"glibc-ld.so.cache1.1";
/// What an entry's flags say of a library for this architecture.
const FLAGS: Option<u32> = match () {
    () if cfg!(target_arch = "x86_64") => Some(0x0303),
    () if cfg!(target_arch = "aarch64") => Some(0x0a03),
    () => None,
};

/// The libraries of a name for this architecture. `ld.so.cache` has a header of 48 bytes, entries of 24 (flags, name, path, …),
/// and the texts that they point to. An older form may precede it. A hit asks for one or two names: a search through all
/// entries costs less than an index.
fn in_cache(bytes: &[u8], name: &[u8]) -> Option<Vec<PathBuf>> {
    let word =
        |bytes: &[u8], at: usize| Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk::<4>()?) as usize);
    let skipped = match bytes.strip_prefix(OLD) {
        Some(rest) => (16 + 12 * word(rest, 0)?).next_multiple_of(8),
        None => 0,
    };
    let bytes = bytes.get(skipped..).filter(|bytes| bytes.starts_with(NEW))?;
    let mut found = Vec::new();
    for entry in (0..word(bytes, 20)?).map(|index| 48 + 24 * index) {
        let flags = word(bytes, entry)?;
        let rest = bytes.get(word(bytes, entry + 4)?..)?.strip_prefix(name);
        if rest.is_some_and(|rest| rest.first() == Some(&0)) && FLAGS.is_none_or(|own| own as usize == flags)
        {
            let path = bytes.get(word(bytes, entry + 8)?..)?.split(|byte| *byte == 0).next()?;
            found.push(PathBuf::from(crate::platform::os_str(path)));
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(entries: &[(u32, &str, &str)]) -> Vec<u8> {
        let mut texts = Vec::new();
        let mut rows = Vec::new();
        let start = 48 + 24 * entries.len();
        for (flags, name, path) in entries {
            let at = [name, path].map(|text| {
                texts.extend([text.as_bytes(), &[0]].concat());
                (start + texts.len() - text.len() - 1) as u32
            });
            rows.extend([*flags, at[0], at[1], 0, 0, 0].into_iter().flat_map(u32::to_ne_bytes));
        }
        let count = (entries.len() as u32).to_ne_bytes();
        [NEW, &count, &[0; 24], &rows, &texts].concat()
    }

    #[test]
    fn the_cache_leads_from_a_name_to_the_libraries_of_this_architecture() {
        let own = FLAGS.unwrap_or(3);
        let new = cache(&[(own, "liba.so.1", "/l/v3/liba.so.1"), (own, "liba.so.1", "/l/liba.so.1")]);
        let old = [OLD, &1_u32.to_ne_bytes(), &[0; 12], &[0; 4], &new].concat();
        for bytes in [new, old] {
            let found = in_cache(&bytes, b"liba.so.1").unwrap();
            assert_eq!(found, [Path::new("/l/v3/liba.so.1"), Path::new("/l/liba.so.1")]);
            assert!(in_cache(&bytes, b"liba.so").unwrap().is_empty());
        }
        if FLAGS.is_some() {
            let other = cache(&[(0x0003, "liba.so.1", "/l32/liba.so.1")]);
            assert!(in_cache(&other, b"liba.so.1").unwrap().is_empty());
        }
    }

    #[test]
    fn a_torn_cache_leads_nowhere() {
        let whole = cache(&[(FLAGS.unwrap_or(3), "liba.so.1", "/l/liba.so.1")]);
        for length in 0..70 {
            assert!(
                in_cache(&whole[..length], b"liba.so.1").is_none_or(|found| found.is_empty()),
                "{length}"
            );
        }
        for torn in [&b""[..], b"ld.so-1.7.0\0\xff\xff\xff\xff"] {
            assert!(in_cache(torn, b"liba.so.1").is_none());
        }
    }

    #[test]
    fn a_library_for_a_processor_counts_beside_the_one_for_all() {
        let dir = tempfile::tempdir().unwrap();
        let name = OsStr::new("liba.so");
        assert!(find_in(dir.path(), name).is_empty());
        std::fs::write(dir.path().join(name), "").unwrap();
        assert_eq!(find_in(dir.path(), name), [dir.path().join(name)]);
        let better = dir.path().join("glibc-hwcaps/x86-64-v3");
        std::fs::create_dir_all(&better).unwrap();
        assert_eq!(find_in(dir.path(), name).len(), 1);
        std::fs::write(better.join(name), "").unwrap();
        assert_eq!(find_in(dir.path(), name), [better.join(name), dir.path().join(name)]);
    }
}
