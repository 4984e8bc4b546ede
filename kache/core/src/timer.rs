//! The time of one wrapper, by phase.

use crate::events::Phase;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Instant;

/// Started with the wrapper; each lap ends one phase and begins the next.
pub struct Timer {
    start: Instant,
    last: Cell<Instant>,
    phases_us: RefCell<BTreeMap<Phase, u64>>,
}

impl Timer {
    pub fn start() -> Timer {
        let now = Instant::now();
        Timer { start: now, last: Cell::new(now), phases_us: RefCell::default() }
    }

    /// Ends a phase. A phase that is ended twice took both times.
    pub fn lap(&self, phase: Phase) {
        let now = Instant::now();
        let took = (now - self.last.replace(now)).as_micros() as u64;
        *self.phases_us.borrow_mut().entry(phase).or_default() += took;
    }

    pub fn total_us(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    pub fn phases_us(&self) -> BTreeMap<Phase, u64> {
        self.phases_us.borrow().clone()
    }
}
