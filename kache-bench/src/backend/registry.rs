//! Backends by name.

use super::ccache::Ccache;
use super::kache2::Kache2;
use super::mbx::Mbx;
use super::sccache::Sccache;
use super::{Backend, Kache, Plain};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// All names, in table order.
pub const NAMES: &[&str] = &["plain", "kache", "sccache", "ccache", "mbx", "kache2"];

/// All names, as `--backends` takes them.
pub const ALL: &str = "plain,kache,sccache,ccache,mbx,kache2";

/// The caches that `scripts/peers.sh` installs.
const PEERS: &[&str] = &["sccache", "ccache", "mbx", "kache2"];

/// Whether `name` is one of the other caches.
pub fn is_peer(name: &str) -> bool {
    PEERS.contains(&name)
}

fn folder(workspace: &Path) -> PathBuf {
    std::env::var_os("KACHE_BENCH_PEERS").map_or_else(|| workspace.join(".peers"), PathBuf::from)
}

/// The backend called `name`; kache is built in the workspace.
pub fn find(name: &str, workspace: &Path) -> Result<Box<dyn Backend>> {
    let peers = folder(workspace);
    Ok(match name {
        "plain" => Box::new(Plain),
        "kache" => Box::new(Kache::build(workspace)?),
        "sccache" => Box::new(Sccache::installed(&peers)?),
        "ccache" => Box::new(Ccache::installed(&peers)?),
        "mbx" => Box::new(Mbx::installed(&peers)?),
        "kache2" => Box::new(Kache2::installed(&peers)?),
        other => {
            let meant = similar::get_close_matches(other, NAMES, 1, 0.5);
            let remedy = meant.first().map(|meant| format!("did you mean `{meant}`?"));
            return Err(Error::input(format!("no backend is called `{other}`"))
                .remedy(remedy.unwrap_or_else(|| format!("there are: {}", NAMES.join(", ")))));
        }
    })
}

/// Every other cache by name, or why it is missing.
pub fn installed(workspace: &Path) -> Vec<(&'static str, Result<Box<dyn Backend>>)> {
    PEERS.iter().map(|name| (*name, find(name, workspace))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest() {
        let text = find("scache", Path::new("/nowhere")).err().unwrap().to_string();
        assert!(text.contains("did you mean `sccache`?"), "{text}");
    }

    #[test]
    fn the_list_of_all_names_is_that_of_the_table() {
        assert_eq!(ALL, NAMES.join(","));
    }

    #[test]
    fn a_peer_that_is_absent_says_how_to_get_it() {
        let empty = tempfile::tempdir().unwrap();
        let peers: [Result<Box<dyn Backend>>; 4] = [
            Sccache::installed(empty.path()).map(|peer| Box::new(peer) as Box<dyn Backend>),
            Ccache::installed(empty.path()).map(|peer| Box::new(peer) as Box<dyn Backend>),
            Mbx::installed(empty.path()).map(|peer| Box::new(peer) as Box<dyn Backend>),
            Kache2::installed(empty.path()).map(|peer| Box::new(peer) as Box<dyn Backend>),
        ];
        for peer in peers {
            let text = peer.err().unwrap().to_string();
            assert!(text.contains("not installed") && text.contains("scripts/peers.sh"), "{text}");
        }
    }
}
