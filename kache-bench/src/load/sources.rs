//! The sources that machines build, and what the plain compiler makes of them.
//!
//! A *variant* is a state of the header `variant.h`: another content, and one of four further headers that it
//! includes. So an action has as many sets of recorded dependencies as there are variants, in four lists. Some
//! units depend on it, some do not, one fails in every fourth variant, one warns, and their objects have different
//! sizes.

use crate::error::{Error, Result};
use crate::system::environment::Environment;
use crate::system::files;
use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

/// The sources of a build.
pub const UNITS: usize = 12;
/// One more source, which compiles fast and depends on the variant.
pub const SMALL: usize = UNITS;
/// The unit that fails to compile in some variants.
const FAILS: usize = 3;
/// Units with this remainder do not depend on the variant.
const FIXED: usize = 4;
/// The headers of which a variant includes one.
const FORMS: usize = 4;

pub fn source(unit: usize) -> String {
    format!("u{unit}.c")
}

pub fn object(unit: usize) -> String {
    format!("u{unit}.o")
}

/// Writes the sources in the state of a variant.
pub fn write(dir: &Path, variant: usize) -> Result<()> {
    for unit in 0..=SMALL {
        files::write(&dir.join(source(unit)), text(unit))?;
    }
    for form in 0..FORMS {
        files::write(&dir.join(format!("form{form}.h")), format!("#define FORM {form}\n"))?;
    }
    switch(dir, variant)
}

/// Changes written sources to another variant.
pub fn switch(dir: &Path, variant: usize) -> Result<()> {
    let form = variant % FORMS;
    let text = format!("#include \"form{form}.h\"\n#define VARIANT {variant}\n");
    files::write(&dir.join("variant.h"), text)
}

fn text(unit: usize) -> String {
    let mut text = String::new();
    let is_fixed = unit % FIXED == FIXED - 2;
    text += if is_fixed { "#define VARIANT 0\n#define FORM 0\n" } else { "#include \"variant.h\"\n" };
    if unit == FAILS {
        text += "#if VARIANT % 4 == 1\n#error this variant does not compile\n#endif\n";
    }
    if unit == 1 {
        text += "#warning this unit warns\n";
    }
    // Numbers that do not compress: 2 to 70 kB.
    let mut numbers = fastrand::Rng::with_seed(unit as u64);
    writeln!(text, "const unsigned table{unit}[] = {{ VARIANT,").expect("a String takes all");
    let count = if unit == SMALL { 16 } else { 512 << (unit % 6) };
    for _ in 0..count {
        write!(text, "{},", numbers.u32(..)).expect("a String takes all");
    }
    writeln!(text, "}};\nint f{unit}(int i) {{ return table{unit}[i & 15] + VARIANT * FORM; }}")
        .expect("a String takes all");
    text
}

/// The arguments that compile a unit.
pub fn arguments(unit: usize) -> [String; 5] {
    ["-c".into(), "-O1".into(), source(unit), "-o".into(), object(unit)]
}

/// What a compile leaves: exit status, messages, and the object, if there is one.
#[derive(PartialEq, Eq)]
pub struct Compiled {
    pub status: Option<i32>,
    pub stderr: Vec<u8>,
    pub object: Option<Vec<u8>>,
}

impl Compiled {
    /// Runs a command in a directory, without an object of an earlier run.
    pub fn by(command: &mut Command, dir: &Path, unit: usize, environment: &Environment) -> Result<Compiled> {
        let object = dir.join(object(unit));
        if object.exists() {
            std::fs::remove_file(&object).map_err(Error::io("remove", &object))?;
        }
        command.current_dir(dir).env_clear().envs(environment.iter()).stdin(Stdio::null());
        let Output { status, stderr, .. } = command.output().map_err(Error::io("run a compiler in", dir))?;
        Ok(Compiled { status: status.code(), stderr, object: std::fs::read(&object).ok() })
    }
}

/// The plain compiler's results, each made once.
pub struct Truth {
    dir: PathBuf,
    environment: Environment,
    known: Mutex<HashMap<(usize, usize), Arc<Compiled>>>,
}

impl Truth {
    pub fn new(dir: PathBuf) -> Truth {
        let environment = Environment::of_caller().with_all([("LC_ALL".into(), "C".into())]);
        Truth { dir, environment, known: Mutex::default() }
    }

    pub fn of(&self, unit: usize, variant: usize) -> Result<Arc<Compiled>> {
        // One at a time: other callers may want the same.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(&(unit, variant)) {
            return Ok(found.clone());
        }
        let dir = self.dir.join("w");
        if known.is_empty() {
            write(&dir, variant)?
        } else {
            switch(&dir, variant)?
        };
        let mut compiler = Command::new("cc");
        let made = Compiled::by(compiler.args(arguments(unit)), &dir, unit, &self.environment)?;
        let made = Arc::new(made);
        known.insert((unit, variant), made.clone());
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_differ_where_they_should_and_one_unit_fails() {
        let dir = tempfile::tempdir().unwrap();
        let truth = Truth::new(dir.path().into());
        let (first, second) = (truth.of(0, 0).unwrap(), truth.of(0, 4).unwrap());
        assert!(first.object.is_some() && first.object != second.object);
        assert!(truth.of(2, 0).unwrap().object == truth.of(2, 5).unwrap().object);
        assert_eq!(truth.of(FAILS, 0).unwrap().status, Some(0));
        let failed = truth.of(FAILS, 1).unwrap();
        assert_eq!((failed.status, failed.object.is_none()), (Some(1), true));
        assert!(String::from_utf8_lossy(&truth.of(1, 0).unwrap().stderr).contains("this unit warns"));
    }
}
