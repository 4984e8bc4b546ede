//! Who may write where: owners and access lists in the place of modes.
//!
//! What kache makes is for this user, the system and the administrators, and inherits nothing. What it finds is not
//! trusted where its list lets anyone else write.

use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::AsRawHandle;
use std::path::Path;
use std::ptr::null_mut;
use windows_sys::Win32::Foundation::{CloseHandle, HANDLE, LocalFree};
use windows_sys::Win32::Security as security;
use windows_sys::Win32::Security::Authorization as lists;
use windows_sys::Win32::Storage::FileSystem as fs;
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

/// A user or group, as text.
fn text_of(sid: security::PSID) -> Option<String> {
    let mut wide: *mut u16 = null_mut();
    // SAFETY: the caller has a valid identifier; what the call makes is read to its zero and freed.
    unsafe {
        if lists::ConvertSidToStringSidW(sid, &raw mut wide) == 0 {
            return None;
        }
        let length = (0..).take_while(|i| *wide.add(*i) != 0).count();
        let text = String::from_utf16_lossy(std::slice::from_raw_parts(wide, length));
        LocalFree(wide.cast());
        Some(text)
    }
}

/// The user of this process.
fn user() -> Option<String> {
    // SAFETY: the buffer has room for a user's entry and is aligned for it; the handle is closed again.
    unsafe {
        let mut token: HANDLE = null_mut();
        if OpenProcessToken(GetCurrentProcess(), security::TOKEN_QUERY, &raw mut token) == 0 {
            return None;
        }
        let mut room = [0u64; 32];
        let mut told = 0;
        let size = size_of_val(&room) as u32;
        let done = security::GetTokenInformation(
            token,
            security::TokenUser,
            room.as_mut_ptr().cast(),
            size,
            &raw mut told,
        );
        CloseHandle(token);
        let entry = room.as_ptr().cast::<security::TOKEN_USER>();
        if done == 0 { None } else { text_of((*entry).User.Sid) }
    }
}

/// The system, and the administrators: they may do anything anyway.
fn is_above(sid: &str) -> bool {
    ["S-1-5-18", "S-1-5-32-544"].contains(&sid)
}

/// The owner of a directory, and who besides the owner, this user and the administrators may write to it.
fn rights(dir: &Path) -> io::Result<(String, Vec<String>)> {
    /// To add, replace or remove what is in a directory, or to give oneself the right to.
    const WRITE: u32 = fs::FILE_WRITE_DATA
        | fs::FILE_APPEND_DATA
        | fs::FILE_DELETE_CHILD
        | fs::DELETE
        | fs::WRITE_DAC
        | fs::WRITE_OWNER
        | 0x5000_0000;
    /// Rights that only what is made there later gets.
    const INHERIT_ONLY: u8 = 8;
    const ALLOW: u8 = 0;
    let open = super::open_dir(dir)?;
    let us = user().unwrap_or_default();
    let (mut owner, mut list, mut all) = (null_mut(), null_mut::<security::ACL>(), null_mut());
    // SAFETY: the call gives pointers into what it makes, which is freed when they are no longer used.
    unsafe {
        let what = security::OWNER_SECURITY_INFORMATION | security::DACL_SECURITY_INFORMATION;
        let code = lists::GetSecurityInfo(
            open.as_raw_handle(),
            lists::SE_FILE_OBJECT,
            what,
            &raw mut owner,
            null_mut(),
            &raw mut list,
            null_mut(),
            &raw mut all,
        );
        if code != 0 {
            return Err(io::Error::from_raw_os_error(code as i32));
        }
        let owner = text_of(owner).unwrap_or_default();
        let mut others = Vec::new();
        if list.is_null() {
            others.push("everyone".to_string());
        } else {
            for i in 0..u32::from((*list).AceCount) {
                let mut entry = null_mut();
                if security::GetAce(list, i, &raw mut entry) == 0 {
                    continue;
                }
                let entry = entry.cast::<security::ACCESS_ALLOWED_ACE>();
                let header = (*entry).Header;
                if header.AceType != ALLOW
                    || header.AceFlags & INHERIT_ONLY != 0
                    || (*entry).Mask & WRITE == 0
                {
                    continue;
                }
                let who = text_of((&raw mut (*entry).SidStart).cast()).unwrap_or_default();
                if who != us && who != owner && !is_above(&who) {
                    others.push(who);
                }
            }
        }
        LocalFree(all);
        Ok((owner, others))
    }
}

/// Why a directory cannot be trusted with this user's builds: another user owns it or can write to it. `None` if it can be
/// trusted; an error if the directory does not exist.
pub fn why_untrusted(dir: &Path) -> io::Result<Option<String>> {
    if super::identity(dir)?.0 != super::super::FileType::Dir {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let us = user().unwrap_or_default();
    let (owner, others) = rights(dir)?;
    if owner != us && !is_above(&owner) {
        return Ok(Some(format!("belongs to {owner}, and this is {us}")));
    }
    Ok((!others.is_empty()).then(|| format!("can be written to by others: {}", others.join(", "))))
}

/// Whether other users than the owner may write to a directory.
pub fn others_may_write(dir: &Path) -> bool {
    rights(dir).is_ok_and(|(_, others)| !others.is_empty())
}

/// Creates a directory and its missing parents, accessible only to this user.
pub fn make_private_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_private_dir(parent)?;
    }
    match make_one(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        other => other,
    }
}

fn make_one(path: &Path) -> io::Result<()> {
    let us = user().ok_or_else(|| io::Error::other("this process has no user"))?;
    // Protected: what the directory above gives to others is not inherited.
    let text = format!("D:P(A;OICI;FA;;;{us})(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)");
    let wide: Vec<u16> = text.encode_utf16().chain([0]).collect();
    let absolute = std::path::absolute(path)?;
    let long =
        absolute.as_os_str().len() > 200 && !absolute.as_os_str().as_encoded_bytes().starts_with(br"\\");
    let lead = if long { r"\\?\" } else { "" };
    let name: Vec<u16> = lead.encode_utf16().chain(absolute.as_os_str().encode_wide()).chain([0]).collect();
    // SAFETY: both texts end with a zero; what the first call makes is freed when the second has used it.
    unsafe {
        let mut made = null_mut();
        let revision = lists::SDDL_REVISION_1;
        if lists::ConvertStringSecurityDescriptorToSecurityDescriptorW(
            wide.as_ptr(),
            revision,
            &raw mut made,
            null_mut(),
        ) == 0
        {
            return Err(io::Error::last_os_error());
        }
        let attributes = security::SECURITY_ATTRIBUTES {
            nLength: size_of::<security::SECURITY_ATTRIBUTES>() as u32,
            lpSecurityDescriptor: made,
            bInheritHandle: 0,
        };
        let done = fs::CreateDirectoryW(name.as_ptr(), &raw const attributes);
        let e = io::Error::last_os_error();
        LocalFree(made);
        if done == 0 { Err(e) } else { Ok(()) }
    }
}

/// Has a file that is made be this user's alone: it inherits that from its directory, which is private.
pub fn private(_: &mut std::fs::OpenOptions) {}
