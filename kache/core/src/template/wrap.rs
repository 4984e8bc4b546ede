//! Line breaks of depfiles. Their position depends on the length of the paths, so the store holds a depfile without line breaks
//! and with the rule that makes them. A restored depfile then equals the one that the compiler writes in that checkout.

/// A rule for line breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// No line of more than 72 columns.
    Narrow = b'g' as isize,
    /// 75 columns, with room for the break; paths are measured without their quotes.
    Wide = b'c' as isize,
    /// Unknown: the line breaks are stored.
    Other = b'o' as isize,
}

impl Style {
    pub fn of(byte: u8) -> Option<Style> {
        [Style::Narrow, Style::Wide, Style::Other].into_iter().find(|s| *s as u8 == byte)
    }

    /// The depfile without line breaks if it has this style; else [`Style::Other`] and the depfile unchanged.
    pub fn recognise(self, text: &[u8]) -> (Style, Vec<u8>) {
        let joined = join(text);
        if self.wrap(&joined) == text { (self, joined) } else { (Style::Other, text.to_vec()) }
    }

    /// Breaks the first rule of a depfile. The rest names one file per line.
    pub fn wrap(self, joined: &[u8]) -> Vec<u8> {
        if self == Style::Other {
            return joined.to_vec();
        }
        let end = joined.iter().position(|b| *b == b'\n').unwrap_or(joined.len());
        let (rule, rest) = joined.split_at(end);
        let mut out = Vec::with_capacity(joined.len() + joined.len() / 16);
        let mut column = 0;
        let mut targets = true;
        for word in words(rule) {
            let (next, broken) = match self {
                Style::Wide => wide(column, word, targets),
                _ => narrow(column, word, targets),
            };
            if column > 0 {
                out.extend(if broken { &b" \\\n "[..] } else { b" " });
                out.extend(if broken && self == Style::Wide { &b" "[..] } else { b"" });
            }
            out.extend(word);
            column = next;
            targets &= !word.ends_with(b":");
        }
        out.extend(rest);
        out
    }
}

/// The column after a word, and whether a line break precedes the word.
fn narrow(column: usize, word: &[u8], targets: bool) -> (usize, bool) {
    // The colon is written, and counted, after the last target.
    let size = word.len() - usize::from(targets && word.ends_with(b":"));
    let colon = word.len() - size;
    match column {
        0 => (size + colon, false),
        c if c + size > 72 => (1 + size + colon, true),
        c => (c + 1 + size + colon, false),
    }
}

fn wide(column: usize, word: &[u8], targets: bool) -> (usize, bool) {
    if targets {
        let size = word.len() - usize::from(word.ends_with(b":"));
        let colon = word.len() - size;
        return match column {
            0 => (size + colon, false),
            c if c + size + 2 > 75 => (size + 2 + colon, true),
            c => (c + size + 1 + colon, false),
        };
    }
    let size = unquoted(word);
    if column + size + 3 > 75 { (2 + size + 1, true) } else { (column + size + 1, false) }
}

/// The length of a quoted file name without its quotes.
fn unquoted(word: &[u8]) -> usize {
    let quotes = word.windows(2).filter(|w| *w == b"\\ " || *w == b"\\#" || *w == b"$$").count();
    word.len() - quotes
}

/// The words of a rule. A blank after a backslash is part of a word.
fn words(rule: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = rule;
    std::iter::from_fn(move || {
        let start = rest.iter().position(|b| *b != b' ')?;
        let word = &rest[start..];
        let end = (0..word.len()).find(|i| word[*i] == b' ' && word[i.saturating_sub(1)] != b'\\');
        let (word, behind) = word.split_at(end.unwrap_or(word.len()));
        rest = behind;
        Some(word)
    })
}

fn join(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(2).position(|w| w == b"\\\n") {
        out.extend(rest[..at].trim_ascii_end());
        out.push(b' ');
        rest = rest[at + 2..].trim_ascii_start();
    }
    out.extend(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_depfile_of_an_unknown_style_stays_unchanged() {
        let odd = b"a.o: b.c \\\n   c.h\n";
        assert_eq!(Style::Narrow.recognise(odd), (Style::Other, odd.to_vec()));
        let short = b"a.o: b.c\n";
        assert_eq!(Style::Wide.recognise(short).0.wrap(short), short);
    }

    #[test]
    fn lines_of_at_most_72_columns() {
        let name = "x".repeat(30);
        let text = format!("a.o: {name} {name} \\\n {name}\n\n{name}:\n");
        let (style, joined) = Style::Narrow.recognise(text.as_bytes());
        assert_eq!(style, Style::Narrow);
        assert_eq!(joined, format!("a.o: {name} {name} {name}\n\n{name}:\n").as_bytes());
        assert_eq!(style.wrap(&joined), text.as_bytes());
    }
}
