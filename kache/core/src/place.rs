//! What tells one place from another: facts about the paths of roots.
//!
//! Two places in which a command makes the same show what its result does not depend on: that in which the two places differ.
//! What the two have in common, a third place must have as well.
//!
//! | fact | for example, it counts for a command that |
//! | --- | --- |
//! | `above N`: the first N components | prints the parent of its package |
//! | `below N`: the last N components | names something after its directory |
//! | `depth`: how many components there are | leads to `/usr` by `../../..` |
//! | `within`: the outermost root around it, and the rest of the path | looks for `target` above `OUT_DIR` |
//! | `characters`: no others than the two places have | encodes a path for a URL |
//!
//! Letters of one case count as one character, and so do digits.

use crate::digest::Digest;
use crate::paths::{Root, Roots};
use crate::platform;
use std::ffi::OsStr;
use std::path::Component;

/// A root of the place where a result was made. Of the path, only what tells two places apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootOfPlace {
    pub name: String,
    /// The digest of the path.
    pub path: Digest,
    /// The length of the path, in bytes.
    pub length: u64,
    /// The digest of the last component, or that of the root that this one lies in.
    pub last: Digest,
    /// The digests of the components.
    pub components: Vec<Digest>,
    /// The digest of the fact `within`.
    pub within: Digest,
    /// The characters, each once, in order.
    pub characters: Vec<u8>,
}

/// A fact about the path of a root.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fact {
    Above(usize),
    Below(usize),
    Depth,
    Within,
    Characters(Vec<u8>),
}

const WITHIN: &[u8] = b"within";
const DEPTH: &[u8] = b"depth";

impl Fact {
    /// The name of the dependency on the fact.
    fn name(&self, root: &str) -> Vec<u8> {
        let fact = match self {
            Fact::Above(count) => format!("above {count}").into_bytes(),
            Fact::Below(count) => format!("below {count}").into_bytes(),
            Fact::Depth => DEPTH.to_vec(),
            Fact::Within => WITHIN.to_vec(),
            Fact::Characters(known) => [b"characters ", &known[..]].concat(),
        };
        [root.as_bytes(), b" ", &fact].concat()
    }

    fn parse(name: &[u8]) -> Option<Fact> {
        let count = |text: &[u8]| std::str::from_utf8(text).ok()?.parse().ok();
        Some(match name {
            DEPTH => Fact::Depth,
            WITHIN => Fact::Within,
            [b'a', b'b', b'o', b'v', b'e', b' ', rest @ ..] => Fact::Above(count(rest)?),
            [b'b', b'e', b'l', b'o', b'w', b' ', rest @ ..] => Fact::Below(count(rest)?),
            _ => Fact::Characters(name.strip_prefix(b"characters ")?.to_vec()),
        })
    }

    fn value(&self, roots: &Roots, root: &Root) -> Vec<u8> {
        let parts = components(root);
        let joined = |parts: &[&OsStr]| -> Vec<u8> {
            parts.iter().flat_map(|part| [b"/", part.as_encoded_bytes()].concat()).collect()
        };
        match self {
            Fact::Above(count) => joined(&parts[..*count.min(&parts.len())]),
            Fact::Below(count) => joined(&parts[parts.len().saturating_sub(*count)..]),
            Fact::Depth => parts.len().to_string().into_bytes(),
            Fact::Within => {
                let outer = outermost(roots, root);
                let rest = root.path.strip_prefix(&outer.path).unwrap_or(&root.path);
                [b"<", outer.name.as_bytes(), b">/", rest.as_os_str().as_encoded_bytes()].concat()
            }
            Fact::Characters(known) => {
                let is_known = characters(root).iter().all(|c| known.contains(c));
                if is_known { b"no others".to_vec() } else { b"others".to_vec() }
            }
        }
    }
}

/// What tells a place from others, in the order of the names of the roots.
pub fn of(roots: &Roots) -> Vec<RootOfPlace> {
    let of = |root: &Root| {
        let path = root.path.as_os_str().as_encoded_bytes();
        let last = outermost(roots, root).path.file_name().unwrap_or_default().as_encoded_bytes();
        RootOfPlace {
            name: root.name.clone(),
            path: Digest::of(path),
            length: path.len() as u64,
            last: Digest::of(last),
            components: components(root).iter().map(|part| Digest::of(part.as_encoded_bytes())).collect(),
            within: Digest::of(&Fact::Within.value(roots, root)),
            characters: characters(root),
        }
    };
    let mut all: Vec<_> = roots.iter().map(of).collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

/// The names of what two places have in common, for [`value`]: facts about each root of `here`, or the root itself where the
/// other place does not vary it. A root varies by another path of another length and of another name.
pub fn in_common(before: &[RootOfPlace], here: &[RootOfPlace]) -> Vec<Vec<u8>> {
    let of = |root: &RootOfPlace| match varied(before, root) {
        Some(other) => {
            facts_in_common(other, root).iter().map(|fact| fact.name(&root.name)).collect::<Vec<_>>()
        }
        None => vec![root.name.clone().into_bytes()],
    };
    here.iter().flat_map(of).collect()
}

/// Whether two places have a root that varies.
pub fn vary(before: &[RootOfPlace], here: &[RootOfPlace]) -> bool {
    here.iter().any(|root| varied(before, root).is_some())
}

fn varied<'a>(before: &'a [RootOfPlace], here: &RootOfPlace) -> Option<&'a RootOfPlace> {
    before
        .iter()
        .find(|other| other.name == here.name && other.length != here.length && other.last != here.last)
}

fn facts_in_common(one: &RootOfPlace, other: &RootOfPlace) -> Vec<Fact> {
    let pairs = || one.components.iter().zip(&other.components);
    let backwards = one.components.iter().rev().zip(other.components.iter().rev());
    let above = pairs().take_while(|(a, b)| a == b).count();
    let below = backwards.take_while(|(a, b)| a == b).count();
    let mut characters = [&one.characters[..], &other.characters].concat();
    characters.sort_unstable();
    characters.dedup();
    let mut facts = vec![Fact::Characters(characters)];
    facts.extend((above > 0).then_some(Fact::Above(above)));
    facts.extend((below > 0).then_some(Fact::Below(below)));
    facts.extend((one.components.len() == other.components.len()).then_some(Fact::Depth));
    facts.extend((one.within == other.within).then_some(Fact::Within));
    facts
}

/// The value of a `place` dependency: the path of a root (`target`), or a fact about the path (`target depth`). `None` without such
/// a root.
pub fn value(roots: &Roots, name: &[u8]) -> Option<Vec<u8>> {
    let find = |name: &[u8]| roots.iter().find(|root| root.name.as_bytes() == name);
    let end = name.iter().position(|b| *b == b' ');
    let Some(end) = end else { return Some(find(name)?.path.as_os_str().as_encoded_bytes().to_vec()) };
    Some(Fact::parse(&name[end + 1..])?.value(roots, find(&name[..end])?))
}

/// A root within another has the other's name in its path.
fn outermost<'a>(roots: &'a Roots, root: &'a Root) -> &'a Root {
    let outer = roots.iter().filter(|outer| root.path.starts_with(&outer.path));
    outer.min_by_key(|outer| outer.path.as_os_str().len()).unwrap_or(root)
}

fn components(root: &Root) -> Vec<&OsStr> {
    let named = |part: Component<'_>| !matches!(part, Component::RootDir);
    root.path.components().filter(|part| named(*part)).map(|part| part.as_os_str()).collect()
}

fn characters(root: &Root) -> Vec<u8> {
    let of = |byte: &u8| match byte {
        b'a'..=b'z' => b'a',
        b'A'..=b'Z' => b'A',
        b'0'..=b'9' => b'0',
        other => *other,
    };
    let bytes = root.path.as_os_str().as_encoded_bytes();
    let mut all: Vec<u8> = bytes.iter().filter(|byte| !platform::is_separator(**byte)).map(of).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn roots(workspace: &str, target: &str) -> Roots {
        let mut roots = Roots::default();
        roots.add("workspace", workspace.into(), None);
        roots.add("target", target.into(), None);
        roots.add("cargo", "/home/u/.cargo".into(), None);
        roots
    }

    /// Whether what holds in two places holds in a third.
    fn holds(one: (&str, &str), two: (&str, &str), third: (&str, &str)) -> bool {
        let [one, two, third] = [one, two, third].map(|(workspace, target)| roots(workspace, target));
        let names = in_common(&of(&one), &of(&two));
        names.iter().all(|name| value(&two, name) == value(&third, name))
    }

    #[test]
    fn a_third_place_has_what_the_two_have_in_common() {
        let (one, two) = (("/home/u/one", "/home/u/one/target"), ("/home/u/second", "/home/u/second/target"));
        for (third, expected) in [
            (("/home/u/third", "/home/u/third/target"), true),
            (("/home/v/third", "/home/v/third/target"), false),
            (("/home/u/deep/third", "/home/u/deep/third/target"), false),
            (("/home/u/third", "/home/u/third/out"), false),
            (("/home/u/third", "/home/u/other/target"), false),
            (("/home/u/my third", "/home/u/my third/target"), false),
            (("/home/u/third-3", "/home/u/third-3/target"), false),
            (("/home/u/Third", "/home/u/Third/target"), false),
        ] {
            assert_eq!(holds(one, two, third), expected, "{third:?}");
        }
        let (one, two) = (("/a/b/one", "/a/b/one/target"), ("/c/Second-2", "/tmp/outer/second"));
        assert!(holds(one, two, ("/d/e/f/third", "/d/e/f/third/x")));
        // The path of a root that does not vary counts whole.
        assert!(in_common(&of(&roots("/a", "/a/t")), &of(&roots("/b", "/b/t"))).contains(&b"cargo".to_vec()));
        assert!(!vary(&of(&roots("/a", "/a/t")), &of(&roots("/b", "/b/t"))));
    }

    #[test]
    fn the_name_of_a_fact_is_read_as_written() {
        for fact in
            [Fact::Above(3), Fact::Below(1), Fact::Depth, Fact::Within, Fact::Characters(b" -A\xff".to_vec())]
        {
            let name = fact.name("target");
            assert_eq!(Fact::parse(&name[b"target ".len()..]), Some(fact));
        }
        assert_eq!(value(&roots("/a", "/a/t"), b"target within"), Some(b"<workspace>/t".to_vec()));
        assert_eq!(value(&roots("/a", "/a/t"), b"base:1 depth"), None);
    }
}
