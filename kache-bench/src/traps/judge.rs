//! From what was seen to a verdict.

use super::case::Expect;
use crate::backend::Counts;
use serde::{Deserialize, Serialize};

/// What came of one build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildOutcome {
    pub built: bool,
    /// What there was to see; that it failed, if it did.
    pub witness: String,
    /// What the compilers and the backend printed.
    pub messages: String,
    /// What the backend says that it did.
    pub counts: Option<Counts>,
}

impl BuildOutcome {
    fn hit(&self) -> bool {
        self.counts.is_some_and(|c| c.hits > 0)
    }

    /// cargo asks the compiler for this and that besides, which some count as passed on.
    fn all_hit(&self, by_cargo: bool) -> bool {
        self.counts.is_some_and(|c| c.hits > 0 && c.misses == 0 && (by_cargo || c.passed == 0))
    }
}

/// All that a trial saw, in the order in which it was built.
#[derive(Clone, Debug)]
pub struct TrialEvidence {
    /// The plain compiler's, before the change.
    pub truth_before: BuildOutcome,
    /// The first, into an empty cache.
    pub cold: BuildOutcome,
    pub again: BuildOutcome,
    pub changed: BuildOutcome,
    /// The plain compiler's, after the change.
    pub truth: BuildOutcome,
    /// Of outputs that were restored: the name of one that the same backend makes otherwise with an empty cache.
    pub differs: Option<String>,
    /// Whether cargo ran the compilers.
    pub by_cargo: bool,
    /// Whether something changed while the first build ran, so that it may have seen either state.
    pub moving: bool,
}

/// The outcome of one case with one backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrapVerdict {
    Ok,
    /// What was given is right; the backend does not say whether it was a hit.
    Right,
    /// What was given back is not what the compiler makes.
    FalseHit,
    /// Compiled, and still not what the compiler makes.
    Wrong,
    FalseMiss,
    /// Right, but an unchanged unit is compiled each time.
    NotCached,
    /// It fails where the plain compiler does not.
    Broke,
    /// The backend does not do this language.
    NotApplicable,
    /// Cannot be tried on this machine.
    Skipped,
    /// The case itself is broken: the plain compiler does not see the change, or nothing can be built.
    Invalid,
}

impl TrapVerdict {
    /// As the table has it.
    pub fn label(self) -> &'static str {
        match self {
            TrapVerdict::Ok => "ok",
            TrapVerdict::Right => "right",
            TrapVerdict::FalseHit => "FALSE HIT",
            TrapVerdict::Wrong => "WRONG",
            TrapVerdict::FalseMiss => "false miss",
            TrapVerdict::NotCached => "not cached",
            TrapVerdict::Broke => "BROKE",
            TrapVerdict::NotApplicable => "n/a",
            TrapVerdict::Skipped => "skipped",
            TrapVerdict::Invalid => "DUD",
        }
    }

    /// All, in the order of the summary.
    pub const ALL: [TrapVerdict; 10] = [
        TrapVerdict::Ok,
        TrapVerdict::Right,
        TrapVerdict::FalseHit,
        TrapVerdict::Wrong,
        TrapVerdict::Broke,
        TrapVerdict::FalseMiss,
        TrapVerdict::NotCached,
        TrapVerdict::NotApplicable,
        TrapVerdict::Skipped,
        TrapVerdict::Invalid,
    ];

    /// Whether the suite fails of it, for the backend that is to be proved.
    pub fn fails(self) -> bool {
        !matches!(
            self,
            TrapVerdict::Ok | TrapVerdict::Right | TrapVerdict::NotApplicable | TrapVerdict::Skipped
        )
    }
}

/// The verdict, with what it rests on where it is no good one.
pub fn judge(expect: Expect, seen: &TrialEvidence) -> (TrapVerdict, String) {
    let TrialEvidence { truth_before, cold, again, changed, truth, .. } = seen;
    if expect == Expect::Follows && truth_before.witness == truth.witness && !seen.moving {
        return (
            TrapVerdict::Invalid,
            format!("the plain compiler gives {} either way", short(&truth.witness)),
        );
    }
    let pairs = [(cold, truth_before), (again, truth_before), (changed, truth)];
    // What changed meanwhile may have been seen or not; from then on it must be.
    let pairs = if seen.moving { &pairs[2..] } else { &pairs[..] };
    for (have, want) in pairs {
        if let Some(wrong) = wrong(have, want, truth_before) {
            return wrong;
        }
    }
    if let Some(file) = &seen.differs {
        return (TrapVerdict::FalseHit, format!("{file} is not what an empty cache makes"));
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
    let detail = format!("gave {}, the compiler {}", short(&have.witness), short(&want.witness));
    // What was true before and is not now was kept by somebody, whatever the account says.
    let stale = have.witness == before.witness;
    Some(match (have.built, want.built, have.hit() || stale) {
        (false, true, _) => (TrapVerdict::Broke, short(have.messages.trim())),
        (_, _, true) => (TrapVerdict::FalseHit, detail),
        _ => (TrapVerdict::Wrong, detail),
    })
}

fn how(when: &str, seen: &BuildOutcome) -> String {
    seen.counts.map_or_else(String::new, |c| {
        format!("{when}: {} hits, {} misses, {} passed on", c.hits, c.misses, c.passed)
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
        BuildOutcome { built: witness != "fails", witness: witness.into(), messages: String::new(), counts }
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
