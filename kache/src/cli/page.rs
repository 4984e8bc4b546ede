//! A page for people, built line by line.
//!
//! Names of crates, paths and values of variables come from outside: nothing of them reaches a terminal with its
//! control characters, which could move the cursor, rewrite what was printed, or reorder it. That is why text
//! enters a page only through the functions here. Colours are the page's own, and are left out where standard
//! output is no terminal or `NO_COLOR` is set.

pub use kache_core::printable::sanitize;
use std::io::IsTerminal;

/// How a piece of text dependencies on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As it is.
    Plain,
    /// Headings.
    Bold,
    /// What matters less.
    Dim,
    /// What is well, what is new.
    Green,
    /// What is not, what is gone.
    Red,
    /// What deserves a look.
    Yellow,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Style::Plain => "",
            Style::Bold => "\x1b[1m",
            Style::Dim => "\x1b[2m",
            Style::Green => "\x1b[32m",
            Style::Red => "\x1b[31m",
            Style::Yellow => "\x1b[33m",
        }
    }
}

/// A piece of text and its look.
pub type Span = (Style, String);

/// A page.
#[derive(Debug)]
pub struct Page {
    out: String,
    colour: bool,
    /// Of the terminal; nothing where the page goes elsewhere, which may be as wide as it likes.
    width: Option<usize>,
}

/// Less room than this is not worth folding into.
const NARROW: usize = 30;

impl Page {
    /// An empty page for standard output.
    pub fn new() -> Page {
        Page { out: String::new(), colour: colour(), width: width() }
    }

    /// One line.
    pub fn line(&mut self, text: impl AsRef<str>) {
        self.spans(&[(Style::Plain, text.as_ref().to_string())]);
    }

    /// One line that stands out.
    pub fn heading(&mut self, text: impl AsRef<str>) {
        self.spans(&[(Style::Bold, text.as_ref().to_string())]);
    }

    /// One line in pieces.
    pub fn spans(&mut self, spans: &[Span]) {
        for (style, text) in spans {
            let text = sanitize(text);
            if self.colour && *style != Style::Plain {
                self.out.push_str(style.code());
                self.out.push_str(&text);
                self.out.push_str("\x1b[0m");
            } else {
                self.out.push_str(&text);
            }
        }
        self.out.push('\n');
    }

    /// Pieces, and then text that goes on under its own beginning where the terminal ends.
    pub fn folded(&mut self, lead: &[Span], text: &str) {
        let indent: usize = lead.iter().map(|(_, t)| t.chars().count()).sum();
        let room = self.width.map_or(usize::MAX, |w| w.saturating_sub(indent).max(NARROW));
        let mut lines = fold(text, room).into_iter();
        let first = (Style::Plain, lines.next().unwrap_or_default());
        self.spans(&[lead, &[first]].concat());
        for line in lines {
            self.line(format!("{:indent$}{line}", ""));
        }
    }

    /// An empty line, unless the page has none before it.
    pub fn gap(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    /// Rows in columns. The last is as wide as it is; on a terminal with no room for it, it goes on under itself, or below its row.
    pub fn columns(&mut self, rows: &[Vec<String>]) {
        let count = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|t| t.chars().count()).max();
        let widths: Vec<usize> = (0..count).map(|c| width(c).unwrap_or(0)).collect();
        let last = count.saturating_sub(1);
        let before: usize = widths[..last].iter().map(|w| w + 2).sum();
        let below = self.width.is_some_and(|w| before + NARROW > w && before + widths[last] > w);
        for row in rows {
            let pad = |(t, w): (&String, &usize)| format!("{t:<w$}");
            let lead = row.iter().zip(&widths[..last]).map(pad).collect::<Vec<_>>().join("  ");
            let text = row.get(last).map_or("", String::as_str);
            if text.is_empty() {
                self.line(lead.trim_end());
            } else if below {
                self.line(lead.trim_end());
                self.folded(&[(Style::Plain, " ".repeat(4))], text);
            } else {
                let gap = if last > 0 { "  " } else { "" };
                self.folded(&[(Style::Plain, format!("{lead}{gap}"))], text);
            }
        }
    }

    /// Rows of a name, `figures` figures set to the right, and what they mean.
    pub fn figures(&mut self, rows: &[Vec<String>], figures: usize) {
        let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|t| t.chars().count()).max();
        let mut aligned = Vec::with_capacity(rows.len());
        for row in rows {
            let mut row = row.clone();
            for (c, cell) in row.iter_mut().enumerate().skip(1).take(figures) {
                *cell = format!("{cell:>w$}", w = width(c).unwrap_or(0));
            }
            aligned.push(row);
        }
        self.columns(&aligned);
    }

    /// The page.
    pub fn finish(self) -> String {
        self.out
    }
}

impl Default for Page {
    fn default() -> Page {
        Page::new()
    }
}

/// Lines of whole words, no wider than the room unless a word is.
fn fold(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is one from the beginning");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_string());
        }
    }
    lines
}

/// How wide standard output is, where it is a terminal that says so.
fn width() -> Option<usize> {
    let known = || ratatui::crossterm::terminal::size().ok().map(|(columns, _)| usize::from(columns));
    std::io::stdout().is_terminal().then(known).flatten().filter(|columns| *columns > 0)
}

/// Whether standard output shows colours, and the user does not refuse them.
pub fn colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    !refused && std::io::stdout().is_terminal()
}

/// A size as people read it.
pub fn size(bytes: u64) -> String {
    let b = bytes as f64;
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} kB", b / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", b / 1e6),
        _ => format!("{:.2} GB", b / 1e9),
    }
}

/// A duration in µs as people read it; negative ones keep their sign.
pub fn duration(us: i64) -> String {
    let sign = if us < 0 { "-" } else { "" };
    let us = us.unsigned_abs();
    let s = us / 1_000_000;
    match us {
        0..1000 => format!("{sign}{us} µs"),
        1000..1_000_000 => format!("{sign}{:.1} ms", us as f64 / 1e3),
        1_000_000..60_000_000 => format!("{sign}{:.1} s", us as f64 / 1e6),
        60_000_000..3_600_000_000 => format!("{sign}{} min {} s", s / 60, s % 60),
        3_600_000_000..172_800_000_000 => format!("{sign}{} h {} min", s / 3600, s % 3600 / 60),
        _ => format!("{sign}{} days", s / 86_400),
    }
}

/// How long ago a moment (µs since 1970) was.
pub fn ago(time_us: u64) -> String {
    let now = (kache_core::platform::now_ns() / 1000) as u64;
    format!("{} ago", duration(now.saturating_sub(time_us) as i64))
}

/// Of a digest its beginning, which is enough to name it; any other text as it is.
pub fn short(value: &str) -> &str {
    if value.len() == 64 && value.bytes().all(|b| b.is_ascii_hexdigit()) { &value[..16] } else { value }
}

/// The beginning of a long text.
pub fn cut(text: &str) -> String {
    let start: String = text.chars().take(300).collect();
    if start.len() < text.len() { start + "…" } else { start }
}

/// A number of things.
pub fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_moves_the_cursor() {
        let mut page = Page { out: String::new(), colour: true, width: None };
        page.spans(&[(Style::Red, "a\x1b[2J\nb\u{9b}31m\u{202e}".to_string())]);
        assert_eq!(page.finish(), "\x1b[31ma\\u{1b}[2J\\nb\\u{9b}31m\\u{202e}\x1b[0m\n");
    }

    #[test]
    fn sizes_and_durations_read_well() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(312_000_000), "312.0 MB");
        assert_eq!(duration(-1500), "-1.5 ms");
        assert_eq!(duration(61_000_000), "1 min 1 s");
        assert_eq!(duration(3_600_000_000 * 50), "2 days");
    }

    #[test]
    fn digests_are_shown_by_their_beginning() {
        assert_eq!(short(&"ab".repeat(32)).len(), 16);
        assert_eq!(short("hello"), "hello");
    }

    #[test]
    fn columns_line_up_by_characters() {
        let mut page = Page { out: String::new(), colour: false, width: None };
        page.columns(&[vec!["é".into(), "x".into()], vec!["ab".into(), "y".into()]]);
        assert_eq!(page.finish(), "é   x\nab  y\n");
    }

    #[test]
    fn what_is_too_wide_goes_on_under_itself_or_below() {
        let rows = [vec!["a".to_string(), "some words that do not fit into forty columns".to_string()]];
        let mut page = Page { out: String::new(), colour: false, width: Some(40) };
        page.columns(&rows);
        assert_eq!(page.finish(), "a  some words that do not fit into forty\n   columns\n");
        let mut page = Page { out: String::new(), colour: false, width: Some(30) };
        page.columns(&rows);
        assert_eq!(page.finish(), "a\n    some words that do not fit\n    into forty columns\n");
    }
}
