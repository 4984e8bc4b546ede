//! Declarations of the C interface in `csrc/interface.cpp`, and one safe function over it.

use std::ffi::{CStr, c_char};

unsafe extern "C" {
    /// How many of `length` bytes are in the fullest bucket.
    pub fn demo_fullest(bytes: *const u8, length: usize) -> u32;
    /// Where the report comes from: a string that lives for ever.
    pub fn demo_origin() -> *const c_char;
    /// What the assembler file holds.
    pub static demo_seed: u32;
}

/// How many of the bytes are in the fullest bucket.
pub fn fullest(bytes: &[u8]) -> u32 {
    // SAFETY: pointer and length are of one slice, which the callee only reads.
    unsafe { demo_fullest(bytes.as_ptr(), bytes.len()) }
}

/// The C++ source that reports, as it was named to its compiler.
pub fn origin() -> &'static CStr {
    // SAFETY: a string literal.
    unsafe { CStr::from_ptr(demo_origin()) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn calls_cpp_and_reads_what_was_assembled() {
        assert_eq!(super::fullest(&[1, 2, 3, 17, 33]), 3);
        assert!(super::origin().to_str().unwrap().ends_with("csrc/report.cpp"));
        // SAFETY: never written.
        assert_eq!(unsafe { super::demo_seed }, 0x5eed);
    }
}
