//! A circuit breaker: after a few failures, requests from wrappers no longer reach the remote.
//!
//! It opens at the third failure in a row, or when failures have taken as long as the timeout of one response. While it is
//! open, only a background task queries the remote, and a response closes it. Each time it opens, the
//! first pause is longer, so that an unstable remote does not cost its timeout again and again.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const MAX_FAILURES: u32 = 3;

#[derive(Default)]
struct State {
    open: Option<String>,
    failures: u32,
    waited: Duration,
    opened: u32,
}

#[derive(Default)]
pub struct CircuitBreaker {
    state: Mutex<State>,
}

impl CircuitBreaker {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// If it is open: why.
    pub fn why_open(&self) -> Option<String> {
        self.state().open.clone()
    }

    pub fn record_success(&self) {
        let mut state = self.state();
        state.failures = 0;
        state.waited = Duration::ZERO;
    }

    /// Records a failure after a wait. Returns whether the breaker should open.
    pub fn record_failure(&self, waited: Duration, timeout: Duration) -> bool {
        let mut state = self.state();
        state.failures += 1;
        state.waited += waited;
        state.failures >= MAX_FAILURES || state.waited * 10 >= timeout * 9
    }

    /// Opens it. Returns the pause before the first background query, or `None` if it was open.
    pub fn open(&self, why: String) -> Option<Duration> {
        let mut state = self.state();
        if state.open.is_some() {
            return None;
        }
        state.open = Some(why);
        state.opened += 1;
        Some(Duration::from_secs(1 << state.opened.min(6)))
    }

    pub fn close(&self) {
        let mut state = self.state();
        state.open = None;
        state.failures = 0;
        state.waited = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_at_the_third_quick_failure_or_the_first_slow_one() {
        let second = Duration::from_secs(1);
        let breaker = CircuitBreaker::default();
        let quick_failure = || breaker.record_failure(Duration::ZERO, second);
        assert!(!quick_failure() && !quick_failure());
        breaker.record_success();
        assert!(!quick_failure() && !quick_failure());
        assert!(quick_failure());
        assert!(CircuitBreaker::default().record_failure(second, second));
    }

    #[test]
    fn each_opening_has_a_longer_pause() {
        let breaker = CircuitBreaker::default();
        let first = breaker.open("a".into()).unwrap();
        assert_eq!((breaker.open("b".into()), breaker.why_open().as_deref()), (None, Some("a")));
        breaker.close();
        assert_eq!(breaker.why_open(), None);
        assert!(breaker.open("c".into()).unwrap() > first);
    }
}
