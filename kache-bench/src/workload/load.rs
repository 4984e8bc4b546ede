//! Finding and reading workload files, and fetching their sources.

use super::definition::{CcWiring, Source, Workload};
use super::{parse, source, tools};
use crate::error::{Error, Result};
use std::path::Path;

impl Workload {
    pub fn load(dir: &Path, name: &str) -> Result<Workload> {
        let file = dir.join(format!("{name}.toml"));
        let text = std::fs::read_to_string(&file).map_err(|e| unknown(dir, name, &e))?;
        parse::parse(name, &file, &text)
    }

    /// All workloads in `dir`, by name; each can have an error of its own.
    pub fn all(dir: &Path) -> Result<Vec<(String, Result<Workload>)>> {
        Ok(names(dir)?.into_iter().map(|name| (name.clone(), Workload::load(dir, &name))).collect())
    }

    /// The same workload with another repository: a mirror or a local clone.
    pub fn taken_from(mut self, from: &str) -> Result<Workload> {
        let from = match Path::new(from).canonicalize() {
            Ok(here) => kache_core::platform::canonical_form(here).to_string_lossy().into_owned(),
            Err(_) => from.to_owned(),
        };
        for source in std::iter::once(&mut self.source).chain(&mut self.earlier) {
            let Source::Git { url, .. } = source else {
                let what = format!("the source of workload `{}` is not a repository: {source}", self.name);
                return Err(Error::input(what).at("--source").remedy("remove --source"));
            };
            url.clone_from(&from);
        }
        Ok(self)
    }

    /// The same workload with the wrapper of rustc and no other wiring, as after `kache init`. Its records are apart.
    pub fn with_wrapper_alone(mut self) -> Result<Workload> {
        if !self.wiring.rustc {
            let what = format!("workload `{}` does not call rustc through the cache", self.name);
            return Err(Error::input(what).at("--wiring init-only").remedy("remove --wiring"));
        }
        self.wiring.cc = None;
        self.name += "-init-only";
        Ok(self)
    }

    /// The same workload with `kache run` in front of the build. Its records are apart.
    pub fn with_run(mut self) -> Workload {
        self.wiring.cc = Some(CcWiring::Run);
        self.name += "-run";
        self
    }

    /// Creates the repository at `to` that clones are made from, and returns their commit. Fails first if the
    /// source cannot be reached or a requirement is missing. `poll` is called regularly.
    pub fn obtain(&self, to: &Path, poll: &mut dyn FnMut()) -> Result<String> {
        source::require_reachable(self)?;
        tools::require(&self.name, &self.tools)?;
        source::materialise(self, to, poll)
    }
}

fn names(dir: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(dir).map_err(|e| {
        Error::input(format!("cannot read the workloads directory: {e}"))
            .at(dir.display())
            .remedy("run it inside the repository, or name the directory with --workloads DIR")
    })?;
    let files = entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "toml"));
    let mut names: Vec<_> = files.filter_map(|p| Some(p.file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    Ok(names)
}

fn unknown(dir: &Path, name: &str, error: &std::io::Error) -> Error {
    let names = match names(dir) {
        Ok(names) => names,
        Err(error) => return error,
    };
    let candidates: Vec<_> = names.iter().map(String::as_str).collect();
    let meant = similar::get_close_matches(name, &candidates, 1, 0.6);
    let remedy = match meant.first() {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are: {}", names.join(", ")),
    };
    Error::input(format!("no workload `{name}`: {error}")).at(dir.display()).remedy(remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_wirings_are_workloads_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let text = "description = \"d\"\n[source]\nkind = \"path\"\npath = \"p\"\n[wiring]\ncc = \"env\"\n";
        std::fs::write(dir.path().join("w.toml"), text).unwrap();
        let load = || Workload::load(dir.path(), "w").unwrap();
        let (alone, run) = (load().with_wrapper_alone().unwrap(), load().with_run());
        assert_eq!((&*alone.name, alone.wiring.cc, alone.wiring.rustc), ("w-init-only", None, true));
        assert_eq!((&*run.name, run.wiring.cc), ("w-run", Some(CcWiring::Run)));
        std::fs::write(dir.path().join("w.toml"), text.replace("cc", "rustc = false\ncc")).unwrap();
        assert!(load().with_wrapper_alone().unwrap_err().to_string().contains("remove --wiring"));
    }

    #[test]
    fn a_misspelt_workload_is_answered_with_the_nearest() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ripgrep.toml"), "").unwrap();
        let error = Workload::load(dir.path(), "ripgerp").unwrap_err();
        assert_eq!(error.status(), 2);
        assert!(error.to_string().contains("did you mean `ripgrep`?"), "{error}");
    }
}
