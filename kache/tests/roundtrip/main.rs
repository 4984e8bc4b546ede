//! The engine where there is no observer, on any system, with compilers of the suite's own (`stub`): what Windows and macOS
//! rely on. On Linux the observer is switched off for it.
//!
//! This is a second test program beside `it`, with a `main` of its own, because the program is also the compilers: a copy of
//! it that is called `rustc` is one. So the program alone is enough on a machine without any compiler, such as Wine's.

mod cases;
mod env;
mod faults;
#[path = "../stub/mod.rs"]
mod stub;

use libtest_mimic::{Arguments, Trial};
use std::panic::catch_unwind;
use std::process::ExitCode;

/// One promise.
pub struct Case {
    /// What is promised, in words.
    pub name: &'static str,
    /// Why it does not apply to this system or build, where it does not.
    pub left_out: Option<&'static str>,
    /// Panics where it does not hold.
    pub run: fn(),
}

fn main() -> ExitCode {
    let own = std::env::current_exe().expect("a program has a path");
    let args = || std::env::args().skip(1).collect::<Vec<_>>();
    match own.file_stem().and_then(|s| s.to_str()) {
        Some("rustc") => return stub::rustc(&args()),
        Some("gcc" | "clang-cl" | "cl") => return stub::cc(&args()),
        _ => {}
    }
    let trials = cases::ALL.iter().chain(faults::ALL).map(trial).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(case: &'static Case) -> Trial {
    let trial = Trial::test(case.name, || {
        // Wine 8 starts a process with an internal error, or never reports that one has ended, once in some thousands.
        let wine = std::env::var_os("KACHE_UNDER_WINE").is_some();
        if wine && catch_unwind(case.run).is_err() {
            println!("A SECOND TRY, since Wine itself may have failed: {}", case.name);
            (case.run)();
        } else if !wine {
            (case.run)();
        }
        Ok(())
    });
    trial.with_kind(case.left_out.unwrap_or_default()).with_ignored_flag(case.left_out.is_some())
}
