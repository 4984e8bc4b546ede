//! Lists a shelf.

fn main() {
    let mut shelf = shelf::Shelf::default();
    for line in shelf.put("An example", 2024).lines() {
        println!("{line}");
    }
}
