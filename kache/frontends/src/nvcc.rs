//! The command line of nvcc: CUDA, and C++ that nvcc hands to the host compiler.
//!
//! nvcc runs the host compiler (twice or more to preprocess, once to compile), `cudafe++`, `cicc`, `ptxas` and `fatbinary`, each by
//! a shell. The observer follows all of them: a result depends on what they read. This module only understands what is asked for.
//!
//! | flag | output, for the source `dir/x.cu` |
//! | --- | --- |
//! | `-o file` | `file` |
//! | `-c`, `-dc`, `-dw` | `x.o` in the working directory |
//! | `-ptx`, `-cubin`, `-fatbin`, … | `x.ptx`, `x.cubin`, `x.fatbin`, … |
//! | `-MD`, `-MMD` | the file of `-MF`, or the output's name with `.d` |
//!
//! Paths get into the outputs of nvcc in two ways. The host compiler writes paths, and an argument maps them. `cudafe++` and `cicc`
//! name each entity that is local to a source after a checksum of the source's absolute path. nvcc passes that path as an argument;
//! kache adds a later argument with a path that is the same in each checkout ([`Family::tells_source`]). Device code with debug
//! information has paths that nothing maps, so such a result is for one place.

use crate::define;
use crate::family::{Capabilities, Family};
use crate::flags::{Bucket, Effect, EmbedsPath, Flag, Flags, Form, Row, Takes, ValueEffect, unknown};
use crate::handed::for_this_machine;
use crate::invocation::{Invocation, Language, Makes};
use crate::mapped::without_comments;
use crate::{gnu, response};
use kache_core::action::{Action, OutputNames, Request};
use kache_core::collected::Collected;
use kache_core::dependency::{Dependency, Kind as DependencyKind};
use kache_core::digest::Table;
use kache_core::events::{Kind, Unit};
use kache_core::paths::absolute;
use kache_core::reason::{NotCacheable, Reason, refuse};
use kache_core::template::{Format, contains};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

include!(concat!(env!("OUT_DIR"), "/nvcc.rs"));

pub static FAMILY: Family = Family {
    name: "nvcc",
    family: "cc",
    recognises: |name| name == "nvcc",
    table: TABLE,
    parse,
    sysroot: None,
    capabilities,
    maps: |_, _| &[MAP],
    tells_source: Some(SOURCE),
    // What a shell, a list of nvcc's or a map of paths takes for more than a letter.
    unmappable: b" \t\n=\\,\"'`$&;|<>(){}[]*?!#~^%",
    correct: Some(correct),
    runs_beside_itself: true,
    tells_macros: |_, _| None,
    language: Language::C,
    policy: |_| &crate::policies::NVCC,
};

const MAP: &str = "-Xcompiler=-ffile-prefix-map=";
const SOURCE: &str = "-Xcudafe=--orig_src_path_name=";

/// Variables with flags that nvcc adds to the command line.
const FLAGS_OF_ENVIRONMENT: &[&str] = &["NVCC_PREPEND_FLAGS", "NVCC_APPEND_FLAGS"];

/// `ptxas` prints how long it worked with `-v`, and has flags that name files.
fn for_ptxas(value: &str) -> ValueEffect {
    const PLAIN: &str = "\
        O opt-level dlcm def-load-cache dscm def-store-cache flcm force-load-cache fscm force-store-cache \
        allow-expensive-optimizations maxrregcount fmad w disable-warnings warn-spills warn-on-spills \
        warn-lmem-usage warn-on-local-memory-usage warn-double-usage warn-on-double-precision-use Werror \
        warning-as-error disable-optimizer-consts disable-optimizer-constants preserve-relocs pic \
        position-independent-code regUsageLevel register-usage-level suppress-stack-size-warning \
        suppress-double-demote-warning sp-bounds-check";
    let named = |word: &str| word.starts_with('-') && is_plain(PLAIN, name_of(word).trim_start_matches('-'));
    let is_value = |word: &str| !word.starts_with('-') && word.bytes().all(|b| b.is_ascii_alphanumeric());
    let is_level =
        |word: &str| word.strip_prefix("-O").is_some_and(|level| level.bytes().all(|b| b.is_ascii_digit()));
    match value.split(',').all(|word| named(word) || is_value(word) || is_level(word)) {
        true => ValueEffect::Plain,
        false => ValueEffect::Unsupported(
            "kache does not know that it neither names a file nor prints measurements",
        ),
    }
}

/// The flags of `cudafe++` about messages.
fn for_cudafe(value: &str) -> ValueEffect {
    const PLAIN: &str = "\
        --diag_suppress --diag_error --diag_warning --diag_remark --diag_default --display_error_number \
        --no_display_error_number --promote_warnings --no_warnings --remarks --error_limit";
    match is_plain(PLAIN, name_of(value)) {
        true => ValueEffect::Plain,
        false => ValueEffect::Unsupported("kache does not know that it is only about messages"),
    }
}

fn is_plain(known: &str, name: &str) -> bool {
    known.split(' ').any(|known| known == name)
}

fn name_of(word: &str) -> &str {
    word.split_once('=').map_or(word, |(name, _)| name)
}

/// Whether nvcc's programs use the path that kache's argument gives as the path of the source. The programs name local entities
/// after the path's CRC-32: the CRC-32 of `kache` is 71372026.
fn capabilities(program: &Path, scratch: &Path) -> Capabilities {
    const LOCAL: &str = "namespace { struct S {}; }\ntemplate <class T> __global__ void f() {}\n\
        template __global__ void f<S>();\n";
    let (source, made) = (scratch.with_extension("cu"), scratch.with_extension("ptx"));
    let mut ask = Command::new(program);
    for name in FLAGS_OF_ENVIRONMENT {
        ask.env_remove(name);
    }
    gnu::quiet(&mut ask).arg("-ptx").arg(format!("{SOURCE}kache")).arg(format!("{MAP}/dev=/kache"));
    ask.arg(&source).arg("-o").arg(&made);
    let answer = std::fs::write(&source, LOCAL).and_then(|()| ask.output());
    let text = std::fs::read(&made).unwrap_or_default();
    let _ = (std::fs::remove_file(&source), std::fs::remove_file(&made));
    let maps = answer.is_ok_and(|o| o.status.success()) && contains(&text, b"_GLOBAL__N__71372026_");
    Capabilities { maps, maps_assembly: false, report: Format::NarrowDepfile }
}

/// The row of a name, in its long or its short form.
pub fn find(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.flag == name || row.aliases.contains(&name))
}

/// The row of a word, and the value that is a part of the word.
fn row(word: &str) -> Option<(&'static Row, Option<&str>)> {
    if let Some(row) = find(word) {
        return Some((row, None));
    }
    if let Some((name, value)) = word.split_once('=')
        && let Some(row) = find(name)
    {
        return Some((row, Some(value)));
    }
    // The value follows a name of one letter.
    let (name, rest) = word.split_at_checked(2)?;
    find(name).filter(|row| row.takes == Takes::Either).map(|row| (row, Some(rest)))
}

/// The words of a command line.
#[derive(Default)]
struct Words {
    flags: Vec<Flag>,
    inputs: Vec<String>,
    /// The words for the host compiler, in order.
    host: Vec<String>,
    options_files: Vec<(PathBuf, Vec<u8>)>,
}

impl Words {
    fn split(all: &[String], cwd: &Path) -> Result<Words, NotCacheable> {
        let mut words = Words::default();
        let all = words.open(all, cwd)?;
        let forwards = all.iter().any(|word| {
            word.trim_start_matches('-').starts_with("forward-unknown-") && !word.ends_with("linker")
        });
        let mut rest = all.iter();
        while let Some(word) = rest.next() {
            if !word.starts_with('-') || word == "-" {
                words.inputs.push(word.clone());
                continue;
            }
            let Some((row, joined)) = row(word) else {
                if !forwards {
                    return Err(unknown(word));
                }
                words.host.push(word.clone());
                continue;
            };
            let value = match (row.takes, joined) {
                (Takes::Nothing, None) => None,
                (Takes::Nothing, Some(_)) => return Err(unknown(word)),
                (_, Some(value)) => Some(value.to_string()),
                (_, None) => Some(rest.next().cloned().ok_or_else(|| no_value(word))?),
            };
            words.take(row, value)?;
        }
        words.for_host()?;
        Ok(words)
    }

    /// The command line with the words of its options files.
    fn open(&mut self, all: &[String], cwd: &Path) -> Result<Vec<String>, NotCacheable> {
        let (mut out, mut rest) = (Vec::new(), all.iter());
        while let Some(word) = rest.next() {
            if word.starts_with('@') {
                return refuse(
                    Reason::ResponseFile,
                    format!("{word}: nvcc has another flag for a file with flags"),
                );
            }
            let names = match (name_of(word), word.split_once('=')) {
                ("-optf" | "--options-file", Some((_, value))) => value,
                ("-optf" | "--options-file", None) => rest.next().ok_or_else(|| no_value(word))?,
                _ => {
                    out.push(word.clone());
                    continue;
                }
            };
            for name in names.split(',') {
                let (path, text) = response::read(name, cwd)?;
                // nvcc reads quotes otherwise than compilers do.
                if text.contains(['"', '\'', '\\', '#', '@'])
                    || text.contains("-optf")
                    || text.contains("--options-file")
                {
                    return refuse(
                        Reason::ResponseFile,
                        format!("{name}: a quote, a comment, or another file"),
                    );
                }
                out.extend(text.split_ascii_whitespace().map(str::to_string));
                self.options_files.push((path, text.into_bytes()));
            }
        }
        Ok(out)
    }

    /// Takes a flag: a list is a flag for each of its members.
    fn take(&mut self, row: &'static Row, value: Option<String>) -> Result<(), NotCacheable> {
        const LISTS: &[&str] = &["-I", "-D", "-U", "-include", "-isystem", "-Xcompiler"];
        let list = value.as_deref().filter(|value| LISTS.contains(&row.flag) && value.contains(','));
        let is_quoted = list.is_some_and(|list| list.contains(['"', '\'', '\\']));
        if is_quoted && row.flag == "-Xcompiler" {
            return refuse(Reason::UnsupportedFlag, format!("{}: quotes in a list of flags", row.flag));
        }
        let values: Vec<Option<String>> = match list.filter(|_| !is_quoted) {
            Some(list) => list.split(',').map(|value| Some(value.to_string())).collect(),
            None => vec![value],
        };
        if row.flag == "-Xcompiler" {
            self.host.extend(values.into_iter().flatten());
            return Ok(());
        }
        self.flags.extend(values.into_iter().map(|value| Flag { row, value }));
        Ok(())
    }

    /// The flags of the host compiler, by their own table.
    fn for_host(&mut self) -> Result<(), NotCacheable> {
        let host = std::mem::take(&mut self.host);
        let mut rest = host.iter();
        while let Some(word) = rest.next() {
            if !word.starts_with('-') || word == "-" || word == "--" {
                return refuse(Reason::UnsupportedFlag, format!("-Xcompiler {word}: no flag"));
            }
            let flag = gnu::flag(word, &mut rest)?;
            let Effect { writes, skip_when_reporting, loads_code, .. } = flag.row.effect;
            if writes.is_some() || *skip_when_reporting || *loads_code || flag.row.flag == "-x" {
                return refuse(
                    Reason::UnsupportedFlag,
                    format!("-Xcompiler {word}: it changes what nvcc's steps write"),
                );
            }
            self.flags.push(flag);
        }
        Ok(())
    }
}

fn no_value(word: &str) -> NotCacheable {
    NotCacheable::new(Reason::Malformed, format!("{word} has no value"))
}

/// What the command makes, and the extension of its output where no flag names the output.
fn stage(all: &Flags) -> Result<(&'static str, &'static str), NotCacheable> {
    const STAGES: &[(&str, &str, &str)] = &[
        ("-c", "object", "o"),
        ("-dc", "relocatable object", "o"),
        ("-dw", "object", "o"),
        ("-ptx", "ptx", "ptx"),
        ("-cubin", "cubin", "cubin"),
        ("-fatbin", "fatbin", "fatbin"),
        ("-cuda", "host source", "cu.cpp.ii"),
        ("-optix-ir", "optix", "optixir"),
        ("-ltoir", "ltoir", "ltoir"),
    ];
    let mut given = STAGES.iter().filter(|(flag, ..)| all.given(flag));
    match (given.next(), given.next()) {
        (Some((_, what, extension)), None) => Ok((what, extension)),
        (Some((one, ..)), Some((other, ..))) => {
            refuse(Reason::UnsupportedFlag, format!("{one} and {other} in one command"))
        }
        (None, _) => refuse(Reason::Link, "a link by nvcc is not cached"),
    }
}

/// The one source and its language.
fn source(inputs: &[String], all: &Flags) -> Result<(String, &'static str), NotCacheable> {
    const LANGUAGES: &[(&str, &[&str])] =
        &[("cu", &["cu"]), ("c++", &["cc", "cpp", "cxx", "CPP", "C"]), ("c", &["c"]), ("ptx", &["ptx"])];
    let [name] = inputs else {
        return match inputs {
            [] => refuse(Reason::NoInput, "no source file is named"),
            many => refuse(Reason::SeveralInputs, many.join(" ")),
        };
    };
    if name == "-" || name == "/dev/stdin" {
        return refuse(Reason::Stdin, "the source comes from standard input");
    }
    let ending = Path::new(name).extension().and_then(|e| e.to_str()).unwrap_or("");
    let named = all.last("-x");
    let known = LANGUAGES.iter().find(|(language, endings)| match named {
        Some(named) => named == *language && named != "ptx",
        None => endings.contains(&ending),
    });
    match known {
        Some(("cu", _)) => Ok((name.clone(), gnu::CUDA)),
        Some((language, _)) => Ok((name.clone(), language)),
        None => {
            let what = named.unwrap_or(ending);
            refuse(Reason::Language, format!("{name}: kache does not cache the language `{what}` by nvcc"))
        }
    }
}

fn parse(command: &Request) -> Result<Invocation, NotCacheable> {
    let given = command.args.iter().map(|arg| response::text(arg).map(str::to_string));
    let given: Vec<String> = given.collect::<Result<_, _>>()?;
    let Words { flags, inputs, options_files, .. } = Words::split(&given, &command.cwd)?;
    let all = Flags(&flags);
    all.refuse_unsupported()?;
    refuse_variables()?;
    let (emit, extension) = stage(&all)?;
    let (input, language) = source(&inputs, &all)?;
    let cwd = &command.cwd;
    let stem = Path::new(Path::new(&input).file_name().unwrap_or_default());
    let output = all
        .last("-o")
        .map_or_else(|| cwd.join(stem.with_extension(extension)), |o| absolute(cwd, Path::new(o)));
    let depinfo = match (all.given("-MD") || all.given("-MMD"), all.last("-MF")) {
        (false, _) => None,
        (true, Some(file)) => Some(absolute(cwd, Path::new(file))),
        (true, None) => Some(output.with_extension("d")),
    };
    let exact: Vec<PathBuf> = [&output].into_iter().chain(&depinfo).cloned().collect();
    if let Some(odd) = exact.iter().find(|path| gnu::is_no_file(path) || gnu::is_discarded(path)) {
        return refuse(Reason::OddOutput, format!("{} is not a regular file", odd.display()));
    }
    let is_trial = gnu::is_trial(&input, cwd);
    // kache does not find a path in code that is compressed, as device code is.
    let is_literal = all.any(|e| e.embeds_path != EmbedsPath::No) || all.compresses();
    let is_plain = input.bytes().all(|b| !FAMILY.unmappable.contains(&b));
    Ok(Invocation {
        language: Language::C,
        program: command.program.clone(),
        lead: Vec::new(),
        args: command.args.clone(),
        kind: if is_trial { Kind::Probe } else { Kind::Unit },
        unit: Unit { emit: emit.to_string(), ..gnu::unit(&input, language, emit, Some(&output)) },
        depinfo,
        search: Vec::new(),
        incremental: None,
        literal_paths: is_literal || !is_plain,
        stdin: None,
        native_cpu: all.native_cpu(),
        makes: Makes::Code,
        outputs: OutputNames {
            dir: output.parent().unwrap_or(cwd).to_path_buf(),
            exact,
            ..OutputNames::default()
        },
        response_files: options_files,
        makes_bitcode: false,
        debugs_assembly: false,
        plugin: false,
        settings: gnu::diagnostics(&given),
        input,
        cwd: cwd.clone(),
        inject: Vec::new(),
        flags,
    })
}

/// Refuses variables that change the command line, or have a compiler write more than it is asked for.
fn refuse_variables() -> Result<(), NotCacheable> {
    let is_set = |name: &&&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if let Some(name) = FLAGS_OF_ENVIRONMENT.iter().find(is_set) {
        return refuse(Reason::UnsupportedFlag, format!("{name} changes the command line of nvcc"));
    }
    gnu::refuse_variables()
}

/// What is left out, and added, since `collect` does not know nvcc: temporary files are named after nvcc's process, so that another
/// run asks for other names; a path that no map changes makes the result one for this place.
fn correct(action: &Action, collected: &mut Collected, table: &Table) {
    collected.dependencies.retain(|d| d.kind != DependencyKind::Path || !is_temporary(&d.name));
    let files = collected.dependencies.iter().filter(|d| d.kind == DependencyKind::File);
    let files: Vec<PathBuf> = files.filter_map(|d| action.roots.local(&d.name)).collect();
    if action.maps_paths() && tells_path(&files, table) {
        let mapped = action.roots.iter().filter(|root| root.mapped.is_some());
        collected
            .dependencies
            .extend(mapped.map(|root| Dependency::new(DependencyKind::Place, root.name.as_bytes())));
    }
}

/// `tmpxft_`, the process and a number, each in eight digits.
fn is_temporary(path: &[u8]) -> bool {
    let name = path.rsplit(|b| *b == b'/').next().unwrap_or_default();
    let number = |part: &[u8]| part.len() >= 8 && part[..8].iter().all(u8::is_ascii_hexdigit);
    let rest = name.strip_prefix(b"tmpxft_").unwrap_or_default();
    number(rest) && rest.get(8) == Some(&b'_') && number(&rest[9..])
}

/// What has `cudafe++` and `cicc` put the path of a source into code, as the preprocessor names it.
const TELL_PATH: &[&str] = &["__builtin_FILE", "__builtin_source_location"];

/// Whether a text that was read may have one of these used: by its name, by that of a macro that stands for it, or pasted
/// together from pieces. A directive that only defines or tests a macro uses nothing.
fn tells_path(files: &[PathBuf], table: &Table) -> bool {
    let mut names: BTreeSet<Vec<u8>> = TELL_PATH.iter().map(|name| name.as_bytes().to_vec()).collect();
    let mut new: Vec<Vec<u8>> = names.iter().cloned().collect();
    while let Some(name) = new.pop() {
        let test = format!("nvcc: uses {}", String::from_utf8_lossy(&name));
        for file in files {
            match table.passes(file, &test, |text| !uses(text, &name).is_empty()) {
                Ok(false) => continue,
                Ok(true) => {}
                Err(_) => return true,
            }
            for used in uses(&define::text(file).unwrap_or_default(), &name) {
                let Some(by) = used else { return true };
                new.extend(names.insert(by.clone()).then_some(by));
            }
        }
    }
    false
}

/// Each use of a name in a text: the macro that stands for it, or `None` where it is used for itself.
fn uses(text: &[u8], name: &[u8]) -> Vec<Option<Vec<u8>>> {
    let is_pasted = TELL_PATH.iter().any(|tell| tell.as_bytes() == name);
    let is_piece =
        |word: &[u8]| (word == b"builtin" || word.len() > 4 && word.contains(&b'_')) && contains(name, word);
    let may_be = |word: &[u8]| word == name || is_pasted && is_piece(word);
    if text.starts_with(b"\x7fELF") || !text.split(|b| !define::is_part(b)).any(may_be) {
        return Vec::new();
    }
    let (mut found, text) = (Vec::new(), without_comments(&define::joined(text)));
    for line in text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii_start) {
        let mut words = line.split(|b| !define::is_part(b)).filter(|word| !word.is_empty());
        if !words.clone().any(may_be) {
            continue;
        }
        match (line.starts_with(b"#"), words.next()) {
            (true, Some(b"define")) => found.push(words.next().map(<[u8]>::to_vec)),
            (true, Some(b"if" | b"ifdef" | b"ifndef" | b"elif" | b"undef" | b"include" | b"error")) => {}
            _ => found.push(None),
        }
    }
    found
}

#[cfg(all(test, unix))]
mod tests;
