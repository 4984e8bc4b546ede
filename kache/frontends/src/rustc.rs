//! rustc, and clippy's driver, which is rustc with more lints.

use crate::family::{Capabilities, Family};
use crate::flags::{EmbedsPath, Flag, Flags, Row, Takes, unknown};
use crate::invocation::{Invocation, Language, Makes};
use crate::{response, rustc_flags, toolchain};
use kache_core::action::{OutputNames, Request};
use kache_core::digest::Digest;
use kache_core::events::{Kind, LabelBy, Unit};
use kache_core::paths::absolute;
use kache_core::platform::{self, Stream};
use kache_core::reason::{NotCacheable, Reason, refuse};
use kache_core::template::Format;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

pub static FAMILY: Family = Family {
    name: "rustc",
    family: "rustc",
    recognises,
    table: rustc_flags::TABLE,
    parse,
    sysroot: Some(toolchain::sysroot_of_rustc),
    capabilities: |_, _| Capabilities { maps: true, maps_assembly: true, report: Format::DepInfo },
    maps: |_, _| &["--remap-path-prefix="],
    tells_source: None,
    unmappable: &[],
    correct: None,
    runs_beside_itself: false,
    tells_macros: |_, _| None,
    language: Language::Rust,
    policy: |_| &crate::policies::RUSTC,
};

fn recognises(name: &str) -> bool {
    matches!(name, "rustc" | "clippy-driver")
}

/// The values of `--print` that rustc answers without compiling.
const QUESTIONS: &str = "\
    cfg check-cfg crate-name file-names host-tuple split-debuginfo sysroot target-cpus target-features \
    target-libdir target-list code-models relocation-models tls-models calling-conventions \
    supported-crate-types deployment-target crate-root-lint-levels";

fn parse(command: &Request) -> Result<Invocation, NotCacheable> {
    let mut args = command.args.clone();
    let mut lead = Vec::new();
    // `clippy-driver rustc …`: the driver drops the first argument.
    if is_rustc(args.first()) {
        lead.push(args.remove(0));
    }
    let words = words(&args, &command.cwd)?;
    let (flags, inputs) = split(&words, rustc_flags::find)?;
    let all = Flags(&flags);
    all.refuse_unsupported()?;
    // rustc takes `--color` only once, and with `auto` it prints other diagnostics into a pipe than on a terminal.
    if all.last("--color") == Some("auto") && colours_of_terminal(&all).is_some() {
        return refuse(Reason::UnsupportedFlag, "--color=auto on a terminal");
    }
    let probe = probe(&all, &inputs)?;
    let input = match (&inputs[..], probe) {
        (_, true) => String::new(),
        ([one], _) => one.clone(),
        ([], _) => return refuse(Reason::NoInput, "no source file is named"),
        (many, _) => return refuse(Reason::SeveralInputs, many.join(" ")),
    };
    let emit = emit(&all);
    let stdin = match &*input {
        "-" => Some(source_on_stdin(&emit)?),
        _ => None,
    };
    let (settings, inject) = diagnostics(&all);
    let to_null = metadata_to_null(&all, &input, &emit);
    let makes_files = !probe && !to_null;
    let mut outputs = if makes_files {
        outputs(&all, &input, &emit, &command.cwd)
    } else {
        OutputNames { to_null, ..OutputNames::default() }
    };
    if makes_files {
        refuse_odd_outputs(&all, &emit, &outputs, &command.cwd)?;
    }
    let depinfo = depinfo(&emit, &outputs, &command.cwd);
    outputs.exact.extend(depinfo.clone());
    let kind = if probe { Kind::Probe } else { kind_from_environment() };
    let clippy = command.program.file_stem().is_some_and(|n| n == "clippy-driver");
    Ok(Invocation {
        language: Language::Rust,
        program: command.program.clone(),
        lead,
        args,
        unit: unit(&all, &input, &emit, clippy),
        kind,
        depinfo,
        search: all
            .values("-L")
            .filter_map(|v| v.strip_prefix("dependency="))
            .map(|dir| absolute(&command.cwd, Path::new(dir)))
            .collect(),
        incremental: all.last("-C incremental").map(|p| absolute(&command.cwd, Path::new(p))),
        literal_paths: all.any_on(|e| e.embeds_path == EmbedsPath::Always),
        native_cpu: all.native_cpu(),
        makes: Makes::Code,
        outputs,
        response_files: Vec::new(),
        plugin: false,
        debugs_assembly: false,
        makes_bitcode: false,
        input,
        stdin,
        cwd: command.cwd.clone(),
        settings,
        inject,
        flags,
    })
}

/// The digest of a source that comes from standard input. rustc reads it to its end, whatever else it does.
fn source_on_stdin(emit: &[(String, Option<String>)]) -> Result<Digest, NotCacheable> {
    if emit.iter().any(|(kind, _)| kind == "dep-info") {
        return refuse(Reason::Stdin, "dep-info of a source on standard input");
    }
    let failed =
        |e: io::Error| NotCacheable::new(Reason::Stdin, format!("the source on standard input: {e}"));
    platform::take_stdin().map(|text| Digest::of(&text)).map_err(failed)
}

/// The arguments with which rustc writes dep-info to `path` and nothing else.
pub fn report_only(invocation: &Invocation, path: &Path) -> Vec<OsString> {
    let mut args = vec![OsString::from("--emit=dep-info=")];
    args[0].push(path);
    let others = invocation.flags.iter().filter(|flag| !flag.row.effect.skip_when_reporting);
    others.for_each(|flag| spell(flag, &mut args));
    args.push("--".into());
    args.push(invocation.input.as_str().into());
    args
}

/// Adds a flag to arguments.
pub(crate) fn spell(flag: &Flag, args: &mut Vec<OsString>) {
    let Flag { row, value } = flag;
    let (name, option) = row.flag.split_once(' ').map_or((row.flag, None), |(n, o)| (n, Some(o)));
    args.push(name.into());
    match (option, value) {
        (Some(option), Some(value)) => args.push(format!("{option}={value}").into()),
        (Some(option), None) => args.push(option.into()),
        (None, Some(value)) => args.push(value.into()),
        (None, None) => {}
    }
}

/// Whether the source must have a function `main`.
pub(crate) fn makes_program(invocation: &Invocation) -> bool {
    let all = Flags(&invocation.flags);
    let mut kinds = all.values("--crate-type").flat_map(|kinds| kinds.split(',')).peekable();
    kinds.peek().is_none() || kinds.any(|kind| kind == "bin")
}

fn is_rustc(arg: Option<&OsString>) -> bool {
    arg.is_some_and(|a| Path::new(a).file_stem().is_some_and(|n| n == "rustc"))
}

/// A compile that a build script starts tests the compiler: cargo sets `CARGO_CRATE_NAME` for its own compiles only.
pub fn kind_from_environment() -> Kind {
    let from_build_script = env_is_set("TARGET") && env_is_set("NUM_JOBS") && !env_is_set("CARGO_CRATE_NAME");
    if from_build_script { Kind::Probe } else { Kind::Unit }
}

/// Whether a compile makes a build script for this machine: cargo names its crate by the file of the source.
pub fn links_build_script(invocation: &Invocation) -> bool {
    let all = Flags(&invocation.flags);
    all.last("--crate-name").is_some_and(|name| name.starts_with("build_script_"))
        && all.values("--crate-type").eq(["bin"])
        && all.last("--target").is_none()
        && all.values("--emit").flat_map(|v| v.split(',')).any(|emit| emit == "link")
        && env_is_set("CARGO_PKG_NAME")
}

fn env_is_set(name: &str) -> bool {
    std::env::var_os(name).is_some()
}

/// The arguments with those of response files (`@path`, one argument per line).
pub(crate) fn words(args: &[OsString], cwd: &Path) -> Result<Vec<String>, NotCacheable> {
    let mut out = Vec::with_capacity(args.len());
    for arg in args {
        let text = response::text(arg)?;
        match text.strip_prefix('@') {
            Some(name) => out.extend(response::read(name, cwd)?.1.lines().map(str::to_string)),
            None => out.push(text.to_string()),
        }
    }
    Ok(out)
}

/// Finds the row of a flag.
type Find = fn(&str) -> Option<&'static Row>;

/// Flags and inputs, by the grammar of the `getopts` crate, which rustc and rustdoc use.
pub(crate) fn split(words: &[String], find: Find) -> Result<(Vec<Flag>, Vec<String>), NotCacheable> {
    let (mut flags, mut inputs) = (Vec::new(), Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            inputs.extend(words.by_ref().cloned());
        } else if word.starts_with("--") {
            let (name, value) = match word.split_once('=') {
                Some((n, v)) => (n, Some(v.to_string())),
                None => (word.as_str(), None),
            };
            flags.push(flag(name, value, &mut words, find)?);
        } else if word.starts_with('-') && word.len() > 1 {
            let (name, rest) = word.split_at(word.char_indices().nth(2).map_or(word.len(), |(i, _)| i));
            let row = find(name);
            if row.is_some_and(|r| r.takes == Takes::Nothing) && !rest.is_empty() {
                // `-vV` is `-v -V`.
                for c in word[1..].chars() {
                    flags.push(flag(&format!("-{c}"), None, &mut words, find)?);
                }
                continue;
            }
            flags.push(flag(name, (!rest.is_empty()).then(|| rest.to_string()), &mut words, find)?);
        } else {
            inputs.push(word.clone());
        }
    }
    Ok((flags, inputs))
}

fn flag<'a>(
    name: &str,
    value: Option<String>,
    words: &mut impl Iterator<Item = &'a String>,
    find: Find,
) -> Result<Flag, NotCacheable> {
    let lacking = || NotCacheable::new(Reason::Malformed, format!("{name} has no value"));
    let name = if name == "--codegen" { "-C" } else { name };
    if name == "-C" || name == "-Z" {
        let option = value.or_else(|| words.next().cloned()).ok_or_else(lacking)?;
        let (key, value) = match option.split_once('=') {
            Some((k, v)) => (k, Some(v.to_string())),
            None => (option.as_str(), None),
        };
        let full = format!("{name} {}", key.replace('_', "-"));
        // The spelling with underscores may have its own row.
        let own = key.contains('_').then(|| find(&format!("{name} {key}"))).flatten();
        let row = own.or_else(|| find(&full)).ok_or_else(|| unknown(&full))?;
        return Ok(Flag { row, value });
    }
    let row = find(name).ok_or_else(|| unknown(name))?;
    let value = match row.takes {
        Takes::Nothing => None,
        _ => Some(value.or_else(|| words.next().cloned()).ok_or_else(lacking)?),
    };
    Ok(Flag { row, value })
}

/// Whether the command line only asks a question. kache does not answer a question that needs standard input.
fn probe(all: &Flags, inputs: &[String]) -> Result<bool, NotCacheable> {
    let prints: Vec<&str> = all.values("--print").collect();
    if prints.is_empty() && !all.given("-V") {
        return Ok(false);
    }
    if let Some(other) = prints.iter().find(|p| !QUESTIONS.split(' ').any(|question| question == **p)) {
        return refuse(Reason::Print, format!("--print {other} may depend on a compile"));
    }
    match inputs {
        [] => Ok(true),
        [one] if one == "-" && platform::is_null(Stream::Input) => Ok(true),
        [one] if one == "-" => refuse(Reason::Stdin, "a question with a source on standard input"),
        _ => refuse(Reason::Print, "--print beside a source file"),
    }
}

fn emit(all: &Flags) -> Vec<(String, Option<String>)> {
    let mut out: Vec<(String, Option<String>)> = all
        .values("--emit")
        .flat_map(|v| v.split(','))
        .map(|k| match k.split_once('=') {
            Some((k, p)) => (k.to_string(), Some(p.to_string())),
            None => (k.to_string(), None),
        })
        .collect();
    if out.is_empty() {
        out.push(("link".to_string(), None));
    }
    out.sort();
    out
}

/// Settings of diagnostics by name, and the arguments that make a rustc that writes into a pipe use them: rustc checks
/// whether its standard error is a terminal, and kache captures it through a pipe.
fn diagnostics(all: &Flags) -> (Vec<(&'static str, String)>, Vec<OsString>) {
    let mut inject = Vec::new();
    let mut color = all.last("--color").unwrap_or("auto").to_string();
    let mut width = all.last("--diagnostic-width").map(str::to_string);
    if color == "auto" && colours_of_terminal(all).is_some() {
        color = "always".to_string();
        inject.push("--color=always".into());
    }
    if let Some(columns) = terminal(all)
        && width.is_none()
    {
        inject.push(format!("--diagnostic-width={columns}").into());
        width = Some(columns.to_string());
    }
    let styles: Vec<&str> =
        all.values("--json").flat_map(|v| v.split(',')).filter(|v| v.starts_with("diagnostic-")).collect();
    (vec![("color", color), ("width", width.unwrap_or_default()), ("json", styles.join(","))], inject)
}

/// The width of the terminal that rustc would print diagnostics to.
fn terminal(all: &Flags) -> Option<u16> {
    let json = all.last("--error-format").is_some_and(|f| f == "json");
    if json { None } else { platform::terminal_width() }
}

/// The width of a terminal that shows colours.
fn colours_of_terminal(all: &Flags) -> Option<u16> {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
        || std::env::var_os("TERM").is_none_or(|t| t == "dumb");
    if plain { None } else { terminal(all) }
}

fn outputs(all: &Flags, input: &str, emit: &[(String, Option<String>)], cwd: &Path) -> OutputNames {
    let mut exact: Vec<PathBuf> =
        emit.iter().filter_map(|(_, p)| p.as_deref()).map(|p| absolute(cwd, Path::new(p))).collect();
    let crate_name = all.last("--crate-name").map(str::to_string).unwrap_or_else(|| {
        Path::new(input).file_stem().unwrap_or_default().to_string_lossy().replace('-', "_")
    });
    if let Some(o) = all.last("-o") {
        let o = absolute(cwd, Path::new(o));
        let stem = o.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        exact.push(o.clone());
        return OutputNames {
            dir: o.parent().unwrap_or(cwd).to_path_buf(),
            stem,
            exact,
            ..OutputNames::default()
        };
    }
    let dir = all.last("--out-dir").map_or(cwd.to_path_buf(), |d| absolute(cwd, Path::new(d)));
    OutputNames {
        dir,
        stem: format!("{crate_name}{}", all.last("-C extra-filename").unwrap_or("")),
        exact,
        ..OutputNames::default()
    }
}

/// Whether a compile of a source on standard input writes its metadata to the null device, and nothing else to anywhere: so a
/// build script tests what rustc accepts.
fn metadata_to_null(all: &Flags, input: &str, emit: &[(String, Option<String>)]) -> bool {
    let is_metadata = matches!(emit, [(kind, None)] if kind == "metadata");
    is_metadata && input == "-" && all.values("-o").eq(["-"]) && platform::is_null(Stream::Output)
}

/// The kinds of outputs that rustc writes to a temporary file and renames. It writes other kinds to the existing file.
const RENAMED: &[&str] = &["link", "metadata"];

/// The endings of the other outputs.
const ENDINGS: &[&str] = &["s", "ll", "bc", "o", "mir"];

/// A hit replaces a file. So outputs on standard output, in pipes and devices are not cached, and neither are those that rustc
/// would write into a file with further names.
fn refuse_odd_outputs(
    all: &Flags,
    emit: &[(String, Option<String>)],
    outputs: &OutputNames,
    cwd: &Path,
) -> Result<(), NotCacheable> {
    let named = emit.iter().filter_map(|(_, path)| path.as_deref()).chain(all.last("-o"));
    if named.clone().any(|path| path == "-") {
        return refuse(Reason::OddOutput, "an output goes to standard output");
    }
    let is_renamed = |kind: &str| RENAMED.contains(&kind);
    if named.count() == 0 && emit.iter().all(|(kind, _)| kind == "dep-info" || is_renamed(kind)) {
        return Ok(());
    }
    let is_odd = |path: &Path, renamed: bool| match path.symlink_metadata() {
        Ok(there) if there.is_file() => !renamed && platform::has_other_names(path),
        Ok(there) => !(there.is_dir() || renamed && there.is_symlink()),
        Err(_) => false,
    };
    let named = emit
        .iter()
        .filter_map(|(kind, path)| Some((absolute(cwd, Path::new(path.as_ref()?)), is_renamed(kind))));
    let all_renamed = emit.iter().all(|(kind, _)| is_renamed(kind));
    let one = all.last("-o").map(|path| (absolute(cwd, Path::new(path)), all_renamed));
    let others = ENDINGS.iter().map(|ending| (outputs.dir.join(format!("{}.{ending}", outputs.stem)), false));
    match named.chain(one).chain(others).find(|(path, renamed)| is_odd(path, *renamed)) {
        Some((path, _)) => {
            let detail = format!("{} is not a regular file with one name", path.display());
            refuse(Reason::OddOutput, detail)
        }
        None => Ok(()),
    }
}

fn depinfo(emit: &[(String, Option<String>)], outputs: &OutputNames, cwd: &Path) -> Option<PathBuf> {
    let (_, path) = emit.iter().find(|(k, _)| k == "dep-info")?;
    Some(match path {
        Some(p) => absolute(cwd, Path::new(p)),
        // rustc replaces an extension, or what looks like one: `x-1.0` becomes `x-1.d`.
        None => outputs.dir.join(&outputs.stem).with_extension("d"),
    })
}

fn unit(all: &Flags, input: &str, emit: &[(String, Option<String>)], clippy: bool) -> Unit {
    let mut kinds: Vec<&str> = all.values("--crate-type").flat_map(|v| v.split(',')).collect();
    if kinds.is_empty() && !all.given("--test") && !input.is_empty() {
        kinds.push("bin");
    }
    if all.given("--test") {
        kinds.push("test");
    }
    if input.is_empty() {
        kinds = vec!["probe"];
    }
    let var = |n| std::env::var(n).unwrap_or_default();
    let stem = Path::new(input).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let asked = all.0.iter().map(|f| f.value.as_deref().unwrap_or(f.row.flag)).collect::<Vec<_>>();
    Unit {
        family: if clippy { "clippy" } else { "rustc" }.to_string(),
        package: format!("{} {}", var("CARGO_PKG_NAME"), var("CARGO_PKG_VERSION")).trim().to_string(),
        name: match all.last("--crate-name") {
            _ if input.is_empty() => asked.first().unwrap_or(&"").to_string(),
            Some(name) => name.to_string(),
            None => stem,
        },
        kind: kinds.join(","),
        emit: emit.iter().map(|(k, _)| k.as_str()).collect::<Vec<_>>().join(","),
        extra: all.last("-C extra-filename").unwrap_or("").to_string(),
        source: input.to_string(),
        label_by: LabelBy::Package,
    }
}

/// Whether a line tells cargo that an output exists.
pub fn is_artifact_notice(line: &[u8]) -> bool {
    line.starts_with(b"{\"$message_type\":\"artifact\"")
}

/// Whether cargo waits for a line to start the crates that depend on this one.
pub fn is_awaited(line: &[u8]) -> bool {
    is_artifact_notice(line) && line.trim_ascii_end().ends_with(b"\"emit\":\"metadata\"}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Invocation, NotCacheable> {
        let args = args.iter().map(OsString::from).collect();
        parse(&Request::new("/t/bin/rustc", args, "/w"))
    }

    #[test]
    fn cargos_own_command_line() {
        let i = parsed(&[
            "--crate-name",
            "serde",
            "--edition=2021",
            "src/lib.rs",
            "--error-format=json",
            "--json=diagnostic-rendered-ansi,artifacts,future-incompat",
            "--crate-type",
            "lib",
            "--emit=dep-info,metadata,link",
            "-C",
            "embed-bitcode=no",
            "-C",
            "debuginfo=2",
            "--cfg",
            "feature=\"default\"",
            "--check-cfg",
            "cfg(docsrs,test)",
            "-C",
            "metadata=1f",
            "-C",
            "extra-filename=-2e",
            "--out-dir",
            "/w/target/debug/deps",
            "-C",
            "incremental=/w/target/i",
            "-L",
            "dependency=/w/target/debug/deps",
            "--extern",
            "noprelude:x=/w/target/debug/deps/libx.rlib",
            "--cap-lints",
            "allow",
        ])
        .unwrap();
        assert_eq!(i.unit.name, "serde");
        assert_eq!(i.unit.emit, "dep-info,link,metadata");
        assert_eq!(i.depinfo, Some("/w/target/debug/deps/serde-2e.d".into()));
        assert_eq!(i.search, [PathBuf::from("/w/target/debug/deps")]);
        assert_eq!(i.incremental, Some("/w/target/i".into()));
        for (name, owned) in [
            ("libserde-2e.rlib", true),
            ("serde-2e.d", true),
            ("serde-2e", true),
            ("libserde-2ef.rlib", false),
            ("serde-2e-x", false),
        ] {
            assert_eq!(i.outputs.owns(&Path::new("/w/target/debug/deps").join(name)), owned, "{name}");
        }
    }

    #[test]
    fn spellings_are_one() {
        let a =
            parsed(&["-Copt-level=3", "-Cdebug_assertions", "a.rs", "-lfoo", "-L/x", "-Awarnings"]).unwrap();
        let b = parsed(&[
            "--codegen",
            "opt-level=3",
            "-C",
            "debug-assertions",
            "a.rs",
            "-l",
            "foo",
            "-L",
            "/x",
            "--allow=warnings",
        ])
        .unwrap();
        let list = |i: &Invocation| i.flags.iter().map(|f| (f.row.flag, f.value.clone())).collect::<Vec<_>>();
        assert_eq!(list(&a), list(&b));
    }

    #[test]
    fn a_command_line_is_not_cached_for_a_reason() {
        let reason = |args: &[&str]| parsed(args).unwrap_err().reason.word();
        assert_eq!(reason(&["-Zno-such-flag", "a.rs"]), "unknown-flag");
        assert_eq!(reason(&["--frobnicate", "a.rs"]), "unknown-flag");
        assert_eq!(reason(&["-Csave-temps", "a.rs"]), "unsupported-flag");
        // The sign is part of the value, which rustc refuses.
        assert_eq!(reason(&["-C=opt-level=1", "a.rs"]), "unknown-flag");
        assert_eq!(parsed(&["-A=warnings", "a.rs"]).unwrap().flags[0].value.as_deref(), Some("=warnings"));
        assert_eq!(reason(&["a.rs", "b.rs"]), "several-inputs");
        assert_eq!(reason(&["-Copt-level=1"]), "no-input");
        assert_eq!(reason(&["-", "--emit=dep-info"]), "stdin");
        for output in ["--emit=obj=-", "--emit=dep-info=-", "-o-"] {
            assert_eq!(reason(&[output, "a.rs"]), "odd-output", "{output}");
        }
        assert_eq!(reason(&["--print=native-static-libs", "a.rs"]), "print");
    }

    // A file has further names, and a link leads somewhere.
    #[cfg(unix)]
    #[test]
    fn an_output_that_rustc_would_write_through_is_not_cached() {
        let device = parsed(&["--emit=link,asm=/dev/null", "a.rs"]).unwrap_err();
        assert_eq!(device.reason.word(), "odd-output");
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        std::fs::write(path("one"), "").unwrap();
        std::fs::write(path("two"), "").unwrap();
        std::fs::hard_link(path("two"), path("too")).unwrap();
        std::os::unix::fs::symlink(path("one"), path("link")).unwrap();
        let cached =
            |kind: &str, name: &str| parsed(&[&format!("--emit={kind}={}", path(name)), "a.rs"]).is_ok();
        for (kind, name, wanted) in [
            ("asm", "one", true),
            ("asm", "two", false),
            ("asm", "link", false),
            ("dep-info", "two", false),
            ("link", "two", true),
            ("link", "link", true),
            ("asm", "none", true),
        ] {
            assert_eq!(cached(kind, name), wanted, "{kind}={name}");
        }
    }

    #[test]
    fn questions_are_probes() {
        let i = parsed(&["-vV"]).unwrap();
        assert_eq!((i.kind, i.flags.len()), (Kind::Probe, 2));
        assert_eq!(parsed(&["--print", "sysroot"]).unwrap().kind, Kind::Probe);
    }
}
