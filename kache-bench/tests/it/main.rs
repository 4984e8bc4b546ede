//! The harness through its binary, on small workloads.
#![cfg(unix)]

mod action;
#[cfg(target_os = "linux")]
mod audit_and_mutate;
mod compare;
mod completions;
mod documents;
mod firefox;
mod first_use;
mod gate;
mod injected_faults;
mod injected_mismatches;
mod interrupted;
mod kache;
mod latency;
mod load;
mod nightly;
mod nondeterminism;
mod pull;
mod report;
mod support;
mod trace;
mod without_cargo;
