//! Runs of build scripts, and the units within them.
//!
//! A script that runs starts compilers of its own, and these are units. Where the script's result is restored,
//! nothing of this runs, and the units are absent from the build.

use crate::analysis::summary::is_script;
use kache_core::events::{Event, Outcome};
use std::path::{Path, PathBuf};

/// The directory of a run, as it ends in every clone: `/build/zlib-sys-0123456789abcdef/`.
fn directory(script: &Event) -> String {
    format!("/build/{}{}/", script.unit.name, script.unit.extra)
}

/// The run of a build script that a unit is a part of: it works in the directory of the run, or makes files there.
fn run_of<'e>(unit: &Event, events: &'e [Event]) -> Option<&'e Event> {
    let mut scripts = events.iter().filter(|event| is_script(event));
    scripts.find(|script| {
        let directory = directory(script);
        let is_there = |text: &String| text.contains(&directory);
        is_there(&unit.unit.extra) || is_there(&format!("{}/", unit.cwd)) || unit.outputs.iter().any(is_there)
    })
}

/// Whether a unit of one build is absent from another only because the script that it is a part of was restored there.
pub fn is_restored_with(unit: &Event, own: &[Event], other: &[Event]) -> bool {
    let Some(script) = run_of(unit, own).filter(|_| !is_script(unit)) else { return false };
    let there = other.iter().find(|event| is_script(event) && event.unit == script.unit);
    there.is_some_and(|event| event.outcome == Outcome::Hit)
}

/// Cargo's directory of a run, from a file that the run left: one below `OUT_DIR`, or what the run printed.
pub fn directory_above(script: &Event, file: &Path) -> Option<PathBuf> {
    if !is_script(script) {
        return None;
    }
    let run = file.ancestors().find(|dir| format!("/{}/", dir.display()).ends_with(&directory(script)))?;
    let inside = file.strip_prefix(run).ok()?;
    (inside.starts_with("out") || inside == Path::new("output")).then(|| run.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{object, script, unit};

    #[test]
    fn what_a_script_compiles_is_absent_where_the_script_is_restored() {
        let inner = || object("<cargo>/z.c", "<target>/debug/build/z-sys-0123456789abcdef/out/z.o").event();
        let other = || object("<cargo>/y.c", "<target>/debug/build/y-sys-0123456789abcdef/out/y.o").event();
        let ran = [script("z-sys").outcome(Outcome::Miss).event(), inner(), other(), unit("z").event()];
        let hit = [script("z-sys").event()];
        let absent: Vec<_> = ran.iter().map(|event| is_restored_with(event, &ran, &hit)).collect();
        assert_eq!(absent, [false, true, false, false]);
        let missed = [script("z-sys").outcome(Outcome::Miss).event()];
        assert!(!is_restored_with(&ran[1], &ran, &missed));
    }

    #[test]
    fn a_file_of_a_run_tells_the_directory_of_the_run() {
        let run = "target/debug/build/z-0123456789abcdef";
        let above = |file: &str| directory_above(&script("z").event(), Path::new(file));
        assert_eq!(above(&format!("{run}/out/lib/libz.a")), Some(PathBuf::from(run)));
        assert_eq!(above(&format!("{run}/output")), Some(PathBuf::from(run)));
        assert_eq!(above(&format!("{run}/build-script-build")), None);
        assert_eq!(above("target/debug/build/zz-0123456789abcdef/out/x"), None);
        assert_eq!(directory_above(&unit("z").event(), Path::new(run)), None);
    }
}
