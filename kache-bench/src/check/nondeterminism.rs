//! Units whose output differs on every run, for example because a proc macro iterates over a hash map, or a
//! build script writes the time into a log.
//!
//! The restored output of such a unit cannot equal another compile's output, and neither can outputs made
//! from it. The workload file claims the exception, and this module proves it in two steps. First the unit is
//! compiled again in the same place and must differ from the compile before. Then the restored output is put
//! in its place and all dependants are compiled; they must equal the restored build byte for byte. Only the
//! unit's own output is excepted.

use crate::analysis::embedded_paths::{self, Proof};
use crate::analysis::script_runs;
use crate::analysis::summary::is_script;
use crate::artifacts::compare::ArtifactComparison;
use crate::error::{Error, Result};
use crate::system::files;
use crate::workload::UnitClaim;
use kache_core::events::Event;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Differing files of the claimed units, relative to the clone, by label.
pub type Claimed = BTreeMap<String, Vec<PathBuf>>;

/// Finds the differing files of each claimed unit.
pub fn claimed(claims: &[UnitClaim], events: &[Event], root: &Path, found: &ArtifactComparison) -> Claimed {
    let mut out = Claimed::new();
    for event in events {
        let label = event.unit.label();
        if !claims.iter().any(|claim| embedded_paths::names(claim, &label)) {
            continue;
        }
        let own = event.outputs.iter().filter_map(|o| Path::new(o).strip_prefix(root).ok());
        let differing = own.filter(|file| found.mismatches.iter().any(|m| Path::new(&m.file) == *file));
        let files: Vec<_> = differing.map(Path::to_path_buf).collect();
        if !files.is_empty() {
            out.insert(label, files);
        }
    }
    out
}

/// Reads and removes the claimed files, so that a build writes them again. A build script that wrote one of them
/// runs again from an empty directory.
pub fn take(claimed: &Claimed, events: &[Event], root: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut taken = BTreeMap::new();
    for file in claimed.values().flatten() {
        let path = root.join(file);
        taken.insert(file.clone(), fs::read(&path).map_err(Error::io("read", &path))?);
        fs::remove_file(&path).map_err(Error::io("remove", &path))?;
    }
    let is_claimed = |event: &&Event| is_script(event) && claimed.contains_key(&event.unit.label());
    for script in events.iter().filter(is_claimed) {
        forget_run(script)?;
    }
    Ok(taken)
}

/// Empties the output directory of a build script, and removes cargo's note that the script has run.
fn forget_run(script: &Event) -> Result<()> {
    let Some(out) = script_runs::out_directory(script) else { return Ok(()) };
    files::clear(&out)?;
    let Some(run) = out.parent() else { return Ok(()) };
    let notes = run.components().next_back().zip(run.ancestors().nth(2));
    let Some((name, profile)) = notes else { return Ok(()) };
    let notes = profile.join(".fingerprint").join(name);
    fs::remove_dir_all(&notes).map_err(Error::io("remove", &notes))
}

/// Compares the second compile with the first for each claim.
pub fn prove(
    claims: &[UnitClaim],
    claimed: &Claimed,
    root: &Path,
    first: &BTreeMap<PathBuf, Vec<u8>>,
) -> Result<Vec<Proof>> {
    let mut proofs = Vec::new();
    for (label, files) in claimed {
        let mut differ = 0;
        for file in files {
            let path = root.join(file);
            let second = fs::read(&path).map_err(Error::io("read", &path))?;
            differ += usize::from(first.get(file) != Some(&second));
        }
        let reason = claims
            .iter()
            .find(|c| embedded_paths::names(c, label))
            .map(|c| c.reason.clone())
            .unwrap_or_default();
        let evidence = (differ > 0)
            .then(|| format!("of two compiles in the same place {differ} of {} outputs differ", files.len()));
        proofs.push(Proof { unit: label.clone(), reason, evidence });
    }
    Ok(proofs)
}

/// Replaces the compiler's outputs by the restored ones, as new files, so that their dependants are out of
/// date.
pub fn put_back(claimed: &Claimed, restored: &Path, root: &Path) -> Result<()> {
    for file in claimed.values().flatten() {
        let (from, to) = (restored.join(file), root.join(file));
        fs::remove_file(&to).map_err(Error::io("remove", &to))?;
        fs::copy(&from, &to).map_err(Error::io("copy", &from))?;
    }
    Ok(())
}
