//! Storage servers on loopback, and a proxy that makes them fail: what kache's tests and its harness share.
//!
//! | server | what it is | started |
//! | --- | --- | --- |
//! | [`s3::S3`] | `s3s-fs`, an S3 server from crates.io | in this process |
//! | [`daemon::redis`] | `redis-server` of Debian | as a child |
//! | [`daemon::dav`] | nginx of Debian with its WebDAV modules, plain or with a certificate that nobody signed | as a child |
//! | [`proxy::Proxy`] | in front of any of them: latency, and every way to fail | in this process |
//!
//! All of them listen on 127.0.0.1, at ports that the system chooses, and go away when they are dropped.

pub mod daemon;
pub mod proxy;
pub mod s3;
