//! One build of cargo: where it builds, and the key under which its units are kept.
//!
//! | in the key | why |
//! | --- | --- |
//! | the lock file | chooses the packages |
//! | cargo's words, and the working directory below the workspace | choose units, features, profile and platform |
//! | variables of cargo and rustc, configuration files with their directories | the same |
//! | variables that configuration files set, and where the loader searches | cargo makes others of them, or leaves them as they are |
//! | the paths of cargo and the compiler | another toolchain has other units, and cargo tells scripts both |
//! | the number of processors | cargo tells scripts how many jobs there are |
//!
//! The key only finds candidates. A build whose words, variables or configuration name one of its own directories has no key: in another checkout they
//! mean another thing, and moving them is not for kache to decide.

use crate::cargo::{self, CommandLine, Configuration};
use crate::places::Places;
use kache_core::action::{KeyHasher, Request};
use kache_core::codec::{Reader, Writer};
use kache_core::digest::Digest;
use kache_core::paths::absolute;
use kache_core::platform::{self, StartedWith};
use kache_core::settings::Settings;
use kache_core::store::{Area, Store};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"kachesb1";
/// The extension of the file that says where the target directory of some notes is.
const PLACE: &str = "place";
/// The version of the key.
const RULES: &[u8] = b"seed 2";

/// Variables by which the loader searches. cargo puts its own directories in front.
const LOADER: [&str; 3] = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"];

/// Whether units may be restored ahead. With checks, each hit may be one to check, and the command runs. A date for
/// compilers is known to the wrapper alone.
pub fn may_be_seeded(settings: &Settings) -> bool {
    settings.seed && settings.read && settings.check == 0.0 && settings.source_date_epoch.is_none()
}

/// A build of cargo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    pub key: Digest,
    pub places: Places,
    /// The name of the lock that cargo takes in the directory of a profile.
    pub lock: String,
}

impl Build {
    /// The build of a running cargo. `None` where it is not known well enough.
    pub fn of(cargo: &StartedWith, rustc: &Path) -> Option<Build> {
        let line = CommandLine::read(&cargo.args)?;
        let manifest = line.manifest.as_ref().map(|path| absolute(&cargo.cwd, path));
        let start = manifest.as_deref().and_then(Path::parent).unwrap_or(&cargo.cwd);
        let is_workspace =
            |dir: &&Path| ["Cargo.lock", "Cargo.toml"].iter().all(|name| dir.join(name).is_file());
        let workspace = start.ancestors().find(is_workspace)?.canonicalize().ok()?;
        let home = match cargo.variable("CARGO_HOME") {
            Some(home) => absolute(&cargo.cwd, Path::new(home)),
            None => Path::new(cargo.variable("HOME")?).join(".cargo"),
        };
        let configuration = Configuration::read(&cargo.cwd, &home)?;
        if !calls_kache_alone(cargo, &configuration) {
            return None;
        }
        let (target, lock) = target(cargo, &line, &configuration, &workspace, &home)?;
        let places = Places { target, workspace };
        let key = key(cargo, rustc, &line, &configuration, &places)?;
        Some(Build { key, places, lock })
    }

    /// The build that the parent process is, as the first wrapper of the build found it.
    pub fn of_parent(store: &Store, rustc: &Path) -> Option<Build> {
        let path = of_running(store);
        if let Ok(bytes) = std::fs::read(&path) {
            return Build::decode(&bytes);
        }
        let build = platform::started_with(platform::parent_id()).and_then(|cargo| Build::of(&cargo, rustc));
        let bytes = build.as_ref().map_or_else(Vec::new, Build::encode);
        // Without the file, each wrapper finds the same again.
        let _ = store.publish(&path, &bytes);
        forget_ended(&path);
        if let Some(build) = &build {
            let _ = store.publish(&build.notes(store).with_extension(PLACE), &bytes);
        }
        build
    }

    /// The builds with this one's key that leave notes, with the files of their notes.
    pub fn all_like(&self, store: &Store) -> Vec<(Build, PathBuf)> {
        let entries = std::fs::read_dir(self.dir(store)).into_iter().flatten().flatten();
        let places =
            entries.map(|entry| entry.path()).filter(|path| path.extension() == Some(OsStr::new(PLACE)));
        let builds = places.filter_map(|path| {
            let build = Build::decode(&std::fs::read(&path).ok()?)?;
            Some((build, path.with_extension("notes")))
        });
        builds.collect()
    }

    /// The directory with the records of this build and of those like it.
    pub fn dir(&self, store: &Store) -> PathBuf {
        store.area(Area::Seeds).join(self.key.hex())
    }

    /// The file with the notes of this target directory.
    pub fn notes(&self, store: &Store) -> PathBuf {
        let target = Digest::of(self.places.target.as_os_str().as_encoded_bytes());
        self.dir(store).join(format!("{}.notes", &target.hex()[..16]))
    }

    fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(MAGIC);
        w.digest(&self.key);
        self.places.write(&mut w);
        w.bytes(self.lock.as_bytes());
        w.finish()
    }

    fn decode(bytes: &[u8]) -> Option<Build> {
        let mut r = Reader::open(bytes, MAGIC)?;
        Some(Build { key: r.digest()?, places: Places::read(&mut r)?, lock: r.text()? })
    }
}

/// The file of the build that the parent process is.
fn of_running(store: &Store) -> PathBuf {
    store.area(Area::Seeds).join("builds").join(platform::parent())
}

/// The file with the directories that scripts of the parent's build had made earlier and that were restored ahead.
pub fn restored_ahead(store: &Store) -> PathBuf {
    of_running(store).with_extension("scripts")
}

/// Removes the files of builds that have ended, beside that of a new one.
fn forget_ended(own: &Path) {
    let entries = own.parent().and_then(|dir| std::fs::read_dir(dir).ok()).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).filter(|path| path != own) {
        let process = path.file_name().and_then(OsStr::to_str).and_then(|name| name.split('-').next());
        if process.and_then(|id| id.parse().ok()).is_none_or(|id| !platform::is_running(id)) {
            let _ = platform::remove_file(&path);
        }
    }
}

/// The compiler that cargo calls, and its words. clippy stands before the compiler.
pub fn compiler(request: &Request) -> (PathBuf, &[OsString]) {
    match request.args.split_first() {
        Some((compiler, args)) if request.program.file_stem() == Some(OsStr::new(CLIPPY)) => {
            (compiler.into(), args)
        }
        _ => (request.program.clone(), &request.args),
    }
}

const CLIPPY: &str = "clippy-driver";

/// Whether this program is what cargo calls for each compile, and nothing else has a part in it but clippy: another wrapper may
/// change each command, and nothing compares what it did then and would do now.
fn calls_kache_alone(cargo: &StartedWith, configuration: &Configuration) -> bool {
    let given = |variables: [&str; 2]| {
        variables.iter().find_map(|name| cargo.variable(name)).filter(|value| !value.is_empty())
    };
    let named = |value: &OsStr| match Path::new(value).components().count() {
        1 => PathBuf::from(value),
        _ => absolute(&cargo.cwd, Path::new(value)),
    };
    let wrapper = given(["RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER"]).map(named);
    let own = std::env::current_exe().ok().and_then(|own| own.canonicalize().ok());
    let is_this = |wrapper: PathBuf| {
        let found = match wrapper.is_absolute() {
            true => Some(wrapper),
            false => cargo.variable("PATH").and_then(|path| search(&wrapper, path)),
        };
        found.and_then(|path| path.canonicalize().ok()).is_some_and(|path| own.as_ref() == Some(&path))
    };
    let workspace_wrapper =
        given(["RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER"]).map(named);
    let is_clippy = |wrapper: PathBuf| {
        let dir = |program: &Path| program.parent().and_then(|dir| dir.canonicalize().ok());
        let is_named = wrapper.file_stem().is_some_and(|name| name == CLIPPY);
        is_named && dir(&wrapper).is_some_and(|beside| dir(&cargo.program) == Some(beside))
    };
    wrapper.or_else(|| configuration.wrapper.clone()).is_some_and(is_this)
        && workspace_wrapper.or_else(|| configuration.workspace_wrapper.clone()).is_none_or(is_clippy)
}

/// The first program of a name in the directories of a `PATH`.
fn search(name: &Path, path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path).map(|dir| dir.join(name)).find(|program| platform::may_execute(program))
}

/// The directory that holds what is built on the way, and the name of its lock.
fn target(
    cargo: &StartedWith,
    line: &CommandLine,
    configuration: &Configuration,
    workspace: &Path,
    home: &Path,
) -> Option<(PathBuf, String)> {
    let variable = |name: &str| cargo.variable(name).filter(|value| !value.is_empty());
    let given = variable("CARGO_BUILD_BUILD_DIR").map(|dir| dir.to_str().map(str::to_string));
    let build = given.or_else(|| configuration.build_dir.clone().map(Some));
    if let Some(build) = build {
        let build = build?
            .replace("{workspace-root}", workspace.to_str()?)
            .replace("{cargo-cache-home}", home.to_str()?);
        let is_known = !build.contains('{');
        return is_known.then(|| (absolute(&cargo.cwd, Path::new(&build)), ".cargo-build-lock".to_string()));
    }
    let named = variable("CARGO_TARGET_DIR").or_else(|| variable("CARGO_BUILD_TARGET_DIR"));
    let target = match (&line.target_dir, named, &configuration.target_dir) {
        (Some(dir), _, _) => absolute(&cargo.cwd, dir),
        (None, Some(dir), _) => absolute(&cargo.cwd, Path::new(dir)),
        (None, None, Some(dir)) => dir.clone(),
        (None, None, None) => workspace.join("target"),
    };
    Some((target, ".cargo-lock".to_string()))
}

fn key(
    cargo: &StartedWith,
    rustc: &Path,
    line: &CommandLine,
    configuration: &Configuration,
    places: &Places,
) -> Option<Digest> {
    let mut hasher = KeyHasher::default();
    let mut put = |name: &str, value: &[u8]| {
        if places.are_in(value) {
            return None;
        }
        hasher.put(name, value);
        Some(())
    };
    put("rules", RULES)?;
    put("lock file", &Digest::of(&std::fs::read(places.workspace.join("Cargo.lock")).ok()?).0)?;
    line.words.iter().try_for_each(|word| put("word", word.as_bytes()))?;
    let cwd = cargo.cwd.strip_prefix(&places.workspace).ok()?;
    put("working directory", cwd.as_os_str().as_encoded_bytes())?;
    let mut variables: Vec<_> = cargo.variables.iter().filter(|(name, _)| cargo::counts(name)).collect();
    if variables.iter().any(|(name, value)| cargo::names_flags_file(name, value)) {
        return None;
    }
    variables.sort();
    for (name, value) in variables {
        put("variable", name.as_encoded_bytes())?;
        put("value", value.as_encoded_bytes())?;
    }
    for (base, text) in &configuration.texts {
        // Relative values in a file are below its directory.
        let base = base.strip_prefix(&places.workspace).unwrap_or(base);
        put("configuration of", base.as_os_str().as_encoded_bytes())?;
        put("configuration", text.as_bytes())?;
    }
    for name in configuration.variables.iter().map(String::as_str).chain(LOADER) {
        put("own variable", name.as_bytes())?;
        put("own value", cargo.variable(name).unwrap_or(OsStr::new("\0")).as_encoded_bytes())?;
    }
    if let Some(manifest) = &line.manifest {
        let manifest = absolute(&cargo.cwd, manifest).canonicalize().ok()?;
        put("manifest", manifest.strip_prefix(&places.workspace).ok()?.as_os_str().as_encoded_bytes())?;
    }
    put("cargo", cargo.program.as_os_str().as_encoded_bytes())?;
    put("compiler", rustc.as_os_str().as_encoded_bytes())?;
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    put("processors", &processors.to_le_bytes())?;
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(dir: &Path) -> StartedWith {
        std::fs::create_dir_all(dir.join("member")).unwrap();
        std::fs::write(dir.join("Cargo.toml"), "").unwrap();
        std::fs::write(dir.join("Cargo.lock"), "lock").unwrap();
        StartedWith {
            args: vec!["cargo".into(), "build".into()],
            variables: vec![
                ("HOME".into(), "/nowhere".into()),
                ("RUSTC_WRAPPER".into(), std::env::current_exe().unwrap().into()),
            ],
            cwd: dir.to_path_buf(),
            program: "/bin/cargo".into(),
        }
    }

    fn of(cargo: &StartedWith) -> Option<Build> {
        Build::of(cargo, Path::new("/bin/rustc"))
    }

    #[test]
    fn two_checkouts_have_one_key_and_another_build_has_another() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let (one, two) = (project(&root.join("one")), project(&root.join("second")));
        let build = of(&one).unwrap();
        assert_eq!(build.key, of(&two).unwrap().key);
        assert_eq!(build.places.target, root.join("one/target"));
        let change = |change: &dyn Fn(&mut StartedWith)| {
            let mut other = project(&root.join("one"));
            change(&mut other);
            of(&other).map(|build| build.key)
        };
        let all = [
            change(&|cargo| cargo.args.push("--release".into())),
            change(&|cargo| cargo.args.push("--message-format=short".into())),
            change(&|cargo| {
                cargo.args.push("--manifest-path=member/Cargo.toml".into());
                std::fs::write(cargo.cwd.join("member/Cargo.toml"), "").unwrap();
            }),
            change(&|cargo| cargo.variables.push(("LD_LIBRARY_PATH".into(), "/lib".into()))),
            change(&|cargo| cargo.variables.push(("RUSTFLAGS".into(), "-g".into()))),
            change(&|cargo| cargo.cwd.push("member")),
        ];
        assert!(all.iter().all(|key| key.is_some_and(|key| key != build.key)), "{all:?}");
        for wrapper in ["/bin/sh", "sh", ""] {
            assert_eq!(change(&|cargo| cargo.variables[1].1 = wrapper.into()), None, "{wrapper}");
        }
        let clippy = |path: &'static str| {
            change(&move |cargo| cargo.variables.push(("RUSTC_WORKSPACE_WRAPPER".into(), path.into())))
        };
        assert!(clippy("/bin/clippy-driver").is_some() && clippy("/opt/clippy-driver").is_none());
        let flags = format!("-L{}/lib", root.join("one").display());
        assert_eq!(change(&|cargo| cargo.variables.push(("RUSTFLAGS".into(), flags.clone().into()))), None);
        std::fs::write(root.join("second/Cargo.lock"), "another").unwrap();
        assert_ne!(build.key, of(&two).unwrap().key);
        assert_eq!(Build::decode(&build.encode()), Some(build));
    }

    #[test]
    fn what_a_configuration_sets_is_told_apart_by_its_place_and_by_the_value_of_cargo() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let configured = |place: &str| {
            let cargo = project(&root.join(place).join("p"));
            std::fs::create_dir_all(root.join(place).join(".cargo")).unwrap();
            let text = "[env]\nDATA = { value = \"data\", relative = true }\n";
            std::fs::write(root.join(place).join(".cargo/config.toml"), text).unwrap();
            cargo
        };
        let (one, mut two) = (configured("one"), configured("second"));
        assert_ne!(of(&one).unwrap().key, of(&two).unwrap().key);
        let before = of(&two).unwrap().key;
        two.variables.push(("DATA".into(), "other".into()));
        assert_ne!(of(&two).unwrap().key, before);
    }

    #[test]
    fn the_target_directory_is_where_cargo_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let target = |change: &dyn Fn(&mut StartedWith)| {
            let mut cargo = project(&root.join("p"));
            cargo.cwd.push("member");
            change(&mut cargo);
            of(&cargo).map(|build| (build.places.target, build.lock))
        };
        let at = |path: &str, lock: &str| Some((root.join(path), lock.to_string()));
        assert_eq!(target(&|_| ()), at("p/target", ".cargo-lock"));
        assert_eq!(
            target(&|cargo| cargo.variables.push(("CARGO_TARGET_DIR".into(), "x".into()))),
            at("p/member/x", ".cargo-lock")
        );
        assert_eq!(
            target(&|cargo| cargo.args.push("--target-dir=y".into())),
            at("p/member/y", ".cargo-lock")
        );
        let build_dir = |dir: &str| {
            let dir = dir.to_string();
            target(&move |cargo| cargo.variables.push(("CARGO_BUILD_BUILD_DIR".into(), dir.clone().into())))
        };
        assert_eq!(build_dir("{workspace-root}/b"), at("p/b", ".cargo-build-lock"));
        assert_eq!(build_dir("{workspace-path-hash}/b"), None);
    }
}
