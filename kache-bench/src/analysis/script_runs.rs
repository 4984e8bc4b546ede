//! Runs of build scripts, and the units within them.
//!
//! A script that runs starts compilers of its own, and these are units. Where the script's result is restored,
//! nothing of this runs, and the units are absent from the build.

use crate::analysis::summary::is_script;
use kache_core::events::{Event, Outcome};
use std::path::PathBuf;

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

/// The output directory of a run, from a file that the run made.
pub fn out_directory(script: &Event) -> Option<PathBuf> {
    let end = format!("{}out/", directory(script));
    let made = script.outputs.iter().find(|output| output.contains(&end))?;
    let at = made.find(&end)?;
    Some(PathBuf::from(&made[..at + end.len() - 1]))
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
    fn the_output_directory_is_read_off_an_output() {
        let made = |output: &str| out_directory(&script("z").output(output).event());
        let out = "/a/target/debug/build/z-0123456789abcdef/out";
        assert_eq!(made(&format!("{out}/lib/libz.a")), Some(PathBuf::from(out)));
        assert_eq!(made("/a/target/debug/build/zz-0123456789abcdef/out/x"), None);
    }
}
