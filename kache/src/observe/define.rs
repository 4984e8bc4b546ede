//! The proof that a macro given on the command line is not used.
//!
//! Build systems give every unit of a library the paths that one of them pastes into the program
//! (`-DENGINESDIR="/home/u/p/target/…"`). In the action key such a macro is there by its name; its value is an
//! observation (`define`), and that is left out where nothing that was read can have used it. Three things could:
//!
//! 1. The name stands in a source, in whatever place: a comment counts as a use. Lines that go on behind a backslash are
//!    joined first, since a name may be broken there.
//! 2. The name is pasted together (`ENGINES ## DIR`). What is pasted first is an identifier with which the name begins, and it
//!    stands in a source as a word of its own; whether anything is pasted at all is not asked.
//! 3. Text that is not in the sources: a precompiled header, debug information with macros, another character set.
//!    Where there is any, nothing is proved.

use crate::compiler::Invocation;
use crate::compiler::flags::Flag;
use crate::template::contains;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Whether the flags leave room for a proof.
pub fn provable(invocation: &Invocation) -> bool {
    let tells_macros = |f: &Flag| f.row.flag.starts_with("-g") && f.row.flag.ends_with('3');
    let odd = ["-finput-charset=", "-include-pch", "-Xclang", "-Xpreprocessor", "-fdebug-macro", "-A"];
    !invocation.plugin
        && !invocation
            .flags
            .iter()
            .any(|f| tells_macros(f) || odd.contains(&f.row.flag) || f.row.flag.starts_with("-Wp,"))
}

/// The text of a file, or as much of it as tells that it is a program.
pub fn text(path: &Path) -> Option<Vec<u8>> {
    let mut file = File::open(path).ok()?;
    let mut text = vec![0; ELF.len()];
    let n = file.read(&mut text).ok()?;
    text.truncate(n);
    if text != ELF {
        file.read_to_end(&mut text).ok()?;
    }
    Some(text)
}

const ELF: &[u8] = b"\x7fELF";

/// Whether no text can have used the macro; `texts` is everything that was read, and the values of other macros.
pub fn is_unused<'a>(name: &str, mut texts: impl Iterator<Item = &'a [u8]>) -> bool {
    texts.all(|text| {
        if text.starts_with(ELF) {
            return true;
        }
        let compiled = [&b"gpch"[..], b"CPCH", b"\xff\xfe", b"\xfe\xff"];
        !compiled.iter().any(|magic| text.starts_with(magic)) && !mentions(&joined(text), name.as_bytes())
    })
}

/// Whether the name is in the text, or a word of it is one that the name begins with.
fn mentions(text: &[u8], name: &[u8]) -> bool {
    let part = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'$' || *b >= 0x80;
    let mut rest = text;
    while let Some(start) = rest.iter().position(part) {
        let word = &rest[start..];
        let len = word.iter().position(|b| !part(b)).unwrap_or(word.len());
        let (word, behind) = word.split_at(len);
        if name.starts_with(word) || contains(word, name) {
            return true;
        }
        rest = behind;
    }
    false
}

/// The text with lines that go on joined: a backslash (or its trigraph), and blanks, before the end of the line.
fn joined(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|b| *b == b'\n') {
        let bare = line.trim_ascii_end();
        match bare.strip_suffix(b"\\").or_else(|| bare.strip_suffix(b"??/")) {
            Some(goes_on) => out.extend(goes_on),
            None => out.extend(line),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unused(name: &str, text: &str) -> bool {
        is_unused(name, [text.as_bytes()].into_iter())
    }

    #[test]
    fn a_name_is_used_wherever_it_stands() {
        for text in [
            "x = LIBDIR;",
            "/* LIBDIR */",
            "\"LIBDIR\"",
            "LIB\\\nDIR",
            "LIB\\  \r\nDIR",
            "LIB??/\nDIR",
            "xLIBDIRx",
            "#ifdef LIBDIR",
        ] {
            assert!(!unused("LIBDIR", text), "{text}");
        }
        assert!(unused("LIBDIR", "int libdir; /* LIB_DIR */ IDIR"));
    }

    #[test]
    fn or_could_be_pasted_together() {
        assert!(!unused("LIBDIR", "CAT(LIB, x)") && !unused("LIBDIR", "L"));
        // What it ends with is pasted behind something, and that is not there.
        assert!(unused("LIBDIR", "CAT(x, DIR) LIBS"));
    }

    #[test]
    fn nothing_is_proved_of_what_is_no_text() {
        assert!(unused("LIBDIR", "\x7fELF LIBDIR"));
        assert!(!unused("LIBDIR", "gpch.014") && !unused("LIBDIR", "CPCH"));
        assert!(!is_unused("LIBDIR", [&b"\xff\xfeL\0"[..]].into_iter()));
    }
}
