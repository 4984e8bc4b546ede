//! Commands of which the user says what they make: `kache exec --output PATH -- COMMAND`.
//!
//! The command is an action, as a build script is:
//!
//! - In the key are the bytes of the program, the arguments and the names of the outputs with roots by their names, the working
//!   directory, and the permission bits that new files do not get.
//! - Whatever the command and the programs that it starts look at is a dependency, by the strict rules for programs that may
//!   use what they see for any purpose.
//! - A checker has no output but what it prints, and may end with a status that says what it found.
//! - An output is a file, or a directory with all that the command puts into it. A directory is empty or absent when the
//!   command starts. A file may be there; a command that looks at what is in it is not stored.
//! - A command that is told the path of a root by an argument may use the path for anything. So its result holds in its own
//!   place first, and elsewhere once a second place confirms it.
//!
//! Build tools are not stored: what they do depends on the times of all files, and on what earlier runs have left.

use crate::climbing;
use crate::foreign::{self, ForeignPlan};
use crate::loader;
use kache_core::action::{Action, KeyInputs, OutputNames, OutputTree, Outputs, Request};
use kache_core::digest::Digest;
use kache_core::events::{Kind, LabelBy, Unit};
use kache_core::frontend::{Bypass, Context, Frontend, Planned};
use kache_core::named_roots::NamedRoots;
use kache_core::paths::Roots;
use kache_core::platform::{self, EntryType};
use kache_core::reason::{NotCacheable, Reason, refuse};
use kache_core::store::Store;
use kache_core::template::{Format, templatize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The version of the rules, in the key.
const RULES: &str = "command 2";

/// Programs that build what is out of date.
const BUILD_TOOLS: &[&str] = &[
    "bazel",
    "bmake",
    "buck",
    "buck2",
    "cargo",
    "gmake",
    "make",
    "meson",
    "ninja",
    "ninja-build",
    "samu",
    "scons",
    "waf",
];

/// The front end of a command with named outputs.
pub struct Exec {
    /// The absolute paths of the outputs. One that ends with a separator, or where a directory is, is a directory.
    pub outputs: Vec<PathBuf>,
    /// The exit statuses besides zero with which the command has done what it was asked for.
    pub statuses: Vec<i32>,
}

impl Frontend for Exec {
    fn name(&self) -> &'static str {
        "command"
    }

    fn claims(&self, _: &Request, _: &Context) -> bool {
        true
    }

    fn plan(&self, request: &Request, cx: &Context) -> Result<Planned, Box<Bypass>> {
        let unit = self.unit(request);
        self.planned(request, &unit, cx).map_err(|why| Box::new(Bypass { unit, kind: Kind::Unit, why }))
    }
}

impl Exec {
    fn unit(&self, request: &Request) -> Unit {
        let name = request.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let first = self
            .outputs
            .first()
            .map(PathBuf::as_path)
            .or_else(|| request.args.iter().rev().map(Path::new).find(|arg| arg.is_file()));
        let first = first.map(|path| path.strip_prefix(&request.cwd).unwrap_or(path));
        Unit {
            family: "command".to_string(),
            name: name.clone(),
            kind: name,
            extra: first.map_or(String::new(), |path| path.display().to_string()),
            label_by: LabelBy::Output,
            ..Unit::default()
        }
    }

    fn planned(&self, request: &Request, unit: &Unit, cx: &Context) -> Result<Planned, NotCacheable> {
        foreign::is_observed(cx.settings)?;
        if BUILD_TOOLS.contains(&&*unit.name) {
            let detail = format!("`{}` decides by earlier builds and by the times of files", unit.name);
            return refuse(Reason::BuildTool, detail);
        }
        let names = self.names()?;
        let roots = foreign::roots(request, None, cx.settings);
        let mut inputs = inputs(request, &names, &roots, cx).map_err(|e| {
            NotCacheable::new(Reason::UnreadableInput, format!("{}: {e}", request.program.display()))
        })?;
        for status in &self.statuses {
            inputs.put("accepted status", status.to_string(), status.to_string());
        }
        let outputs_before = before(&names, cx.store)?;
        let named_roots = named_roots(request, &roots);
        let action = Action {
            unit: unit.clone(),
            kind: Kind::Unit,
            program: request.program.clone(),
            args: request.args.clone(),
            cwd: request.cwd.clone(),
            env: Vec::new(),
            key: inputs.digest(),
            inputs,
            outputs: Outputs { names, printed: true, statuses: self.statuses.clone(), ..Outputs::default() },
            source: None,
            unmap_printed: false,
            respelled: None,
            shows_terminal: false,
            relinked_dirs: Vec::new(),
            is_foreign: true,
            keeps_off: None,
            roots,
        };
        Ok(Planned {
            action,
            plan: Box::new(ForeignPlan {
                program: request.file().unwrap_or(&request.program).to_path_buf(),
                cache: cx.settings.cache_dir.clone(),
                outputs_before,
                is_script: false,
                named_roots,
            }),
        })
    }

    /// The outputs, by what is there now.
    fn names(&self) -> Result<OutputNames, NotCacheable> {
        let mut names = OutputNames::default();
        for path in &self.outputs {
            let is_called_directory =
                path.as_os_str().as_encoded_bytes().last().is_some_and(|b| platform::is_separator(*b));
            // Without the separator at the end.
            let path: PathBuf = path.components().collect();
            let failed =
                |e: io::Error| NotCacheable::new(Reason::OddOutput, format!("{}: {e}", path.display()));
            match platform::entry(&path).map(|entry| entry.0) {
                Err(e) if e.kind() == io::ErrorKind::NotFound && is_called_directory => {
                    names.trees.push(OutputTree { path, is_there: false });
                }
                Err(e) if e.kind() == io::ErrorKind::NotFound => names.exact.push(path),
                Err(e) => return Err(failed(e)),
                Ok(EntryType::Directory) => {
                    foreign::is_empty(&path)?;
                    names.trees.push(OutputTree { path, is_there: true });
                }
                Ok(EntryType::File) if !is_called_directory && !platform::has_other_names(&path) => {
                    names.exact.push(path)
                }
                Ok(_) => {
                    let detail = format!("{} is not a file or a directory of its own", path.display());
                    return refuse(Reason::OddOutput, detail);
                }
            }
        }
        Ok(names)
    }
}

fn inputs(request: &Request, names: &OutputNames, roots: &Roots, cx: &Context) -> io::Result<KeyInputs> {
    let mut inputs = KeyInputs::default();
    let portable = |path: &Path| roots.portable(path.as_os_str().as_encoded_bytes());
    inputs.put("rules", RULES, RULES);
    let file = request.file().ok_or(io::ErrorKind::NotFound)?;
    inputs.put("program", file.to_string_lossy(), portable(file));
    inputs.put("program's bytes", "", digest(cx.store, file)?);
    for arg in &request.args {
        let bytes = arg.as_encoded_bytes();
        inputs.put(
            "argument",
            arg.to_string_lossy(),
            templatize(bytes, roots, Format::Printed).unwrap_or(bytes.to_vec()),
        );
    }
    let words: Vec<_> = request.args.iter().map(|arg| arg.to_string_lossy()).collect();
    for (word, real) in climbing::leads(words.iter().map(|word| &**word), &request.cwd, roots) {
        inputs.put("leads to", word, real);
    }
    inputs.put("cwd", request.cwd.to_string_lossy(), portable(&request.cwd));
    let umask = platform::host_fact(b"umask", b"").unwrap_or_default();
    for tree in &names.trees {
        let what = if tree.is_there { "empty directory" } else { "new directory" };
        inputs.put(what, tree.path.to_string_lossy(), portable(&tree.path));
    }
    for path in &names.exact {
        inputs.put("output", path.to_string_lossy(), portable(path));
        // One that is written over keeps its permission bits.
        if let Some(mode) = odd_mode(path, &umask) {
            inputs.put("output's mode", format!("{mode:o}"), mode.to_le_bytes());
        }
    }
    inputs.put("umask", String::from_utf8_lossy(&umask).into_owned(), umask);
    // Compilers within the command are told to map paths.
    // What is read there is refused, but for what is always empty. Whether a descriptor is open can be asked without an event.
    inputs.put("standard input", "", if platform::stdin_is_empty() { "empty" } else { "given" });
    let mut descriptors = platform::inherited_descriptors().unwrap_or_default();
    descriptors.retain(|fd| *fd > 2);
    inputs.put("open descriptors", format!("{descriptors:?}"), format!("{descriptors:?}"));
    inputs.put("remap", cx.settings.remap.to_string(), cx.settings.remap.to_string());
    inputs.0.extend(loader::inputs(cx.store).0);
    Ok(inputs)
}

fn digest(store: &Store, file: &Path) -> io::Result<String> {
    Ok(store.table.file(file)?.0.digest.hex())
}

fn before(names: &OutputNames, store: &Store) -> Result<BTreeMap<PathBuf, Option<Digest>>, NotCacheable> {
    let absent = names.absent();
    let before = |path: &PathBuf| {
        if absent.contains(path) {
            return Ok((path.clone(), None));
        }
        let contents = store
            .table
            .file(path)
            .map_err(|e| NotCacheable::new(Reason::UnreadableOutput, format!("{}: {e}", path.display())))?;
        Ok((path.clone(), Some(contents.0.digest)))
    };
    names.exact.iter().map(before).collect()
}

/// The permission bits of a file that is there, if they are not those of a new file.
fn odd_mode(path: &Path, umask: &[u8]) -> Option<u32> {
    let mode = platform::entry(path).ok()?.1;
    let umask = std::str::from_utf8(umask).ok().and_then(|text| text.trim().parse::<u32>().ok());
    (umask.map(|umask| 0o666 & !umask) != Some(mode)).then_some(mode)
}

/// The roots whose paths the command is told.
fn named_roots(request: &Request, roots: &Roots) -> Vec<String> {
    let mut named = NamedRoots::of_all(roots);
    for arg in request.args.iter().chain([&request.program.clone().into_os_string()]) {
        named.search(arg.as_encoded_bytes());
    }
    named.found().into_iter().map(str::to_string).collect()
}
