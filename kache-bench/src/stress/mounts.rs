//! Caches on other file systems: full, read-only, tmpfs, overlayfs. They are mounted in a namespace of this
//! process, so they always disappear with it.

use super::builds::Build;
use super::harness::{Engine, wrong};
use super::session::StressRun;
use crate::error::{Error, Result};
use kache_core::events::Outcome;
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Enters a private mount namespace, before any process is started. The error says why that is not possible.
pub fn of_our_own() -> io::Result<()> {
    // SAFETY: plain integers.
    if unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
        return Err(io::Error::last_os_error());
    }
    mount("none", Path::new("/"), "", libc::MS_REC | libc::MS_PRIVATE, "")
}

fn mount(what: &str, at: &Path, kind: &str, flags: libc::c_ulong, options: &str) -> io::Result<()> {
    let c = |bytes: &[u8]| CString::new(bytes);
    let (what, at) = (c(what.as_bytes())?, c(at.as_os_str().as_bytes())?);
    let (kind, options) = (c(kind.as_bytes())?, c(options.as_bytes())?);
    // SAFETY: all four texts are NUL-terminated and outlive the call.
    let done =
        unsafe { libc::mount(what.as_ptr(), at.as_ptr(), kind.as_ptr(), flags, options.as_ptr().cast()) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A mount that is removed on drop.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn tmpfs(at: &'a Path, options: &str) -> Result<Mounted<'a>> {
        fs::create_dir_all(at).map_err(Error::io("create", at))?;
        mount("tmpfs", at, "tmpfs", 0, options).map_err(Error::io("mount a tmpfs at", at))?;
        Ok(Mounted(at))
    }

    fn read_only(at: &'a Path) -> Result<Mounted<'a>> {
        let doing = "mount read-only";
        let itself = at.display().to_string();
        mount(&itself, at, "", libc::MS_BIND, "").map_err(Error::io(doing, at))?;
        let mounted = Mounted(at);
        mount(&itself, at, "", libc::MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY, "")
            .map_err(Error::io(doing, at))?;
        Ok(mounted)
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        if let Ok(at) = CString::new(self.0.as_os_str().as_bytes()) {
            // SAFETY: NUL-terminated. The detached mount disappears when it is no longer used.
            unsafe { libc::umount2(at.as_ptr(), libc::MNT_DETACH) };
        }
    }
}

pub fn run(run_state: &mut StressRun) -> Result<()> {
    if let Some(why) = run_state.no_mounts.clone() {
        run_state.stats.skip(format!("no permission to mount: {why}"));
        return Ok(());
    }
    let build = Build::set_up(run_state.dir().join("mounted"), 10, 2)?;
    let engine = run_state.engine("mounted");
    small(run_state, &build, &engine)?;
    read_only(run_state, &build)?;
    {
        let _there = Mounted::tmpfs(&engine.cache, "size=200m")?;
        good(run_state, &build, &engine, "a cache on tmpfs")?;
    }
    overlay(run_state, &build)
}

fn good(run_state: &mut StressRun, build: &Build, engine: &Engine, what: &str) -> Result<()> {
    run_state.all_must_hit(engine, what)?;
    for _ in 0..2 {
        build.clear()?;
        build.must(engine, what)?;
    }
    engine.must_be_whole(what)?;
    run_state.stats.passed(&format!("{what}: compiled, then hit"), run_state.tasks.len() + 2 * build.units);
    Ok(())
}

/// Space runs out at a different point each time.
fn small(run_state: &mut StressRun, build: &Build, engine: &Engine) -> Result<()> {
    let sizes = ["size=16k", "size=64k", "size=100k", "size=160k", "size=256k", "size=400k", "size=1m"];
    let inodes = ["nr_inodes=8", "nr_inodes=16", "nr_inodes=24", "nr_inodes=40", "nr_inodes=60"];
    for options in sizes.iter().chain(&inodes) {
        let _there = Mounted::tmpfs(&engine.cache, options)?;
        let context = format!("a cache on a full file system ({options})");
        for turn in 0..2 {
            run_state.all_must(engine, &context)?;
            build.clear()?;
            build.must(engine, &context)?;
            engine.must_be_whole(&format!("{context}, turn {turn}"))?;
        }
        let what = if options.starts_with("size") { "no room" } else { "no inodes" };
        run_state.stats.passed(
            &format!("a real file system that fills up, {what}"),
            2 * (run_state.tasks.len() + build.units),
        );
    }
    Ok(())
}

fn read_only(run_state: &mut StressRun, build: &Build) -> Result<()> {
    let engine = run_state.engine("read-only");
    fs::create_dir_all(&engine.cache).map_err(Error::io("create", &engine.cache))?;
    {
        let _there = Mounted::read_only(&engine.cache)?;
        run_state.all_must(&engine, "a read-only cache with nothing in it")?;
        build.clear()?;
        build.must(&engine, "a read-only cache with nothing in it")?;
        run_state.stats.passed("a read-only file system, empty", run_state.tasks.len() + build.units);
    }
    run_state.all_must_hit(&engine, "before it is made read-only")?;
    let _there = Mounted::read_only(&engine.cache)?;
    for task in &run_state.tasks {
        let said = task.must_log(&engine, "a read-only cache with its entry")?;
        if !said.contains(&format!("{:?}", Outcome::Hit)) {
            return Err(wrong("a read-only cache with its entry", &format!("no hit: {said}")));
        }
    }
    build.clear()?;
    build.must(&engine, "a read-only cache with other entries")?;
    run_state.stats.passed("a read-only file system with entries: they hit", run_state.tasks.len());
    Ok(())
}

/// A container's layers: a cache created in the upper layer, and one in the lower layer.
fn overlay(run_state: &mut StressRun, build: &Build) -> Result<()> {
    let base = run_state.dir().join("layers");
    let layers = ["lower", "upper", "work"].map(|name| base.join(name));
    for layer in &layers {
        fs::create_dir_all(layer).map_err(Error::io("create", layer))?;
    }
    let [lower, upper, work] = layers.map(|layer| layer.display().to_string());
    let engine = run_state.engine("overlay");
    fs::create_dir_all(&engine.cache).map_err(Error::io("create", &engine.cache))?;
    let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
    let mounted = mount("overlay", &engine.cache, "overlay", 0, &options);
    if let Err(e) = mounted {
        run_state.stats.skip(format!("overlayfs cannot be mounted here: {e}"));
        return Ok(());
    }
    {
        let _there = Mounted(&engine.cache);
        good(run_state, build, &engine, "a cache on overlayfs")?;
    }
    // The written files become the next container's lower layer.
    let above = ["upper2", "work2"].map(|name| base.join(name));
    for layer in &above {
        fs::create_dir_all(layer).map_err(Error::io("create", layer))?;
    }
    let options = format!("lowerdir={upper},upperdir={},workdir={}", above[0].display(), above[1].display());
    mount("overlay", &engine.cache, "overlay", 0, &options)
        .map_err(Error::io("mount an overlay at", &engine.cache))?;
    let _there = Mounted(&engine.cache);
    for task in &run_state.tasks {
        task.must(&engine, &[], "a cache in the layer below")?;
        if engine.last().is_none_or(|event| event.outcome != Outcome::Hit) {
            return Err(wrong("a cache in the layer below", "no hit"));
        }
    }
    good(run_state, build, &engine, "a cache in the layer below an overlay")
}
