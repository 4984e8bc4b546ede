//! Changes the input of a recorded dependency, within the clone only, and restores it.
//!
//! | dependency | change |
//! | --- | --- |
//! | `file`, `source` | replaced by a copy with an addition |
//! | `path`, absent | an empty file is created |
//! | `path`, present | it is moved away |
//! | `listing`, `tree`, `crates` | a name is added |
//! | `link`, `leads-to` | the link leads to its target by another path; a path that was not a link becomes one |
//! | `env`, `env-path` | the variable is set or gets another value; a directory gets another name by a link |
//! | `env-all` | a variable is added |
//! | `program`, `linker` | a script of that name, which starts the program, is found first in `PATH` |
//! | `library` | a copy with an addition is found first in `LD_LIBRARY_PATH` |
//! | `define` | the path in the macro is extended |
//! | `twins` | one of the two files gets another modification time, or the same |
//! | `setting` | diagnostics get another colour or width |
//! | `cwd` in the clone; `place` | the whole clone is moved |
//!
//! Files outside the clone stay unchanged. Properties of the machine are changed for one process, by a
//! variable.

use crate::backend::invocations::Invocation;
use crate::error::{Error, Result};
use crate::system::{files, platform};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

pub struct MutationSite<'a> {
    pub checkout: &'a Path,
    pub dir: &'a Path,
    pub outputs: &'a [String],
    /// Distinguishes changes: a compile after an equal change would hit.
    pub number: usize,
}

/// A change that is undone on drop.
pub struct Changed {
    pub invocation: Invocation,
    /// Moved paths and their original paths, restored in reverse order.
    moved: Vec<(PathBuf, PathBuf)>,
    made: Vec<PathBuf>,
}

impl Drop for Changed {
    fn drop(&mut self) {
        for made in self.made.drain(..).rev() {
            // The hit that is required afterwards shows whether anything is left.
            drop(fs::remove_file(made));
        }
        for (place, aside) in self.moved.drain(..).rev() {
            drop(fs::rename(aside, place));
        }
    }
}

/// Why an input is not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    Outside,
    /// The property cannot be changed for one process.
    NoWay,
    /// The change would remove the unit itself.
    Itself,
    /// A build script may make the same in another place, and is then restored there.
    Place,
    /// Several names of one file stay equal under any change.
    Same,
}

impl Left {
    pub fn why(self) -> &'static str {
        match self {
            Left::Outside => "outside the clone, and not changed",
            Left::NoWay => "cannot be changed for one process",
            Left::Itself => "it contains the unit",
            Left::Place => "a place, which a build script's result may be confirmed for",
            Left::Same => "several names of one file, which stay equal under any change",
        }
    }
}

/// Changes the input that a component of a key trace names.
pub fn make(
    name: &str,
    raw: &str,
    value: &str,
    asked: &Invocation,
    site: &MutationSite<'_>,
) -> Result<std::result::Result<Changed, Left>> {
    let (kind, rest) = name.split_once(' ').unwrap_or((name, ""));
    let place = Path::new(raw);
    let mut changed = Changed { invocation: asked.clone(), moved: Vec::new(), made: Vec::new() };
    let inside = place.starts_with(site.checkout);
    let is_script = asked.out_directory().is_some();
    let done = match kind {
        "cwd" | "place" if is_script => Ok(Err(Left::Place)),
        "env" | "env-path" if is_script && rest == "OUT_DIR" => Ok(Err(Left::Place)),
        "file" | "source" | "path" | "listing" | "tree" | "crates" | "link" | "leads-to" if !inside => {
            Ok(Err(Left::Outside))
        }
        "file" | "source" => changed.contents(place, site).map(Ok),
        "path" if value == "absent" => changed.appear(place, site).map(Ok),
        "path" => changed.vanish(place, site),
        "listing" | "tree" => {
            changed.appear(&place.join(format!("kache-mutation-{}", site.number)), site).map(Ok)
        }
        "crates" => {
            changed.appear(&place.join(format!("libkache_mutation-{}.rlib", site.number)), site).map(Ok)
        }
        "link" | "leads-to" => changed.relink(place, site).map(Ok),
        "env" | "env-path" => changed.variable(rest, site).map(Ok),
        "env-all" | "env-all-path" => {
            changed.set("MUTATED_BY_THE_HARNESS", site.number.to_string().into());
            Ok(Ok(()))
        }
        "program" | "linker" if asked.codegen("linker").is_none() => {
            changed.found_first("PATH", place, rest, site)
        }
        "library" if !raw.is_empty() => changed.found_first("LD_LIBRARY_PATH", place, rest, site),
        "define" => Ok(changed.define(rest, site)),
        "twins" => changed.twins(raw, site),
        "setting" => Ok(changed.setting(rest, site)),
        // Cargo compiles registry packages in their unpacked directory.
        "cwd" if !asked.cwd.starts_with(site.checkout) => Ok(Err(Left::Outside)),
        "cwd" | "place" => changed.move_all(site).map(Ok),
        _ => Ok(Err(Left::NoWay)),
    };
    Ok(done?.map(|()| changed))
}

type Tried = Result<std::result::Result<(), Left>>;

impl Changed {
    fn set(&mut self, name: &str, value: OsString) {
        self.invocation.environment.retain(|(n, _)| n != name);
        self.invocation.environment.push((name.into(), value));
    }

    /// Moves a path away within the same file system.
    fn aside(&mut self, place: &Path, site: &MutationSite<'_>) -> Result<PathBuf> {
        let aside = site.dir.join(format!("moved-{}-{}", site.number, self.moved.len()));
        fs::rename(place, &aside).map_err(Error::io("move", place))?;
        self.moved.push((place.to_path_buf(), aside.clone()));
        Ok(aside)
    }

    fn contents(&mut self, place: &Path, site: &MutationSite<'_>) -> Result<()> {
        let aside = self.aside(place, site)?;
        self.made.push(place.to_path_buf());
        copy_with_more(&aside, place, site.number)
    }

    fn appear(&mut self, place: &Path, _: &MutationSite<'_>) -> Result<()> {
        File::create_new(place).map_err(Error::io("create", place))?;
        self.made.push(place.to_path_buf());
        Ok(())
    }

    fn vanish(&mut self, place: &Path, site: &MutationSite<'_>) -> Tried {
        let needed = site.outputs.iter().map(Path::new).chain([self.invocation.cwd.as_path(), site.checkout]);
        if needed.into_iter().any(|n| n.starts_with(place)) {
            return Ok(Err(Left::Itself));
        }
        self.aside(place, site).map(|_| Ok(()))
    }

    fn relink(&mut self, place: &Path, site: &MutationSite<'_>) -> Result<()> {
        let to = match place.symlink_metadata() {
            Err(_) => PathBuf::from("kache-mutation"),
            Ok(meta) if meta.is_symlink() => {
                let led = fs::read_link(place).map_err(Error::io("read", place))?;
                let real = place.canonicalize().unwrap_or_else(|_| led.clone());
                self.aside(place, site)?;
                // Another path to the same target; an absolute path goes through the root and back.
                if led == real {
                    Path::new("/..").join(real.strip_prefix("/").unwrap_or(&real))
                } else {
                    real
                }
            }
            Ok(_) => self.aside(place, site)?,
        };
        platform::link(&to, place).map_err(Error::io("link", place))?;
        self.made.push(place.to_path_buf());
        Ok(())
    }

    fn variable(&mut self, name: &str, site: &MutationSite<'_>) -> Result<()> {
        let number = site.number;
        let value: OsString = match self.invocation.variable(name).map(OsStr::to_os_string) {
            None if name.ends_with("_EPOCH") => (1000 + number).to_string().into(),
            // Something may be written to this directory, so it must not be in the clone.
            None => site.dir.join(format!("unset-{number}")).into(),
            Some(old) if Path::new(&old).starts_with(site.checkout) && Path::new(&old).is_dir() => {
                let beside = with_more(&old, number);
                platform::link(Path::new(&old), Path::new(&beside))
                    .map_err(Error::io("link", Path::new(&beside)))?;
                self.made.push(PathBuf::from(&beside));
                beside
            }
            Some(old) => match old.to_str().and_then(|t| t.parse::<u32>().ok()) {
                Some(n) => n.wrapping_add(number as u32 + 1).to_string().into(),
                None => with_more(&old, number),
            },
        };
        self.set(name, value);
        Ok(())
    }

    fn found_first(&mut self, variable: &str, place: &Path, name: &str, site: &MutationSite<'_>) -> Tried {
        let name = if name.is_empty() { place.file_name().unwrap_or_default() } else { OsStr::new(name) };
        let dir = site.dir.join(format!("first-{}", site.number));
        let copy = dir.join(name);
        files::create_dir(&dir)?;
        match (variable, place.to_str()) {
            // A copy of a compiler driver would search for its parts next to itself.
            ("PATH", Some(real)) if !real.is_empty() => {
                files::write_script(&copy, &format!("# {}\nexec '{real}' \"$@\"", site.number))?;
            }
            ("PATH", _) => files::write_script(&copy, "exit 1")?,
            // It is executable as well.
            _ => copy_with_more(place, &copy, site.number)?,
        }
        self.made.push(copy);
        let old = self.invocation.variable(variable).unwrap_or_default().to_os_string();
        let dirs =
            std::iter::once(dir).chain(std::env::split_paths(&old).filter(|d| !d.as_os_str().is_empty()));
        let joined = std::env::join_paths(dirs);
        let joined = joined.map_err(|e| {
            Error::input(format!("the scratch directory cannot be searched: {e}"))
                .remedy("use --dir with a path without `:`")
        })?;
        self.set(variable, joined);
        Ok(Ok(()))
    }

    fn define(&mut self, name: &str, site: &MutationSite<'_>) -> std::result::Result<(), Left> {
        let root = site.checkout.to_str().ok_or(Left::NoWay)?.to_owned();
        let defines = |w: &str| {
            w.strip_prefix("-D").unwrap_or(w).strip_prefix(name).is_some_and(|r| r.starts_with(['=', '(']))
        };
        let word = self
            .invocation
            .words
            .iter_mut()
            .find(|w| w.to_str().is_some_and(|w| defines(w) && w.contains(&root)));
        let word = word.ok_or(Left::NoWay)?;
        let more = format!("{root}/kache-mutation-{}", site.number);
        *word = word.to_string_lossy().replace(&root, &more).into();
        Ok(())
    }

    fn twins(&mut self, raw: &str, site: &MutationSite<'_>) -> Tried {
        let local = |p: &str| p.strip_prefix("<workspace>/").map(|rest| site.checkout.join(rest));
        let places: Vec<PathBuf> = raw.split(' ').filter_map(local).collect();
        let Some(one) = places.first() else { return Ok(Err(Left::Outside)) };
        let real = |p: &Path| p.canonicalize().map_err(Error::io("resolve", p));
        let first_file = real(one)?;
        let mut other = None;
        for place in &places[1..] {
            if real(place)? != first_file {
                other = Some(place);
            }
        }
        let Some(other) = other else { return Ok(Err(Left::Same)) };
        let time = |p: &Path| fs::metadata(p).and_then(|m| m.modified()).map_err(Error::io("look at", p));
        let second =
            |t: std::time::SystemTime| t.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
        let (first, then) = (time(one)?, time(other)?);
        let apart = std::time::Duration::from_secs(100);
        let to = if second(first) == second(then) { then.checked_sub(apart).unwrap_or(then) } else { then };
        let aside = self.aside(one, site)?;
        self.made.push(one.clone());
        fs::copy(&aside, one).map_err(Error::io("copy", one))?;
        let file = File::options().write(true).open(one).map_err(Error::io("open", one))?;
        file.set_modified(to).map_err(Error::io("date", one))?;
        Ok(Ok(()))
    }

    fn setting(&mut self, name: &str, site: &MutationSite<'_>) -> std::result::Result<(), Left> {
        let rustc = self.invocation.words.iter().any(|w| w == "--crate-name");
        match (name, rustc) {
            ("width", true) => {
                self.invocation.words.retain(|w| !w.to_string_lossy().starts_with("--diagnostic-width"));
                self.invocation.words.push(format!("--diagnostic-width={}", 100 + site.number).into());
            }
            ("color", false) => self.invocation.words.push("-fdiagnostics-color=always".into()),
            ("locale", false) => self.set("LC_ALL", format!("C.kache-{}", site.number).into()),
            _ => return Err(Left::NoWay),
        }
        Ok(())
    }

    /// Moves the clone and runs the unit at the new path.
    fn move_all(&mut self, site: &MutationSite<'_>) -> Result<()> {
        let to = PathBuf::from(with_more(site.checkout.as_os_str(), site.number));
        fs::rename(site.checkout, &to).map_err(Error::io("move", site.checkout))?;
        self.moved.push((site.checkout.to_path_buf(), to.clone()));
        let (from, to) = (site.checkout.to_string_lossy().into_owned(), to.to_string_lossy().into_owned());
        let moved = |text: &OsStr| match text.to_str() {
            Some(text) => OsString::from(text.replace(&from, &to)),
            None => text.to_os_string(),
        };
        let old = &self.invocation;
        self.invocation = Invocation {
            cwd: moved(old.cwd.as_os_str()).into(),
            words: old.words.iter().map(|w| moved(w)).collect(),
            environment: old.environment.iter().map(|(n, v)| (n.clone(), moved(v))).collect(),
        };
        Ok(())
    }
}

fn with_more(text: &OsStr, number: usize) -> OsString {
    let mut text = text.to_os_string();
    text.push(format!("-kache-{number}"));
    text
}

/// A copy with an addition that does not change the meaning, if the format allows one.
fn copy_with_more(from: &Path, to: &Path, number: usize) -> Result<()> {
    fs::copy(from, to).map_err(Error::io("copy", from))?;
    platform::make_executable(to).map_err(Error::io("make writable", to))?;
    let comments = ["rs", "c", "h", "cc", "cpp", "hpp", "cxx", "hh", "S", "inc", "def"];
    let more = match to.extension().and_then(OsStr::to_str) {
        Some(e) if comments.contains(&e) => format!("\n/* {number} */\n"),
        _ => "\n".repeat(number + 1),
    };
    let appended = File::options().append(true).open(to).and_then(|mut f| f.write_all(more.as_bytes()));
    appended.map_err(Error::io("write", to))
}
