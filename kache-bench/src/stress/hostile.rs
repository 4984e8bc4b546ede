//! Hostile input: a cache of another user, entries that would write elsewhere, secrets, names with terminal
//! escapes.

use super::harness::{Engine, Task, must_succeed, wrong};
use super::session::StressRun;
use crate::error::{Error, Result};
use crate::system::files;
use kache_core::digest::Digest;
use kache_core::store::manifest::Manifest;
use kache_core::store::result::ActionResult;
use kache_core::store::{Area, FORMAT};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

pub fn run(run_state: &mut StressRun) -> Result<()> {
    private(run_state)?;
    owned_by_another(run_state)?;
    entries_that_escape(run_state)?;
    outputs_that_are_links(run_state)?;
    secrets(run_state)?;
    escapes(run_state)
}

/// New directories are accessible to their user only.
fn private(run_state: &mut StressRun) -> Result<()> {
    let engine = run_state.engine("private");
    run_state.all_must_hit(&engine, "a new cache")?;
    let mut seen = 0;
    for dir in [engine.cache.clone(), engine.store()] {
        let mode = fs::metadata(&dir).map_err(Error::io("look at", &dir))?.permissions().mode() & 0o7777;
        if mode != 0o700 {
            return Err(wrong("a new cache", &format!("{} has mode {mode:o}", dir.display())));
        }
        seen += 1;
    }
    run_state.stats.passed("directories of a new cache: mode 0700", seen);
    Ok(())
}

/// An unused user id.
const NOBODY: u32 = 65_534;

fn owned_by_another(run_state: &mut StressRun) -> Result<()> {
    // SAFETY: no arguments, cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        run_state.stats.skip("only root can make a directory another user's");
        return Ok(());
    }
    let engine = run_state.engine("another's");
    for what in ["another user's cache", "a cache that others may write to"] {
        engine.wipe()?;
        let task = &run_state.tasks[0];
        task.must_hit(&engine, "before its owner changes")?;
        for dir in [engine.cache.clone(), engine.store(), Area::Blobs.below(&engine.store())] {
            let changed = match what {
                "another user's cache" => chown(&dir, Some(NOBODY), Some(NOBODY)),
                _ => fs::set_permissions(&dir, Permissions::from_mode(0o777)),
            };
            changed.map_err(Error::io("give away", &dir))?;
        }
        let said = task.must_log(&engine, what)?;
        let word = if what.starts_with("another") { "belongs to" } else { "others may write" };
        if !said.contains(word) {
            return Err(wrong(what, &format!("it is not refused: {said}")));
        }
        for command in ["gc", "verify"] {
            let output = engine.command(Path::new("/")).arg(command).output();
            let output = output.map_err(Error::io("run", &engine.program))?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.success() || !said.contains(word) {
                return Err(wrong(what, &format!("kache {command} does not refuse it: {said}")));
            }
        }
        run_state.stats.passed(&format!("{what}: refused with a message, and compiled"), 1);
    }
    engine.wipe()
}

/// A forged entry, sealed, with outputs at other paths.
fn entries_that_escape(run_state: &mut StressRun) -> Result<()> {
    let engine = run_state.engine("forged");
    let victim = run_state.dir().join("victim");
    let before = "precious";
    files::write(&victim, before)?;
    let away = run_state.dir().join("away");
    fs::create_dir_all(&away).map_err(Error::io("create", &away))?;
    for which in 0..run_state.tasks.len() {
        let task = &run_state.tasks[which];
        let link = task.dir.join("link");
        drop(fs::remove_file(&link));
        std::os::unix::fs::symlink(&away, &link).map_err(Error::io("link", &link))?;
        let name = task.wanted.files.keys().next().cloned().unwrap_or_default();
        let absolute = victim.display().to_string();
        let dir = task.dir.display().to_string();
        for path in [
            absolute.clone(),
            format!("{dir}/out/../../../victim"),
            format!("{dir}/link/{name}"),
            format!("{dir}/out/./{name}/../../../../victim"),
            "<workspace>/../../victim".into(),
            format!("<workspace>/link/{name}"),
            format!("<target>/../{name}"),
            "<nowhere>/x".into(),
            "../../victim".into(),
            format!("{dir}/out"),
            format!("{dir}/a.c"),
            String::new(),
            "\0".into(),
        ] {
            task.must_hit(&engine, "before it is forged")?;
            forge(&engine, path.as_bytes())?;
            let context = format!("an entry that writes to {path:?}");
            let task = &run_state.tasks[which];
            task.must(&engine, &[], &context)?;
            let there = fs::read_to_string(&victim).unwrap_or_default();
            if there != before || fs::read_dir(&away).is_ok_and(|dir| dir.count() > 0) {
                return Err(wrong(&context, "it did"));
            }
            run_state
                .stats
                .passed("forged entries with other output paths (absolute, `..`, through links)", 1);
        }
        drop(fs::remove_file(&link));
        engine.wipe()?;
    }
    Ok(())
}

/// Sets the path of each output of the last event's result.
fn forge(engine: &Engine, path: &[u8]) -> Result<()> {
    let store = engine.open()?;
    let event = engine.last().ok_or_else(|| wrong("forging", "there is no event"))?;
    let key = |hex: &Option<String>| hex.as_deref().and_then(Digest::from_hex);
    let (Some(action), Some(result)) = (key(&event.action), key(&event.result)) else {
        return Err(wrong("forging", "the event has no keys"));
    };
    let mut forged =
        ActionResult::load(&store, &result).ok_or_else(|| wrong("forging", "there is no result"))?;
    for output in &mut forged.outputs {
        output.path = path.to_vec();
    }
    forged.save(&store, &result).map_err(Error::io("forge an entry in", &engine.cache))?;
    match Manifest::load(&store, &action) {
        Some(_) => Ok(()),
        None => Err(wrong("forging", "there is no manifest")),
    }
}

/// An output path that is a link: its target is as safe as with the plain compiler.
fn outputs_that_are_links(run_state: &mut StressRun) -> Result<()> {
    let engine = run_state.engine("links");
    let precious = run_state.dir().join("linked");
    for which in 0..run_state.tasks.len() {
        let task = &run_state.tasks[which];
        task.must_hit(&engine, "before its outputs are links")?;
        let set_up = || -> Result<()> {
            task.clear()?;
            files::write(&precious, "precious")?;
            for name in task.wanted.files.keys() {
                let at = task.out().join(name);
                std::os::unix::fs::symlink(&precious, &at).map_err(Error::io("link", &at))?;
            }
            Ok(())
        };
        let there = || fs::read_to_string(&precious).unwrap_or_default();
        // A compiler writes some outputs through a link, depfiles say.
        set_up()?;
        must_succeed(&mut task.plain_command(), "outputs that are links, plainly")?;
        let plainly = there();
        set_up()?;
        must_succeed(&mut task.command(&engine), "outputs that are links")?;
        if there() != plainly {
            let what = format!("{}: it leads to {:?} instead of {plainly:?}", task.name, there());
            return Err(wrong("outputs that are links", &what));
        }
        task.must(&engine, &[], "after outputs that were links")?;
        run_state.stats.passed("outputs that are links: their targets are what the compiler leaves", 1);
    }
    Ok(())
}

const SECRETS: &str = "STRESS_SECRET CARGO_REGISTRY_TOKEN CARGO_REGISTRIES_OURS_TOKEN \
    CARGO_REGISTRIES_OURS_SECRET_KEY TARGET_PASSWORD HOST_KEY RUSTC_SECRET DEBUG_TOKEN";

/// Must not be in clear text except in the compiler's own outputs.
fn secrets(run_state: &mut StressRun) -> Result<()> {
    let engine = run_state.engine("secrets");
    let names: Vec<_> = SECRETS.split(' ').collect();
    let read =
        |(n, name): (usize, &&str)| format!("pub const S{n}: Option<&str> = option_env!(\"{name}\");\n");
    let reads: String = names.iter().enumerate().map(read).collect();
    let task = Task::library(run_state.dir().join("secrets"), "s", "", &[("s.rs", &reads)])?;
    let secret = format!("hunter{}", run_state.seed);
    let environment: Vec<(&str, &str)> = names.iter().map(|name| (*name, secret.as_str())).collect();
    // The result differs from the one without secrets; this checks what is stored.
    for _ in 0..2 {
        let answer = task.run(&engine, &environment)?;
        if answer.code != Some(0) {
            return Err(wrong("secrets", &String::from_utf8_lossy(&answer.stderr)));
        }
    }
    let files = files::below(&engine.cache);
    let holds = |path: &Path| {
        fs::read(path).is_ok_and(|bytes| bytes.windows(secret.len()).any(|w| w == secret.as_bytes()))
    };
    let blobs = Area::Blobs.below(&engine.store());
    // `# env-dep:` is in the requested depfile and in the artifact.
    if let Some(path) = files.iter().find(|p| !p.starts_with(&blobs) && holds(p)) {
        return Err(wrong("secrets", &format!("a variable's value is in clear in {}", path.display())));
    }
    run_state.stats.passed(
        "variables that may hold secrets, read by a crate: digests in traces and events",
        names.len(),
    );
    Ok(())
}

/// A name that clears the screen, reorders text, and ends the line.
const EVIL: &str = "e\u{1b}[2J\u{7}\u{9b}31m\u{202e}\rvil";

fn escapes(run_state: &mut StressRun) -> Result<()> {
    let engine = run_state.engine("escapes");
    let source = format!("{EVIL}.c");
    let mut task = Task::set_up(
        run_state.dir().join("escapes"),
        "C unit",
        &[("a.c", "#include EVIL\n"), (&format!("{EVIL}.h"), "int x;\n"), (&source, "int y;\n")],
        "gcc -c a.c -o out/a.o -DEVIL=\"e.h\" -include stddef.h -DEVIL_ -UEVIL -DEVIL=<stdint.h>",
    )?;
    task.words = ["gcc", "-c", &source, "-o", &format!("out/{EVIL}.o"), "-include", &format!("{EVIL}.h")]
        .map(str::to_string)
        .to_vec();
    let plain = task.plain()?;
    task.wanted = plain;
    task.must_hit(&engine, "a name with escapes")?;
    let header = task.dir.join(format!("{EVIL}.h"));
    files::write(&header, "int x, z;\n")?;
    task.wanted = task.plain()?;
    task.must(&engine, &[("CARGO_PKG_NAME", EVIL)], "a name with escapes")?;
    let logged = task.must_log(&engine, "a name with escapes")?;
    // Damage to a file with such a name.
    let odd = Area::Blobs.below(&engine.store()).join("00");
    files::write(&odd.join(EVIL), "x")?;
    let mut said = vec![("KACHE_LOG".to_string(), logged.into_bytes())];
    for words in [
        &["stats"][..],
        &["stats", "--last-build"],
        &["explain"],
        &["explain", EVIL],
        &["verify"],
        &["gc", "--dry-run"],
        &["config"],
        &["doctor"],
    ] {
        let mut command: Command = engine.command(&task.dir);
        command.args(words).env("KACHE_PATH_ONLY_MACROS", EVIL).env("KACHE_BASE_DIRS", EVIL);
        let output = command.output().map_err(Error::io("run", &engine.program))?;
        said.push((words.join(" "), [output.stdout, output.stderr].concat()));
    }
    for (what, text) in &said {
        let text = String::from_utf8_lossy(text);
        let raw = |c: char| c.is_control() && c != '\n' && c != '\t' || c == '\u{202e}';
        if let Some(c) = text.chars().find(|c| raw(*c)) {
            let line = text.lines().find(|line| line.contains(c)).unwrap_or_default();
            return Err(wrong(
                &format!("`kache {}`", what.escape_debug()),
                &format!("prints {c:?} raw: {line:?}"),
            ));
        }
        if text.is_empty() {
            return Err(wrong(what, "says nothing"));
        }
    }
    run_state.stats.passed("names with terminal escapes, in every command that prints names", said.len());
    debug_assert!(FORMAT.starts_with('v'));
    Ok(())
}
