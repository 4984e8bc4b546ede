//! From what was seen to a verdict.

use super::case::Expect;
use crate::backend::Counts;
use serde::{Deserialize, Serialize};

/// What came of one build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Whether all commands succeeded.
    pub built: bool,
    /// What there was to see; that it failed, if it did.
    pub witness: String,
    /// What the compilers and the backend printed.
    pub messages: String,
    /// What the backend says that it did.
    pub counts: Option<Counts>,
}

impl Seen {
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
pub struct Evidence {
    /// The plain compiler's, before the change.
    pub truth_before: Seen,
    /// The first, into an empty cache.
    pub cold: Seen,
    /// With nothing changed.
    pub again: Seen,
    /// After the change.
    pub changed: Seen,
    /// The plain compiler's, after the change.
    pub truth: Seen,
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
pub enum Verdict {
    /// As demanded.
    Ok,
    /// What was given is right; the backend does not say whether it was a hit.
    Right,
    /// What was given back is not what the compiler makes.
    FalseHit,
    /// Compiled, and still not what the compiler makes.
    Wrong,
    /// Compiled again for nothing.
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
    Dud,
}

impl Verdict {
    /// As the table has it.
    pub fn label(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Right => "right",
            Verdict::FalseHit => "FALSE HIT",
            Verdict::Wrong => "WRONG",
            Verdict::FalseMiss => "false miss",
            Verdict::NotCached => "not cached",
            Verdict::Broke => "BROKE",
            Verdict::NotApplicable => "n/a",
            Verdict::Skipped => "skipped",
            Verdict::Dud => "DUD",
        }
    }

    /// All, in the order of the summary.
    pub const ALL: [Verdict; 10] = [
        Verdict::Ok,
        Verdict::Right,
        Verdict::FalseHit,
        Verdict::Wrong,
        Verdict::Broke,
        Verdict::FalseMiss,
        Verdict::NotCached,
        Verdict::NotApplicable,
        Verdict::Skipped,
        Verdict::Dud,
    ];

    /// Whether the suite fails of it, for the backend that is to be proved.
    pub fn fails(self) -> bool {
        !matches!(self, Verdict::Ok | Verdict::Right | Verdict::NotApplicable | Verdict::Skipped)
    }
}

/// The verdict, with what it rests on where it is no good one.
pub fn judge(expect: Expect, seen: &Evidence) -> (Verdict, String) {
    let Evidence { truth_before, cold, again, changed, truth, .. } = seen;
    if expect == Expect::Follows && truth_before.witness == truth.witness && !seen.moving {
        return (Verdict::Dud, format!("the plain compiler gives {} either way", short(&truth.witness)));
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
        return (Verdict::FalseHit, format!("{file} is not what an empty cache makes"));
    }
    match expect {
        _ if again.counts.is_none() => (Verdict::Right, String::new()),
        Expect::Fleeting => (Verdict::Ok, String::new()),
        _ if !again.all_hit(seen.by_cargo) && !seen.moving => (Verdict::NotCached, how("unchanged", again)),
        Expect::Hits if !changed.all_hit(seen.by_cargo) => (Verdict::FalseMiss, how("changed", changed)),
        _ => (Verdict::Ok, String::new()),
    }
}

fn wrong(have: &Seen, want: &Seen, before: &Seen) -> Option<(Verdict, String)> {
    if have.witness == want.witness {
        return None;
    }
    let detail = format!("gave {}, the compiler {}", short(&have.witness), short(&want.witness));
    // What was true before and is not now was kept by somebody, whatever the account says.
    let stale = have.witness == before.witness;
    Some(match (have.built, want.built, have.hit() || stale) {
        (false, true, _) => (Verdict::Broke, short(have.messages.trim())),
        (_, _, true) => (Verdict::FalseHit, detail),
        _ => (Verdict::Wrong, detail),
    })
}

fn how(when: &str, seen: &Seen) -> String {
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

    fn seen(witness: &str, counts: Option<(u64, u64)>) -> Seen {
        let counts = counts.map(|(hits, misses)| Counts { hits, misses, passed: 0 });
        Seen { built: witness != "fails", witness: witness.into(), messages: String::new(), counts }
    }

    fn verdict(expect: Expect, again: (u64, u64), changed: (&str, (u64, u64)), truth: &str) -> Verdict {
        let evidence = Evidence {
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
        use Expect::{Fleeting, Follows, Hits, Right};
        let (hit, miss) = ((1, 0), (0, 1));
        assert_eq!(verdict(Follows, hit, ("b", miss), "b"), Verdict::Ok);
        assert_eq!(verdict(Follows, hit, ("a", hit), "b"), Verdict::FalseHit);
        assert_eq!(verdict(Follows, hit, ("a", miss), "b"), Verdict::FalseHit);
        assert_eq!(verdict(Follows, hit, ("c", miss), "b"), Verdict::Wrong);
        assert_eq!(verdict(Follows, hit, ("fails", miss), "b"), Verdict::Broke);
        assert_eq!(verdict(Follows, hit, ("a", hit), "fails"), Verdict::FalseHit);
        assert_eq!(verdict(Follows, miss, ("b", miss), "b"), Verdict::NotCached);
        assert_eq!(verdict(Follows, hit, ("a", hit), "a"), Verdict::Dud);
        assert_eq!(verdict(Right, hit, ("a", hit), "a"), Verdict::Ok);
        assert_eq!(verdict(Fleeting, miss, ("b", miss), "b"), Verdict::Ok);
        assert_eq!(verdict(Hits, hit, ("a", hit), "a"), Verdict::Ok);
        assert_eq!(verdict(Hits, hit, ("a", miss), "a"), Verdict::FalseMiss);
        assert_eq!(verdict(Hits, (1, 1), ("a", miss), "a"), Verdict::NotCached);
    }

    #[test]
    fn a_hit_that_differs_from_a_compile_is_false() {
        let same = seen("a", Some((1, 0)));
        let evidence = Evidence {
            truth_before: seen("a", None),
            cold: seen("a", Some((0, 1))),
            again: same.clone(),
            changed: same,
            truth: seen("a", None),
            differs: Some("out/a.o".into()),
            by_cargo: false,
            moving: false,
        };
        assert_eq!(judge(Expect::Hits, &evidence).0, Verdict::FalseHit);
    }
}
