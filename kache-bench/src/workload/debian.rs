//! Sources of Debian packages: upstream's archive with Debian's patches applied.
//!
//! apt fetches and verifies them, with source entries derived from the system's binary entries ([`mirror`]).
//! The system's configuration stays unchanged and no privilege is needed: lists, archives and entries are in
//! a directory of the harness. Downloads are kept, so each version of a package is fetched once.

use super::mirror::{self, Mirror};
use crate::error::{Error, Result};
use crate::system::child;
use crate::system::environment::Environment;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Unpacks the sources of `package`, at `version` if given, to `to`, which must not exist. The last `without`
/// patches are not applied.
pub(super) fn fetch(package: &str, version: Option<&str>, without: usize, to: &Path) -> Result<()> {
    Store::open(&cache_directory()?)?.fetch(package, version, to)?;
    take_out(without, to)
}

/// Removes the last patches from unpacked sources. A mirror has one version of a package; this creates an
/// earlier state.
fn take_out(count: usize, from: &Path) -> Result<()> {
    let series = from.join("debian/patches/series");
    // A package without patches has no list of patches.
    let text = fs::read_to_string(&series).unwrap_or_default();
    let names = text.lines().filter_map(|line| line.split_whitespace().next());
    let patches: Vec<_> = names.filter(|name| !name.starts_with('#')).collect();
    if patches.len() < count {
        let what = format!("{count} patches are to be left out, but the package has {}", patches.len());
        return Err(Error::input(what)
            .at(series.display())
            .remedy("set `without_patches` to a smaller number"));
    }
    for patch in patches.iter().rev().take(count) {
        let file = Path::new("debian/patches").join(patch);
        let mut command = Command::new("patch");
        command.args(["--reverse", "--force", "--silent", "-p1", "-i"]).arg(&file).current_dir(from);
        let output = run(&mut command, "patch", "patch")?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stdout);
            return Err(Error::input(format!("a patch cannot be taken out\n    {}", why.trim()))
                .at(file.display())
                .remedy("set `without_patches` to a smaller number"));
        }
    }
    Ok(())
}

/// A directory of its own, so that concurrent runs do not interfere.
#[derive(Debug)]
struct Store {
    dir: PathBuf,
    _locked: File,
}

impl Store {
    fn open(dir: &Path) -> Result<Store> {
        // Directories that apt expects.
        for part in ["apt/state/lists/partial", "apt/cache/archives/partial", "apt/sources", "sources"] {
            let part = dir.join(part);
            fs::create_dir_all(&part).map_err(Error::io("create", &part))?;
        }
        let lock = dir.join("lock");
        let locked = File::create(&lock).map_err(Error::io("create", &lock))?;
        locked.lock().map_err(Error::io("lock", &lock))?;
        Ok(Store { dir: dir.to_path_buf(), _locked: locked })
    }

    fn fetch(&self, package: &str, version: Option<&str>, to: &Path) -> Result<()> {
        let kept = version.map(|version| self.place(package, version)).filter(|place| place.is_dir());
        let place = match kept {
            Some(place) => place,
            None => self.download(package, version)?,
        };
        unpack(&description(&place)?, to)
    }

    /// Directory of a version's files. File names do not contain the epoch.
    fn place(&self, package: &str, version: &str) -> PathBuf {
        let version = version.split_once(':').map_or(version, |(_, rest)| rest);
        self.dir.join("sources").join(format!("{package}_{version}"))
    }

    fn download(&self, package: &str, version: Option<&str>) -> Result<PathBuf> {
        let mirror = mirror::of_system(Path::new("/"))?;
        let entries = self.dir.join("apt/sources/mirror.sources");
        fs::write(&entries, &mirror.text).map_err(Error::io("write", &entries))?;
        let updated = self.apt("apt-get", &["update"], &self.dir)?;
        if !updated.status.success() {
            return Err(unreachable_mirror(package, &mirror, &updated));
        }
        let version = self.choose(package, version, &mirror)?;
        let place = self.place(package, &version);
        if place.is_dir() {
            return Ok(place);
        }
        // Downloaded elsewhere until complete.
        let parts = tempfile::tempdir_in(&self.dir).map_err(Error::io("create a directory in", &self.dir))?;
        let wanted = format!("{package}={version}");
        let got = self.apt("apt-get", &["source", "--download-only", &wanted], parts.path())?;
        if !got.status.success() {
            return Err(unreachable_mirror(package, &mirror, &got));
        }
        fs::rename(parts.keep(), &place).map_err(Error::io("move to", &place))?;
        Ok(place)
    }

    /// The given version if the mirror has it, or else the newest.
    fn choose(&self, package: &str, version: Option<&str>, mirror: &Mirror) -> Result<String> {
        let shown = self.apt("apt-cache", &["showsrc", package], &self.dir)?;
        let text = String::from_utf8_lossy(&shown.stdout);
        let versions: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("Version: ")).collect();
        let place = mirror.addresses.join(", ");
        let newest =
            versions.iter().copied().reduce(|best, next| if is_newer(next, best) { next } else { best });
        let Some(newest) = newest else {
            return Err(Error::input(format!("Debian has no source package `{package}`")).at(place).remedy(
                "check `package` under [source]; `apt-cache showsrc` and packages.debian.org know the names",
            ));
        };
        match version {
            None => Ok(newest.to_owned()),
            Some(version) if versions.contains(&version) => Ok(version.to_owned()),
            Some(version) => {
                let what = format!(
                    "the mirror has no version {version} of `{package}`, but {}",
                    versions.join(", ")
                );
                Err(Error::input(what).at(place).remedy(format!(
                    "set `version = \"{newest}\"` under [source], or remove it to take the newest"
                )))
            }
        }
    }

    /// A program of apt that writes only below this directory.
    fn apt(&self, program: &str, arguments: &[&str], work: &Path) -> Result<Output> {
        let below = |part: &str| self.dir.join("apt").join(part).into_os_string();
        let settings: [(&str, OsString); 8] = [
            ("Dir::State", below("state")),
            ("Dir::Cache", below("cache")),
            ("Dir::Etc::sourcelist", "/dev/null".into()),
            ("Dir::Etc::sourceparts", below("sources")),
            // apt's own user, which apt uses for downloads as root, cannot write here.
            ("APT::Sandbox::User", "root".into()),
            ("APT::Update::Error-Mode", "any".into()),
            ("Acquire::Retries", "2".into()),
            ("Acquire::http::Timeout", "30".into()),
        ];
        let mut command = Command::new(program);
        for (name, value) in settings {
            let mut setting = OsString::from(format!("{name}="));
            setting.push(value);
            command.arg("-o").arg(setting);
        }
        run(command.arg("--quiet").args(arguments).current_dir(work), program, "apt")
    }
}

/// Runs a program of the package `of`, with messages in English.
fn run(command: &mut Command, program: &str, of: &str) -> Result<Output> {
    command.env_clear().envs(Environment::of_caller().iter()).env("LC_ALL", "C.UTF-8");
    child::output(command, &mut || {}).map_err(|e| {
        Error::input(format!("cannot run {program}, which fetches the sources of Debian packages: {e}"))
            .at("`kind = \"debian\"` under [source]")
            .remedy(format!("use a Debian or Ubuntu with {of} (apt-get install {of}), or another workload"))
    })
}

fn unpack(description: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new("dpkg-source");
    command.args(["--no-copy", "--extract"]).arg(description).arg(to);
    let output = run(&mut command, "dpkg-source", "dpkg-dev")?;
    if output.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&output.stderr);
    Err(Error::input(format!("dpkg-source cannot unpack the sources\n    {}", why.trim()))
        .at(description.display())
        .remedy("remove that directory to have them downloaded anew; patches need the package `patch`"))
}

fn description(place: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(place).map_err(Error::io("list", place))?;
    let mut found =
        entries.flatten().map(|entry| entry.path()).filter(|p| p.extension().is_some_and(|e| e == "dsc"));
    found.next().ok_or_else(|| {
        Error::run("there is no `.dsc` file among the downloaded sources")
            .at(place.display())
            .remedy("remove the directory to have them downloaded anew")
    })
}

fn unreachable_mirror(package: &str, mirror: &Mirror, output: &Output) -> Error {
    let why = String::from_utf8_lossy(&output.stderr);
    Error::input(format!(
        "cannot fetch the sources of `{package}`\n    {}",
        why.trim().replace('\n', "\n    ")
    ))
    .at(mirror.addresses.join(", "))
    .remedy("check that the mirror can be reached from here (network, http_proxy, apt's own proxy settings)")
}

fn is_newer(a: &str, b: &str) -> bool {
    Command::new("dpkg")
        .args(["--compare-versions", a, "gt", b])
        .status()
        .is_ok_and(|status| status.success())
}

/// Next to the caches of other programs.
fn cache_directory() -> Result<PathBuf> {
    let given = std::env::var_os("XDG_CACHE_HOME").filter(|dir| Path::new(dir).is_absolute());
    let home = || Some(std::env::home_dir()?.join(".cache"));
    let dir = given.map(PathBuf::from).or_else(home).ok_or_else(|| {
        Error::input("neither XDG_CACHE_HOME nor HOME is set").remedy("set HOME: sources are stored below it")
    })?;
    Ok(dir.join("kache-bench/debian"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the test if a Debian mirror is reachable.
    fn of_mirror<T>(answer: Result<T>) -> Option<Result<T>> {
        match answer {
            Err(error)
                if ["cannot fetch", "cannot run", "apt knows no"]
                    .iter()
                    .any(|w| error.to_string().contains(w)) =>
            {
                assert_eq!(error.status(), 2);
                eprintln!("NOT TESTED, no Debian mirror can be reached: {error}");
                None
            }
            answer => Some(answer),
        }
    }

    #[test]
    fn a_package_is_fetched_once_and_patched() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let Some(fetched) = of_mirror(store.fetch("hello", None, &dir.path().join("one"))) else { return };
        fetched.unwrap();
        assert!(
            dir.path().join("one/debian/control").is_file() && dir.path().join("one/configure").is_file()
        );

        let kept: Vec<_> = fs::read_dir(dir.path().join("sources")).unwrap().flatten().collect();
        let name = kept[0].file_name().into_string().unwrap();
        let version = name.strip_prefix("hello_").unwrap();
        // Stored files need neither lists nor entries.
        fs::remove_dir_all(dir.path().join("apt")).unwrap();
        store.fetch("hello", Some(version), &dir.path().join("two")).unwrap();
        assert!(dir.path().join("two/debian/control").is_file());
    }

    #[test]
    fn the_last_patches_are_taken_out() {
        let dir = tempfile::tempdir().unwrap();
        let patches = dir.path().join("debian/patches");
        fs::create_dir_all(&patches).unwrap();
        let patch = |old: &str, new: &str| format!("--- a/file\n+++ b/file\n@@ -1 +1 @@\n-{old}\n+{new}\n");
        fs::write(patches.join("first"), patch("upstream", "one")).unwrap();
        fs::write(patches.join("second"), patch("one", "two")).unwrap();
        fs::write(patches.join("series"), "# of ours\nfirst\nsecond -p1\n").unwrap();
        let file = dir.path().join("file");
        for (count, left) in [(0, "two\n"), (1, "one\n"), (2, "upstream\n")] {
            fs::write(&file, "two\n").unwrap();
            take_out(count, dir.path()).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), left);
        }
        let text = take_out(3, dir.path()).unwrap_err().to_string();
        assert!(text.contains("the package has 2") && text.contains("series"), "{text}");
        let text = take_out(1, dir.path()).unwrap_err().to_string();
        assert!(text.contains("cannot be taken out") && text.contains("second"), "{text}");
    }

    #[test]
    fn an_unknown_package_and_another_version_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let Some(answer) = of_mirror(store.fetch("no-such-package-at-all", None, &dir.path().join("a")))
        else {
            return;
        };
        let error = answer.unwrap_err();
        assert_eq!(error.status(), 2);
        assert!(error.to_string().contains("no source package `no-such-package-at-all`"), "{error}");
        let error = store.fetch("hello", Some("0.1-1"), &dir.path().join("b")).unwrap_err();
        assert_eq!(error.status(), 2);
        let text = error.to_string();
        assert!(
            text.contains("no version 0.1-1 of `hello`, but 2.") && text.contains("set `version = "),
            "{text}"
        );
    }

    #[test]
    fn a_mirror_that_does_not_answer_is_named() {
        let mirror = Mirror { text: String::new(), addresses: vec!["http://mirror.invalid/debian".into()] };
        let output =
            Command::new("sh").args(["-c", "echo 'E: Could not resolve' >&2; exit 100"]).output().unwrap();
        let error = unreachable_mirror("zstd", &mirror, &output);
        assert_eq!(error.status(), 2);
        let text = error.to_string();
        assert!(
            text.contains("`zstd`") && text.contains("mirror.invalid") && text.contains("Could not resolve"),
            "{text}"
        );
    }
}
