//! Command lines and what becomes of them, through the library.
#![cfg(unix)]

mod random_flags;
