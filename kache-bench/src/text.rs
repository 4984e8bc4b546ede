//! Text formatting that several commands share.

pub use kache_core::printable::count;

/// The first `most` names, and the number of the others.
pub fn list(names: &[String], most: usize) -> String {
    let shown = names[..names.len().min(most)].join(", ");
    let more = names.len().saturating_sub(most);
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// The text that a function writes.
pub fn written(write: impl FnOnce(&mut String) -> std::fmt::Result) -> String {
    let mut out = String::new();
    write(&mut out).expect("writing to a String cannot fail");
    out
}

/// A table for a terminal and for Markdown. A row with fewer cells than the head is a heading within the table.
pub struct Table(Vec<Vec<String>>);

impl Table {
    pub fn new<C: Into<String>>(head: impl IntoIterator<Item = C>) -> Table {
        Table(vec![head.into_iter().map(Into::into).collect()])
    }

    pub fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.0.push(cells.into_iter().map(Into::into).collect());
    }

    pub fn has_rows(&self) -> bool {
        self.0.len() > 1
    }

    pub fn text(&self) -> String {
        let whole = || self.0.iter().filter(|row| row.len() == self.0[0].len());
        let width = |column: usize| whole().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<_> = (0..self.0[0].len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        };
        self.0.iter().map(line).collect()
    }

    /// `escape` turns a cell into Markdown.
    pub fn markdown(&self, escape: impl Fn(&str) -> String) -> String {
        let columns = self.0[0].len();
        let line = |row: &Vec<String>| {
            let cells: Vec<_> = row.iter().map(|cell| escape(cell)).collect();
            format!("| {} |{}\n", cells.join(" | "), " |".repeat(columns - row.len()))
        };
        let mut lines: Vec<_> = self.0.iter().map(line).collect();
        lines[0] += &format!("|{}\n", " --- |".repeat(columns));
        lines.concat()
    }
}

/// A ratio, if there is one.
pub fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or("–".into(), |ratio| format!("{ratio:.3}"))
}

/// Formats a number of bytes.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// Escapes text for a Markdown table cell: no tag, link, emphasis, cell end or line break.
pub fn markdown_cell(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' => out.push_str("&#64;"),
            '\n' | '\r' => out.push(' '),
            '|' | '*' | '_' | '[' | ']' | '`' | '\\' | '~' | '#' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_takes_no_orders_from_names() {
        assert_eq!(markdown_cell("a|<b>\n[x](y) @z `c`"), "a\\|&lt;b&gt; \\[x\\](y) &#64;z \\`c\\`");
    }
}
