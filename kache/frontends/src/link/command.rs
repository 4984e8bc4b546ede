//! The command line of a link: what the driver compiles first, what it hands to the linker, and what they write.
//!
//! The flags of the driver have rows in the table of compilers, and the words for the linker in a table of their own. Inputs
//! stand among the flags, since the linker searches libraries in the order of the command line.

use super::flags::{self, INPUT};
use crate::flags::{EmbedsPath, Flag, Flags};
use crate::invocation::{Invocation, Language, Makes};
use crate::{gnu, response};
use kache_core::action::{OutputNames, Request};
use kache_core::events::{Kind, LabelBy, Unit};
use kache_core::paths::absolute;
use kache_core::reason::{NotCacheable, Reason, refuse};
use std::path::{Path, PathBuf};

/// A text that the linker writes beside its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    Map,
    /// Rules for make.
    Rules,
}

/// A link, understood.
#[derive(Debug)]
pub struct LinkCommand {
    pub invocation: Invocation,
    /// Whether sources are compiled first.
    pub compiles: bool,
    pub texts: Vec<(PathBuf, Text)>,
}

/// The driver of a link.
pub const FAMILY: &str = "link";

/// The extensions of sources that the driver compiles and kache does not.
const OTHER_SOURCES: &str = "f for ftn F FOR fpp FPP FTN f90 f95 f03 f08 F90 F95 F03 F08 go d di dd adb ads m2 mod cob cbl rs ll bc cu \
    cuh cl clcpp hip hlsl ifs ast pcm cppm ccm cxxm c++m";

/// The extensions of headers.
const HEADERS: &[&str] = &["h", "hh", "H", "hp", "hxx", "hpp", "HPP", "h++", "tcc"];

/// Whether a command links: it names an input, and nothing ends the work before the linker.
pub fn links(request: &Request) -> bool {
    const ENDS: &[&str] = &["-c", "-S", "-E", "-M", "-MM", "-fsyntax-only", "--precompile"];
    let ends = |word: &str| ENDS.contains(&word);
    let mut words = request.args.iter().map(|arg| arg.to_string_lossy());
    if words.clone().any(|word| ends(&word)) || !words.any(|word| !word.starts_with('-')) {
        return false;
    }
    if makes_header(request) {
        return false;
    }
    let has_response = request.args.iter().any(|arg| arg.as_encoded_bytes().starts_with(b"@"));
    if !has_response {
        return true;
    }
    let opened = response::open(&request.args, &request.cwd);
    opened.is_ok_and(|opened| !opened.words.iter().any(|word| ends(word)))
}

/// Whether a command makes a precompiled header and no program.
fn makes_header(request: &Request) -> bool {
    let is_header = |word: &str| {
        let ending = Path::new(word).extension().and_then(|ending| ending.to_str());
        word.ends_with("header") || ending.is_some_and(|ending| HEADERS.contains(&ending))
    };
    if !request.args.iter().filter_map(|arg| arg.to_str()).any(is_header) {
        return false;
    }
    let opened = response::open(&request.args, &request.cwd);
    opened.is_ok_and(|opened| gnu::compiles_header(&opened.words))
}

pub fn parse(request: &Request) -> Result<LinkCommand, NotCacheable> {
    let opened = response::open(&request.args, &request.cwd)?;
    let Words { flags, inputs, sources } = Words::split(&opened.words)?;
    let all = Flags(&flags);
    refuse_other_steps(&all, sources)?;
    all.refuse_unsupported()?;
    gnu::refuse_variables()?;
    let Some(input) = inputs.first().cloned() else {
        return refuse(Reason::NoInput, "no input is named");
    };
    let cwd = &request.cwd;
    let output = absolute(cwd, Path::new(all.last("-o").unwrap_or("a.out")));
    let compiles = sources > 0;
    let depinfo = if compiles { gnu::depfile(&all, cwd, || None)? } else { None };
    let texts = texts(&all, cwd);
    let exact = [&output].into_iter().chain(texts.iter().map(|(path, _)| path)).chain(&depinfo);
    let exact: Vec<PathBuf> = exact.cloned().collect();
    if let Some(odd) = exact.iter().find(|path| gnu::is_no_file(path) || gnu::is_discarded(path)) {
        return refuse(Reason::OddOutput, format!("{} is not a regular file", odd.display()));
    }
    if let Some(input) = reads_output(&all, &output, cwd) {
        return refuse(Reason::Link, format!("the output may be the input {input}"));
    }
    if inputs.iter().any(|input| is_made_for_one_link(input)) {
        return refuse(Reason::Link, "an input is made anew for each link, under another name");
    }
    let settings = gnu::diagnostics(&opened.words);
    let is_trial = inputs.iter().any(|input| gnu::is_trial(input, cwd));
    let dir = output.parent().unwrap_or(cwd).to_path_buf();
    let invocation = Invocation {
        language: Language::C,
        program: request.program.clone(),
        lead: Vec::new(),
        args: request.args.clone(),
        kind: if is_trial { Kind::Probe } else { Kind::Unit },
        unit: unit(&input, &output, &all),
        depinfo,
        search: Vec::new(),
        incremental: None,
        literal_paths: compiles && all.any(|e| e.embeds_path == EmbedsPath::Always),
        stdin: None,
        native_cpu: compiles && all.native_cpu(),
        makes: if compiles { Makes::Code } else { Makes::Linked },
        outputs: OutputNames { dir, exact, ..OutputNames::default() },
        response_files: opened.files,
        makes_bitcode: compiles && all.any(|e| e.embeds_path == EmbedsPath::Bitcode),
        debugs_assembly: compiles && all.any(|e| e.debug_info) && inputs.iter().any(|i| is_assembly(i)),
        plugin: compiles && all.loads_code(),
        input,
        cwd: cwd.clone(),
        settings,
        inject: Vec::new(),
        flags,
    };
    Ok(LinkCommand { invocation, compiles, texts })
}

/// The words of a command line.
#[derive(Default)]
struct Words {
    /// Inputs are among them.
    flags: Vec<Flag>,
    inputs: Vec<String>,
    sources: usize,
}

impl Words {
    fn split(all: &[String]) -> Result<Words, NotCacheable> {
        let mut words = Words::default();
        let mut language: Option<String> = None;
        // Words for the linker that follow each other: one may be the value of the one before.
        let mut handed: Vec<String> = Vec::new();
        let mut rest = all.iter();
        while let Some(word) = rest.next() {
            if let Some(list) = word.strip_prefix("-Wl,") {
                handed.extend(list.split(',').map(str::to_string));
                continue;
            }
            if word == "-Xlinker" {
                let no_value = || NotCacheable::new(Reason::Malformed, "-Xlinker has no value");
                handed.push(rest.next().ok_or_else(no_value)?.clone());
                continue;
            }
            flags::take(&std::mem::take(&mut handed), &mut words.flags)?;
            if word == "--" {
                rest.by_ref().try_for_each(|word| words.input(word, language.as_deref()))?;
            } else if word == "-" || !word.starts_with('-') {
                words.input(word, language.as_deref())?;
            } else {
                let flag = gnu::flag(word, &mut rest)?;
                if flag.row.flag == "-x" {
                    language = flag.value.clone().filter(|language| language != "none");
                }
                words.flags.push(flag);
            }
        }
        flags::take(&handed, &mut words.flags)?;
        Ok(words)
    }

    fn input(&mut self, word: &str, language: Option<&str>) -> Result<(), NotCacheable> {
        if word == "-" || word == "/dev/stdin" {
            return refuse(Reason::Stdin, "a source comes from standard input");
        }
        let extension = Path::new(word).extension().and_then(|e| e.to_str()).unwrap_or("");
        // What a compile for devices leaves for the linker is not known here.
        let mut languages = gnu::LANGUAGES.iter().filter(|(language, _)| *language != gnu::CUDA);
        let is_source = match language {
            Some(named) => languages.any(|(language, _)| *language == named),
            None => languages.any(|(_, extensions)| extensions.contains(&extension)),
        };
        let what = language.unwrap_or(extension);
        if what.ends_with("-header") || language.is_none() && HEADERS.contains(&extension) {
            return refuse(Reason::PrecompiledHeader, "the command names a header and another input");
        }
        if !is_source && (language.is_some() || OTHER_SOURCES.split(' ').any(|other| other == extension)) {
            return refuse(Reason::Language, format!("{word}: kache does not cache the language `{what}`"));
        }
        self.sources += usize::from(is_source);
        self.inputs.push(word.to_string());
        self.flags.push(Flag { row: &INPUT, value: Some(word.to_string()) });
        Ok(())
    }
}

/// Refuses what happens besides compiling and linking.
fn refuse_other_steps(all: &Flags, sources: usize) -> Result<(), NotCacheable> {
    let refused = |why: &str| refuse(Reason::Link, why);
    let optimises = |flag: &&Flag| ["-flto", "-flto="].contains(&flag.row.flag);
    let last = all.0.iter().rev().find(optimises);
    if last.is_some_and(|flag| flag.value.as_deref() != Some("-fno-lto")) {
        return refused("a link with link-time optimisation is not cached");
    }
    if sources == 0 {
        return Ok(());
    }
    if all.any(|effect| effect.writes.is_some()) {
        return refused(
            "the sources are compiled in the same command, and further files are written for each",
        );
    }
    let has_depfile = all.given("-MD") || all.given("-MMD");
    if has_depfile && (all.last("-MF").is_none() || sources > 1) {
        return refused("the sources are compiled in the same command, and a depfile is written for each");
    }
    // A name that the driver chose for an object can only be found where it is not compressed.
    if all.compresses() || all.0.iter().any(|flag| flag.row.flag == "--compress-debug-sections") {
        return refused("the sources are compiled in the same command, and the output is compressed");
    }
    Ok(())
}

/// The input that may be what the output was before the link.
fn reads_output<'a>(all: &Flags<'a>, output: &Path, cwd: &Path) -> Option<&'a str> {
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    let real = output.canonicalize().ok();
    let is_library = |library: &str| match library.strip_prefix(':') {
        Some(file) => file == name,
        None => [".so", ".a"].iter().any(|ending| name == format!("lib{library}{ending}")),
    };
    let is_output = |path: &str| {
        let path = absolute(cwd, Path::new(path));
        path == output || real.is_some() && path.canonicalize().ok() == real
    };
    let mut flags = all.0.iter().filter_map(|flag| Some((flag.row.flag, flag.value.as_deref()?)));
    let found = flags.find(|(flag, value)| match *flag {
        "-l" | "--library" => is_library(value),
        "input" | "--just-symbols" | "-R" => is_output(value),
        _ => false,
    });
    found.map(|(_, value)| value)
}

/// Whether rustc made an object for one run of its linker. Its results, large as programs are, would never be found again.
fn is_made_for_one_link(input: &str) -> bool {
    let path = Path::new(input);
    let dir = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    path.file_name().is_some_and(|name| name == "symbols.o") && dir.starts_with("rustc")
}

fn texts(all: &Flags, cwd: &Path) -> Vec<(PathBuf, Text)> {
    let named = all.0.iter().filter_map(|flag| Some((flag.row.effect.names_output?, flag.value.as_deref()?)));
    let sort = |what| if what == "map" { Text::Map } else { Text::Rules };
    named.map(|(what, path)| (absolute(cwd, Path::new(path)), sort(what))).collect()
}

fn is_assembly(input: &str) -> bool {
    let extension = Path::new(input).extension().and_then(|e| e.to_str());
    extension.is_some_and(|e| ["s", "S", "sx"].contains(&e))
}

fn unit(input: &str, output: &Path, all: &Flags) -> Unit {
    let var = |name| std::env::var(name).unwrap_or_default();
    let emit = match () {
        () if all.given("-r") || all.given("--relocatable") => "relocatable",
        () if all.given("-shared") || all.given("--shared") => "shared",
        () => "program",
    };
    Unit {
        family: FAMILY.to_string(),
        package: format!("{} {}", var("CARGO_PKG_NAME"), var("CARGO_PKG_VERSION")).trim().to_string(),
        name: output.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        kind: "link".to_string(),
        emit: emit.to_string(),
        // Becomes portable together with the source.
        extra: output.display().to_string(),
        source: input.to_string(),
        label_by: LabelBy::Output,
    }
}

/// What is known of a link that is not cached.
pub fn describe(request: &Request) -> (Unit, Kind) {
    let words = || request.args.iter().filter_map(|arg| arg.to_str()).filter(|word| !word.starts_with('-'));
    let is_trial = words().any(|word| gnu::is_trial(word, &request.cwd));
    let unit = Unit {
        family: FAMILY.to_string(),
        name: request.program.display().to_string(),
        kind: "link".to_string(),
        ..Unit::default()
    };
    (unit, if is_trial { Kind::Probe } else { Kind::Unit })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn request(line: &str) -> Request {
        let args = line.split_whitespace().map(OsString::from).collect();
        Request::new("/usr/bin/gcc", args, "/w/build")
    }

    fn parsed(line: &str) -> Result<LinkCommand, Reason> {
        parse(&request(line)).map_err(|why| why.reason)
    }

    #[test]
    fn a_link_is_told_from_a_compile_and_a_question() {
        for line in ["a.o", "a.c -o a", "-shared a.o", "-o a @none a.o"] {
            assert_eq!(links(&request(line)), !line.contains('@'), "{line}");
        }
        for line in ["-c a.c", "a.c -S", "-E a.c", "-MM a.c", "--version", "-print-file-name=x", "-v", ""] {
            assert!(!links(&request(line)), "{line}");
        }
    }

    #[test]
    fn outputs_are_planned_from_the_flags() {
        for (line, outputs, compiles) in [
            ("a.o", &["/w/build/a.out"][..], false),
            ("a.o libx.so.1 y.ld -o bin/a", &["/w/build/bin/a"], false),
            ("a.o -Wl,-Map,x.map -o a", &["/w/build/a", "/w/build/x.map"], false),
            ("a.o -Xlinker --dependency-file=/d -o a", &["/w/build/a", "/d"], false),
            ("a.c b.o -o a", &["/w/build/a"], true),
            ("-MMD -MF a.d a.c -o a", &["/w/build/a", "/w/build/a.d"], true),
            ("-Wp,-MMD,a.d a.c -o a", &["/w/build/a", "/w/build/a.d"], true),
            ("-MMD -MF a.d a.o -o a", &["/w/build/a"], false),
        ] {
            let link = parsed(line).unwrap();
            let planned: Vec<_> = link.invocation.outputs.exact.iter().map(|p| p.to_str().unwrap()).collect();
            assert_eq!((&planned[..], link.compiles), (outputs, compiles), "{line}");
        }
    }

    #[test]
    fn inputs_keep_their_place_among_the_flags() {
        let link = parsed("a.o -Wl,--whole-archive b.a -Wl,--no-whole-archive -lc c.o").unwrap();
        let flags: Vec<_> = link.invocation.flags.iter().map(|flag| flag.row.flag).collect();
        assert_eq!(flags, ["input", "--whole-archive", "input", "--no-whole-archive", "-l", "input"]);
    }

    #[test]
    fn what_kache_does_not_cache_is_refused_for_its_reason() {
        for (line, reason) in [
            ("-o a", Reason::NoInput),
            ("a.o -o /dev/null", Reason::OddOutput),
            ("a.f90 b.o", Reason::Language),
            ("a.cu b.o", Reason::Language),
            ("-x cuda a.cc", Reason::Language),
            ("-x f95 a.x b.o", Reason::Language),
            ("a.h b.c -o a", Reason::PrecompiledHeader),
            ("-x c -", Reason::Stdin),
            ("a.o -flto", Reason::Link),
            ("a.o -flto=auto", Reason::Link),
            ("a.c -MMD", Reason::Link),
            ("a.c b.c -MMD -MF a.d", Reason::Link),
            ("a.c --coverage", Reason::Link),
            ("a.c -gz", Reason::Link),
            ("a.o -Wl,--build-id=uuid", Reason::UnsupportedFlag),
            ("a.o -Wl,--no-such-flag", Reason::UnknownFlag),
            ("a.o -Wl,-rpath b.o -Wl,/x", Reason::Malformed),
            ("a.o -save-temps", Reason::UnsupportedFlag),
            ("-shared a.o -lx -o libx.so", Reason::Link),
            ("-shared a.o -l:libx.so -o libx.so", Reason::Link),
            ("-r a.o b.o -o ./a.o", Reason::Link),
            ("/tmp/rustcA1b2C3/symbols.o b.o", Reason::Link),
        ] {
            assert_eq!(parsed(line).err(), Some(reason), "{line}");
        }
        for line in ["a.o -flto -fno-lto", "a.o --coverage", "a.o -gz", "a.o -MMD", "a.o -Wl,-rpath -Wl,/x"] {
            assert!(parsed(line).is_ok(), "{line}");
        }
    }
}
