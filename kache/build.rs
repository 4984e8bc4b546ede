//! Builds the Linux observer, the preload object that `observe` embeds.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
