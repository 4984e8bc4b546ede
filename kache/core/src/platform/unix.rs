//! Linux and macOS.

#[cfg(target_os = "linux")]
mod fact;
mod file;
mod path_form;
mod process;
mod stdin;
mod trust;

#[cfg(target_os = "linux")]
pub use fact::host_fact;
pub use file::*;
pub use path_form::*;
pub use process::*;
pub use stdin::*;
pub use trust::*;

use std::time::Duration;

fn clock(id: libc::clockid_t) -> i64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `t` is a valid timespec for the call to fill in.
    unsafe { libc::clock_gettime(id, &mut t) };
    let now = t.tv_sec * 1_000_000_000 + t.tv_nsec;
    #[cfg(feature = "faults")]
    let now = now + super::clock_is_off();
    now
}

/// Wall time, ns since 1970.
pub fn now_ns() -> i64 {
    clock(libc::CLOCK_REALTIME)
}

/// The time that the kernel would give to a file changed now. A later change never has an earlier time.
pub fn stamp_ns() -> i64 {
    #[cfg(target_os = "linux")]
    return clock(libc::CLOCK_REALTIME_COARSE);
    #[cfg(not(target_os = "linux"))]
    return clock(libc::CLOCK_REALTIME);
}

/// Waits until file times have passed `then`, so that changes before and after differ in their times. The wait is bounded, in
/// case the clock does not advance.
pub fn wait_past(then: i64) {
    for _ in 0..200 {
        if stamp_ns() > then {
            return;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// Identifies the current boot of the machine; `None` if the system does not provide it.
pub fn boot_id() -> Option<[u8; 16]> {
    // A test simulates a power cut.
    #[cfg(feature = "faults")]
    if let Ok(text) = std::env::var("KACHE_FAULT_BOOT") {
        let mut out = [0; 16];
        out.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
        return Some(out);
    }
    let text = std::fs::read("/proc/sys/kernel/random/boot_id").ok()?;
    let mut out = [0; 16];
    let mut hex = text.iter().filter(|b| b.is_ascii_hexdigit());
    for byte in &mut out {
        let pair = [*hex.next()?, *hex.next()?];
        *byte = u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?;
    }
    Some(out)
}

/// Whether this process has a terminal that it could open as `/dev/tty`.
#[cfg(target_os = "linux")]
pub fn has_terminal() -> bool {
    let status = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name of the program, which may hold anything: the state, three ids, and the terminal.
    let fields = status.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_ascii_whitespace().nth(4).is_some_and(|terminal| terminal != "0")
}

/// Facts about the host that a program can ask for. Without the observer, no other is recorded.
#[cfg(not(target_os = "linux"))]
pub fn host_fact(name: &[u8], _: &[u8]) -> Option<Vec<u8>> {
    (name == b"processors").then(processors)
}

/// The number of processors that this process may use, and their type.
fn processors() -> Vec<u8> {
    let mut out = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let about = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    for field in ["model name", "flags", "Features"] {
        out.extend(about.lines().find(|l| l.starts_with(field)).map(|l| format!("\n{l}")));
    }
    // SAFETY: no memory is involved.
    let all = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_CONF) };
    format!("{out}\n{all}").into_bytes()
}

/// The files of the shared objects that are loaded into this process, as the loader names them. What the user has the
/// loader put into every program is among them.
#[cfg(target_os = "linux")]
pub fn loaded_objects() -> Vec<std::path::PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    unsafe extern "C" fn note(
        info: *mut libc::dl_phdr_info,
        _: libc::size_t,
        all: *mut libc::c_void,
    ) -> libc::c_int {
        // SAFETY: the loader hands over a valid entry, whose name is NUL-terminated, and `all` is the vector below.
        let (name, all) = unsafe {
            (std::ffi::CStr::from_ptr((*info).dlpi_name), &mut *all.cast::<Vec<std::path::PathBuf>>())
        };
        // The program itself has no name, and what the kernel adds no path.
        if name.to_bytes().contains(&b'/') {
            all.push(std::ffi::OsStr::from_bytes(name.to_bytes()).into());
        }
        0
    }
    let mut all = Vec::new();
    // SAFETY: `note` does not unwind and does not outlive the call.
    unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut all).cast()) };
    all
}

/// Nothing is observed here.
#[cfg(not(target_os = "linux"))]
pub fn loaded_objects() -> Vec<std::path::PathBuf> {
    Vec::new()
}

/// The home directory.
pub fn home() -> Option<std::path::PathBuf> {
    std::env::var_os("HOME").map(Into::into)
}

/// The directory for caches.
pub fn cache_home() -> Option<std::path::PathBuf> {
    Some(home()?.join(".cache"))
}

/// The directory for configuration files.
pub fn config_home() -> Option<std::path::PathBuf> {
    Some(home()?.join(".config"))
}

/// The model and features of the processor, on which code for the native processor depends.
pub fn processor() -> Vec<u8> {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let wanted =
        ["vendor_id", "cpu family", "model\t", "model name", "stepping", "flags", "Features", "CPU part"];
    let mut lines: Vec<&str> = text.lines().filter(|l| wanted.iter().any(|w| l.starts_with(w))).collect();
    lines.sort();
    lines.dedup();
    lines.join("\n").into_bytes()
}
