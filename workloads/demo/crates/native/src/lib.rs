//! Safe functions over the C code.

/// The Adler-32 checksum.
pub fn adler32(bytes: &[u8]) -> u32 {
    // SAFETY: pointer and length are of one slice, which the callee only reads.
    unsafe { native_sys::demo_adler32(bytes.as_ptr(), bytes.len()) }
}

/// The bytes in reverse.
pub fn reversed(mut bytes: Vec<u8>) -> Vec<u8> {
    // SAFETY: pointer and length are of one vector, which nobody else sees meanwhile.
    unsafe { native_sys::demo_reverse(bytes.as_mut_ptr(), bytes.len()) };
    bytes
}

#[cfg(test)]
mod tests {
    #[test]
    fn calls_c() {
        assert_eq!(super::adler32(b"Wikipedia"), 0x11E6_0398);
        assert_eq!(super::reversed(vec![1, 2, 3]), [3, 2, 1]);
    }
}
