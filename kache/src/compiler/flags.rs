//! What a row of a flag table says. Each compiler family has one table; `kache flags` prints it.
//!
//! A flag that no row knows is deferred: the invocation goes to the compiler untouched, and the event names the
//! flag. Nothing is ever guessed.

/// How a flag takes its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// It has none.
    Nothing,
    /// `--flag value`, `--flag=value`; for short flags also `-fvalue`.
    Value,
    /// Only behind `=`: `-C flag` and `-C flag=value`.
    Maybe,
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
    /// `kind=path,…`, the paths portable.
    Emit,
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
    Deferred,
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
            Bucket::Deferred => "deferred",
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

/// Why an invocation goes to the compiler untouched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// A word from a fixed list, counted in statistics.
    pub reason: &'static str,
    /// The particulars.
    pub detail: String,
}

impl Deferred {
    /// For a reason, with particulars.
    pub fn new(reason: &'static str, detail: impl Into<String>) -> Deferred {
        Deferred { reason, detail: detail.into() }
    }
}
