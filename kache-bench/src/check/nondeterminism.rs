//! Units whose output differs from run to run, for example because a proc macro iterates over a hash map, or a
//! build script writes the time into a log.
//!
//! The restored output of such a unit cannot equal another compile's output, and neither can outputs made
//! from it. The workload file claims the exception, and this module proves it in two steps. First the unit is
//! compiled again in the same place and must differ from the compile before. Where the claim says that only the
//! order of lines differs, each restored file must have the compiled file's lines instead: two compiles can
//! have the same order by chance, and nothing but the order is excepted. Then the restored output is put in its
//! place and all dependants are compiled; they must equal the restored build byte for byte. Only the unit's own
//! output is excepted. The output of a build script is all that the script leaves below `OUT_DIR`, under whatever
//! names, and what it prints.

use crate::analysis::embedded_paths;
use crate::analysis::script_runs;
use crate::artifacts::compare::ArtifactComparison;
use crate::artifacts::lines;
use crate::error::{Error, Result};
use crate::system::files;
use crate::text::count;
use crate::workload::NondeterminismClaim;
use kache_core::events::Event;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A claimed unit, with what proves or refutes the claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub unit: String,
    /// The reason in the workload file.
    pub reason: String,
    /// `None` if the claim is not proved.
    pub evidence: Option<String>,
    /// Why the claim is not proved. Older records do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A claim, and the differing files of its unit, relative to the clone.
#[derive(Debug)]
pub struct Claimed<'c> {
    claim: &'c NondeterminismClaim,
    files: Vec<PathBuf>,
    /// Cargo's directory of the run, where the unit is a build script.
    run: Option<PathBuf>,
}

/// The claimed units that differ, by label.
pub type AllClaimed<'c> = BTreeMap<String, Claimed<'c>>;

/// The contents of claimed files; `None` for a file that is not there.
pub type Contents = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// What proves a claim, or why it is not proved.
type Evidence = std::result::Result<String, String>;

impl Claimed<'_> {
    fn proof(&self, label: &str, evidence: Evidence) -> Proof {
        let (evidence, problem) = match evidence {
            Ok(evidence) => (Some(evidence), None),
            Err(problem) => (None, Some(problem)),
        };
        Proof { unit: label.to_owned(), reason: self.claim.reason.clone(), evidence, problem }
    }
}

/// Finds the differing files of each claimed unit.
pub fn claimed<'c>(
    claims: &'c [NondeterminismClaim],
    events: &[Event],
    root: &Path,
    found: &ArtifactComparison,
) -> AllClaimed<'c> {
    let mut out = AllClaimed::new();
    for event in events {
        let label = event.unit.label();
        let named = claims.iter().find(|claim| embedded_paths::names(&claim.unit, &label));
        let Some(claim) = named else { continue };
        let outputs: BTreeSet<_> =
            event.outputs.iter().filter_map(|o| Path::new(o).strip_prefix(root).ok()).collect();
        for file in found.mismatches.iter().map(|mismatch| Path::new(&mismatch.file)) {
            let run = script_runs::directory_above(event, file);
            if outputs.contains(file) || run.is_some() {
                let unit = || Claimed { claim, files: Vec::new(), run: None };
                let claimed = out.entry(label.clone()).or_insert_with(unit);
                claimed.files.push(file.to_path_buf());
                claimed.run = run.or(claimed.run.take());
            }
        }
    }
    out
}

/// The units of which only the order of lines may differ, and the others.
pub fn split(claimed: AllClaimed<'_>) -> [AllClaimed<'_>; 2] {
    let (reordered, random) = claimed.into_iter().partition(|(_, unit)| unit.claim.lines.is_some());
    [reordered, random]
}

/// Compares the lines of the restored and the compiled build for each claim about their order.
pub fn prove_order(reordered: &AllClaimed<'_>, restored: &Path, compiled: &Path) -> Result<Vec<Proof>> {
    let mut proofs = Vec::new();
    for (label, unit) in reordered {
        proofs.push(unit.proof(label, order_evidence(&unit.files, restored, compiled)?));
    }
    Ok(proofs)
}

/// That all files have the same lines in another order, or the first file that does not.
fn order_evidence(files: &[PathBuf], restored: &Path, compiled: &Path) -> Result<Evidence> {
    for file in files {
        if let Some(why) = lines::difference(&restored.join(file), &compiled.join(file))? {
            let file = file.display();
            return Ok(Err(format!("`{file}` does not have the same lines in another order: {why}")));
        }
    }
    let all = files.len();
    Ok(Ok(format!("the same lines in another order: {all} of {}", count(all, "file", "files"))))
}

/// Reads and removes the claimed files, so that a build writes them again. A build script that wrote one of them
/// runs again from an empty directory.
pub fn take(claimed: &AllClaimed<'_>, root: &Path) -> Result<Contents> {
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
pub fn prove_randomness(random: &AllClaimed<'_>, root: &Path, first: &Contents) -> Result<Vec<Proof>> {
    let mut proofs = Vec::new();
    for (label, unit) in random {
        let mut differ = 0;
        for file in &unit.files {
            let second = read(&root.join(file))?;
            differ += usize::from(first.get(file) != Some(&second));
        }
        let all = unit.files.len();
        let evidence = match differ {
            0 => Err("two compiles made the same output".to_owned()),
            _ => Ok(format!("outputs that differ between two compiles in the same place: {differ} of {all}")),
        };
        proofs.push(unit.proof(label, evidence));
    }
    Ok(proofs)
}

/// Replaces the compiler's outputs by the restored ones, as new files, so that their dependants are out of
/// date. Of a build script it replaces all, since the two runs can have given their files different names; what does not
/// differ has been compared.
pub fn put_back(claimed: &AllClaimed<'_>, restored: &Path, root: &Path) -> Result<()> {
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
