//! Parses the output of `strace`: one system call on each line, with interrupted calls joined from their two
//! halves.
//!
//! This module knows the syntax only; `audit/tree.rs` and `latency/count.rs` interpret the calls. An unknown line is an error,
//! since an oracle must not skip what it does not understand.

use crate::error::{Error, Result};
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

/// Fails before anything is built if strace is missing.
pub fn require() -> Result<()> {
    let there = Command::new("strace").arg("-V").output().is_ok_and(|output| output.status.success());
    there.then_some(()).ok_or_else(|| {
        Error::input("strace is not installed, and this command needs it")
            .remedy("install the package `strace` (Linux only)")
    })
}

/// Traced calls: all that take a path, list a directory, create a process or change its directory; that open, copy or read a
/// descriptor; that name an address; that ask for attributes.
pub const TRACED: &str = "trace=%file,%process,getdents,getdents64,fchdir,read,pread64,readv,dup,dup2,dup3,fcntl,pipe,\
    pipe2,memfd_create,eventfd2,epoll_create1,pidfd_open,socket,socketpair,accept,accept4,connect,bind,sendto,fgetxattr,\
    flistxattr";

/// Traced calls whose arguments are printed as numbers: what they read is not needed.
pub const RAW: &str = "raw=read,pread64,readv";

/// A finished system call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Calling thread.
    pub thread: u32,
    pub name: String,
    pub arguments: Vec<Argument>,
    /// The returned value, or the name of the error.
    pub result: std::result::Result<i64, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// Quoted text, unescaped.
    Text(Vec<u8>),
    /// A descriptor with the path of its open file: `3</etc/passwd>`, `AT_FDCWD</home>`.
    Descriptor(Vec<u8>),
    /// Any other argument, as printed.
    Other(String),
}

impl Argument {
    /// The path of a text or of a descriptor.
    pub fn path(&self) -> Option<&[u8]> {
        match self {
            Argument::Text(path) | Argument::Descriptor(path) => Some(path),
            Argument::Other(_) => None,
        }
    }

    /// The printed form, unless it is a text.
    pub fn words(&self) -> &str {
        match self {
            Argument::Other(words) => words,
            _ => "",
        }
    }
}

/// Joins lines to calls.
#[derive(Debug, Default)]
pub struct Reader {
    begun: HashMap<u32, Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not understood: {0}")]
pub struct UnknownLine(String);

impl UnknownLine {
    pub fn in_log(&self, log: &Path) -> Error {
        Error::run(self.to_string())
            .at(log.display())
            .remedy("this version of strace prints unknown output: extend `system/strace.rs`")
    }
}

impl Reader {
    /// The call that a line completes; `None` if it begins a call or reports a signal or an exit.
    ///
    /// # Errors
    /// The line, if its format is unknown.
    pub fn line(&mut self, line: &[u8]) -> std::result::Result<Option<Call>, UnknownLine> {
        let odd = || UnknownLine(String::from_utf8_lossy(line).into_owned());
        let digits = line.iter().take_while(|b| b.is_ascii_digit()).count();
        let thread =
            std::str::from_utf8(&line[..digits]).ok().and_then(|t| t.parse().ok()).ok_or_else(odd)?;
        let text = line[digits..].trim_ascii_start();
        if text.starts_with(b"+++") || text.starts_with(b"---") {
            // A process killed in a call never returns from it.
            self.begun.remove(&thread);
            return Ok(None);
        }
        if let Some(head) = text.strip_suffix(b"<unfinished ...>") {
            self.begun.insert(thread, head.to_vec());
            return Ok(None);
        }
        let Some(resumed) = text.strip_prefix(b"<... ") else {
            return call(thread, text).map(Some).ok_or_else(odd);
        };
        let head = self.begun.remove(&thread).ok_or_else(odd)?;
        let at = memchr::memmem::find(resumed, b" resumed>").ok_or_else(odd)?;
        let whole = [&head[..], &resumed[at + b" resumed>".len()..]].concat();
        call(thread, &whole).map(Some).ok_or_else(odd)
    }
}

fn call(thread: u32, text: &[u8]) -> Option<Call> {
    let open = text.iter().position(|b| *b == b'(')?;
    let name = std::str::from_utf8(&text[..open]).ok()?.to_owned();
    let mut at = Cursor { text, at: open + 1 };
    let mut arguments = Vec::new();
    while !at.take(b")") {
        arguments.push(at.argument()?);
        at.spaces();
        at.take(b",");
        at.spaces();
    }
    at.spaces();
    at.take(b"= ").then_some(())?;
    let rest = std::str::from_utf8(&text[at.at..]).unwrap_or_default();
    let mut words = rest.split([' ', '<']);
    let value = words.next()?;
    let result = match value {
        "-1" => Err(words.next()?.to_owned()),
        // The process ended before the call did.
        "?" => Err("?".to_owned()),
        _ => Ok(match value.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16).ok()?,
            None => value.parse().ok()?,
        }),
    };
    Some(Call { thread, name, arguments, result })
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, what: &[u8]) -> bool {
        let there = self.text[self.at..].starts_with(what);
        self.at += if there { what.len() } else { 0 };
        there
    }

    fn spaces(&mut self) {
        while self.take(b" ") {}
    }

    fn argument(&mut self) -> Option<Argument> {
        if self.peek()? == b'"' {
            let text = self.quoted()?;
            // A truncated text would be taken for another path.
            return (!self.take(b"...")).then_some(Argument::Text(text));
        }
        let start = self.at;
        if let Some(path) = self.descriptor() {
            return Some(Argument::Descriptor(path));
        }
        self.at = start;
        let mut depth = 0usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.quoted()?;
                    continue;
                }
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b',' if depth == 0 => break,
                b')' | b']' | b'}' => depth = depth.checked_sub(1)?,
                _ => {}
            }
            self.at += 1;
        }
        Some(Argument::Other(String::from_utf8_lossy(self.text[start..self.at].trim_ascii()).into_owned()))
    }

    /// A number or `AT_FDCWD`, then a path in escaped angle brackets.
    fn descriptor(&mut self) -> Option<Vec<u8>> {
        let named = self.take(b"AT_FDCWD");
        while !named && self.peek()?.is_ascii_digit() {
            self.at += 1;
        }
        self.take(b"<").then_some(())?;
        let len = self.text[self.at..].iter().position(|b| *b == b'>')?;
        let path = unescaped(&self.text[self.at..self.at + len])?;
        self.at += len + 1;
        self.take(b"(deleted)");
        Some(path)
    }

    fn quoted(&mut self) -> Option<Vec<u8>> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        let text = unescaped(&self.text[start..self.at])?;
        self.at += 1;
        Some(text)
    }
}

fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'\\' {
            out.push(*first);
            continue;
        }
        let (kind, behind) = rest.split_first()?;
        rest = behind;
        let plain = match kind {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'v' => 0x0b,
            b'f' => 0x0c,
            b'x' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                rest = &rest[2..];
                u8::from_str_radix(digits, 16).ok()?
            }
            b'0'..=b'7' => {
                let more = rest.iter().take(2).take_while(|b| (b'0'..=b'7').contains(b)).count();
                let digits = [&[*kind], &rest[..more]].concat();
                rest = &rest[more..];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 8).ok()?
            }
            other => *other,
        };
        out.push(plain);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Call {
        Reader::default().line(line.as_bytes()).unwrap().unwrap()
    }

    fn text(t: &str) -> Argument {
        Argument::Text(t.as_bytes().to_vec())
    }

    #[test]
    fn a_call_has_texts_descriptors_and_a_result() {
        let call = one(r#"43  openat(AT_FDCWD</w (x)>, "a\"b\n\303\251", O_RDONLY|O_CLOEXEC) = 3</w/a>"#);
        assert_eq!((call.thread, call.name.as_str(), call.result), (43, "openat", Ok(3)));
        assert_eq!(call.arguments[0], Argument::Descriptor(b"/w (x)".to_vec()));
        assert_eq!(call.arguments[1], text("a\"b\né"));
        assert_eq!(call.arguments[2].words(), "O_RDONLY|O_CLOEXEC");
        let call = one(r#"7  getdents64(5</w/\x3cb\x3e>, 0x55 /* 3 entries */, 32768) = 80"#);
        assert_eq!(call.arguments[0], Argument::Descriptor(b"/w/<b>".to_vec()));
    }

    #[test]
    fn an_error_is_told_by_its_name() {
        let call =
            one(r#"1 access("/etc/ld.so.preload", R_OK)      = -1 ENOENT (No such file or directory)"#);
        assert_eq!(
            (call.arguments[0].clone(), call.result),
            (text("/etc/ld.so.preload"), Err("ENOENT".into()))
        );
        assert_eq!(one("1 exit_group(0)                      = ?").result, Err("?".into()));
    }

    #[test]
    fn lists_and_structures_are_one_argument() {
        let call = one(r#"1 execve("/usr/bin/gcc", ["gcc", "-DX=(1, \"2\")"], 0x7ffd /* 35 vars */) = 0"#);
        assert_eq!((call.arguments.len(), call.arguments[0].clone()), (3, text("/usr/bin/gcc")));
        let call = one(r#"1 newfstatat(AT_FDCWD</w>, "x", {st_mode=S_IFREG|0644, st_size=9, ...}, 0) = 0"#);
        assert_eq!(call.arguments.len(), 4);
        let call = one("1 clone3({flags=CLONE_VM|CLONE_FS, exit_signal=0} => {parent_tid=[5]}, 88) = 5");
        assert!(call.arguments[0].words().contains("CLONE_FS"));
    }

    #[test]
    fn halves_are_put_together_by_thread() {
        let mut reader = Reader::default();
        assert_eq!(reader.line(b"1 vfork( <unfinished ...>"), Ok(None));
        assert_eq!(reader.line(br#"2 open("a", O_RDONLY <unfinished ...>"#), Ok(None));
        assert_eq!(reader.line(b"1 <... vfork resumed>)              = 2").unwrap().unwrap().result, Ok(2));
        let open = reader.line(b"2 <... open resumed>)  = -1 EACCES (Permission denied)").unwrap().unwrap();
        assert_eq!((open.arguments[0].clone(), open.result), (text("a"), Err("EACCES".into())));
        assert_eq!(reader.line(b"2 +++ exited with 0 +++"), Ok(None));
        assert_eq!(reader.line(b"1 --- SIGCHLD {si_signo=SIGCHLD} ---"), Ok(None));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for odd in [
            "",
            "strace: out of memory",
            "1 open(\"a\"",
            "1 <... open resumed>) = 0",
            "1 open(\"a\"..., 0) = 3",
        ] {
            assert!(Reader::default().line(odd.as_bytes()).is_err(), "{odd}");
        }
    }
}
