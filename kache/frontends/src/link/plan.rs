//! What a link depends on, and which of its results are stored.

use super::command::Text;
use super::scan::{self, Scanner, Tools};
use super::texts;
use crate::compile_plan::CompilePlan;
use crate::flags::{Flag, Form};
use crate::{collect, policies, refine};
use kache_core::action::Action;
use kache_core::collected::Collected;
use kache_core::dependency::{Dependency, Kind};
use kache_core::eval::{Computed, EvalContext, Evaluate};
use kache_core::frontend::{Completed, Declared, Known, Looked, Plan, Planned};
use kache_core::observe::log::Log;
use kache_core::platform;
use kache_core::reason::{NotCacheable, Reason, refuse};
use kache_core::store::Store;
use kache_core::template::Format;
use std::io;
use std::path::PathBuf;

/// What was understood of a link.
pub struct LinkPlan {
    compile: CompilePlan,
    /// Whether sources are compiled first.
    compiles: bool,
    texts: Vec<(PathBuf, Text)>,
}

impl LinkPlan {
    pub fn planned(
        mut action: Action,
        mut compile: CompilePlan,
        compiles: bool,
        texts: Vec<(PathBuf, Text)>,
    ) -> Planned {
        action.outputs.templates.extend(texts.iter().map(|(path, _)| (path.clone(), Format::Printed)));
        if texts.iter().any(|(_, sort)| *sort == Text::Rules) {
            for root in action.roots.iter().filter(|root| texts::may_be_quoted(root)) {
                let path = root.path.as_os_str();
                action.inputs.put("paths", path.to_string_lossy(), path.as_encoded_bytes());
            }
            action.key = action.inputs.digest();
        }
        compile.policy = if compiles { &policies::COMPILE_AND_LINK } else { &policies::LINK };
        Planned { action, plan: Box::new(LinkPlan { compile, compiles, texts }) }
    }

    /// The places that the outputs are for.
    ///
    /// # Errors
    /// When an output cannot be the same in another run.
    fn check_outputs(
        &self,
        action: &Action,
        tools: &Tools,
        collected: &mut Collected,
    ) -> Result<(), NotCacheable> {
        let temporary: Vec<&[u8]> = tools.temporary.iter().map(|name| name.as_slice()).collect();
        let mut roots = Vec::new();
        for path in &collected.outputs {
            let (named, is_named_at_random) = scan::search(path, &action.roots, &temporary);
            if is_named_at_random {
                let detail = format!("{} names a temporary file", path.display());
                return refuse(Reason::Link, detail);
            }
            let Some((_, sort)) = self.texts.iter().find(|(text, _)| text == path) else {
                if action.outputs.template(path).is_none() {
                    if !scan::is_elf(path) {
                        let detail = format!("{} is no ELF file, and may hold the time", path.display());
                        return refuse(Reason::Link, detail);
                    }
                    roots.extend(named);
                }
                continue;
            };
            let text = platform::read_regular(path).unwrap_or_default();
            roots.extend(texts::fixed_roots(&text, *sort, &action.roots));
        }
        collected.dependencies.extend(roots.into_iter().map(|root| Dependency::new(Kind::Place, root)));
        Ok(())
    }

    /// Where inputs lead the linker. A dependency names a file below a root by the root's name; one that a text names by its
    /// path is there in one place only.
    ///
    /// # Errors
    /// When the linker compiled an input, or may have read what its output was before.
    fn check_inputs(
        &self,
        action: &Action,
        tools: &Tools,
        collected: &mut Collected,
    ) -> Result<(), NotCacheable> {
        let output = self.compile.invocation.outputs.exact.first().and_then(|output| output.file_name());
        let scanner = Scanner {
            roots: &action.roots,
            is_lld: tools.is_lld,
            names_roots: self.names_roots(action),
            output: output.unwrap_or_default().as_encoded_bytes(),
        };
        let files = collected.dependencies.iter().filter(|d| d.kind == Kind::File);
        let files = files.filter_map(|d| action.roots.local(&d.name));
        let mut places = Vec::new();
        for path in files.filter(|path| !self.compiles || !scan::is_source(path)) {
            places.extend(scanner.places(&path)?);
        }
        collected.dependencies.extend(places.into_iter().map(|root| Dependency::new(Kind::Place, root)));
        Ok(())
    }

    /// Whether the command line names a path below a root.
    fn names_roots(&self, action: &Action) -> bool {
        let is_path = |flag: &&Flag| matches!(flag.row.form(), Some(Form::Path | Form::Output));
        let flags = self.compile.invocation.flags.iter().filter(is_path);
        let mut values = flags.filter_map(|flag| flag.value.as_deref());
        values.any(|value| action.roots.portable(value.as_bytes()).starts_with(b"<"))
    }
}

impl Evaluate for LinkPlan {
    fn compute(&self, function: &str, name: &[u8], cx: &EvalContext) -> io::Result<Computed> {
        self.compile.compute(function, name, cx)
    }

    fn place(&self, function: &str, name: &[u8], cx: &EvalContext) -> String {
        self.compile.place(function, name, cx)
    }

    fn contents_of(&self, function: &str, name: &[u8], cx: &EvalContext) -> Option<PathBuf> {
        self.compile.contents_of(function, name, cx)
    }

    fn ignores_variable(&self, name: &[u8], every: bool) -> bool {
        self.compile.ignores_variable(name, every)
    }

    fn shows_variable(&self, name: &[u8]) -> bool {
        self.compile.shows_variable(name)
    }
}

impl Plan for LinkPlan {
    fn collect(&self, action: &Action, log: &Log, cx: &EvalContext) -> Collected {
        let trace = log.trace();
        let mut collected = collect::dependencies(
            &self.compile,
            &action.roots,
            &action.outputs.names,
            None,
            &trace,
            cx.table,
        );
        let tools = Tools::of(&trace);
        let checked = match &tools.optimiser {
            Some(name) => refuse(Reason::Link, format!("{name} ran: link-time optimisation is not cached")),
            None if collected.refused.is_some() => return collected,
            None => self
                .check_outputs(action, &tools, &mut collected)
                .and_then(|()| self.check_inputs(action, &tools, &mut collected)),
        };
        collected.refused = checked.err();
        collected
    }

    fn collect_unobserved(&self, _: &Action, _: i64) -> Result<Collected, NotCacheable> {
        refuse(Reason::NotObserved, "only an observer knows which files a linker reads")
    }

    fn declared(&self) -> Option<io::Result<Declared>> {
        self.compile.declared()
    }

    fn may_use_mapped_paths(
        &self,
        completed: &Completed,
        log: Option<&Log>,
        looked: Looked,
        cx: &EvalContext,
    ) -> bool {
        self.compiles && self.compile.may_use_mapped_paths(completed, log, looked, cx)
    }

    fn refine(
        &self,
        action: &Action,
        completed: &mut Completed,
        collected: &mut Collected,
        cx: &EvalContext,
        store: &Store,
    ) -> Result<Known, NotCacheable> {
        if self.compiles {
            return refine::refine(&self.compile, action, completed, collected, cx, store);
        }
        refine::validate(&self.compile, completed)?;
        if let Some(refused) = collected.refused.take() {
            return Err(refused);
        }
        refine::add_settings(&self.compile, completed, collected);
        collected.drop_implied_presence();
        Ok(Known::new())
    }
}
