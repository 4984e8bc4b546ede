//! The flags of compilers with cl's command line: clang-cl 14 to 19, and cl itself as Microsoft documents it.
//!
//! A name that begins with `/` may be written with `-` as well. clang-cl also takes many of clang's flags: those that
//! begin like no flag of cl (`-f`, `-m`, `-g`, `-W`, `-X`, `-R`, `--`) have their rows in [`gnu_flags`], and its rules for
//! negatives apply. clang-cl warns about a flag of clang that it does not take, and ignores it.
//!
//! Unless `/Brepro` is given, clang-cl and cl write the time of the compilation into the object. The flag table does not
//! decide whether such an object is stored.

use super::flags::{Bucket, Effect, EmbedsPath, Form, Index, Row, Takes, ValueEffect};
use super::gnu_flags;
use super::handed::handed_to_clang;

include!(concat!(env!("OUT_DIR"), "/msvc.rs"));

static INDEX: Index<1024> = Index::of(TABLE);

/// How flags of clang begin that cannot be flags of cl.
const CLANGS: &[&str] = &["-f", "-m", "-g", "-W", "-X", "-R", "--"];

/// The row that a word belongs to, negatives aside.
pub fn find(word: &str) -> Option<&'static Row> {
    let slashed = || word.strip_prefix('-').and_then(|rest| INDEX.find(TABLE, &format!("/{rest}")));
    let clangs = || CLANGS.iter().any(|p| word.starts_with(p)).then(|| gnu_flags::find(word)).flatten();
    INDEX.find(TABLE, word).or_else(slashed).or_else(clangs)
}

/// `/clang:` hands a flag to clang's other mode; the parser plans no outputs for it.
fn handed_to_gnu_mode(word: &str) -> ValueEffect {
    let plain = |row: &Row| {
        row.bucket == Bucket::Relevant(Form::Literal)
            && ["-f", "-m", "-W", "-O"].iter().any(|p| word.starts_with(p))
            && row.effect.embeds_path < EmbedsPath::Bitcode
            && row.effect.writes.is_none()
    };
    match gnu_flags::row(word) {
        Some((row, _)) if plain(row) => ValueEffect::Plain,
        _ => ValueEffect::Unsupported("it may select outputs that are not planned"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_by_either_sign_and_in_either_table() {
        let found = |word| find(word).map(|r| r.flag);
        assert_eq!((found("/MDd"), found("-MDd"), found("-MD")), (Some("/MDd"), Some("/MDd"), Some("/MD")));
        assert_eq!((found("-fp:fast"), found("-fsanitize=address")), (Some("/fp:"), Some("/fsanitize=")));
        assert_eq!((found("-Wno-x"), found("-WX"), found("/Wno-x")), (Some("-W"), Some("/WX"), None));
        assert_eq!((found("--target=x"), found("-MF"), found("/fblocks")), (Some("--target="), None, None));
        assert_eq!(
            (found("-FIx.h"), found("/clang:-MD"), found("/Zi")),
            (Some("/FI"), Some("/clang:"), Some("/Zi"))
        );
    }
}
