//! The published kache of that name on crates.io, version 2: a server, and a program in front of each compiler.
//!
//! Wired as `kache init` would, without its changing anything of the user's: `RUSTC_WRAPPER`, and `CC` by prefix or its own
//! shims. Its cache, socket, configuration and log are its own; `KACHE_AUTO_RECOVER_MIN_FREE_BYTES=0`, since how much is
//! free on the machine's disk must not decide what it keeps. Everything else is its default, with which a fresh
//! target directory is first filled with what another checkout has built (`seed_new_targets`): such units cargo
//! finds done, and they are no hits by its own account.

use super::competitor::{self, Program};
use super::wrapper_env;
use super::{Backend, CacheReads, Counts, Language};
use crate::error::{Error, Result};
use crate::system::environment::Environment;
use crate::system::platform;
use crate::workload::{CcWiring, Wiring};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The program.
#[derive(Clone, Debug)]
pub struct Kache2 {
    program: Program,
}

impl Kache2 {
    /// The one in the peers' folder.
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
            // Its log and its record of build trees would go into the user's.
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

    fn wire(
        &self,
        environment: Environment,
        wiring: Wiring,
        cache: &Path,
        reads: CacheReads,
    ) -> Result<Environment> {
        if reads == CacheReads::Forbidden {
            return Err(Error::input(
                "kache2 has no setting with which it compiles without looking anything up",
            ));
        }
        std::fs::create_dir_all(cache).map_err(Error::io("create", cache))?;
        let configuration = cache.join("kache.toml");
        std::fs::write(&configuration, "").map_err(Error::io("write", &configuration))?;
        let program = self.program.path();
        let mut all = wrapper_env::rustc(wiring.rustc.then_some(program));
        if let Some(cc) = wiring.cc {
            all.extend(wrapper_env::cc(program, cc));
            all.push(("CC_KNOWN_WRAPPER_CUSTOM".into(), "kache".into()));
            if cc == CcWiring::Shims {
                let dir = cache.join("shims");
                wrapper_env::links(program, &environment, &dir)?;
                // The mark by which it tells its own links from compilers.
                let mark = dir.join(".kache-shims");
                std::fs::write(&mark, "").map_err(Error::io("write", &mark))?;
                all.push(("PATH".into(), wrapper_env::before_path(&environment, &dir)?));
            }
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
        let told = self.program.ask(&arguments, &environment)?;
        let told: Value = serde_json::from_str(&told)
            .map_err(|e| Error::run(format!("kache2's statistics are no JSON: {e}")))?;
        Ok(counts(&told["summary"]))
    }
}

/// Of the compiles that its log has; questions to the compiler (`probes`) are none.
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
