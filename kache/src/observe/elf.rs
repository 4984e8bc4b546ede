//! Which symbols a shared object takes from elsewhere, and which functions it has: enough of ELF to ask for a name.

use crate::platform;
use std::fs::File;
use std::path::Path;

struct Object {
    file: File,
    sections: Vec<Section>,
}

#[derive(Clone, Copy)]
struct Section {
    kind: u64,
    offset: u64,
    size: u64,
    link: usize,
}

const SYMTAB: u64 = 2;
const DYNSYM: u64 = 11;

impl Object {
    fn open(path: &Path) -> Option<Object> {
        let mut object = Object { file: File::open(path).ok()?, sections: Vec::new() };
        let head = object.read(0, 64)?;
        // 64-bit, little-endian.
        if head[..6] != *b"\x7fELF\x02\x01" {
            return None;
        }
        let (start, each, count) = (num(&head, 40, 8)?, num(&head, 58, 2)?, num(&head, 60, 2)?);
        let table = object.read(start, each.checked_mul(count)?)?;
        for s in table.chunks_exact(usize::try_from(each).ok().filter(|n| *n >= 64)?) {
            let (kind, offset, size) = (num(s, 4, 4)?, num(s, 24, 8)?, num(s, 32, 8)?);
            object.sections.push(Section { kind, offset, size, link: num(s, 40, 4)? as usize });
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
    let (symbols, names) = Object::open(path)?.table(DYNSYM)?;
    Some(symbols.chunks_exact(24).any(|s| {
        let undefined = s[6] == 0 && s[7] == 0;
        let name = names.get(num(s, 0, 4).unwrap_or(0) as usize..).unwrap_or(&[]);
        let name = name.split(|b| *b == 0).next().unwrap_or(&[]);
        undefined && wanted.iter().any(|w| w.as_bytes() == name)
    }))
}

/// Which of the parts of names occur in the names of the object's functions. `None` where it has been stripped of them.
pub fn functions<'a>(path: &Path, parts: &[&'a str]) -> Option<Vec<&'a str>> {
    let (_, names) = Object::open(path)?.table(SYMTAB)?;
    let text = String::from_utf8_lossy(&names);
    Some(parts.iter().copied().filter(|part| text.contains(part)).collect())
}
