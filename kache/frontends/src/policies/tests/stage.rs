//! A machine that is made up, and an action on it.

use crate::policies;
use kache_core::action::OutputNames;
use kache_core::collect::{Coverage, Subject, World, collect};
use kache_core::collected::Collected;
use kache_core::dependency::Dependency;
use kache_core::observe::object::{Import, Imports};
use kache_core::observe::start_clock::StartCalls;
use kache_core::observe::text::TextLog;
use kache_core::observe::variables::Use;
use kache_core::paths::Roots;
use kache_core::platform::{self, FileType};
use kache_core::policy::{Passage, TrustPolicy, passages};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

enum Entry {
    File,
    Directory,
    Device,
    Link(PathBuf),
}

/// What is in an object.
#[derive(Default)]
pub struct Object {
    /// Symbols, with the library that each comes from after an `@` where the object names it.
    pub imports: Vec<&'static str>,
    pub libraries: Vec<&'static str>,
    /// Lists of directories.
    pub directories: Vec<&'static str>,
    pub exports: Vec<&'static str>,
    /// `None` where it has been stripped.
    pub functions: Option<Vec<&'static str>>,
    pub calls_kernel: Option<bool>,
    pub variables: Use,
}

/// What code that is not optimised has.
pub const UNOPTIMISED: &str = "_ZN10proc_macro6bridge6client10run_client17h0E";

/// A machine that holds what it was given, and nothing else.
#[derive(Default)]
pub struct FakeWorld {
    entries: BTreeMap<PathBuf, Entry>,
    variables: BTreeMap<String, String>,
    objects: BTreeMap<PathBuf, Object>,
    /// Programs that only have the name of a tool.
    counterfeits: BTreeSet<PathBuf>,
    /// What a program writes to the log when it starts and ends at once.
    starts: BTreeMap<PathBuf, &'static str>,
    /// What is in scripts.
    texts: BTreeMap<PathBuf, &'static str>,
    not_executable: BTreeSet<PathBuf>,
    running: BTreeSet<u32>,
    interpreters: BTreeMap<PathBuf, PathBuf>,
}

impl FakeWorld {
    fn add(&mut self, path: &str, entry: Entry) {
        let path = PathBuf::from(path);
        for above in path.ancestors().skip(1) {
            self.entries.entry(above.to_path_buf()).or_insert(Entry::Directory);
        }
        self.entries.insert(path, entry);
    }

    /// Where a path leads, and what is there.
    fn resolve(&self, path: &Path) -> Option<(PathBuf, &Entry)> {
        self.resolve_by_links(path, 40)
    }

    fn resolve_by_links(&self, path: &Path, links: u8) -> Option<(PathBuf, &Entry)> {
        let mut at = PathBuf::new();
        for part in path.components() {
            if part.as_os_str() == ".." {
                at.pop();
                continue;
            }
            at.push(part);
            if let Entry::Link(to) = self.entries.get(&at)? {
                at = self.resolve_by_links(&at.parent()?.join(to), links.checked_sub(1)?)?.0;
            }
        }
        let entry = self.entries.get(&at)?;
        Some((at, entry))
    }
}

impl World for FakeWorld {
    fn file_type(&self, path: &Path) -> Option<FileType> {
        Some(match self.resolve(path)?.1 {
            Entry::File => FileType::File,
            Entry::Directory => FileType::Dir,
            Entry::Device => FileType::Other,
            Entry::Link(_) => unreachable!("links are followed"),
        })
    }

    fn is_there(&self, path: &Path) -> bool {
        let Some((dir, name)) = path.parent().zip(path.file_name()) else { return true };
        self.resolve(dir).is_some_and(|(dir, _)| self.entries.contains_key(&dir.join(name)))
    }

    fn names(&self, directory: &Path) -> Vec<OsString> {
        let below = self.entries.keys().filter(|path| path.parent() == Some(directory));
        below.filter_map(|path| path.file_name()).map(OsStr::to_os_string).collect()
    }

    fn read_link(&self, path: &Path) -> Option<PathBuf> {
        match self.entries.get(path)? {
            Entry::Link(to) => Some(to.clone()),
            _ => None,
        }
    }

    fn canonicalize(&self, path: &Path) -> Option<PathBuf> {
        Some(self.resolve(path)?.0)
    }

    fn may_execute(&self, path: &Path) -> bool {
        self.file_type(path) == Some(FileType::File) && !self.not_executable.contains(path)
    }

    fn is_plain_script(&self, _: &Path) -> bool {
        false
    }

    fn interpreter(&self, script: &Path) -> Option<PathBuf> {
        self.interpreters.get(script).cloned()
    }

    fn is_running(&self, pid: u32) -> bool {
        self.running.contains(&pid)
    }

    fn variable(&self, name: &[u8]) -> Option<OsString> {
        self.variables.get(platform::os_str(name).to_str()?).map(OsString::from)
    }

    /// To each question the same.
    fn host_fact(&self, _: &[u8], _: &[u8]) -> Option<Vec<u8>> {
        Some(b"0 ".to_vec())
    }

    fn program(&self, name: &OsStr) -> Option<PathBuf> {
        let path = self.variable(b"PATH")?;
        std::env::split_paths(&path)
            .map(|dir| dir.join(name))
            .find(|p| self.file_type(p) == Some(FileType::File))
    }

    fn library(&self, name: &OsStr) -> Option<PathBuf> {
        Some(Path::new("/usr/lib").join(name)).filter(|path| self.file_type(path) == Some(FileType::File))
    }

    fn holds(&self, file: &Path, _: &[&[&str]]) -> bool {
        !self.counterfeits.contains(file) && !self.not_executable.contains(file)
    }

    fn has_word(&self, file: &Path, words: &[&str], beside: &[Passage]) -> Option<bool> {
        let text = self.texts.get(file).copied().or_else(|| self.is_there(file).then_some(""))?;
        Some(passages::has_word(text.as_bytes(), words, beside))
    }

    fn calls_kernel(&self, object: &Path) -> Option<bool> {
        self.objects.get(object)?.calls_kernel
    }

    fn imports(&self, object: &Path) -> Option<Imports> {
        let object = self.objects.get(object)?;
        let import = |symbol: &&str| {
            let (name, library) = symbol.split_once('@').map_or((*symbol, None), |(n, l)| (n, Some(l)));
            Import { name: name.into(), library: library.map(Into::into) }
        };
        let libraries = object.libraries.iter().map(|name| name.as_bytes().to_vec()).collect();
        let directories = object.directories.iter().map(|list| list.as_bytes().to_vec()).collect();
        Some(Imports { libraries, directories, symbols: object.imports.iter().map(import).collect() })
    }

    fn exports(&self, library: &Path) -> Option<BTreeSet<Vec<u8>>> {
        Some(self.objects.get(library)?.exports.iter().map(|name| name.as_bytes().to_vec()).collect())
    }

    fn functions(&self, object: &Path, parts: &[&'static str]) -> Option<Vec<&'static str>> {
        let names = self.objects.get(object)?.functions.as_ref()?;
        Some(parts.iter().copied().filter(|part| names.iter().any(|name| name.contains(part))).collect())
    }

    fn function_at(&self, object: &Path, address: u64) -> Option<Vec<u8>> {
        let functions = self.objects.get(object)?.functions.as_ref()?;
        Some(
            functions
                .get(usize::try_from(address).unwrap())
                .map_or(Vec::new(), |name| name.as_bytes().to_vec()),
        )
    }

    fn only_root_replaces(&self, program: &Path) -> bool {
        program.starts_with("/usr")
    }

    fn variables(&self, object: &Path, _: u64) -> Use {
        self.objects.get(object).map_or(Use::Reads, |object| object.variables)
    }

    fn start_calls(&self, program: &Path, _: &[&str]) -> Option<StartCalls> {
        Some(StartCalls::of(&TextLog::parse(self.starts.get(program)?).unwrap().trace()))
    }
}

/// An action on a machine that is made up.
pub struct Stage {
    pub policy: &'static TrustPolicy,
    pub outputs: OutputNames,
    pub linker: Option<PathBuf>,
    pub has_plugins: bool,
    pub is_shim: bool,
    world: FakeWorld,
    roots: Roots,
}

impl Stage {
    /// A crate that is compiled in `/w`, by `/tc/bin/rustc`.
    pub fn rustc() -> Stage {
        let mut stage = Stage::new(&policies::RUSTC);
        stage.linker = Some("/usr/bin/cc".into());
        stage
    }

    /// A C file that is compiled in `/w`, by `/tc/bin/gcc`.
    pub fn c() -> Stage {
        Stage::new(&policies::C)
    }

    /// CUDA that is compiled in `/w`, by `/cuda/bin/nvcc`.
    pub fn nvcc() -> Stage {
        let programs = ["nvcc", "cudafe++", "cicc", "ptxas"].map(|name| format!("/cuda/bin/{name}"));
        let stage =
            Stage::new(&policies::NVCC).plain_object("/usr/bin/dash").link("/bin/sh", "../usr/bin/dash");
        programs.iter().fold(stage, |stage, program| stage.plain_object(program))
    }

    fn new(policy: &'static TrustPolicy) -> Stage {
        let mut roots = Roots::default();
        roots.add("workspace", "/w".into(), None);
        let outputs = OutputNames {
            dir: "/w/out".into(),
            stem: "crate".to_string(),
            exact: vec!["/w/out/a.o".into()],
            ..OutputNames::default()
        };
        let world = FakeWorld::default();
        let stage = Stage { policy, outputs, linker: None, has_plugins: false, is_shim: false, world, roots };
        let stage = stage.variable("PATH", "/usr/bin:/bin").directory("/w/out").directory("/w/state");
        let programs = [
            "/tc/bin/rustc",
            "/tc/bin/gcc",
            "/usr/bin/cc",
            "/usr/bin/ld",
            "/usr/bin/sh",
            "/usr/bin/perl",
            "/w/in-place",
        ];
        let starts = "1 start /usr/bin/sh => /\n1 module /usr/bin/sh\n1 volatile aux=64 err=1 gettimeofday\n\
             1 read err=6 /dev/tty\n1 write err=6 /dev/tty";
        let stage = stage.starts("/usr/bin/sh", starts);
        programs.iter().fold(stage, |stage, program| stage.plain_object(program))
    }

    /// What a program does when it starts and ends at once.
    pub fn starts(mut self, program: &str, trace: &'static str) -> Stage {
        self.world.starts.insert(program.into(), trace);
        self
    }

    pub fn file(mut self, path: &str) -> Stage {
        self.world.add(path, Entry::File);
        self
    }

    /// A script that is there, and its text.
    pub fn script_text(mut self, path: &str, text: &'static str) -> Stage {
        self.world.texts.insert(path.into(), text);
        self.file(path)
    }

    /// A program that only has the name of a tool.
    pub fn counterfeit(mut self, path: &str) -> Stage {
        self.world.counterfeits.insert(path.into());
        self.plain_object(path)
    }

    pub fn directory(mut self, path: &str) -> Stage {
        self.world.add(path, Entry::Directory);
        self
    }

    pub fn device(mut self, path: &str) -> Stage {
        self.world.add(path, Entry::Device);
        self
    }

    pub fn link(mut self, path: &str, to: &str) -> Stage {
        self.world.add(path, Entry::Link(to.into()));
        self
    }

    /// A file that may not be executed.
    pub fn text(mut self, path: &str) -> Stage {
        self.world.not_executable.insert(path.into());
        self.file(path)
    }

    pub fn script(mut self, path: &str, interpreter: &str) -> Stage {
        self.world.interpreters.insert(path.into(), interpreter.into());
        self.file(path)
    }

    /// A process that outlives the run.
    pub fn running(mut self, pid: u32) -> Stage {
        self.world.running.insert(pid);
        self
    }

    pub fn variable(mut self, name: &str, value: &str) -> Stage {
        self.world.variables.insert(name.to_string(), value.to_string());
        self
    }

    pub fn object(mut self, path: &str, object: Object) -> Stage {
        self.world.add(path, Entry::File);
        self.world.objects.insert(path.into(), object);
        self
    }

    /// A plugin that can do nothing unseen.
    pub fn plain_object(self, path: &str) -> Stage {
        self.object(
            path,
            Object { functions: Some(vec![UNOPTIMISED]), calls_kernel: Some(false), ..Object::default() },
        )
    }

    pub fn collect(&self, trace: &str) -> Collected {
        let log = TextLog::parse(trace).unwrap();
        let coverage = |path: &Path| if path.starts_with("/tc") { Coverage::Whole } else { Coverage::None };
        let is_nvcc = std::ptr::eq(self.policy, &raw const policies::NVCC);
        let program = match self.is_shim {
            true => "/w/shim",
            false if is_nvcc => "/cuda/bin/nvcc",
            false if self.policy.trusts_first => "/tc/bin/rustc",
            false => "/tc/bin/gcc",
        };
        let searched = [PathBuf::from("/w/crates")];
        let path_only = ["locating".to_string(), "locating_macro".to_string()];
        let subject = Subject {
            policy: self.policy,
            program: Path::new(program),
            is_shim: self.is_shim,
            cwd: Path::new("/w"),
            roots: &self.roots,
            outputs: &self.outputs,
            inlined: vec![Path::new("/w/args.rsp")],
            state: Some(Path::new("/w/state")),
            searched: &searched,
            toolchain: match is_nvcc {
                true => Some(Path::new("/cuda/bin")),
                false => self.policy.trusts_first.then_some(Path::new("/tc")),
            },
            coverage: &coverage,
            linker: self.linker.clone(),
            path_only: &path_only,
            has_plugins: self.has_plugins,
            is_foreign: false,
            is_script: false,
        };
        collect(&subject, &self.world, &log.trace())
    }

    /// What is collected, a line each.
    pub fn lines(&self, trace: &str) -> Vec<String> {
        let found = self.collect(trace);
        let shown = |path: &PathBuf| format!("output {}", path.display());
        let label = |d: &Dependency| match found.absent.contains(&d.name) {
            true => d.label().replacen("path", "absent", 1),
            false => d.label(),
        };
        let candidates =
            found.candidates.iter().map(|name| format!("candidate {}", String::from_utf8_lossy(name)));
        let refused = found.refused.iter().map(|r| format!("refused {}: {}", r.reason, r.detail));
        let mut lines: Vec<String> = found.dependencies.iter().map(label).collect();
        lines.extend(found.outputs.iter().map(shown).chain(candidates).chain(refused));
        lines
    }
}
