//! How C compilers break the lines of the lists of headers that they write. Where a line is broken depends on how long
//! the paths in it are, so in the store such a list has none of its breaks, and the name of the rule that makes them:
//! another checkout's list is then what its own compiler would have written.

/// A compiler's way of breaking lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// No line of more than 72 columns.
    Narrow = b'g' as isize,
    /// 75 columns, with room for the break; paths are measured without their quotes.
    Wide = b'c' as isize,
    /// As it stands.
    Other = b'o' as isize,
}

impl Style {
    /// From the store.
    pub fn of(byte: u8) -> Option<Style> {
        [Style::Narrow, Style::Wide, Style::Other].into_iter().find(|s| *s as u8 == byte)
    }

    /// Whether a list was written in this style, and if so the list without its breaks.
    pub fn recognise(self, text: &[u8]) -> (Style, Vec<u8>) {
        let joined = join(text);
        if self.wrap(&joined) == text { (self, joined) } else { (Style::Other, text.to_vec()) }
    }

    /// Breaks the first rule of a list; what stands behind names one file a line.
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

/// The column behind a word, and whether the line is broken before it.
fn narrow(column: usize, word: &[u8], targets: bool) -> (usize, bool) {
    // The colon is written, and counted, behind the last target.
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

/// How long a file's name is that stands quoted.
fn unquoted(word: &[u8]) -> usize {
    let quotes = word.windows(2).filter(|w| *w == b"\\ " || *w == b"\\#" || *w == b"$$").count();
    word.len() - quotes
}

/// The words of a rule: blanks with a backslash belong to them.
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
    fn what_no_rule_explains_is_kept_as_it_is() {
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
