//! Ctrl-C: the running build's whole process group is killed, and the run ends in order, so that `Drop`
//! removes the scratch directory.
//!
//! Each build is a process group of its own, so the terminal's Ctrl-C reaches the harness alone, which then
//! passes it on: a cargo killed without its rustc children would go on writing into a directory being removed.

use crate::trouble::{Result, Trouble};
use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Takes over Ctrl-C, SIGTERM and SIGHUP. A second one ends the process at once.
pub fn install() {
    // It fails only where a handler is already set, which nobody else here does.
    drop(ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    }));
}

/// Whether Ctrl-C was pressed.
pub fn pressed() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// An error once Ctrl-C was pressed: to be asked between steps.
pub fn check() -> Result<()> {
    if pressed() { Err(Trouble::interrupted()) } else { Ok(()) }
}

/// Kills the process group that `leader` leads.
pub fn kill_group(leader: u32) {
    #[cfg(unix)]
    if let Ok(group) = libc::pid_t::try_from(leader) {
        // SAFETY: killpg takes two integers and touches no memory of ours; a group that is gone is an error
        // return, which is what is wanted then.
        unsafe { libc::killpg(group, libc::SIGKILL) };
    }
    #[cfg(not(unix))]
    let _ = leader;
}
