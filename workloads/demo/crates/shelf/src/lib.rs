//! A shelf of books, which uses every other crate a little.

mod shelf;

pub use model::Book;
pub use shelf::Shelf;

/// A number that depends on all of them.
pub fn fingerprint(shelf: &Shelf) -> u64 {
    let text = shelf.lines().join("\n");
    let native = u64::from(native::adler32(text.as_bytes()) ^ histogram_sys::fullest(text.as_bytes()));
    let primes = generated::PRIMES.len() as u64 + u64::from(probe::log2(text.len() as u32));
    tinyhash::hash(assets::PALETTE) ^ native ^ primes
}
