//! The differences of the key traces of two clones, and their display.
//!
//! `kache explain` matches components in the same way.

use crate::analysis::normalize;
use kache_core::key_trace::{Component, KeyTrace};
use kache_report::explain::diff::differing_pairs;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Two components of one name that differ; `None` if only one trace has the component.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference<'t> {
    pub a: Option<&'t Component>,
    pub b: Option<&'t Component>,
}

impl Difference<'_> {
    /// The component's name in the second clone, or else in the first.
    pub fn name(&self) -> &str {
        self.b.or(self.a).map_or("", |component| &component.name)
    }

    /// Whether only cargo's hashes differ, which follows from another difference.
    pub fn is_only_hash(&self) -> bool {
        match (self.a, self.b) {
            (Some(a), Some(b)) => normalize::replace_hashes(&a.value) == normalize::replace_hashes(&b.value),
            _ => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Differences<'t> {
    Components(Vec<Difference<'t>>),
    /// The same components in another order.
    Order,
    /// The traces are equal and do not explain why the keys differ.
    None,
}

pub fn diff<'t>(a: &'t KeyTrace, b: &'t KeyTrace) -> Differences<'t> {
    let found: Vec<_> =
        differing_pairs(a, b).into_iter().map(|pair| Difference { a: pair.old, b: pair.new }).collect();
    if !found.is_empty() {
        return Differences::Components(found);
    }
    let names = |trace: &'t KeyTrace| trace.components.iter().map(|c| &c.name);
    if names(a).eq(names(b)) { Differences::None } else { Differences::Order }
}

/// Two texts and their difference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextDifference {
    pub a: String,
    pub b: String,
    /// Both as one text: `[-only in a-]`, `{+only in b+}`, the rest in both.
    pub diff: String,
}

/// Longer common parts are shortened.
const CONTEXT: usize = 60;

/// Compares two texts word by word; a word is a name or a separator of paths and arguments.
pub fn text_difference(a: &str, b: &str) -> TextDifference {
    let (words_a, words_b) = (words(a), words(b));
    let words =
        similar::TextDiff::configure().timeout(Duration::from_millis(200)).diff_slices(&words_a, &words_b);
    let mut diff = String::new();
    for hunk in words.ops() {
        let old = words.old_slices()[hunk.old_range()].concat();
        let new = words.new_slices()[hunk.new_range()].concat();
        if hunk.tag() == similar::DiffTag::Equal {
            diff.push_str(&shorten(&old));
            continue;
        }
        if !old.is_empty() {
            diff.push_str(&format!("[-{old}-]"));
        }
        if !new.is_empty() {
            diff.push_str(&format!("{{+{new}+}}"));
        }
    }
    TextDifference { a: a.to_owned(), b: b.to_owned(), diff }
}

fn words(text: &str) -> Vec<&str> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end =
            if is_name(first) { rest.find(|c| !is_name(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
        let (word, tail) = rest.split_at(end);
        words.push(word);
        rest = tail;
    }
    words
}

fn shorten(text: &str) -> String {
    let count = text.chars().count();
    if count <= CONTEXT {
        return text.to_owned();
    }
    let head: String = text.chars().take(CONTEXT / 2).collect();
    let tail: String = text.chars().skip(count - CONTEXT / 2).collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::trace;

    fn names(differences: Differences<'_>) -> Vec<(Option<String>, Option<String>)> {
        let Differences::Components(found) = differences else { return Vec::new() };
        let value = |c: Option<&Component>| c.map(|c| format!("{}={}", c.name, c.value));
        found.iter().map(|d| (value(d.a), value(d.b))).collect()
    }

    #[test]
    fn one_argument_more_is_one_difference() {
        let a = trace(&[("arg --cfg", "x", "x"), ("arg --cfg", "y", "y")]);
        let b = trace(&[("arg --cfg", "new", "new"), ("arg --cfg", "x", "x"), ("arg --cfg", "y", "y")]);
        assert_eq!(names(diff(&a, &b)), [(None, Some("arg --cfg=new".into()))]);
    }

    #[test]
    fn a_changed_value_is_matched_by_name() {
        let a = trace(&[("env X", "1", "1"), ("env Y", "1", "1")]);
        let b = trace(&[("env Y", "1", "1"), ("env X", "2", "2")]);
        assert_eq!(names(diff(&a, &b)), [(Some("env X=1".into()), Some("env X=2".into()))]);
    }

    #[test]
    fn hashes_in_names_do_not_part_them() {
        let a = trace(&[("file <target>/libx-0123456789abcdef.rmeta", "", "d1")]);
        let b = trace(&[("file <target>/libx-fedcba9876543210.rmeta", "", "d2")]);
        let Differences::Components(found) = diff(&a, &b) else { panic!() };
        assert_eq!(found.len(), 1);
        assert!(!found[0].is_only_hash());
        let a = trace(&[("arg -C metadata", "", "0123456789abcdef")]);
        let b = trace(&[("arg -C metadata", "", "fedcba9876543210")]);
        let Differences::Components(found) = diff(&a, &b) else { panic!() };
        assert!(found[0].is_only_hash());
    }

    #[test]
    fn order_alone_is_told() {
        let a = trace(&[("env X", "1", "1"), ("env Y", "1", "1")]);
        let b = trace(&[("env Y", "1", "1"), ("env X", "1", "1")]);
        assert_eq!(diff(&a, &b), Differences::Order);
        assert_eq!(diff(&a, &a), Differences::None);
    }

    #[test]
    fn contrasts_are_short() {
        let common = "word ".repeat(40);
        let shown = text_difference(&format!("{common}/a/x"), &format!("{common}/b/x"));
        assert!(shown.diff.ends_with("/[-a-]{+b+}/x"), "{}", shown.diff);
        assert!(shown.diff.len() < 120);
    }
}
