//! `kache <compiler> …`, or kache called by a compiler's name, is the wrapper. Anything else is a command of kache.
//!
//! The choice comes before any use of the command line's parser, since a build starts the wrapper thousands of times.

use kache_core::store::states;
use kache_frontends::rustdoc;
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
    if let Some(first) = args.next() {
        if first == kache_seed::WORKER {
            kache_seed::work();
            return ExitCode::SUCCESS;
        }
        if first == kache::summary::WAITER {
            let _ = kache::summary::wait(&args.collect::<Vec<_>>());
            return ExitCode::SUCCESS;
        }
        if first == rustdoc::FINISHER {
            let _ = rustdoc::finish(&args.collect::<Vec<_>>());
            return ExitCode::SUCCESS;
        }
        if first == states::KEEPER {
            let _ = states::keep_by_arguments(&args.collect::<Vec<_>>());
            return ExitCode::SUCCESS;
        }
        if names_a_program(&first) {
            kache::wrapper::main(first, args.collect());
        }
        if !kache::cli::is_for_command_line(&first) {
            return kache::cli::unknown_program(&first);
        }
    }
    kache::cli::main()
}

/// Whether the first argument is a program to run. The `cc` crate uses `RUSTC_WRAPPER` for C compilers as well, so any
/// program is accepted. The name of a command always means the command.
fn names_a_program(first: &OsStr) -> bool {
    kache_frontends::recognise::by_name(Path::new(first)).is_some()
        || !kache::cli::COMMANDS.split(' ').any(|command| first == command)
            && kache::wrapper::is_program(first)
}
