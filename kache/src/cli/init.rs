//! `kache init`: makes cargo use kache, and shows the changes.
//!
//! It adds one line to cargo's configuration and leaves every other byte of the file unchanged. A second run changes
//! nothing. It does not replace another wrapper.
//!
//! JSON: `{"v":1,"dry_run","steps":[{"file","what","done"}]}`; `done` is false if there was nothing to do.

use super::output::{Answer, CliError, Format, base_dirs, cwd, failed};
use super::page::{DIM, GREEN, PLAIN, Page, RED, YELLOW};
use super::{completions, rustdoc, shims};
use clap_complete::Shell;
use etcetera::BaseStrategy;
use kache_core::platform;
use serde::Serialize;
use std::io;
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item, Table, value};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache init --dry-run          show what would change
  kache init                    make cargo use kache in all projects of this user
  kache init --project          only in this directory and below
  kache init --shims --completions bash
  kache init --rustdoc          also cache `cargo doc`
  kache init --undo             undo all of that")]
pub struct Options {
    /// Undo what `init` set up
    #[arg(long)]
    undo: bool,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Use `.cargo/config.toml` of the working directory, not the file in cargo's home
    #[arg(long)]
    project: bool,
    /// Also make cargo run rustdoc through kache
    #[arg(long)]
    rustdoc: bool,
    /// Also create links named like compilers (as `kache shims install`)
    #[arg(long)]
    shims: bool,
    /// Also install completion for this shell
    #[arg(long, value_name = "SHELL")]
    completions: Option<Shell>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct Json {
    dry_run: bool,
    steps: Vec<Step>,
}

/// A change of one file.
#[derive(Serialize)]
struct Step {
    file: PathBuf,
    what: String,
    done: bool,
    /// The file's new text; `None` if the file is removed, or not written here.
    #[serde(skip)]
    text: Option<String>,
    /// The removed and added lines, for people.
    #[serde(skip)]
    lines: Vec<(char, String)>,
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    let mut steps = vec![cargo(options)?];
    steps.extend(completion(options)?);
    steps.extend(links(options)?);
    steps.extend(rustdoc_link(options)?);
    if !options.dry_run {
        steps.iter().filter(|s| s.done).try_for_each(apply)?;
        if options.shims && !options.undo {
            shims::install(&shims::place(None)?, &[])?;
        } else if options.undo && steps.iter().any(|s| s.what == REMOVE_LINKS) {
            shims::remove(&shims::place(None)?)?;
        }
        match steps.iter().find(|s| [MAKE_RUSTDOC, REMOVE_RUSTDOC].contains(&&*s.what)) {
            Some(step) if step.what == MAKE_RUSTDOC => rustdoc::link(&step.file)?,
            Some(step) => rustdoc::unlink(&step.file)?,
            None => {}
        }
    }
    let json = Json { dry_run: options.dry_run, steps };
    Answer::new(options.format, 1, &json, |page| text(&json, options, page))
}

/// cargo's configuration: of the two possible files, the one that cargo reads.
fn config(project: bool) -> Result<PathBuf, CliError> {
    let dir = if project {
        cwd()?.join(".cargo")
    } else {
        let named = std::env::var_os("CARGO_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
        let home = || Some(platform::home()?.join(".cargo"));
        named.or_else(home).ok_or_else(|| {
            CliError::usage("neither CARGO_HOME nor HOME is set: name one, or use `kache init --project`")
        })?
    };
    let old = dir.join("config");
    Ok(if old.is_file() { old } else { dir.join("config.toml") })
}

fn cargo(options: &Options) -> Result<Step, CliError> {
    let file = config(options.project)?;
    let old = read(&file)?;
    let mut doc: DocumentMut = old.parse().map_err(|e: toml_edit::TomlError| {
        let (file, why) = (file.display(), e.message());
        CliError::failed(format!("{file} is not valid TOML, and cargo cannot read it either: {why}"))
    })?;
    match rustdoc::place() {
        Ok(link) if options.undo => rustdoc::take(&mut doc, &link),
        link if options.rustdoc => rustdoc::put(&mut doc, &file, &link?)?,
        _ => {}
    }
    let set = doc.get("build").and_then(|b| b.get("rustc-wrapper")?.as_str()).map(str::to_string);
    let what = match (options.undo, set) {
        (false, Some(set)) if is_ours(&set) => "cargo uses kache already",
        (false, Some(set)) => return Err(taken(&file, &set)),
        (false, None) => {
            if let Ok(other) = std::env::var("RUSTC_WRAPPER")
                && !is_ours(&other)
            {
                return Err(CliError::usage(format!(
                    "RUSTC_WRAPPER is `{other}` here, and overrides cargo's configuration: unset it where your shell sets it, then try again"
                )));
            }
            put(&mut doc, &file)?;
            "make cargo use kache"
        }
        (true, Some(set)) if is_ours(&set) => {
            take(&mut doc);
            "cargo no longer uses kache"
        }
        (true, _) => "it does not make cargo use kache",
    };
    let new = doc.to_string();
    let done = new != old;
    let lines = differing(&old, &new);
    let text = (!new.trim().is_empty() || !options.undo).then_some(new);
    Ok(Step { lines, what: what.to_string(), done, text, file })
}

fn taken(file: &Path, set: &str) -> CliError {
    let name = Path::new(set).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let more = if name == "kache" {
        "that is another kache: name this one there, or remove the line".to_string()
    } else {
        format!(
            "cargo takes one wrapper, so kache and {name} cannot both be used: remove the line to use kache, then try again"
        )
    };
    CliError::usage(format!("{} has `rustc-wrapper = \"{set}\"`; {more}", file.display()))
}

/// Whether a wrapper's name means this program, or the first kache on `PATH`.
fn is_ours(set: &str) -> bool {
    set == "kache" || Path::new(set).is_absolute() && is_this_program(Path::new(set))
}

fn is_this_program(path: &Path) -> bool {
    std::env::current_exe().is_ok_and(|me| path.canonicalize().ok() == me.canonicalize().ok())
}

/// The shortest name of this program: `kache`, if `PATH` has this program under that name.
fn name() -> Result<String, CliError> {
    let found = kache_core::eval::find_program("kache".as_ref(), &kache_core::paths::Roots::default());
    if found.is_some_and(|found| is_this_program(&found)) {
        return Ok("kache".to_string());
    }
    let me = std::env::current_exe().map_err(failed("cannot find this program"))?;
    let text = me.to_str().map(str::to_string);
    text.ok_or_else(|| CliError::failed(format!("TOML cannot hold {}: it is not UTF-8", me.display())))
}

fn put(doc: &mut DocumentMut, file: &Path) -> Result<(), CliError> {
    let build = doc.entry("build").or_insert_with(|| Item::Table(Table::new()));
    let Some(build) = build.as_table_like_mut() else {
        let file = file.display();
        return Err(CliError::failed(format!(
            "{file}: `build` is not a table, and cargo cannot read it either"
        )));
    };
    build.insert("rustc-wrapper", value(name()?));
    Ok(())
}

/// Removes the line, and its table if that has no other line.
fn take(doc: &mut DocumentMut) {
    let Some(build) = doc.get_mut("build").and_then(Item::as_table_like_mut) else { return };
    build.remove("rustc-wrapper");
    let is_empty = build.is_empty();
    let comment = doc.get("build").and_then(Item::as_table).and_then(|t| t.decor().prefix()?.as_str());
    // The user wrote a comment above the table.
    if is_empty && comment.is_none_or(|text| text.trim().is_empty()) {
        doc.remove("build");
    }
}

/// The file that a shell reads its completion for kache from.
fn place(shell: Shell) -> Result<PathBuf, CliError> {
    let dirs = base_dirs("`kache completions`, which prints the script")?;
    match shell {
        Shell::Bash => Ok(dirs.data_dir().join("bash-completion/completions/kache")),
        Shell::Fish => Ok(dirs.config_dir().join("fish/completions/kache.fish")),
        Shell::Zsh => Ok(dirs.data_dir().join("zsh/site-functions/_kache")),
        other => Err(CliError::usage(format!(
            "kache does not know where {other} reads completions: `kache completions {other}` prints the script"
        ))),
    }
}

/// The requested script; with `--undo`, each script that exists.
fn completion(options: &Options) -> Result<Vec<Step>, CliError> {
    let shells: Vec<Shell> = match options.completions {
        None if !options.undo => return Ok(Vec::new()),
        None => vec![Shell::Bash, Shell::Fish, Shell::Zsh],
        Some(shell) => vec![shell],
    };
    let mut steps = Vec::new();
    for shell in shells {
        let file = match place(shell) {
            Ok(file) => file,
            Err(_) if options.undo => continue,
            Err(e) => return Err(e),
        };
        let old = read(&file)?;
        let text = (!options.undo).then(|| completions::PROGRAM.script(shell));
        if options.undo && old.is_empty() {
            continue;
        }
        let verb = if options.undo { "remove" } else { "install" };
        let mut what = format!("{verb} completion for {shell}");
        if shell == Shell::Zsh && !options.undo {
            let dir = file.parent().unwrap_or(&file).display();
            what += &format!("; put `fpath=({dir} $fpath)` before `compinit` in ~/.zshrc");
        }
        let done = text.as_ref() != Some(&old);
        steps.push(Step { file, what, done, text, lines: Vec::new() });
    }
    Ok(steps)
}

const REMOVE_LINKS: &str = "remove the links named like compilers";

fn links(options: &Options) -> Result<Option<Step>, CliError> {
    let Ok(dir) = shims::place(None) else { return Ok(None) };
    let exists = dir.join(kache_frontends::shims::MARK).exists();
    let what = match (options.undo, options.shims) {
        (true, _) if exists => REMOVE_LINKS,
        (false, true) => "make links named like compilers; put the directory first on PATH",
        _ => return Ok(None),
    };
    let done = options.undo || !exists;
    Ok(Some(Step { file: dir, what: what.to_string(), done, text: None, lines: Vec::new() }))
}

const MAKE_RUSTDOC: &str = "make the link that cargo runs in place of rustdoc";
const REMOVE_RUSTDOC: &str = "remove the link that cargo runs in place of rustdoc";

fn rustdoc_link(options: &Options) -> Result<Option<Step>, CliError> {
    let file = match rustdoc::place() {
        Ok(file) => file,
        Err(e) if options.rustdoc => return Err(e),
        Err(_) => return Ok(None),
    };
    let exists = file.symlink_metadata().is_ok();
    let what = match (options.undo, options.rustdoc) {
        (true, _) if exists => REMOVE_RUSTDOC,
        (false, true) => MAKE_RUSTDOC,
        _ => return Ok(None),
    };
    let done = options.undo || !is_this_program(&file);
    Ok(Some(Step { file, what: what.to_string(), done, text: None, lines: Vec::new() }))
}

fn read(file: &Path) -> Result<String, CliError> {
    match std::fs::read_to_string(file) {
        Err(e) if kache_core::platform::is_absent(&e) => Ok(String::new()),
        other => other.map_err(failed(file.display())),
    }
}

/// Writes a temporary file and renames it, so that cargo sees the old or the new text. A link remains a link.
fn apply(step: &Step) -> Result<(), CliError> {
    let file = step.file.canonicalize().unwrap_or_else(|_| step.file.clone());
    // Links are made and removed after the files.
    if file.is_dir() || [MAKE_RUSTDOC, REMOVE_RUSTDOC].contains(&&*step.what) {
        return Ok(());
    }
    let write = || -> io::Result<()> {
        let Some(text) = &step.text else {
            return if file.exists() { std::fs::remove_file(&file) } else { Ok(()) };
        };
        std::fs::create_dir_all(file.parent().unwrap_or(&file))?;
        let tmp = kache_core::store::temporary_beside(&file);
        std::fs::write(&tmp, text)?;
        if let Ok(meta) = file.metadata() {
            std::fs::set_permissions(&tmp, meta.permissions())?;
        }
        std::fs::rename(&tmp, &file)
    };
    write().map_err(failed(format!("cannot write {}", file.display())))
}

fn differing(old: &str, new: &str) -> Vec<(char, String)> {
    let diff = similar::TextDiff::from_lines(old, new);
    let sign = |tag| match tag {
        similar::ChangeTag::Delete => Some('-'),
        similar::ChangeTag::Insert => Some('+'),
        similar::ChangeTag::Equal => None,
    };
    diff.iter_all_changes()
        .filter_map(|c| Some((sign(c.tag())?, c.value().trim_end_matches('\n').to_string())))
        .collect()
}

fn text(json: &Json, options: &Options, page: &mut Page) {
    for step in &json.steps {
        let (style, mark) = match (step.done, json.dry_run) {
            (false, _) => (DIM, "nothing to do"),
            (true, true) => (YELLOW, "would change"),
            (true, false) => (GREEN, "changed"),
        };
        let what = format!("{}: {}", step.file.display(), step.what);
        page.spans(&[(style, format!("{mark:<14}")), (PLAIN, what)]);
        for (sign, line) in &step.lines {
            page.styled(if *sign == '-' { RED } else { GREEN }, format!("    {sign} {line}"));
        }
    }
    page.gap();
    page.line(match (options.undo, json.dry_run) {
        (_, true) => "dry run: no file was changed",
        (true, _) => "the cache is unchanged: `kache purge` removes it",
        (false, _) => "build now, then run `kache report`; `kache doctor` checks the installation, `kache init --undo` undoes this",
    });
}
