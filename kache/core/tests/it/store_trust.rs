//! Whose store is believed.

use kache_core::store::Store;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_store_that_others_may_write_to_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap().dir().to_path_buf();
    for part in [store.join("blobs"), store] {
        for (mode, good) in [(0o770, false), (0o707, false), (0o755, true), (0o700, true)] {
            std::fs::set_permissions(&part, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Store::open(dir.path()).is_ok(), good, "{} {mode:o}", part.display());
        }
    }
}
