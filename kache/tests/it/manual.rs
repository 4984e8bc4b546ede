//! The form of the README and the manual: every page is in the book, links lead somewhere, prose is wrapped.

use kache_core::area::Area;
use kache_core::dependency::Kind;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The width of prose.
const WIDTH: usize = 100;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The directory of the book's pages.
pub fn book() -> PathBuf {
    root().join("kache/docs/src")
}

/// A fenced block.
pub struct Block {
    /// The line of the fence, from 1.
    pub at: usize,
    pub fence: String,
    /// The lines that are not empty.
    pub lines: Vec<String>,
}

pub fn blocks(text: &str) -> Vec<Block> {
    let mut all = Vec::new();
    let mut open: Option<Block> = None;
    for (at, line) in text.lines().enumerate() {
        match (&mut open, line.trim().strip_prefix("```")) {
            (None, Some(fence)) => open = Some(Block { at: at + 1, fence: fence.into(), lines: Vec::new() }),
            (Some(_), Some("")) => all.extend(open.take()),
            (Some(block), _) if !line.trim().is_empty() => block.lines.push(line.trim().to_string()),
            _ => {}
        }
    }
    all
}

/// The lines outside of fenced blocks, with their numbers from 1.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let mut out = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let fence = line.trim().starts_with("```");
        fenced ^= fence;
        if !fenced && !fence {
            out.push((at + 1, line));
        }
    }
    out
}

/// Every page of the book.
fn pages() -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut dirs = vec![book()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { dirs.push(path) } else { out.push(path) }
        }
    }
    out.sort();
    out
}

/// Every document that people read: the pages of the book, and those around it.
pub fn documents() -> Vec<PathBuf> {
    const AROUND: &[&str] = &[
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "kache/docs/README.md",
        "results/README.md",
        "workloads/README.md",
    ];
    AROUND.iter().map(|name| root().join(name)).chain(pages()).collect()
}

/// The targets of the links in a text.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://"))
}

/// The anchor that mdBook and GitHub make of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_page_is_in_the_summary() {
    let summary = fs::read_to_string(book().join("SUMMARY.md")).unwrap();
    let named: Vec<PathBuf> = links(&summary).map(|link| book().join(link)).collect();
    let of_files: BTreeSet<PathBuf> =
        pages().into_iter().filter(|page| !page.ends_with("SUMMARY.md")).collect();
    assert_eq!(named.len(), of_files.len(), "a page is named twice, or not at all");
    assert_eq!(named.into_iter().collect::<BTreeSet<_>>(), of_files);
}

#[test]
fn links_lead_somewhere() {
    for page in documents() {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            let (file, heading) = link.split_once('#').map_or((link, None), |(f, h)| (f, Some(h)));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let place = format!("{}: {link}", page.display());
            let target = target.canonicalize().unwrap_or_else(|e| panic!("{place}: {e}"));
            let leaves = page.starts_with(book()) && !target.starts_with(book().canonicalize().unwrap());
            assert!(!leaves, "{place} leads out of the book");
            if let Some(heading) = heading {
                let led = fs::read_to_string(&target).unwrap();
                let found = prose(&led).iter().any(|(_, l)| l.starts_with('#') && anchor(l) == heading);
                assert!(found, "{place}: there is no such heading");
            }
        }
    }
}

#[test]
fn prose_is_wrapped() {
    for page in documents() {
        let text = fs::read_to_string(&page).unwrap();
        for (at, line) in prose(&text) {
            let bound = line.starts_with('|') || line.split_whitespace().any(|word| word.len() > WIDTH / 2);
            assert!(bound || line.chars().count() <= WIDTH, "{}:{at} is too wide", page.display());
        }
    }
}

/// Wider code would have to be scrolled in the book.
#[test]
fn code_is_narrow() {
    for page in documents() {
        for block in blocks(&fs::read_to_string(&page).unwrap()) {
            let wide = block.lines.iter().find(|line| line.chars().count() > WIDTH);
            assert!(wide.is_none(), "{}:{}: {wide:?} is too wide", page.display(), block.at);
        }
    }
}

#[test]
fn the_readme_is_short() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(text.lines().count() <= 200 && text.split_whitespace().count() <= 2000);
}

#[test]
fn every_kind_of_dependency_is_explained() {
    let page = fs::read_to_string(book().join("concepts/keys.md")).unwrap();
    // A computed dependency is shown by the name of its function.
    for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Computed) {
        assert!(
            page.contains(&format!("`{}`", kind.word())),
            "concepts/keys.md does not explain `{}`",
            kind.word()
        );
    }
}

#[test]
fn every_directory_of_the_cache_is_explained() {
    let page = fs::read_to_string(book().join("reference/storage.md")).unwrap();
    for area in Area::ALL {
        assert!(
            page.contains(&format!("`{}`", area.name())),
            "storage.md does not explain `{}`",
            area.name()
        );
    }
}
