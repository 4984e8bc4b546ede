//! A histogram of bytes by age of last use, in constant memory.

use std::time::Duration;

/// Ages below this number of seconds have buckets of one second.
const FINE: u64 = 4096;
/// The width of the other buckets in seconds.
const COARSE: u64 = 64;

/// Bytes by the time since their last use.
pub struct Ages(Vec<u64>);

impl Default for Ages {
    fn default() -> Ages {
        Ages(vec![0; 1 << 16])
    }
}

impl Ages {
    pub fn add(&mut self, age: Duration, bytes: u64) {
        let s = age.as_secs();
        let bucket = if s < FINE { s } else { FINE + (s - FINE) / COARSE };
        let last = self.0.len() - 1;
        self.0[(bucket as usize).min(last)] += bytes;
    }

    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The age above which entries must be evicted to get from more than `max` bytes to four fifths of `max`. `fixed` bytes
    /// cannot be evicted. [`Duration::MAX`] if everything fits.
    pub fn limit(&self, max: u64, fixed: u64) -> Duration {
        if self.total() + fixed <= max {
            return Duration::MAX;
        }
        let room = (max - max / 5).saturating_sub(fixed);
        let mut sum = 0;
        for (bucket, bytes) in self.0.iter().enumerate() {
            sum += bytes;
            if sum > room {
                let bucket = bucket as u64;
                let s = if bucket < FINE { bucket } else { FINE + (bucket - FINE) * COARSE };
                // Evict the whole bucket, which begins at `s`.
                return Duration::from_secs(s).saturating_sub(Duration::from_nanos(1));
            }
        }
        Duration::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ages(entries: &[(u64, u64)]) -> Ages {
        let mut ages = Ages::default();
        entries.iter().for_each(|(age, bytes)| ages.add(Duration::from_secs(*age), *bytes));
        ages
    }

    #[test]
    fn nothing_is_evicted_while_everything_fits() {
        let all = ages(&[(1, 60), (100, 30)]);
        assert_eq!(all.total(), 90);
        assert_eq!(all.limit(100, 10), Duration::MAX);
        assert!(all.limit(100, 11) < Duration::MAX);
    }

    #[test]
    fn the_oldest_are_evicted_down_to_four_fifths() {
        let all = ages(&[(1, 50), (10, 30), (20, 1), (30, 40)]);
        let limit = all.limit(100, 0);
        // 80 bytes stay: those of the ages 1 and 10.
        assert!(limit > Duration::from_secs(10) && limit < Duration::from_secs(20), "{limit:?}");
        assert!(all.limit(0, 0) < Duration::from_secs(1));
    }

    #[test]
    fn bytes_that_cannot_be_evicted_take_their_share() {
        let all = ages(&[(1, 30), (10, 30)]);
        assert!(all.limit(100, 50) < Duration::from_secs(10));
        assert!(all.limit(100, 50) >= Duration::from_secs(1), "80 - 50 bytes are left for the newest");
    }

    #[test]
    fn large_ages_share_a_bucket_and_are_evicted_together() {
        let (young, old) = (FINE + 10 * COARSE, FINE + 20 * COARSE);
        let all = ages(&[(young, 80), (old, 10), (old + COARSE - 1, 20)]);
        let limit = all.limit(100, 0);
        assert!(limit > Duration::from_secs(young) && limit < Duration::from_secs(old), "{limit:?}");
        let ancient = ages(&[(1, 80), (u64::MAX, 40)]);
        assert!(ancient.limit(100, 0) < Duration::MAX);
    }
}
