//! rustdoc: the documentation of one crate.
//!
//! rustdoc writes the pages of a crate into directories of the crate's own, and into files that all crates of a documentation
//! directory share: lists of crates and sources, implementations of traits and types, and the search index. It reads a
//! shared file, adds what the crate contributes, and writes the file again, under the lock of the directory. So what it
//! writes there depends on the crates that came before.
//!
//! kache has it write into a private directory, in which no shared file is. What is there afterwards depends on the crate alone,
//! and is stored as one file, the pack. A pack is added to the documentation directory in the same way, whether it was made
//! now or is a stored one: see `directory.rs` and `join.rs`.
//!
//! rustdoc asks the documentation directory for one more thing: which of the crates that it refers to have pages there. The
//! private directory has empty directories of these names, and each that was asked for is a dependency, or leads nowhere
//! (`hidden`).
//!
//! A result holds in its own place first, and in every place once a second one confirms it, as with any command that is told
//! the paths of roots.

mod directory;
mod finisher;
mod followed;
mod index;
mod join;
mod pack;
mod plan;
mod roaring;
mod template;

use crate::compile_plan::CompilePlan;
use crate::family::{Capabilities, Family};
use crate::flags::{Flag, Flags};
use crate::invocation::{Invocation, Language, Makes};
use crate::toolchain::Toolchain;
use crate::{foreign, key, loader, plan as compile, policies, rustc, rustdoc_flags, rustup};
use directory::Directory;
pub use finisher::finish;
pub use followed::FINISHER;
use kache_core::action::{Action, OutputNames, Outputs, Request};
use kache_core::events::{Kind, LabelBy, Unit};
use kache_core::frontend::{Bypass, Context, Frontend, Planned};
use kache_core::named_roots::NamedRoots;
use kache_core::paths::{Roots, absolute};
use kache_core::platform;
use kache_core::reason::{NotCacheable, Reason, refuse};
use kache_core::settings::{Observe, Settings};
use kache_core::template::Format;
use plan::RustdocPlan;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// The version of the rules, in the key.
const RULES: &str = "rustdoc 1";

/// The role of the pack among the outputs.
const PACK: &str = "pack";

pub static FAMILY: Family = Family {
    name: "rustdoc",
    family: "rustdoc",
    recognises: |name| name == "rustdoc",
    table: rustdoc_flags::TABLE,
    parse: |request| Ok(Command::parse(request)?.invocation),
    sysroot: Some(sysroot),
    capabilities: |_, _| Capabilities { maps: false, maps_assembly: false, report: Format::DepInfo },
    maps: |_, _| &[],
    tells_source: None,
    unmappable: &[],
    correct: None,
    runs_beside_itself: false,
    tells_macros: |_, _| None,
    language: Language::Rust,
    policy: |_| &policies::RUSTC,
};

/// The directory of the installation. rustdoc does not say, and lies where rustc does.
fn sysroot(program: &Path) -> io::Result<PathBuf> {
    let dir = program.canonicalize()?.parent().and_then(Path::parent).map(Path::to_path_buf);
    dir.filter(|dir| dir.join("lib/rustlib").is_dir()).ok_or_else(|| {
        io::Error::other(format!("{} does not lie in an installation of Rust", program.display()))
    })
}

/// The front end of rustdoc.
pub struct Rustdoc;

impl Frontend for Rustdoc {
    fn name(&self) -> &'static str {
        FAMILY.name
    }

    fn claims(&self, request: &Request, cx: &Context) -> bool {
        FAMILY.claims(request, cx)
    }

    fn plan(&self, request: &Request, cx: &Context) -> Result<Planned, Box<Bypass>> {
        let bypass = |unit: Unit, why| Box::new(Bypass { unit, kind: Kind::Unit, why });
        let name = request.program.display().to_string();
        let unknown = Unit { family: FAMILY.family.to_string(), name, ..Unit::default() };
        let command = Command::parse(request).map_err(|why| bypass(unknown, why))?;
        let unit = command.invocation.unit.clone();
        planned(request, command, cx).map_err(|why| bypass(unit, why))
    }
}

/// A command line, understood.
struct Command {
    invocation: Invocation,
    /// The documentation directory.
    doc: PathBuf,
    /// The crate's name, as it is in the names of directories.
    name: String,
}

impl Command {
    fn parse(request: &Request) -> Result<Command, NotCacheable> {
        let words = rustc::words(&request.args, &request.cwd)?;
        let (flags, inputs) = rustc::split(&words, rustdoc_flags::find)?;
        let all = Flags(&flags);
        all.refuse_unsupported()?;
        if all.given("-C incremental") {
            return refuse(Reason::Incremental, "rustdoc is told to keep state");
        }
        let input = match &inputs[..] {
            [one] if one.ends_with(".rs") => one.clone(),
            [one] if one == "-" => return refuse(Reason::Stdin, "the source is standard input"),
            [_] => return refuse(Reason::Language, "the source is not a crate"),
            [] => return refuse(Reason::NoInput, "no source file is named"),
            many => return refuse(Reason::SeveralInputs, many.join(" ")),
        };
        let Some(name) = all.last("--crate-name").map(|name| name.replace('-', "_")) else {
            return refuse(Reason::NoInput, "no crate is named");
        };
        let doc = absolute(&request.cwd, Path::new(all.last("-o").unwrap_or("doc")));
        let search = all.values("-L").filter_map(|value| value.strip_prefix("dependency="));
        let search = search.map(|dir| absolute(&request.cwd, Path::new(dir))).collect();
        let unit = unit(&name, &all, &input);
        let outputs =
            OutputNames { dir: doc.parent().unwrap_or(&doc).to_path_buf(), ..OutputNames::default() };
        let invocation = Invocation {
            language: Language::Rust,
            program: request.program.clone(),
            lead: Vec::new(),
            args: words.iter().map(OsString::from).collect(),
            input,
            cwd: request.cwd.clone(),
            unit,
            kind: Kind::Unit,
            outputs,
            depinfo: None,
            search,
            incremental: None,
            literal_paths: false,
            settings: Vec::new(),
            inject: Vec::new(),
            response_files: Vec::new(),
            plugin: false,
            debugs_assembly: false,
            makes_bitcode: false,
            stdin: None,
            native_cpu: all.native_cpu(),
            makes: Makes::Code,
            flags,
        };
        Ok(Command { invocation, doc, name })
    }

    /// The arguments with another directory for what is written.
    ///
    /// # Errors
    /// When it is not clear which of the words names the directory.
    fn writing_to(&self, dir: &Path) -> Result<Vec<OsString>, NotCacheable> {
        let unclear = || NotCacheable::new(Reason::Malformed, "which directory is written to is not clear");
        let dir =
            dir.to_str().ok_or_else(|| NotCacheable::new(Reason::NotUtf8, dir.display().to_string()))?;
        let words = self.invocation.args.iter().map(|arg| arg.to_str().map(str::to_string));
        let mut words = words.collect::<Option<Vec<_>>>().ok_or_else(unclear)?;
        let names = |word: &String| ["-o", "--out-dir", "--output"].contains(&&**word);
        let joined = |word: &String| {
            let long = ["--out-dir=", "--output="].into_iter().find(|name| word.starts_with(name));
            long.or_else(|| (word.starts_with("-o") && !word.starts_with("--")).then_some("-o"))
        };
        let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
        if let Some(at) = words[..end].iter().position(names) {
            *words.get_mut(at + 1).ok_or_else(unclear)? = dir.to_string();
        } else if let Some((at, name)) =
            words[..end].iter().enumerate().find_map(|(at, w)| Some((at, joined(w)?)))
        {
            words[at] = format!("{name}{dir}");
        } else {
            words.splice(0..0, ["-o".to_string(), dir.to_string()]);
        }
        let (flags, inputs) = rustc::split(&words, rustdoc_flags::find)?;
        let others = |flags: &[Flag]| {
            let others = flags.iter().filter(|flag| flag.row.flag != "-o");
            others.map(|flag| (flag.row.flag, flag.value.clone())).collect::<Vec<_>>()
        };
        let is_same =
            others(&flags) == others(&self.invocation.flags) && inputs == [self.invocation.input.clone()];
        let is_there = Flags(&flags).values("-o").eq([dir]);
        if is_same && is_there { Ok(words.into_iter().map(OsString::from).collect()) } else { Err(unclear()) }
    }
}

fn unit(name: &str, all: &Flags, input: &str) -> Unit {
    let var = |name| std::env::var(name).unwrap_or_default();
    let kinds: Vec<&str> = all.values("--crate-type").collect();
    let metadata = all.last("-C metadata").map(|hash| format!("-{hash}"));
    Unit {
        family: FAMILY.family.to_string(),
        package: format!("{} {}", var("CARGO_PKG_NAME"), var("CARGO_PKG_VERSION")).trim().to_string(),
        name: name.to_string(),
        kind: if kinds.is_empty() { "bin".to_string() } else { kinds.join(",") },
        emit: "doc".to_string(),
        extra: metadata.unwrap_or_default(),
        source: input.to_string(),
        label_by: LabelBy::Package,
    }
}

fn planned(request: &Request, mut command: Command, cx: &Context) -> Result<Planned, NotCacheable> {
    foreign::is_observed(cx.settings)?;
    let rustup::Resolved { program, env } = compile::real_program(&FAMILY, request, None)?;
    command.invocation.program = program;
    platform::set_variables(env);
    let invocation = &command.invocation;
    let toolchain = Toolchain::identify(cx.store, &FAMILY, &invocation.program).map_err(|e| {
        NotCacheable::new(Reason::Toolchain, format!("{}: {e}", invocation.program.display()))
    })?;
    join::is_proved(cx.store, &invocation.program, &toolchain.digest)?;
    let directory = Directory::of(&command.doc, &invocation.program, &toolchain.digest)?;
    // rustdoc is about to run itself, and adds its crate to what is there.
    directory.accepts(&command.name).inspect_err(|_| _ = directory.finish())?;
    let is_followed = followed::is_followed(&Flags(&command.invocation.flags), &command.doc);
    let target = crate::invocation::target_dir(&command.doc, None);
    let mut roots = foreign::roots(request, target, cx.settings);
    roots.add("sysroot", toolchain.sysroot.clone(), None);
    let mut hidden = hidden(&toolchain.sysroot, &Flags(&invocation.flags));
    hidden.remove(&command.name);
    let work = directory.work(&format!("{}{}", command.name, invocation.unit.extra), &hidden);
    let work =
        work.map_err(|e| NotCacheable::new(Reason::OddOutput, format!("{}: {e}", command.doc.display())))?;
    let args = command.writing_to(&work.tree)?;
    let named_roots = named_roots(&invocation.args, &roots);
    let mut inputs =
        key::inputs(invocation, &toolchain, &roots, &Settings { remap: true, ..cx.settings.clone() });
    inputs.put("rules", RULES, RULES);
    inputs.0.extend(loader::inputs(cx.store).0);
    let names = OutputNames {
        exact: vec![work.pack.clone()],
        roles: vec![(PACK, work.pack.clone())],
        ..OutputNames::default()
    };
    let action = Action {
        unit: invocation.unit.clone(),
        kind: Kind::Unit,
        program: invocation.program.clone(),
        args,
        cwd: invocation.cwd.clone(),
        env: Vec::new(),
        key: inputs.digest(),
        inputs,
        outputs: Outputs { names, ..Outputs::default() },
        source: None,
        unmap_printed: false,
        respelled: None,
        shows_terminal: false,
        relinked_dirs: invocation.search.clone(),
        is_foreign: true,
        keeps_off: None,
        roots,
    };
    let Command { invocation, name, .. } = command;
    let compile = CompilePlan {
        policy: &policies::RUSTC,
        runs_beside_itself: FAMILY.runs_beside_itself,
        correct: FAMILY.correct,
        tells_macros: FAMILY.tells_macros,
        invocation,
        toolchain,
        starter: None,
        respelled: None,
        defines: Vec::new(),
        path_only: cx.settings.path_only_macros.clone(),
        assume_tame_macros: cx.settings.observe == Observe::Off,
        can_report: false,
    };
    let request = request.args.clone();
    Ok(Planned {
        action,
        plan: Box::new(RustdocPlan {
            compile,
            directory,
            work,
            name,
            is_followed,
            request,
            named_roots,
            hidden,
            trouble: RefCell::default(),
        }),
    })
}

/// The crates of the standard library that users see, and that pages lead to.
const SEEN: &[&str] = &["alloc", "core", "proc_macro", "std", "test"];

/// The crates that the standard library consists of and does not show, but for those that have the name of a crate on the command
/// line. rustdoc asks for their pages too, and other crates of these names (`libc`, `hashbrown`) are documented sooner or later,
/// in an order by chance. Such a crate has pages in the private directory in any case: if no page leads to them, it does
/// not matter whether they are there.
fn hidden(sysroot: &Path, all: &Flags) -> BTreeSet<String> {
    let dirs = std::fs::read_dir(sysroot.join("lib/rustlib")).into_iter().flatten().flatten();
    let files = dirs.filter_map(|dir| std::fs::read_dir(dir.path().join("lib")).ok()).flatten().flatten();
    let names = files.filter_map(|file| {
        let name = file.file_name().into_string().ok()?;
        Some(name.strip_prefix("lib")?.split_once('-')?.0.to_string())
    });
    let named = |name: &String| all.values("--extern").any(|value| is_extern(value, name));
    names.filter(|name| !SEEN.contains(&&**name) && !named(name)).collect()
}

/// Whether `--extern` has a name: `options:name=path`.
fn is_extern(value: &str, name: &str) -> bool {
    let value = value.split_once('=').map_or(value, |(name, _)| name);
    value.rsplit(':').next() == Some(name)
}

/// The roots whose paths the command line names.
fn named_roots(args: &[OsString], roots: &Roots) -> BTreeSet<String> {
    let mut named = NamedRoots::of_all(roots);
    args.iter().for_each(|arg| named.search(arg.as_encoded_bytes()));
    named.found().into_iter().map(str::to_string).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_replaced_in_every_spelling() {
        let args = |words: &[&str]| {
            let request = Request::new("rustdoc", words.iter().map(OsString::from).collect(), "/w");
            let args = Command::parse(&request)?.writing_to(Path::new("/p"))?;
            Ok::<_, NotCacheable>(args.join(" ".as_ref()).into_string().unwrap())
        };
        for (words, expected) in [
            (&["-o", "doc"][..], "--crate-name a a.rs -o /p"),
            (&["-odoc"], "--crate-name a a.rs -o/p"),
            (&["--out-dir", "doc"], "--crate-name a a.rs --out-dir /p"),
            (&["--out-dir=doc"], "--crate-name a a.rs --out-dir=/p"),
            (&["--output=doc"], "--crate-name a a.rs --output=/p"),
            (&[], "-o /p --crate-name a a.rs"),
        ] {
            assert_eq!(args(&[&["--crate-name", "a", "a.rs"], words].concat()).as_deref(), Ok(expected));
        }
        for words in [&["-o", "a", "-o", "b"][..], &["--cfg", "-o", "-o", "doc"]] {
            let why = args(&[&["--crate-name", "a", "a.rs"], words].concat()).unwrap_err();
            assert_eq!(why.reason, Reason::Malformed, "{words:?}");
        }
    }

    #[test]
    fn a_name_on_the_command_line_is_found_with_its_options() {
        for (value, expected) in
            [("libc=/x", true), ("priv,noprelude:libc=/x", true), ("libc", true), ("libc2=/libc", false)]
        {
            assert_eq!(is_extern(value, "libc"), expected, "{value}");
        }
    }
}
