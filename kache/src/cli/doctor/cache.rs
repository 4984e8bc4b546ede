//! The real cache directory: whether it can be used, by nobody else, and what its file system can do.

use super::Check;
use kache_core::platform::{self, Method};
use kache_core::settings::Settings;
use kache_core::store::{self, Area};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// All checks of the place that the settings name.
pub fn checks(settings: &Settings) -> Vec<Check> {
    let Some(dir) = &settings.cache_dir else {
        return vec![Check::problem(
            "cache",
            "there is no cache directory: neither KACHE_CACHE_DIR nor HOME is set",
            "set KACHE_CACHE_DIR to an absolute path",
        )];
    };
    let Some(there) = nearest(dir) else {
        return vec![Check::problem(
            "cache",
            format!("{}: no part of it exists", dir.display()),
            "set KACHE_CACHE_DIR",
        )];
    };
    let mut out = vec![usable(dir, &there)];
    out.extend(permissions(dir));
    out.extend(preload(dir));
    out.push(file_system(&there));
    out.push(cloning(&there));
    out
}

/// The directory, or the nearest above it that exists.
fn nearest(dir: &Path) -> Option<PathBuf> {
    // Where the store is there already, its own rights count.
    let store = Area::Temporary.in_cache(dir);
    store.ancestors().find(|a| a.is_dir()).map(Path::to_path_buf)
}

/// A file of our own in `dir`, gone when dropped.
struct Trial(PathBuf);

impl Trial {
    fn create(dir: &Path, what: &str) -> io::Result<(Trial, File)> {
        let path = dir.join(format!(".kache-doctor-{}-{}-{what}", std::process::id(), platform::now_ns()));
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        Ok((Trial(path), file))
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn usable(dir: &Path, there: &Path) -> Check {
    let made = if there.starts_with(dir) { "" } else { " (it is not there yet, and can be made)" };
    match Trial::create(there, "write") {
        Ok(_) => Check::ok("cache", format!("{} can be written to{made}", dir.display())),
        Err(e) => Check::problem(
            "cache",
            format!("{} cannot be written to: {e}", there.display()),
            "give yourself the right to write there, or set KACHE_CACHE_DIR to a directory of yours",
        ),
    }
}

/// Whoever can write to the cache decides what your builds contain.
fn permissions(dir: &Path) -> Option<Check> {
    let open =
        [dir.to_path_buf(), dir.join(store::FORMAT)].into_iter().find(|d| platform::others_may_write(d))?;
    Some(Check::problem(
        "cache",
        format!(
            "{}: others than you can write to it, and so decide what your builds contain",
            open.display()
        ),
        format!("chmod go-w {}", open.display()),
    ))
}

/// The loader splits `LD_PRELOAD` at these, and has no way to quote them.
fn preload(dir: &Path) -> Option<Check> {
    let splits = dir.as_os_str().as_encoded_bytes().iter().any(|b| matches!(b, b':' | b' ' | b'$'));
    splits.then(|| {
        Check::problem(
            "cache",
            format!("{}: a path with a space, `:` or `$` cannot hold the observer", dir.display()),
            "set KACHE_CACHE_DIR to a path without them",
        )
    })
}

/// Where another machine can change a file behind our back, or locks and times are not to be relied on.
const NETWORK: &[&str] = &[
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "lustre",
    "glusterfs",
    "ncpfs",
    "gpfs",
    "beegfs",
];

fn file_system(there: &Path) -> Check {
    const NAME: &str = "file-system";
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let real = there.canonicalize().unwrap_or_else(|_| there.to_path_buf());
    match kind_of(&mounts, &real) {
        Some(kind) if NETWORK.contains(&kind) || kind.starts_with("fuse.") => Check::note(
            NAME,
            format!(
                "{kind}, which may be shared with other machines: locks and file times may not be exact, and it is slow"
            ),
            "set KACHE_CACHE_DIR to a directory on a disk of this machine",
        ),
        Some(kind) => Check::ok(NAME, format!("{kind}, on this machine")),
        None => Check::ok(NAME, "its kind is not known here"),
    }
}

/// The kind of file system a path is on, from the text of `/proc/self/mountinfo`. A later mount hides an earlier.
fn kind_of<'a>(mounts: &'a str, path: &Path) -> Option<&'a str> {
    let mut best: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        let Some((mount, source)) = line.split_once(" - ") else { continue };
        let Some(point) = mount.split(' ').nth(4).map(unescaped) else { continue };
        let Some(kind) = source.split(' ').next() else { continue };
        if path.starts_with(&point) && best.is_none_or(|(n, _)| point.len() >= n) {
            best = Some((point.len(), kind));
        }
    }
    best.map(|(_, kind)| kind)
}

/// Blanks in mount points are written in octal.
fn unescaped(point: &str) -> String {
    point.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

fn cloning(there: &Path) -> Check {
    const NAME: &str = "clone";
    let tried = Trial::create(there, "from").and_then(|(from, mut file)| {
        io::Write::write_all(&mut file, b"kache")?;
        let to = Trial(from.0.with_extension("to"));
        platform::clone_file(&mut File::open(&from.0)?, &to.0, false).map(|(_, method)| method)
    });
    match tried {
        Ok(Method::Copy) => {
            Check::ok(NAME, "the file system cannot share blocks: hits copy (btrfs, xfs and zfs can)")
        }
        Ok(method) => {
            Check::ok(NAME, format!("hits on this file system are by {}: no bytes are copied", method.name()))
        }
        Err(e) => Check::note(NAME, format!("could not be tried: {e}"), "see the check of the cache above"),
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
