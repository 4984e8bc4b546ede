//! Rust source as words, strings and signs, by the lexer of rustc itself.

use ra_ap_rustc_lexer::{FrontmatterAllowed, LiteralKind, TokenKind, tokenize};
use rustc_literal_escaper::{MixedUnit, unescape_byte_str, unescape_c_str, unescape_str};

/// A token, as far as the proofs need it. Comments and white space are left out.
#[derive(Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// An identifier, a keyword, a number, or the prefix of a byte string or C string.
    Word(&'a str),
    /// The value of a string, with replacement characters for bytes that are not UTF-8.
    Text(String),
    Sign(u8),
}

/// Why a text has no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTokens {
    /// rustc refuses such a source in every edition: it is not valid UTF-8, or a string or comment does not end or has no value.
    NoSource,
    /// The text could be a source of an edition that has no C strings.
    Unsure,
}

/// The tokens of a source.
///
/// # Errors
/// When the text has none.
pub fn tokens(source: &[u8]) -> Result<Vec<Token<'_>>, NoTokens> {
    let text = std::str::from_utf8(source).map_err(|_| NoTokens::NoSource)?;
    lexed(text).ok_or_else(|| if has_c_string(text) { NoTokens::Unsure } else { NoTokens::NoSource })
}

/// Whether a text may have a C string. Where `c` and `cr` are no prefixes, what follows is another string.
fn has_c_string(text: &str) -> bool {
    let begins_word = |at: usize| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    ["c\"", "cr\"", "cr#"].iter().any(|prefix| text.match_indices(prefix).any(|(at, _)| begins_word(at)))
}

fn lexed(source: &str) -> Option<Vec<Token<'_>>> {
    let mut out = Vec::new();
    let mut at = 0;
    for token in tokenize(source, FrontmatterAllowed::Yes) {
        let text = &source[at..at + token.len as usize];
        at += token.len as usize;
        match token.kind {
            TokenKind::BlockComment { terminated: false, .. } => return None,
            TokenKind::LineComment { .. } | TokenKind::BlockComment { .. } | TokenKind::Whitespace => {}
            TokenKind::Literal { kind, suffix_start } => {
                literal(kind, text, suffix_start as usize, &mut out)?
            }
            _ if text.len() == 1 && text.as_bytes()[0].is_ascii_punctuation() && text != "_" => {
                out.push(Token::Sign(text.as_bytes()[0]));
            }
            _ => out.push(Token::Word(text)),
        }
    }
    Some(out)
}

fn literal<'a>(kind: LiteralKind, text: &'a str, end: usize, out: &mut Vec<Token<'a>>) -> Option<()> {
    let (prefix, raw) = match kind {
        LiteralKind::Str { terminated: true } => ("", None),
        LiteralKind::ByteStr { terminated: true } => ("b", None),
        LiteralKind::CStr { terminated: true } => ("c", None),
        LiteralKind::RawStr { n_hashes: Some(n) } => ("", Some(n)),
        LiteralKind::RawByteStr { n_hashes: Some(n) } => ("b", Some(n)),
        LiteralKind::RawCStr { n_hashes: Some(n) } => ("c", Some(n)),
        LiteralKind::Int { .. }
        | LiteralKind::Float { .. }
        | LiteralKind::Char { terminated: true }
        | LiteralKind::Byte { terminated: true } => {
            out.push(Token::Word(text));
            return Some(());
        }
        _ => return None,
    };
    if !prefix.is_empty() {
        out.push(Token::Word(&text[..prefix.len()]));
    }
    let quoted = &text[prefix.len()..end];
    out.push(Token::Text(match raw {
        // `r`, the hashes and a quote stand before the value.
        Some(hashes) => {
            let hashes = usize::from(hashes);
            quoted.get(2 + hashes..quoted.len().checked_sub(1 + hashes)?)?.to_string()
        }
        None => unescaped(prefix, quoted.get(1..quoted.len().checked_sub(1)?)?)?,
    }));
    Some(())
}

/// The value of what stands between the quotes of a string, a byte string (`b`) or a C string (`c`).
fn unescaped(prefix: &str, text: &str) -> Option<String> {
    let (mut out, mut valid) = (Vec::with_capacity(text.len()), true);
    let mut push = |bytes: &[u8]| out.extend_from_slice(bytes);
    match prefix {
        "b" => unescape_byte_str(text, |_, byte| match byte {
            Ok(byte) => push(&[byte]),
            Err(e) => valid &= !e.is_fatal(),
        }),
        "c" => unescape_c_str(text, |_, unit| match unit {
            Ok(MixedUnit::Char(c)) => push(c.get().encode_utf8(&mut [0; 4]).as_bytes()),
            Ok(MixedUnit::HighByte(byte)) => push(&[byte.get()]),
            Err(e) => valid &= !e.is_fatal(),
        }),
        _ => unescape_str(text, |_, c| match c {
            Ok(c) => push(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(e) => valid &= !e.is_fatal(),
        }),
    }
    valid.then(|| String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Option<Vec<String>> {
        let texts = tokens(source.as_bytes()).ok()?.into_iter().filter_map(|t| match t {
            Token::Text(text) => Some(text),
            _ => None,
        });
        Some(texts.collect())
    }

    #[test]
    fn strings_have_their_values() {
        for (source, value) in [
            (r#""a\x41\u{1F600}\n\"""#, "aA😀\n\""),
            ("\"a\\\n   b\"", "ab"),
            (r###"r##"a"#b"##"###, "a\"#b"),
            (r#"b"bytes""#, "bytes"),
            (r#"b"\xFE\0""#, "\u{FFFD}\0"),
            (r#"c"\xFE\u{e9}""#, "\u{FFFD}é"),
            (r#"c"text"suffix"#, "text"),
        ] {
            assert_eq!(texts(source), Some(vec![value.to_string()]), "{source}");
        }
    }

    #[test]
    fn comments_characters_and_lifetimes_are_not_strings() {
        assert_eq!(texts("/* \" /* */ */ // \"\n '\"' b'\"' 'a \"x\""), Some(vec!["x".to_string()]));
        assert_eq!(tokens(b"a::b!('x')").unwrap().len(), 8);
    }

    #[test]
    fn a_source_that_is_not_valid_has_no_tokens() {
        for source in [&b"\"open"[..], b"/* open", b"r#\"open\"", b"\xff", b"\"\\xZZ\"", b"\"\\xFE\"", b"'\\"]
        {
            assert_eq!(tokens(source), Err(NoTokens::NoSource), "{source:?}");
        }
        assert_eq!(
            tokens(b"\"sync\" isn't \"open"),
            Err(NoTokens::NoSource),
            "the `c` of `sync` begins no C string"
        );
        for source in ["c\"\\0\"", "m!(cr\"\\\"x\");"] {
            assert_eq!(tokens(source.as_bytes()), Err(NoTokens::Unsure), "{source:?}");
        }
    }
}
