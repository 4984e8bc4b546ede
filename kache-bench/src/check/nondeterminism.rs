//! Units whose output differs on every run, for example because a proc macro iterates over a hash map, or a
//! build script writes the time into a log.
//!
//! The restored output of such a unit cannot equal another compile's output, and neither can outputs made
//! from it. The workload file claims the exception, and this module proves it in two steps. First the unit is
//! compiled again in the same place and must differ from the compile before. Then the restored output is put
//! in its place and all dependants are compiled; they must equal the restored build byte for byte. Only the
//! unit's own output is excepted. The output of a build script is all that the script leaves below `OUT_DIR`, under whatever
//! names, and what it prints.

use crate::analysis::embedded_paths::{self, Proof};
use crate::analysis::script_runs;
use crate::artifacts::compare::ArtifactComparison;
use crate::error::{Error, Result};
use crate::system::files;
use crate::workload::UnitClaim;
use kache_core::events::Event;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The differing files of a claimed unit, relative to the clone.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    files: Vec<PathBuf>,
    /// Cargo's directory of the run, where the unit is a build script.
    run: Option<PathBuf>,
}

/// The claimed units that differ, by label.
pub type AllClaimed = BTreeMap<String, Claimed>;

/// The contents of claimed files; `None` for a file that is not there.
pub type Contents = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// Finds the differing files of each claimed unit.
pub fn claimed(
    claims: &[UnitClaim],
    events: &[Event],
    root: &Path,
    found: &ArtifactComparison,
) -> AllClaimed {
    let mut out = AllClaimed::new();
    for event in events {
        let label = event.unit.label();
        if !claims.iter().any(|claim| embedded_paths::names(claim, &label)) {
            continue;
        }
        let outputs: BTreeSet<_> =
            event.outputs.iter().filter_map(|o| Path::new(o).strip_prefix(root).ok()).collect();
        for file in found.mismatches.iter().map(|mismatch| Path::new(&mismatch.file)) {
            let run = script_runs::directory_above(event, file);
            if outputs.contains(file) || run.is_some() {
                let claimed = out.entry(label.clone()).or_default();
                claimed.files.push(file.to_path_buf());
                claimed.run = run.or(claimed.run.take());
            }
        }
    }
    out
}

/// Reads and removes the claimed files, so that a build writes them again. A build script that wrote one of them
/// runs again from an empty directory.
pub fn take(claimed: &AllClaimed, root: &Path) -> Result<Contents> {
    let mut taken = Contents::new();
    for unit in claimed.values() {
        for file in &unit.files {
            taken.insert(file.clone(), read(&root.join(file))?);
            files::remove(&root.join(file))?;
        }
        if let Some(run) = &unit.run {
            forget_run(&root.join(run))?;
        }
    }
    Ok(taken)
}

/// Empties the output directory of a build script, and removes cargo's note that the script has run.
fn forget_run(run: &Path) -> Result<()> {
    files::clear(&run.join("out"))?;
    let notes = run.file_name().zip(run.ancestors().nth(2));
    let Some((name, profile)) = notes else { return Ok(()) };
    let notes = profile.join(".fingerprint").join(name);
    fs::remove_dir_all(&notes).map_err(Error::io("remove", &notes))
}

/// The contents of a file; `None` if it is not there: a script can name its files by chance.
fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(Some).map_err(Error::io("read", path)),
    }
}

/// Compares the second compile with the first for each claim.
pub fn prove(
    claims: &[UnitClaim],
    claimed: &AllClaimed,
    root: &Path,
    first: &Contents,
) -> Result<Vec<Proof>> {
    let mut proofs = Vec::new();
    for (label, Claimed { files, .. }) in claimed {
        let mut differ = 0;
        for file in files {
            let second = read(&root.join(file))?;
            differ += usize::from(first.get(file) != Some(&second));
        }
        let reason = claims
            .iter()
            .find(|c| embedded_paths::names(c, label))
            .map(|c| c.reason.clone())
            .unwrap_or_default();
        let evidence = (differ > 0).then(|| {
            format!("outputs that differ between two compiles in the same place: {differ} of {}", files.len())
        });
        proofs.push(Proof { unit: label.clone(), reason, evidence });
    }
    Ok(proofs)
}

/// Replaces the compiler's outputs by the restored ones, as new files, so that their dependants are out of
/// date. Of a build script it replaces all, since the two runs can have given their files different names; what does not
/// differ has been compared.
pub fn put_back(claimed: &AllClaimed, restored: &Path, root: &Path) -> Result<()> {
    for unit in claimed.values() {
        let Some(run) = &unit.run else {
            for file in &unit.files {
                files::remove(&root.join(file))?;
                if restored.join(file).exists() {
                    files::copy(&restored.join(file), &root.join(file))?;
                }
            }
            continue;
        };
        files::clear(&root.join(run).join("out"))?;
        // Cargo runs a script again if a file is newer than what the script printed, which comes last.
        let made = files::below(&restored.join(run).join("out"));
        for path in made.into_iter().chain([restored.join(run).join("output")]) {
            let to = root.join(path.strip_prefix(restored).unwrap_or(&path));
            files::create_parent(&to)?;
            files::remove(&to)?;
            files::copy(&path, &to)?;
        }
    }
    Ok(())
}
