//! The proof that a variable was used only to locate included files.
//!
//! `include!(concat!(env!("OUT_DIR"), "/gen.rs"))` is how generated code comes into a crate, and the directory differs
//! from checkout to checkout though nothing of it ends up in the program. To key the variable by its portable form
//! is right only where *every* use is of that sort. Two independent things must say so:
//!
//! 1. **What was done.** Each time rustc dependencies a variable up for an `env!`, the observer sees the look. Each look must
//!    be followed, as the next thing that thread does with a variable or a file, by opening a file whose name is
//!    the value and a suffix. `env!("OUT_DIR").len()` opens nothing.
//! 2. **What is written.** In every source file read, each mention of the variable must be an `env!` that is the
//!    first part of a `concat!` (or all) of an `include!`, `include_str!` or `include_bytes!`. A mention in any other
//!    place, or an `env!` whose argument is not a plain string, and the variable is literal.
//!
//! What is left to account for is a macro of another crate, whose text is not at hand: it could write an `env!` that
//! is put to another use just before a file of the directory is opened for another reason. One of two things must
//! rule that out:
//!
//! - each suffix opened is one that an include in the sources names; or
//! - dependencies and openings pair off, one to one: no file of the directory is opened without a look just before, and none
//!   could be, since no file there has a `mod name;` or an include of its own and the path is nowhere written out.

use kache_core::collected::Step;
use kache_core::template::contains;

/// A source file that was read.
pub struct Source {
    /// Its absolute path.
    pub path: Vec<u8>,
    /// What is in it.
    pub text: Vec<u8>,
}

/// A written suffix: a literal, or one with a part that only a macro's caller knows.
type Suffix = Option<Vec<u8>>;

/// Whether what was done and what is written agree that `name`, whose value is `value`, only located files.
pub fn only_locates(name: &[u8], value: &[u8], threads: &[Vec<Step>], sources: &[Source]) -> bool {
    let Some(opened) = opened_by_looks(name, value, threads) else { return false };
    let mut written = Vec::new();
    let mut alone = true;
    for source in sources {
        let Some(tokens) = lex(&source.text) else { return false };
        let Some(found) = suffixes(&tokens, name) else { return false };
        written.extend(found);
        alone &= !contains(&source.text, value);
        alone &= !is_below(&source.path, value) || opens_nothing_beside_it(&tokens);
    }
    let named = opened.iter().all(|o| written.iter().any(|w| w.as_ref().is_none_or(|w| w == o)));
    !opened.is_empty() && (named || alone && no_opening_without_a_look(name, value, threads))
}

/// What each look went on to open, behind the value; `None` where one opened nothing.
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

/// No `mod name;` and no include of anything but what a variable locates: both open files next to the one at hand.
fn opens_nothing_beside_it(tokens: &[Token]) -> bool {
    tokens.iter().enumerate().all(|(i, t)| match t {
        Token::Word(b"mod") => tokens.get(i + 2) != Some(&Token::Sign(b';')),
        Token::Word(b"include" | b"include_str" | b"include_bytes") => {
            tokens.get(i + 1) != Some(&Token::Sign(b'!'))
        }
        _ => true,
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a [u8]),
    Text(Vec<u8>),
    Sign(u8),
}

/// The suffixes of all includes of `name`; `None` where it is mentioned in any other way.
fn suffixes(tokens: &[Token], name: &[u8]) -> Option<Vec<Suffix>> {
    let (mut found, mut explained) = (Vec::new(), Vec::new());
    for i in 0..tokens.len() {
        let Token::Word(word) = tokens[i] else { continue };
        if !matches!(word, b"env" | b"option_env") || tokens.get(i + 1) != Some(&Token::Sign(b'!')) {
            continue;
        }
        match tokens.get(i + 3) {
            Some(Token::Text(t)) if t == name => {
                if word == b"option_env" {
                    return None;
                }
                found.push(included(tokens, i)?);
                explained.push(i + 3);
            }
            Some(Token::Text(_)) => {}
            _ => return None,
        }
    }
    let mention = |t: &Token| matches!(t, Token::Text(t) if contains(t, name));
    let stray = tokens.iter().enumerate().any(|(i, t)| mention(t) && !explained.contains(&i));
    (!stray).then_some(found)
}

/// The suffix, where the `env!` at `at` is all or the first part of an include's argument.
fn included(tokens: &[Token], at: usize) -> Option<Suffix> {
    let sign = |i: usize, s: u8| tokens.get(i) == Some(&Token::Sign(s));
    let open = |i: usize| [b'(', b'[', b'{'].iter().any(|s| sign(i, *s));
    let close = |i: usize| [b')', b']', b'}'].iter().any(|s| sign(i, *s));
    let mut first = at;
    // `::core::env!` is `env!`.
    while first >= 2 && sign(first - 1, b':') {
        first -= if matches!(tokens.get(first.checked_sub(3)?), Some(Token::Word(_))) { 3 } else { 2 };
    }
    let before = |i: usize, words: &[&[u8]]| {
        i >= 3
            && open(i - 1)
            && sign(i - 2, b'!')
            && matches!(tokens[i - 3], Token::Word(w) if words.contains(&w))
    };
    const INCLUDES: &[&[u8]] = &[b"include", b"include_str", b"include_bytes"];
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
    if !before(first, &[b"concat"]) {
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
                    s.extend(t);
                }
            }
            // `$name` or a nested macro: only the caller knows. Skip what is inside brackets.
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

/// Rust's tokens, as far as strings, comments and words can be told apart. `None` where the text ends inside one.
fn lex(s: &[u8]) -> Option<Vec<Token<'_>>> {
    let mut out = Vec::new();
    let mut i = 0;
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80;
    while i < s.len() {
        match s[i] {
            b'/' if s.get(i + 1) == Some(&b'/') => {
                i += s[i..].iter().position(|b| *b == b'\n').unwrap_or(s.len() - i);
            }
            b'/' if s.get(i + 1) == Some(&b'*') => i = comment(s, i)?,
            b'"' => {
                let (text, end) = quoted(s, i + 1)?;
                out.push(Token::Text(text));
                i = end;
            }
            b'\'' => i = character(s, i),
            b if word(b) => {
                let end = i + s[i..].iter().position(|b| !word(*b)).unwrap_or(s.len() - i);
                let w = &s[i..end];
                if matches!(w, b"r" | b"br" | b"cr")
                    && let Some((text, end)) = raw(s, end)
                {
                    out.push(Token::Text(text));
                    i = end;
                } else {
                    // `b"…"` and `c"…"` are strings too: their quote follows as a token of its own.
                    out.push(Token::Word(w));
                    i = end;
                }
            }
            b if b.is_ascii_whitespace() => i += 1,
            b => {
                out.push(Token::Sign(b));
                i += 1;
            }
        }
    }
    Some(out)
}

fn comment(s: &[u8], mut i: usize) -> Option<usize> {
    let mut depth = 0;
    while i < s.len() {
        match s.get(i..i + 2)? {
            b"/*" => {
                depth += 1;
                i += 2;
            }
            b"*/" => {
                depth -= 1;
                i += 2;
                if depth == 0 {
                    return Some(i);
                }
            }
            _ => i += 1,
        }
    }
    None
}

/// A string's bytes. An escape other than the simple ones makes it unlike any plain name, which is all that counts.
fn quoted(s: &[u8], mut i: usize) -> Option<(Vec<u8>, usize)> {
    let mut out = Vec::new();
    loop {
        match *s.get(i)? {
            b'"' => return Some((out, i + 1)),
            b'\\' => {
                match *s.get(i + 1)? {
                    b'n' => out.push(b'\n'),
                    b'\n' => {
                        while s.get(i + 2).is_some_and(|b| b.is_ascii_whitespace()) {
                            i += 1;
                        }
                    }
                    b'x' => {
                        let hex = std::str::from_utf8(s.get(i + 2..i + 4)?).ok()?;
                        out.push(u8::from_str_radix(hex, 16).ok()?);
                        i += 2;
                    }
                    b'u' => return unicode(s, i, out),
                    other => out.push(other),
                }
                i += 2;
            }
            b => {
                out.push(b);
                i += 1;
            }
        }
    }
}

/// Goes on after `\u{…}` with the character in its place.
fn unicode(s: &[u8], i: usize, mut out: Vec<u8>) -> Option<(Vec<u8>, usize)> {
    let end = i + s[i..].iter().position(|b| *b == b'}')?;
    let digits: String = s.get(i + 3..end)?.iter().map(|b| *b as char).filter(|c| *c != '_').collect();
    let c = char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?;
    out.extend(c.to_string().bytes());
    let (rest, end) = quoted(s, end + 1)?;
    out.extend(rest);
    Some((out, end))
}

fn raw(s: &[u8], at: usize) -> Option<(Vec<u8>, usize)> {
    let hashes = s[at..].iter().take_while(|b| **b == b'#').count();
    if s.get(at + hashes) != Some(&b'"') {
        return None;
    }
    let start = at + hashes + 1;
    let mut end = start;
    loop {
        end += s.get(end..)?.iter().position(|b| *b == b'"')?;
        if s.get(end + 1..end + 1 + hashes)?.iter().all(|b| *b == b'#') {
            return Some((s[start..end].to_vec(), end + 1 + hashes));
        }
        end += 1;
    }
}

/// Past a character or the tick of a lifetime.
fn character(s: &[u8], i: usize) -> usize {
    match (s.get(i + 1), s.get(i + 2)) {
        (Some(b'\\'), _) => {
            let rest = s.get(i + 3..).unwrap_or(&[]);
            i + 3 + rest.iter().position(|b| *b == b'\'').map_or(0, |n| n + 1)
        }
        (Some(_), Some(b'\'')) => i + 3,
        (Some(b), _) if *b >= 0x80 => {
            let rest = &s[i + 1..];
            let end = rest.iter().take(6).position(|b| *b == b'\'');
            i + 1 + end.map_or(0, |n| n + 1)
        }
        _ => i + 1,
    }
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
