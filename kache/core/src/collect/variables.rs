//! Events about variables.

use super::processes::Process;
use super::{Cause, Collector};
use crate::collected::Step;
use crate::observe::trace::TraceEvent;
use crate::policy::{Act, Actor, Event, Treatment, names};

/// The observer cuts longer values.
const CUT_AT: usize = 65_000;

impl Collector<'_> {
    pub(super) fn variable(&mut self, e: &TraceEvent, by: Cause) {
        if by.actor == Actor::Compiler {
            self.step(e, || Step::Looked(e.path.to_vec()));
        }
        if self.is_tool_with_date_variable(by) && names(self.policy.clock_env, e.path) {
            self.named(by, Act::ReadsClock, e.path);
        }
        if self.is_timeless(by) && names(self.policy.clock_env, e.path) {
            return;
        }
        let process = self.processes.get(e.pid);
        let library = process.and_then(|process| process.library(e.module)).cloned();
        let is_path_only = process.is_some_and(|process| process.is_path_only)
            || library.as_ref().is_some_and(|name| self.is_path_only(name));
        let act = match () {
            () if !self.is_inherited(e) => Act::ReadsInnerVariable,
            () if self.is_of_no_terminal(e, by) => Act::ReadsTerminalVariable,
            () if is_path_only && self.subject.roots.portable(e.path2) != e.path2 => Act::ReadsPathVariable,
            () => Act::ReadsVariable,
        };
        let event = Event::named(act, e.path);
        for treatment in self.policy.treat(by.actor, &event) {
            if let Some(library) = library.clone().filter(|_| !matches!(treatment, Treatment::Refuse(_))) {
                self.out.readers.entry(e.path.to_vec()).or_default().insert(library);
            }
            self.take(by, &event, treatment, e.errno.into());
        }
    }

    /// Whether a program is a tool that asks for the date and the time for nothing.
    pub(super) fn is_timeless(&self, by: Cause) -> bool {
        by.actor == Actor::Tool && self.policy.is_timeless(self.processes.name(by.pid))
    }

    /// Whether a program is a tool whose use of the clock shows in the variables that it asks for, by rules that know them.
    pub(super) fn is_tool_with_date_variable(&self, by: Cause) -> bool {
        !self.policy.clock_env.is_empty() && self.foreign_tool(by).is_some()
    }

    /// The process of a tool that a foreign program started.
    pub(super) fn foreign_tool(&self, by: Cause) -> Option<&Process> {
        self.processes.get(by.pid).filter(|process| by.actor == Actor::Process && process.is_tool)
    }

    /// Whether a tool asks how a terminal shows messages, where kache itself prints to none: what the run prints goes to kache.
    fn is_of_no_terminal(&self, e: &TraceEvent, by: Cause) -> bool {
        names(self.policy.terminal_env, e.path)
            && self.foreign_tool(by).is_some()
            && self.world.host_fact(b"isatty/2", b"").is_some_and(|answer| answer == b"0 ")
    }

    /// Whether the value is the one that the run was given. Any other was set by something within the tree whose own
    /// inputs are observed.
    fn is_inherited(&self, e: &TraceEvent) -> bool {
        let given = self.world.variable(e.path);
        let seen = (e.errno == 0).then_some(e.path2);
        e.path2.len() >= CUT_AT || given.as_ref().map(|value| value.as_encoded_bytes()) == seen
    }

    pub(super) fn is_path_only(&self, name: &str) -> bool {
        self.policy.is_path_only(name, self.subject.path_only)
    }
}
