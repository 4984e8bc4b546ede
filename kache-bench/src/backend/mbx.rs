//! mbx (Mr. Boxington): in front of cargo rather than of compilers, with a session for each command.
//!
//! Its documentation has users put a `cargo` of its own in front of `PATH` (`mbx setup`), which here is a script that runs
//! `mbx`, and run other builds by `mbx exec`. `MBX_TARGET_VIEWS=0`: by default it makes `target` a link into its cache,
//! where it would outlive a clean, and a build that finds it is no build. It caches what cargo's build scripts
//! compile by itself, and steps aside where `CC` is set.

use super::front;
use super::peer::Program;
use super::{Backend, Counts, Reads};
use crate::environment::Environment;
use crate::trouble::{Result, Trouble};
use crate::workload::Wiring;
use std::path::Path;

/// The program.
#[derive(Clone, Debug)]
pub struct Mbx {
    program: Program,
}

impl Mbx {
    /// The one in the peers' folder.
    pub fn installed(peers: &Path) -> Result<Mbx> {
        Ok(Mbx { program: Program::at(peers.join("mbx/bin/mbx"))? })
    }

    fn own(environment: Environment, cache: &Path) -> Environment {
        environment.with_all([
            ("MBX_CACHE_DIR".into(), cache.join("store").into()),
            ("MBX_TARGET_VIEWS".into(), "0".into()),
            ("XDG_CONFIG_HOME".into(), cache.join("config").into()),
            ("XDG_DATA_HOME".into(), cache.join("data").into()),
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

    fn wire(
        &self,
        environment: Environment,
        wiring: Wiring,
        cache: &Path,
        reads: Reads,
    ) -> Result<Environment> {
        if reads == Reads::Forbidden {
            return Err(Trouble::input(
                "mbx has no setting with which it compiles without looking anything up",
            ));
        }
        let mut all = front::rustc(None);
        if wiring.rustc {
            let dir = cache.join("bin");
            front::script(&dir, "cargo", &format!("exec '{}' \"$@\"", self.program.path().display()))?;
            all.push(("PATH".into(), front::before_path(&environment, &dir)?));
        }
        Ok(Mbx::own(environment.with_all(all), cache))
    }

    fn line(&self, line: &str, wiring: Wiring) -> String {
        if wiring.rustc || wiring.cc.is_none() {
            return line.to_owned();
        }
        format!("'{}' exec sh -c '{}'", self.program.path().display(), line.replace('\'', r"'\''"))
    }

    fn counts(&self, _cache: &Path) -> Result<Option<Counts>> {
        Ok(None)
    }
}
