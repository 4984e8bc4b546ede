//! Prefetching: the agent fetches the units of a project's last build in their order, before wrappers request them.
//!
//! The remote stores the build manifest of a project under the digest of its lock file (or of another build description), and
//! under the digest of its git origin, so that a machine finds the manifest before its first build of the project.
//! A request for a unit selects the recorded builds that contain the unit.

use crate::error::StorageError;
use crate::fetch::FetchState;
use crate::level::Level;
use crate::{Agent, locked, pack};
use kache_core::digest::Digest;
use kache_core::platform;
use kache_core::remote::format::{self, BuildManifest, BuildUnit, MAX_METADATA};
use kache_core::store::Area;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// The maximum number of simultaneous fetches that no wrapper has requested.
pub const CONCURRENCY: usize = 16;
/// A pause of this length ends a session.
const SESSION_PAUSE: Duration = Duration::from_secs(600);

/// A build session in one workspace: one build, or several in succession. (Parent processes do not identify a build: `make`
/// starts a shell for each command.)
#[derive(Default)]
pub struct Session {
    last_request: Mutex<Option<Instant>>,
    manifest: OnceCell<BuildManifest>,
    /// The builds of the manifest that are being fetched.
    started: Mutex<HashSet<usize>>,
    /// Units fetched for the session or uploaded by it.
    units: Mutex<Vec<BuildUnit>>,
}

impl Session {
    pub fn add(&self, unit: BuildUnit) {
        let mut units = locked(&self.units);
        if !units.contains(&unit) {
            units.push(unit);
        }
    }

    pub fn units(&self) -> Vec<BuildUnit> {
        locked(&self.units).clone()
    }

    /// The units of the manifest for an action, and those of the builds to prefetch: each build whose fetch has not
    /// started, from the action on, and then its beginning.
    fn expect(&self, manifest: &BuildManifest, action: &Digest) -> (Vec<BuildUnit>, Vec<Vec<BuildUnit>>) {
        let (mut expected, mut prefetch) = (Vec::new(), Vec::new());
        for (i, build) in manifest.builds.iter().enumerate() {
            let Some(at) = build.iter().position(|unit| unit.action == *action) else { continue };
            expected.push(build[at]);
            if locked(&self.started).insert(i) {
                prefetch.push([&build[at..], &build[..at]].concat());
            }
        }
        (expected, prefetch)
    }
}

/// The sessions by workspace.
#[derive(Default)]
pub struct Sessions(HashMap<Vec<u8>, Arc<Session>>);

impl Sessions {
    /// The session of a workspace, or a new one after a pause. A new session reads the build manifest again.
    fn at(&mut self, workspace: &[u8], now: Instant) -> Arc<Session> {
        self.0.retain(|_, session| {
            locked(&session.last_request)
                .is_none_or(|last| now.saturating_duration_since(last) < SESSION_PAUSE)
        });
        let session = self.0.entry(workspace.to_vec()).or_default().clone();
        *locked(&session.last_request) = Some(now);
        session
    }
}

impl Agent {
    pub fn session(&self, workspace: &[u8]) -> Arc<Session> {
        locked(&self.sessions).at(workspace, Instant::now())
    }

    /// The units that the last builds used for an action. Starts to fetch the other units of these builds.
    pub async fn expected(
        self: &Arc<Self>,
        workspace: &[u8],
        session: &Arc<Session>,
        action: &Digest,
    ) -> Vec<BuildUnit> {
        let manifest = session.manifest.get_or_init(|| self.find_build_manifest(workspace)).await;
        let (expected, prefetch) = session.expect(manifest, action);
        for units in prefetch {
            tokio::spawn(self.clone().fetch_all(units));
        }
        expected
    }

    async fn find_build_manifest(self: &Arc<Self>, workspace: &[u8]) -> BuildManifest {
        let levels = |level: &Level| level.remote.prefetch;
        for key in project_keys(Path::new(platform::os_str(workspace))) {
            match self.build_manifests(&key, levels).await {
                Ok(Some(manifest)) => return manifest,
                Ok(None) => {}
                Err(_) => break,
            }
        }
        BuildManifest::default()
    }

    /// The build manifests of a project in some levels, as one.
    pub async fn build_manifests(
        &self,
        project: &Digest,
        levels: impl Fn(&Level) -> bool,
    ) -> Result<Option<BuildManifest>, StorageError> {
        let read = |level: Arc<Level>| {
            let asked = levels(&level);
            async move {
                match asked {
                    true => self.read_build_manifest(&level, project).await,
                    false => Ok(None),
                }
            }
        };
        let answers = self.ask_all(read).await;
        let together = |mut all: BuildManifest, one: BuildManifest| {
            all.builds.extend(one.builds);
            all
        };
        match (answers.found.into_iter().reduce(together), answers.error) {
            (None, Some(e)) => Err(e),
            (found, _) => Ok(found),
        }
    }

    /// A build manifest of a level, if it exists and can be read.
    pub async fn read_build_manifest(
        &self,
        level: &Level,
        project: &Digest,
    ) -> Result<Option<BuildManifest>, StorageError> {
        let bytes = match level.storage.read(&format::build_manifest_name(project), MAX_METADATA).await {
            Ok(bytes) => bytes,
            Err(StorageError::NotFound) => return Ok(None),
            Err(e) => return Err(e),
        };
        Ok(pack::decompress(&bytes, MAX_METADATA).ok().and_then(|bytes| BuildManifest::decode(&bytes)))
    }

    /// Fetches the units that the local store does not have, in this order.
    async fn fetch_all(self: Arc<Self>, units: Vec<BuildUnit>) {
        for unit in units {
            if self.has(&unit) {
                continue;
            }
            let Ok(permit) = self.prefetch_permits.clone().acquire_owned().await else { return };
            if self.is_ending() {
                return;
            }
            let mut fetch = self.fetch(unit.input_key);
            tokio::spawn(async move {
                let _ = fetch.wait_for(|state| matches!(state, FetchState::Done(_))).await;
                drop(permit);
            });
        }
    }

    /// Whether the local store has the result of a unit.
    pub fn has(&self, unit: &BuildUnit) -> bool {
        self.store.path(Area::Results, &unit.result).exists()
    }

    /// Updates the build manifests of the workspaces with new uploads.
    pub async fn write_build_manifests(self: &Arc<Self>) -> Result<(), StorageError> {
        let Ok(level) = self.writer() else { return Ok(()) };
        // A flush ends when the manifests are written, also those that the background has begun to write.
        let _one = self.upload_round.lock().await;
        let changed = std::mem::take(&mut *locked(&self.changed));
        let mut by_project: HashMap<Digest, Vec<Vec<BuildUnit>>> = HashMap::new();
        for workspace in &changed {
            let units = self.session(workspace).units();
            for key in project_keys(Path::new(platform::os_str(workspace))) {
                by_project.entry(key).or_default().push(units.clone());
            }
        }
        for (project, builds) in by_project {
            let known = self.read_build_manifest(level, &project).await?;
            if known.is_some() && !level.storage.can_overwrite() {
                continue;
            }
            let mut manifest = known.unwrap_or_default();
            builds.iter().for_each(|units| manifest.merge_build(units));
            let bytes =
                pack::compress(&manifest.encode()).map_err(|e| StorageError::Failed(e.to_string()))?;
            if let Err(e) = level.storage.write(&format::build_manifest_name(&project), bytes).await {
                locked(&self.changed).extend(changed);
                return Err(e);
            }
        }
        Ok(())
    }
}

/// The keys of a project's build manifest, the most specific first.
pub fn project_keys(workspace: &Path) -> Vec<Digest> {
    /// Files that describe the build of a project without a lock file.
    const DESCRIPTIONS: &[&str] =
        &["CMakeLists.txt", "meson.build", "configure.ac", "configure", "Makefile", "Cargo.toml"];
    let key = |kind: &str, bytes: &[u8]| Digest::of(&[kind.as_bytes(), b"\0", bytes].concat());
    let lock = std::fs::read(workspace.join("Cargo.lock")).ok().map(|text| key("lock", &text));
    let description =
        || DESCRIPTIONS.iter().find_map(|file| Some(key(file, &std::fs::read(workspace.join(file)).ok()?)));
    let mut keys: Vec<Digest> = lock.or_else(description).into_iter().collect();
    keys.extend(origin(workspace).map(|url| key("origin", url.as_bytes())));
    keys
}

/// The git directory with the repository's configuration. In a worktree `.git` is a file that names the worktree's own git
/// directory, which names the common one.
fn common_git_dir(workspace: &Path) -> Option<PathBuf> {
    let git = workspace.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = std::fs::read_to_string(&git).ok()?;
    let git = workspace.join(text.strip_prefix("gitdir:")?.trim());
    match std::fs::read_to_string(git.join("commondir")) {
        Ok(common) => Some(git.join(common.trim())),
        Err(_) => Some(git),
    }
}

/// The URL of the remote `origin`, without scheme, user and `.git`.
fn origin(workspace: &Path) -> Option<String> {
    let text = std::fs::read_to_string(common_git_dir(workspace)?.join("config")).ok()?;
    let mut lines = text.lines().skip_while(|line| line.trim() != "[remote \"origin\"]").skip(1);
    let url =
        lines.find_map(|line| line.trim().strip_prefix("url")?.trim().strip_prefix('='))?.trim().to_string();
    let url = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let url = url.split_once('@').map_or(url, |(_, rest)| rest).replace(':', "/");
    Some(url.trim_end_matches('/').trim_end_matches(".git").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(action: &str) -> BuildUnit {
        let digest = |kind: &str| Digest::of(format!("{kind} {action}").as_bytes());
        BuildUnit { action: digest("action"), input_key: digest("key"), result: digest("result") }
    }

    #[test]
    fn a_request_prefetches_its_build_once_from_the_requested_unit_on() {
        let units = ["a", "b", "c"].map(unit);
        let manifest = BuildManifest { builds: vec![units.to_vec(), vec![unit("d")], vec![unit("b")]] };
        let session = Session::default();
        let (expected, prefetch) = session.expect(&manifest, &unit("b").action);
        assert_eq!(expected, [unit("b"), unit("b")]);
        assert_eq!(prefetch, [vec![unit("b"), unit("c"), unit("a")], vec![unit("b")]]);
        let (expected, prefetch) = session.expect(&manifest, &unit("c").action);
        assert_eq!((expected, prefetch.len()), (vec![unit("c")], 0));
        assert_eq!(session.expect(&manifest, &unit("unknown").action), (vec![], vec![]));
    }

    #[test]
    fn a_session_records_each_unit_once_and_ends_after_a_pause() {
        let mut sessions = Sessions::default();
        let start = Instant::now();
        let session = sessions.at(b"/w", start);
        session.add(unit("a"));
        session.add(unit("a"));
        session.add(unit("b"));
        let later = start + SESSION_PAUSE / 2;
        assert_eq!(sessions.at(b"/w", later).units(), [unit("a"), unit("b")]);
        assert!(sessions.at(b"/other", later).units().is_empty());
        assert!(sessions.at(b"/w", later + SESSION_PAUSE).units().is_empty());
    }

    #[test]
    fn a_worktree_has_the_origin_of_its_repository() {
        let dir = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| {
            let mut git = std::process::Command::new("git");
            git.args(["-c", "user.name=n", "-c", "user.email=n@example.org"]).current_dir(dir.path());
            assert!(git.args(args).output().unwrap().status.success(), "{args:?}");
        };
        git(&["init", "-q", "main"]);
        git(&["-C", "main", "remote", "add", "origin", "https://example.org/a/b.git"]);
        git(&["-C", "main", "commit", "-q", "--allow-empty", "-m", "first"]);
        git(&["-C", "main", "worktree", "add", "-q", "../other"]);
        assert!(dir.path().join("other/.git").is_file());
        for place in ["main", "other"] {
            assert_eq!(origin(&dir.path().join(place)).as_deref(), Some("example.org/a/b"), "{place}");
        }
    }

    #[test]
    fn a_project_is_identified_by_its_lock_file_and_its_origin() {
        let dir = tempfile::tempdir().unwrap();
        assert!(project_keys(dir.path()).is_empty());
        let origin = |url: &str| {
            std::fs::create_dir_all(dir.path().join(".git")).unwrap();
            let text = format!("[core]\n\tbare = false\n[remote \"origin\"]\n\turl = {url}\n");
            std::fs::write(dir.path().join(".git/config"), text).unwrap();
            super::origin(dir.path())
        };
        assert_eq!(origin("https://example.org/a/b.git").as_deref(), Some("example.org/a/b"));
        assert_eq!(origin("git@example.org:a/b.git").as_deref(), Some("example.org/a/b"));
        let without = project_keys(dir.path());
        std::fs::write(dir.path().join("Cargo.lock"), "one").unwrap();
        let one = project_keys(dir.path());
        std::fs::write(dir.path().join("Cargo.lock"), "two").unwrap();
        let two = project_keys(dir.path());
        assert_eq!((without.len(), one.len(), one[1]), (1, 2, without[0]));
        assert!(one[0] != two[0] && one[1] == two[1]);
    }
}
