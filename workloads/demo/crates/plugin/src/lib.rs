//! Loaded by programs in other languages.

/// A hash of `length` bytes.
///
/// # Safety
/// `bytes` must point to `length` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn demo_plugin_hash(bytes: *const u8, length: usize) -> u64 {
    // SAFETY: the caller's promise.
    let bytes = unsafe { std::slice::from_raw_parts(bytes, length) };
    tinyhash::hash(bytes) ^ u64::from(native::adler32(bytes))
}
