//! The address and credentials of a remote store.

use kache_loopback::s3::{ACCESS_KEY, BUCKET, SECRET_KEY};
use std::ffi::OsString;
use std::net::SocketAddr;

pub struct Endpoint {
    /// The server, or the proxy in front of it.
    pub address: SocketAddr,
}

impl Endpoint {
    /// Credentials in the environment variables of S3 clients.
    pub fn credentials(&self) -> [(OsString, OsString); 2] {
        [("AWS_ACCESS_KEY_ID".into(), ACCESS_KEY.into()), ("AWS_SECRET_ACCESS_KEY".into(), SECRET_KEY.into())]
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn bucket(&self) -> &'static str {
        BUCKET
    }
}
