//! Events about facts of the host: what the run was answered.

use super::{Cause, Collector, clean};
use crate::dependency::Dependency;
use crate::observe::trace::{TraceEvent, flag};
use crate::platform;
use crate::policy::{Act, Event, Treatment, TrustPolicy};
use crate::reason::Reason;

impl Collector<'_> {
    /// The act of calling a function with changing results.
    pub(super) fn call(&self, e: &TraceEvent) -> Act {
        let program = self.processes.get(e.pid).map(|process| process.program.as_path());
        if e.path == b"sysconf/memory"
            && program.is_some_and(|program| self.policy.is_sized_by_memory(program))
        {
            return Act::SizesBuffer;
        }
        self.policy.call(e.path)
    }

    /// The act of reading where code lies in memory, if a path shows that of the process.
    pub(super) fn map_of_itself(&self, e: &TraceEvent, by: Cause) -> Option<Act> {
        if ![&b"/proc/self/maps"[..], b"/proc/thread-self/maps"].contains(&e.path) {
            return None;
        }
        let program = self.processes.get(e.pid)?.program.as_os_str().as_encoded_bytes();
        let is_below_root = self.subject.roots.portable(program) != program;
        Some(TrustPolicy::reads_map(by.actor, is_below_root))
    }

    pub(super) fn host_fact(&mut self, e: &TraceEvent, by: Cause) {
        if e.flags & flag::SET != 0 {
            self.set_facts.insert((e.path.to_vec(), e.aux));
            return;
        }
        let about = if e.path2.starts_with(b"/") { clean(e.path2) } else { e.path2.into() };
        let is_unanswered = e.flags & flag::UNANSWERED != 0;
        // The run may have set a fact to what it was: then the dependency is one too many. Signals are set and restored by
        // most programs, and by the compiler, whose questions do not count: there the dependency is needed.
        let is_set = !is_unanswered && self.set_facts.contains(&(e.path.to_vec(), e.aux));
        let is_restored = || e.path.starts_with(b"sig") && self.answer_now(e.path, &about) == Some(e.aux);
        let is_own = is_set && !is_restored() || self.made.has(&about);
        let sized = if is_own { Some(Act::AsksInnerFact) } else { self.sizes(e, by) };
        let act = sized.unwrap_or_else(|| self.policy.question(e.path));
        let event = Event::named(act, e.path);
        let treatments: Vec<_> = self.policy.treat(by.actor, &event).collect();
        for treatment in treatments {
            match treatment {
                Treatment::HostAnswer => self.depend_on_answer(e, &about, is_unanswered),
                other => self.take(by, &event, other, 0),
            }
        }
    }

    /// The act of a tool that a foreign program starts, and that sizes what it works with by a fact.
    fn sizes(&self, e: &TraceEvent, by: Cause) -> Option<Act> {
        let process = self.foreign_tool(by)?;
        self.policy.sized_by(self.processes.name(by.pid))?.act(e.path, process.arguments())
    }

    /// The hash of what the host answers now.
    fn answer_now(&self, fact: &[u8], about: &[u8]) -> Option<i64> {
        self.world.host_fact(fact, about).map(|answer| platform::answer_hash(&answer))
    }

    /// The answer must be what the host answers kache, too: only that can be asked again.
    fn depend_on_answer(&mut self, e: &TraceEvent, about: &[u8], is_unanswered: bool) {
        if !is_unanswered && self.answer_now(e.path, about) != Some(e.aux) {
            // Input that the run itself gave to a program, in place of the terminal that it was given.
            const NO_TERMINAL: [(&[u8], &[u8]); 2] = [(b"isatty/0", b"0 "), (b"winsize/0", b"none\n")];
            let is =
                |(name, answer): &(&[u8], &[u8])| e.path == *name && e.aux == platform::answer_hash(answer);
            if NO_TERMINAL.iter().any(is) {
                return;
            }
            let fact = String::from_utf8_lossy(e.path);
            let about = String::from_utf8_lossy(about);
            if fact.starts_with("isatty/") || fact.starts_with("winsize/") {
                let detail = "a program asks for the terminal of its output, and kache put a pipe there";
                return self.refuse(Reason::HostState, detail.to_string());
            }
            let detail = format!("the host answers another thing than the run was answered: {fact} {about}");
            return self.refuse(Reason::ChangedWhileCompiling, detail.trim_end().to_string());
        }
        let about = if about.starts_with(b"/") { self.subject.roots.portable(about) } else { about.to_vec() };
        self.out.dependencies.insert(Dependency::host(e.path, &about));
    }
}
