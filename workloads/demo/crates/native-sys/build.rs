//! Compiles the C code. The checkout's path is mapped out of its debug information, as distributions do.

fn main() {
    println!("cargo:rerun-if-changed=csrc");
    let here = std::env::var("CARGO_MANIFEST_DIR").expect("CARGO_MANIFEST_DIR");
    cc::Build::new()
        .files(["csrc/adler.c", "csrc/reverse.c"])
        .include("csrc")
        .flag_if_supported(format!("-ffile-prefix-map={here}=native-sys"))
        .compile("demo_native");
}
