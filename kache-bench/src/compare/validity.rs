//! Checks whether a measured time is valid.
//!
//! A build that does not use the cache is fast or slow for other reasons, and a target directory that a tool
//! keeps across a clean makes any build fast. Such a phase is not reported as a time.

use super::participant::{Admitted, Offered, Participant};
use super::phase::ComparePhase;
use super::sample::Sample;
use crate::backend::{Backend, Counts, Language};
use crate::error::Result;
use crate::text::count;
use crate::workload::Workload;
use crate::workload::checkout::Checkout;
use std::fs;
use std::path::Path;

/// The backends that can take part in this workload, with their notes.
pub(super) fn admit(workload: &Workload, backends: Offered) -> Result<(Vec<Participant>, Admitted)> {
    Participant::admit(backends, |backend| {
        let cached = languages(workload, backend.languages());
        if cached.is_empty() && backend.name() != "plain" {
            return Err("it caches no language of this workload".into());
        }
        Ok(note(workload, &cached, backend))
    })
}

/// Languages of the workload that the backend caches.
fn languages(workload: &Workload, known: &[Language]) -> Vec<Language> {
    let wired = [(workload.wiring.rustc, Language::Rust), (workload.wiring.cc.is_some(), Language::C)];
    wired
        .iter()
        .filter(|(on, language)| *on && known.contains(language))
        .map(|(_, language)| *language)
        .collect()
}

fn note(workload: &Workload, cached: &[Language], backend: &dyn Backend) -> Option<String> {
    let wired = usize::from(workload.wiring.rustc) + usize::from(workload.wiring.cc.is_some());
    let is_partial = cached.len() < wired && backend.name() != "plain";
    is_partial.then(|| match cached {
        [Language::C] => "caches C and C++ only: Rust is compiled each time".to_owned(),
        _ => "caches Rust only: C and C++ are compiled each time".to_owned(),
    })
}

/// Remains of an earlier build in a phase that should begin without any.
pub(super) fn left_behind(checkout: &Checkout, phase: ComparePhase) -> Option<String> {
    if phase == ComparePhase::Idle {
        return None;
    }
    let target = checkout.target();
    let metadata = fs::symlink_metadata(&target).ok()?;
    if metadata.is_symlink() {
        return Some(link(&target));
    }
    // Cargo leaves the empty directory and its tag.
    let built = fs::read_dir(&target).ok()?.flatten().find(|entry| entry.path().join("deps").is_dir())?;
    Some(format!("the build began with target/{} of an earlier build", built.file_name().to_string_lossy()))
}

fn link(target: &Path) -> String {
    let to = fs::read_link(target).unwrap_or_default();
    let place = to.components().rev().nth(1).map(|part| part.as_os_str().to_string_lossy().into_owned());
    format!("the tool keeps the target directory: `target` is a link ({})", place.unwrap_or_default())
}

/// Why a sample is invalid, from the statistics and the number of new files in the cache.
pub(super) fn judge(
    sample: &Sample,
    backend: &dyn Backend,
    checkout: &Checkout,
    kept: usize,
) -> Option<String> {
    if backend.name() == "plain" {
        return None;
    }
    if fs::symlink_metadata(checkout.target()).is_ok_and(|metadata| metadata.is_symlink()) {
        return Some(link(&checkout.target()));
    }
    let Some(Counts { hits, misses, passed }) = sample.counts else {
        return Some("it has no statistics of hits and misses".into());
    };
    if sample.phase == ComparePhase::Cold && misses == 0 {
        return Some(format!(
            "its statistics show no compile ({}, {passed} bypassed): it is not wired",
            count(hits, "hit", "hits")
        ));
    }
    if sample.phase == ComparePhase::Cold && kept == 0 {
        return Some("its cache directory is empty after the build: it stores its data elsewhere".into());
    }
    if sample.phase.is_warm() && hits == 0 {
        let misses = count(misses, "miss", "misses");
        return Some(format!("its statistics show no hits ({misses}, {passed} bypassed)"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Plain;
    use crate::compare::sample::Stopwatch;
    use crate::system::files;
    use std::time::Duration;

    struct Peer;

    impl Backend for Peer {
        fn name(&self) -> &'static str {
            "peer"
        }

        fn version(&self) -> Result<String> {
            Ok("1".into())
        }

        fn wire(
            &self,
            environment: crate::system::environment::Environment,
            _: crate::workload::Wiring,
            _: &Path,
        ) -> Result<crate::system::environment::Environment> {
            Ok(environment)
        }
    }

    /// A checkout and a cache with files.
    fn place(dir: &Path) -> (Checkout, std::path::PathBuf) {
        let origin = dir.join("origin");
        let repository = git2::Repository::init(&origin).unwrap();
        let tree = repository.find_tree(repository.index().unwrap().write_tree().unwrap()).unwrap();
        let author = git2::Signature::new("n", "e", &git2::Time::new(0, 0)).unwrap();
        repository.commit(Some("refs/heads/workload"), &author, &author, "m", &tree, &[]).unwrap();
        let cache = dir.join("cache");
        fs::create_dir_all(&cache).unwrap();
        fs::write(cache.join("blob"), vec![0; 4096]).unwrap();
        (Checkout::clone("a", &origin, dir.join("a")).unwrap(), cache)
    }

    fn sample(phase: ComparePhase, hits: u64, misses: u64) -> Sample {
        let mut sample = Stopwatch::start(Path::new("/nowhere")).stop("peer", 1, phase, Duration::ZERO);
        sample.counts = Some(Counts { hits, misses, passed: 0 });
        sample
    }

    #[test]
    fn a_phase_that_did_not_come_by_the_cache_is_invalid() {
        let dir = tempfile::tempdir().unwrap();
        let (checkout, cache) = place(dir.path());
        let why = |sample: &Sample, kept: usize| judge(sample, &Peer, &checkout, kept).unwrap_or_default();
        assert_eq!(files::below(&cache).len(), 1);
        assert_eq!(why(&sample(ComparePhase::Cold, 0, 5), 1), "");
        assert_eq!(why(&sample(ComparePhase::OtherFirst, 5, 0), 1), "");
        assert!(why(&sample(ComparePhase::Cold, 0, 0), 1).contains("not wired"));
        assert!(why(&sample(ComparePhase::OtherFirst, 0, 5), 1).contains("no hits"));
        assert!(why(&sample(ComparePhase::Cold, 0, 5), 0).contains("elsewhere"));
        let mut silent = sample(ComparePhase::Cold, 0, 5);
        silent.counts = None;
        assert!(why(&silent, 1).contains("no statistics"));
        assert_eq!(judge(&silent, &Plain, &checkout, 1), None);
    }

    #[test]
    fn a_target_directory_that_was_kept_is_no_build() {
        let dir = tempfile::tempdir().unwrap();
        let (checkout, cache) = place(dir.path());
        assert_eq!(left_behind(&checkout, ComparePhase::SameTree), None);
        fs::create_dir_all(checkout.target().join("debug/deps")).unwrap();
        assert!(left_behind(&checkout, ComparePhase::SameTree).unwrap().contains("target/debug"));
        assert_eq!(left_behind(&checkout, ComparePhase::Idle), None);

        fs::remove_dir_all(checkout.target()).unwrap();
        crate::system::platform::link(&cache, &checkout.target()).unwrap();
        assert!(left_behind(&checkout, ComparePhase::OtherLater).unwrap().contains("is a link"));
        assert!(
            judge(&sample(ComparePhase::OtherLater, 5, 0), &Peer, &checkout, 1)
                .unwrap()
                .contains("is a link")
        );
    }
}
