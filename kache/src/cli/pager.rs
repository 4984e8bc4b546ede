//! What is longer than the terminal goes through a pager.
//!
//! `KACHE_PAGER`, else `PAGER`, else `less`; empty or `cat` for none. `less` is told to leave colours alone, and not to stay where all fits.

use std::io::{self, IsTerminal, Write};
use std::process::{Command, Stdio};

/// Shows a text by the pager; says whether it did.
pub fn show(text: &str) -> bool {
    if !io::stdout().is_terminal() || text.lines().count() < height() {
        return false;
    }
    let named = std::env::var("KACHE_PAGER").or_else(|_| std::env::var("PAGER"));
    let pager = named.unwrap_or_else(|_| "less".to_string());
    let (program, args) = match pager.split_whitespace().collect::<Vec<_>>().as_slice() {
        [] | ["cat"] => return false,
        [program, args @ ..] => (program.to_string(), args.iter().map(|a| a.to_string()).collect::<Vec<_>>()),
    };
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        command.env("LESS", "FRX");
    }
    let Ok(mut child) = command.spawn() else { return false };
    if let Some(mut to) = child.stdin.take() {
        // Whoever has seen enough leaves before the end.
        let _ = to.write_all(text.as_bytes());
    }
    child.wait().is_ok()
}

/// How many lines the terminal has.
fn height() -> usize {
    ratatui::crossterm::terminal::size().map_or(24, |(_, lines)| lines as usize)
}
