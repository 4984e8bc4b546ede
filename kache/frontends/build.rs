//! Tells the sources which platform they are built for.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=KACHE_HOST_TRIPLE={}", env::var("TARGET").expect("cargo sets TARGET"));
}
