//! The words for why a result cannot be stored.

use crate::policy::{Act, Event, TrustPolicy};

/// What happened, for people. `number` is an error or a system call.
pub fn detail(event: &Event, program: &str, number: i64, policy: &TrustPolicy) -> String {
    let name = String::from_utf8_lossy(event.name);
    match event.act {
        Act::OpensDescriptor => format!("{name} was read, which only that process has"),
        Act::OpensState => "began with incremental state from an earlier compile".to_string(),
        Act::CannotOpen | Act::CannotResolve => format!("{name} could not be opened (error {number})"),
        Act::ReadsVariable | Act::ReadsInnerVariable | Act::ReadsPathVariable => {
            let row = policy.clock_env.iter().find(|row| row.names(event.name));
            row.map_or_else(|| format!("{program} read {name}"), |row| row.why.to_string())
        }
        Act::ReadsClock | Act::ReadsTimer | Act::AsksState => {
            format!("{program} called {}", name.split('/').next().unwrap_or_default())
        }
        Act::LearnsTimeOfMade => format!("{program} can tell when {name} was made"),
        Act::LooksUpHost => format!("{program} looked up a host"),
        Act::Connects => format!("{program} connected to {name}"),
        Act::CallsKernel if name.is_empty() => {
            format!("{program} made system call {number}, which the observer cannot follow")
        }
        Act::CallsKernel => format!("{program} called {name}, which the observer cannot follow"),
        Act::RunsBesidePath => format!("{name} was looked for in a PATH of its caller's own making"),
        Act::HoldsSyscall => format!("{name} makes system calls without libc"),
        Act::ImportsUnaccounted => name.into_owned(),
        Act::HoldsReadTimes => format!("{name} can tell when files were read"),
        Act::SharesLibrary => format!("{name} looks by way of the compiler's own standard library"),
        Act::CannotRun => format!("{name} could not be run (error {number})"),
        Act::CannotChange => format!("{name} could not be changed (error {number})"),
        Act::Overwrites => format!("{program} overwrote {name}"),
        Act::ChangesStatus => {
            format!("{program} changed the mode, the owner, the times or the attributes of {name}")
        }
        Act::WritesDescriptor => format!("{program} wrote to {name}, which it was given open"),
        Act::LinksToDirectory => format!("{program} linked to {name}"),
        Act::Removes => format!("{program} removed {name}"),
        Act::OverwritesInput => format!("{name} was read and then written"),
        Act::LeavesOther => format!("{name} was left behind"),
        Act::LeavesRunning => format!("{name} was left running"),
        act => format!("{program} {} ({name})", act.words()),
    }
}
