//! FNV-1a, vendored.
#![no_std]

/// As wide as the feature says.
#[cfg(feature = "wide")]
pub type Hash = u64;
/// As wide as the feature says.
#[cfg(not(feature = "wide"))]
pub type Hash = u32;

#[cfg(feature = "wide")]
const START: Hash = 0xcbf2_9ce4_8422_2325;
#[cfg(feature = "wide")]
const FACTOR: Hash = 0x0100_0000_01b3;
#[cfg(not(feature = "wide"))]
const START: Hash = 0x811c_9dc5;
#[cfg(not(feature = "wide"))]
const FACTOR: Hash = 0x0100_0193;

/// The hash of some bytes.
pub fn hash(bytes: &[u8]) -> Hash {
    bytes.iter().fold(START, |hash, byte| (hash ^ Hash::from(*byte)).wrapping_mul(FACTOR))
}
