//! Corrupts stored files: flipped bits, truncation, empty, exchanged or replaced files.
//!
//! First exhaustively: for small files of each sealed kind the engine's readers run in this process on every
//! flipped bit and every truncation, and none of them may pass as complete. The same for blobs on disk, byte
//! by byte. Then random corruptions of all kinds of files, after each of which the engine runs.

use super::harness::{Engine, wrong};
use super::rng;
use super::session::StressRun;
use super::steps::CacheState;
use crate::error::{Error, Result};
use fastrand::Rng;
use kache_core::area;
use kache_core::digest::Digest;
use kache_core::store::Area;
use kache_core::store::manifest::Manifest;
use kache_core::store::result::ActionResult;
use kache_frontends::toolchain::Toolchain;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Maximum size of files for the exhaustive part.
const SMALL: u64 = 16 * 1024;
/// The same for blobs, which are read from disk each time.
const SMALL_BLOB: u64 = 4 * 1024;

pub fn run(run_state: &mut StressRun) -> Result<()> {
    let engine = run_state.engine("corrupt");
    let mut rng = run_state.rng("corrupt");
    run_state.all_must_hit(&engine, "before any corruption")?;
    exhaustively(run_state, &engine)?;
    drawn(run_state, &engine, &mut rng)
}

fn key_of(path: &Path) -> Option<Digest> {
    Digest::from_hex(path.file_name()?.to_str()?)
}

fn exhaustively(run_state: &mut StressRun, engine: &Engine) -> Result<()> {
    type Whole = fn(&[u8], &Digest) -> bool;
    let areas: [(Area, Whole); 3] = [
        (Area::Manifests, |bytes, key| Manifest::decode(bytes, key).is_some()),
        (Area::Results, |bytes, key| ActionResult::decode(bytes, key).is_some()),
        (Area::Toolchains, |bytes, key| Toolchain::decode(bytes, key).is_some()),
    ];
    for (area, is_whole) in areas {
        let kind = area.name();
        let passes =
            |what: &str| Err(wrong("corrupt", &format!("{kind}: {what}, but it passes as complete")));
        for path in engine.files(area) {
            let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
            let Some(key) = key_of(&path).filter(|_| bytes.len() as u64 <= SMALL) else { continue };
            if !is_whole(&bytes, &key) {
                return Err(wrong("before any corruption", &format!("{} is not complete", path.display())));
            }
            let mut bad = bytes.clone();
            for at in 0..bytes.len() {
                for bit in 0..8 {
                    bad[at] ^= 1 << bit;
                    if is_whole(&bad, &key) {
                        return passes(&format!("bit {bit} of byte {at} is flipped"));
                    }
                    bad[at] ^= 1 << bit;
                }
                if is_whole(&bytes[..at], &key) {
                    return passes(&format!("truncated to {at} bytes"));
                }
            }
            run_state.stats.passed(&format!("{kind}: every bit flipped"), bytes.len() * 8);
            run_state.stats.passed(&format!("{kind}: truncated at every length"), bytes.len());
        }
    }
    blobs(run_state, engine)
}

fn blobs(run_state: &mut StressRun, engine: &Engine) -> Result<()> {
    let store = engine.open()?;
    for path in engine.files(Area::Blobs) {
        let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
        let Some(key) = key_of(&path).filter(|_| bytes.len() as u64 <= SMALL_BLOB) else { continue };
        for at in 0..bytes.len() {
            run_state.is_over()?;
            let mut bad = bytes.clone();
            bad[at] ^= 0x41;
            rewrite(&path, &bad)?;
            let opened = store.open_blob(&key).map_err(Error::io("open", &path))?;
            if opened.is_some() {
                return Err(wrong("corrupt", &format!("a blob with byte {at} changed passes as complete")));
            }
            fs::write(&path, &bytes).map_err(Error::io("write", &path))?;
        }
        run_state.stats.passed("blobs: every byte changed", bytes.len());
    }
    engine.must_be_whole("after blobs were changed and restored")
}

/// Changes a file in place, with the same inode.
fn rewrite(path: &Path, bytes: &[u8]) -> Result<()> {
    writable(path)?;
    fs::write(path, bytes).map_err(Error::io("alter", path))
}

fn writable(path: &Path) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(0o644)).map_err(Error::io("make writable", path))
}

/// A random corruption.
type CorruptionFn = fn(&Corruption, &mut Rng) -> std::io::Result<bool>;

struct Corruption {
    path: PathBuf,
    /// Another file of the same kind, and a file of another kind.
    like: Option<PathBuf>,
    unlike: PathBuf,
}

const INJURIES: &[(&str, CorruptionFn)] = &[
    ("a byte changed", |w, rng| {
        let file = File::options().read(true).write(true).open(&w.path)?;
        let len = file.metadata()?.len();
        if len == 0 {
            return Ok(false);
        }
        let at = rng::below(rng, len as usize) as u64;
        let mut byte = [0];
        file.read_exact_at(&mut byte, at)?;
        byte[0] ^= 1 << rng::below(rng, 8);
        file.write_all_at(&byte, at).map(|()| true)
    }),
    ("a byte changed through a hard link, the time restored", |w, rng| {
        let other = w.path.with_extension("hard");
        fs::hard_link(&w.path, &other)?;
        let then = fs::metadata(&w.path)?.modified()?;
        let file = File::options().write(true).open(&other)?;
        let len = file.metadata()?.len();
        file.write_all_at(b"?", rng::below(rng, len.max(1) as usize) as u64)?;
        file.set_modified(then)?;
        fs::remove_file(&other).map(|()| true)
    }),
    ("cut", |w, rng| {
        let file = File::options().write(true).open(&w.path)?;
        let len = file.metadata()?.len();
        file.set_len(rng::below(rng, len as usize) as u64).map(|()| true)
    }),
    ("emptied", |w, _| fs::write(&w.path, "").map(|()| true)),
    ("lengthened", |w, _| {
        let file = File::options().write(true).open(&w.path)?;
        file.write_all_at(b"more", file.metadata()?.len()).map(|()| true)
    }),
    ("zeroed", |w, _| {
        let len = fs::metadata(&w.path)?.len();
        fs::write(&w.path, vec![0; len as usize]).map(|()| true)
    }),
    ("exchanged with another entry's", |w, _| {
        let Some(like) = &w.like else { return Ok(false) };
        let aside = w.path.with_extension("aside");
        fs::rename(&w.path, &aside)?;
        fs::rename(like, &w.path)?;
        fs::rename(&aside, like).map(|()| true)
    }),
    ("replaced by another entry's", |w, _| {
        let Some(like) = &w.like else { return Ok(false) };
        fs::copy(like, &w.path).map(|_| true)
    }),
    ("replaced by a file of another kind", |w, _| fs::copy(&w.unlike, &w.path).map(|_| true)),
    ("removed", |w, _| fs::remove_file(&w.path).map(|()| true)),
    ("replaced by a directory", |w, _| {
        fs::remove_file(&w.path)?;
        fs::create_dir(&w.path).map(|()| true)
    }),
    ("replaced by a link to another", |w, _| {
        fs::remove_file(&w.path)?;
        std::os::unix::fs::symlink(&w.unlike, &w.path).map(|()| true)
    }),
    ("replaced by a link to nothing", |w, _| {
        fs::remove_file(&w.path)?;
        std::os::unix::fs::symlink("/nowhere/at/all", &w.path).map(|()| true)
    }),
];

/// What a corruption strikes.
#[derive(Clone, Copy, PartialEq)]
enum Target {
    Area(Area),
    Digests,
    Usage,
}

const TARGETS: &[Target] = &[
    Target::Area(Area::Manifests),
    Target::Area(Area::Results),
    Target::Area(Area::Blobs),
    Target::Area(Area::Toolchains),
    Target::Area(Area::Observer),
    Target::Digests,
    Target::Usage,
    Target::Area(Area::Events),
    Target::Area(Area::Traces),
];

impl Target {
    fn name(self) -> &'static str {
        match self {
            Target::Area(area) => area.name(),
            Target::Digests => "digests",
            Target::Usage => "usage",
        }
    }

    fn files(self, engine: &Engine) -> Vec<PathBuf> {
        let file = match self {
            Target::Area(area) => return engine.files(area),
            Target::Digests => area::digest_table(&engine.store()),
            Target::Usage => area::usage(&engine.store()),
        };
        if file.is_file() { vec![file] } else { Vec::new() }
    }
}

fn drawn(run_state: &mut StressRun, engine: &Engine, rng: &mut Rng) -> Result<()> {
    let mut pairs: Vec<_> =
        TARGETS.iter().flat_map(|target| INJURIES.iter().map(move |injury| (*target, injury))).collect();
    let (mut done, at_least) = (0, 12);
    loop {
        rng.shuffle(&mut pairs);
        for (target, injury) in &pairs {
            if run_state.is_over()? && done >= at_least {
                return Ok(());
            }
            done += usize::from(corruption(run_state, engine, rng, *target, injury)?);
        }
    }
}

/// Whether the corruption could be applied.
fn corruption(
    run_state: &mut StressRun,
    engine: &Engine,
    rng: &mut Rng,
    target: Target,
    (name, injury): &(&'static str, CorruptionFn),
) -> Result<bool> {
    let which = rng::below(rng, run_state.tasks.len());
    // Files of the observer are only read by a compile.
    let state = if target == Target::Area(Area::Observer) { CacheState::Miss } else { CacheState::Hit };
    state.bring(&run_state.tasks[which], engine)?;
    let context = format!("{}: {name}", target.name());
    let files = target.files(engine);
    if files.is_empty() {
        // An earlier corruption removed the file, and it was not needed since.
        return Ok(false);
    }
    let path = if target == Target::Digests { files[0].clone() } else { rng::pick(rng, &files).clone() };
    let like = files.iter().find(|p| **p != path).cloned();
    let other = match target {
        Target::Area(Area::Toolchains) => Area::Observer,
        _ => Area::Toolchains,
    };
    let unlike = engine.files(other);
    let Some(unlike) = unlike.into_iter().next() else { return Ok(false) };
    writable(&path)?;
    if let Some(like) = &like {
        writable(like)?;
    }
    let corruption = Corruption { path: path.clone(), like, unlike };
    let struck = if target == Target::Digests && *name == "a byte changed" {
        in_a_slot(&path, rng)
    } else {
        injury(&corruption, rng)
    };
    if !struck.map_err(Error::io("hurt", &path))? {
        return Ok(false);
    }
    run_state.all_must(engine, &context)?;
    run_state.all_must(engine, &format!("again after {context}"))?;
    repair(engine, &path)?;
    run_state.stats.passed(&context, 1);
    Ok(true)
}

/// Most of the digest table is empty: find a used byte.
fn in_a_slot(path: &Path, rng: &mut Rng) -> std::io::Result<bool> {
    let bytes = fs::read(path)?;
    let description: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    let at = *rng::pick(rng, &description);
    File::options()
        .write(true)
        .open(path)?
        .write_all_at(&[bytes[at] ^ 1 << rng::below(rng, 8)], at as u64)?;
    Ok(true)
}

/// Files that were not read since are still corrupt; `verify --repair` must find them.
fn repair(engine: &Engine, path: &Path) -> Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|m| m.is_dir()) {
        fs::remove_dir(path).map_err(Error::io("remove", path))?;
    }
    if fs::symlink_metadata(path).is_ok_and(|m| m.is_symlink()) {
        fs::remove_file(path).map_err(Error::io("remove", path))?;
    }
    engine.verify(true)?;
    engine.must_be_whole("after verify --repair")
}
