//! Finds the processes of a cache: servers outside the build's process tree, and their children.
//!
//! They are identified by their environment, which names the cache, independent of their name and parent.
//! Without `/proc` none is found.
//! there is no `/proc`, none is known.

use crate::system::platform;
use std::fs;
use std::path::Path;

/// Processes whose environment names the cache.
pub fn serving(cache: &Path) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let names_it = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        names(&environment, cache.as_os_str().as_encoded_bytes())
    };
    pids.filter(|pid| *pid != std::process::id()).filter(names_it).collect()
}

/// Whether `text` contains `path`, and not only as a prefix of another name.
fn names(text: &[u8], path: &[u8]) -> bool {
    let ends = |at: usize| !text.get(at).is_some_and(|c| c.is_ascii_alphanumeric() || b"-_.".contains(c));
    text.windows(path.len()).enumerate().any(|(at, part)| part == path && ends(at + path.len()))
}

/// Kills the remaining processes of a cache: a server that was asked to stop may finish its work first.
pub(super) fn end(cache: &Path) {
    // A killed process may just have started another one.
    for _ in 0..10 {
        let left = serving(cache);
        if left.is_empty() {
            return;
        }
        left.into_iter().for_each(platform::kill);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::process::{Command, Stdio};

    #[test]
    fn a_server_is_known_by_its_environment_and_ended_without_its_neighbour() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("cache");
        let start = |place: std::path::PathBuf| {
            let mut server = Command::new("sh")
                .args(["-c", "echo ready; read wait"])
                .env("SOME_DIR", place)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            // The environment of a new process appears with a delay.
            server.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
            server
        };
        let (mut own, mut other) = (start(cache.join("store")), start(dir.path().join("cache2")));
        assert_eq!(serving(&cache), [own.id()]);
        end(&cache);
        assert!(own.wait().unwrap().code().is_none(), "it was not killed");
        assert!(other.try_wait().unwrap().is_none(), "the neighbour was");
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
