//! Runs of build scripts.
//!
//! A build script is a program that cargo compiles and runs once for a package. The rustc front end links a small object into
//! it (`script/starter.c`), which hands over to kache before `main`. The run is an action:
//!
//! - The command is the script's own file. Its bytes are in the key, with the working directory and `OUT_DIR` as portable
//!   paths and the permission bits that new files do not get.
//! - Whatever the script and the programs that it starts look at is a dependency, by the strict rules for programs that may
//!   use what they see for any purpose.
//! - The outputs are all that lies below `OUT_DIR`, which must be empty when the script starts.
//! - What a script computes from a path of its place is not seen. So a result holds in its own place first, and elsewhere
//!   once a second place confirms it.

use crate::invocation::target_dir;
use crate::plan::real_program;
use crate::toolchain::Toolchain;
use crate::{archives, excuses, loader, policies, recognise, tables};
use kache_core::action::{Action, KeyInputs, OutputNames, Outputs, Request};
use kache_core::collect::{Coverage, Machine, Subject, collect};
use kache_core::collected::Collected;
use kache_core::digest::Digest;
use kache_core::eval::{Computed, EvalContext, Evaluate};
use kache_core::events::{Kind, LabelBy, Unit};
use kache_core::frontend::{Bypass, Completed, Context, Frontend, Known, Plan, Planned};
use kache_core::observe::log::Log;
use kache_core::paths::{self, Roots, absolute};
use kache_core::platform;
use kache_core::reason::{NotCacheable, Reason, refuse};
use kache_core::settings::{Observe, Settings};
use kache_core::store::Store;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// Set for a script that is to run without kache. The starter removes it.
pub const PLAIN: &str = "KACHE_PLAIN_SCRIPT";

/// The version of the rules, in the key.
const RULES: &str = "script 1";

/// Whether a command is a build script that cargo runs.
pub fn is_run(program: &Path, args: &[OsString]) -> bool {
    let name = program.file_name().unwrap_or_default().as_encoded_bytes();
    let is_named = name.starts_with(b"build-script-") || name.starts_with(b"build_script_");
    let is_set = |name: &&str| std::env::var_os(name).is_some();
    is_named
        && args.is_empty()
        && ["OUT_DIR", "CARGO_MANIFEST_DIR", "TARGET", "HOST", "NUM_JOBS"].iter().all(is_set)
}

/// The front end of build scripts.
pub struct Script;

impl Frontend for Script {
    fn name(&self) -> &'static str {
        "script"
    }

    fn claims(&self, request: &Request, _: &Context) -> bool {
        is_run(&request.program, &request.args)
    }

    fn plan(&self, request: &Request, cx: &Context) -> Result<Planned, Box<Bypass>> {
        let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
        let out = absolute(&request.cwd, &out);
        planned(request, &out, cx).map_err(|why| Box::new(Bypass { unit: unit(&out), kind: Kind::Unit, why }))
    }
}

fn unit(out: &Path) -> Unit {
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    let name = var("CARGO_PKG_NAME");
    // `<package>-<hash>/out`: the same package may have a script for each set of features.
    let dir = out.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    Unit {
        family: "script".to_string(),
        package: format!("{name} {}", var("CARGO_PKG_VERSION")),
        name,
        kind: "script".to_string(),
        emit: String::new(),
        extra: dir.rsplit_once('-').map_or(String::new(), |(_, hash)| format!("-{hash}")),
        source: String::new(),
        label_by: LabelBy::Package,
    }
}

fn planned(request: &Request, out: &Path, cx: &Context) -> Result<Planned, NotCacheable> {
    if !cx.settings.build_scripts {
        return refuse(Reason::BuildScriptsOff, "the setting `build_scripts` is off");
    }
    if cx.settings.observe == Observe::Off {
        return refuse(Reason::NotObserved, "the setting `observe` is `off`");
    }
    is_empty(out)?;
    let roots = roots(request, out, cx.settings);
    let inputs = inputs(request, out, &roots, cx.settings, cx.store).map_err(|e| {
        NotCacheable::new(Reason::UnreadableInput, format!("{}: {e}", request.program.display()))
    })?;
    let names = OutputNames { tree: Some(out.to_path_buf()), ..OutputNames::default() };
    let action = Action {
        unit: unit(out),
        kind: Kind::Unit,
        program: request.program.clone(),
        args: Vec::new(),
        cwd: request.cwd.clone(),
        env: Vec::new(),
        key: inputs.digest(),
        inputs,
        outputs: Outputs { names, ..Outputs::default() },
        source: None,
        unmap_printed: false,
        relinked_dirs: Vec::new(),
        is_foreign: true,
        roots,
    };
    Ok(Planned { action, plan: Box::new(ScriptPlan { cache: cx.settings.cache_dir.clone() }) })
}

/// A script that finds what an earlier run left may do anything with it.
fn is_empty(out: &Path) -> Result<(), NotCacheable> {
    let failed = |e: io::Error| NotCacheable::new(Reason::OutputDirectory, format!("{}: {e}", out.display()));
    if platform::entry(out).map_err(failed)?.0 != platform::EntryType::Directory {
        return refuse(Reason::OutputDirectory, format!("{} is a link", out.display()));
    }
    match std::fs::read_dir(out).map_err(failed)?.next() {
        Some(_) => refuse(Reason::OutputDirectory, format!("{} is not empty", out.display())),
        None => Ok(()),
    }
}

fn roots(request: &Request, out: &Path, settings: &Settings) -> Roots {
    let mut roots = Roots::default();
    for (at, base) in settings.base_dirs.iter().enumerate() {
        roots.add(&format!("base:{at}"), base.clone(), None);
    }
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo =
        cargo.or_else(|| Some(platform::home()?.join(".cargo"))).map(|dir| absolute(&request.cwd, &dir));
    let target = target_dir(out, std::env::var("TARGET").ok().as_deref());
    let is_of_cargo = cargo.as_ref().is_some_and(|cargo| request.cwd.starts_with(cargo));
    let start = match &target {
        Some(target) if is_of_cargo => target.parent(),
        _ => Some(request.cwd.as_path()),
    };
    let workspace = start.map(|start| paths::checkout(start).unwrap_or(start.to_path_buf()));
    let all = [("target", target), ("workspace", workspace), ("cargo", cargo)];
    for (name, path) in all {
        if let Some(path) = path {
            roots.add(name, path, None);
        }
    }
    roots
}

fn inputs(
    request: &Request,
    out: &Path,
    roots: &Roots,
    settings: &Settings,
    store: &Store,
) -> io::Result<KeyInputs> {
    let mut inputs = KeyInputs::default();
    let path = |path: &Path| roots.portable(path.as_os_str().as_encoded_bytes());
    inputs.put("rules", RULES, RULES);
    let digest = store.table.file(&request.program)?.0.digest;
    inputs.put("script", request.program.to_string_lossy(), digest.hex());
    inputs.put("cwd", request.cwd.to_string_lossy(), path(&request.cwd));
    inputs.put("output directory", out.to_string_lossy(), path(out));
    let umask = platform::host_fact(b"umask", b"").unwrap_or_default();
    inputs.put("umask", String::from_utf8_lossy(&umask).into_owned(), umask);
    // Compilers within the script are told to map paths.
    inputs.put("remap", settings.remap.to_string(), settings.remap.to_string());
    inputs.0.extend(loader::inputs(store).0);
    Ok(inputs)
}

/// What is understood of a script: nothing. `cache` is where the identities of toolchains are.
struct ScriptPlan {
    cache: Option<PathBuf>,
}

/// | function | name | value |
/// | --- | --- | --- |
/// | `toolchain` | a compiler as it was called, a line break, the portable directory where | the identity of its toolchain |
impl Evaluate for ScriptPlan {
    fn compute(&self, function: &str, name: &[u8], cx: &EvalContext) -> io::Result<Computed> {
        let invalid = || io::Error::other(format!("no front end evaluates `{function}`"));
        let mut parts = name.splitn(2, |b| *b == b'\n').filter(|_| function == "toolchain");
        let (program, cwd) = (parts.next().ok_or_else(invalid)?, parts.next().ok_or_else(invalid)?);
        let local = |name: &[u8]| cx.roots.local(name).ok_or_else(invalid);
        let store = Store::open(self.cache.as_deref().ok_or_else(invalid)?)?;
        let digest = toolchain(&store, &local(program)?, &local(cwd)?)?;
        Ok(Computed::Digest(digest))
    }

    fn contents_of(&self, _: &str, _: &[u8], _: &EvalContext) -> Option<PathBuf> {
        None
    }

    fn ignores_variable(&self, name: &[u8], every: bool) -> bool {
        excuses::ignored_in_whole(name, every).is_some()
    }

    fn shows_variable(&self, name: &[u8]) -> bool {
        tables::is_shown(name)
    }
}

/// The identity of the toolchain of a compiler, as it is called from a directory.
///
/// # Errors
/// When the program is no compiler that is known, or its toolchain cannot be found.
fn toolchain(store: &Store, program: &Path, cwd: &Path) -> io::Result<Digest> {
    let request = Request::new(program, Vec::new(), cwd);
    let unknown = || io::Error::other(format!("{} is no known compiler", program.display()));
    let family = recognise::family(&request, store).ok_or_else(unknown)?;
    let resolved = real_program(family, &request, None).map_err(|why| io::Error::other(why.detail))?;
    Ok(Toolchain::identify(store, family, &resolved.program)?.digest)
}

impl Plan for ScriptPlan {
    fn collect(&self, action: &Action, log: &Log, cx: &EvalContext) -> Collected {
        let subject = Subject {
            policy: &policies::FOREIGN,
            program: &action.program,
            is_shim: false,
            cwd: &action.cwd,
            roots: &action.roots,
            outputs: &action.outputs.names,
            inlined: Vec::new(),
            state: None,
            searched: &[],
            toolchain: None,
            coverage: &|_: &Path| Coverage::None,
            linker: None,
            path_only: &[],
            has_plugins: false,
            is_foreign: true,
        };
        collect(&subject, &Machine { roots: &action.roots, table: cx.table }, &log.trace())
    }

    fn collect_unobserved(&self, _: &Action, _: i64) -> Result<Collected, NotCacheable> {
        refuse(Reason::NotObserved, "what a build script reads is known only where it is observed")
    }

    fn refine(
        &self,
        action: &Action,
        _: &mut Completed,
        collected: &mut Collected,
        _: &EvalContext,
        _: &Store,
    ) -> Result<Known, NotCacheable> {
        if let Some(why) = collected.refused.take() {
            return Err(why);
        }
        archives::without_times(&action.outputs.names)?;
        Ok(Known::new())
    }
}
