//! The configured cache directory: whether this user, and only this user, can write to it, and what its file system supports.

use super::Check;
use kache_core::platform::{self, Method};
use kache_core::settings::Settings;
use kache_core::store::{self, Area, Store};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::{NamedTempFile, TempPath};

/// All checks of the directory that the settings name.
pub fn checks(settings: &Settings) -> Vec<Check> {
    const NAME: &str = "cache";
    let Some(dir) = &settings.cache_dir else {
        let found = "there is no cache directory: neither KACHE_CACHE_DIR nor HOME is set";
        return vec![Check::problem(NAME, found, "set KACHE_CACHE_DIR to an absolute path")];
    };
    let Some(existing) = nearest(dir) else {
        let found = format!("{}: no part of the path exists", dir.display());
        return vec![Check::problem(NAME, found, "set KACHE_CACHE_DIR")];
    };
    let mut out = vec![usable(dir, &existing)];
    out.extend(opens(dir));
    out.extend(permissions(dir));
    out.extend(preload(dir));
    out.push(file_system(&existing));
    out.push(cloning(&existing));
    out
}

/// The directory, or the nearest directory above it that exists.
fn nearest(dir: &Path) -> Option<PathBuf> {
    // If the store exists, its own permissions count.
    let store = Area::Temporary.in_cache(dir);
    store.ancestors().find(|a| a.is_dir()).map(Path::to_path_buf)
}

/// An empty file in a directory, removed on drop.
pub fn trial(dir: &Path) -> std::io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(".kache-doctor-").tempfile_in(dir)
}

fn usable(dir: &Path, existing: &Path) -> Check {
    let made = if existing.starts_with(dir) { "" } else { " (it does not exist yet, and can be created)" };
    match trial(existing) {
        Ok(_) => Check::ok("cache", format!("{} can be written to{made}", dir.display())),
        Err(e) => Check::problem(
            "cache",
            format!("{} cannot be written to: {e}", existing.display()),
            "give yourself write permission there, or set KACHE_CACHE_DIR to a directory of yours",
        ),
    }
}

/// Whether the wrapper can open the store that is there.
fn opens(dir: &Path) -> Option<Check> {
    let e = dir.exists().then(|| Store::open(dir))?.err()?;
    let found = format!("the cache cannot be opened, so builds run without it: {e}");
    Some(Check::problem(
        "cache",
        found,
        "do what the message says, or set KACHE_CACHE_DIR to another directory",
    ))
}

/// A user who can write to the cache can change what builds produce.
fn permissions(dir: &Path) -> Option<Check> {
    let both = [dir.to_path_buf(), dir.join(store::FORMAT)];
    let open = both.iter().find(|d| platform::others_may_write(d))?.display();
    let found = format!("{open}: other users can write to it, and so change what your builds contain");
    Some(Check::problem("cache", found, format!("chmod go-w {open}")))
}

/// The loader splits `LD_PRELOAD` at these characters, and has no way to quote them.
fn preload(dir: &Path) -> Option<Check> {
    let splits = dir.as_os_str().as_encoded_bytes().iter().any(|b| matches!(b, b':' | b' ' | b'$'));
    let found = format!("{}: a path with a space, `:` or `$` cannot hold the observer", dir.display());
    splits.then(|| Check::problem("cache", found, "set KACHE_CACHE_DIR to a path without them"))
}

/// Whether other machines may change files of the file system, or its locks and times may be inexact.
fn is_network(kind: &str) -> bool {
    kind.starts_with("fuse.")
        || matches!(kind, "nfs" | "nfs4" | "cifs" | "smb3" | "smbfs" | "9p" | "afs" | "ceph" | "lustre")
        || matches!(kind, "glusterfs" | "ncpfs" | "gpfs" | "beegfs")
}

fn file_system(existing: &Path) -> Check {
    const NAME: &str = "file-system";
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let real = existing.canonicalize().unwrap_or_else(|_| existing.to_path_buf());
    match kind_of(&mounts, &real) {
        Some(kind) if is_network(kind) => Check::note(
            NAME,
            format!(
                "{kind}, which other machines may share: locks and file times may be inexact, and it is slow"
            ),
            "set KACHE_CACHE_DIR to a directory on a disk of this machine",
        ),
        Some(kind) => Check::ok(NAME, format!("{kind}, on this machine")),
        None => Check::ok(NAME, "of an unknown kind"),
    }
}

/// The kind of file system that a path is on, from the text of `/proc/self/mountinfo`. A later mount hides an earlier one.
fn kind_of<'a>(mounts: &'a str, path: &Path) -> Option<&'a str> {
    let mount = |line: &'a str| {
        let (mount, source) = line.split_once(" - ")?;
        let point = unescaped(mount.split(' ').nth(4)?);
        path.starts_with(&point).then_some((point.len(), source.split(' ').next()?))
    };
    mounts.lines().filter_map(mount).max_by_key(|(length, _)| *length).map(|(_, kind)| kind)
}

/// A mount point, whose blanks are written in octal.
fn unescaped(point: &str) -> String {
    point.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

fn cloning(existing: &Path) -> Check {
    const NAME: &str = "clone";
    let tried = trial(existing).and_then(|mut from| {
        from.write_all(b"kache")?;
        let to = TempPath::try_from_path(from.path().with_extension("to"))?;
        platform::clone_file(&mut File::open(from.path())?, &to, false).map(|(_, method)| method)
    });
    match tried {
        Ok(Method::Copy) => {
            Check::ok(NAME, "the file system cannot share blocks: hits copy (btrfs, xfs and zfs can)")
        }
        Ok(method) => Check::ok(NAME, format!("hits restore by {}: no bytes are copied", method.name())),
        Err(e) => Check::note(NAME, format!("cannot try it: {e}"), "see the check of the cache above"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_mount_counts() {
        let mounts = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
                      2 1 0:5 / /home rw shared:1 - nfs4 server:/home rw\n\
                      3 2 0:6 / /home/a\\040b rw - tmpfs tmpfs rw\n";
        assert_eq!(kind_of(mounts, Path::new("/var/cache")), Some("ext4"));
        assert_eq!(kind_of(mounts, Path::new("/home/me")), Some("nfs4"));
        assert_eq!(kind_of(mounts, Path::new("/home/a b/c")), Some("tmpfs"));
        assert_eq!(kind_of(mounts, Path::new("/homes")), Some("ext4"));
        assert_eq!(kind_of("", Path::new("/")), None);
    }
}
