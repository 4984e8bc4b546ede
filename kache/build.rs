//! Links the program where the flag tables want it.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // The flag tables hold some thousand addresses. In a program that may lie anywhere in memory each is put right at
        // every start: a sixth of what a passthrough costs.
        println!("cargo::rustc-link-arg-bin=kache=-no-pie");
    }
}
