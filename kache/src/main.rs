//! `kache <compiler> …` is the wrapper; anything else is a command of kache's own.

use std::path::Path;

fn main() {
    let mut args = std::env::args_os().skip(1);
    let Some(first) = args.next() else { std::process::exit(2) };
    // The `cc` crate puts `RUSTC_WRAPPER` in front of C compilers too where it knows its name: whatever program is
    // named, it is run.
    if kache::compiler::adapter(Path::new(&first)).is_some() || kache::wrapper::is_program(&first) {
        kache::wrapper::main(first, args.collect());
    }
    std::process::exit(2)
}
