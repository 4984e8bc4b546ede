//! Units that the compiler itself never makes the same twice: a proc macro that walks a hash map, say.
//!
//! Such a unit's restored output cannot equal another compile's, nor can what is built from it. The exception is
//! claimed in the workload's file and proved here, in two steps. The unit is compiled once more in the same place,
//! and must differ from the compile just before. Then the restored output is put in its place and everything
//! that reads it is compiled: all of that must now equal the restored build, byte for byte. What is excused in the end
//! is the unit's own output and nothing else.

use crate::analysis::embedded_paths::{self, Proof};
use crate::artifacts::compare::ArtifactComparison;
use crate::error::{Error, Result};
use crate::workload::UnitClaim;
use kache_core::events::Event;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The differing files of the claimed units, relative to the clone, by label.
pub type Claimed = BTreeMap<String, Vec<PathBuf>>;

/// Which differing files are of which claimed unit.
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

/// The bytes of the claimed files, which are taken away so that a build makes them anew.
pub fn take(claimed: &Claimed, root: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut taken = BTreeMap::new();
    for file in claimed.values().flatten() {
        let path = root.join(file);
        taken.insert(file.clone(), fs::read(&path).map_err(Error::io("read", &path))?);
        fs::remove_file(&path).map_err(Error::io("remove", &path))?;
    }
    Ok(taken)
}

/// Whether each claim is borne out by the second compile.
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

/// Puts the restored outputs where the compiler's were, as new files: what reads them is then out of date.
pub fn put_back(claimed: &Claimed, restored: &Path, root: &Path) -> Result<()> {
    for file in claimed.values().flatten() {
        let (from, to) = (restored.join(file), root.join(file));
        fs::remove_file(&to).map_err(Error::io("remove", &to))?;
        fs::copy(&from, &to).map_err(Error::io("copy", &from))?;
    }
    Ok(())
}
