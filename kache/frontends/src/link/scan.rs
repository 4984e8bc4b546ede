//! What the files of a link say: whether an output holds a path of this checkout or a name that the driver made up, and
//! whether an input leads the linker to a path.

use crate::gnu;
use kache_core::named_roots::NamedRoots;
use kache_core::observe::trace::{EventKind, Trace, flag};
use kache_core::paths::Roots;
use kache_core::platform;
use kache_core::reason::{NotCacheable, Reason, refuse};
use kache_core::template;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

/// What a trace shows about a link, beside its dependencies.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tools {
    /// The names of files that the run made up, without their extensions.
    pub temporary: BTreeSet<Vec<u8>>,
    /// A program or a plugin that optimises at link time.
    pub optimiser: Option<String>,
    /// Whether a linker ran that follows the names of libraries in objects, and compiles bitcode by itself.
    pub is_lld: bool,
}

impl Tools {
    pub fn of(trace: &Trace) -> Tools {
        let mut tools = Tools::default();
        for event in trace.events.iter().filter(|event| event.errno == 0) {
            let path = Path::new(platform::os_str(event.path));
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            match event.kind {
                EventKind::Start if event.flags & flag::FORKED == 0 => {
                    tools.is_lld |= name.contains("lld");
                    let optimises = name.ends_with("lto-wrapper") || name.starts_with("lto1");
                    tools.optimiser = tools.optimiser.take().or_else(|| optimises.then(|| name.into_owned()));
                }
                EventKind::Module if name.starts_with("LLVMgold") => {
                    tools.optimiser = Some(name.into_owned())
                }
                EventKind::Write | EventKind::Read if event.flags & flag::EXCLUSIVE != 0 => {
                    tools.temporary.extend(made_up_name(path));
                }
                _ => {}
            }
        }
        tools
    }
}

/// The made-up part of the name of a file that is gone again. A driver makes up a name before an extension, and a linker adds
/// an extension to the name of the output.
fn made_up_name(path: &Path) -> Option<Vec<u8>> {
    if path.symlink_metadata().is_ok() {
        return None;
    }
    let stem = path.file_stem()?.as_encoded_bytes();
    let is_known = path.with_extension("").exists();
    Some(if is_known { path.file_name()?.as_encoded_bytes().to_vec() } else { stem.to_vec() })
}

/// What kind of file an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    /// An object, or an archive of objects.
    Object,
    /// A shared object, which may name directories for the libraries that it needs.
    Shared,
    Bitcode,
    /// An archive of names, a script, or a list.
    Text,
}

impl Input {
    /// The kind, by the first bytes.
    fn of(head: &[u8]) -> Input {
        const DYNAMIC: u8 = 3;
        match head {
            [b'B', b'C', 0xc0, 0xde, ..] | [0xde, 0xc0, 0x17, 0x0b, ..] => Input::Bitcode,
            [0x7f, b'E', b'L', b'F', ..] => {
                // The type of the object, in either order of bytes.
                let is_shared = head.get(16..18).is_some_and(|kind| kind.contains(&DYNAMIC));
                if is_shared { Input::Shared } else { Input::Object }
            }
            _ if head.starts_with(ARCHIVE) => Input::Object,
            _ => Input::Text,
        }
    }
}

const ARCHIVE: &[u8] = b"!<arch>\n";
const ELF: &[u8] = b"\x7fELF";
const BITCODE: &[u8] = b"BC\xc0\xde";

/// A search of the inputs of a link.
pub struct Scanner<'a> {
    pub roots: &'a Roots,
    /// See [`Tools::is_lld`].
    pub is_lld: bool,
    /// Whether the command line names a path below a root.
    pub names_roots: bool,
    /// The file name of the output.
    pub output: &'a [u8],
}

impl<'a> Scanner<'a> {
    /// The roots whose place an input depends on; an empty name means all.
    ///
    /// # Errors
    /// When the linker compiled the input, or the input may name the output.
    pub fn places(&self, path: &Path) -> Result<BTreeSet<&'a str>, NotCacheable> {
        let is_of_system = ["/usr/lib", "/lib", "/usr/libexec"].iter().any(|dir| path.starts_with(dir));
        let is_compiled = || {
            let detail = format!("{} is compiled at link time", path.display());
            refuse(Reason::Link, detail)
        };
        match Input::of(&head(path)) {
            Input::Bitcode => is_compiled(),
            Input::Text => self.places_of_text(path, is_of_system),
            Input::Shared if !is_of_system => Ok(search(path, self.roots, &[]).0),
            Input::Object if !is_of_system && self.is_lld => match search(path, self.roots, &[BITCODE]) {
                (_, true) => is_compiled(),
                (named, false) => Ok(named),
            },
            Input::Shared | Input::Object => Ok(BTreeSet::new()),
        }
    }

    fn places_of_text(&self, path: &Path, is_of_system: bool) -> Result<BTreeSet<&'a str>, NotCacheable> {
        let Ok(text) = platform::read_regular(path) else { return Ok(BTreeSet::from([""])) };
        let has = |word: &[u8]| template::contains(&text, word);
        let names_inputs = [&b"INPUT"[..], b"GROUP", b"!<thin>"].iter().any(|word| has(word));
        if names_inputs && !is_of_system && names_file(&text, self.output) {
            let detail = format!("the output may be an input that {} names", path.display());
            return refuse(Reason::Link, detail);
        }
        let mut named = NamedRoots::of_all(self.roots);
        named.search(&text[..]);
        let mut places = named.found();
        // A script may choose inputs by a part of their paths.
        places.extend((self.names_roots && has(b"SECTIONS")).then_some(""));
        Ok(places)
    }
}

/// Whether a text may name a file: by its whole name in whatever directory, or a library by `-l`.
fn names_file(text: &[u8], name: &[u8]) -> bool {
    let goes_on = |b: &u8| b.is_ascii_alphanumeric() || b"._-+".contains(b);
    let ends = |at: usize| !text.get(at).is_some_and(goes_on);
    let places = |word: &[u8]| -> Vec<usize> {
        let all = text.windows(word.len()).enumerate().filter(|(_, part)| *part == word);
        all.map(|(at, _)| at).filter(|at| ends(at + word.len())).collect()
    };
    if places(name).iter().any(|at| !text[..*at].last().is_some_and(goes_on)) {
        return true;
    }
    let library = name.strip_prefix(b"lib").and_then(|rest| rest.split(|b| *b == b'.').next());
    library.is_some_and(|library| !places(&[b"-l", library].concat()).is_empty())
}

/// Whether a file is a source or a header by its name.
pub fn is_source(path: &Path) -> bool {
    const HEADERS: &[&str] = &["h", "hh", "hpp", "hxx", "inc", "inl", "ipp", "tcc", "def"];
    match path.extension().and_then(|e| e.to_str()) {
        Some(ending) => {
            HEADERS.contains(&ending) || gnu::LANGUAGES.iter().any(|(_, all)| all.contains(&ending))
        }
        None => path.components().any(|part| part.as_os_str() == "include"),
    }
}

/// Whether a file is an ELF file.
pub fn is_elf(path: &Path) -> bool {
    head(path).starts_with(ELF)
}

/// The first bytes of a file. What cannot be read counts as text, which cannot be read either.
fn head(path: &Path) -> Vec<u8> {
    let mut head = Vec::new();
    let _ = platform::open_regular(path).and_then(|file| file.take(20).read_to_end(&mut head));
    head
}

/// The roots that a file names, and whether it holds one of the texts. A file that cannot be read holds everything.
pub fn search<'r>(path: &Path, roots: &'r Roots, texts: &[&[u8]]) -> (BTreeSet<&'r str>, bool) {
    let mut named = NamedRoots::of_all(roots);
    match platform::open_regular(path) {
        Ok(file) => named.search(file),
        Err(_) => named.name_all(),
    }
    let found = || template::present(&mut platform::open_regular(path)?, texts);
    let holds = !texts.is_empty() && found().map_or(true, |present| present.contains(&true));
    (named.found(), holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_told_by_their_first_bytes() {
        let elf = |kind: u8| [&b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0"[..], &[kind, 0]].concat();
        assert_eq!(Input::of(&elf(1)), Input::Object);
        assert_eq!(Input::of(&elf(3)), Input::Shared);
        assert_eq!(Input::of(b"!<arch>\n"), Input::Object);
        assert_eq!(Input::of(b"!<thin>\n"), Input::Text);
        assert_eq!(Input::of(b"BC\xc0\xde...."), Input::Bitcode);
        assert_eq!(Input::of(b"INPUT(x.o)"), Input::Text);
    }

    #[test]
    fn the_name_of_a_file_is_told_from_longer_ones() {
        for (text, name) in [
            ("INPUT(\"prog\")", "prog"),
            ("INPUT(../out/prog)", "prog"),
            ("INPUT(a.o,prog)", "prog"),
            ("GROUP ( -lx )", "libx.so"),
            ("GROUP(-l:libx.so.1)", "libx.so.1"),
        ] {
            assert!(names_file(text.as_bytes(), name.as_bytes()), "{text}");
        }
        for (text, name) in [
            ("INPUT(\"prog.o\")", "prog"),
            ("INPUT(my-prog)", "prog"),
            ("INPUT(-lxy)", "libx.so"),
            ("INPUT(-lprog)", "prog"),
        ] {
            assert!(!names_file(text.as_bytes(), name.as_bytes()), "{text}");
        }
    }

    #[test]
    fn headers_are_told_from_inputs_of_the_linker() {
        for path in ["/w/a.c", "/w/a.hpp", "/usr/include/c++/12/string"] {
            assert!(is_source(Path::new(path)), "{path}");
        }
        for path in ["/w/libx.so", "/w/x.so.1", "/w/x.ld", "/w/symbols"] {
            assert!(!is_source(Path::new(path)), "{path}");
        }
    }
}
