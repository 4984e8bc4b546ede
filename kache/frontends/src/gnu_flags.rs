//! The flags of compilers with gcc's command line: gcc 12 (with additions up to 15) and clang 14 to 19.
//!
//! Both share one table: if only one of them knows a flag, the other refuses to compile. The parser treats a word without
//! a row as follows.
//!
//! - `-fno-x`, `-mno-x` and `-Wno-x` have the row of `-fx`, `-mx` or `-Wx`. A negative has a row only if its bucket
//!   differs, or if there is no positive.
//! - A word with a value belongs to the longest name that it begins with and that allows a value.
//! - Any other word is an unknown flag. `-W` has a row for all other warnings, which only select diagnostics; `-f`, `-m`
//!   and `-g` have none. Spellings that no build uses (`--output=`) are unsupported, since the parser does not read them.
//!
//! gcc writes the flags that begin with `-f` and `-m` into debug information (`DW_AT_producer`), with their paths and with
//! flags about the look of diagnostics. Such a path is in the key byte for byte (`-fprofile-use=`), and such a flag is
//! key-relevant (`-fmessage-length=`, `-fdiagnostics-urls=`). gcc does not write the colour of diagnostics there.

use super::flags::{Bucket, Effect, EmbedsPath, Form, Index, Row, Takes, row_or_positive};
use super::handed::{for_this_machine, handed_to_assembler, handed_to_clang, handed_to_preprocessor};

include!(concat!(env!("OUT_DIR"), "/gnu.rs"));

static INDEX: Index<8192> = Index::of(TABLE);

/// The row that a word belongs to, negatives aside.
pub fn find(word: &str) -> Option<&'static Row> {
    INDEX.find(TABLE, word)
}

/// The row that a word belongs to, and whether the word negates it.
pub fn row(word: &str) -> Option<(&'static Row, bool)> {
    row_or_positive(word, find)
}
