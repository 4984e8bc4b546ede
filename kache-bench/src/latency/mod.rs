//! `latency`: measures single invocations: a hit, a miss and a bypass, next to the compiler alone.

mod figures;
mod measure;
mod print;
mod record;
mod subject;
mod way;

pub use figures::{Breakdown, Figures};
pub use measure::{Plan, run};
pub use print::text;
pub use record::{Latency, VERSION};
pub use way::Way;
