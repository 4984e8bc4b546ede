//! Named steps on the file system, for error messages and fault injection.
//!
//! The error of a failed step contains its name, so that an event says what failed and not only why. The first failure is also
//! recorded ([`trouble`]), because most failures have no visible consequence.
//!
//! With the feature `faults`, which releases do not have, a test injects a fault into the real program: `KACHE_FAULT=N:KIND`
//! selects the N-th step of the process (`N+`: this and all later steps), and `KACHE_FAULT_STEPS=FILE` lists the names of the
//! steps.
//!
//! | kind | effect at the step |
//! | --- | --- |
//! | `enospc`, `eio`, `erofs`, `eacces`, `emfile`, `edquot` | the call fails with that error |
//! | `short` | half of the bytes are written, then the disk is full |
//! | `vanish` | the file, if it is in the cache, is removed just before |
//! | `kill`, `after` | SIGKILL just before, just after |

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;

/// The error of the first failed step of this process.
static TROUBLE: Mutex<Option<String>> = Mutex::new(None);

/// The error of the first failed step, if any. A missing file is not a failure.
pub fn trouble() -> Option<String> {
    TROUBLE.lock().ok()?.clone()
}

/// Runs `op` on the file at `path` as the step `name`.
#[inline]
pub fn step<T>(name: &'static str, path: &Path, op: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    #[cfg(feature = "faults")]
    let fault = fault::next(name);
    #[cfg(feature = "faults")]
    fault::before(fault, path).map_err(|e| named(name, path, e))?;
    let done = op().map_err(|e| named(name, path, e));
    #[cfg(feature = "faults")]
    fault::after(fault);
    done
}

/// Writes bytes to a file that will be moved to `path`.
pub fn write_all(name: &'static str, path: &Path, file: &mut File, bytes: &[u8]) -> io::Result<()> {
    #[cfg(feature = "faults")]
    if fault::peek() == Some(fault::Kind::Short) {
        let _ = file.write_all(&bytes[..bytes.len() / 2]);
    }
    step(name, path, || file.write_all(bytes))
}

/// Adds the name of the step to an error. The error of a missing file is an expected answer and stays unchanged.
fn named(name: &str, path: &Path, e: io::Error) -> io::Error {
    if super::is_absent(&e) {
        return e;
    }
    let text = format!("{name}: {}: {e}", path.display());
    if let Ok(mut first) = TROUBLE.lock() {
        first.get_or_insert_with(|| text.clone());
    }
    io::Error::new(e.kind(), text)
}

#[cfg(feature = "faults")]
mod fault {
    use super::super::{die, error_called};
    use std::io::{self, Write};
    use std::path::Path;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Kind {
        Error(i32),
        Short,
        Vanish,
        Kill,
        After,
    }

    struct Plan {
        at: u64,
        on: bool,
        kind: Kind,
    }

    static TAKEN: AtomicU64 = AtomicU64::new(0);

    fn plan() -> Option<&'static Plan> {
        static PLAN: OnceLock<Option<Plan>> = OnceLock::new();
        let read = || {
            let text = std::env::var("KACHE_FAULT").ok()?;
            let (at, kind) = text.split_once(':')?;
            let kind = match kind {
                "short" => Kind::Short,
                "vanish" => Kind::Vanish,
                "kill" => Kind::Kill,
                "after" => Kind::After,
                other => match error_called(other) {
                    Some(code) => Kind::Error(code),
                    None => panic!("no fault is called {other}"),
                },
            };
            Some(Plan { at: at.trim_end_matches('+').parse().ok()?, on: at.ends_with('+'), kind })
        };
        PLAN.get_or_init(read).as_ref()
    }

    fn of(n: u64) -> Option<Kind> {
        plan().filter(|p| n == p.at || p.on && n > p.at).map(|p| p.kind)
    }

    /// The fault of the next step.
    pub fn peek() -> Option<Kind> {
        of(TAKEN.load(Ordering::Relaxed) + 1)
    }

    pub fn next(name: &str) -> Option<Kind> {
        let n = TAKEN.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(list) = std::env::var_os("KACHE_FAULT_STEPS") {
            let file = std::fs::OpenOptions::new().append(true).create(true).open(list);
            let _ = file.and_then(|mut f| f.write_all(format!("{n} {name}\n").as_bytes()));
        }
        of(n)
    }

    pub fn before(fault: Option<Kind>, path: &Path) -> io::Result<()> {
        match fault {
            Some(Kind::Error(errno)) => Err(io::Error::from_raw_os_error(errno)),
            Some(Kind::Short) => {
                Err(io::Error::from_raw_os_error(error_called("enospc").unwrap_or_default()))
            }
            Some(Kind::Vanish) => {
                // Do not remove sources or programs.
                if std::env::var_os("KACHE_CACHE_DIR").is_some_and(|cache| path.starts_with(cache)) {
                    let _ = std::fs::remove_file(path);
                }
                Ok(())
            }
            Some(Kind::Kill) => die(),
            Some(Kind::After) | None => Ok(()),
        }
    }

    pub fn after(fault: Option<Kind>) {
        if fault == Some(Kind::After) {
            die();
        }
    }
}
