//! The action key: what was asked, from the command line alone. No source is read for it.
//!
//! One walk ([`walk`]) names every input; it has two readers, the hasher that makes the key and the trace that people
//! are shown. What is hashed is what is shown.
//!
//! | component | in | why |
//! | --- | --- | --- |
//! | `schema` | version of this walk | another walk makes other keys |
//! | `compiler` | digest of the installation | another compiler makes another output |
//! | `driver` | where a C compiler is: as it was called, and its file | its name chooses language and target (`aarch64-linux-gnu-clang++`); headers and passes are looked for beside it |
//! | `cwd` | portable working directory | relative paths are meant from there, and debug information has it |
//! | `input` | portable source path | what is compiled; its contents are observed |
//! | `language` | the language of a C compiler's source | `-x` counts for what stands behind it |
//! | `arg` | each key-relevant flag, normalised as its row says | see `kache flags` |
//! | `paths` | how paths are mapped in artifacts, or the literal roots where they are not | they are in the output |
//! | `locators` | proc macros and linker scripts that the user declares to use paths only to find files, if any | what is stored under such a declaration is for those who make it |
//! | `cpu` | this processor, with `-C target-cpu=native` only | it decides which instructions are used |
//!
//! | left out | why |
//! | --- | --- |
//! | key-excluded flags | see `kache flags` |
//! | flags about the look of diagnostics | observed (`setting`), where there were diagnostics |
//! | the environment | observed, by what was read of it |
//! | sources, libraries, programs | observed |
//! | the order of flags that differ | kept: a later flag can undo an earlier one. Flags with an order group come first, group by group |

use crate::Invocation;
use crate::flags::{Bucket, Flag, Form};
use crate::toolchain::Toolchain;
use kache_core::digest::Digest;
use kache_core::key_trace::{Component, Part};
use kache_core::paths::{Roots, absolute};
use kache_core::platform;
use kache_core::settings::Settings;
use std::path::Path;

/// The version of the walk.
const SCHEMA: &str = "4";

/// The names of components, as in the table above.
pub const COMPONENTS: &[&str] =
    &["schema", "compiler", "driver", "cwd", "input", "language", "arg", "paths", "locators", "cpu"];

/// A reader of the walk.
pub trait Sink {
    /// One input: its name, as it is here, and as it counts.
    fn put(&mut self, name: &str, raw: &str, value: &[u8]);
}

/// Makes the key.
#[derive(Default)]
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// The key.
    pub fn finish(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

impl Sink for Hasher {
    fn put(&mut self, name: &str, _raw: &str, value: &[u8]) {
        for part in [name.as_bytes(), value] {
            self.0.update(&(part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
    }
}

impl Sink for Vec<Component> {
    fn put(&mut self, name: &str, raw: &str, value: &[u8]) {
        self.push(Component {
            part: Part::Action,
            name: name.to_string(),
            raw: raw.to_string(),
            value: String::from_utf8_lossy(value).into_owned(),
            by: None,
        });
    }
}

/// Names every input of the action key, in order.
pub fn walk(
    invocation: &Invocation,
    toolchain: &Toolchain,
    roots: &Roots,
    settings: &Settings,
    sink: &mut dyn Sink,
) {
    let Settings { remap, locators, .. } = settings;
    let cwd = invocation.cwd.as_os_str();
    sink.put("schema", SCHEMA, SCHEMA.as_bytes());
    sink.put("compiler", &invocation.program.to_string_lossy(), toolchain.digest.hex().as_bytes());
    if !invocation.adapter.crates {
        let real = invocation.program.canonicalize().unwrap_or_default();
        for place in [&invocation.program, &real] {
            let value = roots.portable(place.as_os_str().as_encoded_bytes());
            sink.put("driver", &place.to_string_lossy(), &value);
        }
    }
    sink.put("cwd", &cwd.to_string_lossy(), &roots.portable(cwd.as_encoded_bytes()));
    if let Some(spelt) = invocation.spelt_cwd() {
        sink.put("cwd", &spelt.to_string_lossy(), spelt.as_os_str().as_encoded_bytes());
    }
    // A relative path stays relative, since `file!()` and `__FILE__` give it as written.
    sink.put("input", &invocation.input, &path(&invocation.input, roots));
    if !invocation.adapter.crates {
        // A `-x` behind the source says nothing of it: its place among the flags is not in them.
        sink.put("language", &invocation.unit.kind, invocation.unit.kind.as_bytes());
    }
    for flag in ordered(&invocation.flags) {
        argument(flag, invocation, roots, sink);
    }
    paths(roots, *remap && !invocation.literal_paths, sink);
    if !locators.is_empty() {
        sink.put("locators", &locators.join(","), locators.join(",").as_bytes());
    }
    if invocation.native_cpu {
        sink.put("cpu", "this processor", Digest::of(&platform::processor()).hex().as_bytes());
    }
}

/// The flags of each order group, then the others, both in the order of the command line.
fn ordered(flags: &[Flag]) -> Vec<&Flag> {
    let mut all: Vec<&Flag> = flags.iter().collect();
    all.sort_by_key(|flag| flag.row.effect.order_group.map_or((1, ""), |group| (0, group)));
    all
}

/// As it is spelt, but for the root: `/w/./a.c` is another `__FILE__` than `/w/a.c`.
fn path(text: &str, roots: &Roots) -> Vec<u8> {
    roots.portable_prefix(text.as_bytes())
}

/// The key's view of a path and the literal one, where nothing in the output may depend on where things are.
fn paths(roots: &Roots, mapped: bool, sink: &mut dyn Sink) {
    // Not in their own order, which is by the length of what they are here.
    let mut roots: Vec<_> = roots.iter().collect();
    roots.sort_by(|a, b| a.name.cmp(&b.name));
    for root in roots {
        let raw = root.path.to_string_lossy();
        match &root.mapped {
            Some(to) if mapped => {
                sink.put("paths", &format!("{raw}={to}"), format!("<{}>={to}", root.name).as_bytes())
            }
            // The sysroot: the compiler's identity speaks for it, and nothing of ours names it.
            _ if mapped => {}
            _ => sink.put("paths", &raw, format!("<{}>={raw}", root.name).as_bytes()),
        }
    }
}

fn argument(flag: &Flag, invocation: &Invocation, roots: &Roots, sink: &mut dyn Sink) {
    let Bucket::Relevant(form) = flag.row.bucket else { return };
    let name = format!("arg {}", flag.row.flag);
    let raw = flag.value.as_deref().unwrap_or("");
    let value = match form {
        Form::Literal => raw.as_bytes().to_vec(),
        Form::Path => path(raw, roots),
        Form::Presence => b"given".to_vec(),
        Form::Search => match raw.split_once('=') {
            Some((kind, p)) => join(kind, b"=", path(p, roots)),
            None => path(raw, roots),
        },
        Form::Extern => match raw.split_once('=') {
            Some((name, p)) => join(name, b"=", path(p, roots)),
            None => raw.as_bytes().to_vec(),
        },
        Form::PathMap => match raw.rsplit_once('=') {
            Some((from, to)) => {
                [prefix(from, roots), b"=".to_vec(), to.as_bytes().to_vec(), beyond(raw, roots)].concat()
            }
            None => raw.as_bytes().to_vec(),
        },
        Form::LinkArg => link_argument(raw, roots),
        Form::LinkArgs => {
            let words = raw.split_ascii_whitespace().map(|word| link_argument(word, roots));
            words.collect::<Vec<_>>().join(&b" "[..])
        }
        Form::PathOrName if absolute(&invocation.cwd, Path::new(raw)).is_file() => path(raw, roots),
        Form::PathOrName => raw.as_bytes().to_vec(),
        Form::Emit => {
            // rustc keeps them in an order of its own; of one kind named twice the later counts.
            let mut kinds: Vec<&str> = raw.split(',').collect();
            kinds.sort_by_key(|k| k.split_once('=').map_or(*k, |(kind, _)| kind));
            let parts = kinds.into_iter().map(|k| match k.split_once('=') {
                Some((kind, p)) => join(kind, b"=", path(p, roots)),
                None => k.as_bytes().to_vec(),
            });
            parts.collect::<Vec<_>>().join(&b","[..])
        }
        Form::Macro => match flag.macro_parts().filter(|_| !invocation.literal_paths) {
            Some((name, value)) if roots.within(value) => name.as_bytes().to_vec(),
            _ => raw.as_bytes().to_vec(),
        },
        Form::List => {
            let parts = raw.split(',').map(|word| path(word, roots));
            parts.collect::<Vec<_>>().join(&b","[..])
        }
        Form::Json => {
            let words: Vec<&str> = raw.split(',').filter(|v| !v.starts_with("diagnostic-")).collect();
            words.join(",").into_bytes()
        }
        Form::Diagnostics => return,
    };
    sink.put(&name, raw, &value);
}

/// A prefix is compared letter by letter: `dir/` is another than `dir`, and an odd spelling is that of nothing else.
fn prefix(from: &str, roots: &Roots) -> Vec<u8> {
    let plain = from.trim_end_matches('/');
    if plain.contains("//") || plain.contains("/./") || plain.ends_with("/.") {
        return from.as_bytes().to_vec();
    }
    [path(plain, roots), from.as_bytes()[plain.len()..].to_vec()].concat()
}

/// What a prefix that the user maps leaves of the roots that lie under it: it goes into the output as it is. Compilers
/// do not agree on which `=` of several ends the prefix; no root lies under a wrong one.
fn beyond(map: &str, roots: &Roots) -> Vec<u8> {
    let mapped = roots.iter().filter(|r| r.mapped.is_some());
    let ends = || map.match_indices('=').map(|(at, _)| &map[..at]);
    let mut rests: Vec<String> = mapped
        .flat_map(|r| ends().filter_map(move |from| Some((r.path.to_str()?.strip_prefix(from)?, &r.name))))
        .filter(|(rest, _)| !rest.is_empty())
        .map(|(rest, name)| format!(" <{name}>={rest}"))
        .collect();
    rests.sort();
    rests.concat().into_bytes()
}

fn join(a: &str, sep: &[u8], b: Vec<u8>) -> Vec<u8> {
    [a.as_bytes(), sep, &b].concat()
}

/// A word that is a path only locates a file. A longer word with a path in it may end up in the output (`-rpath`), and so
/// does the path of a shared object without a name (`DT_NEEDED`).
fn link_argument(text: &str, roots: &Roots) -> Vec<u8> {
    let name = Path::new(text).file_name().unwrap_or_default().to_string_lossy();
    if name.contains(".so") { text.as_bytes().to_vec() } else { path(text, roots) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_above_names_what_the_walk_names() {
        let text = include_str!("action.rs");
        let rows: Vec<&str> = text
            .lines()
            .take_while(|l| !l.starts_with("//! | left out"))
            .filter_map(|l| l.strip_prefix("//! | `")?.split('`').next())
            .collect();
        assert_eq!(rows, COMPONENTS);
        let code = text.split("mod tests").next().unwrap();
        for put in code.split("sink.put(").skip(1) {
            let name = put.trim_start_matches(['"', '&']).split(['"', ',']).next().unwrap();
            assert!(COMPONENTS.contains(&name) || name == "name", "{name} is not in the table");
        }
    }
}
