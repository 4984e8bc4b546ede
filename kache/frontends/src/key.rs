//! The action key: what was asked, from the command line alone. No source is read for it.
//!
//! One list ([`inputs`]) names every input; the key is its digest, and people are shown the same list.
//!
//! | component | in | why |
//! | --- | --- | --- |
//! | `schema` | version of this table | another table makes other keys |
//! | `compiler` | digest of the installation | another compiler makes another output |
//! | `driver` | where a C compiler is: as it was called, and its file | its name selects language and target (`aarch64-linux-gnu-clang++`), and it looks for headers and passes next to itself |
//! | `driver` | a program that becomes rustc | it may add arguments: what it reads are dependencies of its results alone |
//! | `cwd` | portable working directory | relative paths start there, and debug information contains it |
//! | `input` | portable source path | the source; its contents are a dependency |
//! | `language` | the language of a C compiler's source | `-x` applies to the sources after it |
//! | `arg` | each key-relevant flag, normalised as its row says | see `kache flags` |
//! | `leads-to` | the real path of each word that leads out of a root by `..` | the same word leads elsewhere from another checkout; see `climbing` |
//! | `paths` | how paths are mapped in artifacts, or the literal roots if they are not | the output contains them |
//! | `path-only-macros` | proc macros and linker scripts that the user declares to use paths only to find files, if any | a result that relies on such a declaration is only for builds that make it |
//! | `loader` | what the loader puts into every program, by contents, and its other variables, if any | see `loader` |
//! | `cpu` | this processor, with `-C target-cpu=native` only | it selects the instructions |
//!
//! | left out | why |
//! | --- | --- |
//! | key-excluded flags | see `kache flags` |
//! | flags about the format of diagnostics | a dependency (`setting`), if there were diagnostics |
//! | the names of a C compiler's outputs | a dependency (`output-names`), if the result may depend on them; see `output_names` |
//! | the environment | the variables that were read are dependencies |
//! | sources, libraries, programs | dependencies |
//! | the order of flags that differ | kept: a later flag can undo an earlier one. Flags with an order group come first, group by group |

use crate::climbing;
use crate::flags::{Bucket, Flag, Form};
use crate::invocation::{Invocation, Makes};
use crate::output_names;
use crate::toolchain::Toolchain;
use kache_core::action::KeyInputs;
use kache_core::digest::Digest;
use kache_core::paths::{Roots, absolute};
use kache_core::platform;
use kache_core::settings::Settings;
use std::path::Path;

/// The version of the table above.
const SCHEMA: &str = "8";

/// The components of the action key, as in the table above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    Schema,
    Compiler,
    Driver,
    Cwd,
    Input,
    Language,
    Arg,
    LeadsTo,
    Paths,
    PathOnlyMacros,
    Cpu,
}

impl Component {
    pub fn word(self) -> &'static str {
        match self {
            Component::Schema => "schema",
            Component::Compiler => "compiler",
            Component::Driver => "driver",
            Component::Cwd => "cwd",
            Component::Input => "input",
            Component::Language => "language",
            Component::Arg => "arg",
            Component::LeadsTo => "leads-to",
            Component::Paths => "paths",
            Component::PathOnlyMacros => "path-only-macros",
            Component::Cpu => "cpu",
        }
    }
}

/// The inputs of the action key, by component.
#[derive(Default)]
struct Inputs(KeyInputs);

impl Inputs {
    fn put(&mut self, component: Component, raw: &str, value: &[u8]) {
        self.0.put(component.word(), raw, value);
    }
}

/// Names every input of the action key, in order.
pub fn inputs(
    invocation: &Invocation,
    toolchain: &Toolchain,
    roots: &Roots,
    settings: &Settings,
) -> KeyInputs {
    let inputs = &mut Inputs::default();
    let Settings { remap, path_only_macros, .. } = settings;
    let cwd = invocation.cwd.as_os_str();
    inputs.put(Component::Schema, SCHEMA, SCHEMA.as_bytes());
    inputs.put(Component::Compiler, &invocation.program.to_string_lossy(), toolchain.digest.hex().as_bytes());
    if toolchain.by_shim {
        let shim = invocation.program.as_os_str();
        inputs.put(Component::Driver, &shim.to_string_lossy(), shim.as_encoded_bytes());
    }
    if !invocation.language.is_rust() {
        let real = invocation.program.canonicalize().unwrap_or_default();
        for place in [&invocation.program, &real] {
            let value = roots.portable(place.as_os_str().as_encoded_bytes());
            inputs.put(Component::Driver, &place.to_string_lossy(), &value);
        }
    }
    inputs.put(Component::Cwd, &cwd.to_string_lossy(), &roots.portable(cwd.as_encoded_bytes()));
    if let Some(spelt) = invocation.spelt_cwd() {
        inputs.put(Component::Cwd, &spelt.to_string_lossy(), spelt.as_os_str().as_encoded_bytes());
    }
    // A relative path stays relative, since `file!()` and `__FILE__` give it as written.
    inputs.put(Component::Input, &invocation.input, &path(&invocation.input, roots));
    if let Some(stdin) = &invocation.stdin {
        inputs.put(Component::Input, "standard input", stdin.hex().as_bytes());
    }
    if !invocation.language.is_rust() {
        // A `-x` after the source does not apply to the source, and the flags do not contain the position of the source.
        inputs.put(Component::Language, &invocation.unit.kind, invocation.unit.kind.as_bytes());
    }
    let mut link = LinkWords { roots, before: String::new() };
    for flag in ordered(&invocation.flags) {
        argument(flag, invocation, &mut link, inputs);
    }
    let relevant = |flag: &&Flag| matches!(flag.row.bucket, Bucket::Relevant(form) if !matches!(form, Form::Output | Form::Emit));
    let values = invocation.flags.iter().filter(relevant).filter_map(|flag| flag.value.as_deref());
    let searched = searched_by_environment(invocation);
    let words = values.chain([invocation.input.as_str()]).chain(searched.iter().map(String::as_str));
    for (word, real) in climbing::leads(words, &invocation.cwd, roots) {
        inputs.put(Component::LeadsTo, &word, &real);
    }
    // Where no argument maps a path, one that is written is a dependency on the place of the root.
    let is_mapped = (*remap || invocation.keeps_paths()) && !invocation.literal_paths;
    paths(roots, is_mapped || invocation.makes == Makes::Linked, inputs);
    if !path_only_macros.is_empty() {
        inputs.put(
            Component::PathOnlyMacros,
            &path_only_macros.join(","),
            path_only_macros.join(",").as_bytes(),
        );
    }
    if invocation.native_cpu {
        inputs.put(Component::Cpu, "this processor", Digest::of(&platform::processor()).hex().as_bytes());
    }
    std::mem::take(&mut inputs.0)
}

/// The values of variables that list directories which a C compiler searches, and makes real.
fn searched_by_environment(invocation: &Invocation) -> Vec<String> {
    const LISTS: &[&str] = &[
        "CPATH",
        "C_INCLUDE_PATH",
        "CPLUS_INCLUDE_PATH",
        "OBJC_INCLUDE_PATH",
        "OBJCPLUS_INCLUDE_PATH",
        "LIBRARY_PATH",
        "COMPILER_PATH",
        "GCC_EXEC_PREFIX",
    ];
    if invocation.language.is_rust() {
        return Vec::new();
    }
    LISTS.iter().filter_map(std::env::var_os).map(|list| list.to_string_lossy().into_owned()).collect()
}

/// The flags of each order group, then the others, both in the order of the command line.
fn ordered(flags: &[Flag]) -> Vec<&Flag> {
    let mut all: Vec<&Flag> = flags.iter().collect();
    all.sort_by_key(|flag| flag.row.effect.order_group.map_or((1, ""), |group| (0, group)));
    all
}

/// The path as given, with the root by its name: `/w/./a.c` has another `__FILE__` than `/w/a.c`.
fn path(text: &str, roots: &Roots) -> Vec<u8> {
    roots.portable_prefix(text.as_bytes())
}

/// The maps of the roots, or the literal roots if paths are not mapped.
fn paths(roots: &Roots, mapped: bool, inputs: &mut Inputs) {
    // Sorted by name: the order of `roots` depends on the lengths of the paths in this checkout.
    let mut roots: Vec<_> = roots.iter().collect();
    roots.sort_by(|a, b| a.name.cmp(&b.name));
    for root in roots {
        let raw = root.path.to_string_lossy();
        match &root.mapped {
            Some(to) if mapped => inputs.put(
                Component::Paths,
                &format!("{raw}={to}"),
                format!("<{}>={to}", root.name).as_bytes(),
            ),
            // The sysroot: the compiler's identity covers it, and no argument of kache names it.
            _ if mapped => {}
            _ => inputs.put(Component::Paths, &raw, format!("<{}>={raw}", root.name).as_bytes()),
        }
    }
}

fn argument(flag: &Flag, invocation: &Invocation, link: &mut LinkWords, inputs: &mut Inputs) {
    let roots = link.roots;
    let Bucket::Relevant(form) = flag.row.bucket else { return };
    let raw = flag.value.as_deref().unwrap_or("");
    let value = match form {
        Form::Literal => raw.as_bytes().to_vec(),
        Form::Path => path(raw, roots),
        Form::Output if invocation.outputs.roles.is_empty() => path(raw, roots),
        Form::Output => output_names::in_key(raw),
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
                [prefix(from, roots), b"=".to_vec(), to.as_bytes().to_vec(), beyond(raw, invocation, roots)]
                    .concat()
            }
            None => raw.as_bytes().to_vec(),
        },
        Form::LinkArg => link.next(raw),
        Form::LinkArgs => {
            let words = raw.split_ascii_whitespace().map(|word| link.next(word));
            words.collect::<Vec<_>>().join(&b" "[..])
        }
        Form::PathOrName if absolute(&invocation.cwd, Path::new(raw)).is_file() => path(raw, roots),
        Form::PathOrName => raw.as_bytes().to_vec(),
        Form::Emit => {
            // rustc sorts the kinds; of a kind that is named twice the later counts.
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
    inputs.0.put(format!("{} {}", Component::Arg.word(), flag.row.flag), raw, value);
}

/// Compilers compare a prefix byte by byte: `dir/` differs from `dir`, and an unusual form matches nothing else.
fn prefix(from: &str, roots: &Roots) -> Vec<u8> {
    let plain = from.trim_end_matches('/');
    if plain.contains("//") || plain.contains("/./") || plain.ends_with("/.") {
        return from.as_bytes().to_vec();
    }
    [path(plain, roots), from.as_bytes()[plain.len()..].to_vec()].concat()
}

/// The rests of the roots that lie under a prefix that the user maps: the output contains them literally. Compilers do not
/// agree on which `=` of several ends the prefix; no root lies under a wrong prefix.
fn beyond(map: &str, invocation: &Invocation, roots: &Roots) -> Vec<u8> {
    let mapped = roots.iter().filter(|r| r.mapped.is_some() || invocation.keeps_paths());
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

/// The arguments of the linker, in order.
struct LinkWords<'a> {
    roots: &'a Roots,
    /// The word before.
    before: String,
}

impl LinkWords<'_> {
    /// How a word counts. A path that stands alone only locates a file, unless the option before takes it as its value
    /// (`-rpath`, `-soname`, and either of them by way of `-Xlinker`). A longer word with a path in it may end up in the
    /// output, and so does the path of a shared object without a name (`DT_NEEDED`).
    fn next(&mut self, word: &str) -> Vec<u8> {
        let name = Path::new(word).file_name().unwrap_or_default().to_string_lossy();
        let literal = name.contains(".so") || takes_value(&self.before);
        self.before = word.to_string();
        if literal { word.as_bytes().to_vec() } else { path(word, self.roots) }
    }
}

/// Options of linkers that take no value, and options whose value only locates a file.
const BEFORE_FILES: &str = "\
    -L -T -nodefaultlibs -nostartfiles -nostdlib -no-pie -pie -rdynamic -shared -static -Wl,--as-needed \
    -Wl,--no-as-needed -Wl,--whole-archive -Wl,--no-whole-archive -Wl,--start-group -Wl,--end-group \
    -Wl,-Bstatic -Wl,-Bdynamic";

/// Whether the word after an option may be its value, and part of the output. The words of a response file are not known.
fn takes_value(option: &str) -> bool {
    option.starts_with(['-', '@'])
        && !option.starts_with("-l")
        && !BEFORE_FILES.split(' ').any(|known| known == option)
}
