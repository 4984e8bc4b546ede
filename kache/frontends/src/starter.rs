//! The object that is linked into each build script, and hands the script over to kache.

use kache_core::observe::launch;
use kache_core::store::{Area, Store};
use std::io;
use std::path::PathBuf;

/// The object (`script/starter.c`); empty where the observer is not supported.
static STARTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/starter.o"));

/// Makes sure that the object is in the store's directory for such files, and says where.
///
/// # Errors
/// When there is no such object on this system, or the directory cannot be written to.
pub fn place(store: &Store) -> io::Result<PathBuf> {
    let name = format!("{}.o", &digest()[..32]);
    launch::unpack_object(&store.area(Area::Observer), STARTER, &name)
}

/// The digest of the object, for the key of a script that it is linked into.
pub fn digest() -> String {
    blake3::hash(STARTER).to_hex().to_string()
}
