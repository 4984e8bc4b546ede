//! ccache, for C and C++: no server; a program is called in place of each compiler.
//!
//! It has its own cache and an empty configuration file. For hits in another checkout it follows the section
//! "Compiling in different directories" of its manual: `base_dir`, and `hash_dir = false`, with which debug
//! information may name the first checkout.

use super::competitor::Program;
use super::wrapper_env;
use super::{Backend, Counts, Language};
use crate::error::Result;
use crate::system::environment::Environment;
use crate::system::files;
use crate::workload::Wiring;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug)]
pub struct Ccache {
    program: Program,
    /// Not resolved: called by another name, ccache acts as a compiler.
    path: PathBuf,
}

impl Ccache {
    /// The program in the directory of other caches.
    pub fn installed(peers: &Path) -> Result<Ccache> {
        let path = peers.join("ccache/bin/ccache");
        Ok(Ccache { program: Program::at(path.clone())?, path })
    }

    fn own(environment: Environment, cache: &Path) -> Environment {
        environment.with_all([
            ("CCACHE_DIR".into(), cache.join("store").into()),
            ("CCACHE_CONFIGPATH".into(), cache.join("ccache.conf").into()),
        ])
    }
}

impl Backend for Ccache {
    fn name(&self) -> &'static str {
        "ccache"
    }

    fn version(&self) -> Result<String> {
        self.program.version()
    }

    fn languages(&self) -> &'static [Language] {
        &[Language::C]
    }

    fn wire(&self, environment: Environment, wiring: Wiring, cache: &Path) -> Result<Environment> {
        files::write(&cache.join("ccache.conf"), "")?;
        let wiring = Wiring { rustc: false, ..wiring };
        let all = wrapper_env::compilers(&self.path, wiring, &environment, cache, wrapper_env::links)?;
        Ok(Ccache::own(environment.with_all(all), cache))
    }

    fn without_lookups(&self, environment: Environment) -> Result<Environment> {
        Ok(environment.with_all([("CCACHE_RECACHE".into(), "1".into())]))
    }

    fn based(&self, environment: Environment, root: &Path) -> Environment {
        environment
            .with_all([("CCACHE_BASEDIR".into(), root.into()), ("CCACHE_NOHASHDIR".into(), "1".into())])
    }

    fn prefix(&self, language: Language) -> Option<PathBuf> {
        (language == Language::C).then(|| self.path.clone())
    }

    fn counts(&self, cache: &Path) -> Result<Option<Counts>> {
        let environment = Ccache::own(Environment::of_caller(), cache);
        Ok(Some(counts(&self.program.ask(&["--print-stats"], &environment)?)))
    }
}

/// Counters of lookups, and the beginnings of counters about the cache; all others are reasons for bypassing it.
const NOT_PASSED: &str = "cache_miss direct_cache_hit preprocessed_cache_hit recache";
const OF_THE_CACHE: &str =
    "local_storage remote_storage stats_ cache_size files_in cleanups direct_ preprocessed_";

fn counts(text: &str) -> Counts {
    let mut counts = Counts::default();
    for (name, value) in text.lines().filter_map(|line| line.split_once('\t')) {
        let value = value.trim().parse().unwrap_or(0);
        match name {
            "direct_cache_hit" | "preprocessed_cache_hit" => counts.hits += value,
            "cache_miss" => counts.misses += value,
            name if is_passed(name) => counts.passed += value,
            _ => {}
        }
    }
    counts
}

fn is_passed(name: &str) -> bool {
    !NOT_PASSED.split(' ').any(|other| other == name)
        && !OF_THE_CACHE.split(' ').any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_hit_count_and_the_stores_own_figures_do_not() {
        let text = "cache_miss\t4\ndirect_cache_hit\t3\ndirect_cache_miss\t9\npreprocessed_cache_hit\t2\n\
                    called_for_link\t5\nlocal_storage_hit\t7\nstats_updated_timestamp\t1799999999\n";
        assert_eq!(counts(text), Counts { hits: 5, misses: 4, passed: 5 });
    }
}
