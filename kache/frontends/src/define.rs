//! The proof that a macro given on the command line is not used.
//!
//! Build systems give every unit of a library the paths that one unit pastes into the program
//! (`-DENGINESDIR="/home/u/p/target/…"`). The action key contains the name of such a macro; the value is a dependency
//! (`define`), which is dropped if nothing that was read can have used the macro. A macro can be used in three ways:
//!
//! 1. A source contains the name, in any place: a comment counts as a use. Lines that a backslash continues are joined first,
//!    since a name may be split there.
//! 2. The name is pasted together (`ENGINES ## DIR`). Each piece is then a word of a source or of a predefined macro, and the
//!    pieces form the whole name. Whether a source pastes at all is not examined. Single letters are words of most C++
//!    programs.
//! 3. The name is in text outside the sources: a precompiled header, debug information with macros, another character set.
//!    With any such text there is no proof.
//!
//! If 1 or 2 is possible, gcc preprocesses once more and reports the macros that it expanded or tested (`-dU`). clang has no
//! such flag.

use crate::flags::Flags;
use crate::gnu;
use crate::invocation::Invocation;
use kache_core::platform;
use kache_core::template::contains;
use std::collections::BTreeSet;
use std::ffi::OsString;

use std::io::Read;
use std::path::Path;
use std::process::Command;

/// Whether the flags leave room for a proof.
pub fn provable(invocation: &Invocation) -> bool {
    !invocation.plugin && !Flags(&invocation.flags).any(|e| e.unprovable_macros)
}

/// The text of a file, or only its beginning if the file is a program or an archive of objects.
pub fn text(path: &Path) -> Option<Vec<u8>> {
    let mut file = platform::open_regular(path).ok()?;
    let mut text = vec![0; ARCHIVE.len()];
    let n = file.read(&mut text).ok()?;
    text.truncate(n);
    if !text.starts_with(ELF) && text != ARCHIVE {
        file.read_to_end(&mut text).ok()?;
    }
    Some(text)
}

const ELF: &[u8] = b"\x7fELF";
const ARCHIVE: &[u8] = b"!<arch>\n";

/// How a text may use a macro, the weakest way first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    None,
    /// By a name that is pasted together.
    Pasted,
    /// By its name.
    Named,
    /// In a way that words do not show.
    Untold,
}

/// The search for one macro in everything that was read and in the values of other macros.
pub struct Search<'a> {
    name: &'a [u8],
    named: bool,
    untold: bool,
    /// Words that were read and that are parts of the name.
    pieces: BTreeSet<Vec<u8>>,
}

/// The words of predefined macros, besides numbers: `#define __INT64_C(c) c ## L`. (All of `-dM` of gcc 12, clang 14
/// and 19 for several languages and processors.)
const PREDEFINED: &str = "\
    DD DF DL F F128 F16 F32 F32x F64 F64x L LL U UL ULL W Q address_space c char double extern f int l \
    linux long q short signed u unix unsigned w";

impl<'a> Search<'a> {
    /// `name` consists of letters, digits and `_`.
    pub fn of(name: &'a str) -> Search<'a> {
        Search { name: name.as_bytes(), named: false, untold: false, pieces: BTreeSet::new() }
    }

    /// How the text read so far may use the macro.
    pub fn found(&self) -> Use {
        match (self.untold, self.named) {
            (true, _) => Use::Untold,
            (_, true) => Use::Named,
            _ if self.is_pasted() => Use::Pasted,
            _ => Use::None,
        }
    }

    /// Whether the name can be formed from words, the first of which is not a number.
    fn is_pasted(&self) -> bool {
        let reached =
            |from: &Vec<bool>, to: usize| (0..to).any(|at| from[at] && self.is_piece(&self.name[at..to]));
        let mut can = vec![true];
        for to in 1..=self.name.len() {
            let can_be = reached(&can, to);
            can.push(can_be);
        }
        can[self.name.len()]
    }

    fn is_piece(&self, word: &[u8]) -> bool {
        word[0].is_ascii_digit()
            || self.pieces.contains(word)
            || PREDEFINED.split(' ').any(|known| known.as_bytes() == word)
    }
}

/// Searches a text for all macros.
pub fn read(searches: &mut [Search], text: &[u8]) {
    if text.starts_with(ELF) {
        return;
    }
    if is_compiled(text) {
        searches.iter_mut().for_each(|search| search.untold = true);
        return;
    }
    let text = joined(text);
    for search in searches.iter_mut() {
        search.named |= contains(&text, search.name);
    }
    let longest = searches.iter().map(|search| search.name.len()).max().unwrap_or(0);
    let mut rest = &text[..];
    while let Some(start) = rest.iter().position(is_part) {
        let word = &rest[start..];
        let len = word.iter().position(|b| !is_part(b)).unwrap_or(word.len());
        let (word, after) = word.split_at(len);
        for search in searches.iter_mut().filter(|_| len <= longest) {
            if contains(search.name, word) && !search.pieces.contains(word) {
                search.pieces.insert(word.to_vec());
            }
        }
        rest = after;
    }
}

/// Whether a text shows no words: a precompiled header, or two bytes a character.
pub fn is_compiled(text: &[u8]) -> bool {
    [&b"gpch"[..], b"CPCH", b"\xff\xfe", b"\xfe\xff"].iter().any(|magic| text.starts_with(magic))
}

/// Whether a byte can be part of a word of C.
pub fn is_part(b: &u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(*b, b'_' | b'$' | 0x80..)
}

/// The macros that the compiler reports to have used in another run of its preprocessor; `None` without a report.
pub fn used(invocation: &Invocation, args: Option<Vec<OsString>>) -> Option<BTreeSet<String>> {
    let args = args?;
    let mut ask = Command::new(&invocation.program);
    let output = gnu::quiet(&mut ask).args(args).current_dir(&invocation.cwd).output().ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let macros =
        text.lines().filter_map(|l| l.strip_prefix("#define ").or_else(|| l.strip_prefix("#undef ")));
    let name = |rest: &str| rest.split([' ', '(']).next().unwrap_or_default().to_owned();
    Some(macros.map(name).collect())
}

/// The text with continued lines joined: a backslash (or its trigraph), and blanks, before the end of a line.
pub fn joined(text: &[u8]) -> Vec<u8> {
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

    fn usage(name: &str, text: &[u8]) -> Use {
        let mut search = [Search::of(name)];
        read(&mut search, text);
        search[0].found()
    }

    fn usage_in(name: &str, text: &str) -> Use {
        usage(name, text.as_bytes())
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
            assert_eq!(usage_in("LIBDIR", text), Use::Named, "{text}");
        }
        assert_eq!(usage_in("LIBDIR", "int libdir; /* LIB_DIR */ IDIR"), Use::None);
    }

    #[test]
    fn or_could_be_pasted_together() {
        assert_eq!(usage_in("LIBDIR", "CAT(LIB, x) DIR"), Use::Pasted);
        // Predefined macros contain the L.
        assert_eq!(usage_in("LIBDIR", "int I, B; x(D) IR"), Use::Pasted);
        assert_eq!(usage_in("LIB2DIR", "LIB DIR"), Use::Pasted);
        // A piece is missing.
        assert_eq!(usage_in("LIBDIR", "CAT(x, DIR) LIBS"), Use::None);
        assert_eq!(usage_in("LIBDIR", "L I B D"), Use::None);
    }

    #[test]
    fn nothing_is_proved_of_what_is_no_text() {
        assert_eq!(usage_in("LIBDIR", "\x7fELF LIBDIR"), Use::None);
        assert_eq!(usage_in("LIBDIR", "gpch.014").min(usage_in("LIBDIR", "CPCH")), Use::Untold);
        assert_eq!(usage("LIBDIR", b"\xff\xfeL\0"), Use::Untold);
    }
}
