//! Seeding: cargo finds a new target directory filled with the units that it is about to ask for.
//!
//! # How
//!
//! Each unit of cargo that is restored or stored leaves a *note*: its command line, its working directory, and the variables that
//! cargo added (`note`). Once cargo has written its own record of the unit (the *fingerprint*), note and fingerprint become
//! a *unit* of the build (`harvest`). A build is known by its lock file, cargo's command line, configuration and variables (`build`).
//!
//! At cargo's first question to the compiler (`rustc -vV`), if the target directory is empty, kache takes the units of this build and does for each
//! what the wrapper would do if cargo called it: plans the command, looks the result up, evaluates every recorded dependency, restores.
//! Then it writes cargo's fingerprint beside the outputs (`sow`, `worker`).
//!
//! # Why no wrong result comes of it
//!
//! - *kache decides whether a result holds.* A seeded unit has gone through the same lookup as a hit. Nothing is restored whose
//!   dependencies do not hold here and now.
//! - *cargo decides whether it wants the unit.* The name of a unit's directory and the fingerprint hold what cargo derives from package, features,
//!   profile, compiler, flags and dependencies. A unit that this build does not ask for is not looked at, and one whose fingerprint
//!   differs is built as ever.
//! - *The variables are those that cargo would give.* They come from the manifests, which are unchanged, from the printed lines of
//!   scripts, and from what the build's key holds.
//! - *A unit and its record belong together.* The result that is restored is the one that the fingerprint was written for. A
//!   script's printed lines must be those of then. A unit is seeded only if every unit that it depends on, by cargo's own record, was seeded.
//! - *Times.* All that cargo compares has one time: that of the start of the seeding, less one tick of the file clock. A source that
//!   changes later is newer, and cargo builds its unit again. Contents are looked at after that time.
//! - *Whole or absent.* Of a compile, the outputs come first, and the file with the fingerprint's hash comes last, by a rename. Of a script's run, the fingerprint comes first,
//!   and the directory with outputs and printed lines comes last, by a rename. cargo takes a unit that lacks either for one that must be built.
//!
//! - *A script that cargo runs all the same finds an empty directory.* What was restored for the build is removed first.
//!
//! Whatever is in doubt is not seeded: then cargo calls the wrapper, and the unit is a hit or a miss as ever.

mod build;
mod cargo;
mod harvest;
mod layout;
mod manifests;
mod note;
mod places;
mod records;
mod sow;
mod worker;

pub use note::note;
pub use sow::{clear_restored, sow};
pub use worker::{WORKER, work};
