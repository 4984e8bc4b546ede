//! Two key traces, compared input by input.
//!
//! A name can occur more than once (`arg --cfg`), so the inputs of one name are compared as a bag: equal values cancel, and
//! the rest is paired by the part before `=`, then by the value without cargo's hashes, then in order.

use kache_core::key_trace::{Component, KeyTrace, Part};
use serde::Serialize;

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The key that it is part of.
    pub part: Part,
    /// The new name, or the old one if the input no longer exists.
    pub name: String,
    /// The meaning of the value.
    pub about: &'static str,
    pub old: Option<Side>,
    pub new: Option<Side>,
    /// The label of another unit, if the input is that unit's output.
    pub made_by: Option<String>,
}

/// An input in one of the traces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// The form in its checkout.
    pub raw: String,
    /// The form in the key.
    pub value: String,
}

impl Side {
    fn of(c: &Component) -> Side {
        Side { raw: c.raw.clone(), value: c.value.clone() }
    }
}

impl Difference {
    fn new(old: Option<&Component>, new: Option<&Component>) -> Option<Difference> {
        let shown = new.or(old)?;
        Some(Difference {
            part: shown.part,
            name: shown.name.clone(),
            about: about(&shown.name),
            old: old.map(Side::of),
            new: new.map(Side::of),
            made_by: None,
        })
    }

    /// The kind of change.
    pub fn verb(&self) -> &'static str {
        match (&self.old, &self.new) {
            (None, _) => "is new",
            (_, None) => "is gone",
            (Some(a), Some(b)) if a.value == b.value => "has another name",
            _ => "changed",
        }
    }

    /// Whether the sides differ only in hashes that cargo puts into names.
    pub fn only_hashes_differ(&self) -> bool {
        matches!((&self.old, &self.new), (Some(a), Some(b)) if fold(&a.value) == fold(&b.value))
    }

    /// Whether the difference is the place alone: any build in another checkout has it.
    pub fn is_of_place(&self) -> bool {
        const PLACES: [&str; 8] = [
            "cwd",
            "output directory",
            "place",
            "env OUT_DIR",
            "env CARGO_MANIFEST_DIR",
            "env CARGO_MANIFEST_PATH",
            "env CARGO_TARGET_DIR",
            "env PWD",
        ];
        PLACES.contains(&self.name.as_str())
    }

    /// Whether the difference can only follow from another one, which cargo hashed.
    pub fn is_derived(&self) -> bool {
        matches!(self.name.as_str(), "arg -C metadata" | "arg -C extra-filename" | "arg -o")
            || self.only_hashes_differ()
    }
}

/// The meaning of a kind of input, for people.
fn about(name: &str) -> &'static str {
    const CARGO_HASH: &str = "cargo's hash of the package, its features, profile, flags and dependencies";
    const PLACES: &str = "the locations of the working directory and all roots: the outputs contain them, or a program could read the command line";
    let (kind, rest) = name.split_once(' ').unwrap_or((name, ""));
    match kind {
        "schema" => "the version of kache's key format",
        "compiler" => "the digest of the compiler's installation",
        "cwd" => "the working directory",
        "script" => "the digest of the build script's program",
        "output" => "the directory for the outputs",
        "umask" => "the permissions that new files do not get",
        "toolchain" => "the identity of a compiler that the command ran",
        "permission" => "what may be done with the file",
        "library" => "the digest of the library found under that name",
        "define" => "the macro's value; it contains a path, and a source may use it",
        "place" if rest.contains(' ') => {
            "what the path of that root has in common in two places that made the same"
        }
        "place" if !rest.is_empty() => "the path of that root: the outputs contain it",
        "place" => PLACES,
        "language" => "the language of the source",
        "twins" => "which files with equal contents are the same file, or changed in the same second",
        "driver" => "the compiler's path and the name it was called by",
        "input" => "the source file on the command line",
        "arg" if matches!(rest, "-C metadata" | "-C extra-filename") => CARGO_HASH,
        "arg" => "an argument of the command line",
        "order" => "the order of the arguments",
        "paths" => "the form of paths in artifacts",
        "cpu" => "this processor, because of -C target-cpu=native",
        "source" => "the digest of the file's contents, with roots replaced by their names",
        "file" => "the digest of the file's contents",
        "path" => "the kind of object at that path",
        "listing" => "the digest of the names in that directory",
        "tree" => "the digest of everything below that directory",
        "link" | "leads-to" => "the digest of the link's target",
        "env" => "the variable's value; a digest if it may be a secret",
        "env-path" => "the variable's value, as a portable path",
        "env-all" => "the digest of all variables, since a program could read any of them; raw: their names",
        "env-all-path" => "the same, with roots replaced by their names",
        "status" => "the digest of the file's times and permissions",
        "program" => "the digest of the program found under that name in PATH",
        "host" => "this machine, its processors, or its user",
        "linker" => "the digest of the linker",
        "output-names" => "the names of the outputs, on which the result depends",
        "setting" => "the format of diagnostics, because the compile printed some",
        _ => "",
    }
}

/// Two components that differ; `None` where only one trace has the component.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair<'t> {
    pub old: Option<&'t Component>,
    pub new: Option<&'t Component>,
}

/// Every input that differs: the action's first, in the order of the newer trace.
pub fn differences(old: &KeyTrace, new: &KeyTrace) -> Vec<Difference> {
    let mut out: Vec<_> =
        differing_pairs(old, new).iter().filter_map(|p| Difference::new(p.old, p.new)).collect();
    if out.is_empty() && old.action != new.action {
        out.push(order(old, new));
    }
    out.sort_by_key(|d| (d.is_derived(), d.part));
    out
}

/// The components that differ, matched with each other, in the order of the newer trace.
pub fn differing_pairs<'t>(old: &'t KeyTrace, new: &'t KeyTrace) -> Vec<Pair<'t>> {
    let mut out = Vec::new();
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    for name in names(old, new) {
        let (mut a, mut b) = (of_name(old, name), of_name(new, name));
        pair(&mut a, &mut b, &mut Vec::new(), |x, y| x.value == y.value);
        pair(&mut a, &mut b, &mut out, |x, y| key(&x.value).is_some() && key(&x.value) == key(&y.value));
        pair(&mut a, &mut b, &mut out, |x, y| fold(&x.value) == fold(&y.value));
        if a.len() == b.len() {
            pair(&mut a, &mut b, &mut out, |_, _| true);
        }
        gone.extend(a);
        come.extend(b);
    }
    // A file whose name has cargo's hash in it is the same input under another hash.
    pair(&mut gone, &mut come, &mut out, |x, y| x.part == y.part && fold(&x.name) == fold(&y.name));
    out.extend(gone.into_iter().map(|c| Pair { old: Some(c), new: None }));
    out.extend(come.into_iter().map(|c| Pair { old: None, new: Some(c) }));
    out
}

fn names<'a>(old: &'a KeyTrace, new: &'a KeyTrace) -> Vec<(Part, &'a str)> {
    let mut seen = std::collections::HashSet::new();
    let all = new.components.iter().chain(&old.components).map(|c| (c.part, c.name.as_str()));
    all.filter(|n| seen.insert(*n)).collect()
}

fn of_name<'a>(trace: &'a KeyTrace, (part, name): (Part, &str)) -> Vec<&'a Component> {
    trace.components.iter().filter(|c| c.part == part && c.name == name).collect()
}

type Same = fn(&Component, &Component) -> bool;

/// Moves the pairs that are the same by a rule to `out`.
fn pair<'t>(a: &mut Vec<&'t Component>, b: &mut Vec<&'t Component>, out: &mut Vec<Pair<'t>>, same: Same) {
    a.retain(|x| match b.iter().position(|y| same(x, y)) {
        Some(i) => {
            out.push(Pair { old: Some(x), new: Some(b.remove(i)) });
            false
        }
        None => true,
    });
}

/// The part before `=`, which identifies one of several values of a name.
fn key(value: &str) -> Option<&str> {
    value.split_once('=').map(|(k, _)| k)
}

/// The text without the sixteen hexadecimal digits that cargo puts after a dash.
fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('-') {
        let (before, after) = rest.split_at(at + 1);
        out.push_str(before);
        let digits = after.bytes().take_while(u8::is_ascii_hexdigit).count();
        rest = if digits == 16 { &after[16..] } else { after };
    }
    out.push_str(rest);
    out
}

/// The same arguments in another order.
fn order(old: &KeyTrace, new: &KeyTrace) -> Difference {
    let line = |t: &KeyTrace, f: fn(&Component) -> &str| {
        let args = t.components.iter().filter(|c| c.part == Part::Action && c.name.starts_with("arg "));
        args.map(|c| format!("{} {}", &c.name[4..], f(c))).collect::<Vec<_>>().join(" ")
    };
    let side = |t: &KeyTrace| Some(Side { raw: line(t, |c| &c.raw), value: line(t, |c| &c.value) });
    Difference {
        part: Part::Action,
        name: "order".to_string(),
        about: about("order"),
        old: side(old),
        new: side(new),
        made_by: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(action: &str, components: &[(&str, &str)]) -> KeyTrace {
        let one = |(name, value): &(&str, &str)| Component {
            part: if name.starts_with("arg") { Part::Action } else { Part::Dependency },
            name: name.to_string(),
            raw: format!("raw {value}"),
            value: value.to_string(),
            by: None,
        };
        KeyTrace {
            v: 1,
            label: String::new(),
            action: action.to_string(),
            result: String::new(),
            components: components.iter().map(one).collect(),
        }
    }

    fn shown(old: &[(&str, &str)], new: &[(&str, &str)]) -> Vec<String> {
        let side = |s: &Option<Side>| s.as_ref().map_or("–".to_string(), |s| s.value.clone());
        let all = differences(&trace("a", old), &trace("b", new));
        all.iter().map(|d| format!("{}: {} > {}", d.name, side(&d.old), side(&d.new))).collect()
    }

    #[test]
    fn repeated_arguments_are_a_bag() {
        let old = [("arg --cfg", "a"), ("arg --cfg", "b"), ("arg --extern", "x=1"), ("arg --extern", "y=2")];
        let new = [("arg --cfg", "b"), ("arg --cfg", "c"), ("arg --extern", "y=3"), ("arg --extern", "x=1")];
        assert_eq!(shown(&old, &new), ["arg --cfg: a > c", "arg --extern: y=2 > y=3"]);
    }

    #[test]
    fn a_file_under_another_hash_is_one_difference() {
        let old = [("file <target>/debug/deps/libfoo-0123456789abcdef.rmeta", "1"), ("env A", "1")];
        let new = [("file <target>/debug/deps/libfoo-fedcba9876543210.rmeta", "2")];
        assert_eq!(
            shown(&old, &new),
            ["file <target>/debug/deps/libfoo-fedcba9876543210.rmeta: 1 > 2", "env A: 1 > –"]
        );
    }

    #[test]
    fn order_alone_is_a_difference() {
        let (a, b) = (("arg -W", "x"), ("arg -A", "x"));
        assert_eq!(shown(&[a, b], &[b, a]), ["order: -W x -A x > -A x -W x"]);
    }

    #[test]
    fn hashes_fold_and_other_numbers_do_not() {
        assert_eq!(fold("liba-b-0123456789abcdef.rlib"), "liba-b-.rlib");
        assert_eq!(fold("a-0123456789abcdef0"), "a-0123456789abcdef0");
        assert_eq!(fold("é-1.2"), "é-1.2");
    }
}
