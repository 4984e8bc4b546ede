//! Includes what the build script wrote: `OUT_DIR` is used to find a file, and its value is in nothing built.

include!(concat!(env!("OUT_DIR"), "/primes.rs"));

/// Whether `n`, below the limit, is prime.
pub fn is_prime(n: u32) -> bool {
    PRIMES.binary_search(&n).is_ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn knows_primes() {
        assert!(super::is_prime(97) && !super::is_prime(98));
    }
}
