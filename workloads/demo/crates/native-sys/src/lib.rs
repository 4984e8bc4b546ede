//! Declarations of the C functions in `csrc/`.

unsafe extern "C" {
    /// The Adler-32 checksum of `length` bytes.
    pub fn demo_adler32(bytes: *const u8, length: usize) -> u32;
    /// Reverses `length` bytes in place.
    pub fn demo_reverse(bytes: *mut u8, length: usize);
}
