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
//! | `<sysroot>/lib`: `librustc*`, `libstd-*`, `libLLVM*`, `libtest-*` | the compiler's code |
//! | `<sysroot>/bin`: `*.dll` | the compiler's code, on Windows |
//! | `<sysroot>/lib/rustlib/*/{lib,bin,codegen-backends}` | the standard library, the linker that comes with it |
//! | `<sysroot>/lib/rustlib/*/target.json` | what a target means |
//! | `<sysroot>/lib/rustlib/etc` | what debuggers are told about types |
//! | the directories of the above | a file added there is a change |
//!
//! | out | why |
//! | --- | --- |
//! | `<sysroot>/lib/rustlib/src` | only shown in diagnostics; observed file by file |
//! | `<sysroot>/share` | documentation |

use crate::family::{Capabilities, Family};
use kache_core::codec::{Reader, Writer};
use kache_core::digest::Digest;
use kache_core::observe::launch::WITHIN;
use kache_core::platform::{self, FileType, StatId, disk};
use kache_core::store::{Area, Store};
use kache_core::template::{self, Format};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const MAGIC: &[u8; 8] = b"kachetc4";

#[derive(Clone, Debug)]
pub struct Toolchain {
    pub digest: Digest,
    /// The directory of the installation; empty where the identity covers the program alone.
    pub sysroot: PathBuf,
    pub capabilities: Capabilities,
    /// The program that was called is not the compiler, but becomes it.
    pub by_shim: bool,
    /// Each file and directory that the identity covers, with its stat identity when it was hashed.
    files: BTreeMap<PathBuf, StatId>,
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

    fn record(store: &Store, family: &Family, program: &Path) -> PathBuf {
        let named = [family.name.as_bytes(), program.as_os_str().as_encoded_bytes()].join(&0);
        store.area(Area::Toolchains).join(Digest::of(&named).hex())
    }

    /// The identity from the record, if the record still holds.
    fn recorded(store: &Store, family: &Family, program: &Path) -> Option<Toolchain> {
        let path = Toolchain::record(store, family, program);
        let bytes = disk::step("toolchain: read", &path, || std::fs::read(&path)).ok()?;
        Toolchain::decode(&bytes).filter(Toolchain::holds)
    }

    /// Whether the identity covers a file, so that the file is not a dependency.
    pub fn covers(&self, path: &Path) -> bool {
        self.files.contains_key(path)
            || path
                .strip_prefix(&self.sysroot)
                .is_ok_and(|rest| rest.starts_with("lib/rustlib") && !rest.starts_with("lib/rustlib/src"))
    }

    fn holds(&self) -> bool {
        let mut stats = platform::Stats::default();
        self.files.iter().all(|(p, then)| stats.of(p).is_some_and(|(now, dir)| same(&now, then, dir)))
    }

    fn make(store: &Store, family: &Family, program: &Path, sysroot: PathBuf) -> io::Result<Toolchain> {
        let mut paths = vec![program.to_path_buf()];
        if !sysroot.as_os_str().is_empty() {
            installation(&sysroot, &mut paths);
        }
        let seen = hash_all(store, &paths)?;
        let mut w = Writer::new(MAGIC);
        let mut files = BTreeMap::new();
        for (path, id, digest) in seen {
            let name =
                if path == program { Path::new("") } else { path.strip_prefix(&sysroot).unwrap_or(&path) };
            w.bytes(name.as_os_str().as_encoded_bytes());
            w.digest(&digest.unwrap_or(Digest([0; 32])));
            files.insert(path, id);
        }
        let capabilities = (family.capabilities)(program, &store.temporary());
        w.num(abilities_byte(capabilities));
        let made =
            Toolchain { digest: Digest::of(&w.finish()), sysroot, capabilities, by_shim: false, files };
        let _ = store.publish(&Toolchain::record(store, family, program), &made.encode());
        Ok(made)
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(MAGIC);
        w.digest(&self.digest);
        w.bytes(self.sysroot.as_os_str().as_encoded_bytes());
        w.num(abilities_byte(self.capabilities));
        w.num(self.files.len() as u64);
        for (path, id) in &self.files {
            w.bytes(path.as_os_str().as_encoded_bytes());
            for n in [id.dev, id.ino, id.size, id.mtime as u64, id.ctime as u64] {
                w.num(n);
            }
        }
        w.finish()
    }

    /// `None` if the record is damaged.
    pub fn decode(bytes: &[u8]) -> Option<Toolchain> {
        let mut r = Reader::open(bytes, MAGIC)?;
        let digest = r.digest()?;
        let sysroot = PathBuf::from(platform::os_str(r.bytes()?));
        let capabilities = abilities_of(r.num()?)?;
        let mut files = BTreeMap::new();
        for _ in 0..r.count()? {
            let path = PathBuf::from(platform::os_str(r.bytes()?));
            let id = StatId {
                dev: r.num()?,
                ino: r.num()?,
                size: r.num()?,
                mtime: r.num()? as i64,
                ctime: r.num()? as i64,
            };
            files.insert(path, id);
        }
        r.at_end().then_some(Toolchain { digest, sysroot, capabilities, by_shim: false, files })
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
fn installation(sysroot: &Path, paths: &mut Vec<PathBuf>) {
    let lib = sysroot.join("lib");
    for entry in list(&lib) {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if ["librustc", "libstd-", "libLLVM", "libtest-"].iter().any(|p| name.starts_with(p)) {
            paths.push(entry);
        }
    }
    paths
        .extend(list(&sysroot.join("bin")).into_iter().filter(|p| p.extension().is_some_and(|e| e == "dll")));
    let rustlib = lib.join("rustlib");
    for target in
        list(&rustlib).into_iter().filter(|p| p.is_dir() && !p.ends_with("src") && !p.ends_with("etc"))
    {
        paths.extend([target.join("target.json"), target.clone()].into_iter().filter(|p| p.exists()));
        for part in ["lib", "bin", "codegen-backends"] {
            walk(&target.join(part), paths);
        }
    }
    walk(&rustlib.join("etc"), paths);
    paths.push(rustlib);
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
    let out = ask.args(["--print", "sysroot"]).env(WITHIN, "1").stdin(Stdio::null()).output()?;
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

fn walk(dir: &Path, out: &mut Vec<PathBuf>) {
    if !dir.is_dir() {
        return;
    }
    out.push(dir.to_path_buf());
    for path in list(dir) {
        if path.is_dir() {
            walk(&path, out);
        } else {
            out.push(path);
        }
    }
}

type Hashed = (PathBuf, StatId, Option<Digest>);

/// Directories have no digest: their entries are listed.
fn hash_all(store: &Store, paths: &[PathBuf]) -> io::Result<Vec<Hashed>> {
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get()).min(8);
    let one = |path: &PathBuf| -> io::Result<Hashed> {
        let (sort, id) = platform::identity(path)?;
        if sort == FileType::Dir {
            return Ok((path.clone(), id, None));
        }
        let (known, id) = store.table.file(path)?;
        Ok((path.clone(), id, Some(known.digest)))
    };
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|t| {
                scope.spawn(move || {
                    paths.iter().skip(t).step_by(threads).map(one).collect::<io::Result<Vec<_>>>()
                })
            })
            .collect();
        let mut all = Vec::with_capacity(paths.len());
        for part in parts {
            all.extend(part.join().map_err(|_| io::Error::other("a hashing thread panicked"))??);
        }
        all.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(all)
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

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
