//! Faults of the server for a load: each connection is drawn a fate.

use kache_loopback::proxy::{Draw, Fate, Fault};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The percentage of connections with a fault.
const FAULTY: u32 = 20;

/// How many connections had which fault.
pub type Injected = Arc<Mutex<BTreeMap<String, u64>>>;

/// Before the faults: a connection ends soon, so that a client that keeps it does not escape them.
pub fn start() -> Draw {
    Box::new(|| Fate { fault: Fault::None, lasts: Some(Duration::from_secs(5)) })
}

/// Draws the fates of connections, from a seed.
pub fn draw(seed: u64, injected: &Injected) -> Draw {
    let (mut rng, injected) = (fastrand::Rng::with_seed(seed), injected.clone());
    Box::new(move || {
        let (name, fault) = match rng.u32(..100) < FAULTY {
            true => fault(&mut rng),
            // Connections are reused: if they lasted, few would be drawn a fault.
            false => ("closed within 1 to 8 s", Fault::None),
        };
        *injected.lock().unwrap_or_else(PoisonError::into_inner).entry(name.to_owned()).or_default() += 1;
        let lasts = match fault {
            Fault::None => rng.u64(1_000..8_000),
            _ => rng.u64(200..2_000),
        };
        Fate { fault, lasts: Some(Duration::from_millis(lasts)) }
    })
}

fn fault(rng: &mut fastrand::Rng) -> (&'static str, Fault) {
    let milliseconds = Duration::from_millis;
    match rng.u32(..8) {
        0 => ("delayed", Fault::Latency(milliseconds(rng.u64(20..400)))),
        1 => ("never answered", Fault::Hang),
        2 => ("reset at the first bytes", Fault::Reset),
        3 => ("reset within an answer", Fault::Break(rng.usize(100..20_000))),
        4 => ("truncated", Fault::Cut(rng.usize(100..20_000))),
        5 => ("a bit altered in each so many bytes", Fault::Flip(rng.usize(400..8_000))),
        6 => ("500", Fault::Answer("500 Internal Server Error", "")),
        _ => ("slow", Fault::Slow(rng.u64(2_000..50_000))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_and_every_fault_is_drawn_and_counted() {
        let draws = |seed| {
            let injected = Injected::default();
            let mut draw = draw(seed, &injected);
            let fates: Vec<Fate> = (0..1000).map(|_| draw()).collect();
            (fates, injected.lock().unwrap().clone())
        };
        let (fates, injected) = draws(1);
        assert_eq!(fates, draws(1).0);
        assert_ne!(fates, draws(2).0);
        assert_eq!(injected.len(), 9, "{injected:?}");
        assert_eq!(injected.values().sum::<u64>(), 1000);
        assert!(fates.iter().all(|fate| fate.lasts.is_some()));
    }
}
