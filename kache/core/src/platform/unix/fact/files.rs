//! File systems and attributes.

use super::Answer;
use std::ffi::CStr;

/// The largest value of an attribute.
const LARGEST: usize = 64 * 1024;

pub fn answer(fact: &str, argument: &CStr, path: &CStr) -> Option<Answer> {
    match fact {
        "statfs" => Some(statfs(path, true)),
        "fstatfs" => Some(statfs(path, false)),
        "statvfs" => Some(statvfs(path)),
        "pathconf" => {
            let name = argument.to_str().ok()?.parse().ok()?;
            // SAFETY: the path is a C string.
            Some(Answer::of_number(unsafe { libc::pathconf(path.as_ptr(), name) }))
        }
        "xattr" | "lxattr" => {
            let ask = if fact == "xattr" { libc::getxattr } else { libc::lgetxattr };
            // SAFETY: both are C strings, and the buffer is as long as it is said to be.
            Some(bytes(&|room| unsafe {
                ask(path.as_ptr(), argument.as_ptr(), room.as_mut_ptr().cast(), room.len())
            }))
        }
        "xattrs" | "lxattrs" => {
            let ask = if fact == "xattrs" { libc::listxattr } else { libc::llistxattr };
            // SAFETY: the path is a C string, and the buffer is as long as it is said to be.
            Some(bytes(&|room| unsafe { ask(path.as_ptr(), room.as_mut_ptr().cast(), room.len()) }))
        }
        _ => None,
    }
}

fn bytes(ask: &dyn Fn(&mut [u8]) -> isize) -> Answer {
    let mut room = vec![0; LARGEST];
    let mut answer = Answer::default();
    match usize::try_from(ask(&mut room)) {
        Ok(length) => answer.0.extend(&room[..length]),
        Err(_) => answer.error(),
    }
    answer
}

fn statfs(path: &CStr, with_space: bool) -> Answer {
    let mut answer = Answer::default();
    // SAFETY: plain data for the call to fill in.
    let mut found: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path is a C string.
    if unsafe { libc::statfs(path.as_ptr(), &mut found) } != 0 {
        answer.error();
        return answer;
    }
    answer.number(found.f_type as i64);
    answer.number(found.f_bsize as i64);
    answer.number(found.f_namelen as i64);
    answer.number(found.f_frsize as i64);
    if with_space {
        // SAFETY: the identity is two numbers, which the `libc` crate keeps private.
        let id: [i32; 2] = unsafe { std::mem::transmute(found.f_fsid) };
        id.into_iter().for_each(|n| answer.number(n.into()));
        answer.number(found.f_blocks as i64);
        answer.number(found.f_bfree as i64);
        answer.number(found.f_bavail as i64);
        answer.number(found.f_files as i64);
        answer.number(found.f_ffree as i64);
    }
    answer
}

fn statvfs(path: &CStr) -> Answer {
    let mut answer = Answer::default();
    // SAFETY: plain data for the call to fill in.
    let mut found: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path is a C string.
    if unsafe { libc::statvfs(path.as_ptr(), &mut found) } != 0 {
        answer.error();
        return answer;
    }
    answer.number(found.f_bsize as i64);
    answer.number(found.f_frsize as i64);
    answer.number(found.f_blocks as i64);
    answer.number(found.f_bfree as i64);
    answer.number(found.f_bavail as i64);
    answer.number(found.f_files as i64);
    answer.number(found.f_ffree as i64);
    answer.number(found.f_favail as i64);
    answer.number(found.f_fsid as i64);
    answer.number(found.f_flag as i64);
    answer.number(found.f_namemax as i64);
    answer
}
