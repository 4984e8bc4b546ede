//! The command line of cl, as clang reads it: `clang-cl`, and clang with `--driver-mode=cl`.
//!
//! The output is the object that `/Fodir/`, `/Fofile` or `/o file` names, or `x.obj` in the working directory. There are no
//! depfiles: `/showIncludes` prints the headers, and a hit prints them with the paths of its own checkout.
//!
//! CodeView debug information holds the whole command line, in which clang does not map paths: with `/Z7` or `/Zi` kache does
//! not map them either. Without `/Brepro` an object holds the time of its compilation; a restored object keeps the original
//! time.

use crate::family::{Capabilities, Family};
use crate::flags::{EmbedsPath, Flag, Flags, row_or_positive, unknown};
use crate::invocation::{Invocation, Language, Makes};
use crate::{gnu, msvc_flags, response};
use kache_core::action::{OutputNames, Request};
use kache_core::events::Kind;
use kache_core::paths::absolute;
use kache_core::reason::{NotCacheable, Reason, refuse};
use kache_core::template::Format;
use std::path::{Path, PathBuf};

pub static FAMILY: Family = Family {
    name: "msvc",
    family: "cc",
    recognises,
    table: msvc_flags::TABLE,
    parse,
    sysroot: None,
    capabilities,
    maps: |_, _| &[MAP],
    tells_source: None,
    unmappable: gnu::UNMAPPABLE,
    correct: None,
    runs_beside_itself: false,
    tells_macros: |_, _| None,
    language: Language::C,
    policy: |_| &crate::policies::C,
};

const MAP: &str = "/clang:-ffile-prefix-map=";

/// Makes clang read this command line.
pub const MODE: &str = "--driver-mode=cl";

fn recognises(name: &str) -> bool {
    let version = name.strip_prefix("clang-cl").map(|rest| rest.trim_start_matches('-'));
    version.is_some_and(|v| v.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

fn capabilities(program: &Path, _: &Path) -> Capabilities {
    let mut ask = std::process::Command::new(program);
    ask.arg(MODE).arg(format!("{MAP}/kache=/kache")).args(["/Zs", "/TC", "--", "/dev/null"]);
    let ran = ask.env("KACHE_DISABLE", "1").output();
    let maps = ran.is_ok_and(|o| o.status.success() && o.stderr.is_empty());
    Capabilities { maps, maps_assembly: false, report: Format::WideDepfile }
}

fn parse(command: &Request) -> Result<Invocation, NotCacheable> {
    let opened = response::open(&command.args, &command.cwd)?;
    let (flags, inputs) = split(&opened.words, &command.cwd)?;
    let all = Flags(&flags);
    all.refuse_unsupported()?;
    if !all.given("/c") && !all.given("/Zs") {
        return refuse(Reason::Link, "without /c the compiler also links, and a link is not cached");
    }
    let [input] = &inputs[..] else {
        let reason = if inputs.is_empty() { Reason::NoInput } else { Reason::SeveralInputs };
        return refuse(reason, inputs.join(" "));
    };
    let language = language(&all, input)?;
    let object = (!all.given("/Zs")).then(|| object(&all, input, &command.cwd));
    let dir = object.as_deref().and_then(Path::parent).unwrap_or(&command.cwd).to_path_buf();
    let names = OutputNames { dir, exact: object.iter().cloned().collect(), ..OutputNames::default() };
    let settings = gnu::diagnostics(&opened.words);
    Ok(Invocation {
        language: Language::C,
        program: command.program.clone(),
        lead: Vec::new(),
        args: command.args.clone(),
        kind: if gnu::is_trial(input, &command.cwd) { Kind::Probe } else { Kind::Unit },
        unit: gnu::unit(
            input,
            language,
            if object.is_some() { "object" } else { "nothing" },
            object.as_deref(),
        ),
        depinfo: None,
        search: Vec::new(),
        incremental: None,
        literal_paths: all.any(|e| e.debug_info || e.embeds_path >= EmbedsPath::Bitcode),
        stdin: None,
        native_cpu: all.native_cpu(),
        makes: Makes::Code,
        outputs: names,
        response_files: opened.files,
        plugin: all.loads_code(),
        debugs_assembly: false,
        makes_bitcode: false,
        input: input.clone(),
        cwd: command.cwd.clone(),
        settings,
        inject: Vec::new(),
        flags,
    })
}

/// A word that begins with `/` and is not a flag may be a path. After `--` every word is.
fn split(words: &[String], cwd: &Path) -> Result<(Vec<Flag>, Vec<String>), NotCacheable> {
    let (mut flags, mut inputs) = (Vec::new(), Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            inputs.extend(words.by_ref().cloned());
            break;
        }
        if word == "-" {
            return refuse(Reason::Stdin, "the source comes from standard input");
        }
        if !word.starts_with(['-', '/']) {
            inputs.push(word.clone());
            continue;
        }
        let Some((row, negated)) = row_or_positive(word, msvc_flags::find) else {
            if word.starts_with('/') && absolute(cwd, Path::new(word)).is_file() {
                inputs.push(word.clone());
                continue;
            }
            return Err(unknown(word));
        };
        flags.push(Flag::take(row, negated, word, &mut words)?);
    }
    Ok((flags, inputs))
}

fn language(all: &Flags, input: &str) -> Result<&'static str, NotCacheable> {
    let ending = Path::new(input).extension().and_then(|e| e.to_str()).unwrap_or("").to_ascii_lowercase();
    match (all.given("/TC"), all.given("/TP"), ending.as_str()) {
        (true, false, _) | (false, false, "c") => Ok("c"),
        (false, true, _) | (false, false, "cc" | "cpp" | "cxx") => Ok("c++"),
        _ => refuse(Reason::Language, format!("{input}: kache does not cache the language")),
    }
}

/// A value with a slash at its end is a directory. A name without an extension gets one.
fn object(all: &Flags, input: &str, cwd: &Path) -> PathBuf {
    let stem = Path::new(Path::new(input).file_name().unwrap_or_default()).with_extension("obj");
    let named = all.0.iter().rev().find(|f| f.row.flag == "/Fo" || f.row.flag == "/o");
    match named.and_then(|f| f.value.as_deref()) {
        None => cwd.join(stem),
        Some(dir) if dir.ends_with(['/', '\\']) => absolute(cwd, Path::new(dir)).join(stem),
        Some(file) if Path::new(file).extension().is_some() => absolute(cwd, Path::new(file)),
        Some(file) => absolute(cwd, &Path::new(file).with_extension("obj")),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Invocation, NotCacheable> {
        let args = line.split_whitespace().map(Into::into).collect();
        parse(&Request::new("clang-cl", args, "/w"))
    }

    #[test]
    fn a_compiler_is_recognised_with_its_version() {
        assert!(["clang-cl", "clang-cl-14", "clang-cl-19.1"].into_iter().all(recognises));
        assert!(!["cl", "clang", "clang-cli", "clang-cl-x"].into_iter().any(recognises));
    }

    #[test]
    fn the_object_is_planned_from_the_flags() {
        for (line, object) in [
            ("/c a.c", "/w/a.obj"),
            ("/c src/a.cpp", "/w/a.obj"),
            ("/c a.c /Foout/", "/w/out/a.obj"),
            ("/c a.c -Foout/x.o", "/w/out/x.o"),
            ("/c a.c /Fox", "/w/x.obj"),
            ("/c a.c /Fox.o /o y", "/w/y.obj"),
            ("/Zs a.c", ""),
        ] {
            let exact = parsed(line).unwrap().outputs.exact;
            let names: Vec<String> = exact.iter().map(|p| p.display().to_string()).collect();
            assert_eq!(names.join(" "), object, "{line}");
        }
    }

    #[test]
    fn a_command_line_is_not_cached_for_a_reason() {
        for (line, reason) in [
            ("a.c", Reason::Link),
            ("/c", Reason::NoInput),
            ("/c a.c b.c", Reason::SeveralInputs),
            ("/c -", Reason::Stdin),
            ("/c a.rc", Reason::Language),
            ("/c a.c /nosuchflag", Reason::UnknownFlag),
            ("/c a.c /FI", Reason::Malformed),
            ("/c a.c /E", Reason::UnsupportedFlag),
            ("/c a.c /clang:-MD", Reason::UnsupportedFlag),
            ("/c a.c /clang:-fprofile-generate", Reason::UnsupportedFlag),
        ] {
            assert_eq!(parsed(line).unwrap_err().reason, reason, "{line}");
        }
    }

    #[test]
    fn the_language_is_that_of_the_flag_or_of_the_extension() {
        for (line, language) in [
            ("/c a.c", "c"),
            ("/c a.CC", "c++"),
            ("/c /TP a.c", "c++"),
            ("/c a.cpp /TC", "c"),
            ("/c -- /w/a.cxx", "c++"),
        ] {
            assert_eq!(parsed(line).unwrap().unit.kind, language, "{line}");
        }
    }

    #[test]
    fn paths_are_literal_where_clang_does_not_map_them() {
        for line in ["/c a.c /Z7", "/c a.c -gline-tables-only", "/c a.c -flto", "/c a.c /fsanitize=address"] {
            assert!(parsed(line).unwrap().literal_paths, "{line}");
        }
        for line in ["/c a.c /O2 /MD", "/c a.c -fno-strict-aliasing", "/c a.c /clang:-fno-builtin"] {
            assert!(!parsed(line).unwrap().literal_paths, "{line}");
        }
        assert!(parsed("/c a.c -Xclang -load -Xclang p.dll").unwrap().plugin);
        let reason = |line| parsed(line).unwrap_err().reason;
        assert_eq!(reason("/c a.h -Xclang -emit-pch /Foa.pch"), Reason::UnsupportedFlag);
    }
}
