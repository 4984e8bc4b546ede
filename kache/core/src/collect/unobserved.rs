//! Programs that ran and left no trace: what they read is not known.
//!
//! Each program that is asked for must be answered by the start *of that program*. An exec without a start began a
//! program that was not observed (a static one, one that runs as another user). A start of another program than the one
//! asked for came from code in between that was not observed: a static wrapper that becomes what it wraps. A start
//! without a request has its request in such code.

use super::{Subject, World};
use crate::observe::trace::{EventKind, Trace, TraceEvent, flag};
use crate::platform;
use foldhash::HashMap;
use std::path::{Path, PathBuf};

/// A program that began, and its place in the trace.
struct Start<'a> {
    at: usize,
    event: &'a TraceEvent<'a>,
    /// The name that the kernel was given.
    named: Option<&'a [u8]>,
    is_answer: bool,
}

/// A program that was asked for.
#[derive(Clone, Copy)]
struct Request<'a> {
    at: usize,
    event: &'a TraceEvent<'a>,
}

/// Where the start that answers a request is to be found.
enum Where {
    InProcess(u32),
    /// In a child whose number is not known.
    BelowProcess(u32),
}

struct Accounts<'a> {
    world: &'a dyn World,
    starts: Vec<Start<'a>>,
    /// By process and thread: what was asked for last, as long as neither an error nor a child says what became of it.
    pending: HashMap<(u32, u32), Request<'a>>,
    requests: Vec<(Request<'a>, Where)>,
    lost: Option<String>,
}

/// A program that ran unobserved, in words.
pub fn program(subject: &Subject, world: &dyn World, trace: &Trace) -> Option<String> {
    let mut accounts = Accounts {
        world,
        starts: starts(trace),
        pending: HashMap::default(),
        requests: Vec::new(),
        lost: None,
    };
    if let Some(first) = accounts.starts.first_mut() {
        first.is_answer = true;
        let wanted = subject.program.as_os_str().as_encoded_bytes();
        if !is_of(first, wanted, world) {
            return Some(shown(wanted));
        }
    }
    for (at, event) in trace.events.iter().enumerate() {
        accounts.event(at, event);
    }
    accounts.settle()
}

fn starts<'a>(trace: &'a Trace) -> Vec<Start<'a>> {
    let mut out: Vec<Start> = Vec::new();
    let mut last: HashMap<u32, usize> = HashMap::default();
    for (at, event) in trace.events.iter().enumerate() {
        match event.kind {
            EventKind::Start if event.flags & flag::FORKED == 0 => {
                last.insert(event.pid, out.len());
                out.push(Start { at, event, named: None, is_answer: false });
            }
            EventKind::Named if !event.path.is_empty() => {
                if let Some(start) = last.remove(&event.pid) {
                    out[start].named = Some(event.path);
                }
            }
            _ => {}
        }
    }
    out
}

impl<'a> Accounts<'a> {
    fn event(&mut self, at: usize, e: &'a TraceEvent<'a>) {
        let thread = (e.pid, e.tid);
        match e.kind {
            // What was pending in the process is what this answers, whichever of its threads asked.
            EventKind::Start if e.flags & flag::FORKED == 0 => {
                let of_process = self.pending.extract_if(|(pid, _), _| *pid == e.pid);
                let last = of_process.map(|(_, request)| request).max_by_key(|request| request.at);
                self.requests.extend(last.map(|request| (request, Where::InProcess(e.pid))));
            }
            EventKind::Named => {}
            EventKind::Exec if e.errno != 0 => _ = self.pending.remove(&thread),
            EventKind::Exec if e.flags & flag::BY_LIBC != 0 => {
                self.requests.push((Request { at, event: e }, Where::BelowProcess(e.pid)));
            }
            EventKind::Exec => {
                self.lose(thread);
                self.pending.insert(thread, Request { at, event: e });
            }
            EventKind::Spawned if e.flags & flag::POSIX_SPAWN != 0 => {
                // The Exec of a posix_spawn has the parent's number.
                let request = self.pending.remove(&thread).unwrap_or(Request { at: 0, event: e });
                if let Ok(child) = u32::try_from(e.aux) {
                    self.requests.push((request, Where::InProcess(child)));
                }
            }
            _ => self.lose(thread),
        }
    }

    /// Whatever a thread does next shows that the number of the process has another owner by now.
    fn lose(&mut self, thread: (u32, u32)) {
        if let Some(request) = self.pending.remove(&thread) {
            self.lost.get_or_insert(shown(request.event.path));
        }
    }

    fn settle(mut self) -> Option<String> {
        let unanswered = self.pending.values().min_by_key(|request| request.at);
        let unanswered = unanswered.map(|request| shown(request.event.path));
        if let Some(lost) = self.lost.take().or(unanswered) {
            return Some(lost);
        }
        self.requests.sort_by_key(|(request, _)| request.at);
        for (request, place) in std::mem::take(&mut self.requests) {
            let answer = self
                .starts
                .iter_mut()
                .find(|start| !start.is_answer && start.at > request.at && is_in(start.event, &place));
            match answer {
                Some(start) if answers(start, request.event, self.world) => start.is_answer = true,
                _ => return Some(shown(request.event.path)),
            }
        }
        let unasked = self.starts.iter().find(|start| !start.is_answer)?;
        Some(format!("what started {}", shown(unasked.event.path)))
    }
}

fn is_in(start: &TraceEvent, place: &Where) -> bool {
    match place {
        Where::InProcess(pid) => start.pid == *pid,
        Where::BelowProcess(pid) => i64::from(*pid) == start.aux && start.pid != *pid,
    }
}

fn answers(start: &Start, request: &TraceEvent, world: &dyn World) -> bool {
    if request.kind != EventKind::Exec || request.flags & flag::SEARCH == 0 {
        return is_of(start, request.path, world);
    }
    let cwd = Path::new(platform::os_str(start.event.path2));
    let name = platform::os_str(request.path);
    let mut found = directories(request.path2).into_iter().map(|dir| dir.join(name));
    match found.find(|path| world.may_execute(&cwd.join(path))) {
        Some(path) => is_of(start, path.as_os_str().as_encoded_bytes(), world),
        // It is gone: the run made it, and removed it.
        None => directories(request.path2)
            .into_iter()
            .any(|dir| is_of(start, dir.join(name).as_os_str().as_encoded_bytes(), world)),
    }
}

fn directories(path: &[u8]) -> Vec<PathBuf> {
    path.split(|b| *b == b':').map(|dir| PathBuf::from(platform::os_str(dir))).collect()
}

/// Whether it is the program of this path that began: by the name that the kernel was given, which is the script's where
/// an interpreter runs; or by its file, where the loader was named as the program.
fn is_of(start: &Start, wanted: &[u8], world: &dyn World) -> bool {
    let path = Path::new(platform::os_str(wanted));
    let is_named = |named: &[u8]| match named.first() {
        Some(b'/') => named == wanted,
        // Relative to the directory of the one who asked.
        Some(_) => named == wanted || wanted.strip_suffix(named).is_some_and(|rest| rest.ends_with(b"/")),
        None => false,
    };
    let program = Path::new(platform::os_str(start.event.path));
    start.named.is_some_and(is_named)
        || program == path
        || world.canonicalize(path).is_some_and(|real| real == program)
        // What is neither an object nor a script with an interpreter of its own goes to the shell.
        || start.named == Some(b"/bin/sh") && world.is_plain_script(path)
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
