//! kache, as built from this repository or given with `--kache`.

use super::{Backend, Counts, Language, wrapper_env};
use super::{Endpoint, Protocol};
use crate::analysis::event_log::EventLog;
use crate::backend::invocations;
use crate::error::{Error, Result};
use crate::inject::Slowdown;
use crate::system::child;
use crate::system::environment::Environment;
use crate::system::platform;
use crate::system::workspace;
use crate::workload::{CcWiring, Wiring};
use kache_core::digest::Digest;
use kache_core::events::{Event, Kind, Outcome};
use kache_core::key_trace::KeyTrace;
use kache_core::store::result::{ActionResult, Output};
use kache_core::store::{Area, Store, traces};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Clone, Debug)]
pub struct Kache {
    program: PathBuf,
    /// The program to call: kache itself, or a program in front of it.
    front: PathBuf,
    /// Further variables: of the program in front, and settings.
    description: Vec<(OsString, OsString)>,
}

impl Kache {
    pub fn at(program: &Path) -> Result<Kache> {
        let program = program.canonicalize().map_err(|e| {
            Error::input(format!("cannot find kache: {e}"))
                .at(program.display())
                .remedy("set --kache to the path of the binary, or omit it to build kache")
        })?;
        let program = kache_core::platform::canonical_form(program);
        Ok(Kache { front: program.clone(), program, description: Vec::new() })
    }

    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The same, with a program in front that finally executes kache.
    pub fn behind(&self, front: &Path) -> Kache {
        Kache { front: front.to_path_buf(), ..self.clone() }
    }

    /// The same, with each compile delayed by a program that is installed below `dir`.
    pub fn slowed(&self, by: Slowdown, dir: &Path) -> Result<Kache> {
        let front = invocations::install_front(dir)?;
        Ok(Kache { description: by.variables(&self.program).to_vec(), ..self.behind(&front) })
    }

    /// The same, with nothing restored ahead of the build tool's questions.
    pub fn unseeded(mut self) -> Kache {
        self.description.push(("KACHE_SEED".into(), "off".into()));
        self
    }

    /// Builds the binary in the workspace of this harness.
    pub fn build(repository: &Path) -> Result<Kache> {
        // The harness is named too: the features of all dependencies are then those of its own build.
        let packages = ["-p", "kache", "-p", "kache-bench", "--bin", "kache"];
        let output = workspace::cargo()
            .args(["build", "--release", "--message-format=json-render-diagnostics"])
            .args(packages)
            .current_dir(repository)
            .stderr(Stdio::inherit())
            .output()
            .map_err(|e| {
                Error::input(format!("cannot run cargo: {e}")).remedy("install Rust, or use --kache")
            })?;
        if !output.status.success() {
            let what = format!("`cargo build --release -p kache` failed ({})", output.status);
            return Err(Error::run(what).at(repository.display()).remedy("see above, or use --kache PATH"));
        }
        // From cargo's output, since the target directory can be anywhere.
        let messages = String::from_utf8_lossy(&output.stdout);
        let executable = messages
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter_map(|message| Some(message.get("executable")?.as_str()?.to_owned()))
            // The agent is built with it.
            .rfind(|program| Path::new(program).file_stem().is_some_and(|name| name == "kache"));
        match executable {
            Some(program) => Kache::at(Path::new(&program)),
            None => Err(Error::run("cargo built no kache binary")
                .at(repository.display())
                .remedy("use --kache PATH")),
        }
    }

    /// A search path that begins with links to kache under the names of compilers.
    fn shims_before(&self, environment: &Environment, cache: &Path) -> Result<OsString> {
        let shims = cache.join("shims");
        let mut install = Command::new(&self.program);
        install.args(["shims", "install"]).arg(&shims).env("KACHE_CACHE_DIR", cache);
        child::succeed(&mut install).map_err(|e| {
            e.at(shims.display()).remedy("use a kache that has the command, or another `wiring.cc`")
        })?;
        if self.front != self.program {
            self.lead_to_front(&shims).map_err(Error::io("write to", &shims))?;
        }
        wrapper_env::before_path(environment, &shims)
    }

    /// `kache shims install` links to kache itself.
    fn lead_to_front(&self, shims: &Path) -> std::io::Result<()> {
        for entry in std::fs::read_dir(shims)? {
            let path = entry?.path();
            if path.is_symlink() {
                std::fs::remove_file(&path)?;
                platform::link(&self.front, &path)?;
            }
        }
        Ok(())
    }
}

impl Backend for Kache {
    fn name(&self) -> &'static str {
        "kache"
    }

    fn version(&self) -> Result<String> {
        let output = child::succeed(Command::new(&self.program).arg("--version"))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().trim_start_matches("kache ").to_owned())
    }

    fn caches_links(&self) -> bool {
        true
    }

    fn wire(&self, environment: Environment, wiring: Wiring, cache: &Path) -> Result<Environment> {
        let mut all = wrapper_env::rustc(wiring.rustc.then_some(&self.front));
        all.push(("KACHE_CACHE_DIR".into(), cache.into()));
        // `kache run` finds compilers by itself.
        if let Some(cc) = wiring.cc.filter(|cc| *cc != CcWiring::Run) {
            all.extend(wrapper_env::cc(&self.front, cc));
            // For versions of the cc crate that do not know kache and would treat it as the compiler.
            all.push(("CC_KNOWN_WRAPPER_CUSTOM".into(), "kache".into()));
            if cc == CcWiring::Shims {
                all.push(("PATH".into(), self.shims_before(&environment, cache)?));
            }
        }
        all.extend(self.description.iter().cloned());
        Ok(environment.with_all(all))
    }

    fn line(&self, line: &str, wiring: Wiring) -> String {
        match wiring.cc {
            Some(CcWiring::Run) => {
                let line = line.replace('\'', r"'\''");
                format!("'{}' run -- sh -c '{line}'", self.program.display())
            }
            _ => line.to_owned(),
        }
    }

    fn without_lookups(&self, environment: Environment) -> Result<Environment> {
        Ok(environment.with_all([("KACHE_READ".into(), "0".into())]))
    }

    fn with_remote(&self, environment: Environment, endpoint: &Endpoint) -> Option<Environment> {
        let mode = if endpoint.read_only { "read-only" } else { "read-write" };
        let mut all: Vec<(OsString, OsString)> = vec![("KACHE_REMOTE_MODE".into(), mode.into())];
        match endpoint.protocol {
            Protocol::S3 => {
                let options = format!("endpoint={};region=us-east-1", endpoint.url());
                all.push(("KACHE_REMOTE_URL".into(), format!("s3://{}", endpoint.bucket()).into()));
                all.push(("KACHE_REMOTE_OPTIONS".into(), options.into()));
                all.extend(endpoint.credentials());
            }
            Protocol::Reapi => {
                all.push(("KACHE_REMOTE_URL".into(), format!("grpc://{}/main", endpoint.address).into()));
            }
        }
        Some(environment.with_all(all))
    }

    fn flush(&self, environment: &Environment, _: &Path) -> Result<()> {
        let mut flush = Command::new(&self.program);
        child::succeed(flush.arg("flush").env_clear().envs(environment.iter())).map(drop)
    }

    fn prefix(&self, _: Language) -> Option<PathBuf> {
        Some(self.program.clone())
    }

    fn counts(&self, cache: &Path) -> Result<Option<Counts>> {
        let mut counts = Counts::default();
        for event in EventLog::of_cache(cache).poll().iter().filter(|event| event.kind == Kind::Unit) {
            match event.outcome {
                Outcome::Hit => counts.hits += 1,
                Outcome::Miss => counts.misses += 1,
                Outcome::Passthrough | Outcome::Error => counts.passed += 1,
            }
        }
        Ok(Some(counts))
    }

    fn events(&self, cache: &Path) -> Option<EventLog> {
        Some(EventLog::of_cache(cache))
    }

    fn forget(&self, cache: &Path, event: &Event) -> std::io::Result<()> {
        let hex = event.result.as_deref().unwrap_or_default();
        match Digest::from_hex(hex) {
            Some(result) => std::fs::remove_file(Store::open(cache)?.path(Area::Results, &result)),
            None => {
                Err(std::io::Error::new(std::io::ErrorKind::NotFound, format!("`{hex}` is not a result")))
            }
        }
    }

    fn trace(&self, cache: &Path, event: &Event) -> Option<KeyTrace> {
        traces::load(cache, event.result.as_deref()?)
    }

    fn stored(&self, cache: &Path, event: &Event) -> Vec<(String, PathBuf)> {
        let Some(key) = event.result.as_deref().and_then(Digest::from_hex) else { return Vec::new() };
        let Ok(store) = Store::open(cache) else { return Vec::new() };
        let outputs = ActionResult::load(&store, &key).map(|result| result.outputs).unwrap_or_default();
        let named = |output: Output| {
            let path = String::from_utf8_lossy(&output.path).into_owned();
            (path, store.path(Area::Blobs, &output.digest))
        };
        // A path template names no checkout.
        outputs.into_iter().filter(|output| !output.is_template).map(named).collect()
    }
}
