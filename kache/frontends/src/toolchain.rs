//! The identity of a compiler: one digest over the files of its installation. For rustc the table lists the files. For a C
//! compiler the only file is the driver, since everything that the driver runs and reads is observed.
//!
//! The files are hashed once. Afterwards a record in the store holds their stat identities, and a lookup only compares
//! those. A hit does not ask the compiler for its version, and a toolchain that is replaced in place under its old
//! version has another identity.
//!
//! A program called rustc may be a shim of a version manager, which becomes one compiler or another by a variable, a file or
//! the working directory. So a record is kept only for a program that is itself the compiler of the installation that it
//! reports. Any other program is asked at each call, and the identity is that of the compiler in the reported installation.
//!
//! | in | why |
//! | --- | --- |
//! | the program, links followed | the code that runs |
//! | `<sysroot>/lib`: shared libraries | the compiler's code |
//! | `<sysroot>/bin`: `*.dll` | the compiler's code, on Windows |
//! | all below `<sysroot>/lib/rustlib/*/{lib,bin,codegen-backends}` | the standard library, the linker that comes with it |
//! | `<sysroot>/lib/rustlib/*/target.json` | what a target means |
//! | all below `<sysroot>/lib/rustlib/etc` | type information for debuggers |
//!
//! The identity covers exactly what it was made from: [`Toolchain::coverage`] asks the same list that the digest was made
//! from. Everything else in the installation (the list of components, sources, documentation) is observed like any file.

use crate::family::{Capabilities, Family};
use kache_core::codec::{Reader, Writer};
use kache_core::collect::Coverage;
use kache_core::digest::Digest;
use kache_core::platform::{self, FileType, StatId, disk};
use kache_core::store::{Area, Store};
use kache_core::template::{self, Format};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

const MAGIC: &[u8; 8] = b"kachetc5";

#[derive(Clone, Debug)]
pub struct Toolchain {
    pub digest: Digest,
    /// The directory of the installation; empty where the identity covers the program alone.
    pub sysroot: PathBuf,
    pub capabilities: Capabilities,
    /// The program that was called is not the compiler, but becomes it.
    pub by_shim: bool,
    files: Files,
}

/// Each file and directory that the identity covers, sorted by the bytes of their paths: a comparison of paths part by part took
/// a quarter of a miss's instructions.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Files(Vec<(PathBuf, Covered)>);

impl Files {
    fn sorted(mut files: Vec<(PathBuf, Covered)>) -> Files {
        files.sort_by(|(one, _), (other, _)| one.as_os_str().cmp(other.as_os_str()));
        files.dedup_by(|(later, covered), (path, first)| {
            let is_same = later.as_os_str() == path.as_os_str();
            if is_same {
                *first = *covered;
            }
            is_same
        });
        Files(files)
    }

    fn sort_of(&self, path: &[u8]) -> Option<Sort> {
        let at =
            self.0.binary_search_by(|(listed, _)| listed.as_os_str().as_encoded_bytes().cmp(path)).ok()?;
        Some(self.0[at].1.sort)
    }
}

/// What the identity covers of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Covered {
    /// The stat identity when it was hashed.
    id: StatId,
    sort: Sort,
}

/// Which part of a path is in the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// A file's contents.
    File,
    /// All that is in a directory, at any depth.
    Whole,
    /// That a directory exists. Only some of its entries are in the list.
    Part,
}

impl Sort {
    const ALL: [Sort; 3] = [Sort::File, Sort::Whole, Sort::Part];
}

impl Toolchain {
    /// The identity from the record if the record still holds, else computed now.
    pub fn identify(store: &Store, family: &Family, program: &Path) -> io::Result<Toolchain> {
        if let Some(known) = Toolchain::recorded(store, family, program) {
            return Ok(known);
        }
        let sysroot = family.sysroot.map(|ask| ask(program)).transpose()?.unwrap_or_default();
        if family.sysroot.is_some() && !is_compiler(program, &sysroot) {
            let compiler = sysroot.join("bin").join(program.file_name().unwrap_or_default());
            let compiler = platform::as_program(compiler);
            if !is_compiler(&compiler, &sysroot) {
                let detail =
                    format!("the installation that it reports, {}, has no such compiler", sysroot.display());
                return Err(io::Error::other(detail));
            }
            let toolchain = Toolchain::recorded(store, family, &compiler);
            let toolchain =
                toolchain.map_or_else(|| Toolchain::make(store, family, &compiler, sysroot), Ok)?;
            return Ok(Toolchain { by_shim: true, ..toolchain });
        }
        Toolchain::make(store, family, program, sysroot)
    }

    /// The key of the record.
    fn key(family: &Family, program: &Path) -> Digest {
        Digest::of(&[family.name.as_bytes(), program.as_os_str().as_encoded_bytes()].join(&0))
    }

    fn record(store: &Store, key: &Digest) -> PathBuf {
        store.area(Area::Toolchains).join(key.hex())
    }

    /// The identity from the record, if the record still holds.
    fn recorded(store: &Store, family: &Family, program: &Path) -> Option<Toolchain> {
        let key = Toolchain::key(family, program);
        let path = Toolchain::record(store, &key);
        let bytes = disk::step("toolchain: read", &path, || std::fs::read(&path)).ok()?;
        Toolchain::decode(&bytes, &key).filter(Toolchain::holds)
    }

    /// How much of a path the identity covers.
    pub fn coverage(&self, path: &Path) -> Coverage {
        let bytes = path.as_os_str().as_encoded_bytes();
        let may_go_up = template::contains(bytes, b"..");
        if may_go_up && path.components().any(|part| part == Component::ParentDir) {
            return Coverage::None;
        }
        let path = platform::normalize(bytes);
        match self.files.sort_of(&path) {
            Some(Sort::Part) => return Coverage::Existence,
            Some(Sort::File | Sort::Whole) => return Coverage::Whole,
            None => {}
        }
        // A C compiler has no installation.
        let sysroot = self.sysroot.as_os_str().as_encoded_bytes();
        if sysroot.is_empty() || platform::relative_to(&path, sysroot).is_none() {
            return Coverage::None;
        }
        // All that is in a whole directory is in the list: anything else is not there.
        let is_whole =
            |dir: &Path| self.files.sort_of(dir.as_os_str().as_encoded_bytes()) == Some(Sort::Whole);
        let is_in_whole = Path::new(platform::os_str(&path)).ancestors().skip(1).any(is_whole);
        if is_in_whole { Coverage::Whole } else { Coverage::None }
    }

    fn holds(&self) -> bool {
        let mut stats = platform::Stats::default();
        let mut is_same = |path: &PathBuf, then: &Covered| {
            stats.of(path).is_ok_and(|(sort, now)| same(&now, &then.id, sort == FileType::Dir))
        };
        self.files.0.iter().all(|(path, then)| is_same(path, then))
    }

    fn make(store: &Store, family: &Family, program: &Path, sysroot: PathBuf) -> io::Result<Toolchain> {
        // As paths are when they are compared with it.
        let sysroot = platform::normalize(sysroot.as_os_str().as_encoded_bytes()).into_owned();
        let sysroot = PathBuf::from(platform::os_str(&sysroot));
        let mut listed = vec![(program.to_path_buf(), Sort::File)];
        if !sysroot.as_os_str().is_empty() {
            installation(&sysroot, &mut listed);
        }
        let mut w = Writer::new(MAGIC);
        let mut files = Vec::new();
        for Hashed { path, covered, digest, is_executable } in hash_all(store, &listed)? {
            let name =
                if path == program { Path::new("") } else { path.strip_prefix(&sysroot).unwrap_or(&path) };
            w.bytes(name.as_os_str().as_encoded_bytes());
            w.digest(&digest.unwrap_or(Digest([0; 32])));
            w.num(u64::from(is_executable));
            let path = platform::normalize(path.as_os_str().as_encoded_bytes());
            files.push((PathBuf::from(platform::os_str(&path)), covered));
        }
        let capabilities = (family.capabilities)(program, &store.temporary());
        w.num(abilities_byte(capabilities));
        let made = Toolchain {
            digest: Digest::of(&w.finish()),
            sysroot,
            capabilities,
            by_shim: false,
            files: Files::sorted(files),
        };
        let key = Toolchain::key(family, program);
        let _ = store.publish(&Toolchain::record(store, &key), &made.encode(&key));
        Ok(made)
    }

    pub fn encode(&self, key: &Digest) -> Vec<u8> {
        let mut w = Writer::new(MAGIC);
        w.digest(key);
        w.digest(&self.digest);
        w.bytes(self.sysroot.as_os_str().as_encoded_bytes());
        w.num(abilities_byte(self.capabilities));
        w.num(self.files.0.len() as u64);
        for (path, Covered { id, sort }) in &self.files.0 {
            w.bytes(path.as_os_str().as_encoded_bytes());
            w.num(*sort as u64);
            w.stat_id(id);
        }
        w.finish()
    }

    /// `None` if the record is damaged, or that of another program.
    pub fn decode(bytes: &[u8], key: &Digest) -> Option<Toolchain> {
        let mut r = Reader::open(bytes, MAGIC)?;
        if r.digest()? != *key {
            return None;
        }
        let digest = r.digest()?;
        let sysroot = PathBuf::from(platform::os_str(r.bytes()?));
        let capabilities = abilities_of(r.num()?)?;
        let mut files = Vec::new();
        for _ in 0..r.count()? {
            let path = PathBuf::from(platform::os_str(r.bytes()?));
            let sort = *Sort::ALL.get(usize::try_from(r.num()?).ok()?)?;
            files.push((path, Covered { id: r.stat_id()?, sort }));
        }
        r.at_end().then_some(Toolchain {
            digest,
            sysroot,
            capabilities,
            by_shim: false,
            files: Files::sorted(files),
        })
    }
}

fn abilities_byte(a: Capabilities) -> u64 {
    u64::from(a.maps) | u64::from(a.maps_assembly) << 1 | (a.report as u64) << 2
}

fn abilities_of(byte: u64) -> Option<Capabilities> {
    let report = [Format::DepInfo, Format::NarrowDepfile, Format::WideDepfile];
    let report = report.into_iter().find(|r| *r as u64 == byte >> 2)?;
    Some(Capabilities { maps: byte & 1 != 0, maps_assembly: byte & 2 != 0, report })
}

/// Only the modification time of a directory shows a change of its entries; its size and change time also move for other
/// reasons.
fn same(now: &StatId, then: &StatId, dir: bool) -> bool {
    if dir { (now.ino, now.mtime) == (then.ino, then.mtime) } else { now == then }
}

/// The files of a Rust installation that the table above names.
fn installation(sysroot: &Path, listed: &mut Vec<(PathBuf, Sort)>) {
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_library = |path: &PathBuf| {
        let name = name(path);
        path.is_file() && [".so", ".dylib", ".rlib", ".rmeta"].iter().any(|part| name.contains(part))
    };
    let is_dll = |path: &PathBuf| path.extension().is_some_and(|e| e == "dll");
    let lib = sysroot.join("lib");
    let files = list(&lib).into_iter().filter(is_library);
    let files = files.chain(list(&sysroot.join("bin")).into_iter().filter(is_dll));
    listed.extend(files.map(|path| (path, Sort::File)));
    let rustlib = lib.join("rustlib");
    let is_target = |path: &PathBuf| path.is_dir() && !path.ends_with("src") && !path.ends_with("etc");
    for target in list(&rustlib).into_iter().filter(is_target) {
        let specification = target.join("target.json");
        listed.extend(specification.exists().then_some((specification, Sort::File)));
        for part in ["lib", "bin", "codegen-backends"] {
            walk(&target.join(part), listed);
        }
        listed.push((target, Sort::Part));
    }
    walk(&rustlib.join("etc"), listed);
    listed.extend(rustlib.is_dir().then_some((rustlib, Sort::Part)));
}

/// Whether a program is the compiler of an installation: not a script, in the directory of the installation's programs, and
/// linked to the compiler's library where the installation has one. What the program is called proves nothing.
fn is_compiler(program: &Path, sysroot: &Path) -> bool {
    let lies_there =
        || Some(program.canonicalize().ok()?.parent()? == sysroot.join("bin").canonicalize().ok()?);
    let Ok(contents) = std::fs::read(program) else { return false };
    let is_library =
        |path: &PathBuf| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(LIBRARY));
    lies_there() == Some(true)
        && !contents.starts_with(b"#!")
        && (template::contains(&contents, &LIBRARY.as_bytes()[3..])
            || !list(&sysroot.join("lib")).iter().any(is_library))
}

/// How the name of the library begins that is rustc.
const LIBRARY: &str = "librustc_driver";

/// Asks rustc, or clippy's driver.
pub fn sysroot_of_rustc(program: &Path) -> io::Result<PathBuf> {
    let mut ask = Command::new(program);
    // clippy's driver prints its own answer unless it is called as rustc.
    if program.file_stem().is_some_and(|n| n == "clippy-driver") {
        ask.arg("--rustc");
    }
    let out = ask.args(["--print", "sysroot"]).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&out.stdout);
    let path = PathBuf::from(text.trim());
    if !out.status.success() || !path.is_dir() {
        return Err(io::Error::other(format!(
            "{} --print sysroot does not name a directory",
            program.display()
        )));
    }
    Ok(path)
}

fn list(dir: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(dir).into_iter().flatten().filter_map(|e| Some(e.ok()?.path())).collect();
    all.sort();
    all
}

fn walk(dir: &Path, listed: &mut Vec<(PathBuf, Sort)>) {
    if !dir.is_dir() {
        return;
    }
    listed.push((dir.to_path_buf(), Sort::Whole));
    for path in list(dir) {
        if path.is_dir() {
            walk(&path, listed);
        } else {
            listed.push((path, Sort::File));
        }
    }
}

struct Hashed {
    path: PathBuf,
    covered: Covered,
    /// Directories have none: their entries are listed.
    digest: Option<Digest>,
    /// A linker that may not be executed is no linker.
    is_executable: bool,
}

fn hash_all(store: &Store, listed: &[(PathBuf, Sort)]) -> io::Result<Vec<Hashed>> {
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get()).min(8);
    let one = |(path, sort): &(PathBuf, Sort)| -> io::Result<Hashed> {
        let (path, sort) = (path.clone(), *sort);
        let (found, id) = platform::identity(&path)?;
        if found == FileType::Dir {
            return Ok(Hashed { path, covered: Covered { id, sort }, digest: None, is_executable: false });
        }
        let (known, id) = store.table.file(&path)?;
        let is_executable = platform::is_executable(&path.metadata()?);
        let (digest, sort) = (Some(known.digest), Sort::File);
        Ok(Hashed { path, covered: Covered { id, sort }, digest, is_executable })
    };
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|t| {
                scope.spawn(move || {
                    listed.iter().skip(t).step_by(threads).map(one).collect::<io::Result<Vec<_>>>()
                })
            })
            .collect();
        let mut all = Vec::with_capacity(listed.len());
        for part in parts {
            all.extend(part.join().map_err(|_| io::Error::other("a hashing thread panicked"))??);
        }
        all.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(all)
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// An installation, with a shell script for a compiler.
    fn installed() -> (tempfile::TempDir, Store, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().canonicalize().unwrap();
        let (lib, bin) = (at.join("tc/lib/rustlib/t/lib"), at.join("tc/bin"));
        for made in [&lib, &bin, &at.join("tc/lib/rustlib/etc"), &at.join("tc/lib/rustlib/t/bin")] {
            std::fs::create_dir_all(made).unwrap();
        }
        for file in [
            "lib/rustlib/t/lib/libstd.rlib",
            "lib/rustlib/t/bin/lld",
            "lib/librustc_driver-1.so",
            "lib/rustlib/components",
        ] {
            std::fs::write(at.join("tc").join(file), file).unwrap();
        }
        let rustc = bin.join("rustc");
        std::fs::write(&rustc, format!("#!/bin/sh\necho {}/tc\n", at.display())).unwrap();
        std::fs::set_permissions(&rustc, PermissionsExt::from_mode(0o755)).unwrap();
        let store = Store::open(&at.join("cache")).unwrap();
        (dir, store, rustc)
    }

    fn identify(store: &Store, rustc: &Path) -> Toolchain {
        let (family, sysroot) = (&crate::rustc::FAMILY, rustc.parent().unwrap().parent().unwrap());
        let make = || Toolchain::make(store, family, rustc, sysroot.to_path_buf()).unwrap();
        Toolchain::recorded(store, family, rustc).unwrap_or_else(make)
    }

    #[test]
    fn what_is_covered_is_what_the_identity_was_made_from() {
        let (_dir, store, rustc) = installed();
        let toolchain = identify(&store, &rustc);
        let coverage = |path: &str| toolchain.coverage(&toolchain.sysroot.join(path));
        for (path, expected) in [
            ("bin/rustc", Coverage::Whole),
            ("lib/librustc_driver-1.so", Coverage::Whole),
            ("lib/rustlib/t/lib/libstd.rlib", Coverage::Whole),
            ("lib/rustlib/t/lib", Coverage::Whole),
            ("lib/rustlib/t/lib/missing/deeper", Coverage::Whole),
            ("lib/rustlib/t", Coverage::Existence),
            ("lib/rustlib", Coverage::Existence),
            ("lib/rustlib/components", Coverage::None),
            ("lib/rustlib/added", Coverage::None),
            ("lib/rustlib/t/target.json", Coverage::None),
            ("lib/rustlib/t/lib/../../components", Coverage::None),
            ("lib/added.so", Coverage::None),
        ] {
            assert_eq!(coverage(path), expected, "{path}");
        }
        let (key, other) = (Digest::of(b"key"), Digest::of(b"other"));
        assert_eq!(Toolchain::decode(&toolchain.encode(&key), &key).unwrap().files, toolchain.files);
        assert!(Toolchain::decode(&toolchain.encode(&key), &other).is_none());
    }

    /// Each change that the list would not show must be observed, and each that is not observed must be in the list.
    #[test]
    fn a_change_of_what_is_covered_is_another_identity() {
        let (_dir, store, rustc) = installed();
        let mut last = identify(&store, &rustc).digest;
        let sysroot = identify(&store, &rustc).sysroot;
        for path in [
            "lib/rustlib/t/lib/libstd.rlib",
            "lib/rustlib/t/lib/new.rlib",
            "lib/rustlib/t/target.json",
            "bin/rustc",
        ] {
            let mut text = std::fs::read(sysroot.join(path)).unwrap_or_default();
            text.extend(b"# changed\n");
            std::fs::write(sysroot.join(path), text).unwrap();
            let now = identify(&store, &rustc).digest;
            assert_ne!(now, last, "{path}");
            last = now;
        }
        std::fs::write(sysroot.join("lib/rustlib/components"), "other").unwrap();
        assert_eq!(identify(&store, &rustc).digest, last, "observed where it is read");
        let lld = sysroot.join("lib/rustlib/t/bin/lld");
        std::fs::set_permissions(&lld, PermissionsExt::from_mode(0o755)).unwrap();
        assert_ne!(identify(&store, &rustc).digest, last, "may be executed");
    }

    #[test]
    fn a_shim_is_asked_at_each_call_and_a_compiler_once() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("cache")).unwrap();
        let program = |path: PathBuf, text: &str| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        for name in ["one", "two"] {
            program(dir.path().join(name).join("bin/rustc"), name);
            std::fs::create_dir_all(dir.path().join(name).join("lib/rustlib")).unwrap();
        }
        let chosen = dir.path().join("chosen");
        let shim = program(dir.path().join("rustc"), &format!("#!/bin/sh\ncat {}\n", chosen.display()));
        let choose = |name: &str| {
            std::fs::write(&chosen, dir.path().join(name).to_str().unwrap()).unwrap();
            let found = Toolchain::identify(&store, &crate::rustc::FAMILY, &shim);
            found.map(|found| (found.digest, found.by_shim))
        };
        let (one, two) = (choose("one").unwrap(), choose("two").unwrap());
        assert!(one.0 != two.0 && one.1 && two.1);
        assert_eq!(choose("one").unwrap(), one);
        assert!(choose("none").is_err());
        // A script in the compiler's place is not the compiler.
        program(dir.path().join("one/bin/rustc"), "#!/bin/sh\nexec rustc.real\n");
        assert!(choose("one").is_err());
    }
}
