//! The MSVC dialect as clang speaks it: `clang-cl`, and clang with `--driver-mode=cl`.
//!
//! | flag | leaves |
//! | --- | --- |
//! | `/Fodir/`, `/Fofile`, `/o file` | the object; without them `x.obj` in the working directory |
//!
//! There are no depfiles: `/showIncludes` prints, and what was printed is printed again with this checkout's paths.
//! CodeView debug information has the whole command line in it, and there paths cannot be mapped: with `/Z7` or `/Zi` they are literal.
//! An object has the time of its making in its header unless `/Brepro` is given. A restored one has the time when it was
//! made, which is as true.

use super::flags::{self, Bucket, Flag, Flags, Form};
use super::{Adapter, Capabilities, Command, Invocation, OutputNames, gnu, gnu_flags, msvc_flags, response};
use kache_core::events::Kind;
use kache_core::paths::absolute;
use kache_core::reason::{NotCacheable, Reason};
use kache_core::template::Format;
use std::path::{Path, PathBuf};

/// The family.
pub static ADAPTER: Adapter = Adapter {
    name: "msvc",
    family: "cc",
    recognises,
    table: msvc_flags::TABLE,
    parse,
    sysroot: None,
    capabilities,
    maps: |_, _| &[MAP],
    tells_macros: |_, _| None,
    crates: false,
    policy: &crate::policies::C,
};

const MAP: &str = "/clang:-ffile-prefix-map=";

/// The flag by which a plain clang is told to speak this dialect.
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
    Capabilities { maps, maps_assembly: false, report: Format::ClangDepfile }
}

fn parse(command: &Command) -> Result<Invocation, NotCacheable> {
    let opened = response::open(&command.args, &command.cwd)?;
    let (flags, inputs) = split(&opened.words, &command.cwd)?;
    let all = Flags(&flags);
    if let Some(f) = flags.iter().find(|f| f.row.bucket == Bucket::Unsupported) {
        return Err(NotCacheable::new(Reason::UnsupportedFlag, format!("{}: {}", f.row.flag, f.row.why)));
    }
    if !all.given("/c") && !all.given("/Zs") {
        return Err(NotCacheable::new(
            Reason::Link,
            "without /c the compiler also links, and a link is not cached",
        ));
    }
    if let Some(word) = all.values("/clang:").find(|w| !is_plain(w)) {
        return Err(NotCacheable::new(
            Reason::UnsupportedFlag,
            format!("/clang:{word}: what it leaves is not planned"),
        ));
    }
    let [input] = &inputs[..] else {
        let reason = if inputs.is_empty() { Reason::NoInput } else { Reason::SeveralInputs };
        return Err(NotCacheable::new(reason, inputs.join(" ")));
    };
    let language = language(&all, input)?;
    let object = (!all.given("/Zs")).then(|| object(&all, input, &command.cwd));
    let spelled = [
        "-flto",
        "-flto=",
        "/fsanitize=",
        "-fprofile-instr-generate",
        "-fprofile-instr-generate=",
        "-fcoverage-mapping",
    ];
    let debug = ["/Z7", "/Zi", "/Zd"].iter().any(|f| all.given(f))
        || flags.iter().any(|f| f.row.flag.starts_with("-g"));
    let dir = object.as_deref().and_then(Path::parent).unwrap_or(&command.cwd).to_path_buf();
    let names = OutputNames { dir, stem: String::new(), exact: object.iter().cloned().collect() };
    let (settings, inject) = gnu::diagnostics(&all, &opened.words)?;
    let native_cpu = all.last("-march=") == Some("native");
    let plugin = all.values("-Xclang").any(gnu::loads_code);
    Ok(Invocation {
        adapter: &ADAPTER,
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
        literal_paths: debug || spelled.iter().chain(gnu_flags::SPELLED).any(|f| all.given(f)),
        native_cpu,
        outputs: names,
        response_files: opened.files,
        plugin,
        debugs_assembly: false,
        makes_bitcode: false,
        input: input.clone(),
        cwd: command.cwd.clone(),
        settings,
        inject,
        flags,
    })
}

/// Whether a flag handed on to clang's other dialect says nothing of outputs, nor of what their paths are.
fn is_plain(word: &str) -> bool {
    let row = gnu::row(word).map(|(row, _)| row);
    row.is_some_and(|r| {
        matches!(r.bucket, Bucket::Relevant(Form::Literal))
            && ["-f", "-m", "-W", "-O"].iter().any(|p| word.starts_with(p))
            && !gnu_flags::SPELLED.contains(&r.flag)
    })
}

/// Flags with their rows, and the inputs. What begins like a flag and is none may be a path; behind `--` everything is.
fn split(words: &[String], cwd: &Path) -> Result<(Vec<Flag>, Vec<String>), NotCacheable> {
    let (mut flags, mut inputs) = (Vec::new(), Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            inputs.extend(words.by_ref().cloned());
            break;
        }
        if word == "-" {
            return Err(NotCacheable::new(Reason::Stdin, "the source comes from standard input"));
        }
        if !word.starts_with(['-', '/']) {
            inputs.push(word.clone());
            continue;
        }
        let Some((row, negated)) = flags::row_or_positive(word, msvc_flags::find) else {
            if word.starts_with('/') && absolute(cwd, Path::new(word)).is_file() {
                inputs.push(word.clone());
                continue;
            }
            return Err(NotCacheable::new(
                Reason::UnknownFlag,
                format!("{word}: no row of the flag table knows it"),
            ));
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
        _ => {
            Err(NotCacheable::new(Reason::Language, format!("{input} is in no language that is cached here")))
        }
    }
}

/// A directory by its slash at the end, and a name that gets an ending where it has none.
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
