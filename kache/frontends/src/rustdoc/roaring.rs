//! Sets of numbers in the Roaring bitmap format, which the search index of rustdoc consists of.

/// The containers with at least this many members are bit fields.
const BIT_FIELD: usize = 4096;

/// Takes a set from the front of `bytes`. `None` if the bytes are not a set.
pub(super) fn take(bytes: &mut &[u8]) -> Option<Vec<u32>> {
    let start = bytes.len();
    let cookie = number16(bytes)?;
    let has_runs = match cookie {
        0x303b => true,
        0x303a => number16(bytes).filter(|zero| *zero == 0).map(|_| false)?,
        _ => return None,
    };
    let size =
        if has_runs { usize::from(number16(bytes)?) + 1 } else { usize::try_from(number32(bytes)?).ok()? };
    let runs = split(bytes, if has_runs { size.div_ceil(8) } else { 0 })?;
    let heads = split(bytes, size.checked_mul(4)?)?;
    let offsets = split(bytes, if !has_runs || size >= 4 { size.checked_mul(4)? } else { 0 })?;
    let mut set = Vec::new();
    for (at, head) in heads.chunks_exact(4).enumerate() {
        let offset = offsets.chunks_exact(4).nth(at).and_then(|mut offset| number32(&mut offset));
        if offset.is_some_and(|offset| offset as usize != start - bytes.len()) {
            return None;
        }
        let key = u32::from(u16::from_le_bytes([head[0], head[1]])) << 16;
        let count = usize::from(u16::from_le_bytes([head[2], head[3]])) + 1;
        let is_run = runs.get(at / 8).is_some_and(|bits| bits & (1 << (at % 8)) != 0);
        let before = set.len();
        container(bytes, is_run, count, |low| set.push(key | u32::from(low)))?;
        if set.len() - before != count {
            return None;
        }
    }
    Some(set)
}

fn container(bytes: &mut &[u8], is_run: bool, count: usize, mut member: impl FnMut(u16)) -> Option<()> {
    if is_run {
        for _ in 0..number16(bytes)? {
            let (first, more) = (number16(bytes)?, number16(bytes)?);
            (first..=first.checked_add(more)?).for_each(&mut member);
        }
    } else if count >= BIT_FIELD {
        for (at, byte) in split(bytes, 8192)?.iter().enumerate() {
            let bits = (0..8).filter(|bit| byte & (1 << bit) != 0);
            bits.for_each(|bit| member((at * 8) as u16 + bit));
        }
    } else {
        for _ in 0..count {
            member(number16(bytes)?);
        }
    }
    Some(())
}

fn split<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (front, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(front)
}

fn number16(bytes: &mut &[u8]) -> Option<u16> {
    Some(u16::from_le_bytes(split(bytes, 2)?.try_into().ok()?))
}

pub(super) fn number32(bytes: &mut &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(split(bytes, 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(mut bytes: &[u8]) -> Option<Vec<u32>> {
        take(&mut bytes).filter(|_| bytes.is_empty())
    }

    #[test]
    fn arrays_runs_and_bit_fields_are_read() {
        let array = [0x3a, 0x30, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 16, 0, 0, 0, 5, 0, 9, 0];
        assert_eq!(whole(&array), Some(vec![0x2_0005, 0x2_0009]));
        let run = [0x3b, 0x30, 0, 0, 1, 0, 0, 3, 0, 1, 0, 7, 0, 3, 0];
        assert_eq!(whole(&run), Some(vec![7, 8, 9, 10]));
        let mut bits = vec![0x3a, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 0xff, 0x0f, 16, 0, 0, 0];
        bits.extend([0xff; 512]);
        bits.extend([0; 8192 - 512]);
        assert_eq!(whole(&bits), Some((0..4096).collect()));
        let empty = [0x3a, 0x30, 0, 0, 0, 0, 0, 0];
        assert_eq!(whole(&empty), Some(Vec::new()));
    }

    #[test]
    fn bytes_that_are_no_set_are_refused() {
        let array = [0x3a, 0x30, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 16, 0, 0, 0, 5, 0, 9, 0];
        (0..array.len()).for_each(|len| assert_eq!(whole(&array[..len]), None, "{len}"));
        let mut elsewhere = array;
        elsewhere[12] = 17;
        assert_eq!(whole(&elsewhere), None);
        assert_eq!(whole(&[0x3c, 0x30, 0, 0]), None);
    }
}
