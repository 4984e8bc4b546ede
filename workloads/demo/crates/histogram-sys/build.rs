//! Compiles the C++ code and the assembler file. Nothing is mapped out of their debug information here, and one source
//! is named by its absolute path, as many build scripts name theirs: what `__FILE__` says is then the cache's affair.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=csrc");
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("OUT_DIR"));
    std::fs::write(out.join("limits.hpp"), "#pragma once\n\nconstexpr int BUCKETS = 16;\n")
        .expect("write the generated header");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .files(["csrc/histogram.cpp", "csrc/interface.cpp"])
        .file(here.join("csrc/report.cpp"))
        .include("csrc")
        .include(&out)
        .compile("demo_histogram");
    cc::Build::new().file("csrc/seed.S").include("csrc").compile("demo_seed");
}
