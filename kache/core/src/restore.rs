//! Giving back what a compile produced: its files, and what it printed.

use crate::paths::Roots;
use crate::platform::{self, Method, disk};
use crate::store::Store;
use crate::store::result::{ActionResult, Output};
use crate::template;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What was restored.
#[derive(Debug, Default)]
pub struct Restored {
    /// Bytes written.
    pub bytes: u64,
    /// Files and their bytes by method.
    pub methods: BTreeMap<Method, (u64, u64)>,
    /// Where they are.
    pub paths: Vec<PathBuf>,
}

/// Writes all outputs. `None` where something is missing or wrong in the store: nothing that a compiler would not
/// overwrite has been touched then.
pub fn outputs(
    store: &Store,
    result: &ActionResult,
    roots: &Roots,
    allowed: impl Fn(&Path) -> bool,
    makes_dirs: bool,
) -> io::Result<Option<Restored>> {
    let mut done = Restored::default();
    for output in &result.outputs {
        let place = roots.local(&output.path).filter(|p| allowed(p) && platform::can_be_file(p));
        let Some(to) = place else { return Ok(None) };
        let written = match one(store, output, &to, roots) {
            Err(e) if e.kind() == io::ErrorKind::NotFound && makes_dirs => {
                // Some compilers make a missing output directory; to others it is an error.
                let dir = to.parent().unwrap_or(&to);
                disk::step("restore: make a directory", dir, || std::fs::create_dir_all(dir))?;
                one(store, output, &to, roots)?
            }
            other => other?,
        };
        let Some((bytes, method)) = written else { return Ok(None) };
        done.bytes += bytes;
        let by = done.methods.entry(method).or_default();
        *by = (by.0 + 1, by.1 + bytes);
        done.paths.push(to);
    }
    Ok(Some(done))
}

fn one(store: &Store, output: &Output, to: &Path, roots: &Roots) -> io::Result<Option<(u64, Method)>> {
    if !output.is_template {
        return store.restore_blob(&output.digest, to, output.executable);
    }
    let Some(mut blob) = store.open_blob(&output.digest)? else { return Ok(None) };
    let mut text = Vec::new();
    disk::step("restore: read text", to, || io::Read::read_to_end(&mut blob, &mut text))?;
    let Some(text) = template::render(&text, roots) else { return Ok(None) };
    let tmp = crate::store::temporary_beside(to);
    let written = disk::step("restore: create text", &tmp, || File::create(&tmp))
        .and_then(|mut file| disk::write_all("restore: write text", &tmp, &mut file, &text))
        .and_then(|()| crate::store::replace_file(&tmp, to));
    written.inspect_err(|_| {
        let _ = platform::remove_file(&tmp);
    })?;
    Ok(Some((text.len() as u64, Method::Copy)))
}

/// Prints what the compiler printed, with this checkout's paths.
pub fn replay(result: &ActionResult, roots: &Roots) -> io::Result<Option<()>> {
    let (Some(out), Some(err)) =
        (template::render(&result.stdout, roots), template::render(&result.stderr, roots))
    else {
        return Ok(None);
    };
    if !out.is_empty() {
        io::stdout().lock().write_all(&out)?;
    }
    if !err.is_empty() {
        io::stderr().lock().write_all(&err)?;
    }
    Ok(Some(()))
}
