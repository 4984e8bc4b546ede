//! Which symbols an object takes from elsewhere, which functions it has, and whether it calls the kernel by itself: enough
//! of ELF, and of machine code, to ask for that.

use kache_core::platform;
use std::fs::File;
use std::path::Path;

struct Object {
    file: File,
    machine: u64,
    sections: Vec<Section>,
}

#[derive(Clone, Copy)]
struct Section {
    kind: u64,
    executable: bool,
    offset: u64,
    size: u64,
    link: usize,
}

const PROGBITS: u64 = 1;
const SYMTAB: u64 = 2;
const DYNSYM: u64 = 11;

impl Object {
    fn open(path: &Path) -> Option<Object> {
        let mut object = Object { file: File::open(path).ok()?, machine: 0, sections: Vec::new() };
        let head = object.read(0, 64)?;
        // 64-bit, little-endian.
        if head[..6] != *b"\x7fELF\x02\x01" {
            return None;
        }
        object.machine = num(&head, 18, 2)?;
        let (start, each, count) = (num(&head, 40, 8)?, num(&head, 58, 2)?, num(&head, 60, 2)?);
        let table = object.read(start, each.checked_mul(count)?)?;
        for s in table.chunks_exact(usize::try_from(each).ok().filter(|n| *n >= 64)?) {
            let (kind, offset, size) = (num(s, 4, 4)?, num(s, 24, 8)?, num(s, 32, 8)?);
            let executable = num(s, 8, 8)? & 4 != 0;
            object.sections.push(Section { kind, executable, offset, size, link: num(s, 40, 4)? as usize });
        }
        Some(object)
    }

    fn read(&self, offset: u64, len: u64) -> Option<Vec<u8>> {
        let mut buf = vec![0; usize::try_from(len).ok().filter(|n| *n < 256 << 20)?];
        let mut done = 0;
        while done < buf.len() {
            match platform::read_at(&self.file, &mut buf[done..], offset.checked_add(done as u64)?).ok()? {
                0 => return None,
                n => done += n,
            }
        }
        Some(buf)
    }

    /// A symbol table and the names of its symbols.
    fn table(&self, kind: u64) -> Option<(Vec<u8>, Vec<u8>)> {
        let symbols = self.sections.iter().find(|s| s.kind == kind)?;
        let names = self.sections.get(symbols.link)?;
        Some((self.read(symbols.offset, symbols.size)?, self.read(names.offset, names.size)?))
    }
}

fn num(b: &[u8], at: usize, n: usize) -> Option<u64> {
    Some(b.get(at..at + n)?.iter().rev().fold(0, |v, b| v << 8 | u64::from(*b)))
}

/// Whether the object imports one of the symbols. `None` where it cannot be told.
pub fn imports(path: &Path, wanted: &[&str]) -> Option<bool> {
    imports_any(path, |name| wanted.iter().any(|w| w.as_bytes() == name))
}

/// Whether the object takes Rust's standard library from another, whose dependencies are then not told from that other's own.
pub fn shares_std(path: &Path) -> Option<bool> {
    imports_any(path, |name| name.windows(4).any(|part| part == b"3std"))
}

fn imports_any(path: &Path, wanted: impl Fn(&[u8]) -> bool) -> Option<bool> {
    let (symbols, names) = Object::open(path)?.table(DYNSYM)?;
    Some(symbols.chunks_exact(24).any(|s| {
        let undefined = s[6] == 0 && s[7] == 0;
        let name = names.get(num(s, 0, 4).unwrap_or(0) as usize..).unwrap_or(&[]);
        undefined && wanted(name.split(|b| *b == 0).next().unwrap_or(&[]))
    }))
}

/// Which of the parts of names occur in the names of the object's functions. `None` where it has been stripped of them.
pub fn functions<'a>(path: &Path, parts: &[&'a str]) -> Option<Vec<&'a str>> {
    let (_, names) = Object::open(path)?.table(SYMTAB)?;
    let text = String::from_utf8_lossy(&names);
    Some(parts.iter().copied().filter(|part| text.contains(part)).collect())
}

const X86_64: u64 = 62;
const AARCH64: u64 = 183;

/// Whether the object has an instruction that calls the kernel. What has none does all its looking through libc. `None`
/// where it cannot be told.
pub fn calls_the_kernel(path: &Path) -> Option<bool> {
    let object = Object::open(path)?;
    let calls: fn(&[u8]) -> bool = match object.machine {
        X86_64 => x86_calls,
        // Each instruction is four bytes; the lowest five bits and the number called by are no matter.
        AARCH64 => {
            |code| code.chunks_exact(4).any(|i| num(i, 0, 4).is_some_and(|i| i & 0xffe0_001f == 0xd400_0001))
        }
        _ => return None,
    };
    for s in object.sections.iter().filter(|s| s.executable && s.kind == PROGBITS) {
        if calls(&object.read(s.offset, s.size)?) {
            return Some(true);
        }
    }
    Some(false)
}

/// The bytes of `syscall`, `sysenter` or `int 0x80` stand in any larger program by chance, within other instructions: it
/// counts whether one begins there.
fn x86_calls(code: &[u8]) -> bool {
    let calls = |w: &[u8]| matches!(w, [0x0f, 0x05] | [0x0f, 0x34] | [0xcd, 0x80]);
    code.windows(2).enumerate().any(|(at, w)| calls(w) && x86_begins(code, at))
}

/// Whether an instruction begins at `at`. Wherever one starts to read machine code, one is in step with it a few
/// instructions later; from a number of starts, so that none is overlooked.
fn x86_begins(code: &[u8], at: usize) -> bool {
    const BEFORE: usize = 256;
    (0..16).any(|shift| {
        let from = at.saturating_sub(BEFORE + shift);
        let mut decoder = iced_x86::Decoder::new(64, &code[from..], iced_x86::DecoderOptions::NONE);
        while decoder.can_decode() && decoder.position() < at - from {
            let _ = decoder.decode();
        }
        decoder.position() == at - from
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_of_the_kernel_is_told_from_bytes_that_look_so() {
        let padding = [0x90; 300];
        let with = |code: &[u8]| x86_calls(&[&padding[..], code, &padding].concat());
        // mov eax, 2; syscall; ret
        assert!(with(&[0xb8, 2, 0, 0, 0, 0x0f, 0x05, 0xc3]));
        assert!(x86_calls(&[0x0f, 0x05]), "at the very beginning");
        // xor eax, eax; int 0x80 and sysenter
        assert!(with(&[0x31, 0xc0, 0xcd, 0x80]) && with(&[0x0f, 0x34]));
        // lea rax, [rip + 0x50f]; mov ecx, 0x80cd; call +0x340f
        assert!(!with(&[0x48, 0x8d, 0x05, 0x0f, 0x05, 0, 0, 0xb9, 0xcd, 0x80, 0, 0, 0xe8, 0x0f, 0x34, 0, 0]));
    }

    #[test]
    fn the_c_library_calls_the_kernel_and_a_program_that_uses_it_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("p.c");
        std::fs::write(&source, "#include <stdio.h>\nint main(void) { return puts(\"\") < 0; }").unwrap();
        let made = |flags: &[&str]| {
            let out = dir.path().join("p");
            let mut cc = std::process::Command::new("cc");
            assert!(cc.arg(&source).arg("-o").arg(&out).args(flags).status().unwrap().success());
            calls_the_kernel(&out)
        };
        assert_eq!(made(&[]), Some(false));
        assert_eq!(made(&["-static"]), Some(true));
        assert_eq!(calls_the_kernel(&source), None);
    }
}
