//! The records that are about programs: what began, whose code it is, what it has loaded and can do, what it started.

use super::{Class, Collector, Process};
use crate::elf;
use crate::tables;
use kache_core::dependency::Kind as DependencyKind;
use kache_core::eval::{EVERY, find_program};
use kache_core::observe::log::{self, Kind, Record, flag};
use kache_core::platform;
use kache_core::reason::Reason;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

impl Collector<'_> {
    pub(super) fn start(&mut self, r: &Record) {
        let exe = platform::os_str(r.path);
        let name = Path::new(exe).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let cwd = PathBuf::from(platform::os_str(r.path2));
        let forked = r.flags & flag::FORKED != 0;
        if forked {
            let parent = u32::try_from(r.aux).ok().and_then(|p| self.processes.get(&p));
            let class = parent.map_or(Class::Other, |p| p.class);
            let foreign = parent.is_none_or(|p| p.foreign);
            let locates = parent.is_some_and(|p| p.locates);
            self.processes.insert(r.pid, Process::begun(class, foreign, locates, name, cwd));
            return;
        }
        if self.root_pid == 0 {
            self.root_pid = r.pid;
        }
        let parent = u32::try_from(r.aux).unwrap_or(0);
        let foreign = self.is_foreign(r.pid, parent);
        let class = if r.pid == self.root_pid && self.is_compiler(exe, &name) {
            Class::Compiler
        } else if foreign || self.invocation.plugin {
            Class::Other
        } else if self.toolchain.covers(Path::new(exe)) || tables::is_tool(&name) {
            Class::Tool
        } else {
            Class::Other
        };
        let locates = !foreign && self.locates(r.pid, parent);
        self.processes.insert(r.pid, Process::begun(class, foreign, locates, name, cwd));
        if r.pid == self.root_pid && class == Class::Compiler {
            return;
        }
        // Whatever runs can have been handed the whole environment by its `main`.
        if class == Class::Other {
            let every = if foreign { EVERY } else { b"" };
            match locates {
                true => self.look(DependencyKind::EnvAllPath, b""),
                false => self.look(DependencyKind::EnvAll, every),
            }
            if let Some(name) = self.told(r.pid).filter(|_| !foreign && self.linker.is_some()) {
                self.out.readers.entry(Vec::new()).or_default().insert(name);
            }
        }
        if foreign {
            self.past_libc(Path::new(exe));
        }
        let is_linker =
            self.linker.as_ref().and_then(|l| l.canonicalize().ok()).is_some_and(|l| l.as_os_str() == exe);
        if is_linker {
            self.computed("linker", b"");
        } else {
            self.content(r.path, true);
        }
    }

    /// Whether what runs in the compiler's place is it: a script under its name is not, nor is what that starts first.
    fn is_compiler(&self, exe: &std::ffi::OsStr, name: &str) -> bool {
        let crates = self.invocation.language.is_rust();
        let is_it = || self.invocation.program.canonicalize().is_ok_and(|p| p.as_os_str() == exe);
        crates || !self.invocation.plugin && (is_it() || tables::is_tool(name))
    }

    /// Whether a program that begins was started by code that is not the compiler's: a macro's, or a program's that
    /// a macro started. What a linker that is a script starts is as much a tool as it.
    fn is_foreign(&self, pid: u32, parent: u32) -> bool {
        let who = self.processes.get(&pid).map_or(parent, |_| pid);
        let Some(process) = self.processes.get(&who) else { return false };
        let own = match (self.exec_own.get(&pid), self.spawned.get(&pid)) {
            (Some(own), _) => *own,
            (None, Some((_, module))) => process.own.get(module).copied().unwrap_or(false),
            (None, None) => self.exec_own.get(&parent).copied().unwrap_or(false),
        };
        process.foreign || process.class == Class::Compiler && !own
    }

    /// Whether a program that begins is a linker script by `LOCATORS`, or was started by one.
    fn locates(&self, pid: u32, parent: u32) -> bool {
        let by = self.processes.get(&pid).or_else(|| self.processes.get(&parent));
        by.is_some_and(|p| p.locates)
            || self.linker.is_some() && self.told(pid).is_some_and(|name| self.is_locator(&name))
    }

    /// The name of the program that a process was told to become.
    fn told(&self, pid: u32) -> Option<String> {
        let path = Path::new(platform::os_str(self.told.get(&pid)?));
        Some(path.file_name()?.to_string_lossy().into_owned())
    }

    pub(super) fn is_locator(&self, name: &str) -> bool {
        let name = name.replace('-', "_");
        tables::LOCATORS.iter().any(|row| row.what == name) || self.locators.contains(&name)
    }

    pub(super) fn module(&mut self, r: &Record) {
        // The loader names what it found by way of `bin/../lib`.
        let real = std::fs::canonicalize(platform::os_str(r.path)).unwrap_or_default();
        let path = real.as_path();
        let Some(process) = self.processes.get_mut(&r.pid) else { return };
        let known = self.toolchain.covers(path) || tables::is_c_runtime(path);
        let own = r.module == 0 || known || process.starting && process.class == Class::Compiler;
        process.own.insert(r.module, own);
        let (class, started_by_others) = (process.class, process.foreign);
        if !own {
            process.crates.insert(r.module, crate_of(path));
        }
        if r.module == 0 || known {
            return;
        }
        // What is not loaded by its path is searched for, and another may come to lie before it.
        let found = Path::new(platform::os_str(r.path));
        if !found.parent().is_some_and(|dir| self.invocation.search.iter().any(|d| d == dir)) {
            self.look(DependencyKind::Library, found.file_name().unwrap_or_default().as_encoded_bytes());
        }
        self.content(path.as_os_str().as_encoded_bytes(), own);
        if own {
            return;
        }
        if class == Class::Compiler {
            if self.capabilities(path) {
                self.processes.entry(r.pid).and_modify(|p| _ = p.tells_status.insert(r.module));
            }
        } else if started_by_others {
            self.past_libc(path);
        }
    }

    /// What calls the kernel by itself can look at anything unseen: a macro, a program that a macro starts.
    fn past_libc(&mut self, path: &Path) {
        let known = self.toolchain.covers(path) || !self.examined.insert(path.to_path_buf());
        if !known && elf::calls_the_kernel(path) == Some(true) {
            self.refuse(Reason::RawSyscall, format!("{} makes system calls without libc", path.display()));
        }
    }

    /// What a proc macro could do without a look that is seen: the names in its object tell. Whether it can tell a file's
    /// times and permissions is for the dependencies that it makes.
    fn capabilities(&mut self, path: &Path) -> bool {
        self.past_libc(path);
        if elf::imports(path, &["environ", "__environ", "_environ"]).unwrap_or(true) {
            self.look(DependencyKind::EnvAll, EVERY);
        }
        if elf::shares_std(path) == Some(true) {
            let shown = path.display();
            self.refuse(
                Reason::RawSyscall,
                format!("{shown} dependencies by way of the compiler's own standard library"),
            );
        }
        let parts = |table: &[tables::Row]| table.iter().map(|r| r.what).collect::<Vec<&str>>();
        let (unseen, place) = (parts(tables::UNSEEN_CALLS), parts(tables::TELLS_PLACE));
        let (status, reading) = (parts(tables::TELLS_STATUS), parts(tables::TELLS_READING));
        match elf::functions(path, &[&unseen[..], &place, &status, &reading].concat()) {
            Some(found) => {
                if found.iter().any(|f| place.contains(f)) {
                    self.look(DependencyKind::Place, b"");
                }
                if found.iter().any(|f| unseen.contains(f)) {
                    let shown = path.display().to_string();
                    self.refuse(Reason::RawSyscall, format!("{shown} makes system calls without libc"));
                }
                if found.iter().any(|f| reading.contains(f)) {
                    self.refuse(
                        Reason::HostState,
                        format!("{} can tell when files were read", path.display()),
                    );
                }
                found.iter().any(|f| status.contains(f))
            }
            None => {
                self.look(DependencyKind::Place, b"");
                true
            }
        }
    }

    pub(super) fn exec(&mut self, r: &Record, own: bool) {
        self.exec_own.insert(r.pid, own);
        self.told.insert(r.pid, r.path.to_vec());
        if r.flags & flag::SEARCH != 0 && !self.is_our_path(r.path2) {
            let name = String::from_utf8_lossy(r.path).into_owned();
            self.refuse(
                Reason::PrivatePath,
                format!("{name} was looked for in a PATH of its caller's own making"),
            );
        }
        if r.flags & flag::SEARCH != 0 {
            let named = self
                .linker
                .as_ref()
                .and_then(|l| l.file_name())
                .is_some_and(|n| n.as_encoded_bytes() == r.path);
            let toolchain = self.processes.get(&r.pid).is_some_and(|p| p.class != Class::Other);
            if named && toolchain {
                self.computed("linker", b"");
            } else {
                self.look(DependencyKind::Program, r.path);
            }
            return;
        }
        let path = kache_core::paths::absolute(&self.invocation.cwd, Path::new(platform::os_str(r.path)));
        if self.linker.as_deref() == Some(&path) {
            self.computed("linker", b"");
        } else if path.symlink_metadata().is_err() {
            // A shell tries each directory of PATH.
            self.presence(path.as_os_str().as_encoded_bytes(), true, own);
        } else {
            self.content(path.as_os_str().as_encoded_bytes(), true);
            // clang dependencies through `PATH` by itself for the assembler, and another may come to lie before it.
            let name = path.file_name().unwrap_or_default();
            if own
                && !self.invocation.language.is_rust()
                && find_program(name, self.roots).as_ref() == Some(&path)
            {
                self.look(DependencyKind::Program, name.as_encoded_bytes());
            }
        }
    }

    /// Whether a `PATH` is the caller's, but for what rustc puts in front.
    fn is_our_path(&self, path: &[u8]) -> bool {
        let ours = std::env::var_os("PATH").unwrap_or_default();
        let dirs = |p: &std::ffi::OsStr| -> Vec<PathBuf> {
            std::env::split_paths(p).filter(|d| !d.starts_with(&self.toolchain.sysroot)).collect()
        };
        dirs(platform::os_str(path)) == dirs(&ours)
    }

    /// Programs that ran and wrote nothing to the log cannot be vouched for.
    pub(super) fn unobserved(&mut self, log: &log::Log) {
        let mut begun: HashMap<u32, usize> = HashMap::new();
        let mut asked: HashMap<u32, (usize, Vec<u8>)> = HashMap::new();
        for (i, r) in log.records().enumerate() {
            match r.kind {
                Kind::Start if r.flags & flag::FORKED == 0 => {
                    begun.insert(r.pid, i);
                }
                Kind::Exec if r.errno == 0 && r.flags & flag::BY_LIBC == 0 => {
                    asked.insert(r.pid, (i, r.path.to_vec()));
                }
                Kind::Exec if r.errno != 0 => {
                    asked.remove(&r.pid);
                }
                Kind::Spawned if r.flags & flag::POSIX_SPAWN != 0 => {
                    // posix_spawn: its Exec stands under the parent's pid.
                    asked.remove(&r.pid);
                    if let Ok(child) = u32::try_from(r.aux) {
                        asked.entry(child).or_insert((0, r.path.to_vec()));
                    }
                }
                _ => {}
            }
        }
        for (pid, (at, program)) in asked {
            if begun.get(&pid).is_none_or(|b| *b < at) {
                let shown = String::from_utf8_lossy(&program).into_owned();
                self.refuse(
                    Reason::UnobservedProgram,
                    format!("{shown} ran without the observer (a static program?)"),
                );
            }
        }
    }
}

/// `libserde_derive-0f3a.so` is of the crate `serde_derive`.
fn crate_of(path: &Path) -> String {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = name.strip_prefix("lib").unwrap_or(&name);
    name.split('-').next().unwrap_or(name).to_string()
}
