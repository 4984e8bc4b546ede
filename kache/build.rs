//! Links the program where the flag tables want it, and the unwinder into it.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CC");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // The flag tables hold some thousand addresses. In a program that may lie anywhere in memory each is put right at
        // every start: a sixth of what a passthrough costs.
        println!("cargo::rustc-link-arg-bin=kache=-no-pie");
        // Cargo starts compilers and build scripts with an LD_LIBRARY_PATH. The loader looks for each shared library in all
        // of its directories and their variants: for this one in some 70 places, at every start.
        if let Some(directory) = static_unwinder() {
            println!("cargo::rustc-link-search=native={}", directory.display());
        }
    }
}

/// A directory in which the linker finds the C compiler's unwinder as a static library under the name of the shared one.
/// `None` where the compiler has none, or is another one than the target's: then the program loads the shared library.
fn static_unwinder() -> Option<PathBuf> {
    let variable = |name: &str| env::var(name).ok();
    if variable("TARGET")? != variable("HOST")? || variable("CARGO_CFG_TARGET_ENV")? != "gnu" {
        return None;
    }
    let compiler = variable("CC").unwrap_or_else(|| "cc".to_string());
    let asked = Command::new(compiler).arg("-print-file-name=libgcc_eh.a").output().ok()?;
    let library = PathBuf::from(String::from_utf8(asked.stdout).ok()?.trim());
    let directory = PathBuf::from(variable("OUT_DIR")?);
    let copy = directory.join("libgcc_s.a");
    // A copy onto a link would write to where the link leads.
    let _ = std::fs::remove_file(&copy);
    (library.is_absolute() && std::fs::copy(library, copy).is_ok()).then_some(directory)
}
