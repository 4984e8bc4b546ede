//! `kache <compiler> …` is the wrapper; anything else is a command of kache's own.

use std::path::Path;

fn main() {
    let mut args = std::env::args_os().skip(1);
    let Some(first) = args.next() else { std::process::exit(2) };
    if kache::compiler::adapter(Path::new(&first)).is_some() || first.as_encoded_bytes().contains(&b'/') {
        kache::wrapper::main(first, args.collect());
    }
    std::process::exit(2)
}
