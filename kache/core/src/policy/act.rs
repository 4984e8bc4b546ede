//! The table of trust: a row for each act, a column for each actor.

use super::{Actor, Environment, Treatment};
use crate::reason::Reason;
use Treatment as T;

/// What one act means, by actor, in the order of [`Actor::ALL`].
pub type Row = [&'static [Treatment]; 6];

macro_rules! acts {
    ($($act:ident, $words:literal, $row:expr;)*) => {
        /// What was done: a row of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Act { $($act,)* }

        impl Act {
            pub const ALL: &[Act] = &[$(Act::$act,)*];

            /// What the printed table calls it.
            pub fn words(self) -> &'static str {
                match self { $(Act::$act => $words,)* }
            }
        }

        const ROWS: [Row; Act::ALL.len()] = [$($row,)*];
    };
}

/// The same for every actor.
const fn all(cell: &'static [Treatment]) -> Row {
    [cell; 6]
}

/// For the compiler and its tools, and for all others.
const fn by(trusted: &'static [Treatment], others: &'static [Treatment]) -> Row {
    [trusted, trusted, others, others, others, others]
}

/// For plugins, and for what they start.
const fn foreign(plugin: &'static [Treatment], process: &'static [Treatment]) -> Row {
    [NONE, NONE, NONE, NONE, plugin, process]
}

const NONE: &[Treatment] = &[];
const EVERY: Treatment = T::EnvAll(Environment::Every);
const MOST: Treatment = T::EnvAll(Environment::Most);
const UNSEEN: &[Treatment] = &[T::Refuse(Reason::RawSyscall)];
const LINKER: Treatment = T::Computed("linker");

acts! {
    // Files that are opened.
    OpensFile, "opens a file", all(&[T::Contents]);
    OpensDirectory, "opens a directory", all(&[T::Existence]);
    OpensDescriptor, "opens what it was given open, by its number", by(&[T::Refuse(Reason::HostState)], &[T::Contents]);
    OpensTerminal, "looks whether there is a terminal", by(NONE, &[T::Host("terminal")]);
    OpensState, "opens the compiler's state from an earlier run", by(&[T::Refuse(Reason::Incremental)], &[T::Contents]);
    FindsNothing, "finds nothing there", all(&[T::Absence]);
    CannotOpen, "cannot open what is there", all(&[T::RefuseInput(Reason::UnreadableInput)]);

    // Files that are probed.
    ProbesFile, "probes a file", all(&[T::Contents]);
    ProbesOther, "probes anything but a file", all(&[T::Existence]);
    AsksPermission, "asks what it may do with what is there", by(NONE, &[T::Permission]);
    ProbesLink, "probes without following a link", by(NONE, &[T::Link]);
    LearnsMetadata, "has a function that tells times, and looks at a file",
        foreign(&[T::Metadata], NONE);
    LearnsPermissions, "has a function that tells permissions or owners, and looks at a file", foreign(&[T::Metadata], NONE);
    LearnsOwnerOfMade, "has a function that tells permissions or owners, and looks at what the run made",
        by(NONE, &[T::Host("uid"), T::Host("umask")]);
    LearnsIdentity, "has a function that tells which file a file is, and looks at a file",
        foreign(&[T::Identity], NONE);
    LearnsSize, "has a function that tells sizes, and looks at a directory", foreign(&[T::Size], NONE);
    LearnsNumbers, "may tell the numbers of listed files, and lists a directory",
        by(NONE, &[T::Identity]);
    LearnsTimeOfMade, "has a function that tells times, and looks at a file that the run made",
        by(NONE, &[T::Refuse(Reason::Clock)]);
    ComparesTimes, "compares the times of files", by(NONE, &[T::Metadata]);
    AsksReadTimes, "may ask whether a file was read since it was changed",
        by(NONE, &[T::Refuse(Reason::HostState)]);
    AsksStatus, "is a program, or runs in a command that is no compiler, and opens, links or asks for the status of what is there",
        foreign(&[T::Access], &[T::Access]);
    TellsStatus, "asks for the status of a file, and may tell it", by(NONE, &[T::Identity]);

    // Directories and links.
    ListsDirectory, "lists a directory", all(&[T::Listing]);
    ListsSearched, "lists a directory that is searched by hash", by(NONE, &[T::Listing]);
    WalksTree, "lists a directory in a walk or by a pattern", all(&[T::Listing]);
    ReadsLink, "reads a link", by(NONE, &[T::Link]);
    ReadsNoLink, "cannot read as a link what is there", by(NONE, &[T::Existence]);
    ReadsLinkOfItself, "reads a link that says where the process is", by(NONE, &[T::Place]);
    ResolvesPath, "resolves a path", all(&[T::Existence]);
    ResolvesRelative, "resolves a path from the working directory",
        [NONE, NONE, &[T::Cwd], NONE, &[T::Cwd], &[T::Cwd]];
    GoesThrough, "enters, opens or lists a directory, or starts a program, by a path", by(NONE, &[T::EachLinkPortable]);
    FollowsLinks, "resolves a path with links on the way", by(&[T::EachLinkPortable], &[T::EachLink]);
    CannotResolve, "cannot resolve a path", by(&[T::RefuseInput(Reason::UnreadableInput)], &[T::Absence]);
    AsksDirectory, "asks for the working directory",
        [NONE, NONE, &[T::Cwd], NONE, &[T::Cwd], &[T::Cwd]];

    // Variables.
    ReadsVariable, "reads a variable", all(&[T::Env]);
    ReadsPathVariable, "reads a variable with a path in it, and is declared path-only", all(&[T::EnvPath]);
    ReadsTerminalVariable, "is a tool, and reads how a terminal shows messages, which go into a pipe", all(NONE);
    ReadsInnerVariable, "reads a variable that the run set itself", all(NONE);

    // Facts about the machine.
    AsksFact, "asks for a fact about the host", by(NONE, &[T::HostAnswer]);
    AsksFileSystem, "asks of what type a file system is, by a descriptor",
        [NONE, NONE, &[T::HostAnswer], &[T::HostAnswer], &[T::Refuse(Reason::HostState)], &[T::HostAnswer]];
    AsksTerminalSize, "asks for the size of the terminal", foreign(&[T::HostAnswer], &[T::HostAnswer]);
    AsksInnerFact, "asks for what the run set itself, or about a file that the run made", all(NONE);
    AsksState, "asks for the load, free memory, the current processor, another process, or its lock",
        by(NONE, &[T::Refuse(Reason::HostState)]);
    AsksPlace, "asks where code lies", by(NONE, &[T::Place]);
    ReadsSystemMap, "reads where its code lies in memory, outside of all roots", all(NONE);
    SizesBuffer, "asks for the free memory or a limit, and is known to size a buffer by it", all(NONE);
    SizesHeap, "asks for the memory, and may print the size of a heap, which grows with the first gibibyte of it",
        by(NONE, &[T::Host("gibibyte")]);
    DrawsRandom, "calls a function whose changing results do not matter", all(NONE);
    ReadsClockAtStart, "reads the clock as it starts, and is known for it", all(NONE);
    RunsTimedScript, "reads a script that can ask for times, or that is written again",
        by(NONE, &[T::Refuse(Reason::Clock)]);
    OpensTerminalAtStart, "opens the terminal as it starts, and is known for it", all(NONE);
    ReadsClock, "reads the clock", by(NONE, &[T::Refuse(Reason::Clock)]);
    ReadsTimer, "asks how much time has passed or been used", by(NONE, &[T::Refuse(Reason::Clock)]);
    LooksUpHost, "looks up a host", by(NONE, &[T::Refuse(Reason::Network)]);
    Connects, "connects", by(NONE, &[T::Refuse(Reason::Network)]);
    UsesGiven, "uses what the run was given open", all(&[T::Refuse(Reason::InheritedDescriptor)]);
    AsksAboutGiven, "asks what it is that the run was given open",
        by(NONE, &[T::Refuse(Reason::InheritedDescriptor)]);
    CallsKernel, "makes a system call that is not followed", by(NONE, &[T::Refuse(Reason::RawSyscall)]);

    // Programs.
    RunsByName, "runs a program by its name", all(&[T::Program]);
    RunsLinkerByName, "runs the action's linker by its name",
        [&[LINKER], &[LINKER], &[T::Program], &[T::Program], &[LINKER], &[T::Program]];
    RunsBesidePath, "runs a program by a PATH of its own", all(&[T::Refuse(Reason::PrivatePath)]);
    RunsByPath, "runs a program by its path", all(&[T::Executable]);
    RunsFirstInPath, "runs by its path what PATH leads to", by(&[T::Program], NONE);
    RunsLinkerByPath, "runs the action's linker by its path", all(&[LINKER]);
    RunsNothing, "runs what is not there", all(&[T::Absence]);
    CannotRun, "cannot run what is there", by(NONE, &[T::RefuseInput(Reason::UnreadableInput)]);
    Begins, "begins", [
        NONE,
        &[T::Executable],
        &[T::EnvAll(Environment::Most), T::Executable],
        &[T::EnvAll(Environment::Portable), T::Executable],
        NONE,
        &[T::Executable],
    ];
    BeginsAsLinker, "begins, and is the action's linker", [
        NONE,
        &[LINKER],
        &[T::EnvAll(Environment::Most), LINKER],
        &[T::EnvAll(Environment::Portable), LINKER],
        NONE,
        &[LINKER],
    ];
    MayHaveReadAll, "ends, and may have read all variables", foreign(NONE, &[EVERY]);

    // Code that is loaded.
    FindsLibrary, "loads a library that the loader searches for", all(&[T::Library]);
    LoadsLibrary, "loads a library", all(&[T::Contents]);
    NamesLibrary, "asks the loader for a library by its name", [
        NONE,
        NONE,
        &[T::Library],
        &[T::Library],
        // What the loader hands out leads to the paths of all that is loaded.
        &[T::Library, T::Place],
        &[T::Library],
    ];
    OpensLibrary, "asks the loader for a library by its path", [
        NONE,
        NONE,
        &[T::Existence],
        &[T::Existence],
        &[T::Existence, T::Place],
        &[T::Existence],
    ];
    OpensNoLibrary, "asks the loader for a library that is not there", by(NONE, &[T::Absence]);
    HoldsSyscall, "can call the kernel without libc, where that is not recorded",
        [UNSEEN, NONE, UNSEEN, UNSEEN, UNSEEN, UNSEEN];
    ImportsUnaccounted, "imports a symbol of the C library that nothing accounts for",
        by(NONE, &[T::Refuse(Reason::UnrecordedFunction)]);
    HoldsEnvironment, "may read all variables", foreign(&[EVERY], NONE);
    CopiesEnvironment, "copies all variables, finds some by their names, and passes all on to compilers",
        foreign(&[MOST], NONE);
    HoldsPlace, "has a function that tells where it runs", foreign(&[T::Place], NONE);
    HoldsReadTimes, "has a function that tells when files were read",
        foreign(&[T::Refuse(Reason::HostState)], NONE);
    SharesLibrary, "takes the standard library from the compiler's",
        foreign(&[T::Refuse(Reason::RawSyscall)], NONE);

    // Changes.
    Writes, "writes a file", all(&[T::Made]);
    FindsFree, "makes something where nothing was", by(NONE, &[T::Absence]);
    FindsTaken, "cannot make something because it is there", by(NONE, &[T::Existence]);
    FindsFull, "cannot remove a directory because it is not empty", by(NONE, &[T::Listing]);
    CannotChange, "cannot change what is there", by(NONE, &[T::RefuseInput(Reason::UnreadableInput)]);
    OpensForChange, "opens what was there before to write to it", all(&[T::Contents]);
    Overwrites, "empties or replaces what was there before", all(&[T::RefuseInput(Reason::SideEffect)]);
    ChangesStatus, "changes the mode, the owner, the times or the attributes of what was there before",
        all(&[T::RefuseInput(Reason::SideEffect)]);
    WritesDescriptor, "writes to what it was given open, by its number", all(&[T::Refuse(Reason::SideEffect)]);
    MakesDirectory, "makes a directory", all(&[T::MadeDirectory]);
    LinksTo, "makes a link to a file, or to nothing", all(&[T::Contents]);
    LinksToDirectory, "makes a link to a directory that was there before", by(NONE, &[T::Refuse(Reason::SideEffect)]);
    Removes, "removes what was there before", all(&[T::RefuseInput(Reason::SideEffect)]);
    LeavesOutput, "leaves an output behind", all(&[T::Output]);
    LeavesOther, "leaves behind what is not an output", all(&[T::Refuse(Reason::SideEffect)]);
    LeavesRunning, "leaves a process running", all(&[T::Refuse(Reason::SideEffect)]);
    OverwritesInput, "leaves behind what was read before it was written", all(&[T::Refuse(Reason::SideEffect)]);
}

/// A front end's table: the rows above, or others in their places.
#[derive(Clone, Debug)]
pub struct Table {
    rows: [Row; Act::ALL.len()],
}

impl Table {
    pub const COMMON: Table = Table { rows: ROWS };

    /// With another row for one act.
    pub const fn with(mut self, act: Act, row: Row) -> Table {
        self.rows[act as usize] = row;
        self
    }

    /// With other cells for the compiler and its tools.
    pub const fn with_trusted(
        mut self,
        act: Act,
        compiler: &'static [Treatment],
        tool: &'static [Treatment],
    ) -> Table {
        self.rows[act as usize][Actor::Compiler as usize] = compiler;
        self.rows[act as usize][Actor::Tool as usize] = tool;
        self
    }

    pub fn cell(&self, act: Act, actor: Actor) -> &'static [Treatment] {
        self.rows[act as usize][actor as usize]
    }
}
