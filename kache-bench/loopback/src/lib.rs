//! Storage servers on loopback, and a proxy that injects faults, for kache's tests and its harness.
//!
//! | server | program | process |
//! | --- | --- | --- |
//! | [`s3::S3`] | `s3s-fs`, an S3 server from crates.io | this process |
//! | [`daemon::redis`] | Debian's `redis-server` | child |
//! | [`daemon::dav`] | Debian's nginx with WebDAV modules, plain or with a self-signed certificate | child |
//! | [`daemon::BuildGrid`] | BuildGrid of PyPI, with the Remote Execution API | child |
//! | [`proxy::Proxy`] | in front of any of them: latency and faults | this process |
//!
//! All listen on 127.0.0.1 at ports that the system chooses, and end when they are dropped.

pub mod daemon;
pub mod proxy;
pub mod requests;
pub mod s3;
