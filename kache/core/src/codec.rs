//! The bytes of manifests and results: lengths as LEB128, strings and lists with their length in front, and
//! a BLAKE3 digest of everything at the end.
//!
//! The reader takes bytes that came from a disk: whatever they are, it says `None` and never panics, and it
//! never believes a length that the bytes at hand could not hold.

use crate::digest::Digest;

/// Collects bytes.
#[derive(Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// A writer that has written `magic`.
    pub fn new(magic: &[u8; 8]) -> Writer {
        Writer { out: magic.to_vec() }
    }

    /// A number.
    pub fn num(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.out.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.out.push(n as u8);
    }

    /// Some bytes, with their length.
    pub fn bytes(&mut self, b: &[u8]) {
        self.num(b.len() as u64);
        self.out.extend(b);
    }

    /// A digest.
    pub fn digest(&mut self, d: &Digest) {
        self.out.extend(d.0);
    }

    /// Everything, sealed.
    pub fn finish(mut self) -> Vec<u8> {
        let seal = Digest::of(&self.out);
        self.out.extend(seal.0);
        self.out
    }
}

/// Takes apart what a [`Writer`] made.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Checks the seal and the magic.
    pub fn open(bytes: &'a [u8], magic: &[u8; 8]) -> Option<Reader<'a>> {
        let Reader { rest } = Reader::open_plain(bytes)?;
        Some(Reader { rest: rest.strip_prefix(magic)? })
    }

    /// Checks the seal of what has no magic of its own.
    pub fn open_plain(bytes: &'a [u8]) -> Option<Reader<'a>> {
        let (body, seal) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
        (Digest::of(body).0 == seal).then_some(Reader { rest: body })
    }

    /// A number.
    pub fn num(&mut self) -> Option<u64> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let (b, rest) = self.rest.split_first()?;
            self.rest = rest;
            n |= u64::from(b & 0x7f).checked_shl(shift)?;
            if b & 0x80 == 0 {
                return Some(n);
            }
        }
        None
    }

    /// Some bytes.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let n = usize::try_from(self.num()?).ok()?;
        let (b, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(b)
    }

    /// Text.
    pub fn text(&mut self) -> Option<String> {
        Some(std::str::from_utf8(self.bytes()?).ok()?.to_string())
    }

    /// A digest.
    pub fn digest(&mut self) -> Option<Digest> {
        let (b, rest) = self.rest.split_at_checked(32)?;
        self.rest = rest;
        Some(Digest(b.try_into().ok()?))
    }

    /// A count of things that take at least one byte each.
    pub fn count(&mut self) -> Option<usize> {
        let n = usize::try_from(self.num()?).ok()?;
        (n <= self.rest.len()).then_some(n)
    }

    /// Whether everything was read.
    pub fn at_end(&self) -> bool {
        self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else_is() {
        let mut w = Writer::new(b"kachetst");
        w.num(300);
        w.bytes(b"hello");
        w.digest(&Digest::of(b"d"));
        w.num(u64::MAX);
        let bytes = w.finish();
        let read = |bytes: &[u8]| {
            let mut r = Reader::open(bytes, b"kachetst")?;
            let all = (r.num()?, r.bytes()?.to_vec(), r.digest()?, r.num()?);
            r.at_end().then_some(all)
        };
        assert_eq!(read(&bytes), Some((300, b"hello".to_vec(), Digest::of(b"d"), u64::MAX)));
        for i in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[i] ^= 1;
            assert_eq!(read(&bad), None, "byte {i} flipped");
            assert_eq!(read(&bytes[..i]), None, "cut at {i}");
        }
    }
}
