//! Users, groups, services, protocols and network interfaces, as libc finds them.

use super::Answer;
use libc::c_char;
use std::ffi::CStr;
use std::ptr;

pub fn answer(fact: &str, argument: &CStr, about: &CStr) -> Option<Answer> {
    let number = || argument.to_str().ok()?.parse::<i64>().ok();
    let name = argument.as_ptr();
    let protocol = if about.is_empty() { ptr::null() } else { about.as_ptr() };
    // SAFETY: the arguments are C strings or null. What libc returns is null, or leads to an entry whose texts and lists
    // are complete; it is read before libc is asked for another. No other thread of kache asks libc for entries.
    unsafe {
        Some(match fact {
            "pwuid" => user(libc::getpwuid(number()?.try_into().ok()?)),
            "pwnam" => user(libc::getpwnam(name)),
            "grgid" => group(libc::getgrgid(number()?.try_into().ok()?)),
            "grnam" => group(libc::getgrnam(name)),
            "service" => service(libc::getservbyname(name, protocol)),
            "port" => service(libc::getservbyport(number()?.try_into().ok()?, protocol)),
            "protocol" => known_protocol(libc::getprotobyname(name)),
            "protonumber" => known_protocol(libc::getprotobynumber(number()?.try_into().ok()?)),
            "grouplist" => groups_of(argument, about.to_str().ok()?.parse().ok()?),
            "login" => login(),
            "interfaces" => interfaces(),
            "nameindex" => name_index(),
            "nametoindex" => Answer::of_number(libc::if_nametoindex(name).into()),
            "indextoname" => {
                let mut room = [0; libc::IF_NAMESIZE];
                let mut answer = Answer::default();
                if !libc::if_indextoname(number()?.try_into().ok()?, room.as_mut_ptr()).is_null() {
                    answer.pointed(room.as_ptr());
                }
                answer
            }
            _ => return None,
        })
    }
}

/// # Safety
/// The list is null, or ends with a null; all else in it leads to C strings.
unsafe fn add_list(answer: &mut Answer, mut list: *mut *mut c_char) {
    // SAFETY: as above.
    unsafe {
        while !list.is_null() && !(*list).is_null() {
            answer.pointed(*list);
            list = list.add(1);
        }
    }
    answer.text(b"");
}

/// # Safety
/// The entry is null or complete; so for the other kinds of entries.
unsafe fn user(entry: *const libc::passwd) -> Answer {
    let mut answer = Answer::default();
    // SAFETY: as above.
    unsafe {
        let Some(entry) = entry.as_ref() else { return answer };
        answer.pointed(entry.pw_name);
        answer.pointed(entry.pw_passwd);
        answer.number(entry.pw_uid.into());
        answer.number(entry.pw_gid.into());
        answer.pointed(entry.pw_gecos);
        answer.pointed(entry.pw_dir);
        answer.pointed(entry.pw_shell);
    }
    answer
}

unsafe fn group(entry: *const libc::group) -> Answer {
    let mut answer = Answer::default();
    // SAFETY: as for `user`.
    unsafe {
        let Some(entry) = entry.as_ref() else { return answer };
        answer.pointed(entry.gr_name);
        answer.pointed(entry.gr_passwd);
        answer.number(entry.gr_gid.into());
        add_list(&mut answer, entry.gr_mem);
    }
    answer
}

unsafe fn service(entry: *const libc::servent) -> Answer {
    let mut answer = Answer::default();
    // SAFETY: as for `user`.
    unsafe {
        let Some(entry) = entry.as_ref() else { return answer };
        answer.pointed(entry.s_name);
        add_list(&mut answer, entry.s_aliases);
        answer.number(entry.s_port.into());
        answer.pointed(entry.s_proto);
    }
    answer
}

unsafe fn known_protocol(entry: *const libc::protoent) -> Answer {
    let mut answer = Answer::default();
    // SAFETY: as for `user`.
    unsafe {
        let Some(entry) = entry.as_ref() else { return answer };
        answer.pointed(entry.p_name);
        add_list(&mut answer, entry.p_aliases);
        answer.number(entry.p_proto.into());
    }
    answer
}

fn groups_of(user: &CStr, group: libc::gid_t) -> Answer {
    let mut groups = vec![0; 65_536];
    let mut count = groups.len() as libc::c_int;
    // SAFETY: the name is a C string, and the list is as long as it is said to be.
    let found = unsafe { libc::getgrouplist(user.as_ptr(), group, groups.as_mut_ptr(), &mut count) };
    let mut answer = Answer::default();
    groups.iter().take(found.max(0) as usize).for_each(|group| answer.number((*group).into()));
    answer
}

fn login() -> Answer {
    let mut answer = Answer::default();
    // SAFETY: as for `answer`.
    unsafe {
        let name = libc::getlogin();
        if !name.is_null() {
            answer.pointed(name);
        }
    }
    answer
}

fn interfaces() -> Answer {
    let mut answer = Answer::default();
    let mut list = ptr::null_mut();
    // SAFETY: the list is made and freed by libc, and each entry leads to the next or to none.
    unsafe {
        if libc::getifaddrs(&mut list) != 0 {
            return answer;
        }
        let mut at = list;
        while let Some(entry) = at.as_ref() {
            answer.pointed(entry.ifa_name);
            answer.number(entry.ifa_flags.into());
            add_address(&mut answer, entry.ifa_addr);
            add_address(&mut answer, entry.ifa_netmask);
            add_address(&mut answer, entry.ifa_ifu);
            at = entry.ifa_next;
        }
        libc::freeifaddrs(list);
    }
    answer
}

/// # Safety
/// The address is null, or as long as its family says.
unsafe fn add_address(answer: &mut Answer, address: *const libc::sockaddr) {
    // SAFETY: as above.
    unsafe {
        let family = address.as_ref().map(|address| i32::from(address.sa_family));
        let size = match family {
            Some(libc::AF_INET) => size_of::<libc::sockaddr_in>(),
            Some(libc::AF_INET6) => size_of::<libc::sockaddr_in6>(),
            Some(libc::AF_PACKET) => size_of::<libc::sockaddr_ll>(),
            _ => 0,
        };
        answer.number(family.unwrap_or(-1).into());
        for at in 0..size {
            answer.number((*address.cast::<u8>().add(at)).into());
        }
    }
    answer.text(b"");
}

fn name_index() -> Answer {
    let mut answer = Answer::default();
    // SAFETY: the list is made and freed by libc, and ends with an entry without an index.
    unsafe {
        let list = libc::if_nameindex();
        let mut at = list;
        while !at.is_null() && (*at).if_index != 0 {
            answer.number((*at).if_index.into());
            answer.pointed((*at).if_name);
            at = at.add(1);
        }
        if !list.is_null() {
            libc::if_freenameindex(list);
        }
    }
    answer
}
