//! From outside.

use shelf::{Shelf, fingerprint};

#[test]
fn depends_on_the_books() {
    let mut shelf = Shelf::default();
    let empty = fingerprint(&shelf);
    shelf.put("A", 1999);
    assert_ne!(fingerprint(&shelf), empty);
}
