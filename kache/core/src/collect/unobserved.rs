//! Programs that ran and left no trace: what they read is not known.

use crate::observe::trace::{EventKind, Trace, flag};
use std::collections::{BTreeMap, HashMap};

/// A program that was started and never began: a static one, say.
pub fn program(trace: &Trace) -> Option<String> {
    let mut begun: HashMap<u32, usize> = HashMap::new();
    let mut asked: BTreeMap<u32, (usize, &[u8])> = BTreeMap::new();
    for (i, e) in trace.events.iter().enumerate() {
        match e.kind {
            EventKind::Start if e.flags & flag::FORKED == 0 => {
                begun.insert(e.pid, i);
            }
            EventKind::Exec if e.errno == 0 && e.flags & flag::BY_LIBC == 0 => {
                asked.insert(e.pid, (i, e.path));
            }
            EventKind::Exec if e.errno != 0 => {
                asked.remove(&e.pid);
            }
            EventKind::Spawned if e.flags & flag::POSIX_SPAWN != 0 => {
                // The Exec of a posix_spawn has the parent's pid.
                asked.remove(&e.pid);
                if let Ok(child) = u32::try_from(e.aux) {
                    asked.entry(child).or_insert((0, e.path));
                }
            }
            _ => {}
        }
    }
    let unseen = asked.into_iter().find(|(pid, (at, _))| begun.get(pid).is_none_or(|begun| begun < at));
    unseen.map(|(_, (_, program))| String::from_utf8_lossy(program).into_owned())
}
