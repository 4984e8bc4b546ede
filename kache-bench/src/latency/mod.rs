//! `latency`: measures single invocations: a hit, a miss and a bypass, next to the compiler alone.

mod command;
mod count;
mod figures;
mod kind;
mod measure;
mod print;
mod record;
mod subject;

pub use figures::{Breakdown, Figures};
pub use kind::InvocationKind;
pub use measure::{LatencyPlan, run};
pub use print::text;
pub use record::Latency;
