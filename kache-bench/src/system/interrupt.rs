//! Ctrl-C, SIGTERM and SIGHUP: what runs is killed, and the run ends in order, so that `Drop` stops servers and removes the
//! scratch directory.

use crate::error::{Error, Result};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// When it was first pressed.
static PRESSED: OnceLock<Instant> = OnceLock::new();

/// So soon after the first a second one is the same: a terminal tells all of a pipeline, and `timeout` tells both its
/// child and its group.
const SAME: Duration = Duration::from_secs(1);

/// Takes them over. A second one ends the process at once, and leaves what is there.
pub fn install() {
    // It fails only where a handler is already set, which nobody else here does.
    drop(ctrlc::set_handler(|| {
        let first = *PRESSED.get_or_init(|| {
            eprintln!("kache-bench: interrupted; stopping and cleaning up (once more: stop at once, and leave it all)");
            Instant::now()
        });
        if first.elapsed() > SAME {
            std::process::exit(130);
        }
    }));
}

/// Whether one of them came.
pub fn pressed() -> bool {
    PRESSED.get().is_some()
}

/// An error once one of them came: to be asked between steps.
pub fn check() -> Result<()> {
    if pressed() { Err(Error::interrupted()) } else { Ok(()) }
}
