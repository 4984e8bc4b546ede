//! A server on loopback that speaks a remote's protocol.

use super::Protocol;
use crate::error::{Error, Result};
use kache_loopback::daemon::{BuildGrid, Daemon};
use kache_loopback::s3::S3;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// A running remote store.
pub enum Server {
    S3(S3),
    BuildGrid { daemon: Daemon, objects: PathBuf },
}

impl Server {
    pub fn start(protocol: Protocol, dir: &Path) -> Result<Server> {
        match protocol {
            Protocol::S3 => S3::start(dir).map(Server::S3).map_err(Error::io("start an S3 server over", dir)),
            Protocol::Reapi => {
                std::fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
                let started = BuildGrid::default().start(dir);
                let daemon = started.map_err(Error::io("start BuildGrid over", dir))?.ok_or_else(|| {
                    Error::input("bgd is not on PATH")
                        .remedy("scripts/buildgrid.sh installs it below .tools/bin")
                })?;
                Ok(Server::BuildGrid { daemon, objects: dir.join("cas") })
            }
        }
    }

    pub fn address(&self) -> SocketAddr {
        match self {
            Server::S3(s3) => s3.address(),
            Server::BuildGrid { daemon, .. } => daemon.address(),
        }
    }

    pub fn objects(&self) -> PathBuf {
        match self {
            Server::S3(s3) => s3.objects(),
            Server::BuildGrid { objects, .. } => objects.clone(),
        }
    }
}
