//! The harness that proves kache.
fn main() {}
