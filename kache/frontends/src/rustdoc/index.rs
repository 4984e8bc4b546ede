//! The search index of one crate: read from what rustdoc has written for the crate alone, and written as the part of a crate
//! that `rustdoc --merge=finalize` reads.
//!
//! The index is a table with a row for each name. A column is a list of cells, in files that are named by a hash. `root.js`
//! lists the files of each column, with the number of cells in each and the set of the rows that have an empty cell.
//!
//! The cells are JSON, and a part holds them as they are. So this reader needs to understand no more of them than two things:
//! by which path a row is known to other crates, and which row an entry names as the trait that it belongs to. rustdoc 1.95
//! renumbers all rows when it joins the parts of several crates but for that trait. [`Index::number_traits`] therefore
//! gives it the number that it will have.

use super::roaring;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

/// The files of one crate's documentation, by their paths in the directory.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// The directory of the index.
pub(super) const DIRECTORY: &str = "search.index/";

/// The file that lists the others.
pub(super) const ROOT: &str = "search.index/root.js";

/// Which element of an entry is the row of a trait, counted from one; zero is none.
const TRAIT: usize = 5;

/// The columns of an index.
pub(super) struct Index {
    names: Vec<Vec<u8>>,
    paths: Vec<Vec<u8>>,
    entries: Vec<Vec<u8>>,
    descriptions: Vec<Vec<u8>>,
    functions: Vec<Vec<u8>>,
    types: Vec<Vec<u8>>,
    aliases: Vec<Vec<u8>>,
    generics: Vec<Vec<Vec<u32>>>,
}

impl Index {
    /// Reads the index from the files of one crate. `None` if its format is unknown.
    pub(super) fn read(files: &Files) -> Option<Index> {
        let root = files.get(ROOT)?;
        let column = |name: &str| column(files, root, name);
        let index = Index {
            names: column("name")?,
            paths: column("path")?,
            entries: column("entry")?,
            descriptions: column("desc")?,
            functions: column("function")?,
            types: column("type")?,
            aliases: column("alias")?,
            generics: column("generic_inverted_index")?
                .iter()
                .map(|cell| postings(cell))
                .collect::<Option<_>>()?,
        };
        let Index { names, paths, entries, descriptions, functions, types, aliases, .. } = &index;
        let all = [paths, entries, descriptions, functions, types, aliases];
        all.iter().all(|column| column.len() == names.len()).then_some(index)
    }

    /// Puts each part after those that have the entries of paths which it refers to. rustdoc drops an entry whose path an earlier
    /// part mentions without one. cargo documents a crate after those that it depends on, but a crate that both a script and a
    /// library need may be documented for one of the two only after crates that refer to it.
    pub(super) fn order(parts: Vec<Index>) -> Vec<Index> {
        let mut maker: HashMap<(&[u8], &[u8]), usize> = HashMap::new();
        for (at, part) in parts.iter().enumerate() {
            part.rows().filter(|(_, has_entry)| *has_entry).for_each(|(path, _)| _ = maker.insert(path, at));
        }
        let needs = |part: &Index| -> BTreeSet<usize> {
            let mentioned = part.rows().filter(|(_, has_entry)| !has_entry);
            mentioned.filter_map(|(path, _)| maker.get(&path).copied()).collect()
        };
        let needs: Vec<_> = parts.iter().map(needs).collect();
        let mut order = Vec::with_capacity(parts.len());
        let mut seen = vec![false; parts.len()];
        (0..parts.len()).for_each(|at| visit(at, &needs, &mut seen, &mut order));
        let mut parts: Vec<_> = parts.into_iter().map(Some).collect();
        order.into_iter().filter_map(|at| parts[at].take()).collect()
    }

    /// The path of each row that has one, as the module and the name, and whether the row has an entry.
    fn rows(&self) -> impl Iterator<Item = ((&[u8], &[u8]), bool)> {
        let rows = self.paths.iter().zip(&self.names).zip(&self.entries);
        rows.filter_map(|((path, name), entry)| Some(((module(path)?, &**name), !entry.is_empty())))
    }

    /// Gives each trait that entries name the number that it will have among the rows of all of `parts`, which rustdoc joins
    /// in this order: a row keeps its distance from the first of its part, or is the first row of an earlier part with the
    /// same path.
    ///
    /// # Errors
    /// When a cell is not understood, or when an entry belongs to a path that an earlier crate refers to, as where two crates
    /// refer to each other: rustdoc would drop it.
    pub(super) fn number_traits(parts: &mut [Index]) -> Result<(), String> {
        let unknown = || "the search index has an unknown format".to_string();
        let mut first = 0;
        let mut by_path: HashMap<Vec<u8>, usize> = HashMap::new();
        for part in parts {
            let mut rows = Vec::with_capacity(part.names.len());
            for (at, (path, name)) in part.paths.iter().zip(&part.names).enumerate() {
                if path.is_empty() {
                    rows.push(None);
                    continue;
                }
                let path = [module(path).ok_or_else(unknown)?, b"::", name].concat();
                let row = match by_path.get(&path) {
                    Some(row) if !part.entries[at].is_empty() => {
                        let path = String::from_utf8_lossy(&path);
                        return Err(format!("{path} of another crate came before (row {row})"));
                    }
                    Some(row) => *row,
                    None => *by_path.entry(path).or_insert(first + at),
                };
                rows.push(Some(row));
            }
            for entry in part.entries.iter_mut().filter(|entry| !entry.is_empty()) {
                let (range, number) = element(entry, TRAIT).ok_or_else(unknown)?;
                if number > 0 {
                    let row = rows.get(number - 1).copied().flatten().ok_or_else(unknown)?;
                    entry.splice(range, (row + 1).to_string().into_bytes());
                }
            }
            first += part.names.len();
        }
        Ok(())
    }

    /// The part of the crate, with nothing but the index in it.
    pub(super) fn part(&self) -> Option<String> {
        let mut out = String::from("{\"version\":\"V2\",\"search_index\":{");
        for (name, column) in [("names", &self.names), ("descs", &self.descriptions)] {
            let texts =
                column.iter().map(|cell| std::str::from_utf8(cell).ok()).collect::<Option<Vec<_>>>()?;
            list(&mut out, name, texts, quote);
        }
        for (name, column) in [
            ("path_data", &self.paths),
            ("entry_data", &self.entries),
            ("function_data", &self.functions),
            ("type_data", &self.types),
            ("alias_pointers", &self.aliases),
        ] {
            let cells =
                column.iter().map(|cell| std::str::from_utf8(cell).ok()).collect::<Option<Vec<_>>>()?;
            list(&mut out, name, cells, |out, cell| {
                out.push_str(if cell.is_empty() { "null" } else { cell })
            });
        }
        list(&mut out, "generic_inverted_index", &self.generics, |out, cell| _ = write!(out, "{cell:?}"));
        out.truncate(out.len() - 1);
        out +=
            "},\"src_files_js\":[],\"all_crates\":[],\"crates_index\":[],\"trait_impl\":[],\"type_impl\":[]}";
        Some(out)
    }
}

/// Appends the parts that a part needs, and the part.
fn visit(at: usize, needs: &[BTreeSet<usize>], seen: &mut [bool], order: &mut Vec<usize>) {
    if !std::mem::replace(&mut seen[at], true) {
        needs[at].iter().for_each(|other| visit(*other, needs, seen, order));
        order.push(at);
    }
}

fn list<T>(out: &mut String, name: &str, items: impl IntoIterator<Item = T>, item: impl Fn(&mut String, T)) {
    _ = write!(out, "\"{name}\":[");
    for (at, each) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        item(out, each);
    }
    out.push_str("],");
}

/// Writes a text as JSON.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => _ = write!(out, "\\u{:04x}", c as u32),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Of a cell `[kind,"module",…]`: the kind and the module.
fn module(path: &[u8]) -> Option<&[u8]> {
    let begin = path.iter().position(|b| *b == b'"')?;
    let len = path[begin + 1..].iter().position(|b| *b == b'"')?;
    Some(&path[..begin + 1 + len])
}

/// The element of a list of numbers, and where it is.
fn element(list: &[u8], at: usize) -> Option<(std::ops::Range<usize>, usize)> {
    let inner = list.strip_prefix(b"[")?;
    let mut begin = 1;
    for word in inner.split(|b| *b == b',').take(at) {
        begin += word.len() + 1;
    }
    let len = list.get(begin..)?.iter().position(|b| !b.is_ascii_digit())?;
    let text = std::str::from_utf8(&list[begin..begin + len]).ok()?;
    Some((begin..begin + len, text.parse().ok()?))
}

/// The cells of a column.
fn column(files: &Files, root: &[u8], name: &str) -> Option<Vec<Vec<u8>>> {
    let fields = fields(root, name)?;
    let mut counts = Vec::new();
    let mut text = field(fields, b'N')?;
    while !text.is_empty() {
        counts.push(length(&mut text)?);
    }
    let empty = base64(field(fields, b'E')?)?;
    let empty = roaring::take(&mut &*empty)?;
    let mut empty = empty.into_iter().peekable();
    let hashes = base64(field(fields, b'H')?)?;
    let width = hashes.len().checked_div(counts.len()).unwrap_or(1);
    let mut cells: Vec<Vec<u8>> = Vec::new();
    let mut skip = |cells: &mut Vec<Vec<u8>>| {
        while empty.next_if(|row| *row as usize == cells.len()).is_some() {
            cells.push(Vec::new());
        }
    };
    for (count, hash) in counts.into_iter().zip(hashes.chunks_exact(width.max(1))) {
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = contents(files.get(&format!("{DIRECTORY}{name}/{hash}.js"))?)?;
        let mut rest = &*text;
        let mut recent: Vec<&[u8]> = Vec::new();
        for _ in 0..count {
            skip(&mut cells);
            let cell = match rest.first()? {
                // One of the last sixteen cells once more.
                back @ b'0'..=b'?' => {
                    rest = &rest[1..];
                    recent.iter().rev().nth(usize::from(back - b'0')).copied()?
                }
                _ => {
                    let len = length(&mut rest)?;
                    let (cell, after) = rest.split_at_checked(len)?;
                    rest = after;
                    recent.push(cell);
                    cell
                }
            };
            cells.push(cell.to_vec());
        }
        if !rest.is_empty() {
            return None;
        }
    }
    skip(&mut cells);
    Some(cells)
}

/// What `root.js` says of a column.
fn fields<'a>(root: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let head = format!("\"{name}\":{{");
    let begin = memchr::memmem::find(root, head.as_bytes())? + head.len();
    let len = root[begin..].iter().position(|b| *b == b'}')?;
    Some(&root[begin..begin + len])
}

fn field(fields: &[u8], name: u8) -> Option<&[u8]> {
    let head = [b'"', name, b'"', b':', b'"'];
    let begin = memchr::memmem::find(fields, &head)? + head.len();
    let len = fields[begin..].iter().position(|b| *b == b'"')?;
    Some(&fields[begin..begin + len])
}

/// A number in hexadecimal digits of four bits, of which the last has a letter of its own.
fn length(text: &mut &[u8]) -> Option<usize> {
    let mut number = 0usize;
    for (at, byte) in text.iter().enumerate() {
        number = number.checked_mul(16)? | usize::from(byte & 0xf);
        if *byte >= b'`' {
            *text = &text[at + 1..];
            return Some(number);
        }
    }
    None
}

/// The contents of a file of cells: an escaped text, or base64.
fn contents(file: &[u8]) -> Option<Vec<u8>> {
    let inner = |head: &[u8]| file.strip_prefix(head)?.strip_suffix(b"\")");
    match inner(b"rd_(\"") {
        Some(text) => unescape(text),
        None => base64(inner(b"rb_(\"")?),
    }
}

fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'\\' => match bytes.next()? {
                b't' => b'\t',
                b'r' => b'\r',
                b'n' => b'\n',
                b'x' => (digit(bytes.next()?)? << 4) | digit(bytes.next()?)?,
                quoted @ (b'\'' | b'"' | b'\\') => quoted,
                _ => return None,
            },
            byte => byte,
        });
    }
    Some(out)
}

fn digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().position(|b| *b == b'=').unwrap_or(text.len());
    let (mut out, mut bits, mut held) = (Vec::with_capacity(text.len() / 4 * 3), 0u32, 0);
    for byte in &text[..end] {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(six)) & 0xfff;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    Some(out)
}

/// Lists of rows: each is the number of rows and the rows, or a set.
fn postings(mut cell: &[u8]) -> Option<Vec<Vec<u32>>> {
    let mut all = Vec::new();
    while let Some(first) = cell.first() {
        all.push(match first {
            count @ ..0x3a => {
                cell = &cell[1..];
                (0..*count).map(|_| roaring::number32(&mut cell)).collect::<Option<_>>()?
            }
            _ => roaring::take(&mut cell)?,
        });
    }
    Some(all)
}
