//! `kache <compiler> …` is the wrapper; anything else is a command of kache's own.
//!
//! Which of the two is decided before anything of the command line's machinery is touched: a build starts the
//! wrapper thousands of times.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    if let Some(first) = args.next()
        && (kache::compiler::adapter(Path::new(&first)).is_some() || kache::wrapper::is_program(&first))
    {
        kache::wrapper::main(first, args.collect());
    }
    kache::cli::main()
}
