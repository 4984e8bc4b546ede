//! Compiled modules of C++20, which a command names for the compiler to read.

use crate::flags::Flags;
use crate::invocation::Invocation;
use kache_core::paths::absolute;
use std::path::Path;

/// Whether a file is the compiled form of a named module. clang writes no time into it, compares none as it reads it, and does not
/// read the sources of the module again. The form of a header, which has times, cannot be named so.
pub(crate) fn is_named(invocation: &Invocation, path: &Path) -> bool {
    let all = Flags(&invocation.flags);
    let is = |given: &str| absolute(&invocation.cwd, Path::new(given)) == path;
    let is_in = |dir: &str| path.parent() == Some(&*absolute(&invocation.cwd, Path::new(dir)));
    let mut files = all.values("-fmodule-file=").filter_map(|value| Some(value.split_once('=')?.1));
    files.any(is)
        || all.values("-fprebuilt-module-path=").any(is_in)
        || invocation.unit.kind == "pcm" && is(&invocation.input)
}
