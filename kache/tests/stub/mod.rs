//! Compilers of ours, small enough to be built for any system: they read sources and what those name, write outputs and
//! reports, print diagnostics, and fail, as compilers do. Each line of a source may be one of
//!
//! | line | what it does |
//! | --- | --- |
//! | `mod x;`, `include!("f")`, `include_str!("f")`, `#include "f"` | reads `x.rs` or `f` beside the source |
//! | `env!("X")`, `option_env!("X")` | takes the variable in, and reports it |
//! | `#warn text`, `#error text` | prints a diagnostic with the place; an error ends the compile |
//! | `#wait file` | writes `file.waits`, and waits until there is a `file`, with a lock on `file.lock` |
//! | `#crlf` | the report has lines as Windows ends them |
//! | `#odd output`, `#odd report`, `#odd print` | the working directory goes there in a spelling that no map knows |
//!
//! Each compile leaves a line in the file that `STUB_LOG` names.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What stands before the name of a file that is read.
const INCLUDES: &[&str] = &["include!(\"", "include_str!(\"", "#include \""];

/// What one compile read and said.
#[derive(Default)]
struct Read {
    files: Vec<String>,
    env: Vec<(String, Option<String>)>,
    /// What goes into the output.
    text: Vec<u8>,
    crlf: bool,
    failed: bool,
}

/// The value of a flag that may be spelt with `=` or as two words.
fn values<'a>(args: &'a [String], flag: &str) -> Vec<&'a str> {
    let mut out = Vec::new();
    for (i, arg) in args.iter().enumerate() {
        if arg == flag {
            out.extend(args.get(i + 1).map(String::as_str));
        } else if let Some(value) = arg.strip_prefix(flag).and_then(|rest| rest.strip_prefix('=')) {
            out.push(value);
        }
    }
    out
}

/// As rustc maps: the last prefix that matches.
fn mapped(args: &[String], path: &str) -> String {
    let maps = values(args, "--remap-path-prefix");
    let found = maps.iter().rev().find_map(|map| {
        let (from, to) = map.rsplit_once('=')?;
        Some(format!("{to}{}", path.strip_prefix(from)?))
    });
    found.unwrap_or_else(|| path.to_string())
}

fn quoted<'a>(line: &'a str, before: &str) -> Option<&'a str> {
    line.split_once(before)?.1.split('"').next()
}

fn read(args: &[String], path: &str, into: &mut Read) {
    let Ok(text) = fs::read_to_string(path) else {
        eprintln!("error: couldn't read `{}`", mapped(args, path));
        into.failed = true;
        return;
    };
    into.files.push(path.to_string());
    let beside = |name: &str| {
        let at = Path::new(path).with_file_name(name);
        at.to_str().expect("the suite's names are UTF-8").to_string()
    };
    for (n, line) in text.lines().enumerate() {
        into.text.extend([line.as_bytes(), b"\n"].concat());
        let place = || format!(" --> {}:{}:1", mapped(args, path), n + 1);
        if let Some(name) = line.strip_prefix("mod ").and_then(|l| l.strip_suffix(';')) {
            read(args, &beside(&format!("{name}.rs")), into);
        } else if let Some(name) = INCLUDES.iter().find_map(|start| quoted(line, start)) {
            read(args, &beside(name), into);
        } else if let Some(name) = quoted(line, "env!(\"") {
            let value = std::env::var(name).ok();
            into.text.extend(value.iter().flat_map(|v| v.bytes()));
            into.env.push((name.to_string(), value));
        } else if let Some(text) = line.strip_prefix("#warn ") {
            eprintln!("warning: {text}\n{}", place());
        } else if let Some(text) = line.strip_prefix("#error ") {
            eprintln!("error: {text}\n{}", place());
            into.failed = true;
        } else if let Some(file) = line.strip_prefix("#wait ") {
            let lock = fs::File::create(beside(&format!("{file}.lock"))).expect("room for a file");
            lock.lock().expect("nobody else has the lock");
            fs::write(beside(&format!("{file}.waits")), "").expect("room for a file");
            while !Path::new(&beside(file)).exists() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        match line {
            "#crlf" => into.crlf = true,
            "#odd output" => into.text.extend(odd_place().bytes()),
            "#odd report" => into.files.push(odd_place() + "/src/odd.rs"),
            "#odd print" => eprintln!("warning: odd\n --> {}/src/odd.rs:1:1", odd_place()),
            _ => {}
        }
    }
}

/// The working directory as a program has it that lowers letters and turns slashes: where files are found so all the
/// same, it is that directory.
fn odd_place() -> String {
    let cwd = std::env::current_dir().expect("there is a working directory");
    cwd.to_str().unwrap_or_default().to_lowercase().replace('\\', "/")
}

fn log(line: &str) {
    let Some(path) = std::env::var_os("STUB_LOG") else { return };
    let file = fs::OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut f| f.write_all(format!("{line}\n").as_bytes())).expect("cannot write STUB_LOG");
}

fn write(path: &Path, bytes: &[u8]) -> bool {
    let dir = path.parent().filter(|d| !d.as_os_str().is_empty());
    let made = dir.map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, bytes));
    if let Err(e) = &made {
        eprintln!("error: cannot write {}: {e}", path.display());
    }
    made.is_ok()
}

/// Make's rules: what is read, and each of that once more by itself.
fn report(of: &Path, read: &Read) -> String {
    let end = if read.crlf { "\r\n" } else { "\n" };
    let escaped: Vec<String> = read.files.iter().map(|f| f.replace(' ', "\\ ")).collect();
    let mut out = format!("{}: {}{end}", of.display(), escaped.join(" "));
    for file in &escaped {
        out += &format!("{end}{file}:{end}");
    }
    for (name, value) in &read.env {
        let value = value.as_ref().map_or_else(String::new, |v| format!("={v}"));
        out += &format!("{end}# env-dep:{name}{value}{end}");
    }
    out
}

/// Like rustc.
pub fn rustc(args: &[String]) -> ExitCode {
    if values(args, "--print").contains(&"sysroot") {
        let own = std::env::current_exe().expect("the program has a path");
        println!("{}", own.ancestors().nth(2).expect("it lies in `bin`").display());
        return ExitCode::SUCCESS;
    }
    let Some(input) = args.iter().find(|a| a.ends_with(".rs")) else {
        println!("rustc 1.0.0-stub");
        return ExitCode::SUCCESS;
    };
    let only_reports = values(args, "--emit").iter().all(|e| e.starts_with("dep-info="));
    if !only_reports {
        log(input);
    }
    let mut source = Read::default();
    read(args, input, &mut source);
    let cwd = std::env::current_dir().expect("there is a working directory");
    source.text.extend(mapped(args, cwd.to_str().unwrap_or_default()).bytes());
    for (_, path) in values(args, "--extern").iter().filter_map(|v| v.split_once('=')) {
        source.text.extend(fs::read(path).unwrap_or_default());
    }
    for dir in values(args, "-L").iter().filter_map(|v| v.strip_prefix("native=")) {
        source.text.extend(fs::read(Path::new(dir).join("native.lib")).unwrap_or_default());
    }
    if source.failed {
        return ExitCode::from(1);
    }
    let name = values(args, "--crate-name").first().copied().unwrap_or("main").to_string();
    let extra = values(args, "-C").iter().find_map(|c| c.strip_prefix("extra-filename=")).unwrap_or_default();
    let dir = values(args, "--out-dir").first().map(PathBuf::from).unwrap_or_default();
    let kind = values(args, "--crate-type").first().copied().unwrap_or("bin").to_string();
    let mut good = true;
    for emit in values(args, "--emit").iter().flat_map(|e| e.split(',')) {
        let (emit, path) = emit.split_once('=').map_or((emit, None), |(e, p)| (e, Some(PathBuf::from(p))));
        let at = |file: String| path.clone().unwrap_or_else(|| dir.join(file));
        let written: Vec<(PathBuf, Vec<u8>)> = match (emit, kind.as_str()) {
            ("dep-info", _) => {
                let at = at(format!("{name}{extra}.d"));
                let text = report(&at, &source).into_bytes();
                vec![(at, text)]
            }
            ("metadata", _) => vec![(at(format!("lib{name}{extra}.rmeta")), source.text.clone())],
            (_, "lib" | "rlib") => vec![(at(format!("lib{name}{extra}.rlib")), source.text.clone())],
            _ => vec![
                (at(format!("{name}{extra}.exe")), source.text.clone()),
                (at(format!("{name}{extra}.pdb")), source.text.clone()),
            ],
        };
        good &= written.iter().all(|(path, bytes)| write(path, bytes));
    }
    if good { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// Like a C compiler: `-c x.c -o x.o`, or `/c x.c /Fox.obj`.
pub fn cc(args: &[String]) -> ExitCode {
    let Some(input) = args.iter().find(|a| a.ends_with(".c")) else {
        println!("cc 1.0.0-stub");
        return ExitCode::SUCCESS;
    };
    log(input);
    let mut source = Read::default();
    read(args, input, &mut source);
    if args.iter().any(|a| a == "/showIncludes") {
        source.files.iter().skip(1).for_each(|f| println!("Note: including file: {f}"));
    }
    let object =
        values(args, "-o").first().copied().or_else(|| args.iter().find_map(|a| a.strip_prefix("/Fo")));
    let object = object.map_or_else(|| Path::new(input).with_extension("obj"), PathBuf::from);
    if !source.failed && write(&object, &source.text) { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
