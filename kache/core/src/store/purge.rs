//! Removing a whole cache.

use super::files::each_entry;
use super::gc::Amount;
use crate::platform::{self, disk};
use std::io;
use std::path::Path;

/// Removes a cache with all format versions. Each is renamed first, so that running builds create a new one.
pub fn purge(cache: &Path, dry_run: bool) -> io::Result<Amount> {
    let mut removed = Amount::default();
    let mut formats = Vec::new();
    each_entry(cache, |path, meta| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_format = name.strip_prefix('v').is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit()));
        formats.extend((meta.is_dir() && is_format).then_some((path, name)));
        Ok(())
    })?;
    for (path, name) in formats {
        measure(&path, &mut removed)?;
        if dry_run {
            continue;
        }
        // An interrupted purge left the directory under its new name.
        let aside = match name.contains(".purged-") {
            true => path.clone(),
            false => cache.join(format!("{name}.purged-{}-{}", std::process::id(), platform::now_ns())),
        };
        disk::step("purge: rename", &path, || platform::rename(&path, &aside))?;
        disk::step("purge: remove", &aside, || platform::remove_dir_all(&aside))?;
    }
    Ok(removed)
}

fn measure(dir: &Path, sum: &mut Amount) -> io::Result<()> {
    each_entry(dir, |path, meta| {
        if meta.is_dir() {
            return measure(&path, sum);
        }
        sum.add(&meta);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{FORMAT, Store};

    #[test]
    fn every_format_goes_and_other_files_stay() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path();
        let store = Store::open(cache).unwrap();
        store.put_bytes(b"blob").unwrap();
        for other in ["v0", "v3.purged-1-2", "version", "data"] {
            std::fs::create_dir(cache.join(other)).unwrap();
            std::fs::write(cache.join(other).join("f"), "x").unwrap();
        }
        assert!(FORMAT.starts_with('v'), "the purge recognises the current format");
        let expected = purge(cache, true).unwrap();
        assert!(expected.files >= 3 && store.dir().exists(), "a dry run removes nothing");
        assert_eq!(purge(cache, false).unwrap(), expected);
        let mut left: Vec<_> = std::fs::read_dir(cache)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["data", "version"]);
        assert_eq!(purge(&cache.join("missing"), false).unwrap(), Amount::default());
    }
}
