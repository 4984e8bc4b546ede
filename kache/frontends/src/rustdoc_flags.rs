//! The flags of rustdoc 1.95. Those of code generation and the unstable ones are rustc's.

use super::flags::{Bucket, Effect, Form, Row, Takes};
use crate::rustc_flags;

include!(concat!(env!("OUT_DIR"), "/rustdoc.rs"));

/// The row of a flag as written, without its value.
pub fn find(flag: &str) -> Option<&'static Row> {
    let own = TABLE.iter().find(|r| r.flag == flag || r.aliases.contains(&flag));
    own.or_else(|| {
        rustc_flags::find(flag).filter(|row| row.flag.starts_with("-C ") || row.flag.starts_with("-Z "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Asks a rustdoc, and there is none under Wine.
    #[cfg(unix)]
    #[test]
    fn every_flag_that_the_rustdoc_here_prints_has_a_row() {
        let help = std::process::Command::new("rustdoc").arg("--help").output().unwrap().stdout;
        let help = String::from_utf8(help).unwrap();
        let words = help.lines().filter(|line| line.starts_with("    -") || line.starts_with("        --"));
        let flags =
            words.flat_map(|line| line.split_whitespace().take(2)).filter(|word| word.starts_with('-'));
        let flags: Vec<&str> = flags.map(|flag| flag.trim_end_matches(',')).collect();
        assert!(flags.len() > 50, "{flags:?}");
        // The first three have rows by their values. The others have no meaning any more, or are unstable: a command with one is
        // not cached.
        const WITHOUT: [&str; 10] = [
            "-Z",
            "-C",
            "--codegen",
            "--generate-macro-expansion",
            "--plugin-path",
            "--passes",
            "--plugins",
            "--no-defaults",
            "-r",
            "--input-format",
        ];
        let missing: Vec<_> =
            flags.iter().filter(|flag| !WITHOUT.contains(flag) && find(flag).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
