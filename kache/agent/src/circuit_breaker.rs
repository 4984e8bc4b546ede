//! A circuit: a remote that does not answer is asked a few times, and then not by anybody who waits.
//!
//! It opens at the third failure in a row, or as soon as failures have cost as long as one answer may take. While it is open
//! the remote is asked in the background alone, and an answer closes it. Each opening of an agent's life makes the
//! first pause longer, so that a remote that comes and goes does not cost its deadline again and again.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many failures in a row are enough.
const ENOUGH: u32 = 3;

#[derive(Default)]
struct State {
    open: Option<String>,
    in_a_row: u32,
    waited: Duration,
    opened: u32,
}

/// The circuit of one remote.
#[derive(Default)]
pub struct Circuit {
    state: Mutex<State>,
}

impl Circuit {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why it is open, where it is.
    pub fn why_open(&self) -> Option<String> {
        self.state().open.clone()
    }

    /// The remote answered.
    pub fn answered(&self) {
        let mut state = self.state();
        state.in_a_row = 0;
        state.waited = Duration::ZERO;
    }

    /// It did not, and that took so long. Whether that is enough.
    pub fn failed(&self, waited: Duration, timeout: Duration) -> bool {
        let mut state = self.state();
        state.in_a_row += 1;
        state.waited += waited;
        state.in_a_row >= ENOUGH || state.waited * 10 >= timeout * 9
    }

    /// Opens it: after which pause to ask in the background. Nothing where it is open already.
    pub fn open(&self, why: String) -> Option<Duration> {
        let mut state = self.state();
        if state.open.is_some() {
            return None;
        }
        state.open = Some(why);
        state.opened += 1;
        Some(Duration::from_secs(1 << state.opened.min(6)))
    }

    /// Closes it.
    pub fn close(&self) {
        let mut state = self.state();
        state.open = None;
        state.in_a_row = 0;
        state.waited = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_at_the_third_quick_failure_or_the_first_slow_one() {
        let second = Duration::from_secs(1);
        let circuit = Circuit::default();
        assert!(!circuit.failed(Duration::ZERO, second) && !circuit.failed(Duration::ZERO, second));
        circuit.answered();
        assert!(!circuit.failed(Duration::ZERO, second) && !circuit.failed(Duration::ZERO, second));
        assert!(circuit.failed(Duration::ZERO, second));
        assert!(Circuit::default().failed(second, second));
    }

    #[test]
    fn each_opening_pauses_longer_and_one_is_enough() {
        let circuit = Circuit::default();
        let first = circuit.open("a".into()).unwrap();
        assert_eq!((circuit.open("b".into()), circuit.why_open().as_deref()), (None, Some("a")));
        circuit.close();
        assert_eq!(circuit.why_open(), None);
        assert!(circuit.open("c".into()).unwrap() > first);
    }
}
