//! The compilers that kache knows: recognising them, taking their command lines apart, knowing their identity, and what their
//! processes are trusted with.
//!
//! A compiler family is a [`Family`](family::Family), a value, and a front end of the engine. A new family of compilers is a file with
//! a parser, a flag table and a line in [`FRONTENDS`]; a command that is not a compiler implements
//! [`Frontend`] itself.

mod archives;
mod cargo_home;
mod climbing;
pub mod collect;
mod compile_plan;
pub mod computed;
pub mod define;
pub mod depinfo;
pub mod excuses;
pub mod exec;
pub mod family;
#[cfg(all(test, target_os = "linux"))]
mod flag_columns;
#[cfg(test)]
mod flag_lines;
pub mod flags;
mod foreign;
pub mod gnu;
pub mod gnu_flags;
mod handed;
pub mod include;
mod incremental;
mod invocation;
pub mod key;
pub mod link;
pub mod linker;
pub mod loader;
mod made_text;
mod mapped;
mod modules;
pub mod msvc;
pub mod msvc_flags;
pub mod nvcc;
pub mod origin;
mod output_names;
mod plan;
pub mod policies;
#[cfg(test)]
mod random_flags;
pub mod recognise;
mod refine;
pub mod response;
mod rust_tokens;
pub mod rustc;
pub mod rustc_flags;
pub mod rustdoc;
pub mod rustdoc_flags;
pub mod rustup;
pub mod script;
pub mod shims;
pub mod source;
pub mod starter;
pub mod tables;
mod times;
pub mod toolchain;
pub mod unknown;
pub mod unobserved;

use kache_core::frontend::Frontend;

/// Every front end. The first that claims a command plans it; the last one claims every command and refuses it.
pub static FRONTENDS: &[&dyn Frontend] = &[
    &script::Script,
    &rustc::FAMILY,
    &rustdoc::Rustdoc,
    &msvc::FAMILY,
    &nvcc::FAMILY,
    &link::Link,
    &gnu::FAMILY,
    &unknown::Unknown,
];

/// The flag tables, by the names that `kache flags` knows them by.
pub static TABLES: &[(&str, &[flags::Row])] = &[
    ("rustc", rustc_flags::TABLE),
    ("rustdoc", rustdoc_flags::TABLE),
    ("gnu", gnu_flags::TABLE),
    ("link", link::TABLE),
    ("msvc", msvc_flags::TABLE),
    ("nvcc", nvcc::TABLE),
];

/// The families of compilers.
pub static FAMILIES: &[&family::Family] =
    &[&rustc::FAMILY, &rustdoc::FAMILY, &gnu::FAMILY, &msvc::FAMILY, &nvcc::FAMILY];
