//! What a row of a flag table says. Each compiler family has one table; `kache flags` prints it.
//!
//! A flag that no row knows is deferred: the invocation goes to the compiler untouched, and the event names the
//! flag. Nothing is ever guessed.

use kache_core::reason::{NotCacheable, Reason};

/// How a flag takes its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// It has none.
    Nothing,
    /// `--flag value`, `--flag=value`; for short flags also `-fvalue`.
    Value,
    /// Only behind `=`: `-C flag` and `-C flag=value`.
    Maybe,
    /// Written onto the flag, which names all that begins so: `-std=` in `-std=c11`, `-O` in `-O` and `-O2`.
    Joined,
    /// The next word, and nothing else: `-include file`.
    Separate,
    /// Written onto the flag, or the next word: `-Idir`, `-I dir`.
    Either,
}

impl Takes {
    /// Whether more may be written onto the flag itself.
    pub const fn goes_on(self) -> bool {
        matches!(self, Takes::Joined | Takes::Either)
    }
}

/// How the value of a key-relevant flag goes into the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// To the byte.
    Literal,
    /// As a portable path: the flag only says where something is, and what is read there is observed.
    Path,
    /// `KIND=path`, the path portable.
    Search,
    /// `options:name=path`, the path portable.
    Extern,
    /// `from=to`, the first portable.
    PathMap,
    /// Portable where the whole value is a path, but that of a shared object; else to the byte, since a linker may write it into its output.
    LinkArg,
    /// Portable where the value is a file, to the byte where it is a name.
    PathOrName,
    /// `NAME=value`, to the byte; where a root's path is in the value, by its name, and the value is an observation
    /// (`define`) if any source can have used it.
    Macro,
    /// `kind=path,…`, the paths portable.
    Emit,
    /// Words with commas between, each that is a path portable.
    List,
    /// That it is given counts, not its value.
    Presence,
    /// How the caller wants diagnostics: counts only where there were any (an observation of kind `setting`).
    Diagnostics,
}

/// What a flag means for the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// It is in the action key.
    Relevant(Form),
    /// It is not.
    Excluded,
    /// The invocation passes through.
    Unsupported,
}

/// One flag.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// As written, `-C name` and `-Z name` for options of options.
    pub flag: &'static str,
    /// Other spellings.
    pub aliases: &'static [&'static str],
    /// Its value.
    pub takes: Takes,
    /// Its meaning.
    pub bucket: Bucket,
    /// The reason.
    pub why: &'static str,
}

impl Row {
    /// The bucket in a word.
    pub fn bucket_word(&self) -> &'static str {
        match self.bucket {
            Bucket::Relevant(_) => "key-relevant",
            Bucket::Excluded => "key-excluded",
            Bucket::Unsupported => "deferred",
        }
    }
}

/// A flag on a command line.
#[derive(Clone, Debug)]
pub struct Flag {
    /// Its row.
    pub row: &'static Row,
    /// Its value, as given.
    pub value: Option<String>,
}

impl Flag {
    /// A flag of a C compiler, from the word that it is written as, and the words behind it. One that is negated has the
    /// word itself for a value: it shares the row of what it undoes.
    pub fn take<'a>(
        row: &'static Row,
        negated: bool,
        word: &str,
        words: &mut impl Iterator<Item = &'a String>,
    ) -> Result<Flag, NotCacheable> {
        let rest = if negated { "" } else { &word[row.flag.len()..] };
        let mut next = || {
            let value = words.next().cloned();
            value
                .map(Some)
                .ok_or_else(|| NotCacheable::new(Reason::Malformed, format!("{word} lacks its value")))
        };
        let value = match row.takes {
            _ if negated => Some(word.to_string()),
            Takes::Nothing | Takes::Maybe => None,
            Takes::Joined => Some(rest.to_string()),
            Takes::Either | Takes::Value if !rest.is_empty() => Some(rest.to_string()),
            Takes::Separate | Takes::Either | Takes::Value => next()?,
        };
        Ok(Flag { row, value })
    }

    /// The name of the macro that it defines, and what it gives for it, as written. Not of one whose name alone would
    /// be too little to look for.
    pub fn macro_parts(&self) -> Option<(&str, &str)> {
        if self.row.bucket != Bucket::Relevant(Form::Macro) {
            return None;
        }
        let (name, value) = self.value.as_deref()?.split_once('=')?;
        // `-D'f(x)=…'` is used by the name before the parenthesis.
        let name = name.split('(').next()?;
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && name.len() > 1;
        plain.then_some((name, value))
    }
}

/// The row of a C compiler's word, and whether it is that of what the word undoes: `-fno-x` has that of `-fx` where it
/// has none of its own.
pub fn row_or_positive(word: &str, find: fn(&str) -> Option<&'static Row>) -> Option<(&'static Row, bool)> {
    let own = find(word);
    // A row of all that begins so knows nothing of this word in particular.
    if let Some(row) = own.filter(|row| row.flag.len() > 2) {
        return Some((row, false));
    }
    let negated = ["-fno-", "-mno-", "-Wno-"].iter().find_map(|no| {
        let positive = format!("{}{}", &no[..2], word.strip_prefix(no)?);
        find(&positive).filter(|row| row.flag == positive)
    });
    negated.map(|row| (row, true)).or(own.map(|row| (row, false)))
}

/// Rows of a table that have all but their names in common.
macro_rules! table {
    ($($takes:ident, $bucket:expr, $why:ident => [$($flag:literal)*];)*) => {
        &[$($(Row { flag: $flag, aliases: &[], takes: $takes, bucket: $bucket, why: $why },)*)*]
    };
}
pub(super) use table;

/// The flags of a command line, to be asked for by name.
pub struct Flags<'a>(pub &'a [Flag]);

impl<'a> Flags<'a> {
    /// The values of a flag, in order.
    pub fn values(&self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |f| f.row.flag == name).filter_map(|f| f.value.as_deref())
    }

    /// The value that counts where the last one does.
    pub fn last(&self, name: &'a str) -> Option<&'a str> {
        self.values(name).last()
    }

    /// Whether a switch is given, and the last time not to say no.
    pub fn is_on(&self, name: &str) -> bool {
        let last = self.0.iter().rev().find(|f| f.row.flag == name);
        last.is_some_and(|f| !matches!(f.value.as_deref(), Some("off" | "no" | "n" | "false" | "0")))
    }

    /// Whether it is there at all.
    pub fn given(&self, name: &str) -> bool {
        self.0.iter().any(|f| f.row.flag == name)
    }
}

/// Where a row is, by its flag: tables of a thousand rows are searched for each word of a command line. Made while
/// kache itself is compiled; `N` is a power of two, twice the number of names or more.
pub struct Index<const N: usize> {
    places: [u16; N],
}

const EMPTY: u16 = u16::MAX;
const SEED: u32 = 0x811c_9dc5;

const fn step(hash: u32, byte: u8) -> u32 {
    (hash ^ byte as u32).wrapping_mul(0x0100_0193)
}

const fn place(hash: u32, n: usize) -> usize {
    (hash ^ (hash >> 15)) as usize & (n - 1)
}

impl<const N: usize> Index<N> {
    /// Of a table without aliases.
    pub const fn of(table: &[Row]) -> Index<N> {
        assert!(N.is_power_of_two() && table.len() * 2 <= N, "the index is too small");
        let mut places = [EMPTY; N];
        let mut i = 0;
        while i < table.len() {
            let (name, mut hash, mut b) = (table[i].flag.as_bytes(), SEED, 0);
            while b < name.len() {
                hash = step(hash, name[b]);
                b += 1;
            }
            let mut at = place(hash, N);
            while places[at] != EMPTY {
                at = (at + 1) & (N - 1);
            }
            places[at] = i as u16;
            i += 1;
        }
        Index { places }
    }

    fn at(&self, table: &'static [Row], name: &str, hash: u32) -> Option<&'static Row> {
        let mut at = place(hash, N);
        loop {
            let row = table.get(usize::from(self.places[at]))?;
            if row.flag == name {
                return Some(row);
            }
            at = (at + 1) & (N - 1);
        }
    }

    /// The row that a word belongs to: that of the whole word, else the one with the longest name that the word begins
    /// with and that may go on.
    pub fn find(&self, table: &'static [Row], word: &str) -> Option<&'static Row> {
        let mut hashes = [SEED; 64];
        let known = word.len().min(hashes.len() - 1);
        for (i, byte) in word.bytes().take(known).enumerate() {
            hashes[i + 1] = step(hashes[i], byte);
        }
        let names = (1..=known).rev().filter(|n| word.is_char_boundary(*n));
        names
            .filter_map(|n| self.at(table, &word[..n], hashes[n]).map(|row| (n, row)))
            .find_map(|(n, row)| (n == word.len() || row.takes.goes_on()).then_some(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn row(flag: &'static str, takes: Takes) -> Row {
        Row { flag, aliases: &[], takes, bucket: Bucket::Excluded, why: "test" }
    }

    static ROWS: &[Row] = &[
        row("-c", Takes::Nothing),
        row("-f", Takes::Joined),
        row("-fpic", Takes::Nothing),
        row("-I", Takes::Either),
        row("-include", Takes::Separate),
    ];
    static INDEX: Index<16> = Index::of(ROWS);

    #[test]
    fn the_longest_name_that_fits_is_found() {
        let found = |word| INDEX.find(ROWS, word).map(|r| r.flag);
        assert_eq!(found("-c"), Some("-c"));
        assert_eq!(found("-cx"), None);
        assert_eq!(found("-fpic"), Some("-fpic"));
        assert_eq!(found("-fpicx"), Some("-f"));
        assert_eq!(found("-f"), Some("-f"));
        assert_eq!(
            (found("-I"), found("-Iinclude"), found("-include")),
            (Some("-I"), Some("-I"), Some("-include"))
        );
        assert_eq!(found(&format!("-I{}", "ä".repeat(100))), Some("-I"));
    }
}
