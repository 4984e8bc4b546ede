//! The text form of a trace: one event a line, for tests and for people.
//!
//! ```text
//! # a program reads a file, another that it starts finds nothing
//! 10 start /usr/bin/driver => /w aux=1
//! 10 module id=1 /lib/libc.so.6
//! 10 getenv id=1 HOME => /root
//! 10 read /w/src/a.h
//! 10 spawned posix_spawn /usr/bin/ld aux=11
//! 11 start /usr/bin/ld => /w aux=10
//! 11 stat no_follow err=ENOENT /w/x
//! torn
//! ```
//!
//! A line is the process (`10`, or `10/12` with a thread that is not the first), the kind of event in lower case, and
//! in any order: the names of flags, `id=` the module whose code did it (0 where none is given), `err=` an error by its
//! name or number, `aux=` a number, a first text, and after `=>` a second one. A text with spaces, or one that could
//! be taken for something else, stands in double quotes; within them `\` escapes as in Rust. `torn` is an event that
//! its writer did not finish, `overflowed` a log that was full. Empty lines and lines that begin with `#` say nothing.
//!
//! A text is read into the bytes of a log, so that it is the real reader that a test goes through.

use crate::observe::log::{self, HEADER, OVERFLOW_AT, RECORD, TAIL_AT};
use crate::observe::trace::{EventKind, Trace, TraceEvent, flag};
use std::fmt;

/// A log in memory that was made from its text form.
#[derive(Clone, Debug)]
pub struct TextLog {
    words: Vec<u64>,
}

/// Which flags the events of a kind can have.
const FLAGS: &[(EventKind, u8, &str)] = &[
    (EventKind::Start, flag::FORKED, "forked"),
    (EventKind::Start, flag::DISPATCHED, "dispatched"),
    (EventKind::Read, flag::CREATE, "create"),
    (EventKind::Read, flag::TRUNCATE, "truncate"),
    (EventKind::Read, flag::EXCLUSIVE, "exclusive"),
    (EventKind::Read, flag::APPEND, "append"),
    (EventKind::Read, flag::DIRECTORY, "directory"),
    (EventKind::Read, flag::THERE, "there"),
    (EventKind::Read, flag::READ_RELATIVE, "relative"),
    (EventKind::Write, flag::CREATE, "create"),
    (EventKind::Write, flag::TRUNCATE, "truncate"),
    (EventKind::Write, flag::EXCLUSIVE, "exclusive"),
    (EventKind::Write, flag::APPEND, "append"),
    (EventKind::Write, flag::THERE, "there"),
    (EventKind::Stat, flag::NO_FOLLOW, "no_follow"),
    (EventKind::Stat, flag::MAY_EXECUTE, "may_execute"),
    (EventKind::Stat, flag::MAY_WRITE, "may_write"),
    (EventKind::Stat, flag::MAY_READ, "may_read"),
    (EventKind::Stat, flag::BEYOND_LIBC, "beyond"),
    (EventKind::Stat, flag::BY_DESCRIPTOR, "by_descriptor"),
    (EventKind::Stat, flag::ENTERED, "entered"),
    (EventKind::Change, flag::NO_FOLLOW, "no_follow"),
    (EventKind::Rename, flag::REPLACES, "replaces"),
    (EventKind::Realpath, flag::RELATIVE, "relative"),
    (EventKind::List, flag::PATTERN, "pattern"),
    (EventKind::List, flag::RECURSIVE, "recursive"),
    (EventKind::List, flag::BEYOND_LIBC, "beyond"),
    (EventKind::Exec, flag::SEARCH, "search"),
    (EventKind::Exec, flag::EXEC_RELATIVE, "relative"),
    (EventKind::Exec, flag::BY_LIBC, "by_libc"),
    (EventKind::Exec, flag::ALONE, "alone"),
    (EventKind::Exec, flag::EXEC_UNREAD, "unread"),
    (EventKind::Exit, flag::EXIT_UNREAD, "unread"),
    (EventKind::Exit, flag::EXIT_RAW, "raw"),
    (EventKind::Spawned, flag::POSIX_SPAWN, "posix_spawn"),
    (EventKind::Unlink, flag::DIRECTORY_REMOVED, "directory"),
    (EventKind::Link, flag::SYMBOLIC, "symbolic"),
    (EventKind::Descriptor, flag::ASKED_ABOUT, "asked_about"),
    (EventKind::Lookup, flag::OF_C_LIBRARY, "of_c_library"),
    (EventKind::HostFact, flag::SET, "set"),
    (EventKind::HostFact, flag::UNANSWERED, "unanswered"),
];

/// Errors that are written by their names.
const ERRORS: &[(i32, &str)] = &[
    (libc::ENOENT, "ENOENT"),
    (libc::EPERM, "EPERM"),
    (libc::ENXIO, "ENXIO"),
    (libc::EISDIR, "EISDIR"),
    (libc::ENOTEMPTY, "ENOTEMPTY"),
    (libc::EROFS, "EROFS"),
    (libc::EXDEV, "EXDEV"),
    (libc::ETXTBSY, "ETXTBSY"),
    (libc::ENOTDIR, "ENOTDIR"),
    (libc::EACCES, "EACCES"),
    (libc::EEXIST, "EEXIST"),
    (libc::EINVAL, "EINVAL"),
];

impl TextLog {
    /// Reads the text form.
    ///
    /// # Errors
    /// The first line that cannot be read, and why.
    pub fn parse(text: &str) -> Result<TextLog, String> {
        let mut log = TextLog { words: vec![0; HEADER / 8] };
        let mut full = false;
        for (i, line) in text.lines().enumerate() {
            match line.trim() {
                "torn" => log.push(&[0; RECORD], 0),
                "overflowed" => full = true,
                "" => {}
                line if line.starts_with('#') => {}
                line => {
                    let event = Line::parse(line).map_err(|e| format!("line {}: {e}: {line}", i + 1))?;
                    log.push(&event.record(), event.kind as u8);
                }
            }
        }
        log.words[TAIL_AT / 8] = (log.words.len() * 8) as u64;
        log.words[OVERFLOW_AT / 8] = if full { u64::MAX } else { 0 };
        Ok(log)
    }

    /// Appends a record whose length and kind are still to be written.
    fn push(&mut self, record: &[u8], kind: u8) {
        let length = record.len().next_multiple_of(8);
        let mut record = record.to_vec();
        record.resize(length, 0);
        record[..4].copy_from_slice(&(length as u32).to_ne_bytes());
        record[4] = kind;
        let word = |eight: &[u8]| u64::from_ne_bytes(std::array::from_fn(|i| eight[i]));
        self.words.extend(record.chunks_exact(8).map(word));
    }

    pub fn trace(&self) -> Trace<'_> {
        // SAFETY: bytes need no alignment, and the slice covers the same memory.
        let bytes = unsafe { std::slice::from_raw_parts(self.words.as_ptr().cast(), self.words.len() * 8) };
        log::trace_of(bytes)
    }
}

/// The parts of a line.
#[derive(Debug)]
struct Line {
    kind: EventKind,
    flags: u8,
    errno: u16,
    pid: u32,
    tid: u32,
    module: u32,
    aux: i64,
    texts: [Vec<u8>; 2],
}

impl Line {
    fn parse(line: &str) -> Result<Line, String> {
        let mut words = words(line)?.into_iter();
        let (Some(Word::Plain(process)), Some(Word::Plain(kind))) = (words.next(), words.next()) else {
            return Err("a line begins with a process and a kind of event".to_string());
        };
        let (pid, tid) = process.split_once('/').unwrap_or((&process, &process));
        let kind = *EventKind::ALL
            .iter()
            .find(|k| word_of(**k) == kind)
            .ok_or_else(|| format!("`{kind}` is not a kind of event"))?;
        let (pid, tid) = (number(pid)?, number(tid)?);
        let mut out =
            Line { kind, flags: 0, errno: 0, pid, tid, module: 0, aux: 0, texts: [Vec::new(), Vec::new()] };
        let mut texts = Vec::new();
        let mut second = false;
        for word in words {
            let plain = match word {
                Word::Quoted(text) => {
                    texts.push((second, text));
                    continue;
                }
                Word::Plain(plain) => plain,
            };
            if let Some((_, bit, _)) = FLAGS.iter().find(|(of, _, name)| *of == kind && *name == plain) {
                out.flags |= bit;
            } else if let Some(n) = plain.strip_prefix("flags=") {
                out.flags |= number::<u8>(n)?;
            } else if let Some(n) = plain.strip_prefix("id=") {
                out.module = number(n)?;
            } else if let Some(n) = plain.strip_prefix("aux=") {
                out.aux = number(n)?;
            } else if let Some(name) = plain.strip_prefix("err=") {
                let known = ERRORS.iter().find(|(_, known)| *known == name);
                out.errno = known.map_or_else(|| number(name), |(n, _)| Ok(*n as u16))?;
            } else if plain == "=>" {
                second = true;
            } else {
                texts.push((second, plain.into_bytes()));
            }
        }
        for (second, text) in texts {
            let place = &mut out.texts[usize::from(second)];
            if !place.is_empty() {
                return Err("too many texts".to_string());
            }
            *place = text;
        }
        Ok(out)
    }

    fn record(&self) -> Vec<u8> {
        let mut out = vec![0; 5];
        out.push(self.flags);
        out.extend(self.errno.to_ne_bytes());
        out.extend([self.pid, self.tid, self.module, 0].map(u32::to_ne_bytes).concat());
        out.extend(self.aux.to_ne_bytes());
        for text in &self.texts {
            out.extend(text);
            out.push(0);
        }
        out
    }
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number that fits"))
}

fn word_of(kind: EventKind) -> String {
    format!("{kind:?}").to_lowercase()
}

#[derive(PartialEq)]
enum Word {
    Plain(String),
    Quoted(Vec<u8>),
}

fn words(line: &str) -> Result<Vec<Word>, String> {
    let mut out = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (text, after) = unescape(quoted)?;
            out.push(Word::Quoted(text));
            rest = after;
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            out.push(Word::Plain(rest[..end].to_string()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(out)
}

/// The text up to the closing quote, and what follows it.
fn unescape(text: &str) -> Result<(Vec<u8>, &str), String> {
    let mut out = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(b) = bytes.get(at) {
        at += 1;
        match b {
            b'"' => return Ok((out, &text[at..])),
            b'\\' => {
                let (byte, length) = match (bytes.get(at), text.get(at + 1..at + 3)) {
                    (Some(b'x'), Some(hex)) => (u8::from_str_radix(hex, 16).map_err(|e| e.to_string())?, 3),
                    (Some(b'n'), _) => (b'\n', 1),
                    (Some(b'r'), _) => (b'\r', 1),
                    (Some(b't'), _) => (b'\t', 1),
                    (Some(c @ (b'\\' | b'"' | b'\'')), _) => (*c, 1),
                    _ => return Err("an unknown escape".to_string()),
                };
                out.push(byte);
                at += length;
            }
            b => out.push(*b),
        }
    }
    Err("a quote is not closed".to_string())
}

impl fmt::Display for TraceEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.pid)?;
        if self.tid != self.pid {
            write!(f, "/{}", self.tid)?;
        }
        write!(f, " {}", word_of(self.kind))?;
        let mut unnamed = self.flags;
        for (_, bit, name) in FLAGS.iter().filter(|(of, bit, _)| *of == self.kind && self.flags & bit != 0) {
            unnamed &= !bit;
            write!(f, " {name}")?;
        }
        if unnamed != 0 {
            write!(f, " flags={unnamed}")?;
        }
        if self.module != 0 {
            write!(f, " id={}", self.module)?;
        }
        if self.errno != 0 {
            match ERRORS.iter().find(|(n, _)| *n == i32::from(self.errno)) {
                Some((_, name)) => write!(f, " err={name}")?,
                None => write!(f, " err={}", self.errno)?,
            }
        }
        if !self.path.is_empty() {
            write!(f, " {}", Text(self.path, self.kind))?;
        }
        if !self.path2.is_empty() {
            write!(f, " => {}", Text(self.path2, self.kind))?;
        }
        if self.aux != 0 {
            write!(f, " aux={}", self.aux)?;
        }
        Ok(())
    }
}

/// A text in quotes, where it needs them.
struct Text<'a>(&'a [u8], EventKind);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let graphic = |b: &u8| b.is_ascii_graphic() && !b"\"\\".contains(b);
        let plain = std::str::from_utf8(self.0).ok().filter(|text| {
            let option = ["flags=", "id=", "aux=", "err=", "=>"].iter().any(|o| text.starts_with(o));
            let flag = FLAGS.iter().any(|(of, _, name)| *of == self.1 && name == text);
            !option && !flag && self.0.iter().all(graphic)
        });
        match plain {
            Some(text) => f.write_str(text),
            None => write!(f, "\"{}\"", self.0.escape_ascii()),
        }
    }
}

impl fmt::Display for Trace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for event in &self.events {
            writeln!(f, "{event}")?;
        }
        (0..self.torn).try_for_each(|_| f.write_str("torn\n"))?;
        if self.overflowed {
            f.write_str("overflowed\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Any event; the texts hold no zero, which ends them in a log.
    fn events() -> impl Strategy<Value = Vec<Line>> {
        let text = || prop::collection::vec(1_u8.., 0..12);
        let words = prop::sample::select(vec!["forked", "=>", "id=1", "/a b", "ENOENT", "search", "\""]);
        let text = move || prop_oneof![text(), words.clone().prop_map(|w| w.as_bytes().to_vec())];
        let numbers = (any::<u8>(), any::<u16>(), any::<u32>(), any::<u32>(), any::<u32>(), any::<i64>());
        let kind = prop::sample::select(EventKind::ALL.to_vec());
        let one = (kind, numbers, text(), text()).prop_map(|(kind, n, first, second)| {
            let (flags, errno, pid, tid, module, aux) = n;
            Line { kind, flags, errno, pid, tid, module, aux, texts: [first, second] }
        });
        prop::collection::vec(one, 0..8)
    }

    proptest! {
        #[test]
        fn a_log_survives_being_written_as_text(lines in events(), torn in 0_usize..3, full: bool) {
            let mut binary = TextLog { words: vec![0; HEADER / 8] };
            for line in &lines {
                binary.push(&line.record(), line.kind as u8);
            }
            (0..torn).for_each(|_| binary.push(&[0; RECORD], 0));
            binary.words[TAIL_AT / 8] = (binary.words.len() * 8) as u64;
            binary.words[OVERFLOW_AT / 8] = if full { u64::MAX } else { 0 };
            let trace = binary.trace();
            prop_assert_eq!((trace.events.len(), trace.torn, trace.overflowed), (lines.len(), torn, full));
            let read = TextLog::parse(&trace.to_string()).map_err(TestCaseError::fail)?;
            prop_assert_eq!(&read.words, &binary.words);
        }
    }

    #[test]
    fn a_person_can_write_a_trace() {
        let text = "# written by hand\n\n 10 start aux=1 /usr/bin/driver => /w\n10/12 stat no_follow err=ENOENT \"/w/a b\"\n\
                    10 exec search id=2 cc => /bin:/usr/bin\ntorn";
        let log = TextLog::parse(text).unwrap();
        let trace = log.trace();
        let [start, stat, exec] = trace.events[..] else { panic!("{trace}") };
        assert_eq!(
            (start.kind, start.path, start.path2),
            (EventKind::Start, &b"/usr/bin/driver"[..], &b"/w"[..])
        );
        assert_eq!((stat.tid, stat.errno, stat.flags), (12, libc::ENOENT as u16, flag::NO_FOLLOW));
        assert_eq!((stat.path, exec.module, exec.flags), (&b"/w/a b"[..], 2, flag::SEARCH));
        assert_eq!((trace.torn, trace.overflowed), (1, false));
        assert_eq!(
            trace.to_string(),
            "10 start /usr/bin/driver => /w aux=1\n10/12 stat no_follow err=ENOENT \"/w/a b\"\n\
             10 exec search id=2 cc => /bin:/usr/bin\ntorn\n"
        );
    }

    #[test]
    fn a_line_that_says_nothing_known_is_refused() {
        for (line, why) in [
            ("10", "begins with"),
            ("10 look /a", "not a kind"),
            ("x read /a", "not a number"),
            ("10 read /a /b", "too many"),
            ("10 read err=EMADEUP /a", "not a number"),
            ("10 read \"/a", "not closed"),
            ("10 read \"\\q\"", "unknown escape"),
        ] {
            let error = TextLog::parse(line).unwrap_err();
            assert!(error.contains(why) && error.starts_with("line 1: "), "{line}: {error}");
        }
    }
}
