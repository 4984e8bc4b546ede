//! sccache: a server that compiles and stores, and a client in place of each compiler.
//!
//! Besides its own cache, socket and empty configuration file, the settings that its documentation
//! recommends: `CARGO_INCREMENTAL=0`, without which it stores no workspace crates; `SCCACHE_BASEDIRS`, which
//! allows hits of C and C++ in another checkout. The default mode stays, in which the server compiles.

use super::competitor::{self, Program};
use super::wrapper_env;
use super::{Backend, Counts, Language};
use super::{Endpoint, Protocol};
use crate::error::Result;
use crate::system::environment::Environment;
use crate::system::files;
use crate::system::platform;
use crate::workload::Wiring;
use serde_json::Value;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug)]
pub struct Sccache {
    program: Program,
}

impl Sccache {
    /// The program in the directory of other caches.
    pub fn installed(peers: &Path) -> Result<Sccache> {
        Ok(Sccache { program: Program::at(peers.join("sccache/bin/sccache"))? })
    }

    fn own(environment: Environment, cache: &Path) -> Result<Environment> {
        Ok(environment.with_all([
            ("SCCACHE_DIR".into(), cache.join("store").into()),
            ("SCCACHE_SERVER_UDS".into(), competitor::socket(cache, "sccache.sock")?.into()),
            ("SCCACHE_CONF".into(), cache.join("sccache.toml").into()),
        ]))
    }
}

impl Backend for Sccache {
    fn name(&self) -> &'static str {
        "sccache"
    }

    fn version(&self) -> Result<String> {
        self.program.version()
    }

    fn wire(&self, environment: Environment, wiring: Wiring, cache: &Path) -> Result<Environment> {
        files::write(&cache.join("sccache.toml"), "")?;
        let program = self.program.path();
        let mut all = wrapper_env::compilers(program, wiring, &environment, cache, wrapper_env::scripts)?;
        if wiring.rustc {
            all.push(("CARGO_INCREMENTAL".into(), "0".into()));
        }
        Sccache::own(environment.with_all(all), cache)
    }

    fn without_lookups(&self, environment: Environment) -> Result<Environment> {
        Ok(environment.with_all([("SCCACHE_RECACHE".into(), "1".into())]))
    }

    fn based(&self, environment: Environment, root: &Path) -> Environment {
        environment.with_all([("SCCACHE_BASEDIRS".into(), root.into())])
    }

    fn with_remote(&self, environment: Environment, endpoint: &Endpoint) -> Option<Environment> {
        if endpoint.protocol != Protocol::S3 {
            return None;
        }
        let mut all: Vec<(OsString, OsString)> = vec![
            ("SCCACHE_BUCKET".into(), endpoint.bucket().into()),
            ("SCCACHE_ENDPOINT".into(), endpoint.url().into()),
            ("SCCACHE_REGION".into(), "us-east-1".into()),
            ("SCCACHE_S3_USE_SSL".into(), "false".into()),
        ];
        all.extend(endpoint.credentials());
        Some(environment.with_all(all))
    }

    fn prefix(&self, _: Language) -> Option<PathBuf> {
        Some(self.program.path().to_path_buf())
    }

    fn start(&self, environment: &Environment, _: &Path) -> Result<()> {
        self.program.tell(&["--start-server"], environment)
    }

    fn stop(&self, cache: &Path) -> Result<()> {
        let environment = Sccache::own(Environment::of_caller(), cache)?;
        if !platform::is_served(&competitor::socket(cache, "sccache.sock")?) {
            return Ok(());
        }
        self.program.tell(&["--stop-server"], &environment)
    }

    fn counts(&self, cache: &Path) -> Result<Option<Counts>> {
        if !platform::is_served(&competitor::socket(cache, "sccache.sock")?) {
            return Ok(None);
        }
        let environment = Sccache::own(Environment::of_caller(), cache)?;
        let answer = self.program.ask_json(&["--show-stats", "--stats-format", "json"], &environment)?;
        Ok(Some(counts(&answer["stats"])))
    }
}

/// Counts since the server started.
fn counts(stats: &Value) -> Counts {
    let by_language = |name: &str| -> u64 {
        let all = stats[name]["counts"].as_object().into_iter().flatten();
        all.filter_map(|(_, count)| count.as_u64()).sum()
    };
    let plain = |name: &str| stats[name].as_u64().unwrap_or(0);
    Counts {
        hits: by_language("cache_hits"),
        misses: by_language("cache_misses"),
        passed: plain("requests_not_cacheable")
            + plain("requests_unsupported_compiler")
            + plain("requests_not_compile"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_added_up() {
        let stats = serde_json::json!({
            "cache_hits": { "counts": { "Rust": 3, "C/C++": 2 }, "adv_counts": {} },
            "cache_misses": { "counts": { "Rust": 7 } },
            "requests_not_cacheable": 1, "requests_not_compile": 4, "requests_unsupported_compiler": 0
        });
        assert_eq!(counts(&stats), Counts { hits: 5, misses: 7, passed: 5 });
    }
}
