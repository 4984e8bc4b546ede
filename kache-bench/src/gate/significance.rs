//! By how much times moved between recorded runs and a new one, and how sure that is.
//!
//! Two things make times differ though nothing changed: builds of one run scatter, and whole runs differ, because the
//! machine had another neighbour that night. A test that only knows the first takes every other night for a regression. So
//! there are two bounds, and what is claimed must be outside both.
//!
//! - *Within runs*: the Mann–Whitney test, exact, one-sided at [`ALPHA`], turned round into bounds of the shift (Hodges
//!   and Lehmann's estimate is the middle of all differences between a new and a recorded build). It takes no
//!   distribution for granted, and build times have none that could be: they are skewed, with outliers upward.
//! - *Between runs*: the bound that one further run of the same code stays within, by Student's t over the middles of the recorded
//!   runs (a prediction interval, one-sided at [`ALPHA`]). With one recorded run there is no such bound: nothing is claimed.
//!
//! What that finds was tried on modelled runs (the test `what_is_found_with_so_many_rounds_and_runs`, 300 trials each). Where builds scatter by 3 % and
//! runs by 2 %, a fifth slower is found by 3 rounds against 3 runs in 55 of 100, against 5 runs in 92; by 5 rounds against 10 runs always; with nothing
//! slower there was no alarm. On a machine under heavy load (12 % and 6 %) it is found in 34 of 100 at best (10
//! rounds, 10 runs), most is inconclusive, and up to 2 of 100 times alarm without a cause: there, a regression of a time is worth a second run.
//!
//! All is done on logarithms, since what slows a build slows it by a share. Where the plain build was timed in the same
//! round, the time over the plain one is what is compared: that takes most of the night out.

use crate::compare::median;
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// How often each bound may be wrong, where the two do not both have to be.
pub const ALPHA: f64 = 0.01;

/// A shift below this is no regression, however sure it is.
pub const EFFECT: f64 = 0.10;

/// Fine is only what rules out so large a slowdown.
pub const RULED_OUT: f64 = 0.20;

/// What the times say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Slower for sure, and by no less than [`EFFECT`].
    Slower,
    /// Faster for sure, and by no less than [`EFFECT`].
    Faster,
    /// No slower by [`RULED_OUT`], for sure.
    Same,
    /// Nothing for sure.
    Inconclusive,
}

/// The shift with its bounds. Shares: 0.2 is a fifth slower.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Shift {
    /// Builds of the new run.
    pub rounds: usize,
    /// Builds of all recorded runs.
    pub recorded: usize,
    /// Recorded runs.
    pub runs: usize,
    /// The estimate.
    pub by: f64,
    /// No less than this; nothing where there are too few builds or runs to say.
    pub low: Option<f64>,
    /// No more than this.
    pub high: Option<f64>,
    /// How far one further run of the same code may be off; nothing with fewer than two runs.
    pub between: Option<f64>,
}

impl Shift {
    /// Of the times of a new run against those of recorded ones, all above zero. Nothing where either has none.
    pub fn of(now: &[f64], runs: &[Vec<f64>]) -> Option<Shift> {
        let now: Vec<f64> = now.iter().map(|time| time.ln()).collect();
        let runs: Vec<Vec<f64>> = runs.iter().filter(|run| !run.is_empty()).map(|run| logs(run)).collect();
        let recorded: Vec<f64> = runs.concat();
        let mut differences: Vec<f64> =
            now.iter().flat_map(|new| recorded.iter().map(move |old| new - old)).collect();
        differences.sort_by(f64::total_cmp);
        let by = median(&differences)?;
        let cut = critical(now.len(), recorded.len());
        // With single figures for runs there are no builds to scatter: what runs differ by is all there is.
        let is_single = now.len() == 1 && runs.iter().all(|run| run.len() == 1);
        let between = between(&runs);
        let bound = |at: Option<usize>, sign: f64| -> Option<f64> {
            let off = by + sign * between?;
            let within = if is_single { off } else { differences[at?] };
            Some(if sign < 0.0 { off.min(within) } else { off.max(within) })
        };
        let share = |log: f64| log.exp_m1();
        Some(Shift {
            rounds: now.len(),
            recorded: recorded.len(),
            runs: runs.len(),
            by: share(by),
            low: bound(cut.map(|cut| cut - 1), -1.0).map(share),
            high: bound(cut.map(|cut| differences.len() - cut), 1.0).map(share),
            between: between.map(share),
        })
    }

    /// What it comes to.
    pub fn decide(&self) -> Decision {
        match (self.low, self.high) {
            (Some(low), _) if low > 0.0 && self.by >= EFFECT => Decision::Slower,
            (_, Some(high)) if high < 0.0 && self.by <= -EFFECT => Decision::Faster,
            (_, Some(high)) if high < RULED_OUT => Decision::Same,
            _ => Decision::Inconclusive,
        }
    }
}

fn logs(times: &[f64]) -> Vec<f64> {
    times.iter().map(|time| time.ln()).collect()
}

/// What one further run stays within, as a logarithm.
fn between(runs: &[Vec<f64>]) -> Option<f64> {
    let middles: Vec<f64> = runs.iter().filter_map(|run| median(run)).collect();
    let k = middles.len() as f64;
    if k < 2.0 {
        return None;
    }
    let mean = middles.iter().sum::<f64>() / k;
    let variance = middles.iter().map(|middle| (middle - mean).powi(2)).sum::<f64>() / (k - 1.0);
    let student = StudentsT::new(0.0, 1.0, k - 1.0).ok()?;
    Some(student.inverse_cdf(1.0 - ALPHA) * variance.sqrt() * (1.0 + 1.0 / k).sqrt())
}

/// Which of the sorted differences, from 1 on and counted from either end, is a bound of the shift at [`ALPHA`]: the greatest
/// number c for which fewer than c of all pairs are on one side no oftener than that. Nothing where even all of them
/// on one side are not rare enough.
pub fn critical(n: usize, m: usize) -> Option<usize> {
    let mut below = 0.0;
    let mut cut = 0;
    for chance in mann_whitney(n, m) {
        below += chance;
        if below > ALPHA {
            break;
        }
        cut += 1;
    }
    (cut > 0).then_some(cut)
}

/// The chance of each number of pairs, 0 to n·m, in which the one of the n is less, if all orders are equally likely:
/// the greatest of all is one of the n or of the m, and the rest is a smaller case.
fn mann_whitney(n: usize, m: usize) -> Vec<f64> {
    // By row: so many of the n; by column: so many of the m.
    let mut row: Vec<Vec<f64>> = (0..=m).map(|_| vec![1.0]).collect();
    for i in 1..=n {
        let mut next: Vec<Vec<f64>> = vec![vec![1.0]];
        for j in 1..=m {
            let of_n = i as f64 / (i + j) as f64;
            let mut chances = vec![0.0; i * j + 1];
            // The greatest is one of the n: no pair of its has it less; if one of the m, all of the n are less.
            for (pairs, chance) in row[j].iter().enumerate() {
                chances[pairs] += of_n * chance;
            }
            for (pairs, chance) in next[j - 1].iter().enumerate() {
                chances[pairs + i] += (1.0 - of_n) * chance;
            }
            next.push(chances);
        }
        row = next;
    }
    row.pop().unwrap_or_default()
}

/// A share, signed: `+12.0 %`.
fn percent(share: f64) -> String {
    format!("{:+.1} %", share * 100.0)
}

pub(super) fn share(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// What a shift says, in a sentence; what was missing, where nothing can be said.
pub(super) fn told(shift: Option<&Shift>) -> String {
    let Some(shift) = shift else { return "nothing recorded to compare with".into() };
    let sample = format!("{} against {} of {} runs", shift.rounds, shift.recorded, shift.runs);
    let (Some(low), Some(high)) = (shift.low, shift.high) else {
        let wanted = if shift.runs < 2 {
            "two recorded runs at least are needed to know how much runs differ".to_owned()
        } else {
            let enough = (shift.rounds..100).find(|n| critical(*n, shift.recorded).is_some()).unwrap_or(100);
            format!("{enough} rounds at least are needed against so many")
        };
        return format!("{} ({sample}): {wanted}", percent(shift.by));
    };
    let bounds =
        format!("{}, surely from {} to {} ({sample})", percent(shift.by), percent(low), percent(high));
    match shift.decide() {
        Decision::Slower => format!("slower: {bounds}"),
        Decision::Faster => format!("faster: {bounds}"),
        Decision::Same => bounds,
        Decision::Inconclusive => {
            format!("{bounds}: neither a slowdown for sure nor one of {} ruled out", share(RULED_OUT))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_distribution_is_that_of_the_tables() {
        // Mann and Whitney's own table, n = m = 4: P(U <= 0) = 1/70, P(U <= 1) = 2/70, P(U <= 2) = 4/70.
        let chances = mann_whitney(4, 4);
        let upto = |u: usize| chances[..=u].iter().sum::<f64>();
        for (u, of_70) in [(0, 1.0), (1, 2.0), (2, 4.0), (8, 39.0), (16, 70.0)] {
            assert!((upto(u) - of_70 / 70.0).abs() < 1e-12, "{u}: {}", upto(u) * 70.0);
        }
        assert_eq!(critical(4, 4), None, "one in 70 is not rare enough");
        assert_eq!(critical(5, 5), Some(2), "2 of 252 orders; 4 are too many");
        assert_eq!(critical(3, 7), Some(1));
        assert_eq!((critical(2, 12), critical(2, 13)), (None, Some(1)));
        assert_eq!(critical(0, 5), None);
    }

    #[test]
    fn student_is_that_of_the_tables() {
        let runs = |middles: &[f64]| between(&middles.iter().map(|m| vec![*m]).collect::<Vec<_>>());
        // Standard deviation 1, three runs: 6.965 times the root of 4/3.
        assert!((runs(&[-1.0, 0.0, 1.0]).unwrap() - 8.042).abs() < 2e-3);
        assert_eq!(runs(&[1.0]), None);
    }

    #[test]
    fn one_recorded_run_decides_nothing() {
        let runs = [vec![10.0, 10.1, 10.2, 10.1, 10.0, 10.2]];
        let shift = Shift::of(&[12.0, 12.1, 12.2, 12.1, 12.0, 12.2], &runs).unwrap();
        assert_eq!((shift.low, shift.high, shift.decide()), (None, None, Decision::Inconclusive));
        assert!((shift.by - 0.19).abs() < 0.01);
    }

    #[test]
    fn few_builds_decide_nothing_and_many_do() {
        let run = |scale: f64| [1.0, 1.02, 0.99].map(|time| time * scale).to_vec();
        let few = Shift::of(&run(1.2), &[run(1.0), run(1.01)]).unwrap();
        assert_eq!(few.decide(), Decision::Inconclusive, "{few:?}");
        let runs: Vec<_> = [1.0, 1.01, 1.0, 0.99, 1.0].map(run).to_vec();
        assert_eq!(Shift::of(&run(1.2), &runs).unwrap().decide(), Decision::Slower);
        assert_eq!(Shift::of(&run(1.0), &runs).unwrap().decide(), Decision::Same);
        assert_eq!(Shift::of(&run(0.8), &runs).unwrap().decide(), Decision::Faster);
        // Surely slower, but by less than what is called a regression.
        assert_eq!(Shift::of(&run(1.07), &runs).unwrap().decide(), Decision::Same);
    }

    #[test]
    fn nights_that_differ_are_no_regression() {
        let run = |scale: f64| [1.0, 1.01, 0.99, 1.0, 1.02].map(|time| time * scale).to_vec();
        let runs: Vec<_> = [1.0, 1.3, 0.8, 1.1, 1.2, 0.9].map(run).to_vec();
        let shift = Shift::of(&run(1.3), &runs).unwrap();
        assert_eq!(shift.decide(), Decision::Inconclusive, "{shift:?}");
    }

    /// Chance, the same each time (SplitMix), as a standard normal figure (Box and Muller).
    fn normal(state: &mut u64) -> f64 {
        let mut uniform = || {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
        };
        let radius = (-2.0 * (1.0 - uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * uniform()).cos()
    }

    /// Of so many trials, how many are called slower, and how many are not called anything.
    fn tried(rounds: usize, runs: usize, within: f64, between: f64, factor: f64) -> [f64; 2] {
        const TRIALS: usize = 200;
        let mut state = (rounds * 1000 + runs) as u64;
        let mut run = |factor: f64| -> Vec<f64> {
            let night = between * normal(&mut state);
            (0..rounds).map(|_| (night + within * normal(&mut state)).exp() * factor).collect()
        };
        let decisions: Vec<_> = (0..TRIALS)
            .map(|_| {
                let recorded: Vec<_> = (0..runs).map(|_| run(1.0)).collect();
                Shift::of(&run(factor), &recorded).unwrap().decide()
            })
            .collect();
        [Decision::Slower, Decision::Inconclusive].map(|wanted| {
            decisions.iter().filter(|decision| **decision == wanted).count() as f64 / TRIALS as f64
        })
    }

    /// The figures that the README gives; `--nocapture` prints them.
    #[test]
    fn what_is_found_with_so_many_rounds_and_runs() {
        for (within, between) in [(0.03, 0.02), (0.12, 0.06)] {
            for (rounds, runs) in [(3, 3), (3, 5), (5, 5), (5, 10)] {
                let [alarms, open] = tried(rounds, runs, within, between, 1.0);
                let [found, missed] = tried(rounds, runs, within, between, 1.2);
                println!(
                    "builds {within}, runs {between}; {rounds} rounds, {runs} runs: nothing planted: {alarms:.3} alarms, \
                     {open:.3} open; a fifth slower: {found:.3} found, {missed:.3} open"
                );
                assert!(alarms <= 0.02, "{alarms} of the runs raise an alarm without a cause");
                assert!(found + missed >= 0.97, "a fifth is called fine in {}", 1.0 - found - missed);
                assert!(within > 0.1 || runs < 10 || found > 0.8, "only {found} are found");
            }
        }
    }

    fn times() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(0.1..10.0f64, 1..8)
    }

    proptest! {
        #[test]
        fn chances_add_up_and_are_symmetric(n in 1usize..9, m in 1usize..30) {
            let chances = mann_whitney(n, m);
            prop_assert_eq!(chances.len(), n * m + 1);
            prop_assert!((chances.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            for at in 0..chances.len() {
                prop_assert!((chances[at] - chances[n * m - at]).abs() < 1e-9);
            }
        }

        #[test]
        fn the_estimate_lies_within_its_bounds(now in times(), runs in prop::collection::vec(times(), 1..8)) {
            let shift = Shift::of(&now, &runs).unwrap();
            prop_assert!(shift.low.is_none_or(|low| low <= shift.by + 1e-9));
            prop_assert!(shift.high.is_none_or(|high| high >= shift.by - 1e-9));
            prop_assert_eq!(shift.low.is_none(), shift.high.is_none());
        }

        #[test]
        fn the_unit_of_time_does_not_matter(
            now in times(), runs in prop::collection::vec(times(), 2..6), unit in 0.001..1000.0f64
        ) {
            let scaled = |times: &Vec<f64>| times.iter().map(|time| time * unit).collect::<Vec<_>>();
            let (one, other) =
                (Shift::of(&now, &runs), Shift::of(&scaled(&now), &runs.iter().map(scaled).collect::<Vec<_>>()));
            prop_assert!((one.unwrap().by - other.unwrap().by).abs() < 1e-6);
        }

        #[test]
        fn slower_is_never_called_better(
            now in times(), runs in prop::collection::vec(times(), 2..8), factor in 1.0..3.0f64
        ) {
            let rank = |decision| match decision {
                Decision::Faster => 0,
                Decision::Same => 1,
                Decision::Inconclusive => 2,
                Decision::Slower => 3,
            };
            let slowed: Vec<_> = now.iter().map(|time| time * factor).collect();
            let (before, after) = (Shift::of(&now, &runs).unwrap(), Shift::of(&slowed, &runs).unwrap());
            prop_assert!(rank(after.decide()) >= rank(before.decide()), "{before:?} {after:?}");
        }

        #[test]
        fn the_order_of_builds_and_runs_does_not_matter(
            now in times(), runs in prop::collection::vec(times(), 2..6)
        ) {
            let reversed = |times: &[f64]| times.iter().rev().copied().collect::<Vec<_>>();
            let runs_back: Vec<_> = runs.iter().rev().map(|run| reversed(run)).collect();
            let (one, other) =
                (Shift::of(&now, &runs).unwrap(), Shift::of(&reversed(&now), &runs_back).unwrap());
            prop_assert!((one.by - other.by).abs() < 1e-9);
            prop_assert_eq!(one.decide(), other.decide());
        }
    }
}
