//! Writes a table of primes as Rust code.

use std::fmt::Write;
use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=limit.txt");
    let limit: u32 =
        std::fs::read_to_string("limit.txt").expect("limit.txt").trim().parse().expect("a number");
    let primes = (2..limit).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0));
    let mut code = String::from("/// The primes below the limit.\npub static PRIMES: &[u32] = &[");
    for prime in primes {
        write!(code, "{prime}, ").expect("writing to a string");
    }
    code.push_str("];\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("OUT_DIR"));
    std::fs::write(out.join("primes.rs"), code).expect("write primes.rs");
}
