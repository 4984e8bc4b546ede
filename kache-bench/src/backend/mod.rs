//! The caches under test, behind one interface: kache, other caches, and the compiler without a cache.

mod ccache;
mod competitor;
mod endpoint;
mod interface;
pub mod invocations;
mod kache;
mod kache2;
mod mbx;
mod plain;
mod registry;
mod running;
mod sccache;
mod server;
mod serving;
mod wrapper_env;

pub use endpoint::{Endpoint, Protocol};
pub use interface::{Backend, Counts, Language};
pub use kache::Kache;
pub use plain::{Plain, without_cache};
pub use registry::{ALL, NAMES, find, installed, is_peer};
pub use running::RunningBackend;
pub use server::Server;
pub use serving::serving;
