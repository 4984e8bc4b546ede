//! The records that are about files: what was opened, probed, listed, made and left behind.

use super::{Class, Collector, clean};
use crate::tables;
use kache_core::collected::Step;
use kache_core::dependency::Kind as DependencyKind;
use kache_core::eval::EVERY;
use kache_core::observe::log::{Record, flag};
use kache_core::platform;
use kache_core::reason::Reason;
use std::path::{Path, PathBuf};

impl Collector<'_> {
    pub(super) fn is_made(&self, path: &[u8]) -> bool {
        if self.made.contains(path) || self.made_dirs.contains(path) {
            return true;
        }
        if self.made_dirs.is_empty() {
            return false;
        }
        Path::new(platform::os_str(path))
            .ancestors()
            .skip(1)
            .any(|a| self.made_dirs.contains(a.as_os_str().as_encoded_bytes()))
    }

    /// What is removed by its directory's descriptor is named by where that really lies, and may have been made by way of
    /// a link or a `..`.
    fn is_made_by_another_name(&self, path: &[u8]) -> bool {
        let path = Path::new(platform::os_str(path));
        let made = self.made.iter().chain(&self.made_dirs).map(|p| Path::new(platform::os_str(p)));
        made.filter_map(real).any(|made| path.starts_with(made))
    }

    /// Whether a path needs no look: made here, excused by a row, or the toolchain's.
    pub(super) fn excused(&self, path: &[u8], own: bool) -> bool {
        let p = Path::new(platform::os_str(path));
        self.is_made(path)
            || tables::ignored_path(path, own).is_some()
            || self.toolchain.covers(p)
            || !self.foreign && (self.invocation.outputs.owns(p) || self.invocation.outputs.dir == p)
            || own && (self.is_state(path) || self.temporary.iter().any(|dir| dir == path))
            || self.invocation.response_files.iter().any(|(file, _)| file == p)
    }

    /// Below the directory of incremental state.
    pub(super) fn is_state(&self, path: &[u8]) -> bool {
        self.invocation
            .incremental
            .as_ref()
            .is_some_and(|dir| Path::new(platform::os_str(path)).starts_with(dir))
    }

    pub(super) fn content(&mut self, path: &[u8], own: bool) {
        let path = clean(path);
        if !self.excused(&path, own) && !self.is_host_state(&path) {
            let name = self.roots.portable(&path);
            self.look(DependencyKind::File, &name);
        } else if self.invocation.outputs.owns(Path::new(platform::os_str(&path))) && !self.is_made(&path) {
            self.perhaps_inputs.insert(path);
        }
    }

    /// Whether what other code than the compiler's sees there is an input, and one that can be looked at again.
    pub(super) fn may_look(&self, path: &[u8]) -> bool {
        !self.excused(path, false) && tables::host_state(path).is_none()
    }

    /// What a look there tells cannot be held in a digest. The environment can.
    pub(super) fn is_host_state(&mut self, path: &[u8]) -> bool {
        if tables::host_state(path).is_none() {
            return false;
        }
        if path.starts_with(b"/proc/") && path.ends_with(b"/environ") {
            self.look(DependencyKind::EnvAll, EVERY);
        } else if tables::tells_processors(path) {
            self.look(DependencyKind::Host, b"processors");
        } else if path == b"/proc/self/exe" || path == b"/proc/self/cwd" {
            self.look(DependencyKind::Place, b"");
        } else {
            self.refuse(Reason::HostState, format!("{} was looked at", String::from_utf8_lossy(path)));
        }
        true
    }

    /// What a file's contents do not tell, for code that can tell it.
    pub(super) fn status(&mut self, r: &Record) {
        let path = clean(r.path);
        if self.may_look(&path) {
            let name = self.roots.portable(&path);
            self.look(DependencyKind::Status, &name);
        }
    }

    pub(super) fn presence(&mut self, path: &[u8], absent: bool, own: bool) {
        let path = clean(path);
        if self.excused(&path, own) || !own && self.is_host_state(&path) {
            return;
        }
        let name = self.roots.portable(&path);
        if absent {
            self.out.absent.insert(path);
        }
        self.look(DependencyKind::Path, &name);
    }

    pub(super) fn read(&mut self, r: &Record, own: bool) {
        let path = clean(r.path);
        if own {
            self.step(r, Step::Opened(path.clone()));
        }
        if r.errno != 0 {
            return self.failed(r, own);
        }
        if r.flags & flag::DIRECTORY != 0 || Path::new(platform::os_str(&path)).is_dir() {
            self.identity(&path, own);
            return self.presence(&path, false, own);
        }
        let compiler = self.processes.get(&r.pid).is_some_and(|p| p.class == Class::Compiler);
        // rustc opens the job server's; what else it reads so, it reports.
        if own && is_descriptor(&path) && !(compiler && self.invocation.language.is_rust()) {
            let shown = String::from_utf8_lossy(&path).into_owned();
            return self.refuse(Reason::HostState, format!("{shown} was read, which only that process has"));
        }
        self.response_file(r, &path);
        if !self.invocation.language.is_rust() && !self.is_made(&path) {
            self.read_before_made.insert(path.clone());
        }
        if own && self.is_state(&path) && !self.is_made(&path) {
            return self.refuse(Reason::Incremental, "began with incremental state from an earlier compile");
        }
        self.content(&path, own);
    }

    /// C compilers know directories and headers again by their identity: two names for one directory are searched
    /// once. Where a name leads is therefore an input.
    fn identity(&mut self, path: &[u8], own: bool) {
        let crates = self.invocation.language.is_rust();
        if !own || crates || self.is_made(path) || tables::ignored_path(path, own).is_some() {
            return;
        }
        let path = Path::new(platform::os_str(path));
        let straight = path.parent().is_some_and(|dir| self.straight.contains(dir));
        if straight && path.read_link().is_err() {
            return;
        }
        let links = links_on(path);
        if links.is_empty() {
            self.straight.extend(path.parent().map(Path::to_path_buf));
        }
        for link in links {
            let name = self.roots.portable(link.as_os_str().as_encoded_bytes());
            self.look(DependencyKind::LeadsTo, &name);
        }
    }

    /// What the driver takes from a response file is in the key; whoever else opens it wants the bytes.
    fn response_file(&mut self, r: &Record, path: &[u8]) {
        let is_one =
            self.invocation.response_files.iter().any(|(p, _)| p.as_os_str().as_encoded_bytes() == path);
        if is_one && (r.pid != self.root_pid || !self.responses.insert(path.to_vec())) {
            let name = self.roots.portable(path);
            self.look(DependencyKind::File, &name);
        }
    }

    pub(super) fn failed(&mut self, r: &Record, own: bool) {
        if platform::errno_is_absent(r.errno) {
            return self.presence(r.path, true, own);
        }
        let path = clean(r.path);
        // To clang a directory that it may not enter is one that is not there.
        if !self.excused(&path, own) && (!own || !self.invocation.language.is_rust()) {
            let shown = String::from_utf8_lossy(&path).into_owned();
            self.refuse(Reason::UnreadableInput, format!("{shown} could not be opened (error {})", r.errno));
        }
    }

    pub(super) fn probe(&mut self, r: &Record, own: bool) {
        if own {
            self.step(r, Step::Opened(clean(r.path)));
        }
        let path = clean(r.path);
        let absent = platform::errno_is_absent(r.errno);
        if !own && r.flags & flag::NO_FOLLOW != 0 && (r.errno == 0 || absent) && self.may_look(&path) {
            let name = self.roots.portable(&path);
            self.look(DependencyKind::Link, &name);
        }
        if r.errno != 0 {
            return self.failed(r, own);
        }
        // A C compiler that knows a header by another name, or asks how large a file is, does not open it.
        let counts = !own || !self.invocation.language.is_rust();
        self.identity(&path, own);
        if counts && Path::new(platform::os_str(&path)).is_file() {
            self.content(r.path, own);
        } else {
            self.presence(r.path, false, own);
        }
    }

    pub(super) fn write(&mut self, r: &Record, own: bool) {
        if r.errno != 0 {
            if !own && r.flags & flag::EXCLUSIVE != 0 {
                self.presence(r.path, false, own);
            }
            return;
        }
        let path = clean(r.path);
        if tables::ignored_path(&path, true).is_none() {
            self.made.insert(path);
        }
    }

    pub(super) fn rename(&mut self, r: &Record) {
        let (from, to) = (clean(r.path), clean(r.path2));
        if self.made_dirs.remove(&from) || Path::new(platform::os_str(&to)).is_dir() {
            self.made_dirs.insert(to);
        } else {
            self.made.remove(&from);
            self.made.insert(to);
        }
    }

    /// A second name for something: what is read by it is read of what it leads to.
    pub(super) fn link(&mut self, r: &Record, own: bool) {
        let name = clean(r.path2);
        let at = Path::new(platform::os_str(&name));
        let to = Path::new(platform::os_str(r.path));
        // A file without a name gets one by way of its descriptor: it was made here.
        if !to.starts_with("/proc") {
            let to = kache_core::paths::absolute(at.parent().unwrap_or(at), to);
            let leads_to = to.as_os_str().as_encoded_bytes();
            if !to.is_dir() {
                self.content(leads_to, own);
            } else if !own && !self.is_made(&clean(leads_to)) {
                self.refuse(Reason::SideEffect, format!("{} linked to {}", self.name_of(r), to.display()));
            }
        }
        self.made.insert(name);
    }

    pub(super) fn unlink(&mut self, r: &Record, own: bool) {
        let path = clean(r.path);
        if !self.excused(&path, own) && !self.is_made_by_another_name(&path) {
            let shown = String::from_utf8_lossy(&path).into_owned();
            self.refuse(Reason::SideEffect, format!("{} removed {shown}", self.name_of(r)));
        }
    }

    pub(super) fn readlink(&mut self, r: &Record, own: bool) {
        if own {
            if platform::errno_is_absent(r.errno) {
                self.failed(r, own);
            }
            return;
        }
        let path = clean(r.path);
        // What these say of the process is where it runs.
        if path.starts_with(b"/proc/self/") {
            return self.look(DependencyKind::Place, b"");
        }
        match r.errno {
            0 if !self.excused(&path, own) => {
                let name = self.roots.portable(&path);
                self.look(DependencyKind::Link, &name);
            }
            0 => {}
            e if platform::errno_is_absent(e) => self.presence(&path, true, own),
            _ => self.presence(&path, false, own),
        }
    }

    pub(super) fn realpath(&mut self, r: &Record, own: bool) {
        if own {
            return if r.errno == 0 { self.presence(r.path, false, own) } else { self.failed(r, own) };
        }
        if r.flags & flag::RELATIVE != 0 && !self.processes.get(&r.pid).is_some_and(|p| p.locates) {
            self.look(DependencyKind::Cwd, b"");
        }
        self.presence(r.path, r.errno != 0, own);
        if r.errno == 0 && clean(r.path) != clean(r.path2) {
            // That the same path leads to the same place is what must hold: every link on the way counts.
            for link in links_on(Path::new(platform::os_str(r.path))) {
                let name = self.roots.portable(link.as_os_str().as_encoded_bytes());
                self.look(DependencyKind::Link, &name);
            }
        }
    }

    pub(super) fn list(&mut self, r: &Record, own: bool) {
        let path = clean(r.path);
        if r.errno != 0 {
            return self.failed(r, own);
        }
        let here = Path::new(platform::os_str(&path));
        let searched = own && self.invocation.search.iter().any(|d| d == here);
        // A directory that crates are searched in may be the one that this one is written to.
        let output = here == self.invocation.outputs.dir && !self.is_made(&path);
        if searched
            || !output && self.excused(&path, own)
            || own && here == self.toolchain.sysroot.join("lib")
            || self.is_made_by_another_name(&path)
        {
            return;
        }
        let name = self.roots.portable(&path);
        if r.flags & (flag::RECURSIVE | flag::PATTERN) != 0 {
            let dir =
                if here.is_dir() { here } else { here.ancestors().find(|a| a.is_dir()).unwrap_or(here) };
            let name = self.roots.portable(dir.as_os_str().as_encoded_bytes());
            return self.look(DependencyKind::Tree, &name);
        }
        let crates = own
            && self.invocation.language.is_rust()
            && self.processes.get(&r.pid).is_some_and(|p| p.class == Class::Compiler);
        if crates {
            self.computed("crates", &name);
        } else {
            self.look(DependencyKind::Listing, &name);
        }
    }

    /// What the run made is either gone again, or an output, or a side effect that a hit would not have.
    pub(super) fn left_behind(&mut self) {
        let made: Vec<PathBuf> =
            self.made.iter().chain(&self.made_dirs).map(|p| PathBuf::from(platform::os_str(p))).collect();
        for path in made {
            let gone = path.symlink_metadata().is_err();
            // rustc makes the directory that it is told to write to; a restore does so as well.
            if gone
                || self.is_state(path.as_os_str().as_encoded_bytes())
                || self.invocation.outputs.dir.starts_with(&path)
            {
                continue;
            }
            if self.read_before_made.contains(path.as_os_str().as_encoded_bytes()) {
                // What was read there is gone, and cannot be looked at again.
                self.refuse(Reason::SideEffect, format!("{} was read and then written", path.display()));
            } else if self.invocation.outputs.owns(&path) && !path.is_dir() {
                self.out.outputs.insert(path);
            } else {
                self.refuse(Reason::SideEffect, format!("{} was left behind", path.display()));
            }
        }
        for path in std::mem::take(&mut self.perhaps_inputs) {
            let p = Path::new(platform::os_str(&path));
            if !self.out.outputs.contains(p) && p.is_file() {
                let name = self.roots.portable(&path);
                self.look(DependencyKind::File, &name);
            }
        }
    }
}

/// Whether a path leads to what a process was given open.
fn is_descriptor(path: &[u8]) -> bool {
    let of_process = || {
        let rest = path.strip_prefix(b"/proc/")?;
        let mut parts = rest.split(|b| *b == b'/').skip(1);
        Some(parts.next()? == b"fd" && parts.next().is_some())
    };
    path.starts_with(b"/dev/fd/") || of_process().unwrap_or(false)
}

/// Where temporary files are put. What a run puts there is no input.
pub(super) fn temporary_dirs() -> Vec<Vec<u8>> {
    let told = ["TMPDIR", "TMP", "TEMP"].iter().filter_map(std::env::var_os);
    told.map(|dir| clean(dir.as_encoded_bytes())).collect()
}

/// The real name of something that may be gone: what is left of the way to it is resolved.
fn real(path: &Path) -> Option<PathBuf> {
    let there = path.ancestors().skip(1).find_map(|a| Some((a, a.canonicalize().ok()?)));
    there.and_then(|(a, real)| Some(real.join(path.strip_prefix(a).ok()?)))
}

/// The symbolic links that are followed where a path is resolved.
fn links_on(path: &Path) -> Vec<PathBuf> {
    // The system gives up after as many.
    const MOST: usize = 40;
    let parts =
        |p: &Path| -> Vec<PathBuf> { p.components().rev().map(|c| PathBuf::from(c.as_os_str())).collect() };
    let (mut links, mut at, mut rest) = (Vec::new(), PathBuf::new(), parts(path));
    while let Some(part) = rest.pop() {
        if part.as_os_str() == ".." {
            at.pop();
            continue;
        }
        at.push(part);
        if let Ok(to) = at.read_link() {
            links.push(at.clone());
            if links.len() == MOST {
                break;
            }
            at.pop();
            rest.extend(parts(&to));
        }
    }
    links
}
