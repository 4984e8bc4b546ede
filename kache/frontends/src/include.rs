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
//!    `env!` whose argument is not a plain string, the variable counts literally.
//!
//! A macro of another crate remains, whose text is not available: it could write an `env!` that has another use just before
//! a file of the directory is opened for another reason. One of two things must exclude that:
//!
//! - each suffix opened is one that an include in the sources names; or
//! - reads and openings pair off, one to one: no file of the directory is opened without a read just before, and none
//!   could be, since no file there has a `mod name;` or an include, and the path is not written in any source.

use crate::rust_tokens::{Token, tokens};
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
    let mut alone = true;
    for source in sources {
        let Some(tokens) = tokens(&source.text) else { return false };
        let Some(found) = suffixes(&tokens, name) else { return false };
        written.extend(found);
        alone &= !contains(&source.text, value);
        alone &= !is_below(&source.path, value) || opens_nothing_beside_it(&tokens);
    }
    let named = opened.iter().all(|o| written.iter().any(|w| w.as_ref().is_none_or(|w| w == o)));
    !opened.is_empty() && (named || alone && no_opening_without_a_look(name, value, threads))
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

fn no_opening_without_a_look(name: &[u8], value: &[u8], threads: &[Vec<Step>]) -> bool {
    threads.iter().all(|thread| {
        thread.iter().enumerate().all(|(i, step)| match step {
            Step::Opened(path) if is_below(path, value) => {
                i > 0 && matches!(&thread[i - 1], Step::Looked(n) if n == name)
            }
            _ => true,
        })
    })
}

fn is_below(path: &[u8], dir: &[u8]) -> bool {
    path.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// No `mod name;` and no include by a literal path: both open files next to the source.
fn opens_nothing_beside_it(tokens: &[Token]) -> bool {
    tokens.iter().enumerate().all(|(i, t)| match t {
        Token::Word("mod") => tokens.get(i + 2) != Some(&Token::Sign(b';')),
        Token::Word("include" | "include_str" | "include_bytes") => {
            tokens.get(i + 1) != Some(&Token::Sign(b'!'))
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
        let one = |s: &&str| match s.strip_prefix('$') {
            Some(v) => Step::Looked(v.as_bytes().to_vec()),
            None => Step::Opened(s.as_bytes().to_vec()),
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
        assert!(
            !proved(GOOD, &["$OUT_DIR", "/o/g.rs", "$OUT_DIR", "/o/a.rs", "/o/sub.rs"]),
            "an opening without a look"
        );
        assert!(!proved("", &["$OTHER", "/o/a.rs", "$OUT_DIR", "/o/g.rs"]), "located by another variable");
        assert!(proved(GOOD, &["/o/mod.rs", "$OUT_DIR", "/o/g.rs"]), "named by an include in the sources");
        assert!(
            proved("made::include!();", &["$OUT_DIR", "/o/g.rs"]),
            "another crate's macro wrote the include"
        );
        assert!(!proved("const D: &str = \"/o/x\";", &["$OUT_DIR", "/o/g.rs"]), "the path is written out");
        assert!(!proved("", &["/o2/x"]), "never looked up as such");
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
