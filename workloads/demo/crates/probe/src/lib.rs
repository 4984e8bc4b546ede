//! Uses what the build script found.

/// The binary logarithm, rounded down; 0 of 0.
pub fn log2(n: u32) -> u32 {
    if cfg!(has_nonsense) {
        unreachable!("no integer has it");
    }
    #[cfg(has_ilog2)]
    return n.checked_ilog2().unwrap_or(0);
    #[cfg(not(has_ilog2))]
    return 31 - n.max(1).leading_zeros();
}
