//! A page for people, built line by line.
//!
//! Names of crates, paths and values of variables come from outside. Their control characters could move the cursor,
//! or rewrite or reorder printed text, so every text enters a page through the functions here, which escape them.
//! A page has colours only if standard output is a terminal and `NO_COLOR` is not set.

use anstyle::AnsiColor;
pub use anstyle::Style;
pub use kache_core::printable::{count, duration, sanitize};
use std::io::IsTerminal;
use std::ops::Range;
use textwrap::wrap_algorithms::wrap_first_fit;
use textwrap::{WordSeparator, core::Word};
use unicode_width::UnicodeWidthStr;

pub const PLAIN: Style = Style::new();
/// Headings.
pub const BOLD: Style = Style::new().bold();
/// Secondary text.
pub const DIM: Style = Style::new().dimmed();
/// Success, or an added value.
pub const GREEN: Style = AnsiColor::Green.on_default();
/// Failure, or a removed value.
pub const RED: Style = AnsiColor::Red.on_default();
/// A warning.
pub const YELLOW: Style = AnsiColor::Yellow.on_default();

/// A piece of text with its style.
pub type Span = (Style, String);

/// A row of cells for [`Page::columns`], from values of any printable type.
macro_rules! row {
    ($($cell:expr),* $(,)?) => { vec![$($cell.to_string()),*] };
}
pub(crate) use row;

/// A page.
#[derive(Debug)]
pub struct Page {
    out: String,
    colour: bool,
    /// The terminal's width in columns; `None` where standard output is not a terminal.
    width: Option<usize>,
}

/// The least width that text is wrapped to.
const NARROW: usize = 30;

impl Page {
    /// An empty page for standard output.
    pub fn new() -> Page {
        Page { out: String::new(), colour: colour(), width: width() }
    }

    /// One line.
    pub fn line(&mut self, text: impl AsRef<str>) {
        self.styled(PLAIN, text);
    }

    /// One bold line.
    pub fn heading(&mut self, text: impl AsRef<str>) {
        self.styled(BOLD, text);
    }

    /// One line in a style.
    pub fn styled(&mut self, style: Style, text: impl AsRef<str>) {
        self.spans(&[(style, text.as_ref().to_string())]);
    }

    /// One line of several pieces. On a narrow terminal the line continues below its first word.
    pub fn spans(&mut self, spans: &[Span]) {
        let spans = safe(spans);
        let text = joined(&spans);
        let start = text.len() - text.trim_start().len();
        self.flow(&spans, &text, start);
    }

    /// Pieces, then text. On a narrow terminal the text continues below its first word.
    pub fn folded(&mut self, lead: &[Span], text: &str) {
        self.hanging(lead, &[(PLAIN, text.to_string())]);
    }

    /// The same with text of several pieces.
    pub fn hanging(&mut self, lead: &[Span], rest: &[Span]) {
        let spans = safe(&[lead, rest].concat());
        let start = joined(&spans[..lead.len()]).len();
        self.flow(&spans, &joined(&spans), start);
    }

    /// Breaks a text from `start` on between words, so that it fits the terminal. A word that is too long, such as a path, stays
    /// whole.
    fn flow(&mut self, spans: &[Span], text: &str, start: usize) {
        let indent = text[..start].width();
        let room = self.width.map_or(f64::MAX, |width| width.saturating_sub(indent).max(NARROW) as f64);
        let words: Vec<Word> = WordSeparator::AsciiSpace.find_words(&text[start..]).collect();
        let mut end = start;
        for (at, line) in wrap_first_fit(&words, &[room]).into_iter().enumerate() {
            let (begin, gap) = if at == 0 { (0, 0) } else { (end, indent) };
            end += line.iter().map(|word| word.len() + word.whitespace.len()).sum::<usize>();
            let shown = if end < text.len() { text[..end].trim_end().len() } else { end };
            self.out.push_str(&" ".repeat(gap));
            self.pieces(spans, begin..shown.max(begin));
            self.out.push('\n');
        }
    }

    /// The part of a line that lies in a range of its bytes.
    fn pieces(&mut self, spans: &[Span], range: Range<usize>) {
        let mut begin = 0;
        for (style, text) in spans {
            let (from, to) =
                (range.start.max(begin) - begin, range.end.clamp(begin, begin + text.len()) - begin);
            if from < to {
                let ansi = if self.colour { *style } else { PLAIN };
                self.out.push_str(&format!("{ansi}{}{ansi:#}", &text[from..to]));
            }
            begin += text.len();
        }
    }

    /// An empty line, unless the page is empty.
    pub fn gap(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    /// Rows in columns: a name, `figures` right-aligned figures, and text. On a terminal, the last column wraps, or moves
    /// below its row if there is too little room.
    pub fn columns(&mut self, rows: &[Vec<String>], figures: usize) {
        let count = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|t| t.width()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..count).map(width).collect();
        let last = count.saturating_sub(1);
        let before: usize = widths[..last].iter().map(|w| w + 2).sum();
        let below = self.width.is_some_and(|w| before + NARROW > w && before + widths[last] > w);
        for row in rows {
            let mut lead = String::new();
            for (c, text) in row.iter().enumerate() {
                let missing = " ".repeat(widths[c] - text.width());
                lead += &match c {
                    _ if (1..=figures).contains(&c) => format!("{missing}{text}  "),
                    _ if c < last => format!("{text}{missing}  "),
                    _ => break,
                };
            }
            match row.get(last).filter(|text| last > figures && !text.is_empty()) {
                None => self.line(lead.trim_end()),
                Some(text) if below => {
                    self.line(lead.trim_end());
                    self.folded(&[(PLAIN, " ".repeat(4))], text);
                }
                Some(text) => self.folded(&[(PLAIN, lead)], text),
            }
        }
    }

    pub fn finish(self) -> String {
        self.out
    }
}

/// Pieces without characters that a terminal would act on.
fn safe(spans: &[Span]) -> Vec<Span> {
    spans.iter().map(|(style, text)| (*style, sanitize(text))).collect()
}

fn joined(spans: &[Span]) -> String {
    spans.iter().map(|(_, text)| text.as_str()).collect()
}

impl Default for Page {
    fn default() -> Page {
        Page::new()
    }
}

/// The width of the terminal, where standard output is one and reports it.
fn width() -> Option<usize> {
    let known = || terminal_size::terminal_size().map(|(columns, _)| usize::from(columns.0));
    std::io::stdout().is_terminal().then(known).flatten().filter(|columns| *columns > 0)
}

/// Whether standard output is a terminal with colours, and `NO_COLOR` is not set.
pub fn colour() -> bool {
    anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
}

/// A size for people.
pub fn size(bytes: u64) -> String {
    let b = bytes as f64;
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} kB", b / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", b / 1e6),
        _ => format!("{:.2} GB", b / 1e9),
    }
}

/// The time since a moment in µs since 1970.
pub fn ago(time_us: u64) -> String {
    let now = (kache_core::platform::now_ns() / 1000) as u64;
    format!("{} ago", duration(now.saturating_sub(time_us) as i64))
}

/// The first 16 digits of a digest, which identify it; any other text unchanged.
pub fn short(value: &str) -> &str {
    if value.len() == 64 && value.bytes().all(|b| b.is_ascii_hexdigit()) { &value[..16] } else { value }
}

/// The first 300 characters of a longer text.
pub fn cut(text: &str) -> String {
    let start: String = text.chars().take(300).collect();
    if start.len() < text.len() { start + "…" } else { start }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        let mut page = Page { out: String::new(), colour: true, width: None };
        page.spans(&[(RED, "a\x1b[2J\nb\u{9b}31m\u{202e}".to_string())]);
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
    fn columns_line_up_by_the_width_that_a_terminal_gives_them() {
        let rows = |texts: &[&str]| texts.iter().map(|t| vec![t.to_string(), "x".into()]).collect::<Vec<_>>();
        let mut page = Page { out: String::new(), colour: false, width: None };
        // A combining accent has no width, and a CJK character has two columns.
        page.columns(&rows(&["e\u{301}", "日本", "abcd"]), 0);
        assert_eq!(page.finish(), "e\u{301}     x\n日本  x\nabcd  x\n");
        let mut page = Page { out: String::new(), colour: false, width: None };
        page.columns(
            &rows(&["a", "b"]).into_iter().chain([vec!["c".into(), "日".into()]]).collect::<Vec<_>>(),
            1,
        );
        assert_eq!(page.finish(), "a   x\nb   x\nc  日\n");
    }

    #[test]
    fn text_wraps_by_the_width_that_a_terminal_gives_it() {
        let mut page = Page { out: String::new(), colour: false, width: Some(32) };
        page.folded(&[(PLAIN, "日 ".to_string())], "日本語日本語日本語 日本語日本語 e\u{301}e\u{301}");
        assert_eq!(page.finish(), "日 日本語日本語日本語\n   日本語日本語 e\u{301}e\u{301}\n");
    }

    #[test]
    fn a_line_goes_on_below_its_start_in_its_styles() {
        let mut page = Page { out: String::new(), colour: true, width: Some(34) };
        page.spans(&[(PLAIN, "  input ".to_string()), (RED, "日本語 differs in these words".to_string())]);
        assert_eq!(page.finish(), "  input \x1b[31m日本語 differs in these\x1b[0m\n  \x1b[31mwords\x1b[0m\n");
        let mut page = Page { out: String::new(), colour: false, width: Some(34) };
        page.line("    /a/path/that/is/longer/than/the/terminal is wide");
        page.line("");
        page.line("  ");
        assert_eq!(page.finish(), "    /a/path/that/is/longer/than/the/terminal\n    is wide\n\n  \n");
    }

    #[test]
    fn wide_text_wraps_in_its_column_or_below_its_row() {
        let rows = [vec!["a".to_string(), "some words that do not fit into forty columns".to_string()]];
        let mut page = Page { out: String::new(), colour: false, width: Some(40) };
        page.columns(&rows, 0);
        assert_eq!(page.finish(), "a  some words that do not fit into forty\n   columns\n");
        let mut page = Page { out: String::new(), colour: false, width: Some(30) };
        page.columns(&rows, 0);
        assert_eq!(page.finish(), "a\n    some words that do not fit\n    into forty columns\n");
    }
}
