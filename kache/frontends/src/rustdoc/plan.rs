//! What the front end understood of one run of rustdoc, and its answers to the engine.

use super::directory::{Directory, Work};
use super::index::{DIRECTORY, Files, Index};
use super::{join, pack};
use crate::compile_plan::CompilePlan;
use crate::{collect, refine};
use kache_core::action::{Action, OutputNames, OutputTree};
use kache_core::collected::Collected;
use kache_core::dependency::{Dependency, Kind};
use kache_core::eval::{Computed, EvalContext, Evaluate};
use kache_core::frontend::{Completed, Declared, Known, Plan};
use kache_core::observe::log::Log;
use kache_core::observe::trace::Trace;
use kache_core::platform;
use kache_core::reason::{NotCacheable, Reason, refuse};
use kache_core::store::Store;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

pub(super) struct RustdocPlan {
    pub compile: CompilePlan,
    pub directory: Directory,
    pub work: Work,
    /// The crate's name, as it is in the names of directories.
    pub name: String,
    /// Whether cargo documents another crate into the directory after this one.
    pub is_followed: bool,
    /// The arguments as the caller gave them.
    pub request: Vec<OsString>,
    /// The roots that the command line names. What is written may hold their paths.
    pub named_roots: BTreeSet<String>,
    /// Crates that have pages in the private directory in any case.
    pub hidden: BTreeSet<String>,
    /// Why there is no pack, where rustdoc has succeeded.
    pub trouble: RefCell<Option<String>>,
}

impl Evaluate for RustdocPlan {
    fn compute(&self, function: &str, name: &[u8], cx: &EvalContext) -> io::Result<Computed> {
        self.compile.compute(function, name, cx)
    }

    fn place(&self, function: &str, name: &[u8], cx: &EvalContext) -> String {
        self.compile.place(function, name, cx)
    }

    fn contents_of(&self, function: &str, name: &[u8], cx: &EvalContext) -> Option<PathBuf> {
        self.compile.contents_of(function, name, cx)
    }

    fn covered_by(&self, function: &str, name: &[u8], cx: &EvalContext) -> Option<Vec<Dependency>> {
        self.compile.covered_by(function, name, cx)
    }

    fn ignores_variable(&self, name: &[u8], every: bool) -> bool {
        self.compile.ignores_variable(name, every)
    }

    fn shows_variable(&self, name: &[u8]) -> bool {
        self.compile.shows_variable(name)
    }
}

impl RustdocPlan {
    /// The names in the private directory that were asked for, other than those of the crate.
    fn asked(&self, trace: &Trace) -> BTreeSet<String> {
        let tree = &self.work.tree;
        let name = |path: &[u8]| {
            let below = Path::new(platform::os_str(path)).strip_prefix(tree).ok()?;
            let mut parts = below.components();
            let first = parts.next()?.as_os_str().to_str()?;
            let is_ours =
                first == self.name || pack::sort(first, &self.name).is_some() || first == pack::LOCK;
            (parts.next().is_none() && !is_ours && !pack::SHARED.contains(&first)).then(|| first.to_string())
        };
        trace.events.iter().filter_map(|event| name(event.path)).collect()
    }

    /// The hidden crates that a page leads to. What leads to them is a path from the page, or from the directory.
    fn leads_to(&self, files: &Files) -> BTreeSet<String> {
        let leads = |name: &&String| {
            let forms = [format!("../{name}/"), format!("=\"{name}/"), format!("=\\\"{name}/")];
            let finders = forms.each_ref().map(|form| memchr::memmem::Finder::new(form.as_bytes()));
            files.values().any(|file| finders.iter().any(|finder| finder.find(file).is_some()))
        };
        self.hidden.iter().filter(leads).cloned().collect()
    }

    /// Makes the pack of what is in the private directory.
    fn pack(&self) -> io::Result<()> {
        let files = pack::read(&self.work.tree)?;
        if let Some(name) = self.leads_to(&files).iter().find(|name| !self.work.crates.contains(*name)) {
            return Err(io::Error::other(format!("a page leads to {name}, which has no pages")));
        }
        if let Some(path) = pack::unknown(&files, &self.name) {
            return Err(io::Error::other(format!("kache does not know how crates share {path}")));
        }
        Index::read(&files).ok_or_else(|| io::Error::other("the search index has an unknown format"))?;
        std::fs::write(&self.work.pack, pack::encode(files.iter()))?;
        platform::remove_dir_all(&self.work.tree)
    }

    fn settle(&self) -> io::Result<()> {
        if let Some(trouble) = self.trouble.take() {
            return Err(io::Error::other(trouble));
        }
        let files = pack::decode(&std::fs::read(&self.work.pack)?).ok_or(io::ErrorKind::InvalidData)?;
        platform::remove_file(&self.work.pack)?;
        let program = &self.compile.invocation.program;
        let command = join::Command::of_this_process(program, &self.request, &self.compile.invocation.cwd);
        self.directory.add(&self.name, &files, &command, self.is_followed)
    }
}

impl Plan for RustdocPlan {
    fn collect(&self, action: &Action, log: &Log, cx: &EvalContext) -> Collected {
        let tree = OutputTree { path: self.work.tree.clone(), is_there: true };
        let outputs = OutputNames { trees: vec![tree], ..OutputNames::default() };
        let trace = log.trace();
        let mut collected =
            collect::dependencies(&self.compile, &action.roots, &outputs, None, &trace, cx.table);
        let portable = |path: &Path| action.roots.portable(path.as_os_str().as_encoded_bytes());
        let files =
            std::fs::read(&self.work.pack).ok().and_then(|pack| pack::decode(&pack)).unwrap_or_default();
        let leads_to = self.leads_to(&files);
        for name in self.asked(&trace) {
            if self.hidden.contains(&name) && !leads_to.contains(&name) {
                continue;
            }
            if self.directory.has(&name) != self.work.crates.contains(&name) {
                let detail = format!("the documentation of {name} appeared or went");
                collected.refused.get_or_insert(NotCacheable::new(Reason::ChangedWhileCompiling, detail));
            }
            let path = portable(&self.directory.doc.join(name));
            collected.dependencies.insert(Dependency::new(Kind::Path, path));
        }
        let places = self.named_roots.iter().map(|root| Dependency::new(Kind::Place, root.as_str()));
        collected.dependencies.extend(places);
        if self.work.pack.exists() {
            collected.outputs.insert(self.work.pack.clone());
        }
        collected
    }

    fn collect_unobserved(&self, _: &Action, _: i64) -> Result<Collected, NotCacheable> {
        refuse(Reason::NotObserved, "which pages rustdoc looks for is known only where it is observed")
    }

    fn declared(&self) -> Option<io::Result<Declared>> {
        // A failed run leaves nothing to pack. Without a pack, the directory is left to a run of rustdoc itself.
        let has_index = self.work.tree.join(DIRECTORY).exists();
        has_index.then(|| {
            self.pack()
                .map(|()| Declared::default())
                .inspect_err(|e| _ = self.trouble.replace(Some(e.to_string())))
        })
    }

    fn refine(
        &self,
        action: &Action,
        completed: &mut Completed,
        collected: &mut Collected,
        cx: &EvalContext,
        store: &Store,
    ) -> Result<Known, NotCacheable> {
        if let Some(Err(e)) = completed.declared.take() {
            return refuse(Reason::OddOutput, e.to_string());
        }
        let pack = std::fs::read(&self.work.pack).unwrap_or_default();
        if memchr::memmem::find(&pack, self.work.tree.as_os_str().as_encoded_bytes()).is_some() {
            return refuse(Reason::PrivatePath, "a page names the directory that kache had rustdoc write to");
        }
        refine::refine(&self.compile, action, completed, collected, cx, store)
    }

    fn settle(&self, succeeded: bool) -> io::Result<()> {
        if !succeeded {
            self.work.remove();
            // No crate follows. What fails here, the finisher does.
            let _ = self.directory.finish();
            return Ok(());
        }
        let settled = RustdocPlan::settle(self);
        self.work.remove();
        settled
    }
}
