//! Compares two `ar` archives by their members.
//!
//! rustc names the object members of an rlib after its code units, and under incremental compilation appends
//! a suffix of the session. Programs that link the rlib do not contain that suffix, and two compiles in the
//! same place differ in it. So members are compared by position, content, and name without the suffix. Times,
//! owners and modes of members are ignored: GNU ar writes zeros unless configured otherwise (`ar U`), and
//! then they describe the object's file, not its content. Nothing else is ignored.

use crate::text::count;
use object::read::archive::ArchiveFile;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Member<'b> {
    name: String,
    content: &'b [u8],
}

/// The first difference; `None` if only session suffixes differ.
pub fn difference(a: &[u8], b: &[u8]) -> Result<Option<String>, NotAnArchive> {
    let (a, b) = (members(a)?, members(b)?);
    if a.len() != b.len() {
        return Ok(Some(format!("{} instead of {}", count(b.len(), "member", "members"), a.len())));
    }
    for (x, y) in a.iter().zip(&b) {
        if without_session(&x.name) != without_session(&y.name) {
            return Ok(Some(format!("member `{}` instead of `{}`", y.name, x.name)));
        }
        if x.content != y.content {
            return Ok(Some(format!("member `{}` has different content", x.name)));
        }
    }
    Ok(None)
}

/// The bytes are not an archive, or one without contents (a thin one).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnArchive;

/// The members without the symbol table, which repeats their content and holds offsets.
fn members(bytes: &[u8]) -> Result<Vec<Member<'_>>, NotAnArchive> {
    let archive = ArchiveFile::parse(bytes).ok().filter(|archive| !archive.is_thin()).ok_or(NotAnArchive)?;
    let members = archive.members().map(|member| {
        let member = member?;
        let name = String::from_utf8_lossy(member.name()).into_owned();
        Ok(Member { name, content: member.data(bytes)? })
    });
    members.collect::<object::read::Result<_>>().map_err(|_| NotAnArchive)
}

/// Under incremental compilation an object is called `CRATE.UNIT.SESSION.rcgu.o`, otherwise
/// `CRATE.NAME.HASH-cgu.N.rcgu.o`, whose last part is the unit's number and is kept.
fn without_session(name: &str) -> String {
    let parts: Vec<_> = name.strip_suffix(".rcgu.o").unwrap_or_default().split('.').collect();
    match parts[..] {
        [krate, unit, _session] if !unit.contains('-') => format!("{krate}.{unit}.rcgu.o"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let names: String = members.iter().map(|(name, _)| format!("{name}/\n")).collect();
        let mut bytes = b"!<arch>\n".to_vec();
        let mut push = |name: &str, content: &[u8]| {
            bytes.extend(
                format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 644, content.len()).bytes(),
            );
            bytes.extend(content);
            bytes.extend(vec![b'\n'; content.len() % 2]);
        };
        push("//", names.as_bytes());
        let mut offset = 0;
        for (name, content) in members {
            push(&format!("/{offset}"), content);
            offset += name.len() + 2;
        }
        bytes
    }

    #[test]
    fn only_the_session_suffix_is_excused() {
        let one = archive(&[("lib.rmeta", b"meta"), ("demo.1abc.0session1.rcgu.o", b"code!")]);
        let two = archive(&[("lib.rmeta", b"meta"), ("demo.1abc.0session2.rcgu.o", b"code!")]);
        assert_eq!(difference(&one, &two), Ok(None));
        let other = archive(&[("lib.rmeta", b"meta"), ("demo.2def.0session2.rcgu.o", b"code!")]);
        assert!(difference(&one, &other).unwrap().unwrap().contains("demo.2def"));
        let first = archive(&[("demo.demo.1a-cgu.0.rcgu.o", b"code")]);
        let second = archive(&[("demo.demo.1a-cgu.1.rcgu.o", b"code")]);
        assert!(difference(&first, &second).unwrap().is_some());
        let code = archive(&[("lib.rmeta", b"meta"), ("demo.1abc.0session1.rcgu.o", b"CODE!")]);
        assert!(difference(&one, &code).unwrap().unwrap().contains("different content"));
        assert_eq!(difference(&one, b"no archive"), Err(NotAnArchive));
    }
}
