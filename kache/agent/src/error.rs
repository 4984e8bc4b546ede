//! The agent's errors.

use kache_core::remote::SCHEMES;
use kache_core::remote::format::InvalidObject;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why the storage did not do what was requested.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StorageError {
    #[error("not found")]
    NotFound,
    #[error("not queried, because earlier queries failed: {0}")]
    CircuitOpen(String),
    /// Why nothing is written.
    #[error("the remote is read-only: {0}")]
    ReadOnly(String),
    /// The service does not support the operation.
    #[error("{0}")]
    Unsupported(String),
    /// The service's message, without secrets.
    #[error("{0}")]
    Failed(String),
}

/// Why the configuration cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("`{0}` is not an address")]
    Address(String),
    #[error("`{0}://` is not a supported service; supported are {schemes}", schemes = SCHEMES.join(", "))]
    Service(String),
    #[error("the directory {0} does not exist, and the remote is read-only")]
    MissingDirectory(String),
    /// opendal's message about an option.
    #[error("{address}: {message}")]
    Option { address: String, message: String },
    #[error("`{0}` is not a public key: expected 64 hex digits")]
    PublicKey(String),
    #[error("cannot read the signing key {path}: {source}; `kache keygen` makes one")]
    SigningKeyFile { path: String, source: io::Error },
    #[error("the signing key is not `ed25519:` and 64 hex digits; `kache keygen` makes one")]
    SigningKey,
}

/// Why the agent or a transfer cannot run.
#[derive(Debug, Error)]
pub enum AgentError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("cannot open the cache at {path}: {source}")]
    Cache { path: PathBuf, source: io::Error },
    /// A step of the start, and why it failed.
    #[error("cannot {0}: {1}")]
    Io(&'static str, io::Error),
    #[error("{0}; `kache prefetch` fetches what a project's last build used")]
    CannotList(String),
    /// Nothing is known of a remote that cannot list its objects.
    #[error("{0}")]
    NoListing(String),
    #[error("the remote has no record of a build of the project in {0}: builds with uploads leave one there")]
    UnknownProject(PathBuf),
    #[error("cannot read random bytes from the system: {0}")]
    Random(getrandom::Error),
}

impl AgentError {
    /// Whether the request is invalid, rather than that it failed.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            AgentError::Config(_)
                | AgentError::NoListing(_)
                | AgentError::Storage(StorageError::ReadOnly(_) | StorageError::Unsupported(_))
        )
    }
}

/// What prevents a pack from being installed in the store.
#[derive(Debug, Error)]
pub enum InstallError {
    #[error(transparent)]
    Invalid(#[from] InvalidObject),
    #[error(transparent)]
    Io(#[from] io::Error),
}
