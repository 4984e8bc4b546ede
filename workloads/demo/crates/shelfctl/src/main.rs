//! Prints a shelf and where it was printed from.

mod args;

use shelf::{Shelf, fingerprint};

fn main() {
    let mut shelf = Shelf::default();
    for (title, year) in args::books(std::env::args().skip(1)) {
        shelf.put(&title, year);
    }
    println!("{}", assets::greeting());
    for line in shelf.lines() {
        println!("{line}");
    }
    println!("{:016x} {}", fingerprint(&shelf), archive::demo_archive_log2(shelf.lines().len() as u32));
    eprintln!("{} {} at {}:{}", env!("CARGO_BIN_NAME"), env!("CARGO_PKG_VERSION"), file!(), line!());
}
