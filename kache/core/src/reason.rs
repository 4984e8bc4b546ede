//! Why a command was not answered from the cache, or its result was not stored.

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($name:ident = $word:literal,)*) => {
        /// A reason, as events hold it. What each means and what to do about it is in the crate `kache-report`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Reason { $(#[serde(rename = $word)] $name),* }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Reason] = &[$(Reason::$name),*];

            /// The reason of a word.
            pub fn of_word(word: &str) -> Option<Reason> {
                Reason::ALL.iter().copied().find(|reason| reason.word() == word)
            }

            /// The word in events and reports.
            pub fn word(self) -> &'static str {
                match self { $(Reason::$name => $word),* }
            }
        }
    };
}

reasons! {
    Stdin = "stdin",
    NoInput = "no-input",
    SeveralInputs = "several-inputs",
    Link = "link",
    Language = "language",
    PrecompiledHeader = "precompiled-header",
    SeveralArchitectures = "several-architectures",
    NotUtf8 = "not-utf8",
    ResponseFile = "response-file",
    Malformed = "malformed",
    Print = "print",
    UnknownFlag = "unknown-flag",
    UnsupportedFlag = "unsupported-flag",
    UnknownCompiler = "unknown-compiler",
    Rustup = "rustup",
    Toolchain = "toolchain",
    Failed = "failed",
    Spawn = "spawn",
    HostState = "host-state",
    PrivatePath = "private-path",
    WriteOff = "write-off",
    NotObserved = "not-observed",
    BinaryOutput = "binary-output",
    OddOutput = "odd-output",
    DepInfo = "dep-info",
    Store = "store",
    CacheUnusable = "cache-unusable",
    Panic = "panic",
    Different = "different",
    UnreadableOutput = "unreadable-output",
    ChangedWhileCompiling = "changed-while-compiling",
    UnreadableInput = "unreadable-input",
    Incremental = "incremental",
    CopiedState = "copied-state",
    Clock = "clock",
    Network = "network",
    NoOutput = "no-output",
    SideEffect = "side-effect",
    InheritedDescriptor = "inherited-descriptor",
    RawSyscall = "raw-syscall",
    UnrecordedFunction = "unrecorded-function",
    UnobservedProgram = "unobserved-program",
    ObserverOverflow = "observer-overflow",
    ObserverTorn = "observer-torn",
    Unlocated = "unlocated",
    SystemCallFilter = "system-call-filter",
    Disturbed = "disturbed",
    OutputDirectory = "output-directory",
    BuildScriptsOff = "build-scripts-off",
    BuildTool = "build-tool",
    DocumentedBefore = "documented-before",
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// A command is not answered from the cache, or its result is not stored, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotCacheable {
    pub reason: Reason,
    /// The particulars, for people.
    pub detail: String,
}

/// The result of a rule that does not let a command be cached.
pub fn refuse<T>(reason: Reason, detail: impl Into<String>) -> Result<T, NotCacheable> {
    Err(NotCacheable::new(reason, detail))
}

impl NotCacheable {
    pub fn new(reason: Reason, detail: impl Into<String>) -> NotCacheable {
        NotCacheable { reason, detail: detail.into() }
    }
}
