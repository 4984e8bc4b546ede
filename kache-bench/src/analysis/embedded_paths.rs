//! Units that may miss in another clone, because the compiler embedded a path or another value of the first
//! clone in their outputs.
//!
//! The workload file claims such a unit, and this module proves the claim: the value must be in the outputs
//! of both clones, or the unit must have read an output of another proved unit. Without a proof, a claim
//! could hide any key mismatch. If the value is not found, the claim fails.

use crate::analysis::key_mismatch::{KeyMismatches, agrees};
use crate::analysis::match_units::{UnitPair, UnitPairing};
use crate::analysis::normalize;
use crate::analysis::root_cause::{CauseFinder, RootCause};
use crate::workload::UnitClaim;
use kache_core::events::Event;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::PathBuf;

/// A claimed exception and its evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub unit: String,
    /// The reason in the workload file.
    pub reason: String,
    /// `None` if the claim is not proved.
    pub evidence: Option<String>,
}

/// Whether the unit of a claim is the unit with this label: by the label, by its name, or by the end of an
/// object's path.
pub fn names(claimed: &str, label: &str) -> bool {
    let name = label.split(' ').next().unwrap_or(label);
    let ends = name.strip_suffix(claimed).is_some_and(|before| before.is_empty() || before.ends_with('/'));
    ends || claimed == label
}

/// Paths and names of an event's outputs in the cache.
pub type StoredOutputs<'a> = &'a dyn Fn(&Event) -> Vec<(String, PathBuf)>;

/// Proves the claims about units whose keys differ. Outputs that the build has removed are read from the
/// cache.
pub fn prove(
    claims: &[UnitClaim],
    pairing: &UnitPairing<'_>,
    finder: &CauseFinder,
    key_mismatches: &KeyMismatches,
    stored: StoredOutputs<'_>,
) -> Vec<Proof> {
    let differing = pairing.pairs.iter().filter(|pair| agrees(pair) == Some(false));
    let mut proofs = Vec::new();
    for pair in differing {
        let label = pair.b.unit.label();
        let Some(claim) = claims.iter().find(|claim| names(&claim.unit, &label)) else { continue };
        let evidence = evidence(pair, finder, key_mismatches, stored);
        proofs.push(Proof { unit: label, reason: claim.reason.clone(), evidence });
    }
    // Each round proves one more link of a chain of units.
    for _ in 0..proofs.len() {
        prove_downstream(&mut proofs, key_mismatches);
    }
    proofs
}

fn evidence(
    pair: &UnitPair<'_>,
    finder: &CauseFinder,
    key_mismatches: &KeyMismatches,
    stored: StoredOutputs<'_>,
) -> Option<String> {
    let label = pair.b.unit.label();
    let of_place = |cause| matches!(cause, RootCause::Env | RootCause::Path | RootCause::Flag);
    let roots = key_mismatches.key_mismatches.iter().filter(|mismatch| mismatch.root_units.contains(&label));
    for mismatch in roots.filter(|mismatch| of_place(mismatch.cause)) {
        let both = |a: &str, b: &str| holds(pair.a, a, stored).and(holds(pair.b, b, stored));
        if let Some(file) = both(&mismatch.text_difference.a, &mismatch.text_difference.b) {
            return Some(format!("the value of `{}` is in {file}", mismatch.component));
        }
        if let Some(file) = both(&finder.a.root().to_string_lossy(), &finder.b.root().to_string_lossy()) {
            let component = &mismatch.component;
            return Some(format!("the checkout's path, which `{component}` contains, is in {file}"));
        }
    }
    None
}

/// Name of the first output that contains `value`.
pub fn holds(event: &Event, value: &str, stored: StoredOutputs<'_>) -> Option<String> {
    // Short values occur by chance.
    if value.len() < 6 {
        return None;
    }
    let there = event.outputs.iter().map(|path| (path.clone(), PathBuf::from(path)));
    let has = |(name, file): &(String, PathBuf)| {
        // Dep-info names every source by its path; that is not a value in a program.
        !name.ends_with(".d")
            && fs::read(file).is_ok_and(|bytes| normalize::contains(&bytes, value.as_bytes()))
    };
    let (name, _) = there.chain(stored(event)).find(has)?;
    Some(name.rsplit('/').next().unwrap_or(&name).to_owned())
}

fn prove_downstream(proofs: &mut [Proof], key_mismatches: &KeyMismatches) {
    let proved: Vec<_> = proofs.iter().filter(|p| p.evidence.is_some()).map(|p| p.unit.clone()).collect();
    for proof in proofs.iter_mut().filter(|p| p.evidence.is_none()) {
        let all = key_mismatches.key_mismatches.iter();
        let is_root = all.clone().any(|mismatch| mismatch.root_units.contains(&proof.unit));
        let mut causes =
            all.filter(|it| it.affected.contains(&proof.unit)).flat_map(|it| &it.root_units).peekable();
        if !is_root && causes.peek().is_some() && causes.all(|unit| proved.contains(unit)) {
            proof.evidence = Some("it reads what proved units build".into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::key_mismatch;
    use crate::analysis::match_units::pair;
    use crate::analysis::normalize::CloneRoot;
    use crate::testing::{trace, unit};

    #[test]
    fn a_claim_names_a_crate_or_the_end_of_an_objects_path() {
        assert!(names("one", "one 1.0.0 (lib)") && names("one 1.0.0 (lib)", "one 1.0.0 (lib)"));
        assert!(names("crypto/a.o", "debug/build/x-0f/out/crypto/a.o (c)"));
        assert!(!names("a.o", "debug/build/x-0f/out/crypto/ba.o (c)") && !names("one", "gone 1.0.0 (lib)"));
    }

    #[test]
    fn a_claim_is_proved_by_the_value_in_the_output() {
        let dir = tempfile::tempdir().unwrap();
        let finder = CauseFinder {
            a: CloneRoot::of(&dir.path().join("a")),
            b: CloneRoot::of(&dir.path().join("b")),
            variables: Default::default(),
        };
        let build = |place: &CloneRoot, written: &str| {
            fs::create_dir_all(place.root()).unwrap();
            let output = place.root().join("libone.rmeta").display().to_string();
            fs::write(&output, written).unwrap();
            [unit("one").key(&place.root().display().to_string()).output(&output).event()]
        };
        let claims = [UnitClaim { unit: "one".into(), reason: "env!".into() }];
        let nothing: StoredOutputs<'_> = &|_: &Event| Vec::new();
        let prove_with = |a: &str, b: &str, removed: bool| {
            let (a, b) = (build(&finder.a, a), build(&finder.b, b));
            let blob = |event: &Event| PathBuf::from(&event.outputs[0]).with_file_name("blob");
            let in_cache = |event: &Event| vec![("libone.rmeta".to_owned(), blob(event))];
            if removed {
                for event in a.iter().chain(&b) {
                    fs::rename(&event.outputs[0], blob(event)).unwrap();
                }
            }
            let stored: StoredOutputs<'_> = if removed { &in_cache } else { nothing };
            let pairing = pair(&a, &b);
            let read =
                |event: &Event| Some(trace(&[("env ID", event.result.as_ref()?, event.result.as_ref()?)]));
            prove(&claims, &pairing, &finder, &key_mismatch::find(&pairing, &finder, &read), stored)
        };
        let path = |place: &CloneRoot| place.root().display().to_string();
        let proofs = prove_with(&path(&finder.a), &path(&finder.b), false);
        assert_eq!(proofs[0].evidence.as_deref(), Some("the value of `env ID` is in libone.rmeta"));
        let proofs = prove_with(&path(&finder.a), &path(&finder.b), true);
        assert_eq!(proofs[0].evidence.as_deref(), Some("the value of `env ID` is in libone.rmeta"));
        let proofs = prove_with("nothing", "nothing", false);
        assert_eq!((proofs.len(), &proofs[0].evidence), (1, &None));
    }
}
