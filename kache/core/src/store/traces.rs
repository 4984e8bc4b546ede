//! Key traces in the store: written on each miss, read by people and the harness, never by a wrapper.

use super::{Area, FORMAT, Store};
use crate::digest::Digest;
use crate::key_trace::{KeyTrace, VERSION};
use std::io;
use std::path::Path;

impl Store {
    /// Writes the key trace of a result.
    pub fn save_trace(&self, trace: &KeyTrace) -> io::Result<()> {
        let key = Digest::from_hex(&trace.result).ok_or(io::ErrorKind::InvalidInput)?;
        self.publish(&self.path(Area::Traces, &key), &serde_json::to_vec(trace)?)
    }
}

/// The key trace of a result in a cache; `None` where the cache does not have one of the current version. The key is hex, as in
/// an event: text that anybody may have written, so it is checked before it becomes part of a path.
pub fn load(cache: &Path, result: &str) -> Option<KeyTrace> {
    let path = Area::Traces.file(&cache.join(FORMAT), &Digest::from_hex(result)?);
    let trace: KeyTrace = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    (trace.v == VERSION).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_trace_is_loaded_by_its_hex_key_only() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let result = Digest::of(b"r").hex();
        let trace = KeyTrace {
            v: VERSION,
            label: "unit".into(),
            action: Digest::of(b"a").hex(),
            result: result.clone(),
            components: Vec::new(),
        };
        store.save_trace(&trace).unwrap();
        assert_eq!(load(dir.path(), &result), Some(trace.clone()));
        assert_eq!(load(dir.path(), "../../x"), None);
        store.save_trace(&KeyTrace { v: VERSION + 1, ..trace }).unwrap();
        assert_eq!(load(dir.path(), &result), None, "another version");
        assert!(store.save_trace(&KeyTrace { result: "x".into(), ..load_any(&store, &result) }).is_err());
    }

    fn load_any(store: &Store, result: &str) -> KeyTrace {
        let path = store.path(Area::Traces, &Digest::from_hex(result).unwrap());
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }
}
