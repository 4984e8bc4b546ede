//! mbx (Mr. Boxington): wraps cargo rather than compilers, with a session for each command.
//!
//! Wired as its documentation says: `mbx setup` creates a `cargo` that comes first on `PATH`, and `mbx exec`
//! runs builds of other tools. `MBX_TARGET_VIEWS=0`: by default `target` becomes a link into its cache,
//! survives a clean, and makes the next build empty. mbx caches C compiles of cargo's build scripts by itself
//! and does nothing if `CC` is set, so `CC` stays unset.

use super::competitor::Program;
use super::wrapper_env;
use super::{Backend, Counts};
use crate::error::{Error, Result};
use crate::system::environment::Environment;
use crate::workload::Wiring;
use serde_json::Value;
use std::path::Path;

/// Directory for the statistics of sessions.
const REPORTS: &str = "REPORTS";

#[derive(Clone, Debug)]
pub struct Mbx {
    program: Program,
}

impl Mbx {
    /// The program in the directory of other caches.
    pub fn installed(peers: &Path) -> Result<Mbx> {
        Ok(Mbx { program: Program::at(peers.join("mbx/bin/mbx"))? })
    }

    fn own(environment: Environment, cache: &Path) -> Environment {
        environment.with_all([
            ("MBX_CACHE_DIR".into(), cache.join("store").into()),
            ("MBX_TARGET_VIEWS".into(), "0".into()),
            ("XDG_CONFIG_HOME".into(), cache.join("config").into()),
            ("XDG_DATA_HOME".into(), cache.join("data").into()),
            // Each session writes its statistics here.
            (REPORTS.into(), cache.join("reports").into()),
        ])
    }
}

impl Backend for Mbx {
    fn name(&self) -> &'static str {
        "mbx"
    }

    fn version(&self) -> Result<String> {
        self.program.version()
    }

    fn wire(&self, environment: Environment, wiring: Wiring, cache: &Path) -> Result<Environment> {
        let reports = cache.join("reports");
        std::fs::create_dir_all(&reports).map_err(Error::io("create", &reports))?;
        let mut environment = Mbx::own(environment.with_all(wrapper_env::rustc(None)), cache);
        if wiring.rustc {
            let setup = cache.join("data/mbx/bin");
            if !setup.join("cargo").exists() {
                self.program.tell(&["setup", "--yes"], &environment)?;
            }
            let path = wrapper_env::before_path(&environment, &setup)?;
            environment = environment.with_all([("PATH".into(), path)]);
        }
        Ok(environment)
    }

    /// Also names a file for the session's statistics; of several sessions in one line, the last one's is
    /// kept.
    fn line(&self, line: &str, wiring: Wiring) -> String {
        let report = format!("export MBX_STATS_REPORT=\"${REPORTS}/$$.json\"");
        if wiring.rustc || wiring.cc.is_none() {
            return format!("{report}; {line}");
        }
        format!("{report}; '{}' exec sh -c '{}'", self.program.path().display(), line.replace('\'', r"'\''"))
    }

    fn counts(&self, cache: &Path) -> Result<Option<Counts>> {
        let reports = cache.join("reports");
        let mut counts = Counts::default();
        for entry in std::fs::read_dir(&reports).map_err(Error::io("list", &reports))?.flatten() {
            let text = std::fs::read(entry.path()).map_err(Error::io("read", &entry.path()))?;
            let Ok(report) = serde_json::from_slice::<Value>(&text) else { return Ok(None) };
            let Some(session) = session(&report) else { return Ok(None) };
            counts.hits += session.hits;
            counts.misses += session.misses;
            counts.passed += session.passed;
        }
        Ok(Some(counts))
    }
}

/// Statistics of one session. Queries of the compiler and trial compiles count as bypassed.
fn session(report: &Value) -> Option<Counts> {
    let passed = report["bypasses"].as_object()?.values().filter_map(Value::as_u64).sum();
    let count = |name: &str| report[name].as_u64();
    // Compiled and stored without a lookup, because there was no prediction.
    Some(Counts { hits: count("hits")?, misses: count("misses")? + count("unconsulted")?, passed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_looked_up_is_a_miss() {
        let report = serde_json::json!({
            "hits": 2, "misses": 1, "unconsulted": 3, "bypasses": { "compiler-query": 4, "standard-input": 1 }
        });
        assert_eq!(session(&report), Some(Counts { hits: 2, misses: 4, passed: 5 }));
        assert_eq!(session(&serde_json::json!({ "hits": 2 })), None);
    }
}
