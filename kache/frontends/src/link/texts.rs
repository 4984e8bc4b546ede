//! Texts that a linker writes: maps, and rules for make. They are stored as path templates.
//!
//! A map is in columns. What follows a long path in a column of its own is on the next line, so that the length of a root's path
//! can decide about a line break.

use super::command::Text;
use kache_core::named_roots::NamedRoots;
use kache_core::paths::{Root, Roots};
use kache_core::template::{self, Format};

/// The width of the column that begins a line of a map.
const COLUMN: usize = 30;

/// Characters in a path that some linkers quote in rules for make.
const QUOTED: &[u8] = b" #$\\:%";

/// The roots whose paths a text needs as they are.
pub fn fixed_roots<'r>(text: &[u8], sort: Text, roots: &'r Roots) -> Vec<&'r str> {
    let mut fixed: Vec<&str> = match template::templatize(text, roots, Format::Printed) {
        // What no template can replace.
        Some(marked) => {
            let mut named = NamedRoots::of_all(roots);
            named.search(&marked[..]);
            named.found().into_iter().collect()
        }
        None => roots.iter().map(|root| root.name.as_str()).collect(),
    };
    fixed.extend(
        roots.iter().filter(|root| sort == Text::Map && decides_breaks(text, root)).map(|r| r.name.as_str()),
    );
    fixed
}

/// Whether a line begins with a path below a root that may or may not fill the first column, as the root is long or short.
fn decides_breaks(map: &[u8], root: &Root) -> bool {
    let path = root.path.as_os_str().as_encoded_bytes();
    map.split(|byte| *byte == b'\n').any(|line| {
        let Some(rest) = line.strip_prefix(path) else { return false };
        let blank = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
        blank < COLUMN
    })
}

/// Whether rules for make may name the root in quotes.
pub fn may_be_quoted(root: &Root) -> bool {
    root.path.as_os_str().as_encoded_bytes().iter().any(|byte| QUOTED.contains(byte))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn fixed(text: &str, sort: Text) -> Vec<String> {
        let mut roots = Roots::default();
        roots.add("workspace", "/w/a".into(), None);
        fixed_roots(text.as_bytes(), sort, &roots).into_iter().map(str::to_string).collect()
    }

    #[test]
    fn a_path_at_the_beginning_of_a_line_of_a_map_moves_what_follows() {
        assert_eq!(fixed("LOAD /w/a/x.o\n .text 0x1 0x2 /w/a/x.o\n", Text::Map), [""; 0]);
        assert_eq!(fixed("/w/a/lib.a(x.o)              main.o (f)\n", Text::Map), ["workspace"]);
        let long = "/w/a/a/directory/that/fills/the/column/lib.a(x.o)\n                  main.o (f)\n";
        assert_eq!(fixed(long, Text::Map), [""; 0]);
        assert_eq!(fixed("/w/a/x: \\\n  /w/a/x.o\n", Text::Rules), [""; 0]);
    }

    #[test]
    fn a_path_within_a_word_is_in_no_template() {
        assert_eq!(fixed("x/w/a/y.o\n", Text::Rules), ["workspace"]);
    }
}
