//! What the user has the loader do to every program: objects that are loaded into each (`LD_PRELOAD`, `LD_AUDIT`,
//! `/etc/ld.so.preload`), and variables that change how libraries are found. No trace of one run shows what another run
//! with other settings would have done, so all of it is in the action key.
//!
//! The objects of `LD_PRELOAD` and `/etc/ld.so.preload` are loaded into kache as well. kache's own list of objects shows
//! them, and that costs a lookup no system call where there are none.

use crate::tables;
use kache_core::action::KeyInputs;
use kache_core::platform;
use kache_core::store::{Area, Store};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The name of the inputs.
pub const COMPONENT: &str = "loader";

/// The inputs of the action key.
pub fn inputs(store: &Store) -> KeyInputs {
    let mut inputs = KeyInputs::default();
    for row in tables::LOADER_ENV {
        let value = std::env::var_os(row.what).unwrap_or_default();
        if !value.is_empty() {
            inputs.put(
                format!("{COMPONENT} {}", row.what),
                value.to_string_lossy(),
                value.as_encoded_bytes(),
            );
        }
    }
    for object in objects(store) {
        // An object that cannot be read is in the key by its name alone, which is in a variable or in no digest at all.
        let digest = store.table.file(&object).map(|(known, _)| known.digest.hex()).unwrap_or_default();
        inputs.put(format!("{COMPONENT} object"), object.to_string_lossy(), digest);
    }
    inputs
}

/// The objects that are loaded into each program and that no program asked for.
fn objects(store: &Store) -> BTreeSet<PathBuf> {
    let own = store.area(Area::Observer);
    let is_extra = |path: &PathBuf| !is_of_every_program(path) && !path.starts_with(&own);
    let mut all: BTreeSet<PathBuf> = platform::loaded_objects().into_iter().filter(is_extra).collect();
    // A program that is linked statically, as kache may be, loads none.
    for name in ["LD_PRELOAD", "LD_AUDIT"] {
        let value = std::env::var(name).unwrap_or_default();
        let paths = value.split([':', ' ']).filter(|word| word.contains('/')).map(PathBuf::from);
        all.extend(paths.filter(|path| path.is_file()));
    }
    all
}

fn is_of_every_program(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    tables::C_RUNTIME.iter().any(|row| name.starts_with(row.what))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_put_into_a_program_by_itself() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(objects(&store), BTreeSet::new());
        assert!(!platform::loaded_objects().is_empty(), "the C library");
    }
}
