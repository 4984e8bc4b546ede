//! Owners and write permissions of directories.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// Why a directory cannot be trusted with this user's builds: another user owns it or can write to it. `None` if it can be
/// trusted; an error if the directory does not exist.
pub fn why_untrusted(dir: &Path) -> io::Result<Option<String>> {
    let m = std::fs::metadata(dir)?;
    if !m.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    // SAFETY: no arguments, cannot fail.
    let user = unsafe { libc::geteuid() };
    if m.uid() != user {
        return Ok(Some(format!("belongs to user {}, and this is user {user}", m.uid())));
    }
    Ok(may_others_write(&m).then(|| format!("has mode {:o}: others may write to it", m.mode() & 0o7777)))
}

fn may_others_write(m: &Metadata) -> bool {
    m.permissions().mode() & 0o022 != 0
}

/// Whether other users than the owner may write to a directory.
pub fn others_may_write(dir: &Path) -> bool {
    std::fs::metadata(dir).is_ok_and(|m| may_others_write(&m))
}

/// Creates a directory and its missing parents, accessible only to this user.
pub fn make_private_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a new file accessible only to this user.
pub fn private(options: &mut std::fs::OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}
