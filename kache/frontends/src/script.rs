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

use crate::foreign::{self, ForeignPlan};
use crate::invocation::target_dir;
use crate::loader;
use kache_core::action::{Action, KeyInputs, OutputNames, OutputTree, Outputs, Request};
use kache_core::events::{Kind, LabelBy, Unit};
use kache_core::frontend::{Bypass, Context, Frontend, Planned};
use kache_core::paths::{Roots, absolute};
use kache_core::platform;
use kache_core::reason::{NotCacheable, Reason, refuse};
use kache_core::settings::Settings;
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
    foreign::is_observed(cx.settings)?;
    foreign::is_empty(out)?;
    let target = target_dir(out, std::env::var("TARGET").ok().as_deref());
    let roots = foreign::roots(request, target, cx.settings);
    let inputs = inputs(request, out, &roots, cx.settings, cx.store).map_err(|e| {
        NotCacheable::new(Reason::UnreadableInput, format!("{}: {e}", request.program.display()))
    })?;
    let tree = OutputTree { path: out.to_path_buf(), is_there: true };
    let names = OutputNames { trees: vec![tree], ..OutputNames::default() };
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
        respelled: None,
        shows_terminal: false,
        relinked_dirs: Vec::new(),
        is_foreign: true,
        keeps_off: Some(PLAIN),
        roots,
    };
    Ok(Planned {
        action,
        plan: Box::new(ForeignPlan {
            program: request.program.clone(),
            cache: cx.settings.cache_dir.clone(),
            outputs_before: Default::default(),
            is_script: true,
            named_roots: Vec::new(),
        }),
    })
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
