//! The GNU dialect of C compilers: gcc, clang, and what is called like them.
//!
//! One source compiled to one object or assembly file is an invocation; all else (linking, preprocessing alone, several
//! sources) passes through with its reason. Which files a compile may leave behind is planned from its flags: a file that
//! no plan names makes the result unstorable, so a flag that writes one and is not known to cannot do harm.
//!
//! | flag | leaves, beside the object `dir/x.o` |
//! | --- | --- |
//! | `-MD`, `-MMD` | `dir/x.d`, or what `-MF` names |
//! | `-Wp,-MD,file`, `-Wp,-MMD,file` | `file` |
//! | `-gsplit-dwarf` | `dir/x.dwo` |
//! | `--coverage`, `-ftest-coverage`, `-fprofile-arcs` | `dir/x.gcno` |
//! | `-fstack-usage` | `dir/x.su` |

use super::flags::{self, Bucket, Flag, Flags, Form, Row};
use super::{Adapter, Capabilities, Command, Invocation, OutputNames, gnu_flags, response};
use kache_core::events::{Kind, Unit};
use kache_core::paths::absolute;
use kache_core::platform;
use kache_core::reason::{NotCacheable, Reason};
use kache_core::template::{self, Format};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The family.
pub static ADAPTER: Adapter = Adapter {
    name: "gnu",
    family: "cc",
    recognises,
    table: gnu_flags::TABLE,
    parse,
    sysroot: None,
    capabilities,
    maps,
    tells_macros,
    crates: false,
    policy: &crate::policies::C,
};

/// Plain names; a target may stand in front and a version behind.
const NAMES: &[&str] = &["gcc", "g++", "clang", "clang++"];

/// `x86_64-linux-gnu-g++-12` is `g++`. What `cc` is, its file tells (`compiler::behind`).
fn recognises(name: &str) -> bool {
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let plain = if plain.len() < name.len() { plain.strip_suffix('-').unwrap_or(plain) } else { name };
    NAMES.iter().any(|n| plain == *n || plain.strip_suffix(n).is_some_and(|target| target.ends_with('-')))
}

/// By which flags a root is mapped. Those of the user are to win, and which flag wins is no simple matter: with gcc
/// `-ffile-prefix-map` before `-fmacro-prefix-map` wherever they stand, with clang the longest prefix, and the first of
/// equal ones. So where the user maps, each kind is told for itself, and none that a prefix of the user's covers.
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
    // clang warns of a flag for macros where there are none to be expanded.
    let no_macros = language == "assembler" || language.ends_with("cpp-output");
    match (own(EACH[0]).any(covers), no_macros || own(EACH[1]).any(covers)) {
        (false, false) => &EACH,
        (false, true) => &EACH[..1],
        (true, false) => &EACH[1..],
        (true, true) => &[],
    }
}

/// gcc's `-dU` prints the definition of each macro that was expanded or asked for, and no others. clang has nothing like it.
fn tells_macros(invocation: &Invocation, capabilities: Capabilities) -> Option<Vec<OsString>> {
    const WRITE: &[&str] = &["-o", "-c", "-S", "-MD", "-MMD", "-MF", "-MT", "-MQ", "-MP", "-gsplit-dwarf"];
    if capabilities.report == Format::ClangDepfile || !invocation.response_files.is_empty() {
        return None;
    }
    let given: Vec<String> =
        invocation.args.iter().map(|a| a.to_str().map(String::from)).collect::<Option<_>>()?;
    let (mut words, mut kept) = (given.iter(), vec![OsString::from("-E"), OsString::from("-dU")]);
    while let Some(word) = words.next() {
        let rest = words.len();
        let writes = word.starts_with('-') && {
            let flag = flag(word, &mut words).ok()?;
            WRITE.contains(&flag.row.flag)
        };
        if !writes {
            kept.push(word.into());
            kept.extend(given[given.len() - rest..given.len() - words.len()].iter().map(OsString::from));
        }
    }
    Some(kept)
}

/// Variables by which a compiler is told to write of each of its runs: the user's, and not the questions that are asked
/// here.
const WRITES: &[&str] = &[
    "DEPENDENCIES_OUTPUT",
    "SUNPRO_DEPENDENCIES",
    "CC_PRINT_OPTIONS",
    "CC_PRINT_HEADERS",
    "CC_PRINT_PROC_STAT",
    "CC_LOG_DIAGNOSTICS",
];

/// A run of a compiler that nobody but kache has asked for.
pub fn quiet(ask: &mut std::process::Command) -> &mut std::process::Command {
    for name in WRITES {
        ask.env_remove(name);
    }
    ask.env("KACHE_DISABLE", "1").stdin(std::process::Stdio::null())
}

/// gcc maps paths from version 8 on, clang from 10; what clang assembles has its true paths until somewhere after 14.
/// Asked rather than told by version, since vendors carry patches.
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
    let report = if clang { Format::ClangDepfile } else { Format::GccDepfile };
    Capabilities { maps, maps_assembly, report }
}

/// Languages that are compiled, by what `-x` calls them, with the endings of their files.
const LANGUAGES: &[(&str, &[&str])] = &[
    ("c", &["c"]),
    ("cpp-output", &["i"]),
    ("c++", &["cc", "cp", "cxx", "cpp", "CPP", "c++", "C"]),
    ("c++-cpp-output", &["ii"]),
    ("objective-c", &["m"]),
    ("objective-c-cpp-output", &["mi"]),
    ("objective-c++", &["mm", "M"]),
    ("objective-c++-cpp-output", &["mii"]),
    ("assembler", &["s"]),
    ("assembler-with-cpp", &["S", "sx"]),
];

fn parse(command: &Command) -> Result<Invocation, NotCacheable> {
    let opened = response::open(&command.args, &command.cwd)?;
    let (flags, inputs) = split(&opened.words)?;
    let all = Flags(&flags);
    if let Some(f) = flags.iter().find(|f| f.row.bucket == Bucket::Unsupported) {
        return Err(NotCacheable::new(Reason::UnsupportedFlag, format!("{}: {}", f.row.flag, f.row.why)));
    }
    let emit = stage(&all)?;
    let (input, language) = source(&inputs)?;
    refuse_nested(&all)?;
    let mut plan = Plan::of(&all, emit, &input, &command.cwd);
    let depinfo = plan.depfile(&all)?;
    plan.aside(&all);
    let spelled: Vec<&str> = gnu_flags::SPELLED.iter().copied().filter(|f| all.given(f)).collect();
    let literal_paths = spelled.iter().any(|f| !BITCODE.contains(f)) || hides_paths(&all);
    let (settings, inject) = diagnostics(&all, &opened.words)?;
    let native = ["-march=", "-mtune=", "-mcpu="].iter().any(|f| all.last(f) == Some("native"));
    let unit = unit(&input, language, emit, plan.object.as_deref());
    Ok(Invocation {
        adapter: &ADAPTER,
        program: command.program.clone(),
        lead: Vec::new(),
        args: command.args.clone(),
        kind: if is_trial(&input, &command.cwd) { Kind::Probe } else { Kind::Unit },
        unit,
        depinfo,
        search: Vec::new(),
        incremental: None,
        literal_paths,
        native_cpu: native,
        outputs: plan.names,
        response_files: opened.files,
        makes_bitcode: !spelled.is_empty(),
        debugs_assembly: language.starts_with("assembler")
            && flags.iter().any(|f| f.row.flag.starts_with("-g") && f.row.flag != "-g0"),
        plugin: given_any(&all, &["-fplugin=", "-fpass-plugin="]) || all.values("-Xclang").any(loads_code),
        input,
        cwd: command.cwd.clone(),
        settings,
        inject,
        flags,
    })
}

/// A source and the language that `-x` gives it, if it does.
type Input = (String, Option<String>);

/// Flags with their rows, and the inputs.
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

fn flag<'a>(word: &str, words: &mut impl Iterator<Item = &'a String>) -> Result<Flag, NotCacheable> {
    let Some((row, negated)) = row(word) else {
        return Err(NotCacheable::new(
            Reason::UnknownFlag,
            format!("{word}: no row of the flag table knows it"),
        ));
    };
    Flag::take(row, negated, word, words)
}

/// The row of a word; `-fno-x` has that of `-fx` where it has none of its own.
pub(super) fn row(word: &str) -> Option<(&'static Row, bool)> {
    flags::row_or_positive(word, gnu_flags::find)
}

/// How far the compile goes: to an object, or to assembly.
fn stage(all: &Flags) -> Result<&'static str, NotCacheable> {
    if all.given("-fsyntax-only") {
        return Ok("nothing");
    }
    if all.given("-S") {
        return Ok("assembly");
    }
    if all.given("-c") {
        return Ok("object");
    }
    Err(NotCacheable::new(Reason::Link, "without -c or -S the compiler also links, and a link is not cached"))
}

/// The one source and its language.
fn source(inputs: &[Input]) -> Result<(String, &'static str), NotCacheable> {
    let (name, told) = match inputs {
        [] => return Err(NotCacheable::new(Reason::NoInput, "no source file is named")),
        [one] => one,
        many => {
            let names: Vec<&str> = many.iter().map(|(n, _)| n.as_str()).collect();
            return Err(NotCacheable::new(Reason::SeveralInputs, names.join(" ")));
        }
    };
    if name == "-" || name == "/dev/stdin" {
        return Err(NotCacheable::new(Reason::Stdin, "the source comes from standard input"));
    }
    let ending = Path::new(name).extension().and_then(|e| e.to_str()).unwrap_or("");
    let known = LANGUAGES.iter().find(|(language, endings)| match told {
        Some(told) => told == language,
        None => endings.contains(&ending),
    });
    let what = told.as_deref().unwrap_or(ending);
    match known {
        Some((language, _)) => Ok((name.clone(), language)),
        None if what.ends_with("header")
            || ["h", "H", "hh", "hp", "hpp", "hxx", "HPP", "h++", "tcc"].contains(&what) =>
        {
            Err(NotCacheable::new(Reason::PrecompiledHeader, "making a precompiled header is not cached"))
        }
        None => Err(NotCacheable::new(
            Reason::Language,
            format!("{name}: `{what}` is no language that is cached"),
        )),
    }
}

/// Flags that other flags carry inside, where they would change what is planned.
fn refuse_nested(all: &Flags) -> Result<(), NotCacheable> {
    if all.values("-arch").count() > 1 {
        return Err(NotCacheable::new(Reason::SeveralArchitectures, "one compile for several architectures"));
    }
    const MAKES: &[&str] =
        &["-emit-pch", "-emit-module", "-emit-header-unit", "-generate-pch", "-ast-dump", "-E", "-M"];
    for word in all.values("-Xclang").chain(all.values("-Xpreprocessor")) {
        if MAKES.contains(&word) || word.starts_with("-M") || word.starts_with("-fmodule") {
            return Err(NotCacheable::new(
                Reason::UnsupportedFlag,
                format!("{word}, handed on by another flag"),
            ));
        }
    }
    // The assembler's listing goes where the compiler prints, or to a file of its own.
    if let Some(listing) = all.values("-Wa,").flat_map(|v| v.split(',')).find(|w| is_listing(w)) {
        return Err(NotCacheable::new(
            Reason::UnsupportedFlag,
            format!("-Wa,{listing}: a listing, with times and paths"),
        ));
    }
    Ok(())
}

/// `-a`, `-alh=file`, and not `-arch` or `-am33`.
fn is_listing(word: &str) -> bool {
    let Some(letters) = word.strip_prefix("-a") else { return false };
    letters.split('=').next().unwrap_or("").chars().all(|c| "cdghilmns".contains(c))
}

/// Whether clang is told to run code that is not its own.
pub(super) fn loads_code(word: &str) -> bool {
    ["-load", "-add-plugin", "-plugin"].contains(&word) || word.starts_with("-fpass-plugin")
}

/// Of `gnu_flags::SPELLED`, those with which only clang writes true paths: into the bitcode.
const BITCODE: &[&str] = &["-flto", "-flto=", "-emit-llvm"];

/// Whether paths that no flag maps may be in what is compressed, where nobody would find them.
fn hides_paths(all: &Flags) -> bool {
    const UNMAPPED: &[&str] =
        &["-fsanitize", "-fopenmp", "-gsplit-dwarf", "-gctf", "-gbtf", "-fxray", "-fopenacc"];
    let begins = |f: &Flag, with: &[&str]| with.iter().any(|w| f.row.flag.starts_with(w));
    let compressed = |f: &Flag| {
        let value = f.value.as_deref().unwrap_or("");
        begins(f, &["-gz", "-flto"]) || f.row.flag == "-Wa," && value.contains("compress")
    };
    all.0.iter().any(compressed) && all.0.iter().any(|f| begins(f, UNMAPPED))
}

fn given_any(all: &Flags, names: &[&str]) -> bool {
    names.iter().any(|n| all.given(n))
}

/// The files of a compile.
struct Plan {
    names: OutputNames,
    /// As the compiler is told, or chooses; none where nothing is written, or to standard output.
    object: Option<PathBuf>,
    cwd: PathBuf,
}

impl Plan {
    fn of(all: &Flags, emit: &str, input: &str, cwd: &Path) -> Plan {
        let ending = match (emit, all.given("-emit-llvm")) {
            ("assembly", false) => "s",
            ("assembly", true) => "ll",
            (_, false) => "o",
            (_, true) => "bc",
        };
        let stem = Path::new(Path::new(input).file_name().unwrap_or_default());
        let object = match all.last("-o") {
            _ if emit == "nothing" => None,
            Some("-") => None,
            Some(o) => Some(absolute(cwd, Path::new(o))),
            None => Some(cwd.join(stem.with_extension(ending))),
        };
        let dir = object.as_deref().and_then(Path::parent).unwrap_or(cwd).to_path_buf();
        // A device is written to, not left behind.
        let exact = object.iter().filter(|o| !o.starts_with("/dev")).cloned().collect();
        Plan { names: OutputNames { dir, stem: String::new(), exact }, object, cwd: cwd.to_path_buf() }
    }

    /// What is left beside the object, under another ending.
    fn beside(&self, ending: &str) -> Option<PathBuf> {
        Some(self.object.as_ref()?.with_extension(ending))
    }

    /// Where the list of what was read is written.
    fn depfile(&mut self, all: &Flags) -> Result<Option<PathBuf>, NotCacheable> {
        let handed: Vec<&str> = all.values("-Wp,").collect();
        let mut words = handed.iter().flat_map(|v| v.split(',')).skip_while(|w| !["-MD", "-MMD"].contains(w));
        let by_preprocessor = words.next().is_some().then(|| words.next()).flatten();
        if handed.iter().flat_map(|v| v.split(',')).any(|w| ["-M", "-MM", "-MF", "-MG"].contains(&w)) {
            return Err(NotCacheable::new(
                Reason::UnsupportedFlag,
                "-Wp,-M…: a list of headers, asked for in an odd way",
            ));
        }
        let path = if let Some(file) = by_preprocessor {
            Some(absolute(&self.cwd, Path::new(file)))
        } else if all.given("-MD") || all.given("-MMD") {
            match all.last("-MF") {
                Some("-") => {
                    return Err(NotCacheable::new(
                        Reason::UnsupportedFlag,
                        "-MF -: a list of headers to standard output",
                    ));
                }
                Some(file) => Some(absolute(&self.cwd, Path::new(file))),
                None => self.beside("d"),
            }
        } else {
            None
        };
        let path = path.filter(|p| !p.starts_with("/dev"));
        self.names.exact.extend(path.clone());
        Ok(path)
    }

    fn aside(&mut self, all: &Flags) {
        let mut also = Vec::new();
        if all.0.iter().any(|f| f.row.flag.starts_with("-gsplit-dwarf")) {
            also.push("dwo");
        }
        if given_any(all, &["--coverage", "-coverage", "-ftest-coverage", "-fprofile-arcs"]) {
            also.push("gcno");
        }
        if all.given("-fstack-usage") {
            also.push("su");
        }
        let planned: Vec<PathBuf> = also.iter().filter_map(|ending| self.beside(ending)).collect();
        self.names.exact.extend(planned);
    }
}

/// How a caller wants diagnostics: by name; and what makes a run into a pipe print them so.
type Diagnostics = (Vec<(&'static str, String)>, Vec<OsString>);

/// How the caller wants diagnostics.
pub(super) fn diagnostics(all: &Flags, words: &[String]) -> Result<Diagnostics, NotCacheable> {
    const COLOURS: &[&str] =
        &["-fdiagnostics-color=", "-fdiagnostics-color", "-fcolor-diagnostics", "-fansi-escape-codes"];
    let told = all.0.iter().rev().find(|f| COLOURS.contains(&f.row.flag));
    let auto = told.is_some_and(|f| f.value.as_deref() == Some("auto"));
    let plain = std::env::var_os("TERM").is_none_or(|t| t == "dumb");
    let terminal = !plain && (told.is_none() || auto) && platform::terminal_width().is_some();
    if terminal && auto {
        // It would win over what stands before it, and behind a `--` no flag can stand.
        return Err(NotCacheable::new(
            Reason::UnsupportedFlag,
            "-fdiagnostics-color=auto, written out on a terminal",
        ));
    }
    let inject = if terminal { vec!["-fdiagnostics-color=always".into()] } else { Vec::new() };
    let shown =
        |word: &&String| row(word).is_some_and(|(r, _)| r.bucket == Bucket::Relevant(Form::Diagnostics));
    let style: Vec<&str> = words.iter().filter(shown).map(String::as_str).collect();
    let locale: Vec<String> = ["LC_ALL", "LC_MESSAGES", "LC_CTYPE", "LANG", "LANGUAGE", "GCC_COLORS"]
        .iter()
        .map(|name| std::env::var(name).unwrap_or_default())
        .collect();
    let color = if terminal { "terminal" } else { "" };
    let settings =
        vec![("color", color.to_string()), ("style", style.join(" ")), ("locale", locale.join(":"))];
    Ok((settings, inject))
}

/// A compile by which a configure script, CMake, or the `cc` crate asks what the compiler can do.
pub fn is_trial(input: &str, cwd: &Path) -> bool {
    const NAMES: &[&str] = &["conftest", "flag_check", "detect_compiler_family"];
    let stem = Path::new(input).file_stem().unwrap_or_default().to_string_lossy();
    let cmake = ["CMakeScratch", "CMakeTmp", "CompilerIdC", "CompilerIdCXX"];
    let within = |p: &Path| p.components().any(|c| cmake.iter().any(|m| c.as_os_str() == *m));
    // Mozilla's configure puts a random word behind.
    let plain = stem.split('.').next().unwrap_or_default();
    // OpenSSL asks for the assembler's version with nothing to assemble.
    NAMES.contains(&plain) || input == "/dev/null" || within(Path::new(input)) || within(cwd)
}

/// What a compile builds.
pub(super) fn unit(input: &str, language: &str, emit: &str, object: Option<&Path>) -> Unit {
    let var = |n| std::env::var(n).unwrap_or_default();
    let name = |p: &Path| p.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Unit {
        family: ADAPTER.family.to_string(),
        package: format!("{} {}", var("CARGO_PKG_NAME"), var("CARGO_PKG_VERSION")).trim().to_string(),
        name: object.map_or_else(|| name(Path::new(input)), name),
        kind: language.to_string(),
        emit: emit.to_string(),
        // Made portable with the source, once the roots are known.
        extra: object.map(|o| o.display().to_string()).unwrap_or_default(),
        source: input.to_string(),
    }
}
