//! Which processes work for a cache: servers outside a build's tree, and what they have started.
//!
//! They are known by their environment, which names the cache, whatever they are called and whoever their parent is. Where
//! there is no `/proc`, none is known.

use crate::system::platform;
use std::fs;
use std::path::Path;

/// The processes whose environment names the cache.
pub fn serving(cache: &Path) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let names_it = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        names(&environment, cache.as_os_str().as_encoded_bytes())
    };
    pids.filter(|pid| *pid != std::process::id()).filter(names_it).collect()
}

/// Whether `path` is in `text`, and not only as the beginning of another name.
fn names(text: &[u8], path: &[u8]) -> bool {
    let ends = |at: usize| !text.get(at).is_some_and(|c| c.is_ascii_alphanumeric() || b"-_.".contains(c));
    text.windows(path.len()).enumerate().any(|(at, part)| part == path && ends(at + path.len()))
}

/// Kills what still works for a cache that nobody wants any more: a server that was told to stop may finish first what it is at.
pub(super) fn end(cache: &Path) {
    // What is killed may just have started another.
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
            // A process has its environment only some time after it was started.
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
