//! `kache <compiler> …`, or kache called by a compiler's name, is the wrapper; anything else is a command of kache's own.
//!
//! Which of the two is decided before anything of the command line's machinery is touched: a build starts the
//! wrapper thousands of times.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let called_as = args.next().and_then(|own| kache_frontends::shims::called_as(&own));
    kache_frontends::shims::leave(called_as.as_deref());
    if let Some(compiler) = called_as {
        kache::wrapper::main(compiler, args.collect());
    }
    if let Some(first) = args.next()
        && names_a_program(&first)
    {
        kache::wrapper::main(first, args.collect());
    }
    kache::cli::main()
}

/// The `cc` crate puts `RUSTC_WRAPPER` in front of C compilers too where it knows its name: whatever program is
/// named, it is run. A command's name is the command, whatever there is in `PATH`.
fn names_a_program(first: &OsStr) -> bool {
    kache_frontends::recognise::by_name(Path::new(first)).is_some()
        || !kache::cli::COMMANDS.iter().any(|c| first == *c) && kache::wrapper::is_program(first)
}
