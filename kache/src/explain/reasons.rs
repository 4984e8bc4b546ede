//! Every reason that an event can give, what it means, and what to do about it.
//!
//! The engine gives a reason as a word; this is the one place where the word is explained. A test reads the sources
//! and demands a row for each word that they give.

/// A reason.
#[derive(Debug)]
pub struct Reason {
    /// As in events.
    pub word: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

const fn row(word: &'static str, meaning: &'static str, remedy: &'static str) -> Reason {
    Reason { word, meaning, remedy }
}

const NOTHING: &str = "nothing: such an invocation cannot be cached";
const BUG: &str = "please report it, with the detail: this is a defect of kache";

/// All of them.
pub static TABLE: &[Reason] = &[
    row("stdin", "the source comes from standard input", "nothing: build scripts try the compiler this way"),
    row("no-input", "no source file is named", NOTHING),
    row("several-inputs", "more than one source file is named", "look for a stray word in RUSTFLAGS"),
    row("link", "a C compiler is asked to link, or to stop before it compiles", NOTHING),
    row("language", "the source is in a language that is not cached", NOTHING),
    row(
        "precompiled-header",
        "a precompiled header is made; what is compiled with it is cached",
        "nothing: it holds the times of the headers it was made from",
    ),
    row(
        "several-architectures",
        "one compile for several architectures",
        "compile for one architecture at a time where most of the time goes",
    ),
    row("not-utf8", "an argument is not UTF-8", "rename the path that has such bytes"),
    row("response-file", "a response file (@path) cannot be read", "see that the file is there and readable"),
    row("malformed", "a flag lacks its value", "look at RUSTFLAGS and the build's configuration"),
    row("print", "a question to the compiler that may depend on a compile", NOTHING),
    row(
        "unknown-flag",
        "no row of the flag table knows a flag of it",
        "see `kache flags`; report the flag, or leave it out of RUSTFLAGS",
    ),
    row(
        "deferred-flag",
        "a flag of it asks for something that cannot be restored",
        "see `kache flags` for the reason; leave the flag out where it is not needed",
    ),
    row(
        "unknown-compiler",
        "the program is no compiler that kache knows, or is not found",
        "see that it is in PATH, and that `PROGRAM --version` says clang or Free Software Foundation",
    ),
    row(
        "rustup",
        "the toolchain that rustup would choose is not plain",
        "see that `rustup show active-toolchain` names an installed toolchain",
    ),
    row(
        "toolchain",
        "the compiler's installation could not be identified",
        "see that the compiler named in the detail can be run, that its files are readable, and, of rustc, that `--print sysroot` names a directory",
    ),
    row("failed", "the compiler reported an error", "mend the source: a failed compile is never kept"),
    row("spawn", "the compiler could not be started", "see that the compiler named in the detail can be run"),
    row(
        "host-state",
        "a proc macro or a program read the state of this machine, which no digest can hold",
        "see which in the detail; what it makes of it is only right here and now",
    ),
    row(
        "private-path",
        "a program was looked for in a PATH that the program which started it made up",
        "name the program by its full path, or set PATH for the whole build",
    ),
    row("write-off", "the setting `write` is off", "unset KACHE_WRITE, or `write` in kache.toml"),
    row(
        "not-observed",
        "the observer did not run, and without it the inputs are not known for sure",
        "run `kache doctor`; see KACHE_OBSERVE in `kache config`",
    ),
    row("binary-output", "what should be text has NULs in it", BUG),
    row("odd-output", "an output is no regular file", "write outputs to a plain directory"),
    row(
        "dep-info",
        "the compiler's dep-info could not be read",
        "see that the output directory is readable and not full",
    ),
    row(
        "store",
        "the result could not be written to the cache",
        "see that the cache directory is writable and has room: `kache doctor`",
    ),
    row(
        "cache-unusable",
        "the cache directory could not be opened",
        "see that it is writable: `kache doctor`; or set KACHE_CACHE_DIR",
    ),
    row("panic", "kache came upon something that it does not handle; the compiler ran plainly", BUG),
    row(
        "different",
        "a check compiled what would have been restored, and something else came of it",
        "compare the two versions named in the detail: a macro that is random? else please report it, with both key traces",
    ),
    row(
        "unreadable-output",
        "an output could not be read back to compare it",
        "see that nothing else writes to the output directory",
    ),
    row(
        "changed-while-compiling",
        "an input changed, or may have, while the compiler ran",
        "build again; let nothing write to the sources during a build",
    ),
    row(
        "unreadable-input",
        "an input could not be read",
        "see that the file in the detail is readable by you",
    ),
    row(
        "incremental",
        "began with incremental state from an earlier compile, which is not all in the sources",
        "nothing for daily work; CARGO_INCREMENTAL=0 makes every compile cacheable",
    ),
    row(
        "clock",
        "a proc macro or a program that it ran read the clock, or C source has the time of the build in it",
        "find the macro that pastes a time and give it a fixed one; for __DATE__ and __TIME__ set SOURCE_DATE_EPOCH",
    ),
    row(
        "network",
        "a proc macro or a program that it ran opened a connection",
        "let the macro read a file (`sqlx` offline mode, for one)",
    ),
    row(
        "no-output",
        "the compiler reported success and left no object, or an empty one",
        "look at the script that stands in the compiler's place, and at the file system",
    ),
    row(
        "side-effect",
        "a file was written or removed that is no output: a hit would not do it again",
        "let the macro or linker named in the detail write below OUT_DIR, from a build script",
    ),
    row(
        "raw-syscall",
        "code other than the compiler's called the kernel past the C library, unseen",
        "see the detail for the program; it cannot be vouched for",
    ),
    row(
        "unobserved-program",
        "a program ran that the observer cannot follow (a static one)",
        "use a dynamically linked one where there is a choice",
    ),
    row("observer-overflow", "more was looked at than the observer's log holds", BUG),
    row(
        "observer-torn",
        "a process was killed while it wrote to the observer's log",
        "build again; look for what kills processes (out of memory?)",
    ),
];

/// The row of a word.
pub fn find(word: &str) -> Option<&'static Reason> {
    TABLE.iter().find(|r| r.word == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// How the engine's sources give a reason: the word is the first text after one of these.
    const GIVERS: &[&str] = &["Deferred::new(", "refuse(", "io_trouble(", ".fail("];

    fn words(dir: &Path, out: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                words(&path, out);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("explain/reasons.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                for giver in GIVERS {
                    out.extend(text.split(giver).skip(1).filter_map(first_word));
                }
            }
        }
    }

    /// The first literal of the arguments, where it is a word: sentences are particulars.
    fn first_word(arguments: &str) -> Option<String> {
        let call = arguments.split_once(')').map_or(arguments, |(c, _)| c);
        let word = call.split('"').nth(1)?;
        let before = call.split('"').next()?;
        let plain = before.trim().is_empty() || before.trim().starts_with("Outcome::");
        let is_word = !word.is_empty()
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        (plain && is_word).then(|| word.to_string())
    }

    #[test]
    fn every_reason_that_the_engine_gives_has_a_row_and_no_row_is_idle() {
        let mut given = BTreeSet::new();
        words(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut given);
        assert!(given.len() > 25, "the sources give reasons in another way now: {given:?}");
        let missing: Vec<_> = given.iter().filter(|w| find(w).is_none()).collect();
        assert!(missing.is_empty(), "give these a row in explain/reasons.rs: {missing:?}");
        let text = words_anywhere();
        for row in TABLE {
            assert!(text.contains(&format!("\"{}\"", row.word)), "no source gives {}", row.word);
            assert!(!row.meaning.is_empty() && !row.remedy.is_empty(), "{}", row.word);
        }
    }

    fn words_anywhere() -> String {
        fn read(dir: &Path, out: &mut String) {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    read(&path, out);
                } else if !path.ends_with("explain/reasons.rs") {
                    out.push_str(&std::fs::read_to_string(&path).unwrap_or_default());
                }
            }
        }
        let mut out = String::new();
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut out);
        out
    }
}
