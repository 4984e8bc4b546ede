//! The flag tables, tried on the command lines of real builds and on the help of compilers.
//!
//! `tests/flags/*.txt` has command lines of real builds, one per line; each file names its origin at the top. Words are
//! separated by blanks, without quotes: a value with blanks has none here.

use super::flags::{Bucket, Form, Row, Takes};
use super::{gnu_flags, msvc_flags};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

type Find = fn(&str) -> Option<&'static Row>;

/// The row of a word, or of its positive.
fn row(word: &str, find: Find) -> Option<&'static Row> {
    find(word).or_else(|| {
        let rest = ["-fno-", "-mno-", "-Wno-"].iter().find_map(|no| word.strip_prefix(no))?;
        find(&format!("{}{rest}", &word[..2]))
    })
}

fn is_flag(word: &str, msvc: bool) -> bool {
    word.len() > 1 && (word.starts_with('-') || msvc && word.starts_with('/'))
}

/// The words of a line without a row, or without their value.
fn unknown_words(line: &str) -> Vec<String> {
    let mut words = line.split_whitespace();
    let program = words.next().unwrap_or_default();
    let msvc = program.starts_with("clang-cl") || program == "cl.exe";
    let find: Find = if msvc { msvc_flags::find } else { gnu_flags::find };
    let mut unknown_words = Vec::new();
    while let Some(word) = words.next() {
        if msvc && word == "--" {
            break;
        }
        if !is_flag(word, msvc) {
            continue;
        }
        let Some(row) = row(word, find) else {
            unknown_words.push(word.to_string());
            continue;
        };
        let whole = word.trim_start_matches(['-', '/']) == row.flag.trim_start_matches(['-', '/']);
        let next = match row.takes {
            Takes::Separate => true,
            Takes::Either => whole,
            Takes::Nothing | Takes::Joined | Takes::Value | Takes::Maybe => false,
        };
        if next && words.next().is_none() {
            unknown_words.push(format!("{word} (without a value)"));
        }
    }
    unknown_words
}

#[test]
fn every_word_of_real_builds_has_a_row() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flags");
    let mut lines = 0;
    let mut missing = Vec::new();
    for file in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("# "), "{name} does not say where it is from");
        for (at, line) in text.lines().enumerate().filter(|(_, l)| !l.is_empty() && !l.starts_with('#')) {
            lines += 1;
            missing.extend(unknown_words(line).iter().map(|word| format!("{name}:{}: {word}", at + 1)));
        }
    }
    assert!(lines > 100, "{lines} lines only");
    assert!(missing.is_empty(), "without a row:\n{}", missing.join("\n"));
}

#[test]
fn a_word_without_a_row_is_found() {
    assert_eq!(unknown_words("gcc -c -fno-such-flag -o a.o a.c"), ["-fno-such-flag"]);
    assert_eq!(unknown_words("gcc -c a.c -MF"), ["-MF (without a value)"]);
    assert_eq!(unknown_words("clang-cl /c /nosuchflag -- /w/a.c"), ["/nosuchflag"]);
    assert!(unknown_words("clang -c -fno-exceptions -Wno-this -mno-sse -I dir -std=c11 a.c").is_empty());
}

#[test]
fn a_name_has_one_row_and_a_reason() {
    for table in [gnu_flags::TABLE, msvc_flags::TABLE] {
        let mut names = BTreeSet::new();
        for row in table {
            assert!(names.insert(row.flag), "{} has two rows", row.flag);
            assert!(row.effect.why.len() > 10, "{} has no reason", row.flag);
            assert!(row.aliases.is_empty() && row.flag.len() < 64, "{}", row.flag);
        }
    }
    assert!(gnu_flags::TABLE.iter().all(|r| gnu_flags::find(r.flag).is_some_and(|f| f.flag == r.flag)));
    assert!(msvc_flags::TABLE.iter().all(|r| msvc_flags::find(r.flag).is_some_and(|f| f.flag == r.flag)));
}

#[test]
fn only_flags_about_colour_are_left_to_a_dependency() {
    let flags = gnu_flags::TABLE.iter().filter(|r| r.bucket == Bucket::Relevant(Form::Diagnostics));
    assert_eq!(
        flags.map(|r| r.flag).collect::<Vec<_>>(),
        ["-fcolor-diagnostics", "-fdiagnostics-color", "-fdiagnostics-color="]
    );
}

/// What a compiler prints about its flags; none if it is not installed.
fn help(program: &str, args: &[&str]) -> Option<String> {
    let Ok(output) = Command::new(program).args(args).env("LC_ALL", "C").output() else {
        println!("skipped: {program} is not installed");
        return None;
    };
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The name in a line of help: `-std=<value>`, `-I <dir>`, `-fcheck=[a|b]`. A name of 64 letters or more has no row
/// (clang 14 has one).
fn named(line: &str) -> Option<&str> {
    let name = line.strip_prefix("  ")?.trim_start().split([' ', '\t', '<', '[', ',']).next()?;
    (name.len() > 1 && name.len() < 64 && name.starts_with(['-', '/'])).then_some(name)
}

fn unknown(text: &str, sign: &[char], find: Find) -> Vec<String> {
    let names: BTreeSet<&str> = text.lines().filter_map(named).filter(|n| n.starts_with(sign)).collect();
    assert!(names.len() > 10, "{} names only", names.len());
    names.into_iter().filter(|n| row(n, find).is_none()).map(str::to_string).collect()
}

#[test]
fn every_flag_that_gcc_lists_has_a_row() {
    for class in ["common", "optimizers", "target", "params", "warnings", "c", "c++", "objc", "objc++"] {
        let Some(text) = help("gcc", &[&format!("--help={class}")]) else { return };
        // `gcc` may be clang.
        if !text.contains("The following options") {
            println!("skipped: gcc is not gcc");
            return;
        }
        // Values of the target's flags follow with another indentation.
        let flags: String = text.lines().filter(|l| l.starts_with("  -")).map(|l| format!("{l}\n")).collect();
        assert_eq!(unknown(&flags, &['-'], gnu_flags::find), [""; 0], "gcc --help={class}");
    }
}

#[test]
fn every_flag_that_clang_lists_has_a_row() {
    for clang in ["clang", "clang-14", "clang-15", "clang-16", "clang-17", "clang-18", "clang-19"] {
        let Some(text) = help(clang, &["--help-hidden"]) else { continue };
        assert_eq!(unknown(&text, &['-'], gnu_flags::find), [""; 0], "{clang} --help-hidden");
    }
}

#[test]
fn every_flag_that_clang_cl_lists_has_a_row() {
    for clang in ["clang-14", "clang-19"] {
        let Some(text) = help(clang, &["--driver-mode=cl", "/?"]) else { continue };
        assert_eq!(unknown(&text, &['-', '/'], msvc_flags::find), [""; 0], "{clang} /?");
    }
}
