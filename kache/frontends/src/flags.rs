//! The rows of a flag table. Each compiler family has one table (a text below `flags/`, which the build script turns into
//! rows), and `kache flags` prints it.
//!
//! A row holds everything that kache knows about a flag: how it takes its value, whether it is in the action key, and
//! its [`Effect`]. Code outside a front end asks for a column of the row and never for a flag by name. A command line
//! with a flag that has no row is not cached, and its event names the flag.

use kache_core::reason::{NotCacheable, Reason, refuse};

/// How a flag takes its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    Nothing,
    /// `--flag value`, `--flag=value`; for short flags also `-fvalue`.
    Value,
    /// Optional, after `=`: `-C flag` and `-C flag=value`.
    Maybe,
    /// The rest of the word: `-std=` in `-std=c11`, `-O` in `-O` and `-O2`.
    Joined,
    /// The next word: `-include file`.
    Separate,
    /// The rest of the word, or the next word: `-Idir`, `-I dir`.
    Either,
}

impl Takes {
    /// Whether a longer word can be this flag with a value.
    pub const fn allows_suffix(self) -> bool {
        matches!(self, Takes::Joined | Takes::Either)
    }
}

/// How the value of a key-relevant flag goes into the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Byte for byte.
    Literal,
    /// As a portable path: the flag only locates files, and kache observes what is read there.
    Path,
    /// As a portable path; only the extension where each flag of the command line says that its output has any name
    /// ([`Effect::for_any_name`]).
    Output,
    /// `KIND=path`, the path portable.
    Search,
    /// `options:name=path`, the path portable.
    Extern,
    /// `from=to`, `from` portable.
    PathMap,
    /// Portable if the whole value is a path and not that of a shared object; else byte for byte, since a linker may
    /// write it into its output.
    LinkArg,
    /// Words with blanks between them, each as [`Form::LinkArg`].
    LinkArgs,
    /// Portable if the value is a file, byte for byte if it is a name.
    PathOrName,
    /// `NAME=value`, byte for byte. If the value holds the path of a root, only the name is in the key, and the value
    /// is a dependency (`define`) unless it is proved that no source uses it.
    Macro,
    /// `kind=path,…`, the paths portable.
    Emit,
    /// Words with commas between them, each portable if it is a path.
    List,
    /// Only that the flag is given.
    Presence,
    /// Not at all: the look of diagnostics is a dependency (`setting`) of a compile that printed some.
    Diagnostics,
    /// Words with commas between them: those about diagnostics as [`Form::Diagnostics`], the others byte for byte.
    Json,
}

/// What a flag means for the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    Relevant(Form),
    Excluded,
    /// A command line with the flag is not cached.
    Unsupported,
}

/// Whether the output holds the path of the source although the command line maps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum EmbedsPath {
    #[default]
    No,
    /// Under conditions that the parser does not know: kache searches the output for the path, which is not possible
    /// if the output is compressed.
    Perhaps,
    /// If the compiler writes LLVM bitcode.
    Bitcode,
    /// Always, or a tool looks for the path in the output: kache does not map paths.
    Always,
}

/// What the parser knows about one value of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueEffect {
    Plain,
    LoadsCode,
    Compresses,
    /// The reason why a command line with the value is not cached.
    Unsupported(&'static str),
}

/// What a flag does: the columns of its row. Almost all flags have only a reason.
#[derive(Clone, Copy, Debug)]
pub struct Effect {
    /// The reason for the bucket, which `kache flags` prints.
    pub why: &'static str,
    /// The extension of a file that the compiler writes beside the object.
    pub writes: Option<&'static str>,
    /// What the compiler makes because of the flag does not depend on how the output is called.
    pub for_any_name: bool,
    /// The value is the path of a text that the command writes: what sort of text.
    pub names_output: Option<&'static str>,
    pub embeds_path: EmbedsPath,
    /// The output is compressed, so that a path in it cannot be found.
    pub compresses: bool,
    /// The flag's position counts only among the flags of its group; without a group it counts among all flags.
    pub order_group: Option<&'static str>,
    /// The flag selects outputs: kache leaves it out when it asks the compiler for a report alone.
    pub skip_when_reporting: bool,
    /// With the flag a program can use a macro that no source names.
    pub unprovable_macros: bool,
    /// The flag asks for debug information, or for a detail of it.
    pub debug_info: bool,
    /// The value `native` means the processor that compiles.
    pub native_cpu: bool,
    /// The compiler runs code of the user's within its own process.
    pub loads_code: bool,
    /// Only an observer knows which files the compiler reads because of the flag.
    pub needs_observer: bool,
    /// Judges a value, if values differ in what they do.
    pub value_rule: Option<fn(&str) -> ValueEffect>,
}

impl Effect {
    /// An effect without a reason or any other column.
    pub const NONE: Effect = Effect {
        why: "",
        writes: None,
        for_any_name: false,
        names_output: None,
        embeds_path: EmbedsPath::No,
        compresses: false,
        order_group: None,
        skip_when_reporting: false,
        unprovable_macros: false,
        debug_info: false,
        native_cpu: false,
        loads_code: false,
        needs_observer: false,
        value_rule: None,
    };
}

/// One flag.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// As written; `-C name` and `-Z name` for options of options.
    pub flag: &'static str,
    pub aliases: &'static [&'static str],
    pub takes: Takes,
    pub bucket: Bucket,
    pub effect: &'static Effect,
}

impl Row {
    pub fn bucket_word(&self) -> &'static str {
        match self.bucket {
            Bucket::Relevant(_) => "key-relevant",
            Bucket::Excluded => "key-excluded",
            Bucket::Unsupported => "unsupported",
        }
    }

    /// How the value of a key-relevant flag goes into the key.
    pub fn form(&self) -> Option<Form> {
        match self.bucket {
            Bucket::Relevant(form) => Some(form),
            Bucket::Excluded | Bucket::Unsupported => None,
        }
    }
}

/// A flag on a command line.
#[derive(Clone, Debug)]
pub struct Flag {
    pub row: &'static Row,
    /// As given.
    pub value: Option<String>,
}

impl Flag {
    /// A flag of a C compiler, from its word and the words after it. The value of a negated flag is the word itself, since
    /// the flag shares the row of its positive.
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
                .ok_or_else(|| NotCacheable::new(Reason::Malformed, format!("{word} has no value")))
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

    /// The name and the value of the macro that the flag defines, as written. None for a name of one letter, which is
    /// in every source.
    pub fn macro_parts(&self) -> Option<(&str, &str)> {
        if self.row.bucket != Bucket::Relevant(Form::Macro) {
            return None;
        }
        let (name, value) = self.value.as_deref()?.split_once('=')?;
        // A source uses `-D'f(x)=…'` by the name before the parenthesis.
        let name = name.split('(').next()?;
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && name.len() > 1;
        plain.then_some((name, value))
    }

    /// The judgement of the value, or of each word of a list.
    fn judged(&self) -> impl Iterator<Item = (&str, ValueEffect)> {
        let list = self.row.form() == Some(Form::List);
        let words = self.value.as_deref().into_iter().flat_map(move |v| v.split(move |c| list && c == ','));
        self.row.effect.value_rule.into_iter().flat_map(move |rule| words.clone().map(move |w| (w, rule(w))))
    }
}

pub fn unknown(flag: &str) -> NotCacheable {
    NotCacheable::new(Reason::UnknownFlag, format!("{flag}: the flag table has no row for it"))
}

/// The row of a C compiler's word, and whether the word negates it: `-fno-x` has the row of `-fx` if it has none
/// itself.
pub fn row_or_positive(word: &str, find: fn(&str) -> Option<&'static Row>) -> Option<(&'static Row, bool)> {
    let own = find(word);
    // A row for all words that begin with `-f` or `-W` was not written for this word.
    if let Some(row) = own.filter(|row| row.flag.len() > 2) {
        return Some((row, false));
    }
    let negated = ["-fno-", "-mno-", "-Wno-"].iter().find_map(|no| {
        let positive = format!("{}{}", &no[..2], word.strip_prefix(no)?);
        find(&positive).filter(|row| row.flag == positive)
    });
    negated.map(|row| (row, true)).or(own.map(|row| (row, false)))
}

/// The flags of a command line, in order.
pub struct Flags<'a>(pub &'a [Flag]);

impl<'a> Flags<'a> {
    /// The values of a flag, in order.
    pub fn values(&self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |f| f.row.flag == name).filter_map(|f| f.value.as_deref())
    }

    /// The last value of a flag.
    pub fn last(&self, name: &'a str) -> Option<&'a str> {
        self.values(name).last()
    }

    pub fn given(&self, name: &str) -> bool {
        self.0.iter().any(|f| f.row.flag == name)
    }

    /// Whether a flag has an effect.
    pub fn any(&self, has: impl Fn(&Effect) -> bool) -> bool {
        self.0.iter().any(|f| has(f.row.effect))
    }

    /// Whether a switch has an effect, and its last value does not turn it off.
    pub fn any_on(&self, has: impl Fn(&Effect) -> bool) -> bool {
        let off = |f: &Flag| matches!(f.value.as_deref(), Some("off" | "no" | "n" | "false" | "0"));
        let is_last = |i, flag: &Flag| !self.0[i + 1..].iter().any(|f| f.row.flag == flag.row.flag);
        self.0.iter().enumerate().any(|(i, f)| has(f.row.effect) && is_last(i, f) && !off(f))
    }

    /// Refuses a flag or a value that is unsupported.
    pub fn refuse_unsupported(&self) -> Result<(), NotCacheable> {
        let refused = |what: String| refuse(Reason::UnsupportedFlag, what);
        for flag in self.0 {
            let Row { flag: name, bucket, effect, .. } = flag.row;
            if *bucket == Bucket::Unsupported {
                return refused(format!("{name}: {}", effect.why));
            }
            for (word, value) in flag.judged() {
                if let ValueEffect::Unsupported(why) = value {
                    return refused(format!("{name} {word}: {why}"));
                }
            }
        }
        Ok(())
    }

    pub fn loads_code(&self) -> bool {
        self.any(|e| e.loads_code) || self.any_value(ValueEffect::LoadsCode)
    }

    pub fn compresses(&self) -> bool {
        self.any(|e| e.compresses) || self.any_value(ValueEffect::Compresses)
    }

    /// Whether the code is for the processor that compiles: the last value of a flag is `native`.
    pub fn native_cpu(&self) -> bool {
        let rows = self.0.iter().filter(|f| f.row.effect.native_cpu).map(|f| f.row.flag);
        rows.into_iter().any(|name| self.last(name) == Some("native"))
    }

    fn any_value(&self, wanted: ValueEffect) -> bool {
        self.0.iter().flat_map(Flag::judged).any(|(_, value)| value == wanted)
    }
}

/// A hash index from a flag to its row, computed when kache is compiled: each word of a command line is looked up in a
/// table of thousands of rows. `N` is a power of two, and at least twice the number of rows.
pub struct Index<const N: usize> {
    slots: [u16; N],
}

const EMPTY: u16 = u16::MAX;
const SEED: u32 = 0x811c_9dc5;

const fn step(hash: u32, byte: u8) -> u32 {
    (hash ^ byte as u32).wrapping_mul(0x0100_0193)
}

const fn slot(hash: u32, n: usize) -> usize {
    (hash ^ (hash >> 15)) as usize & (n - 1)
}

impl<const N: usize> Index<N> {
    /// The index of a table without aliases.
    pub const fn of(table: &[Row]) -> Index<N> {
        assert!(N.is_power_of_two() && table.len() * 2 <= N, "the index is too small");
        let mut slots = [EMPTY; N];
        let mut i = 0;
        while i < table.len() {
            let (name, mut hash, mut b) = (table[i].flag.as_bytes(), SEED, 0);
            while b < name.len() {
                hash = step(hash, name[b]);
                b += 1;
            }
            let mut at = slot(hash, N);
            while slots[at] != EMPTY {
                at = (at + 1) & (N - 1);
            }
            slots[at] = i as u16;
            i += 1;
        }
        Index { slots }
    }

    fn at(&self, table: &'static [Row], name: &str, hash: u32) -> Option<&'static Row> {
        let mut at = slot(hash, N);
        loop {
            let row = table.get(usize::from(self.slots[at]))?;
            if row.flag == name {
                return Some(row);
            }
            at = (at + 1) & (N - 1);
        }
    }

    /// The row of the whole word, else the row with the longest name that the word begins with and that allows a suffix.
    pub fn find(&self, table: &'static [Row], word: &str) -> Option<&'static Row> {
        let mut hashes = [SEED; 64];
        let known = word.len().min(hashes.len() - 1);
        for (i, byte) in word.bytes().take(known).enumerate() {
            hashes[i + 1] = step(hashes[i], byte);
        }
        let names = (1..=known).rev().filter(|n| word.is_char_boundary(*n));
        names
            .filter_map(|n| self.at(table, &word[..n], hashes[n]).map(|row| (n, row)))
            .find_map(|(n, row)| (n == word.len() || row.takes.allows_suffix()).then_some(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use super::Bucket::*;
    use super::Takes::*;

    const TEST: Effect = Effect { why: "test", ..Effect::NONE };
    const LISTED: Effect = Effect {
        value_rule: Some(|word| match word {
            "bad" => ValueEffect::Unsupported("it is bad"),
            "zip" => ValueEffect::Compresses,
            _ => ValueEffect::Plain,
        }),
        ..TEST
    };
    const NATIVE: Effect = Effect { native_cpu: true, ..TEST };
    const EMBEDS: Effect = Effect { embeds_path: EmbedsPath::Always, ..TEST };

    const fn row(flag: &'static str, takes: Takes, bucket: Bucket, effect: &'static Effect) -> Row {
        Row { flag, aliases: &[], takes, bucket, effect }
    }

    static ROWS: &[Row] = &[
        row("-c", Nothing, Excluded, &TEST),
        row("-fpic", Nothing, Excluded, &TEST),
        row("-f", Joined, Excluded, &TEST),
        row("-Wa,", Joined, Relevant(Form::List), &LISTED),
        row("-march=", Joined, Relevant(Form::Literal), &NATIVE),
        row("-C rpath", Maybe, Relevant(Form::Literal), &EMBEDS),
        row("-I", Either, Excluded, &TEST),
        row("-include", Separate, Excluded, &TEST),
    ];
    static INDEX: Index<32> = Index::of(ROWS);

    fn flags(words: &[(&str, &str)]) -> Vec<Flag> {
        let row = |name| ROWS.iter().find(|r| r.flag == name).unwrap();
        words.iter().map(|(name, value)| Flag { row: row(*name), value: Some(value.to_string()) }).collect()
    }

    #[test]
    fn each_word_of_a_list_is_judged() {
        let refused = |value| Flags(&flags(&[("-Wa,", value)])).refuse_unsupported().map_err(|d| d.detail);
        assert_eq!(refused("good,words"), Ok(()));
        assert_eq!(refused("good,bad"), Err("-Wa, bad: it is bad".to_string()));
        assert!(Flags(&flags(&[("-Wa,", "a,zip")])).compresses());
        assert!(!Flags(&flags(&[("-Wa,", "zipped")])).compresses());
    }

    #[test]
    fn the_last_value_of_a_switch_counts() {
        let embeds = |e: &Effect| e.embeds_path == EmbedsPath::Always;
        let on = |values: &[(&str, &str)]| Flags(&flags(values)).any_on(embeds);
        assert!(on(&[("-C rpath", "no"), ("-C rpath", "yes"), ("-march=", "no")]));
        assert!(!on(&[("-C rpath", "yes"), ("-C rpath", "no")]));
        assert!(Flags(&flags(&[("-march=", "i386"), ("-march=", "native")])).native_cpu());
        assert!(!Flags(&flags(&[("-march=", "native"), ("-march=", "i386")])).native_cpu());
    }

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
