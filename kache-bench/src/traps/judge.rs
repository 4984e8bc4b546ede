//! Derives the verdict of a case.

use super::case::Expect;
use crate::backend::Counts;
use serde::{Deserialize, Serialize};

/// The result of one build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildOutcome {
    pub built: bool,
    /// Values of the probes, or that the build failed.
    pub witness: String,
    /// Messages of the compilers and the cache.
    pub messages: String,
    /// Statistics of the cache for this build.
    pub counts: Option<Counts>,
    /// Why units were not restored or not stored, as far as the cache says so.
    pub reasons: Vec<String>,
}

impl BuildOutcome {
    fn hit(&self) -> bool {
        self.counts.is_some_and(|c| c.hits > 0)
    }

    /// cargo also queries the compiler, which some caches count as bypassed.
    fn all_hit(&self, by_cargo: bool) -> bool {
        self.counts.is_some_and(|c| c.hits > 0 && c.misses == 0 && (by_cargo || c.passed == 0))
    }
}

/// All builds of a trial, in order.
#[derive(Clone, Debug)]
pub struct TrialEvidence {
    /// Plain compiler, before the change.
    pub truth_before: BuildOutcome,
    /// With an empty cache.
    pub cold: BuildOutcome,
    pub again: BuildOutcome,
    pub changed: BuildOutcome,
    /// Plain compiler, after the change.
    pub truth: BuildOutcome,
    /// A restored output that differs from the same cache's output with an empty cache.
    pub differs: Option<String>,
    pub by_cargo: bool,
    /// Whether a change happened during the first build, which may then have seen either state.
    pub moving: bool,
}

/// The verdict on one case with one cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrapVerdict {
    Ok,
    /// The result is right; the cache does not report whether it was a hit.
    Right,
    /// A restored result differs from the compiler's.
    FalseHit,
    /// A compiled result differs from the plain compiler's.
    Wrong,
    FalseMiss,
    /// Right, but an unchanged unit is compiled each time.
    NotCached,
    /// The build fails with the cache but not without it.
    Broke,
    /// The cache does not support the language.
    NotApplicable,
    /// Cannot run on this machine.
    Skipped,
    /// The case is invalid: the plain compiler does not see the change, or the build fails.
    Invalid,
}

impl TrapVerdict {
    /// All with their labels in the table, in summary order.
    pub const ALL: [(TrapVerdict, &str); 10] = [
        (TrapVerdict::Ok, "ok"),
        (TrapVerdict::Right, "right"),
        (TrapVerdict::FalseHit, "FALSE HIT"),
        (TrapVerdict::Wrong, "WRONG"),
        (TrapVerdict::Broke, "BROKE"),
        (TrapVerdict::FalseMiss, "false miss"),
        (TrapVerdict::NotCached, "not cached"),
        (TrapVerdict::NotApplicable, "n/a"),
        (TrapVerdict::Skipped, "skipped"),
        (TrapVerdict::Invalid, "INVALID"),
    ];

    pub fn label(self) -> &'static str {
        TrapVerdict::ALL.iter().find(|(verdict, _)| *verdict == self).map_or("", |(_, label)| label)
    }

    /// Whether the suite fails if kache has this verdict.
    pub fn fails(self) -> bool {
        !matches!(
            self,
            TrapVerdict::Ok | TrapVerdict::Right | TrapVerdict::NotApplicable | TrapVerdict::Skipped
        )
    }
}

/// The verdict, with details unless it is good.
pub fn judge(expect: Expect, seen: &TrialEvidence) -> (TrapVerdict, String) {
    let TrialEvidence { truth_before, cold, again, changed, truth, .. } = seen;
    if expect == Expect::Follows && truth_before.witness == truth.witness && !seen.moving {
        return (
            TrapVerdict::Invalid,
            format!("the plain compiler's result is {} with and without the change", short(&truth.witness)),
        );
    }
    let pairs = [(cold, truth_before), (again, truth_before), (changed, truth)];
    // A change during the build may or may not be seen; afterwards it must be.
    let pairs = if seen.moving { &pairs[2..] } else { &pairs[..] };
    for (have, want) in pairs {
        if let Some(wrong) = wrong(have, want, truth_before) {
            return wrong;
        }
    }
    if let Some(file) = &seen.differs {
        return (TrapVerdict::FalseHit, format!("{file} differs from a compile with an empty cache"));
    }
    match expect {
        _ if again.counts.is_none() => (TrapVerdict::Right, String::new()),
        Expect::Uncacheable => (TrapVerdict::Ok, String::new()),
        _ if !again.all_hit(seen.by_cargo) && !seen.moving => {
            (TrapVerdict::NotCached, how("unchanged", again))
        }
        Expect::Hits if !changed.all_hit(seen.by_cargo) => (TrapVerdict::FalseMiss, how("changed", changed)),
        _ => (TrapVerdict::Ok, String::new()),
    }
}

fn wrong(have: &BuildOutcome, want: &BuildOutcome, before: &BuildOutcome) -> Option<(TrapVerdict, String)> {
    if have.witness == want.witness {
        return None;
    }
    let detail = format!("result {}, the compiler's {}", short(&have.witness), short(&want.witness));
    // A result that was right before the change was stored, whatever the statistics say.
    let stale = have.witness == before.witness;
    Some(match (have.built, want.built, have.hit() || stale) {
        (false, true, _) => (TrapVerdict::Broke, short(have.messages.trim())),
        (_, _, true) => (TrapVerdict::FalseHit, detail),
        _ => (TrapVerdict::Wrong, detail),
    })
}

fn how(when: &str, seen: &BuildOutcome) -> String {
    seen.counts.map_or_else(String::new, |c| {
        let counted = format!("{when}: {c}");
        std::iter::once(&counted).chain(&seen.reasons).cloned().collect::<Vec<_>>().join("; ")
    })
}

fn short(text: &str) -> String {
    let line = text.replace('\n', "⏎");
    let cut: String = line.chars().take(160).collect();
    if cut.len() < line.len() { format!("“{cut}…”") } else { format!("“{cut}”") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(witness: &str, counts: Option<(u64, u64)>) -> BuildOutcome {
        let counts = counts.map(|(hits, misses)| Counts { hits, misses, passed: 0 });
        BuildOutcome {
            built: witness != "fails",
            witness: witness.into(),
            messages: String::new(),
            counts,
            reasons: Vec::new(),
        }
    }

    fn verdict(expect: Expect, again: (u64, u64), changed: (&str, (u64, u64)), truth: &str) -> TrapVerdict {
        let evidence = TrialEvidence {
            truth_before: seen("a", None),
            cold: seen("a", Some((0, 1))),
            again: seen("a", Some(again)),
            changed: seen(changed.0, Some(changed.1)),
            truth: seen(truth, None),
            differs: None,
            by_cargo: false,
            moving: false,
        };
        judge(expect, &evidence).0
    }

    #[test]
    fn verdicts() {
        use Expect::{Follows, Hits, Right, Uncacheable};
        let (hit, miss) = ((1, 0), (0, 1));
        assert_eq!(verdict(Follows, hit, ("b", miss), "b"), TrapVerdict::Ok);
        assert_eq!(verdict(Follows, hit, ("a", hit), "b"), TrapVerdict::FalseHit);
        assert_eq!(verdict(Follows, hit, ("a", miss), "b"), TrapVerdict::FalseHit);
        assert_eq!(verdict(Follows, hit, ("c", miss), "b"), TrapVerdict::Wrong);
        assert_eq!(verdict(Follows, hit, ("fails", miss), "b"), TrapVerdict::Broke);
        assert_eq!(verdict(Follows, hit, ("a", hit), "fails"), TrapVerdict::FalseHit);
        assert_eq!(verdict(Follows, miss, ("b", miss), "b"), TrapVerdict::NotCached);
        assert_eq!(verdict(Follows, hit, ("a", hit), "a"), TrapVerdict::Invalid);
        assert_eq!(verdict(Right, hit, ("a", hit), "a"), TrapVerdict::Ok);
        assert_eq!(verdict(Uncacheable, miss, ("b", miss), "b"), TrapVerdict::Ok);
        assert_eq!(verdict(Hits, hit, ("a", hit), "a"), TrapVerdict::Ok);
        assert_eq!(verdict(Hits, hit, ("a", miss), "a"), TrapVerdict::FalseMiss);
        assert_eq!(verdict(Hits, (1, 1), ("a", miss), "a"), TrapVerdict::NotCached);
    }

    #[test]
    fn a_hit_that_differs_from_a_compile_is_false() {
        let same = seen("a", Some((1, 0)));
        let evidence = TrialEvidence {
            truth_before: seen("a", None),
            cold: seen("a", Some((0, 1))),
            again: same.clone(),
            changed: same,
            truth: seen("a", None),
            differs: Some("out/a.o".into()),
            by_cargo: false,
            moving: false,
        };
        assert_eq!(judge(Expect::Hits, &evidence).0, TrapVerdict::FalseHit);
    }
}
