//! The published `kache` of crates.io, version 2 (another program): a server, and a program in place of each
//! compiler.
//!
//! Wired as `kache init` does, without changing the user's files: `RUSTC_WRAPPER`, and `CC` by prefix or by
//! its shims. Cache, socket, configuration and log are separate. `KACHE_AUTO_RECOVER_MIN_FREE_BYTES=0`, so
//! that free disk space does not decide what it stores. All other settings are the defaults, with which a new
//! target directory is first filled with the build of another checkout (`seed_new_targets`); cargo then does
//! not compile these units, and its statistics do not count them as hits.

use super::competitor::{self, Program};
use super::wrapper_env;
use super::{Backend, Counts, Language};
use crate::error::{Error, Result};
use crate::system::environment::Environment;
use crate::system::files;
use crate::system::platform;
use crate::workload::Wiring;
use serde_json::Value;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug)]
pub struct Kache2 {
    program: Program,
}

impl Kache2 {
    /// The program in the directory of other caches.
    pub fn installed(peers: &Path) -> Result<Kache2> {
        Ok(Kache2 { program: Program::at(peers.join("kache-2/bin/kache"))? })
    }

    fn own(environment: Environment, cache: &Path) -> Result<Environment> {
        Ok(environment.with_all([
            ("KACHE_CACHE_DIR".into(), cache.join("store").into()),
            ("KACHE_SOCKET_PATH".into(), competitor::socket(cache, "daemon.sock")?.into()),
            ("KACHE_CONFIG".into(), cache.join("kache.toml").into()),
            ("KACHE_HOST_CONFIG".into(), "".into()),
            ("KACHE_AUTO_RECOVER_MIN_FREE_BYTES".into(), "0".into()),
            // By default its log and its record of build trees are in the user's directories.
            ("XDG_CACHE_HOME".into(), cache.join("home").into()),
        ]))
    }
}

impl Backend for Kache2 {
    fn name(&self) -> &'static str {
        "kache2"
    }

    fn version(&self) -> Result<String> {
        self.program.version()
    }

    fn wire(&self, environment: Environment, wiring: Wiring, cache: &Path) -> Result<Environment> {
        files::write(&cache.join("kache.toml"), "")?;
        let program = self.program.path();
        let mut all = wrapper_env::compilers(program, wiring, &environment, cache, marked_links)?;
        if wiring.cc.is_some() {
            all.push(("CC_KNOWN_WRAPPER_CUSTOM".into(), "kache".into()));
        }
        Kache2::own(environment.with_all(all), cache)
    }

    fn prefix(&self, _: Language) -> Option<PathBuf> {
        Some(self.program.path().to_path_buf())
    }

    fn start(&self, environment: &Environment, _: &Path) -> Result<()> {
        self.program.tell(&["daemon", "start"], environment)
    }

    fn stop(&self, cache: &Path) -> Result<()> {
        if !platform::is_served(&competitor::socket(cache, "daemon.sock")?) {
            return Ok(());
        }
        self.program.tell(&["daemon", "stop"], &Kache2::own(Environment::of_caller(), cache)?)
    }

    fn counts(&self, cache: &Path) -> Result<Option<Counts>> {
        let environment = Kache2::own(Environment::of_caller(), cache)?;
        let arguments = ["stats", "--full", "--format", "json", "--since", "7d"];
        Ok(counts(&self.program.ask_json(&arguments, &environment)?["summary"]))
    }
}

/// Links with the mark by which it recognises them.
fn marked_links(program: &Path, environment: &Environment, dir: &Path) -> Result<()> {
    wrapper_env::links(program, environment, dir)?;
    let mark = dir.join(".kache-shims");
    std::fs::write(&mark, "").map_err(Error::io("write", &mark))
}

/// Compiles in its log; queries of the compiler (`probes`) do not count.
fn counts(summary: &Value) -> Option<Counts> {
    let count = |name: &str| summary[name].as_u64();
    Some(Counts {
        hits: count("local_hits")? + count("prefetch_hits")? + count("remote_hits")?,
        misses: count("misses")? + count("dups")?,
        passed: count("passthroughs")? + count("skipped")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_of_all_kinds_count_and_another_shape_is_no_account() {
        let summary = serde_json::json!({
            "local_hits": 2, "prefetch_hits": 1, "remote_hits": 0, "dups": 1, "misses": 3, "passthroughs": 4,
            "probes": 10, "skipped": 1
        });
        assert_eq!(counts(&summary), Some(Counts { hits: 3, misses: 4, passed: 5 }));
        assert_eq!(counts(&serde_json::json!({ "hits": 3 })), None);
    }
}
