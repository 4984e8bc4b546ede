//! Sources and manifests that several themes use.

/// A C source with the value of the macro `H` in `SAID=<…>`.
pub const SAYS: &str = "#define S2(x) #x\n#define S(x) S2(x)\nconst char said[] = \"SAID=<\" S(H) \">\";\n";

pub const UNLESS_SET: &str = "#ifndef H\n#define H none\n#endif\n";

/// A library that says which `--cfg` is given, `a` or `b`.
pub const CFG: &str =
    "#[cfg(a)]\npub static SAID: &str = \"SAID=<a>\";\n#[cfg(b)]\npub static SAID: &str = \"SAID=<b>\";\n";

/// [`SAYS`] after lines that define `H`.
pub fn with(head: &str) -> String {
    format!("{head}{SAYS}")
}

/// A manifest of a package.
pub fn package(name: &str, more: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2021\"\n{more}")
}
