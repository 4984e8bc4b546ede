//! The shelf itself.

use crate::Book;

/// Books in the order in which they were put there.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    books: Vec<Book>,
}

impl Shelf {
    /// Puts a book at the end.
    pub fn put(&mut self, title: &str, year: u32) -> &mut Shelf {
        self.books.push(Book { title: title.to_owned(), year });
        self
    }

    /// A line a book.
    pub fn lines(&self) -> Vec<String> {
        self.books.iter().map(Book::line).collect()
    }

    /// Those that appeared in a prime year.
    pub fn prime(&self) -> impl Iterator<Item = &Book> {
        self.books.iter().filter(|book| generated::is_prime(book.year % 1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order() {
        let mut shelf = Shelf::default();
        shelf.put("B", 1997).put("A", 1998);
        assert_eq!(shelf.lines(), ["B (1997)", "A (1998)"]);
        assert_eq!(shelf.prime().count(), 1);
    }
}
