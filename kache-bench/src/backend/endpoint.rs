//! The address and credentials of a remote store.

use kache_loopback::s3::{ACCESS_KEY, BUCKET, SECRET_KEY};
use std::ffi::OsString;
use std::net::SocketAddr;

/// Where a backend finds its remote.
pub struct Endpoint {
    /// Of the server, or of the proxy before it.
    pub address: SocketAddr,
}

impl Endpoint {
    /// What every client of S3 is told by its environment.
    pub fn credentials(&self) -> [(OsString, OsString); 2] {
        [("AWS_ACCESS_KEY_ID".into(), ACCESS_KEY.into()), ("AWS_SECRET_ACCESS_KEY".into(), SECRET_KEY.into())]
    }

    /// As an URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bucket.
    pub fn bucket(&self) -> &'static str {
        BUCKET
    }
}
