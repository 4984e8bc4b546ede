//! The proof that a variable was used only to locate included files.
//!
//! Crates include generated code by `include!(concat!(env!("OUT_DIR"), "/gen.rs"))`. The directory differs from checkout to
//! checkout, though the program does not contain its path. The variable may be keyed by its portable form only if
//! *every* use is of that kind. Two independent sources of evidence must agree:
//!
//! 1. **The trace.** The observer sees each time rustc reads a variable for an `env!`. The next thing that the same thread does
//!    with a variable or a file must be to open a file whose name is the value and a suffix. `env!("OUT_DIR").len()`
//!    opens nothing.
//! 2. **The sources.** In every source file read, each mention of the variable must be an `env!` that is the first part
//!    of a `concat!` (or all) of an `include!`, `include_str!` or `include_bytes!`. With a mention in any other place, or an
//!    `env!` whose argument is not a plain string, the variable counts literally. rustc read a file that no
//!    edition accepts as a source only because an `include_str!` or `include_bytes!` named the file.
//!
//! A macro of another crate remains, whose text is not available: it could write an `env!` that has another use just before
//! a file of the directory is opened for another reason. Such a file has an opening too many. One of two things must
//! exclude that:
//!
//! - each suffix opened is one that an include in the sources writes in full, and no file that was opened after a read is
//!   ever opened without one; or
//! - reads and openings pair off, one to one: no file of the directory is opened without a read just before, and none
//!   could be, since no file there has a `mod name;`, an include, or a macro that could write one, and no source names
//!   the directory.
//!
//! A module's file is looked for before it is opened, and an included file is not, so that a `mod name;` never passes for an
//! include. What is left are macros of other crates that paste the value, and the search of the outputs finds that.

use crate::rust_tokens::{NoTokens, Token, tokens};
use kache_core::collected::Step;
use kache_core::template::contains;

/// A source file that was read.
pub struct Source {
    /// The absolute path.
    pub path: Vec<u8>,
    pub text: Vec<u8>,
}

/// The suffix in a source: a literal, or `None` if only the caller of a macro knows a part of it.
type Suffix = Option<Vec<u8>>;

/// Whether trace and sources agree that the variable `name`, whose value is `value`, only located files.
pub fn only_locates(name: &[u8], value: &[u8], threads: &[Vec<Step>], sources: &[Source]) -> bool {
    let Some(opened) = opened_by_looks(name, value, threads) else { return false };
    let mut written = Vec::new();
    let mut alone = opened.iter().all(|suffix| suffix.is_empty() || suffix[0] == b'/');
    for source in sources {
        alone &= !contains(&source.text, last_names(value));
        let tokens = match tokens(&source.text) {
            Ok(tokens) => tokens,
            // An `include_str!` or `include_bytes!` named the file: rustc accepts no such source.
            Err(NoTokens::NoSource) => continue,
            Err(NoTokens::Unsure) => return false,
        };
        let Some(found) = suffixes(&tokens, name) else { return false };
        written.extend(found.into_iter().flatten());
        alone &= !is_below(&source.path, value) || opens_nothing_beside_it(&tokens);
    }
    let paired = |counts: &dyn Fn(&[u8]) -> bool| no_opening_without_a_look(name, counts, threads);
    let named = || {
        let is_opened = |path: &[u8]| path.strip_prefix(value).is_some_and(|suffix| opened.contains(&suffix));
        opened.iter().all(|suffix| written.iter().any(|w| w == suffix)) && paired(&is_opened)
    };
    !opened.is_empty() && (named() || alone && paired(&|path| is_below(path, value)))
}

/// The last two names of a path: a relative path to the directory ends with them, as the absolute path does.
fn last_names(path: &[u8]) -> &[u8] {
    let mut slashes = (0..path.len()).rev().filter(|at| path[*at] == b'/');
    let from = slashes.nth(1).map_or(0, |at| at + 1);
    &path[from..]
}

/// The suffix of the file that was opened after each read of the variable; `None` if a read was followed by anything else.
fn opened_by_looks<'a>(name: &[u8], value: &[u8], threads: &'a [Vec<Step>]) -> Option<Vec<&'a [u8]>> {
    let mut opened = Vec::new();
    for thread in threads {
        for (i, _) in thread.iter().enumerate().filter(|(_, s)| matches!(s, Step::Looked(n) if n == name)) {
            match thread.get(i + 1) {
                Some(Step::Opened(path)) => opened.push(path.strip_prefix(value)?),
                _ => return None,
            }
        }
    }
    Some(opened)
}

fn no_opening_without_a_look(name: &[u8], counts: &dyn Fn(&[u8]) -> bool, threads: &[Vec<Step>]) -> bool {
    threads.iter().all(|thread| {
        thread.iter().enumerate().all(|(i, step)| match step {
            Step::Opened(path) if counts(path) => {
                i > 0 && matches!(&thread[i - 1], Step::Looked(n) if n == name)
            }
            _ => true,
        })
    })
}

fn is_below(path: &[u8], dir: &[u8]) -> bool {
    path.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// Macros of the standard library that open no file.
const HARMLESS_MACROS: &str = "\
    assert assert_eq assert_ne cfg column compile_error concat debug_assert debug_assert_eq \
    debug_assert_ne env eprint eprintln file format format_args line macro_rules matches module_path \
    option_env panic print println stringify thread_local todo unimplemented unreachable vec write writeln";

/// No `mod name;`, no include, and no macro that could write one: all of these open files next to the source.
fn opens_nothing_beside_it(tokens: &[Token]) -> bool {
    let opens = |i: usize| [b'(', b'[', b'{'].iter().any(|s| tokens.get(i) == Some(&Token::Sign(*s)));
    tokens.iter().enumerate().all(|(i, t)| match t {
        Token::Word("mod") => tokens.get(i + 2) == Some(&Token::Sign(b'{')),
        Token::Word(word) if tokens.get(i + 1) == Some(&Token::Sign(b'!')) => {
            // `macro_rules! name {`, and not `a != b` or `if !(c)`.
            let invokes = opens(i + 2) || *word == "macro_rules";
            !invokes || HARMLESS_MACROS.split(' ').any(|harmless| harmless == *word)
        }
        _ => true,
    })
}

/// The suffixes of all includes of `name`; `None` if `name` is mentioned in any other way.
fn suffixes(tokens: &[Token], name: &[u8]) -> Option<Vec<Suffix>> {
    let (mut found, mut explained) = (Vec::new(), Vec::new());
    for i in 0..tokens.len() {
        let Token::Word(word) = tokens[i] else { continue };
        if !matches!(word, "env" | "option_env") || tokens.get(i + 1) != Some(&Token::Sign(b'!')) {
            continue;
        }
        match tokens.get(i + 3) {
            Some(Token::Text(t)) if t.as_bytes() == name => {
                if word == "option_env" {
                    return None;
                }
                found.push(included(tokens, i)?);
                explained.push(i + 3);
            }
            Some(Token::Text(_)) => {}
            _ => return None,
        }
    }
    let mention = |t: &Token| matches!(t, Token::Text(t) if contains(t.as_bytes(), name));
    let stray = tokens.iter().enumerate().any(|(i, t)| mention(t) && !explained.contains(&i));
    (!stray).then_some(found)
}

/// The suffix, if the `env!` at `at` is the whole argument of an include or its first part.
fn included(tokens: &[Token], at: usize) -> Option<Suffix> {
    let sign = |i: usize, s: u8| tokens.get(i) == Some(&Token::Sign(s));
    let open = |i: usize| [b'(', b'[', b'{'].iter().any(|s| sign(i, *s));
    let close = |i: usize| [b')', b']', b'}'].iter().any(|s| sign(i, *s));
    let mut first = at;
    // `::core::env!` is `env!`.
    while first >= 2 && sign(first - 1, b':') {
        first -= if matches!(tokens.get(first.checked_sub(3)?), Some(Token::Word(_))) { 3 } else { 2 };
    }
    let before = |i: usize, words: &[&str]| {
        i >= 3
            && open(i - 1)
            && sign(i - 2, b'!')
            && matches!(tokens[i - 3], Token::Word(w) if words.contains(&w))
    };
    const INCLUDES: &[&str] = &["include", "include_str", "include_bytes"];
    // `env ! ( "X" )`
    let mut next = at + 4;
    if sign(next, b',') && matches!(tokens.get(next + 1), Some(Token::Text(_))) {
        next += 2;
    }
    if !close(next) {
        return None;
    }
    next += 1;
    if before(first, INCLUDES) {
        return (close(next) || sign(next, b',') && close(next + 1)).then(|| Some(Vec::new()));
    }
    if !before(first, &["concat"]) {
        return None;
    }
    let mut start = first - 3;
    while start >= 2 && sign(start - 1, b':') {
        start -= if matches!(tokens.get(start.checked_sub(3)?), Some(Token::Word(_))) { 3 } else { 2 };
    }
    if !before(start, INCLUDES) {
        return None;
    }
    let mut suffix = Some(Vec::new());
    while !close(next) {
        match tokens.get(next)? {
            Token::Sign(b',') => {}
            Token::Text(t) => {
                if let Some(s) = &mut suffix {
                    s.extend(t.as_bytes());
                }
            }
            // `$name` or a nested macro: only the caller knows the value. Skip the bracketed tokens.
            _ => {
                suffix = None;
                if open(next) {
                    let mut depth = 1;
                    while depth > 0 {
                        next += 1;
                        tokens.get(next)?;
                        depth += i32::from(open(next)) - i32::from(close(next));
                    }
                }
            }
        }
        next += 1;
    }
    Some(suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(list: &[&str]) -> Vec<Vec<Step>> {
        let one = |s: &&str| match (s.strip_prefix('$'), s.strip_prefix('?')) {
            (Some(v), _) => Step::Looked(v.as_bytes().to_vec()),
            (_, Some(path)) => Step::Probed(path.as_bytes().to_vec()),
            _ => Step::Opened(s.as_bytes().to_vec()),
        };
        vec![list.iter().map(one).collect()]
    }

    fn proved(source: &str, list: &[&str]) -> bool {
        let source = Source { path: b"/w/lib.rs".to_vec(), text: source.as_bytes().to_vec() };
        only_locates(b"OUT_DIR", b"/o", &steps(list), &[source])
    }

    const GOOD: &str = r#"include!(concat!(env!("OUT_DIR"), "/g.rs"));"#;

    #[test]
    fn includes_are_proved() {
        assert!(proved(GOOD, &["$OUT_DIR", "/o/g.rs"]));
        assert!(proved(
            &format!("// \"OUT_DIR\"\n{GOOD} /* env!(\"OUT_DIR\") */"),
            &["$OUT_DIR", "/o/g.rs", "/x"]
        ));
        assert!(proved(
            r#"const D: &[u8] = ::core::include_bytes!(::std::concat!(::core::env!("OUT_DIR"), "/", "a", ".bin",));"#,
            &["$OUT_DIR", "/o/a.bin"]
        ));
        assert!(proved(
            r#"macro_rules! i { ($x:expr) => { include!(concat!(env!("OUT_DIR"), $x)) } } fn f<'a>() {}"#,
            &["$OUT_DIR", "/o/z"]
        ));
        assert!(proved(r#"include!(env!("OUT_DIR"));"#, &["$OUT_DIR", "/o"]));
    }

    #[test]
    fn anything_else_is_not() {
        for source in [
            r#"const L: usize = env!("OUT_DIR").len();"#,
            r#"const L: Option<&str> = option_env!("OUT_DIR");"#,
            r#"const L: &str = concat!(env!("OUT_DIR"), "/g.rs");"#,
            r#"foo!("OUT_DIR");"#,
            r#"const L: &str = env!(concat!("OUT", "_DIR"));"#,
            r#"macro_rules! e { ($v:literal) => { env!($v) } }"#,
            "const L: &str = env!(\"OUT\\u{5f}DIR\");",
            "const L: &str = env!(r#\"OUT_DIR\"#);",
        ] {
            assert!(!proved(&format!("{GOOD}\n{source}"), &["$OUT_DIR", "/o/g.rs"]), "{source}");
        }
    }

    #[test]
    fn what_was_done_must_agree() {
        assert!(!proved(GOOD, &["$OUT_DIR", "$OUT_DIR", "/o/g.rs"]), "a look that opened nothing");
        assert!(!proved(GOOD, &["$OUT_DIR", "/elsewhere/g.rs"]));
        assert!(!proved(GOOD, &["$OUT_DIR", "?/o/g.rs", "/o/g.rs"]), "a module's file is looked for first");
        assert!(
            !proved(GOOD, &["$OUT_DIR", "/o/g.rs", "$OUT_DIR", "/o/a.rs", "/o/sub.rs"]),
            "an opening without a look"
        );
        assert!(!proved("", &["$OTHER", "/o/a.rs", "$OUT_DIR", "/o/g.rs"]), "located by another variable");
        assert!(proved(GOOD, &["/o/mod.rs", "$OUT_DIR", "/o/g.rs"]), "named by an include in the sources");
        assert!(
            !proved(GOOD, &["$OUT_DIR", "/o/g.rs", "/o/g.rs"]),
            "opened once more, so perhaps never by the include in the sources"
        );
        assert!(
            proved("made::include!();", &["$OUT_DIR", "/o/g.rs"]),
            "another crate's macro wrote the include"
        );
        assert!(!proved("const D: &str = \"/o/x\";", &["$OUT_DIR", "/o/g.rs"]), "the path is written out");
        assert!(!proved("", &["/o2/x"]), "never looked up as such");
        assert!(!proved("", &["$OUT_DIR", "/o2/x"]), "beside the directory, and named by no include");
    }

    #[test]
    fn a_suffix_that_only_the_caller_of_a_macro_knows_names_no_file() {
        let caller = r#"macro_rules! i { ($x:expr) => { include!(concat!(env!("OUT_DIR"), $x)) } }"#;
        let made = |text: &str| Source { path: b"/o/g.rs".to_vec(), text: text.as_bytes().to_vec() };
        let steps = steps(&["$OUT_DIR", "/o/g.rs", "$OUT_DIR", "/o/sub.rs"]);
        let with = |text: &str| {
            let source = Source { path: b"/w/lib.rs".to_vec(), text: caller.as_bytes().to_vec() };
            only_locates(b"OUT_DIR", b"/o", &steps, &[source, made(text)])
        };
        assert!(with("pub fn f() { println!(\"{}\", 1 != 2) }"));
        for text in [
            "const P: &str = dep::p!(); macro_rules! more { () => { #[path = \"sub.rs\"] mod sub; } } more!();",
            "macro_rules! more { ($n:ident) => { mod $n; } }",
            "const P: usize = dep::p!().len();",
            "dep::both! {}",
            "my_include!(\"sub.rs\");",
        ] {
            assert!(!with(text), "{text}");
        }
    }

    #[test]
    fn a_file_that_is_included_as_text_or_bytes_is_no_source() {
        let with = |bytes: &[u8]| {
            let caller =
                "include!(concat!(env!(\"OUT_DIR\"), \"/g.rs\")); static B: &[u8] = include_bytes!(\"b\");";
            let source = |path: &str, text: &[u8]| Source { path: path.into(), text: text.to_vec() };
            let sources = [source("/w/lib.rs", caller.as_bytes()), source("/w/b", bytes)];
            only_locates(b"OUT_DIR", b"/o", &steps(&["$OUT_DIR", "/o/g.rs"]), &sources)
        };
        assert!(with(b"\xff\"\xfe OUT_DIR"));
        assert!(with(b"It isn't \"open: OUT_DIR"));
        assert!(!with(b"c\"\\0\""), "it could be a source");
    }

    #[test]
    fn a_relative_path_to_the_directory_leaves_no_proof() {
        let with = |text: &str| {
            let source = Source { path: b"/w/lib.rs".to_vec(), text: text.as_bytes().to_vec() };
            let steps = steps(&["$OUT_DIR", "/w/t/app-1/out/g.rs"]);
            only_locates(b"OUT_DIR", b"/w/t/app-1/out", &steps, &[source])
        };
        assert!(with("dep::p!();"));
        assert!(!with("const P: usize = dep::p!().len(); #[path = \"t/app-1/out/g.rs\"] mod g;"));
    }

    #[test]
    fn files_that_open_others_beside_them_leave_no_proof() {
        let with = |text: &str| {
            let made = Source { path: b"/o/g.rs".to_vec(), text: text.as_bytes().to_vec() };
            only_locates(
                b"OUT_DIR",
                b"/o",
                &steps(&["$OUT_DIR", "/o/g.rs", "$OUT_DIR", "/o/sub.rs"]),
                &[made],
            )
        };
        assert!(with("mod inline { pub fn f() {} }"));
        assert!(!with("pub mod sub; const L: usize = other::len!();"));
        assert!(!with("include!(\"sub.rs\");"));
    }
}
