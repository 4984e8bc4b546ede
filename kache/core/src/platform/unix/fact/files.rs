//! File systems and attributes.

use super::Answer;
use std::ffi::CStr;

/// The largest value of an attribute.
const LARGEST: usize = 64 * 1024;

pub fn answer(fact: &str, argument: &CStr, path: &CStr) -> Option<Answer> {
    match fact {
        "stat" => Some(status(path)),
        "size" => Some(size(path)),
        "access" => Some(access(path)),
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

/// All that the file system says of a file but when it was last read, and the same of a link in its place.
fn status(path: &CStr) -> Answer {
    let mut answer = Answer::default();
    for ask in [libc::stat, libc::lstat] {
        // SAFETY: plain data for the call to fill in.
        let mut found: libc::stat = unsafe { std::mem::zeroed() };
        // SAFETY: the path is a C string.
        if unsafe { ask(path.as_ptr(), &mut found) } != 0 {
            answer.error();
            continue;
        }
        let of_file = [found.st_dev as i64, found.st_ino as i64, found.st_rdev as i64, found.st_nlink as i64];
        let owners = [found.st_mode as i64, found.st_uid as i64, found.st_gid as i64];
        let size = [found.st_size as i64, found.st_blocks as i64, found.st_blksize as i64];
        let times = [found.st_mtime, found.st_mtime_nsec, found.st_ctime, found.st_ctime_nsec];
        [&of_file[..], &owners, &size, &times].concat().into_iter().for_each(|number| answer.number(number));
    }
    answer
}

/// The permission bits, and whether owner and group are root's, this process's or others'.
fn access(path: &CStr) -> Answer {
    // SAFETY: plain data for the call to fill in.
    let mut found: libc::stat = unsafe { std::mem::zeroed() };
    let mut answer = Answer::default();
    // SAFETY: the path is a C string.
    if unsafe { libc::stat(path.as_ptr(), &mut found) } != 0 {
        answer.error();
        return answer;
    }
    // SAFETY: neither call can fail.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    let whose = |id: u32, own: u32| match id {
        0 => 0,
        id if id == own => 1,
        _ => 2,
    };
    answer.number(i64::from(found.st_mode & 0o7777));
    answer.number(whose(found.st_uid, user));
    answer.number(whose(found.st_gid, group));
    answer
}

fn size(path: &CStr) -> Answer {
    // SAFETY: plain data for the call to fill in.
    let mut found: libc::stat = unsafe { std::mem::zeroed() };
    let mut answer = Answer::default();
    // SAFETY: the path is a C string.
    match unsafe { libc::stat(path.as_ptr(), &mut found) } {
        0 => answer.number(found.st_size as i64),
        _ => answer.error(),
    }
    answer
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
