//! The command line of gcc and clang.
//!
//! This is about a compile of sources to one object or assembly file each, and about text that is made of one source (`-E`,
//! `-M`); [`link`](super::link) is about links. Other command lines are not cached, each for its reason. The parser
//! plans the outputs from the flags. A compile that writes a file without a plan is not stored, so a flag whose file the table
//! does not know cannot produce a wrong result.
//!
//! | flag | output, for the object `dir/x.o` |
//! | --- | --- |
//! | `-E -o file`; `-M` with `-o file` or `-MF file` | `file`; else standard output |
//! | `-MD`, `-MMD` | `dir/x.d`, or the file of `-MF` |
//! | `-Wp,-MD,file`, `-Wp,-MMD,file` | `file` |
//! | a flag with [`writes`](super::flags::Effect::writes) | `dir/x.` and the extension |

use crate::computed::{BY_COLOUR, OF_TERMINAL};
use crate::family::{Capabilities, Family};
use crate::flags::{Bucket, EmbedsPath, Flag, Flags, Form, unknown};
use crate::gnu_flags::row;
use crate::invocation::{Invocation, Language};
use crate::{gnu_flags, output_names, response};
use kache_core::action::Request;
use kache_core::events::{Kind, LabelBy, Unit};
use kache_core::platform;
use kache_core::reason::{NotCacheable, Reason, refuse};
use kache_core::template::{self, Format};
use std::ffi::OsString;
use std::path::Path;

pub(crate) mod languages;
mod outputs;
pub(crate) mod sources;

pub(crate) use languages::{CUDA, LANGUAGES, is_header};
use outputs::{Plan, Step};
pub(crate) use outputs::{depfile, is_discarded, is_no_file};
use sources::{Input, Source};

pub static FAMILY: Family = Family {
    name: "gnu",
    family: "cc",
    recognises,
    table: gnu_flags::TABLE,
    parse,
    sysroot: None,
    capabilities,
    maps,
    tells_source: None,
    unmappable: UNMAPPABLE,
    correct: None,
    runs_beside_itself: false,
    tells_macros,
    language: Language::C,
    policy: |invocation| match invocation.unit.kind.as_str() {
        CUDA => &crate::policies::CLANG_CUDA,
        _ => &crate::policies::C,
    },
};

/// gcc and clang do not agree on which `=` is the one between the two paths of a map, nor on how the other characters are quoted
/// in a list of headers.
pub const UNMAPPABLE: &[u8] = b"=\\\t\n";

/// Names without a target before them and a version after them.
const NAMES: &[&str] = &["gcc", "g++", "clang", "clang++"];

/// `x86_64-linux-gnu-g++-12` is `g++`. `recognise::by_file` looks at the file of `cc`.
fn recognises(name: &str) -> bool {
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let plain = if plain.len() < name.len() { plain.strip_suffix('-').unwrap_or(plain) } else { name };
    NAMES.iter().any(|n| plain == *n || plain.strip_suffix(n).is_some_and(|target| target.ends_with('-')))
}

/// The flags that map a root. A map of the user's must win, but compilers differ in which map wins: gcc prefers
/// `-ffile-prefix-map` to `-fmacro-prefix-map` in any order, and clang the longest prefix, or the first of two equal ones.
/// So if the user maps paths, kache maps each kind of path alone, and not a kind whose map of the user's covers the root.
fn maps(invocation: &Invocation, root: &Path) -> &'static [&'static str] {
    const EACH: [&str; 2] = ["-fdebug-prefix-map=", "-fmacro-prefix-map="];
    let all = Flags(&invocation.flags);
    let own = |kind| all.values(kind).chain(all.values("-ffile-prefix-map="));
    if EACH.iter().all(|kind| own(kind).next().is_none()) {
        return &["-ffile-prefix-map="];
    }
    let root = root.to_str().unwrap_or_default();
    let covers = |map: &str| map.match_indices('=').any(|(at, _)| root.starts_with(&map[..at]));
    let language = invocation.unit.kind.as_str();
    // clang warns about a map for macros if it expands none.
    let no_macros = language == "assembler" || language.ends_with("cpp-output");
    match (own(EACH[0]).any(covers), no_macros || own(EACH[1]).any(covers)) {
        (false, false) => &EACH,
        (false, true) => &EACH[..1],
        (true, false) => &EACH[1..],
        (true, true) => &[],
    }
}

/// gcc's `-dU` prints the definitions of the macros that a source expands or tests, and no others. clang has no such flag.
fn tells_macros(invocation: &Invocation, capabilities: Capabilities) -> Option<Vec<OsString>> {
    if capabilities.report == Format::WideDepfile || !invocation.response_files.is_empty() {
        return None;
    }
    let given: Vec<String> =
        invocation.args.iter().map(|a| a.to_str().map(String::from)).collect::<Option<_>>()?;
    let (mut words, mut kept) = (given.iter(), vec![OsString::from("-E"), OsString::from("-dU")]);
    while let Some(word) = words.next() {
        let rest = words.len();
        let skip = word.starts_with('-') && flag(word, &mut words).ok()?.row.effect.skip_when_reporting;
        if !skip {
            kept.push(word.into());
            kept.extend(given[given.len() - rest..given.len() - words.len()].iter().map(OsString::from));
        }
    }
    Some(kept)
}

/// Variables that have a compiler log its runs. A log of the user's must not have the runs that kache adds.
const LOGS: &[&str] = &[
    "DEPENDENCIES_OUTPUT",
    "SUNPRO_DEPENDENCIES",
    "CC_PRINT_OPTIONS",
    "CC_PRINT_HEADERS",
    "CC_PRINT_PROC_STAT",
    "CC_LOG_DIAGNOSTICS",
];

/// Prepares a run of a compiler that kache adds to the build.
pub fn quiet(ask: &mut std::process::Command) -> &mut std::process::Command {
    for name in LOGS {
        ask.env_remove(name);
    }
    ask.env("KACHE_DISABLE", "1").stdin(std::process::Stdio::null())
}

/// gcc maps paths since version 8, clang since 10; in debug information of assembly language clang 14 does not. kache tries
/// the compiler instead of comparing versions, since vendors backport patches.
fn capabilities(program: &Path, scratch: &Path) -> Capabilities {
    let ask = |words: &[&str]| {
        let mut ask = std::process::Command::new(program);
        quiet(&mut ask).args(words).output().ok()
    };
    let macros = ask(&["-ffile-prefix-map=/dev=/kache", "-dM", "-E", "-x", "c", "/dev/null"]);
    let maps = macros.as_ref().is_some_and(|o| o.status.success() && o.stderr.is_empty());
    let clang = macros.is_some_and(|o| String::from_utf8_lossy(&o.stdout).contains("#define __clang__ 1"));
    let source = scratch.with_extension("s");
    let (object, map) =
        (scratch.display().to_string(), format!("-ffile-prefix-map={}=/kache", source.display()));
    let assembled = std::fs::write(&source, "kache:\n.long 1\n").ok().and_then(|()| {
        ask(&[&map, "-g", "-c", source.to_str()?, "-o", &object])?;
        std::fs::read(scratch).ok()
    });
    let _ = (std::fs::remove_file(&source), std::fs::remove_file(scratch));
    let name = source.as_os_str().as_encoded_bytes();
    let maps_assembly = maps && assembled.is_some_and(|object| !template::contains(&object, name));
    let report = if clang { Format::WideDepfile } else { Format::NarrowDepfile };
    Capabilities { maps, maps_assembly, report }
}

fn parse(command: &Request) -> Result<Invocation, NotCacheable> {
    let opened = response::open(&command.args, &command.cwd)?;
    let (mut flags, inputs) = split(&opened.words)?;
    let sources = sources::of(&inputs);
    let is_precompiled = |sources: &Vec<Source>| {
        Step::of(&Flags(&flags), sources[0].1).is_ok_and(|step| step == Step::Precompile)
    };
    refuse_unsupported(&flags, sources.as_ref().is_ok_and(is_precompiled))?;
    let sources = sources?;
    let (input, language) = sources[0].clone();
    flags.extend(sources::as_flags(&sources[1..]));
    let all = Flags(&flags);
    let step = Step::of(&all, language)?;
    if all.values("-arch").count() > 1 {
        return refuse(Reason::SeveralArchitectures, "one compile for several architectures");
    }
    let mut plan = Plan::of(&all, step, &input, &command.cwd);
    let depinfo = plan.depfile(&all, step)?;
    if step.is_compile() {
        plan.written_beside(&all);
        output_names::leave_open(&all, &mut plan.names, depinfo.as_deref(), &command.cwd);
    }
    plan.add_further(&all, step, &sources)?;
    if let Some(output) = plan.names.exact.iter().find(|output| is_no_file(output)) {
        let detail = format!("{} is not a regular file", output.display());
        return refuse(Reason::OddOutput, detail);
    }
    refuse_variables()?;
    // kache cannot search a compressed output for a path that is not mapped.
    let hidden = all.compresses() && all.any(|e| e.embeds_path == EmbedsPath::Perhaps);
    let settings = diagnostics(&opened.words);
    let makes = step.makes(&all);
    let assembles =
        step.is_compile() && sources.iter().any(|(_, language)| language.starts_with("assembler"));
    let unit = unit(&input, language, step.emit(), plan.object.as_deref());
    // The caller reads the text of standard output, and keeps no file of it.
    let asks = matches!(step, Step::Preprocess | Step::Rules) && plan.object.is_none() && depinfo.is_none();
    Ok(Invocation {
        language: Language::C,
        program: command.program.clone(),
        lead: Vec::new(),
        args: command.args.clone(),
        kind: if asks || is_trial(&input, &command.cwd) { Kind::Probe } else { Kind::Unit },
        unit,
        depinfo,
        search: Vec::new(),
        incremental: None,
        // clang names what is local to a CUDA source after the hash of its path.
        literal_paths: hidden || language == CUDA || all.any(|e| e.embeds_path == EmbedsPath::Always),
        stdin: None,
        native_cpu: all.native_cpu(),
        makes,
        outputs: plan.names,
        response_files: opened.files,
        makes_bitcode: all.any(|e| e.embeds_path == EmbedsPath::Bitcode),
        debugs_assembly: assembles && all.any(|e| e.debug_info),
        plugin: all.loads_code(),
        input,
        cwd: command.cwd.clone(),
        settings,
        inject: Vec::new(),
        flags,
    })
}

/// Refuses variables that change the command line, or have the compiler write more than it is asked for.
pub(crate) fn refuse_variables() -> Result<(), NotCacheable> {
    if std::env::var_os("CCC_OVERRIDE_OPTIONS").is_some() {
        let detail = "CCC_OVERRIDE_OPTIONS changes the command line of clang";
        return refuse(Reason::UnsupportedFlag, detail);
    }
    match LOGS.iter().find(|name| std::env::var_os(name).is_some()) {
        Some(name) => {
            let detail = format!("{name} has the compiler write a log of its runs");
            refuse(Reason::SideEffect, detail)
        }
        None => Ok(()),
    }
}

fn split(words: &[String]) -> Result<(Vec<Flag>, Vec<Input>), NotCacheable> {
    let (mut flags, mut inputs) = (Vec::new(), Vec::new());
    let mut language: Option<String> = None;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            inputs.extend(words.by_ref().map(|w| (w.clone(), language.clone())));
        } else if word == "-" || !word.starts_with('-') {
            inputs.push((word.clone(), language.clone()));
        } else {
            let flag = flag(word, &mut words)?;
            if flag.row.flag == "-x" {
                language = flag.value.clone().filter(|l| l != "none");
            }
            flags.push(flag);
        }
    }
    Ok((flags, inputs))
}

pub(crate) fn flag<'a>(
    word: &str,
    words: &mut impl Iterator<Item = &'a String>,
) -> Result<Flag, NotCacheable> {
    let (row, negated) = row(word).ok_or_else(|| unknown(word))?;
    Flag::take(row, negated, word, words)
}

/// Refuses a flag that is unsupported. CMake has clang make a precompiled header by `-Xclang -emit-pch`, which clang makes of a header
/// in any case, where no flag asks for another step.
fn refuse_unsupported(flags: &[Flag], is_precompiled: bool) -> Result<(), NotCacheable> {
    if !is_precompiled {
        return Flags(flags).refuse_unsupported();
    }
    let says_nothing = |f: &Flag| f.row.flag == "-Xclang" && f.value.as_deref() == Some("-emit-pch");
    let others: Vec<Flag> = flags.iter().filter(|flag| !says_nothing(flag)).cloned().collect();
    Flags(&others).refuse_unsupported()
}

/// Whether the one source of a command is a header.
pub(crate) fn compiles_header(words: &[String]) -> bool {
    let sources = split(words).and_then(|(_, inputs)| sources::of(&inputs));
    sources.is_ok_and(|sources| is_header(sources[0].1))
}

/// Settings of diagnostics by name. A compiler asks its terminal, which is like kache's own, and the variables about terminals.
pub(super) fn diagnostics(words: &[String]) -> Vec<(&'static str, String)> {
    let shown =
        |word: &&String| row(word).is_some_and(|(r, _)| r.bucket == Bucket::Relevant(Form::Diagnostics));
    let style: Vec<&str> = words.iter().filter(shown).map(String::as_str).collect();
    let values = |names: &[&str]| {
        let values = names.iter().map(|name| std::env::var(name).unwrap_or_default());
        values.collect::<Vec<_>>().join(":")
    };
    let locale = values(&["LC_ALL", "LC_MESSAGES", "LC_CTYPE", "LANG", "LANGUAGE", "GCC_COLORS"]);
    let terminal = if platform::terminal_width().is_some() {
        // gcc asks standard input for the width.
        let size = |name: &[u8]| platform::host_fact(name, b"").unwrap_or_default();
        let sizes = [size(b"winsize/0"), size(b"winsize/2")].concat();
        let variables = [values(BY_COLOUR), values(OF_TERMINAL)];
        format!("{} {}", String::from_utf8_lossy(&sizes), variables.join(":"))
    } else {
        String::new()
    };
    vec![("terminal", terminal), ("style", style.join(" ")), ("locale", locale)]
}

/// Whether a configure script, CMake or the `cc` crate tests the compiler.
pub fn is_trial(input: &str, cwd: &Path) -> bool {
    const NAMES: &[&str] = &["conftest", "flag_check", "detect_compiler_family"];
    let stem = Path::new(input).file_stem().unwrap_or_default().to_string_lossy();
    let cmake = ["CMakeScratch", "CMakeTmp", "CompilerIdC", "CompilerIdCXX"];
    let within = |p: &Path| p.components().any(|c| cmake.iter().any(|m| c.as_os_str() == *m));
    // Mozilla's configure appends a random word.
    let plain = stem.split('.').next().unwrap_or_default();
    // The `cc` crate begins the name with a random number.
    let plain = plain.trim_start_matches(|c: char| c.is_ascii_digit());
    // zstd's makefiles look for libraries by links of `have_zlib.c` and the like, in each build.
    let asks = plain.starts_with("have_") || NAMES.contains(&plain);
    // OpenSSL asks for the version of the assembler with an empty source.
    asks || input == "/dev/null" || within(Path::new(input)) || within(cwd)
}

pub(super) fn unit(input: &str, language: &str, emit: &str, object: Option<&Path>) -> Unit {
    let var = |n| std::env::var(n).unwrap_or_default();
    let name = |p: &Path| p.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Unit {
        family: FAMILY.family.to_string(),
        package: format!("{} {}", var("CARGO_PKG_NAME"), var("CARGO_PKG_VERSION")).trim().to_string(),
        name: object.map_or_else(|| name(Path::new(input)), name),
        kind: language.to_string(),
        emit: emit.to_string(),
        // Becomes portable together with the source.
        extra: object.map(|o| o.display().to_string()).unwrap_or_default(),
        source: input.to_string(),
        label_by: LabelBy::Output,
    }
}

#[cfg(all(test, unix))]
mod tests;
