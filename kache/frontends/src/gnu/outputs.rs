//! The last step of a command of gcc or clang, and the outputs that its flags ask for.

use super::languages::is_header;
use super::sources::Source;
use crate::flags::{Flag, Flags};
use crate::invocation::Makes;
use kache_core::action::OutputNames;
use kache_core::paths::{Roots, absolute};
use kache_core::platform;
use kache_core::reason::{NotCacheable, Reason, refuse};
use std::path::{Path, PathBuf};

/// The last step of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Check,
    /// The preprocessed source.
    Preprocess,
    /// The rules for make of a source alone (`-M`, `-MM`).
    Rules,
    /// A precompiled header, or a compiled module alone.
    Precompile,
    Compile,
    Assemble,
}

impl Step {
    /// The step that the flags select for a source.
    pub fn of(all: &Flags, language: &str) -> Result<Step, NotCacheable> {
        let (is_header, is_module) = (is_header(language), language == "c++-module");
        if all.given("-M") || all.given("-MM") {
            return refuse_unclear_rules(all).map(|()| Step::Rules);
        }
        match () {
            () if all.given("-E") => Ok(Step::Preprocess),
            () if all.given("-fsyntax-only") => Ok(Step::Check),
            () if is_header => refuse_unclear_header(all).map(|()| Step::Precompile),
            () if all.given("--precompile") && is_module => Ok(Step::Precompile),
            () if all.given("--precompile") => {
                refuse(Reason::UnsupportedFlag, "--precompile of a source that is not a module's")
            }
            () if is_module && !makes_module(all) => {
                let detail =
                    "without -fmodule-output, clang writes the name of a temporary file into the object";
                refuse(Reason::Language, detail)
            }
            () if all.given("-S") => Ok(Step::Compile),
            () if all.given("-c") => Ok(Step::Assemble),
            () => refuse(Reason::Link, "without -c or -S the command does more than compile"),
        }
    }

    /// Whether the command compiles a source to code.
    pub fn is_compile(self) -> bool {
        matches!(self, Step::Check | Step::Compile | Step::Assemble)
    }

    pub fn makes(self, all: &Flags) -> Makes {
        match self {
            _ if makes_module(all) => Makes::Precompiled,
            Step::Preprocess | Step::Rules => Makes::Text,
            Step::Precompile => Makes::Precompiled,
            Step::Check | Step::Compile | Step::Assemble => Makes::Code,
        }
    }

    /// What the command makes, in a word for people.
    pub fn emit(self) -> &'static str {
        match self {
            Step::Check => "nothing",
            Step::Precompile => "precompiled",
            Step::Preprocess => "source",
            Step::Rules => "rules",
            Step::Compile => "assembly",
            Step::Assemble => "object",
        }
    }
}

/// Whether a compiled module is made beside an object.
fn makes_module(all: &Flags) -> bool {
    all.given("-fmodule-output") || all.given("-fmodule-output=")
}

/// gcc and clang do not agree on the outputs of these.
fn refuse_unclear_rules(all: &Flags) -> Result<(), NotCacheable> {
    let unclear = if all.given("-MD") || all.given("-MMD") {
        "-MD"
    } else if all.given("-MF") && all.given("-o") {
        "-MF and -o"
    } else {
        return Ok(());
    };
    refuse(Reason::UnsupportedFlag, format!("-M with {unclear}: kache does not plan its outputs"))
}

/// Without `-o`, gcc and the versions of clang call a precompiled header by different names. `-S` makes none.
fn refuse_unclear_header(all: &Flags) -> Result<(), NotCacheable> {
    if all.given("-o") && !all.given("-S") {
        return Ok(());
    }
    refuse(Reason::PrecompiledHeader, "no -o names the precompiled header, or -S asks for another output")
}

/// Whether the path discards what is written to it.
pub(crate) fn is_discarded(path: &Path) -> bool {
    path == Path::new("/dev/null")
}

/// Whether a path leads to a device, a descriptor or a process, so that kache cannot restore the output as a file. Only
/// shared memory is a file system like any other.
pub(crate) fn is_no_file(path: &Path) -> bool {
    let plain = Roots::default().portable(path.as_os_str().as_encoded_bytes());
    let plain = Path::new(platform::os_str(&plain));
    let other = ["/dev", "/proc", "/sys"].iter().any(|dir| plain.starts_with(dir));
    other && !is_discarded(plain) && !plain.starts_with("/dev/shm")
}

/// The outputs of a command.
pub struct Plan {
    pub names: OutputNames,
    /// The file that the command is for. None if the compiler writes nothing, or to standard output.
    pub object: Option<PathBuf>,
    /// What further outputs are named after.
    base: Option<PathBuf>,
    cwd: PathBuf,
}

impl Plan {
    pub fn of(all: &Flags, step: Step, input: &str, cwd: &Path) -> Plan {
        let ending = match (step, all.given("-emit-llvm")) {
            (Step::Compile, false) => "s",
            (Step::Compile, true) => "ll",
            (Step::Precompile, _) => "pcm",
            (_, false) => "o",
            (_, true) => "bc",
        };
        let stem =
            cwd.join(Path::new(Path::new(input).file_name().unwrap_or_default()).with_extension(ending));
        let to_file = |o: &str| absolute(cwd, Path::new(o));
        let object = match all.last("-o") {
            _ if step == Step::Check => None,
            Some("-") => None,
            Some(o) => Some(to_file(o)),
            None if step == Step::Rules => all.last("-MF").filter(|file| *file != "-").map(to_file),
            None if step == Step::Preprocess => None,
            None => Some(stem.clone()),
        };
        let base = if step == Step::Preprocess { object.clone().or(Some(stem)) } else { object.clone() };
        let dir = object.as_deref().and_then(Path::parent).unwrap_or(cwd).to_path_buf();
        let exact = object.iter().filter(|o| !is_discarded(o)).cloned().collect();
        Plan {
            names: OutputNames { dir, exact, ..OutputNames::default() },
            object,
            base,
            cwd: cwd.to_path_buf(),
        }
    }

    fn beside(&self, extension: &str) -> Option<PathBuf> {
        Some(self.base.as_ref()?.with_extension(extension))
    }

    /// The file that gets rules for make, which the command makes alone or beside another output.
    pub fn depfile(&mut self, all: &Flags, step: Step) -> Result<Option<PathBuf>, NotCacheable> {
        if step == Step::Rules {
            return Ok(self.object.clone().filter(|file| !is_discarded(file)));
        }
        let path = depfile(all, &self.cwd, || self.beside("d"))?;
        self.names.exact.extend(path.clone());
        Ok(path)
    }

    /// Adds the outputs of the sources after the first one. Each object is in the working directory, by the name of its source.
    pub fn add_further(&mut self, all: &Flags, step: Step, sources: &[Source]) -> Result<(), NotCacheable> {
        let [_, further @ ..] = sources else { return Ok(()) };
        if further.is_empty() {
            return Ok(());
        }
        let writes_more = |flag: &Flag| flag.row.effect.writes.is_some();
        if !step.is_compile() || all.given("-o") || makes_module(all) || all.0.iter().any(writes_more) {
            return refuse(Reason::SeveralInputs, "the sources share an output, or have several each");
        }
        if self.names.exact.len() > 1 {
            return refuse(Reason::SeveralInputs, "kache plans a depfile for one source");
        }
        for (source, _) in further {
            let plan = Plan::of(all, step, source, &self.cwd);
            if plan.names.exact.iter().any(|output| self.names.exact.contains(output)) {
                return refuse(Reason::SeveralInputs, format!("another source has the output of {source}"));
            }
            self.names.exact.extend(plan.names.exact);
        }
        Ok(())
    }

    pub fn written_beside(&mut self, all: &Flags) {
        let modules = all.values("-fmodule-output=").map(|file| absolute(&self.cwd, Path::new(file)));
        self.names.exact.extend(modules);
        let module = all.given("-fmodule-output").then(|| self.beside("pcm")).flatten();
        self.names.exact.extend(module);
        let mut extensions: Vec<&str> = all.0.iter().filter_map(|f| f.row.effect.writes).collect();
        extensions.sort_unstable();
        extensions.dedup();
        let planned: Vec<PathBuf> =
            extensions.iter().filter_map(|extension| self.beside(extension)).collect();
        self.names.exact.extend(planned);
    }
}

/// The depfile that is asked for; `beside` is its path where no flag names it.
pub(crate) fn depfile(
    all: &Flags,
    cwd: &Path,
    beside: impl FnOnce() -> Option<PathBuf>,
) -> Result<Option<PathBuf>, NotCacheable> {
    let handed: Vec<&str> = all.values("-Wp,").collect();
    let mut words = handed.iter().flat_map(|v| v.split(',')).skip_while(|w| !["-MD", "-MMD"].contains(w));
    let by_preprocessor = words.next().is_some().then(|| words.next()).flatten();
    let path = if let Some(file) = by_preprocessor {
        Some(absolute(cwd, Path::new(file)))
    } else if all.given("-MD") || all.given("-MMD") {
        match all.last("-MF") {
            Some("-") => {
                return refuse(Reason::UnsupportedFlag, "-MF -: the depfile goes to standard output");
            }
            Some(file) => Some(absolute(cwd, Path::new(file))),
            None => beside(),
        }
    } else {
        None
    };
    Ok(path.filter(|p| !is_discarded(p)))
}
