//! Whether a compile may have made use of a path as kache's arguments map it.
//!
//! A source can take its own path from the compiler and name a file by it (`#include __FILE__`, `.incbin __FILE__`,
//! `include_str!(file!())`), or make the compile depend on its text (`static_assert(sizeof(__FILE__) > 9)`). A look at a
//! mapped path that no other file has is seen by the engine. This module judges the rest: a look at a relative path that may
//! be a mapped one, and a compile that failed. Either may have to do with a map only if something that was read can take a
//! path from the compiler; else a failed compile, of which configure scripts have many, would run twice for nothing.

use crate::compile_plan::CompilePlan;
use crate::define::{self, Search, Use};
use crate::invocation::Invocation;
use kache_core::frontend::{Completed, Looked};
use kache_core::observe::log::Log;
use kache_core::observe::trace::{EventKind, flag};
use kache_core::platform;
use kache_core::template::contains;
use std::collections::BTreeSet;
use std::path::Path;

/// What gives a C source a path. All begin with names of the language: none can be defined by a source.
const TELL_PATH: &[&str] =
    &["__FILE__", "__BASE_FILE__", "__FILE_NAME__", "__builtin_FILE", "source_location"];

/// What gives a Rust source a path.
const TELL_PATH_OF_RUST: &[&str] = &["file!", "Location"];

/// The header of the C library that everything includes: its `__FILE__` is an argument of a function, in no constant.
const ASSERT: &str = "/usr/include/assert.h";

/// See [`kache_core::frontend::Plan::may_use_mapped_paths`].
pub fn may_use(plan: &CompilePlan, completed: &Completed, log: Option<&Log>, looked: Looked) -> bool {
    let succeeded = completed.ran.status.success();
    let is_rust = plan.invocation.language.is_rust();
    let Some(log) = log else { return !succeeded };
    // The object for build scripts may not fit what the linker makes.
    if !succeeded && plan.starter.is_some() && contains(&completed.ran.stderr, b"linking with") {
        return true;
    }
    // No `-I./include` leads to a mapped path as it is, with its `./`. Sources can hide that they name a file from any reader
    // but the compiler: `#include/**/SELF`, `%:include SELF`, `asm(".inc" "bin …")`.
    if looked == Looked::AtMapped {
        return true;
    }
    // rustc looks for files by the paths that it gives, to the byte.
    if is_rust && succeeded {
        return false;
    }
    // The compiler complains of a map, or shows one.
    if !succeeded && ["prefix-map", "/kache/"].iter().any(|s| contains(&completed.ran.stderr, s.as_bytes())) {
        return true;
    }
    let tell = if is_rust { TELL_PATH_OF_RUST } else { TELL_PATH };
    let mut tells: Vec<Search> = tell.iter().map(|name| Search::of(name)).collect();
    let mut names_files = !succeeded;
    let values = plan.invocation.flags.iter().filter_map(|f| f.value.as_deref());
    values.for_each(|value| define::read(&mut tells, value.as_bytes()));
    for path in files_read(log).iter().filter(|path| **path != ASSERT.as_bytes()) {
        let path = Path::new(platform::os_str(path));
        // What rustc itself takes from its installation: the standard library takes no path for a crate.
        if is_rust && path.starts_with(&plan.toolchain.sysroot) {
            continue;
        }
        let Some(text) = define::text(path) else { continue };
        define::read(&mut tells, &text);
        names_files |= names_file(&text);
    }
    names_files && tells.iter().any(|search| search.found() != Use::None)
}

/// Removes the incremental state of a crate that had none before the run. State that was there stays.
pub fn forget_state(invocation: &Invocation, log: &Log) {
    let Some(dir) = invocation.incremental.as_ref().and_then(|dir| dir.canonicalize().ok()) else { return };
    let made = log.records().filter(|e| e.kind == EventKind::Mkdir && e.errno == 0);
    for path in made.filter_map(|e| Path::new(platform::os_str(e.path)).canonicalize().ok()) {
        if path.parent() == Some(&dir) {
            // What cannot be removed makes the result of the next run unstorable, and no more.
            let _ = platform::remove_dir_all(&path);
        }
    }
}

/// Whether a C source can name a file other than by a string of its own.
fn names_file(text: &[u8]) -> bool {
    const DIRECTIVES: &[&[u8]] = &[
        b"include",
        b"include_next",
        b"import",
        b"embed",
        b"__has_include",
        b"__has_include_next",
        b"__has_embed",
    ];
    let has = |word: &str| contains(text, word.as_bytes());
    // In a raw string, what looks like the beginning of a comment is none. Trigraphs are other spellings.
    let hides = has("R\"") || has("??/") || has("??=");
    if has("incbin") || has(".include") || hides || has("GCC") && has("dependency") {
        return true;
    }
    let text = without_comments(&define::joined(text));
    let part = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    text.split(|b| *b == b'\n').any(|line| {
        let line = line.trim_ascii_start();
        let Some(hash) = line.strip_prefix(b"#").or_else(|| line.strip_prefix(b"%:")) else { return false };
        DIRECTIVES.iter().any(|directive| {
            let mut at = 0;
            while let Some(found) = hash[at..].windows(directive.len()).position(|w| w == *directive) {
                at += found + directive.len();
                let rest = hash[at..].trim_ascii_start();
                let rest = rest.strip_prefix(b"(").unwrap_or(rest).trim_ascii_start();
                if rest.first().is_none_or(|b| part(b) || *b == b'\\') && !hash.get(at).is_some_and(part) {
                    return true;
                }
            }
            false
        })
    })
}

/// A text of joined lines with a blank in the place of each comment.
fn without_comments(text: &[u8]) -> Vec<u8> {
    let (mut plain, mut rest, mut quote) = (Vec::with_capacity(text.len()), text, None);
    while let Some((&byte, after)) = rest.split_first() {
        rest = match (quote, rest) {
            (None, [b'/', b'*', inside @ ..]) => {
                plain.push(b' ');
                inside.windows(2).position(|w| w == b"*/").map_or(&[], |end| &inside[end + 2..])
            }
            (None, [b'/', b'/', inside @ ..]) => {
                plain.push(b' ');
                inside.iter().position(|b| *b == b'\n').map_or(&[], |end| &inside[end..])
            }
            (Some(_), [b'\\', escaped, after @ ..]) => {
                plain.extend([b'\\', *escaped]);
                after
            }
            _ => {
                quote = match (quote, byte) {
                    (None, b'"' | b'\'') => Some(byte),
                    // A literal ends with its line at the latest. A quote that is not closed is an apostrophe, or it
                    // separates the digits of a number.
                    (Some(open), _) if byte == open || byte == b'\n' => None,
                    _ => quote,
                };
                plain.push(byte);
                after
            }
        };
    }
    plain
}

/// The files that were opened to be read.
fn files_read(log: &Log) -> BTreeSet<&[u8]> {
    let reads =
        log.records().filter(|e| e.kind == EventKind::Read && e.errno == 0 && e.flags & flag::DIRECTORY == 0);
    reads.map(|e| e.path).filter(|path| Path::new(platform::os_str(path)).is_file()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_string_may_be_any_file() {
        for text in [
            "#include SELF",
            "# include\tSELF",
            "#if __has_include(SELF)",
            "#if defined X && __has_include ( SELF )",
            "#embed DATA",
            "asm(\".incbin \\\"x\\\"\");",
            "#include \\\nSELF",
            "PRAGMA(GCC dependency SELF)",
            "#include /* c */ SELF",
            "#include/**/SELF",
            "# /* c\n */ include SELF",
            "/**/#include SELF",
            "%:include SELF",
            "#inc\\ \nlude SELF",
            "#error don't\n#include SELF",
            "char c = '\"'; /* \" */\n#include SELF",
            "int n = 1'000; /* ' */\n#include SELF",
            "char *s = \"\\\"/*\";\n#include SELF",
            "char *s = R\"(/*)\";\n#include SELF",
        ] {
            assert!(names_file(text.as_bytes()), "{text}");
        }
        for text in [
            "#include <a.h>",
            "#include \"a.h\"",
            "int include = x;",
            "#define X __FILE__",
            "#include_next <a.h>",
        ] {
            assert!(!names_file(text.as_bytes()), "{text}");
        }
    }
}
