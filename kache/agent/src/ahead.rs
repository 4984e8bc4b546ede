//! Fetching ahead: what the last build of a project used is fetched in its order, so that the next units are here before they
//! are asked for.
//!
//! The order lies in the remote under the digest of the project's lock file (or, without one, of what it is built by), and under
//! that of where it was cloned from, so that another machine finds it before it has built anything. Of the builds in it,
//! the one that has the units that are asked for is meant.

use super::Agent;
use super::fetch::Stage;
use super::pack;
use super::storage::Fault;
use kache_core::digest::Digest;
use kache_core::platform;
use kache_core::remote::format::{self, Order, SMALL, Used};
use kache_core::store::Area;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// How many are fetched at once that nobody waits for yet.
pub const AT_ONCE: usize = 16;

/// What is built in one place for a while: one build, or several one after the other. (Invocations of one build cannot be told by
/// their parents: `make` has a shell for each.)
#[derive(Default)]
pub struct Tour {
    last: Mutex<Option<Instant>>,
    order: OnceCell<Order>,
    /// Chapters that are being fetched.
    begun: Mutex<HashSet<usize>>,
    /// What was fetched for it or uploaded by it.
    used: Mutex<Vec<Used>>,
}

impl Tour {
    /// Takes note of a unit of this build.
    pub fn note(&self, used: Used) {
        let mut all = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains(&used) {
            all.push(used);
        }
    }

    /// All that were noted.
    pub fn used(&self) -> Vec<Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Agent {
    /// The tour that is under way in a place. After a pause there is a new one, with the order as it is then.
    pub fn tour(&self, place: &[u8]) -> Arc<Tour> {
        const PAUSE: Duration = Duration::from_secs(600);
        let mut tours = self.tours();
        let now = Instant::now();
        let last = |tour: &Tour| *tour.last.lock().unwrap_or_else(PoisonError::into_inner);
        tours.retain(|_, tour| last(tour).is_none_or(|at| now - at < PAUSE));
        let tour = tours.entry(place.to_vec()).or_default().clone();
        *tour.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        tour
    }

    /// What the last build used, for an action; fetching the rest of that build begins.
    pub async fn expected(self: &Arc<Self>, place: &[u8], tour: &Arc<Tour>, action: &Digest) -> Vec<Used> {
        if !self.orders.remote.prefetch {
            return Vec::new();
        }
        let order = tour.order.get_or_init(|| self.order(place)).await;
        let mut expected = Vec::new();
        for (i, chapter) in order.chapters.iter().enumerate() {
            let Some(at) = chapter.iter().position(|used| used.action == *action) else { continue };
            expected.push(chapter[at]);
            if tour.begun.lock().unwrap_or_else(PoisonError::into_inner).insert(i) {
                let rest = chapter[at..].iter().chain(&chapter[..at]).copied().collect();
                tokio::spawn(self.clone().fetch_all(rest));
            }
        }
        expected
    }

    async fn order(self: &Arc<Self>, place: &[u8]) -> Order {
        for name in names(Path::new(platform::os_str(place))) {
            match self.read_order(&name).await {
                Ok(Some(order)) => return order,
                Ok(None) => {}
                Err(_) => break,
            }
        }
        Order::default()
    }

    /// An order of the remote, if there is one that can be read.
    pub async fn read_order(self: &Arc<Self>, name: &Digest) -> Result<Option<Order>, Fault> {
        let bytes = match self.storage.read(&format::order_name(name), SMALL).await {
            Ok(bytes) => bytes,
            Err(Fault::Absent) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        Ok(pack::decompress(&bytes, SMALL).ok().and_then(|plain| Order::decode(&plain)))
    }

    /// Fetches what is not here yet, in this order.
    async fn fetch_all(self: Arc<Self>, all: Vec<Used>) {
        for used in all {
            if self.has(&used) {
                continue;
            }
            let Ok(permit) = self.ahead.clone().acquire_owned().await else { return };
            if self.is_ending() {
                return;
            }
            let mut flight = self.fetch(used.state);
            tokio::spawn(async move {
                let _ = flight.wait_for(|stage| matches!(stage, Stage::Over(_))).await;
                drop(permit);
            });
        }
    }

    /// Whether a unit's result is in the local store.
    pub fn has(&self, used: &Used) -> bool {
        self.store.path(Area::Results, &used.result).exists()
    }

    /// Writes down what the builds used that uploaded something.
    pub async fn write_orders(self: &Arc<Self>) -> Result<(), Fault> {
        let changed = std::mem::take(&mut *self.changed());
        let mut by_name: HashMap<Digest, Vec<Vec<Used>>> = HashMap::new();
        for place in &changed {
            let used = self.tour(place).used();
            for name in names(Path::new(platform::os_str(place))) {
                by_name.entry(name).or_default().push(used.clone());
            }
        }
        for (name, builds) in by_name {
            let known = self.read_order(&name).await?;
            if known.is_some() && !self.storage.replaces() {
                continue;
            }
            let mut order = known.unwrap_or_default();
            builds.iter().for_each(|used| order.take_in(used));
            let bytes = pack::compress(&order.encode()).map_err(|e| Fault::Failed(e.to_string()))?;
            if let Err(fault) = self.storage.write(&format::order_name(&name), bytes).await {
                self.changed().extend(changed);
                return Err(fault);
            }
        }
        Ok(())
    }
}

/// Under which names the order of a project may lie, the best first.
pub fn names(place: &Path) -> Vec<Digest> {
    /// What tells how a project is built, where it has no lock file.
    const PLANS: &[&str] =
        &["CMakeLists.txt", "meson.build", "configure.ac", "configure", "Makefile", "Cargo.toml"];
    let named = |what: &str, bytes: &[u8]| Digest::of(&[what.as_bytes(), b"\0", bytes].concat());
    let locked = std::fs::read(place.join("Cargo.lock")).ok().map(|text| named("lock", &text));
    let plan = || PLANS.iter().find_map(|plan| Some(named(plan, &std::fs::read(place.join(plan)).ok()?)));
    let mut names: Vec<Digest> = locked.or_else(plan).into_iter().collect();
    names.extend(origin(place).map(|url| named("origin", url.as_bytes())));
    names
}

/// The directory with the repository's configuration. In a worktree `.git` is a file that names the worktree's git directory,
/// which names the common one.
fn common_git_dir(place: &Path) -> Option<PathBuf> {
    let git = place.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = std::fs::read_to_string(&git).ok()?;
    let git = place.join(text.strip_prefix("gitdir:")?.trim());
    match std::fs::read_to_string(git.join("commondir")) {
        Ok(common) => Some(git.join(common.trim())),
        Err(_) => Some(git),
    }
}

/// The URL that git cloned the project from, without scheme, user and `.git`.
fn origin(place: &Path) -> Option<String> {
    let text = std::fs::read_to_string(common_git_dir(place)?.join("config")).ok()?;
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
    fn a_project_is_known_by_its_lock_file_and_by_where_it_is_from() {
        let dir = tempfile::tempdir().unwrap();
        assert!(names(dir.path()).is_empty());
        let origin = |url: &str| {
            std::fs::create_dir_all(dir.path().join(".git")).unwrap();
            let text = format!("[core]\n\tbare = false\n[remote \"origin\"]\n\turl = {url}\n");
            std::fs::write(dir.path().join(".git/config"), text).unwrap();
            super::origin(dir.path())
        };
        assert_eq!(origin("https://example.org/a/b.git").as_deref(), Some("example.org/a/b"));
        assert_eq!(origin("git@example.org:a/b.git").as_deref(), Some("example.org/a/b"));
        let without = names(dir.path());
        std::fs::write(dir.path().join("Cargo.lock"), "one").unwrap();
        let one = names(dir.path());
        std::fs::write(dir.path().join("Cargo.lock"), "two").unwrap();
        let two = names(dir.path());
        assert_eq!((without.len(), one.len(), one[1]), (1, 2, without[0]));
        assert!(one[0] != two[0] && one[1] == two[1]);
    }
}
