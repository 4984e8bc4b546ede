//! The store and the observer, through the library.
#![cfg(unix)]

#[cfg(target_os = "linux")]
mod changes;
#[cfg(target_os = "linux")]
mod descriptors;
#[cfg(target_os = "linux")]
mod dispatch;
#[cfg(target_os = "linux")]
mod facts;
#[cfg(target_os = "linux")]
mod lookups;
mod observer;
#[cfg(target_os = "linux")]
mod processes;
mod random_store;
#[cfg(target_os = "linux")]
mod sandbox;
#[cfg(target_os = "linux")]
mod status;
mod store_trust;
#[cfg(target_os = "linux")]
mod undisturbed;
#[cfg(target_os = "linux")]
mod variables;
