//! The kache binary.
fn main() {}
