//! The remote: results of other machines, in storage that the user already operates.
//!
//! This module holds only what the wrapper needs: a small blocking [`client`], the messages between wrapper and agent
//! ([`protocol`]), the list of pending uploads ([`queue`]), and the names and keys of the remote's objects
//! ([`mod@format`]). Storage, TLS, compression and signatures are in `kache-agent`, a separate program, so that the
//! wrapper neither links nor starts them where no remote is set.
//!
//! | step of a lookup | by | round trips to the remote |
//! | --- | --- | --- |
//! | no recorded set of dependencies holds in the local store | wrapper | 0 |
//! | read the lists of dependencies under the action | agent | 1, or 0 if prefetched |
//! | evaluate the dependencies of each list, which gives an input key | wrapper | 0 |
//! | read the pack under that input key, verify it, install it in the local store | agent | 1, or 0 if prefetched |
//! | if there is none: read the lists that the index does not have | agent | 1 |
//! | the ordinary lookup and restore, from the local store | wrapper | 0 |

pub mod ci;
pub mod client;
pub mod contents;
pub mod format;
pub mod protocol;
pub mod queue;

use crate::area::Area;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The schemes of addresses. The agent has a service for each.
pub const SCHEMES: &[&str] = &[
    "file",
    "s3",
    "gs",
    "gcs",
    "azblob",
    "ghac",
    "redis",
    "rediss",
    "dav+http",
    "dav+https",
    "webdav+http",
    "webdav+https",
    "grpc",
    "grpcs",
];

/// Whether a text is an address of a service that there is.
pub fn is_address(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| SCHEMES.contains(&scheme))
}

/// The remotes, in the order in which they are read. At most one of them is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Levels(Vec<Remote>);

impl Levels {
    /// Levels in the order in which they are read; `None` without any. Only the first of those that allow uploads is
    /// written.
    pub fn new(mut levels: Vec<Remote>) -> Option<Levels> {
        let mut written = None;
        for level in levels.iter_mut().filter(|level| level.write) {
            match &written {
                None => written = Some(level.name()),
                Some(name) => {
                    level.write = false;
                    level.read_only_because = Some(format!("`{name}` is written, and only one level is"));
                }
            }
        }
        (!levels.is_empty()).then_some(Levels(levels))
    }

    pub fn all(&self) -> &[Remote] {
        &self.0
    }

    /// The level that is written.
    ///
    /// # Errors
    /// If none is: why.
    pub fn written(&self) -> Result<&Remote, String> {
        let why = |level: &Remote| {
            format!("{}: {}", level.name(), level.read_only_because.as_deref().unwrap_or("-"))
        };
        let reasons = || self.0.iter().map(why).collect::<Vec<_>>().join("; ");
        self.0.iter().find(|level| level.write).ok_or_else(reasons)
    }

    /// The name of the agent's socket. It covers the settings of all levels and the versions of kache and of the protocol,
    /// so that an agent only serves the configuration that it was started with.
    pub fn fingerprint(&self) -> String {
        let all =
            serde_json::to_vec(&(self, env!("CARGO_PKG_VERSION"), protocol::VERSION)).unwrap_or_default();
        crate::digest::Digest::of(&all).hex()[..16].to_string()
    }

    /// The addresses without secrets.
    pub fn shown(&self) -> String {
        self.0.iter().map(Remote::shown).collect::<Vec<_>>().join(", ")
    }
}

/// The validated settings of one level: of `[remote]`, `[remote.2]`, ….
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// 1 for `[remote]`, n for `[remote.n]`.
    pub level: u8,
    /// The pull request whose own prefix this is.
    pub pull_request: Option<u64>,
    /// The service and its location: `s3://bucket/prefix`, `file:///srv/kache`, ….
    pub url: String,
    /// The path of kache's objects within that location.
    pub prefix: String,
    /// Whether uploads are allowed.
    pub write: bool,
    /// Why uploads are not allowed; `None` if they are.
    pub read_only_because: Option<String>,
    /// The deadline for the first byte of a response, and for each further piece.
    pub timeout: Duration,
    /// Options of the service, under the service's own names (`region`, `endpoint`, …).
    pub options: BTreeMap<String, String>,
    /// The key that signs uploads: a file, or `ed25519:` and 64 hex digits.
    pub sign_key: Option<String>,
    /// Public keys, in hex. If there is at least one, objects without a valid signature are ignored.
    pub verify_keys: Vec<String>,
    /// Whether the results of the project's last build are fetched before they are requested.
    pub prefetch: bool,
    /// Whether results that a level below has are copied to this level.
    pub copy_up: bool,
    /// The address of a collector of OpenTelemetry, to which the agent sends metrics.
    pub otlp: Option<String>,
}

impl Remote {
    /// The name in messages and events: that of its table in `kache.toml`.
    pub fn name(&self) -> String {
        let table = match self.level {
            1 => "remote".to_string(),
            n => format!("remote.{n}"),
        };
        self.pull_request.map_or_else(|| table.clone(), |n| format!("{table} (pull request {n})"))
    }

    /// The name of a variable of this level: `KACHE_REMOTE_TOKEN`, `KACHE_REMOTE_2_TOKEN`.
    pub fn variable(&self, name: &str) -> String {
        match self.level {
            1 => format!("KACHE_REMOTE_{name}"),
            n => format!("KACHE_REMOTE_{n}_{name}"),
        }
    }

    /// The address without secrets.
    pub fn shown(&self) -> String {
        redact(&self.url)
    }
}

/// Removes the user, the password and the query from an address.
pub fn redact(url: &str) -> String {
    let url = url.split_once('?').map_or(url, |(plain, _)| plain);
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_string() };
    let authority = rest.find('/').unwrap_or(rest.len());
    match rest[..authority].rfind('@') {
        Some(at) => format!("{scheme}://…@{}", &rest[at + 1..]),
        None => url.to_string(),
    }
}

/// The directory of the agents' sockets, locks and queues, accessible to this user only.
pub fn agent_dir(store: &Path) -> PathBuf {
    Area::Agent.below(store)
}

/// Whether a text has the form of a public key: 64 hex digits.
pub fn is_hex_key(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redact_removes_secrets() {
        for (url, shown) in [
            ("redis://user:hush@localhost:6379/0", "redis://…@localhost:6379/0"),
            ("https://hush@dav.example/cache?token=hush", "https://…@dav.example/cache"),
            ("s3://bucket/a@b", "s3://bucket/a@b"),
            ("file:///srv/kache", "file:///srv/kache"),
        ] {
            assert_eq!(redact(url), shown);
        }
    }
}
