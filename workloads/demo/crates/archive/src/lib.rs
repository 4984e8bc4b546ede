//! Linked into programs in other languages, and into ours.

/// The binary logarithm.
#[unsafe(no_mangle)]
pub extern "C" fn demo_archive_log2(n: u32) -> u32 {
    probe::log2(n)
}
