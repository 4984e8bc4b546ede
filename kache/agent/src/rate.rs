//! A limit of requests a minute: GitHub's cache answers about 200 for a repository, whose jobs share them.
//!
//! The limit is a token bucket. A read without a token fails at once, because a wrapper waits for it. A write waits, and
//! leaves half of the bucket to reads.

use crate::locked;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The requests a minute that GitHub's cache is sent by one agent: less than its limit, which the jobs of a repository share.
pub const GITHUB: u32 = 150;

pub struct Rate {
    per_minute: f64,
    bucket: Mutex<Bucket>,
}

struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// Adds the tokens of the time since the last call.
    fn refill(&mut self, rate: &Rate, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + elapsed * rate.refill()).min(rate.capacity());
        self.at = now;
    }
}

impl Rate {
    /// At most this many requests in any minute.
    pub fn new(per_minute: u32) -> Rate {
        let mut rate = Rate {
            per_minute: f64::from(per_minute),
            bucket: Mutex::new(Bucket { tokens: 0.0, at: Instant::now() }),
        };
        let full = rate.capacity();
        rate.bucket.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).tokens = full;
        rate
    }

    /// The size of the bucket. A full bucket and the tokens of one minute are the limit together.
    fn capacity(&self) -> f64 {
        self.per_minute / 3.0
    }

    /// Tokens a second.
    fn refill(&self) -> f64 {
        (self.per_minute - self.capacity()) / 60.0
    }

    /// Takes a token for a read. `false` if there is none.
    pub fn take_for_read(&self) -> bool {
        self.take(1.0, 0.0, Instant::now()).is_ok()
    }

    /// Takes the tokens for a write, and waits until there are as many.
    pub async fn take_for_write(&self, count: f64) {
        while let Err(wait) = self.take(count, self.capacity() / 2.0, Instant::now()) {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes tokens, and leaves some.
    ///
    /// # Errors
    /// If there are not enough tokens: how long it takes until there are.
    fn take(&self, count: f64, leave: f64, now: Instant) -> Result<(), Duration> {
        let mut bucket = locked(&self.bucket);
        bucket.refill(self, now);
        let missing = count + leave - bucket.tokens;
        if missing > 0.0 {
            return Err(Duration::from_secs_f64((missing / self.refill()).max(0.01)));
        }
        bucket.tokens -= count;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes as many tokens as there are, each 10 ms for ten minutes, and returns the most of any minute.
    fn most_of_a_minute(rate: &Rate, count: f64, leave: f64) -> usize {
        let start = Instant::now();
        let mut taken = Vec::new();
        for step in 0..60_000 {
            let now = start + Duration::from_millis(10 * step);
            while rate.take(count, leave, now).is_ok() {
                taken.extend((0..count as usize).map(|_| now));
            }
        }
        let until = |from: Instant| {
            taken.iter().filter(|at| **at >= from && **at < from + Duration::from_secs(60)).count()
        };
        taken.iter().map(|from| until(*from)).max().unwrap()
    }

    #[test]
    fn no_minute_has_more_requests_than_the_limit() {
        let most = most_of_a_minute(&Rate::new(90), 1.0, 0.0);
        assert!((85..=90).contains(&most), "{most}");
    }

    #[test]
    fn writes_leave_tokens_to_reads() {
        let rate = Rate::new(90);
        let now = Instant::now();
        while rate.take(3.0, rate.capacity() / 2.0, now).is_ok() {}
        let reads = std::iter::repeat_with(|| rate.take(1.0, 0.0, now)).take_while(Result::is_ok).count();
        assert!(reads >= 15, "{reads}");
        let wait = rate.take(3.0, 15.0, now).unwrap_err();
        assert!(rate.take(3.0, 15.0, now + wait + Duration::from_millis(20)).is_ok());
    }
}
