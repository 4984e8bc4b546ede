//! The engine where there is no observer, on any system, with compilers of ours (`stub`): what Windows and macOS rely on.
//! On Linux the observer is switched off for it.
//!
//! It has a `main` of its own, since the same program is the compilers: a copy of it that is called `rustc` is one. That
//! also makes it all that it takes on a machine without any compiler, such as Wine's. Each case is a line of the table
//! that is printed; a word on the command line chooses the cases with it in their names.

#[path = "roundtrip/cases.rs"]
mod cases;
#[path = "roundtrip/faults.rs"]
mod faults;
#[path = "roundtrip/stage.rs"]
mod stage;
mod stub;

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::Instant;

/// What came of a case that did not fail.
pub enum Answer {
    /// What it says held.
    Held,
    /// It could not be tried, and why.
    Skipped(&'static str),
}

/// One promise.
pub struct Case {
    /// What is promised, in words.
    pub name: &'static str,
    /// Panics where it does not hold.
    pub run: fn() -> Answer,
}

fn main() -> ExitCode {
    let own = std::env::current_exe().expect("a program has a path");
    let args: Vec<String> = std::env::args().skip(1).collect();
    match own.file_stem().and_then(|s| s.to_str()) {
        Some("rustc") => return stub::rustc(&args),
        Some("gcc" | "clang-cl" | "cl") => return stub::cc(&args),
        _ => {}
    }
    let chosen = |c: &&Case| args.iter().filter(|a| !a.starts_with('-')).all(|a| c.name.contains(a.as_str()));
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for case in cases::ALL.iter().chain(faults::ALL).filter(chosen) {
        let begun = Instant::now();
        let word = match catch_unwind(case.run) {
            Ok(Answer::Held) => {
                passed += 1;
                "holds".to_string()
            }
            Ok(Answer::Skipped(why)) => {
                skipped += 1;
                format!("skipped: {why}")
            }
            Err(_) => {
                failed += 1;
                "FAILS".to_string()
            }
        };
        println!("{:<78} {:>6} ms  {word}", case.name, begun.elapsed().as_millis());
    }
    println!("\n{passed} passed, {failed} failed, {skipped} skipped");
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
