//! The flags of rustc 1.95 and of the nightlies after it. clippy takes the same.

use super::flags::{Bucket, Effect, EmbedsPath, Form, Row, Takes, ValueEffect};

include!(concat!(env!("OUT_DIR"), "/rustc.rs"));

fn split_debuginfo(value: &str) -> ValueEffect {
    match value {
        "unpacked" => ValueEffect::Unsupported("its files have no planned names"),
        _ => ValueEffect::Plain,
    }
}

/// The row of a flag as written, without its value.
pub fn find(flag: &str) -> Option<&'static Row> {
    TABLE.iter().find(|r| r.flag == flag || r.aliases.contains(&flag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flag_has_one_row_with_a_reason() {
        let mut seen = std::collections::HashSet::new();
        for r in TABLE {
            assert!(!r.effect.why.is_empty(), "{}", r.flag);
            for name in r.aliases.iter().chain([&r.flag]) {
                assert!(seen.insert(*name), "{name} twice");
            }
        }
    }

    // Asks a rustc, and there is none under Wine.
    #[cfg(unix)]
    #[test]
    fn every_stable_codegen_option_of_the_compiler_here_has_a_row() {
        let help = std::process::Command::new("rustc").args(["-C", "help"]).output().unwrap().stdout;
        let help = String::from_utf8(help).unwrap();
        let missing: Vec<_> = help
            .lines()
            .filter_map(|l| l.trim().strip_prefix("-C")?.trim().split_once("=val"))
            .map(|(name, _)| format!("-C {name}"))
            .filter(|f| find(f).is_none())
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
