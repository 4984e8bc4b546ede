//! Types whose code two procedural macros write.

use macros::Describe;
use serde::{Deserialize, Serialize};

/// A book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Describe)]
pub struct Book {
    /// What it is called.
    pub title: String,
    /// When it appeared.
    pub year: u32,
}

/// The first ten squares.
pub const SQUARES: [u64; 10] = macros::squares!(10);

impl Book {
    /// `title (year)`.
    pub fn line(&self) -> String {
        let mut year = itoa::Buffer::new();
        format!("{} ({})", self.title, year.format(self.year))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_wrote_code() {
        assert_eq!(Book::describe(), ("Book", &["title", "year"][..]));
        assert_eq!(SQUARES[9], 81);
    }
}
