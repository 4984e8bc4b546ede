//! Processes and their parents.

use super::ticks;
use crate::platform::Process;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use windows_sys::Wdk::System::Threading::{NtQueryInformationProcess, ProcessBasicInformation};
use windows_sys::Win32::Foundation::{CloseHandle, FILETIME, HANDLE};
use windows_sys::Win32::System::Threading as threading;

/// The parent of this process.
pub(in crate::platform) fn parent_of_this_process() -> u32 {
    // SAFETY: the handle of this process is always valid.
    basic_information(unsafe { threading::GetCurrentProcess() }).map_or(0, |(_, parent)| parent)
}

/// The ids of a process and of its parent.
fn basic_information(process: HANDLE) -> Option<(u32, u32)> {
    // SAFETY: plain data for the call to fill in.
    unsafe {
        let mut about: threading::PROCESS_BASIC_INFORMATION = std::mem::zeroed();
        let status = NtQueryInformationProcess(
            process,
            ProcessBasicInformation,
            (&raw mut about).cast(),
            size_of_val(&about) as u32,
            std::ptr::null_mut(),
        );
        (status >= 0).then_some((about.UniqueProcessId as u32, about.InheritedFromUniqueProcessId as u32))
    }
}

/// The system has no process groups.
pub fn group() -> u32 {
    0
}

/// A process, as far as the system tells. The parent's id may have been given to another process since.
pub fn process(id: u32) -> Option<Process> {
    // SAFETY: plain data for the calls to fill in; the handle is closed again.
    unsafe {
        let handle = threading::OpenProcess(threading::PROCESS_QUERY_LIMITED_INFORMATION, 0, id);
        if handle.is_null() {
            return None;
        }
        let mut times: [FILETIME; 4] = std::mem::zeroed();
        let [made, ended, kernel, user] = &mut times;
        threading::GetProcessTimes(handle, made, ended, kernel, user);
        let mut name = [0u16; 1024];
        let mut length = name.len() as u32;
        threading::QueryFullProcessImageNameW(handle, 0, name.as_mut_ptr(), &raw mut length);
        let parent = basic_information(handle).map(|(_, parent)| parent);
        CloseHandle(handle);
        let path = PathBuf::from(String::from_utf16_lossy(&name[..length as usize]));
        let program = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
        Some(Process { id, parent: parent?, group: 0, session: 0, start: ticks(times[0]) as u64, program })
    }
}

/// Not supported on this system.
pub fn error_output_of(_: u32) -> Option<File> {
    None
}

/// Not supported on this system.
pub fn end_of(_: u32, _: impl Fn(&Process) -> bool) -> Option<File> {
    None
}

/// Not supported on this system.
pub fn wait_for_stdin() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Not supported on this system.
pub fn error_output() -> io::Result<std::fs::File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The system tells nothing.
pub fn command_of(_: u32) -> Option<(Vec<std::ffi::OsString>, PathBuf)> {
    None
}

/// Not supported on this system.
pub fn detach_with(_: &mut Command, _: bool, _: Stdio, _: Stdio) -> io::Result<Child> {
    Err(io::ErrorKind::Unsupported.into())
}
