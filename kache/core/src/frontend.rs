//! What a family of commands must say of itself so that the engine can cache it.
//!
//! A [`Frontend`] recognises a command and plans it. Planning makes two values: the [`Action`], which the engine reads, and
//! the [`Plan`], which keeps what the front end understood of the command line and answers the engine's later questions.
//! The engine never sees a parsed command line.

use crate::action::{Action, Request};
use crate::collected::Collected;
use crate::dependency::Dependency;
use crate::digest::Digest;
use crate::eval::{EvalContext, Evaluate};
use crate::events::{Kind, Observed, Unit};
use crate::observe::log::Log;
use crate::platform;
use crate::reason::NotCacheable;
use crate::run::Ran;
use crate::settings::Settings;
use crate::store::Store;
use crate::store::states::LeftState;
use crate::timer::Timer;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

/// A family of commands.
pub trait Frontend: Sync {
    /// As in `kache flags <name>`.
    fn name(&self) -> &'static str;
    /// Whether the front end plans the command. The first front end of the list that claims a command gets it.
    fn claims(&self, request: &Request, cx: &Context) -> bool;
    fn plan(&self, request: &Request, cx: &Context) -> Result<Planned, Box<Bypass>>;
}

/// What a front end may ask while it plans.
pub struct Context<'a> {
    pub store: &'a Store,
    pub settings: &'a Settings,
    pub timer: &'a Timer,
    /// Whether paths are to be left as they are: no argument maps them, and results are for this place alone.
    pub literal_paths: bool,
}

/// A planned command.
pub struct Planned {
    pub action: Action,
    pub plan: Box<dyn Plan>,
}

/// A command that runs as if kache were not there: as much as was understood of it, and why.
#[derive(Debug)]
pub struct Bypass {
    pub unit: Unit,
    pub kind: Kind,
    pub why: NotCacheable,
}

/// What the compiler itself reports to have read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    pub files: Vec<Vec<u8>>,
    /// Names of variables.
    pub env: Vec<Vec<u8>>,
}

/// A command that has run.
pub struct Completed {
    pub ran: Ran,
    /// The file stamp when the command was started.
    pub started: i64,
    pub observed: Observed,
    /// Nothing where the command was not asked to report.
    pub declared: Option<io::Result<Declared>>,
}

/// Whether a run looked at a path that may be the mapped form of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Looked {
    No,
    /// At one that ends with a name that a map gives to a file that was read, in a directory that nothing shows to be
    /// searched.
    AtSimilarElsewhere,
    /// The same, in a directory that is searched.
    AtSimilar,
    /// At one that has the name as arguments give it, with `./`.
    AtMapped,
}

/// A copy of stored state that a command begins with.
#[derive(Debug)]
pub struct CopiedState {
    /// The directory of the copy, and of what the command makes of it.
    pub dir: PathBuf,
    /// A file in the directory that is there until the command has succeeded once.
    pub mark: PathBuf,
}

impl CopiedState {
    /// The command has succeeded: what is in the directory is its own from now on.
    pub fn confirm(&self) {
        let _ = platform::remove_file(&self.mark);
    }

    /// Removes the copy and what the command has made of it.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self) -> io::Result<()> {
        platform::remove_dir_all(&self.dir)
    }
}

/// Dependencies whose digests are known before they are evaluated.
pub type Known = BTreeMap<Dependency, Digest>;

/// What the front end understood of one command.
pub trait Plan: Evaluate {
    /// The dependencies that a trace shows.
    fn collect(&self, action: &Action, log: &Log, cx: &EvalContext) -> Collected;
    /// The dependencies that are known without a trace.
    ///
    /// # Errors
    /// When the rules do not bound what the command may have read.
    fn collect_unobserved(&self, action: &Action, started: i64) -> Result<Collected, NotCacheable>;
    /// What the command reports to have read, in a report that this function first makes what the caller's own arguments would have
    /// made it. Called as soon as the command has ended.
    fn declared(&self) -> Option<io::Result<Declared>> {
        None
    }
    /// Tells the printed lines that a build tool waits for while the command still runs.
    fn notices(&self) -> fn(&[u8]) -> bool {
        |_| false
    }
    /// Whether the command may have made use of a path as its arguments map it, other than to write it into an output: by
    /// finding a file by such a name, or by failing because of it. Then the command runs again with paths as they are. The
    /// engine asks only if the run failed or looked.
    fn may_use_mapped_paths(&self, _: &Completed, _: Option<&Log>, looked: Looked, _: &EvalContext) -> bool {
        looked == Looked::AtMapped
    }
    /// Puts what the command made, or what was restored, where the caller expects it, if that is elsewhere. Called once, as the
    /// last question.
    ///
    /// # Errors
    /// When the caller does not have what it asked for: the command runs as if kache were not there.
    fn settle(&self, _succeeded: bool) -> io::Result<()> {
        Ok(())
    }
    /// Removes state that a run has left for later ones, where the command is run again: it is to start as the first did.
    fn forget_state(&self, _: &Log) {}
    /// Gives a command that begins without state, where it ran before, a copy of the state that another run of the action
    /// left. What the command makes with such a copy is never stored.
    fn copy_state(&self, _: &Action, _: &Store) -> Option<CopiedState> {
        None
    }
    /// Whether a command may have failed because of such a copy. Then the command runs again without the copy.
    fn may_fail_by_state(&self, _: &Ran) -> bool {
        true
    }
    /// The state that a run has left which began without any.
    fn left_state(&self, _: &Action, _: &Log) -> Option<LeftState> {
        None
    }
    /// Adds what the command reports, and replaces dependencies by weaker ones that a proof shows to be enough.
    ///
    /// # Errors
    /// When what the command left shows that its result must not be stored.
    fn refine(
        &self,
        action: &Action,
        completed: &mut Completed,
        collected: &mut Collected,
        cx: &EvalContext,
        store: &Store,
    ) -> Result<Known, NotCacheable>;
}
