//! Sources that a build system generates and that include others by their full paths (Firefox's unified sources).
//!
//! Only the text of such a file contains the checkout's path: the included files are dependencies by portable paths, and
//! `__FILE__` and debug information have the path mapped. So the contents count with roots by their names (`source`), if
//! each path is in a place where it can only locate a file or stop the compile:
//!
//! 1. Each line that names a root is an `#include "…"` or an `#error`, whole.
//! 2. Nothing in the file joins lines or changes their meaning: no backslash at the end of a line (nor its trigraph), no
//!    block comment, no raw string.
//!
//! Any other file counts literally.

use kache_core::paths::Roots;

/// The text with roots by their names; `None` if a root is named in another place, or no root is named.
pub fn portable(text: &[u8], roots: &Roots) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok().filter(|text| !text.contains('\0'))?;
    if !roots.within(text) || ["/*", "R\"", "\\\n", "\\\r", "??/"].iter().any(|odd| text.contains(odd)) {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        if roots.within(line) {
            out.extend(located(line, roots)?);
        } else {
            out.extend(line.as_bytes());
        }
    }
    Some(out)
}

/// A line whose paths only locate, with a NUL and the root's name for the root. No other text contains a NUL.
fn located(line: &str, roots: &Roots) -> Option<Vec<u8>> {
    let directive = line.trim_start().strip_prefix('#')?.trim_start();
    let (word, quoted) = directive.split_once('"')?;
    if !["include", "error"].contains(&word.trim_end()) {
        return None;
    }
    let (inside, after) = quoted.split_once('"')?;
    let end = inside.find(' ').filter(|_| word.starts_with("error")).unwrap_or(inside.len());
    let (path, words) = inside.split_at(end);
    let named = roots.portable(path.as_bytes());
    let plain = after.trim().is_empty() && !roots.within(words) && named != path.as_bytes();
    // `__FILE__` would show what normalising removes (`//`, `/./`).
    let whole = roots.local(&named).is_some_and(|p| p.as_os_str() == path);
    (plain && whole).then(|| {
        let before = &line[..line.len() - quoted.len()];
        [before.as_bytes(), &[0], &named, words.as_bytes(), b"\"", after.as_bytes()].concat()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(place: &str, text: &str) -> Option<Vec<u8>> {
        let mut roots = Roots::default();
        roots.add("workspace", place.into(), Some("."));
        portable(text.replace('@', place).as_bytes(), &roots)
    }

    // The paths are spelled as Unix does.
    #[cfg(unix)]
    #[test]
    fn paths_that_only_locate_are_the_same_in_every_checkout() {
        let unified = "#define U\n#include \"@/a.cpp\"\n#ifdef X\n#error \"@/a.cpp uses X\"\n#endif\n";
        assert!(at("/w/a", unified).is_some());
        assert_eq!(at("/w/a", unified), at("/elsewhere/b", unified));
        assert_ne!(at("/w/a", unified), at("/w/a", &unified.replace("/a.cpp", "/b.cpp")));
    }

    #[test]
    fn any_other_path_counts_to_the_byte() {
        for text in [
            "const char *p = \"@/a.cpp\";\n",
            "#include \"@/a.cpp\"\nconst char *p = \"@\";\n",
            "#include \"@/a.cpp\" int x;\n",
            "#include \"@//a.cpp\"\n",
            "#define P \"@/a.cpp\"\n",
            "auto s = R\"(\n#include \"@/a.cpp\"\n)\";\n",
            "#define X \\\n#include \"@/a.cpp\"\n",
            "/*\n#include \"@/a.cpp\"\n*/\n",
            "int x;\n",
        ] {
            assert_eq!(at("/w/a", text), None, "{text}");
        }
    }
}
