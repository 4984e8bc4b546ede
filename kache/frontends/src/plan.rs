//! Planning a compile: from a command line to an [`Action`], and what the front ends of compilers answer to the engine.

use crate::compile_plan::CompilePlan;
use crate::family::{Capabilities, Family};
use crate::invocation::{Invocation, Makes};
use crate::toolchain::Toolchain;
use crate::{
    collect, depinfo, gnu, incremental, key, linker, loader, mapped, output_names, recognise, refine, rustc,
    rustup, starter,
};
use kache_core::action::{Action, Outputs, Request};
use kache_core::collected::Collected;
use kache_core::dependency::{Dependency, Kind as DependencyKind};
use kache_core::digest::Digest;
use kache_core::eval::EvalContext;
use kache_core::events::{Kind, Phase, Unit};
use kache_core::frontend::{
    Bypass, Completed, Context, CopiedState, Declared, Frontend, Known, Looked, Plan, Planned,
};
use kache_core::observe::log::Log;
use kache_core::paths::{Roots, absolute};
use kache_core::platform;
use kache_core::reason::{NotCacheable, Reason, refuse};
use kache_core::run::Ran;
use kache_core::settings::{Observe, Settings};
use kache_core::store::Store;
use kache_core::store::states::LeftState;
use kache_core::template::{self, Respelled};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

impl Frontend for Family {
    fn name(&self) -> &'static str {
        self.name
    }

    fn claims(&self, request: &Request, cx: &Context) -> bool {
        let name = request.recognised(|| recognise::family(request, cx.store).map(|family| family.name));
        name == Some(self.name)
    }

    fn plan(&self, request: &Request, cx: &Context) -> Result<Planned, Box<Bypass>> {
        let mut request = request.clone();
        let toolchain = if self.is_rust() { take_toolchain_argument(&mut request) } else { None };
        let (unit, kind) = self.describe(&request);
        let parsed = (self.parse)(&request);
        cx.timer.lap(Phase::Parse);
        let invocation = parsed.map_err(|why| Box::new(Bypass { unit, kind, why }))?;
        let (unit, kind) = (invocation.unit.clone(), invocation.kind);
        let planned = self.plan_parsed(&request, toolchain, invocation, cx);
        let (action, plan) = planned.map_err(|why| Box::new(Bypass { unit, kind, why }))?;
        Ok(Planned { action, plan: Box::new(plan) })
    }
}

impl Family {
    /// What is known of a command before it is parsed, since the parser may refuse it.
    fn describe(&self, request: &Request) -> (Unit, Kind) {
        let mut words = request.args.iter().filter_map(|a| a.to_str());
        let name = match words.any(|w| w == "--crate-name") {
            true => words.next().unwrap_or_default().to_string(),
            false => request.program.display().to_string(),
        };
        let compiles = || request.args.iter().any(|a| a == "-c" || a == "-S" || a == "/c");
        let is_trial = || {
            let mut words = request.args.iter().filter_map(|a| a.to_str());
            words.any(|w| w == "-" || gnu::is_trial(w, &request.cwd))
        };
        let probe = !self.is_rust() && (!compiles() || is_trial());
        let kind = if probe { Kind::Probe } else { rustc::kind_from_environment() };
        (Unit { family: self.family.to_string(), name, ..Unit::default() }, kind)
    }

    pub(crate) fn plan_parsed(
        &self,
        request: &Request,
        toolchain: Option<String>,
        mut invocation: Invocation,
        cx: &Context,
    ) -> Result<(Action, CompilePlan), NotCacheable> {
        // The command may be planned twice.
        platform::restore_variables();
        let rustup::Resolved { program, env } = real_program(self, request, toolchain.as_deref())?;
        invocation.program = program;
        platform::set_variables(env);
        let toolchain = Toolchain::identify(cx.store, self, &invocation.program).map_err(|e| {
            NotCacheable::new(Reason::Toolchain, format!("{}: {e}", invocation.program.display()))
        })?;
        cx.timer.lap(Phase::Toolchain);
        let Capabilities { maps, maps_assembly, report } = toolchain.capabilities;
        let cannot_map = cx.literal_paths
            || invocation.maps_other_cwd()
            || !maps
            || invocation.debugs_assembly && !maps_assembly
            || invocation.makes_bitcode && report == template::Format::WideDepfile;
        invocation.literal_paths |= cannot_map && !invocation.maps_nothing();
        // clang writes absolute paths into a precompiled header, some in a form that no search finds.
        invocation.literal_paths |= invocation.makes == Makes::Precompiled;
        let is_gccs = report == template::Format::NarrowDepfile;
        if is_gccs && invocation.makes == Makes::Precompiled && gnu::is_header(&invocation.unit.kind) {
            let detail = "gcc writes its memory into a precompiled header, which differs in each run";
            return refuse(Reason::PrecompiledHeader, detail);
        }
        let roots = self.roots(&mut invocation, &toolchain, cx.settings)?;
        for text in [&mut invocation.unit.source, &mut invocation.unit.extra] {
            // A relative path is as the parser left it.
            if Path::new(text.as_str()).is_absolute() {
                *text = roots.portable_text(Path::new(text.as_str()));
            }
        }
        Ok(planned(self, invocation, toolchain, roots, cx))
    }

    fn roots(
        &self,
        invocation: &mut Invocation,
        toolchain: &Toolchain,
        settings: &Settings,
    ) -> Result<Roots, NotCacheable> {
        let of = |invocation: &Invocation| {
            invocation.roots(Some(&toolchain.sysroot), settings.remap, &settings.base_dirs)
        };
        let mut roots = of(invocation);
        let odd =
            |path: &Path| path.as_os_str().as_encoded_bytes().iter().any(|b| self.unmappable.contains(b));
        let keeps_paths = invocation.keeps_paths();
        if roots.iter().any(|r| (r.mapped.is_some() || keeps_paths) && odd(&r.path)) {
            invocation.literal_paths = true;
            roots = of(invocation);
        }
        if let Some(root) = roots.iter().find(|r| r.mapped.is_some() && r.path.to_str().is_none()) {
            let detail = format!("{} is not UTF-8", root.path.display());
            return refuse(Reason::NotUtf8, detail);
        }
        Ok(roots)
    }
}

/// The program that a proxy would run.
pub(crate) fn real_program(
    family: &Family,
    request: &Request,
    toolchain: Option<&str>,
) -> Result<rustup::Resolved, NotCacheable> {
    let missing = || NotCacheable::new(Reason::UnknownCompiler, "the compiler is not found");
    let found = request.file().ok_or_else(missing)?;
    if !family.is_rust() {
        return Ok(rustup::Resolved { program: found.to_path_buf(), env: Vec::new() });
    }
    let unclear = "kache cannot tell which toolchain rustup would choose";
    rustup::resolve(found, toolchain, &request.cwd).ok_or_else(|| NotCacheable::new(Reason::Rustup, unclear))
}

/// `rustc +nightly …` is addressed to rustup's proxy.
fn take_toolchain_argument(request: &mut Request) -> Option<String> {
    let first = request.args.first()?.to_str()?.strip_prefix('+')?.to_string();
    request.args.remove(0);
    Some(first)
}

fn planned(
    family: &Family,
    mut invocation: Invocation,
    toolchain: Toolchain,
    roots: Roots,
    cx: &Context,
) -> (Action, CompilePlan) {
    let settings = cx.settings;
    let is_rust = invocation.language.is_rust();
    let starter = link_starter(&mut invocation, cx);
    let mut inputs = key::inputs(&invocation, &toolchain, &roots, settings);
    if starter.is_some() {
        inputs.put("script starter", "linked", starter::digest());
    }
    inputs.0.extend(loader::inputs(cx.store).0);
    let key = inputs.digest();
    let templates = invocation.depinfo.iter().map(|p| (p.clone(), toolchain.capabilities.report)).collect();
    // The directory of a compiler that takes its name from `PWD`: the variable may name it through a link, which no argument
    // maps.
    let names_directory = !is_rust && !invocation.literal_paths && !invocation.maps_nothing();
    let pwd = names_directory.then(|| ("PWD", OsString::from(&invocation.cwd)));
    let respelled =
        settings.keeps_state().then(|| incremental::spelling::respelled(&invocation, &roots)).flatten();
    let action = Action {
        unit: invocation.unit.clone(),
        kind: invocation.kind,
        program: invocation.program.clone(),
        args: arguments(family, &invocation, &roots, &key, respelled.as_ref()),
        cwd: invocation.cwd.clone(),
        env: pwd.into_iter().collect(),
        key,
        inputs,
        outputs: Outputs {
            names: invocation.outputs.clone(),
            templates,
            create_dirs: is_rust,
            printed: invocation.makes == Makes::Text,
            statuses: Vec::new(),
        },
        source: (!is_rust).then(|| {
            let path = absolute(&invocation.cwd, Path::new(&invocation.input));
            Dependency::new(DependencyKind::File, roots.portable(path.as_os_str().as_encoded_bytes()))
        }),
        unmap_printed: is_rust,
        respelled: respelled.clone(),
        // Arguments tell rustc of the terminal. gcc and clang have none for all that they ask a terminal.
        shows_terminal: !is_rust,
        relinked_dirs: invocation.search.clone(),
        is_foreign: false,
        keeps_off: None,
        roots,
    };
    let defines = invocation.path_macros(&action.roots);
    let plan = CompilePlan {
        policy: (family.policy)(&invocation),
        runs_beside_itself: family.runs_beside_itself,
        correct: family.correct,
        tells_macros: family.tells_macros,
        invocation,
        toolchain,
        starter,
        respelled,
        defines,
        path_only: settings.path_only_macros.clone(),
        assume_tame_macros: settings.observe == Observe::Off,
        can_report: true,
    };
    (action, plan)
}

/// Has the command link the object that hands a build script over to kache, where the command links a build script. Where
/// paths are to be left as they are, an argument of kache's has failed before.
fn link_starter(invocation: &mut Invocation, cx: &Context) -> Option<PathBuf> {
    let Settings { build_scripts, observe, .. } = cx.settings;
    if !build_scripts
        || *observe == Observe::Off
        || cx.literal_paths
        || !rustc::links_build_script(invocation)
    {
        return None;
    }
    let starter = starter::place(cx.store).ok()?;
    let mut argument = OsString::from("link-arg=");
    argument.push(&starter);
    invocation.inject.extend(["-C".into(), argument]);
    Some(starter)
}

/// The arguments to run the compiler with.
fn arguments(
    family: &Family,
    invocation: &Invocation,
    roots: &Roots,
    key: &Digest,
    respelled: Option<&Respelled>,
) -> Vec<OsString> {
    if invocation.maps_nothing() {
        return invocation.args.clone();
    }
    let mut args = [&invocation.lead[..], &invocation.inject].concat();
    // The last prefix that matches wins: ours come before the user's, the deepest last among them.
    for root in roots.iter().rev() {
        let Some(mapped) = &root.mapped else { continue };
        for flag in (family.maps)(invocation, &root.path) {
            let mut arg = OsString::from(flag);
            arg.push(&root.path);
            arg.push(format!("={mapped}"));
            args.push(arg);
        }
    }
    args.extend(family.tells_source.and_then(|flag| source_argument(flag, invocation, roots, key)));
    match respelled {
        Some(_) => args.extend(incremental::spelling::tell(invocation)),
        None => args.extend(invocation.args.iter().cloned()),
    }
    args
}

/// Tells the compiler the path of the source as it is to be in outputs: as a root is mapped, below a name that no other command
/// has. Two checkouts that are linked into one program may both have a source of that path.
fn source_argument(flag: &str, invocation: &Invocation, roots: &Roots, key: &Digest) -> Option<OsString> {
    let source = absolute(&invocation.cwd, Path::new(&invocation.input));
    let source = platform::normalize(source.as_os_str().as_encoded_bytes()).into_owned();
    let source = Path::new(platform::os_str(&source));
    let root = roots.iter().find(|root| source.starts_with(&root.path))?;
    let mapped = Path::new("/kache").join(&key.hex()[..16]).join(root.mapped.as_ref()?);
    Some(
        [flag.into(), mapped.join(source.strip_prefix(&root.path).ok()?).into_os_string()]
            .into_iter()
            .collect(),
    )
}

impl Plan for CompilePlan {
    fn collect(&self, action: &Action, log: &Log, cx: &EvalContext) -> Collected {
        let linker = self.invocation.language.is_rust().then(|| linker::path(self.linker(), cx)).flatten();
        let trace = log.trace();
        let mut collected =
            collect::dependencies(self, &action.roots, &action.outputs.names, linker, &trace, cx.table);
        if !self.invocation.language.is_rust() {
            output_names::note_looks(&self.invocation, &trace, &mut collected);
        }
        if let Some(correct) = self.correct {
            correct(action, &mut collected, cx.table);
        }
        collected
    }

    fn collect_unobserved(&self, action: &Action, started: i64) -> Result<Collected, NotCacheable> {
        if self.toolchain.by_shim {
            let detail = format!("{} becomes the compiler", self.invocation.program.display());
            return refuse(Reason::NotObserved, detail);
        }
        self.rules(&action.roots).collect(started)
    }

    fn declared(&self) -> Option<io::Result<Declared>> {
        let report = self.toolchain.capabilities.report;
        let path = self.invocation.depinfo.as_ref()?;
        let text = incremental::spelling::read_depinfo(path, self.respelled.as_ref());
        Some(text.map(|text| depinfo::parse(&text, report)))
    }

    fn notices(&self) -> fn(&[u8]) -> bool {
        if self.invocation.language.is_rust() { rustc::is_awaited } else { |_| false }
    }

    fn may_use_mapped_paths(
        &self,
        completed: &Completed,
        log: Option<&Log>,
        looked: Looked,
        cx: &EvalContext,
    ) -> bool {
        mapped::may_use(self, completed, log, looked, cx)
    }

    fn forget_state(&self, log: &Log) {
        mapped::forget_state(&self.invocation, log);
    }

    fn copy_state(&self, action: &Action, store: &Store) -> Option<CopiedState> {
        incremental::copy(self, action, store)
    }

    fn may_fail_by_state(&self, ran: &Ran) -> bool {
        incremental::may_fail(ran)
    }

    fn left_state(&self, action: &Action, log: &Log) -> Option<LeftState> {
        incremental::left(self, action, log)
    }

    fn refine(
        &self,
        action: &Action,
        completed: &mut Completed,
        collected: &mut Collected,
        cx: &EvalContext,
        store: &Store,
    ) -> Result<Known, NotCacheable> {
        refine::refine(self, action, completed, collected, cx, store)
    }
}
