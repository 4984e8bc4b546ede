//! Builds the Linux observer, the preload object that `observe` embeds, and sorts the table of the C library's symbols.
//!
//! The `cc` crate only finds the compiler and its flags for the target: it builds archives, and what is wanted
//! here is a shared object.

use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs};

const SOURCES: &[&str] = &[
    "observer.c",
    "identity.c",
    "log.c",
    "program.c",
    "environ.c",
    "files.c",
    "changes.c",
    "polled.c",
    "process.c",
    "front.c",
    "kept.c",
    "host.c",
    "beyond.c",
    "descriptors.c",
    "lookup.c",
    "facts.c",
    "fact_files.c",
    "fact_names.c",
    "dispatch.c",
    "signals.c",
    "inherited.c",
    "others.c",
    "threads.c",
    "calls.c",
];
const HEADERS: &[&str] = &[
    "core.h",
    "environ.h",
    "identity.h",
    "log.h",
    "facts.h",
    "files.h",
    "front.h",
    "kept.h",
    "polled.h",
    "process.h",
    "dispatch.h",
    "signals.h",
    "inherited.h",
    "others.h",
    "calls.h",
    "descriptors.h",
    "jump.h",
];

const SYMBOLS: &str = "src/observe/c_library/symbols.txt";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let preload = Path::new("preload");
    for file in SOURCES.iter().chain(HEADERS) {
        println!("cargo::rerun-if-changed={}", preload.join(file).display());
    }
    println!("cargo::rerun-if-changed={SYMBOLS}");
    let dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let symbols = fs::read_to_string(SYMBOLS).expect("cannot read the table of symbols");
    fs::write(dir.join("symbols.sorted"), sorted(&symbols)).expect("cannot write to OUT_DIR");
    let out = dir.join("observer.so");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        fs::write(&out, b"").expect("cannot write to OUT_DIR");
        println!("cargo::rustc-env=KACHE_OBSERVER=none");
        return;
    }
    if let Err(trouble) = compile(preload, &out) {
        eprintln!("kache: cannot build the observer: {trouble}");
        eprintln!(
            "kache: it needs a C compiler for the target: install one (Debian: `apt-get install gcc libc6-dev`),"
        );
        eprintln!("kache: or name one in the environment variable CC");
        std::process::exit(1);
    }
    let object = fs::read(&out).expect("cannot read the observer");
    println!("cargo::rustc-env=KACHE_OBSERVER={:016x}", hash_of(&object));
}

/// What tells one object from another: the name of the file that kache unpacks the object to. kache compares the contents as well.
fn hash_of(object: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(object);
    hasher.finish()
}

fn compile(preload: &Path, out: &Path) -> Result<(), String> {
    let compiler = cc::Build::new().opt_level(1).debug(false).cargo_metadata(false).try_get_compiler();
    let mut command = compiler.map_err(|e| e.to_string())?.to_command();
    // Linked against nothing, see `observer.c`; `initfirst`: other objects' constructors read things too.
    command.args(["-shared", "-fPIC", "-O1", "-g0", "-std=gnu11", "-Wall", "-Wextra", "-fvisibility=hidden"]);
    command.args(["-fno-lto", "-fno-stack-protector", "-U_FORTIFY_SOURCE", "-nostdlib", "-s"]);
    command.args([
        "-Wl,-z,now",
        "-Wl,--hash-style=gnu",
        "-Wl,-z,initfirst",
        "-Wl,-z,noexecstack",
        "-Wl,--build-id=none",
    ]);
    match env::var("CARGO_CFG_TARGET_ARCH").as_deref() {
        Ok("x86_64") => _ = command.arg("-fcf-protection=none"),
        Ok("aarch64") => _ = command.arg("-mno-outline-atomics"),
        _ => (),
    }
    command.args(SOURCES.iter().map(|file| preload.join(file))).arg("-o").arg(out);
    let status = command.status().map_err(|e| format!("{}: {e}", command.get_program().display()))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}

/// A line for each symbol of the table, sorted: the symbol and the number of its group.
fn sorted(table: &str) -> String {
    let mut lines = Vec::new();
    let mut groups = 0;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with('[') {
            groups += 1;
            continue;
        }
        lines.extend(line.split_ascii_whitespace().map(|symbol| (symbol, groups - 1)));
    }
    lines.sort_unstable();
    lines.iter().map(|(symbol, group)| format!("{symbol} {group}\n")).collect()
}
