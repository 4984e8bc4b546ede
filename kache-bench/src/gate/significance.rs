//! The change of times between recorded runs and a new run, and its significance.
//!
//! Times differ without a change of the code for two reasons: builds of one run vary, and whole runs vary,
//! since the machine's load differs. A test that only knows the first would raise false alarms. So there are
//! two bounds, and a change must exceed both.
//!
//! - *Within runs*: the exact one-sided Mann–Whitney test at [`ALPHA`], inverted into bounds of the shift
//!   (the Hodges–Lehmann estimate is the median of all differences between a new and a recorded build). It
//!   assumes no distribution; build times are skewed with outliers upward.
//!
//! - *Between runs*: the prediction interval for one further run of the same code, by Student's t over the
//!   medians of the recorded runs, one-sided at [`ALPHA`]. With one recorded run there is no such bound, and
//!   the result is inconclusive.
//!
//! The test `what_is_found_with_so_many_rounds_and_runs` simulates runs, 300 trials each. With a deviation of
//! 3 % between builds and 2 % between runs, a slowdown of a fifth is found by 3 rounds against 3 runs in 55 %
//! of the trials, against 5 runs in 92 %, and by 5 rounds against 10 runs always; there are no false alarms.
//! On a loaded machine (12 % and 6 %) it is found in at most 34 % (10 rounds, 10 runs), most trials are
//! inconclusive, and up to 2 % are false alarms: rerun before you trust a regression there.
//!
//! All computations use logarithms, since causes of slowdowns are proportional. If the plain build was
//! measured in the same round, the ratio to its time is compared, which removes most of the variation between
//! runs.

use crate::compare::median;
use crate::text::count;
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Error rate of each bound.
pub const ALPHA: f64 = 0.01;

/// A smaller shift is not a regression, however significant.
pub const EFFECT: f64 = 0.10;

/// Ok requires that a slowdown of this size is ruled out.
pub const RULED_OUT: f64 = 0.20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Significantly slower, by at least [`EFFECT`].
    Slower,
    /// Significantly faster, by at least [`EFFECT`].
    Faster,
    /// A slowdown of [`RULED_OUT`] is ruled out.
    Same,
    Inconclusive,
}

/// The shift with its bounds, as shares: 0.2 is a fifth slower.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Shift {
    pub rounds: usize,
    pub recorded: usize,
    pub runs: usize,
    pub by: f64,
    /// Lower bound; `None` with too few builds or runs.
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// Largest deviation of a further run of the same code; `None` with fewer than two runs.
    pub between: Option<f64>,
}

impl Shift {
    /// Compares the times of a new run with those of recorded runs, all above 0; `None` without times on
    /// either side.
    pub fn of(now: &[f64], runs: &[Vec<f64>]) -> Option<Shift> {
        let now: Vec<f64> = now.iter().map(|time| time.ln()).collect();
        let runs: Vec<Vec<f64>> = runs.iter().filter(|run| !run.is_empty()).map(|run| logs(run)).collect();
        let recorded: Vec<f64> = runs.concat();
        let mut differences: Vec<f64> =
            now.iter().flat_map(|new| recorded.iter().map(move |old| new - old)).collect();
        differences.sort_by(f64::total_cmp);
        let by = median(&differences)?;
        let cut = critical(now.len(), recorded.len());
        // With one figure per run, only the variation between runs is known.
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

/// Bounds of one further run, as a logarithm.
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

/// Rank, from either end of the sorted differences, of the bound of the shift at [`ALPHA`]: the greatest c
/// such that fewer than c pairs are on one side with probability at most [`ALPHA`]. `None` if even 0 pairs
/// are too likely.
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

/// Probability of each number of pairs, 0 to n·m, in which the element of n is less, if all orders are
/// equally likely. Recursion over the greatest element, which is from n or from m.
fn mann_whitney(n: usize, m: usize) -> Vec<f64> {
    // Rows: number of elements of n; columns: of m.
    let mut row: Vec<Vec<f64>> = (0..=m).map(|_| vec![1.0]).collect();
    for i in 1..=n {
        let mut next: Vec<Vec<f64>> = vec![vec![1.0]];
        for j in 1..=m {
            let of_n = i as f64 / (i + j) as f64;
            let mut chances = vec![0.0; i * j + 1];
            // If the greatest is from n, it is less in no pair; if it is from m, all elements of n are less.
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

fn percent(share: f64) -> String {
    format!("{:+.1} %", share * 100.0)
}

pub(super) fn share(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// Describes a shift, or why it is unknown.
pub(super) fn description(shift: Option<&Shift>) -> String {
    let Some(shift) = shift else { return "nothing recorded to compare with".into() };
    let sample =
        format!("{} against {} of {}", shift.rounds, shift.recorded, count(shift.runs, "run", "runs"));
    let (Some(low), Some(high)) = (shift.low, shift.high) else {
        let wanted = if shift.runs < 2 {
            "at least two recorded runs are needed to estimate the variation between runs".to_owned()
        } else {
            let enough = (shift.rounds..100).find(|n| critical(*n, shift.recorded).is_some()).unwrap_or(100);
            let enough = count(enough, "round is", "rounds are");
            format!("at least {enough} needed with this number of recorded builds")
        };
        return format!("{} ({sample}): {wanted}", percent(shift.by));
    };
    let bounds =
        format!("{}, with bounds {} to {} ({sample})", percent(shift.by), percent(low), percent(high));
    match shift.decide() {
        Decision::Slower => format!("slower: {bounds}"),
        Decision::Faster => format!("faster: {bounds}"),
        Decision::Same => bounds,
        Decision::Inconclusive => {
            format!("{bounds}: not a significant slowdown, but one of {} is not ruled out", share(RULED_OUT))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_distribution_is_that_of_the_tables() {
        // From the original table of Mann and Whitney, n = m = 4: P(U <= 0) = 1/70, P(U <= 1) = 2/70, P(U <=
        // 2) = 4/70.
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
        // Significantly slower, but by less than [`EFFECT`].
        assert_eq!(Shift::of(&run(1.07), &runs).unwrap().decide(), Decision::Same);
    }

    #[test]
    fn nights_that_differ_are_no_regression() {
        let run = |scale: f64| [1.0, 1.01, 0.99, 1.0, 1.02].map(|time| time * scale).to_vec();
        let runs: Vec<_> = [1.0, 1.3, 0.8, 1.1, 1.2, 0.9].map(run).to_vec();
        let shift = Shift::of(&run(1.3), &runs).unwrap();
        assert_eq!(shift.decide(), Decision::Inconclusive, "{shift:?}");
    }

    /// A deterministic standard normal variate (Box–Muller).
    fn normal(rng: &mut fastrand::Rng) -> f64 {
        let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
        radius * (std::f64::consts::TAU * rng.f64()).cos()
    }

    /// The share of trials that are called slower, and the share that is inconclusive.
    fn tried(rounds: usize, runs: usize, within: f64, between: f64, factor: f64) -> [f64; 2] {
        const TRIALS: usize = 200;
        let mut rng = fastrand::Rng::with_seed((rounds * 1000 + runs) as u64);
        let mut run = |factor: f64| -> Vec<f64> {
            let night = between * normal(&mut rng);
            (0..rounds).map(|_| (night + within * normal(&mut rng)).exp() * factor).collect()
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

    /// The figures in the module's documentation; `--nocapture` prints them.
    #[test]
    fn what_is_found_with_so_many_rounds_and_runs() {
        for (within, between) in [(0.03, 0.02), (0.12, 0.06)] {
            for (rounds, runs) in [(3, 3), (3, 5), (5, 5), (5, 10)] {
                let [alarms, open] = tried(rounds, runs, within, between, 1.0);
                let [found, missed] = tried(rounds, runs, within, between, 1.2);
                println!(
                    "builds {within}, runs {between}; {rounds} rounds, {runs} runs: no slowdown: {alarms:.3} alarms, \
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
