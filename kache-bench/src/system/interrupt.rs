//! Ctrl-C, SIGTERM and SIGHUP: running commands are killed, and the run ends in order, so that `Drop` stops
//! servers and removes the scratch directory.

use crate::error::{Error, Result};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Time of the first signal.
static PRESSED: OnceLock<Instant> = OnceLock::new();

/// A second signal within this time counts as the same: a terminal signals a whole pipeline, and `timeout`
/// signals both its child and its group.
const SAME: Duration = Duration::from_secs(1);

/// Installs the handler. A second signal ends the process at once without cleaning up.
pub fn install() {
    // Fails only if another handler is set, and nothing else sets one.
    drop(ctrlc::set_handler(|| {
        let first = *PRESSED.get_or_init(|| {
            eprintln!(
                "kache-bench: interrupted; stopping and cleaning up (again: stop at once without cleaning up)"
            );
            Instant::now()
        });
        if first.elapsed() > SAME {
            std::process::exit(130);
        }
    }));
}

/// Whether a signal came.
pub fn pressed() -> bool {
    PRESSED.get().is_some()
}

/// An error after a signal; called between steps.
pub fn check() -> Result<()> {
    if pressed() { Err(Error::interrupted()) } else { Ok(()) }
}
