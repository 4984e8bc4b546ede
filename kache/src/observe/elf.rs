//! Which symbols a shared object takes from elsewhere: enough of ELF to ask for one name.

use crate::platform;
use std::fs::File;
use std::path::Path;

/// Whether the object imports one of the symbols. `None` where it cannot be told.
pub fn imports(path: &Path, wanted: &[&str]) -> Option<bool> {
    let file = File::open(path).ok()?;
    let read = |offset: u64, len: u64| -> Option<Vec<u8>> {
        let mut buf = vec![0; usize::try_from(len).ok().filter(|n| *n < 64 << 20)?];
        let mut done = 0;
        while done < buf.len() {
            match platform::read_at(&file, &mut buf[done..], offset + done as u64).ok()? {
                0 => return None,
                n => done += n,
            }
        }
        Some(buf)
    };
    let head = read(0, 64)?;
    // 64-bit, little-endian.
    if head[..6] != *b"\x7fELF\x02\x01" {
        return None;
    }
    let num = |b: &[u8], at: usize, n: usize| -> Option<u64> {
        Some(b.get(at..at + n)?.iter().rev().fold(0, |v, b| v << 8 | u64::from(*b)))
    };
    let (sections, each, count) = (num(&head, 40, 8)?, num(&head, 58, 2)?, num(&head, 60, 2)?);
    let table = read(sections, each.checked_mul(count)?)?;
    let section = |i: u64| -> Option<(u64, u64, u64, u64)> {
        let s = table.get((i * each) as usize..)?;
        Some((num(s, 4, 4)?, num(s, 24, 8)?, num(s, 32, 8)?, num(s, 40, 4)?))
    };
    const DYNSYM: u64 = 11;
    let (_, offset, size, strings) = (0..count).filter_map(section).find(|s| s.0 == DYNSYM)?;
    let symbols = read(offset, size)?;
    let (_, offset, size, _) = section(strings)?;
    let names = read(offset, size)?;
    Some(symbols.chunks_exact(24).any(|s| {
        let undefined = s[6] == 0 && s[7] == 0;
        let name = names.get(num(s, 0, 4).unwrap_or(0) as usize..).unwrap_or(&[]);
        let name = name.split(|b| *b == 0).next().unwrap_or(&[]);
        undefined && wanted.iter().any(|w| w.as_bytes() == name)
    }))
}
