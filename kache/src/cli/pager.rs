//! Shows text that is longer than the terminal in a pager.
//!
//! The pager is `KACHE_PAGER`, else `PAGER`, else `less`; an empty value or `cat` means none. `less` runs with options that
//! keep colours, and end it if the text fits.

use std::io::{self, IsTerminal, Write};
use std::process::{Command, Stdio};

/// Shows a text in the pager. Returns whether it did.
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
        // The user may quit the pager before the end.
        let _ = to.write_all(text.as_bytes());
    }
    child.wait().is_ok()
}

/// The number of lines of the terminal.
fn height() -> usize {
    terminal_size::terminal_size().map_or(24, |(_, lines)| usize::from(lines.0))
}
