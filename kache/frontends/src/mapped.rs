//! Whether a compile may have made use of a path as kache's arguments map it.
//!
//! A source can take its own path from the compiler and name a file by it (`#include __FILE__`, `.incbin __FILE__`,
//! `include_str!(file!())`), or make the compile depend on its text (`static_assert(sizeof(__FILE__) > 9)`). A look at a
//! mapped path that no other file has is seen by the engine. This module judges the rest: a look at a relative path that may
//! be a mapped one, and a compile that failed. Either may have to do with a map only if something that was read can take a
//! path from the compiler, and if the compiler may know a source by an absolute path; else a failed compile, of which
//! configure scripts have many, would run twice for nothing.

use crate::compile_plan::CompilePlan;
use crate::define::{self, Search, Use};
use crate::incremental::spelling;
use crate::invocation::Invocation;
use kache_core::digest::Table;
use kache_core::eval::EvalContext;
use kache_core::frontend::{Completed, Looked};
use kache_core::named_roots::NamedRoots;
use kache_core::observe::log::Log;
use kache_core::observe::trace::{EventKind, TraceEvent, flag};
use kache_core::paths::Roots;
use kache_core::platform::{self, FileType, StatId, Stats};
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
pub fn may_use(
    plan: &CompilePlan,
    completed: &Completed,
    log: Option<&Log>,
    looked: Looked,
    cx: &EvalContext,
) -> bool {
    let roots = cx.roots;
    let succeeded = completed.ran.status.success();
    let is_rust = plan.invocation.language.is_rust();
    if plan.invocation.maps_nothing() {
        return false;
    }
    let Some(log) = log else { return !succeeded };
    // The object for build scripts may not fit what the linker makes.
    if !succeeded && plan.starter.is_some() && contains(&completed.ran.stderr, b"linking with") {
        return true;
    }
    if !succeeded && plan.respelled.is_some() && spelling::shows(&plan.invocation, &completed.ran.stderr) {
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
    // What names a file may be in the text of standard input, which is in no file and has no path.
    if succeeded && plan.invocation.stdin.is_some() {
        return true;
    }
    // The compiler complains of a map, or shows one.
    if ["prefix-map", "/kache/"].iter().any(|s| contains(&completed.ran.stderr, s.as_bytes())) {
        return true;
    }
    if succeeded && names_plainly(&plan.invocation, log, cx.table) {
        return false;
    }
    let tell = if is_rust { TELL_PATH_OF_RUST } else { TELL_PATH };
    let mut tells: Vec<Search> = tell.iter().map(|name| Search::of(name)).collect();
    let (mut named, mut named_roots) = (NamedFiles::default(), NamedRoots::of(roots));
    let is_absolute = is_rust || may_be_absolute(plan, log, roots);
    let state = plan.invocation.incremental.as_ref().and_then(|dir| dir.canonicalize().ok());
    let values: Vec<&str> = plan.invocation.flags.iter().filter_map(|f| f.value.as_deref()).collect();
    values.iter().for_each(|value| define::read(&mut tells, value.as_bytes()));
    for (path, _) in files_read(log) {
        // The standard library, in the installation, takes no path for a crate. The incremental state comes from the sources, which
        // rustc reads as well.
        let is_state = || state.as_ref().is_some_and(|state| path.starts_with(state));
        if is_rust && (path.starts_with(&plan.toolchain.sysroot) || is_state()) {
            continue;
        }
        let Some(text) = define::text(path) else { continue };
        define::read(&mut tells, &text);
        named.read(&text);
        if !is_absolute {
            named_roots.search(&text[..]);
        }
    }
    if !is_absolute && named_roots.found().is_empty() {
        return false;
    }
    let may_be_there = looked != Looked::AtSimilarElsewhere || named.next;
    (!succeeded || named.found(&values) && may_be_there)
        && tells.iter().any(|search| search.found() != Use::None)
}

/// Whether each C source that was read names files by strings of its own and in no other way, so that no file can have been
/// named by a path of the compiler's. The table of digests has the answer, so that a header is read once.
fn names_plainly(invocation: &Invocation, log: &Log, table: &Table) -> bool {
    let test = format!("names files plainly {INCLUDES:?} {ASKS:?}");
    let is_plain = |text: &[u8]| {
        let mut named = NamedFiles::default();
        named.read(text);
        named.is_plain()
    };
    files_read(log).all(|(path, seen)| {
        // No other unit would ask the table about the source itself.
        if path.ends_with(&invocation.input) {
            return define::text(path).is_some_and(|text| is_plain(&text));
        }
        table.passes_seen(path, seen, &test, is_plain).unwrap_or(false)
    })
}

/// Whether the compiler may know a source by an absolute path, which a map changes. Where each source was opened by a relative
/// path, and no argument and no text has the path of a root (`#line 1 "/home/…"`), `__FILE__` is relative everywhere: a map
/// changes the directory in the debug information, and no more. This function leaves the texts to its caller.
fn may_be_absolute(plan: &CompilePlan, log: &Log, roots: &Roots) -> bool {
    const OUTPUTS: &[&str] = &["-o", "-MF", "-MT", "-MQ"];
    const SEARCHED: &[&str] = &["CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH"];
    let mut named = NamedRoots::of(roots);
    let inputs = plan.invocation.flags.iter().filter(|flag| !OUTPUTS.contains(&flag.row.flag));
    inputs.filter_map(|flag| flag.value.as_deref()).for_each(|value| named.search(value.as_bytes()));
    named.search(plan.invocation.input.as_bytes());
    let mapped: Vec<&Path> = roots.iter().filter(|r| r.mapped.is_some()).map(|r| r.path.as_path()).collect();
    let is_absolute = |e: &TraceEvent| {
        let path = Path::new(platform::os_str(e.path));
        e.kind == EventKind::Read
            && e.errno == 0
            && e.flags & (flag::DIRECTORY | flag::READ_RELATIVE) == 0
            && mapped.iter().any(|root| path.starts_with(root))
            && path.is_file()
    };
    // A plugin may do anything, and a script in the compiler's place may add arguments.
    plan.invocation.plugin
        || plan.toolchain.by_shim
        || !named.found().is_empty()
        || SEARCHED.iter().any(|name| std::env::var_os(name).is_some())
        || log.records().any(|e| is_absolute(&e))
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

/// The directives that are followed by the name of a file.
const INCLUDES: &[&[u8]] = &[b"include", b"include_next", b"import", b"embed"];

/// The questions after a file, in conditions and in what macros stand for.
const ASKS: &[&[u8]] =
    &[b"__has_include", b"__has_include_next", b"__has_include__", b"__has_include_next__", b"__has_embed"];

/// How C sources name files other than by a string of their own.
#[derive(Default)]
struct NamedFiles {
    /// In a way that leaves open which file is meant.
    any: bool,
    /// By a directive that does not search the directory of its own file (`#include_next`).
    next: bool,
    /// The macros that directives name (`#include RUBY_EXTCONF_H`).
    by: BTreeSet<Vec<u8>>,
    /// The macros that something defines.
    defined: BTreeSet<Vec<u8>>,
    /// Something that was read may define any macro.
    defines_any: bool,
}

impl NamedFiles {
    fn read(&mut self, text: &[u8]) {
        if define::is_compiled(text) {
            self.defines_any = true;
            return;
        }
        // Compilers take a NUL and a vertical tab for blanks.
        let text: Vec<u8> =
            define::joined(text).iter().map(|b| if matches!(b, 0 | 0xb) { b' ' } else { *b }).collect();
        let has = |part: &str| contains(&text, part.as_bytes());
        let has_word = |word: &str| after_word(&text, word.as_bytes()).next().is_some();
        // In a raw string, what looks like the beginning of a comment is none. Trigraphs are other spellings. A carriage
        // return ends a line for some compilers.
        let hides = has_raw_string(&text) || has("??/") || has("??=") || has_lone_return(&text);
        self.any |= has("incbin") || has(".include") || hides || has_word("GCC") && has_word("dependency");
        // Where the directive is hidden, its name is not, but for a trigraph that joins two lines.
        let joins = has("??/\n") || has("??/\r\n");
        self.next |= hides && (has("include_next") || joins);
        let text = without_comments(&text);
        for line in text.split(|b| *b == b'\n') {
            let line = line.trim_ascii_start();
            let Some(hash) = line.strip_prefix(b"#").or_else(|| line.strip_prefix(b"%:")) else { continue };
            let directive = first_word(hash.trim_ascii_start()).unwrap_or_default();
            let includes = INCLUDES.iter().filter(|name| ***name == *directive);
            for (name, rest) in
                includes.chain(ASKS).flat_map(|name| after_word(hash, name).map(move |rest| (name, rest)))
            {
                let rest = rest.strip_prefix(b"(").unwrap_or(rest).trim_ascii_start();
                self.any |= rest.starts_with(b"\\");
                let by = first_word(rest);
                self.next |= by.is_some() && contains(name, b"next");
                self.by.extend(by);
            }
            self.defined.extend(after_word(hash, b"define").filter_map(first_word));
        }
    }

    /// Whether no file was named so, whatever other texts define.
    fn is_plain(&self) -> bool {
        !self.any && !self.next && !self.defines_any && self.by.is_empty()
    }

    /// Whether a file may have been named so; `values` are those of the command line. What a compiler defines by itself
    /// begins with `_`, or is a number.
    fn found(&self, values: &[&str]) -> bool {
        self.any
            || self.by.iter().any(|name| {
                let given = || values.iter().any(|value| contains(value.as_bytes(), name));
                self.defines_any || name.starts_with(b"_") || self.defined.contains(name) || given()
            })
    }
}

/// What follows each place of a word in a text.
fn after_word<'a>(text: &'a [u8], word: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let places = text.windows(word.len()).enumerate().filter(move |(_, part)| *part == word);
    let alone =
        places.map(move |(at, _)| (&text[..at], &text[at + word.len()..])).filter(|(before, after)| {
            !before.last().is_some_and(define::is_part) && !after.first().is_some_and(define::is_part)
        });
    alone.map(|(_, after)| after.trim_ascii_start())
}

fn first_word(text: &[u8]) -> Option<Vec<u8>> {
    let len = text.iter().position(|b| !define::is_part(b)).unwrap_or(text.len());
    Some(text[..len].to_vec()).filter(|word| !word.is_empty())
}

fn has_raw_string(text: &[u8]) -> bool {
    let quotes = text.windows(2).enumerate().filter(|(_, pair)| *pair == b"R\"");
    quotes.map(|(at, _)| &text[..at]).any(|before| {
        let start = before.iter().rposition(|b| !define::is_part(b)).map_or(0, |at| at + 1);
        matches!(&before[start..], b"" | b"L" | b"u" | b"U" | b"u8")
    })
}

fn has_lone_return(text: &[u8]) -> bool {
    text.iter().enumerate().any(|(at, b)| *b == b'\r' && text.get(at + 1) != Some(&b'\n'))
}

/// A text of joined lines with a blank in the place of each comment.
pub(crate) fn without_comments(text: &[u8]) -> Vec<u8> {
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

/// The files that were opened to be read and can take a path from the compiler.
fn files_read(log: &Log) -> impl Iterator<Item = (&Path, (FileType, StatId))> {
    let reads =
        log.records().filter(|e| e.kind == EventKind::Read && e.errno == 0 && e.flags & flag::DIRECTORY == 0);
    let paths: BTreeSet<&[u8]> = reads.map(|e| e.path).filter(|path| *path != ASSERT.as_bytes()).collect();
    let mut stats = Stats::default();
    let there = paths.into_iter().filter_map(move |path| {
        let path = Path::new(platform::os_str(path));
        Some((path, stats.of(path).ok()?))
    });
    there.filter(|(_, (sort, _))| *sort == FileType::File)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_file(texts: &[&str], values: &[&str]) -> bool {
        let mut named = NamedFiles::default();
        texts.iter().for_each(|text| named.read(text.as_bytes()));
        named.found(values)
    }

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
            "\0#include SELF",
            "#include\x0bSELF",
            "int a;\r#include SELF",
            "#if __has_include__(SELF)",
            "#include __FILE__",
            "char *s = u8R\"(/*)\";",
        ] {
            assert!(names_file(&[text], &["SELF=x", "DATA=y"]), "{text}");
        }
        for text in [
            "#include <a.h>",
            "#include \"a.h\"",
            "int include = x;",
            "#define X __FILE__",
            "#include_next <a.h>",
            "#ifdef __has_include\n#endif",
            "#define X PREFIXR\"(/*)\"\n#define dllimport X",
            "HAS(GCC, carries_dependency)",
            "#if defined(__has_include) && __has_include(<a.h>)",
            "#include <a.h>\r\nint a;\r\n",
            "#error do not include SELF",
            "#pragma message include SELF",
        ] {
            assert!(!names_file(&[text], &["a=a", "h=h", "SELF=x"]), "{text}");
        }
    }

    #[test]
    fn a_directive_that_skips_the_own_directory_is_told() {
        let skips = |text: &str| {
            let mut named = NamedFiles::default();
            named.read(text.as_bytes());
            named.next
        };
        for text in [
            "#include_next SELF",
            "#if __has_include_next(SELF)",
            "char *s = R\"(/*)\";\n#include_next SELF",
            "#inc??/\nlude_next SELF",
        ] {
            assert!(skips(text), "{text}");
        }
        for text in
            ["#include SELF", "#include_next <a.h>", "#if __has_include(SELF)", "char *s = R\"(/*)\";"]
        {
            assert!(!skips(text), "{text}");
        }
    }

    #[test]
    fn a_name_that_nothing_defines_is_no_file() {
        let include = "#ifdef CONF_H\n#include CONF_H\n#endif";
        assert!(!names_file(&[include, "#define OTHER_H \"a.h\"", "// #define CONF_H"], &["X=1"]));
        for (defines, values) in [
            ("#define CONF_H __FILE__", &[][..]),
            ("# def\\\nine/**/CONF_H x", &[]),
            ("gpch.014", &[]),
            ("\u{fe}", &["CONF_H=\"a.h\""]),
        ] {
            assert!(names_file(&[include, defines], values), "{defines}");
            assert!(names_file(&[defines, include], values), "{defines}");
        }
        assert!(names_file(&["#include $SELF", "#define $SELF x"], &[]));
        assert!(names_file(&["#include ÄSELF", "#define ÄSELF x"], &[]));
    }
}
