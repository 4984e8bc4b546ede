//! The address and credentials of a remote store.

use clap::ValueEnum;
use kache_loopback::s3::{ACCESS_KEY, BUCKET, SECRET_KEY};
use serde::Serialize;
use std::ffi::OsString;
use std::net::SocketAddr;

/// What a remote store speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// S3
    #[default]
    S3,
    /// The Remote Execution API
    Reapi,
}

impl Protocol {
    pub fn title(self) -> &'static str {
        match self {
            Protocol::S3 => "S3",
            Protocol::Reapi => "the Remote Execution API",
        }
    }
}

pub struct Endpoint {
    pub protocol: Protocol,
    /// The server, or the proxy in front of it.
    pub address: SocketAddr,
    /// Whether the machine writes nothing there.
    pub read_only: bool,
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
