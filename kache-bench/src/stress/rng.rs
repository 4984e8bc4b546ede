//! Random numbers that are equal for equal seeds, so that a failed run can be repeated.

use fastrand::Rng;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// The stream of a seed for one scenario, independent of the numbers that other scenarios draw.
pub fn stream(seed: u64, scenario: &str) -> Rng {
    let mut hasher = DefaultHasher::new();
    (seed, scenario).hash(&mut hasher);
    Rng::with_seed(hasher.finish())
}

/// A number below `n`; 0 if `n` is 0.
pub fn below(rng: &mut Rng, n: usize) -> usize {
    if n == 0 { 0 } else { rng.usize(..n) }
}

/// An element of a list that is not empty.
pub fn pick<'a, T>(rng: &mut Rng, of: &'a [T]) -> &'a T {
    &of[rng.usize(..of.len())]
}

pub fn duration(rng: &mut Rng, most: Duration) -> Duration {
    Duration::from_micros(below(rng, most.as_micros() as usize) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_and_scenario_decide() {
        let draw = |seed, scenario: &str| {
            let mut rng = stream(seed, scenario);
            (0..32).map(|_| below(&mut rng, 1000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
    }
}
