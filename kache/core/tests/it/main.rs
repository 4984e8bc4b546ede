//! The store and the observer, through the library.
#![cfg(unix)]

#[cfg(target_os = "linux")]
mod facts;
#[cfg(target_os = "linux")]
mod observer;
mod random_store;
mod store_trust;
