//! Compiles snippets to see what works, as many crates do: those compiles are no units of the build.

fn main() {
    println!("cargo:rustc-check-cfg=cfg(has_ilog2)");
    println!("cargo:rustc-check-cfg=cfg(has_nonsense)");
    let compiler = autocfg::new();
    compiler.emit_expression_cfg("1u32.ilog2()", "has_ilog2");
    // Meant to fail.
    compiler.emit_expression_cfg("1u32.nonsense()", "has_nonsense");
    autocfg::rerun_path("build.rs");
}
