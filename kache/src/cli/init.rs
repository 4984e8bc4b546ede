//! `kache init`: makes cargo use kache, and shows what that changes before it does.
//!
//! One line in cargo's configuration is what it takes. What else stands in that file stays as it is, to the byte, and a second
//! time there is nothing left to do. A wrapper that somebody else has set is not ours to replace.
//!
//! JSON: `{"v":1,"dry_run","steps":[{"file","what","done"}]}`; `done` is false where there was nothing to do.

use super::output::{Answer, CliError, Format};
use super::page::{Page, Style};
use super::{completions, shims};
use clap_complete::Shell;
use kache_core::platform;
use serde::Serialize;
use std::io;
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item, Table, value};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache init --dry-run          show what would change
  kache init                    cargo uses kache from now on, in all projects of this user
  kache init --project          only in this directory and below
  kache init --shims --completions bash
  kache init --undo             all of it undone")]
pub struct Options {
    /// Take away what `init` set up
    #[arg(long)]
    undo: bool,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// In `.cargo/config.toml` of the working directory, not in cargo's home
    #[arg(long)]
    project: bool,
    /// Also make links named like compilers (as `kache shims install`)
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
    v: u32,
    dry_run: bool,
    steps: Vec<Step>,
}

/// A file, and what is done about it.
#[derive(Serialize)]
struct Step {
    file: PathBuf,
    what: String,
    done: bool,
    /// The file's new text; nothing where it goes, or is not written here.
    #[serde(skip)]
    text: Option<String>,
    /// Lines taken out and put in, for people.
    #[serde(skip)]
    lines: Vec<(char, String)>,
}

/// Sets up, or undoes that.
pub fn run(options: &Options, command: &mut clap::Command) -> Result<Answer, CliError> {
    let mut steps = vec![cargo(options)?];
    steps.extend(completion(options, command)?);
    steps.extend(links(options)?);
    if !options.dry_run {
        steps.iter().filter(|s| s.done).try_for_each(apply)?;
        if options.shims && !options.undo {
            shims::install(&shims::place(None)?, &[])?;
        } else if options.undo
            && steps.iter().any(|s| s.file == shims::place(None).unwrap_or_default() && s.done)
        {
            shims::remove(&shims::place(None)?)?;
        }
    }
    let json = Json { v: 1, dry_run: options.dry_run, steps };
    match options.format {
        Format::Json => Answer::json(&json),
        Format::Text => Ok(Answer::page(page(&json, options))),
    }
}

/// cargo's configuration: the file that cargo reads, of two names that it may have.
fn config(project: bool) -> Result<PathBuf, CliError> {
    let dir = if project {
        let cwd = std::env::current_dir();
        cwd.map_err(|e| CliError::failed(format!("cannot find the working directory: {e}")))?.join(".cargo")
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
        CliError::failed(format!(
            "{} is not valid TOML, and cargo cannot read it either: {}",
            file.display(),
            e.message()
        ))
    })?;
    let set =
        doc.get("build").and_then(|b| b.get("rustc-wrapper")).and_then(Item::as_str).map(str::to_string);
    let what = match (options.undo, set) {
        (false, Some(set)) if is_ours(&set) => "cargo uses kache already".to_string(),
        (false, Some(set)) => return Err(taken(&file, &set)),
        (false, None) => {
            if let Ok(other) = std::env::var("RUSTC_WRAPPER")
                && !is_ours(&other)
            {
                return Err(CliError::usage(format!(
                    "RUSTC_WRAPPER is `{other}` here, and counts more than cargo's configuration: unset it where your shell sets it, then try again"
                )));
            }
            put(&mut doc, &file)?;
            "make cargo use kache".to_string()
        }
        (true, Some(set)) if is_ours(&set) => {
            take(&mut doc);
            "cargo no longer uses kache".to_string()
        }
        (true, _) => "it does not make cargo use kache".to_string(),
    };
    let new = doc.to_string();
    let done = new != old;
    let text = (!new.trim().is_empty() || !options.undo).then_some(new.clone());
    Ok(Step { lines: differing(&old, &new), what, done, text, file })
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

/// Whether a wrapper's name leads to this program, or to whatever kache is first on `PATH`.
fn is_ours(set: &str) -> bool {
    let same =
        |p: PathBuf| std::env::current_exe().is_ok_and(|me| p.canonicalize().ok() == me.canonicalize().ok());
    set == "kache" || Path::new(set).is_absolute() && same(PathBuf::from(set))
}

/// The shortest name that leads here: the bare one where `PATH` has this very program under it.
fn name() -> Result<String, CliError> {
    let me = std::env::current_exe()
        .map_err(|e| CliError::failed(format!("this program cannot be found: {e}")))?;
    let found = kache_core::eval::find_program("kache".as_ref(), &kache_core::paths::Roots::default());
    if found.is_some_and(|f| f.canonicalize().ok() == me.canonicalize().ok()) {
        return Ok("kache".to_string());
    }
    let text = me.to_str().map(str::to_string);
    text.ok_or_else(|| CliError::failed(format!("{} is not UTF-8, and cannot stand in TOML", me.display())))
}

fn put(doc: &mut DocumentMut, file: &Path) -> Result<(), CliError> {
    let build = doc.entry("build").or_insert_with(|| Item::Table(Table::new()));
    let Some(build) = build.as_table_like_mut() else {
        return Err(CliError::failed(format!(
            "{}: `build` is no table, and cargo cannot read it either",
            file.display()
        )));
    };
    build.insert("rustc-wrapper", value(name()?));
    Ok(())
}

/// The line goes, and its table where nothing else is in it.
fn take(doc: &mut DocumentMut) {
    let Some(build) = doc.get_mut("build").and_then(Item::as_table_like_mut) else { return };
    build.remove("rustc-wrapper");
    let bare = build.is_empty();
    let said = doc.get("build").and_then(Item::as_table).and_then(|t| t.decor().prefix()?.as_str());
    // A comment above it is somebody's.
    if bare && said.is_none_or(|s| s.trim().is_empty()) {
        doc.remove("build");
    }
}

/// Where each shell dependencies.
fn place(shell: Shell) -> Result<PathBuf, CliError> {
    let home = platform::home();
    let home =
        home.ok_or_else(|| CliError::usage("HOME is not set: `kache completions` prints the script"))?;
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let data = data.unwrap_or_else(|| home.join(".local/share"));
    match shell {
        Shell::Bash => Ok(data.join("bash-completion/completions/kache")),
        Shell::Fish => Ok(home.join(".config/fish/completions/kache.fish")),
        Shell::Zsh => Ok(data.join("zsh/site-functions/_kache")),
        other => Err(CliError::usage(format!(
            "where {other} dependencies is not known: `kache completions {other}` prints the script"
        ))),
    }
}

/// The script that was asked for; undoing, each that is there.
fn completion(options: &Options, command: &mut clap::Command) -> Result<Vec<Step>, CliError> {
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
            Err(trouble) => return Err(trouble),
        };
        let old = read(&file)?;
        let (new, verb) = if options.undo {
            (String::new(), "remove")
        } else {
            (completions::script(shell, command), "install")
        };
        if options.undo && old.is_empty() {
            continue;
        }
        let (what, done) = (format!("{verb} completion for {shell}"), old != new);
        steps.push(Step { file, what, done, text: (!options.undo).then_some(new), lines: Vec::new() });
    }
    Ok(steps)
}

fn links(options: &Options) -> Result<Option<Step>, CliError> {
    let Ok(dir) = shims::place(None) else { return Ok(None) };
    let there = dir.join(kache_frontends::shims::MARK).exists();
    let what = match (options.undo, options.shims) {
        (true, _) if there => "remove the links named like compilers",
        (false, true) => "make links named like compilers; put the directory first on PATH",
        _ => return Ok(None),
    };
    let done = options.undo || !there;
    Ok(Some(Step { file: dir, what: what.to_string(), done, text: None, lines: Vec::new() }))
}

fn read(file: &Path) -> Result<String, CliError> {
    match std::fs::read_to_string(file) {
        Err(e) if kache_core::platform::is_absent(&e) => Ok(String::new()),
        other => other.map_err(|e| CliError::failed(format!("{}: {e}", file.display()))),
    }
}

/// Writes beside the file and renames, so that cargo sees the old or the new one. A link stays one.
fn apply(step: &Step) -> Result<(), CliError> {
    let file = step.file.canonicalize().unwrap_or_else(|_| step.file.clone());
    if file.is_dir() {
        return Ok(());
    }
    let done = || -> io::Result<()> {
        let Some(text) = &step.text else {
            return if step.lines.is_empty() && !file.exists() {
                Ok(())
            } else {
                std::fs::remove_file(&file)
            };
        };
        std::fs::create_dir_all(file.parent().unwrap_or(&file))?;
        let tmp = kache_core::store::temporary_beside(&file);
        std::fs::write(&tmp, text)?;
        if let Ok(meta) = file.metadata() {
            std::fs::set_permissions(&tmp, meta.permissions())?;
        }
        std::fs::rename(&tmp, &file)
    };
    done().map_err(|e| CliError::failed(format!("cannot write {}: {e}", file.display())))
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

fn page(json: &Json, options: &Options) -> Page {
    let mut page = Page::new();
    for step in &json.steps {
        let mark = match (step.done, json.dry_run) {
            (false, _) => (Style::Dim, "nothing to do"),
            (true, true) => (Style::Yellow, "would change"),
            (true, false) => (Style::Green, "changed"),
        };
        page.spans(&[
            (mark.0, format!("{:<14}", mark.1)),
            (Style::Plain, format!("{}: {}", step.file.display(), step.what)),
        ]);
        for (sign, line) in &step.lines {
            let style = if *sign == '-' { Style::Red } else { Style::Green };
            page.spans(&[(style, format!("    {sign} {line}"))]);
        }
    }
    page.gap();
    page.line(match (options.undo, json.dry_run) {
        (_, true) => "dry run: no file was changed",
        (true, _) => "the cache is unchanged: `kache purge` removes it",
        (false, _) => "build now, then run `kache report`; `kache doctor` checks the installation, `kache init --undo` undoes this",
    });
    page
}
