//! The remote: results that other machines made, in storage that people already run.
//!
//! Only what the wrapper needs of it stands here: a small blocking [`client`], the words that it and the agent speak
//! ([`protocol`]), the list of what is to be uploaded ([`queue`]), and the names and keys of what lies in the remote
//! ([`mod@format`]). All that is heavy (storage, TLS, compression, signatures) is in [`kache_agent::agent`], a program of its own, so that
//! the wrapper neither loads nor starts it where no remote is set.
//!
//! | step of a lookup | who | round trips to the remote |
//! | --- | --- | --- |
//! | the local store has no set that holds | wrapper | 0 |
//! | under the action: which lists of dependencies are there? | agent | 1, none where it was fetched ahead |
//! | evaluate everything in a list, which gives a state key | wrapper | 0 |
//! | is there a pack under that state? verified, then put into the local store | agent | 1, none where it was fetched ahead |
//! | where there is none: which lists are there that the first answer did not have? | agent | 1 |
//! | the ordinary lookup and restore, from the local store | wrapper | 0 |

pub mod client;
pub mod format;
pub mod protocol;
pub mod queue;

use crate::area::Area;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The setting `[remote]`, made sense of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// Which service and what of it: `s3://bucket/prefix`, `file:///srv/kache`, ….
    pub url: String,
    /// Below which path in it.
    pub prefix: String,
    /// Whether anything may be written there.
    pub write: bool,
    /// How long the remote may take to begin to answer, and to send the next bytes.
    pub timeout: Duration,
    /// What the service is told besides, in its own words (`region`, `endpoint`, …).
    pub options: BTreeMap<String, String>,
    /// The key that results are signed with: a file, or `ed25519:` and 64 hex digits.
    pub sign_key: Option<String>,
    /// Public keys, in hex. Where there is one, nothing is believed that none of them signed.
    pub verify_keys: Vec<String>,
    /// Whether what the last build used is fetched ahead.
    pub prefetch: bool,
}

impl Remote {
    /// The name of its agent's socket: another remote, another mode or another kache is another agent, so that none ever
    /// serves what it was not started for.
    pub fn fingerprint(&self) -> String {
        let all =
            serde_json::to_vec(&(self, env!("CARGO_PKG_VERSION"), protocol::VERSION)).unwrap_or_default();
        crate::digest::Digest::of(&all).hex()[..16].to_string()
    }

    /// The address without what may be a secret in it.
    pub fn shown(&self) -> String {
        redact(&self.url)
    }
}

/// An address without user and password, and without what follows a `?`.
pub fn redact(url: &str) -> String {
    let url = url.split_once('?').map_or(url, |(plain, _)| plain);
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_string() };
    let authority = rest.find('/').unwrap_or(rest.len());
    match rest[..authority].rfind('@') {
        Some(at) => format!("{scheme}://…@{}", &rest[at + 1..]),
        None => url.to_string(),
    }
}

/// Where agents have their sockets, locks and queues: for this user alone.
pub fn agent_dir(store: &Path) -> PathBuf {
    Area::Agent.below(store)
}

/// Whether a text is a key of 32 bytes in hexadecimal digits.
pub fn is_hex_key(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_an_address_are_not_shown() {
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
