//! `report`, through the binary: what is on the page, and that nothing a record says becomes part of its code.

use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// What would run if it were not written as words.
const EVIL: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)> | [x](javascript:alert(1)) `";

fn machine() -> Value {
    json!({ "cpu": "model", "cores": 2, "memory_mib": 24_000, "kernel": "6.18.1", "rustc": "rustc 1.95.0 (x)" })
}

fn check(workload: &str, day: u32, words: &str) -> Value {
    let tally = |hits: usize| json!({ "units": 4, "hits": hits, "misses": 4 - hits });
    let phase =
        |name: &str, hits| json!({ "name": name, "clone": "b", "seconds": 1.5, "summary": tally(hits) });
    let leak = json!({
        "cause": "path", "component": words, "detail": words, "first": "first 1.0.0 (lib)", "root_units": ["first 1.0.0 (lib)"],
        "affected": ["second 1.0.0 (bin)"],
        "text_difference": { "a": "/a/x", "b": "/b/c/x", "diff": format!("/[-a-]{{+b/c+}}/x{words}") },
    });
    json!({
        "v": 2, "command": "check", "workload": workload, "source": "s", "date": format!("2026-01-0{day}T00:00:00Z"),
        "commit": "c", "backend": { "name": "kache", "version": "1" }, "machine": machine(),
        "verdict": { "ok": false, "problems": [format!("key stability: 2 of 4; not {words}")] }, "hit_rate": 0.5, "key_stability": 0.5,
        "phases": [phase("cold build", 0), phase("build from the cache", 2), phase("second build", 4)],
        "stability": { "paired": 4, "equal": 2, "unstable": [words, "second 1.0.0 (bin)"], "missed": [words, "x"] },
        "key_mismatches": [leak], "unexplained": [], "artifacts": null,
    })
}

fn compare(words: &str) -> Value {
    let lap = |backend: &str, seconds: f64| {
        json!({ "backend": backend, "round": 1, "phase": "cold", "seconds": seconds, "cpu_seconds": 1.0, "server_cpu_seconds": 0.0,
            "processes": 9, "hits": 0, "misses": 4, "passed": 0, "invalid": null })
    };
    let row = |backend: &str, median: f64| {
        json!({ "backend": backend, "phase": "cold", "n": 1, "median": median, "min": median, "max": median, "cpu": 1.0,
            "processes": 9, "over_plain": 1.0, "over_best_other": null, "invalid": [] })
    };
    json!({
        "v": 2, "command": "compare", "workload": "one", "source": "s", "date": "2026-01-03T00:00:00Z", "commit": null,
        "machine": machine(), "page_cache": "warm", "rounds": 1,
        "participants": [{ "name": "plain", "version": "", "out": null, "note": null }, { "name": words, "version": words, "out": words, "note": words }],
        "samples": [lap("plain", 2.0), lap("kache", 2.25)], "disk": [], "summary": [row("plain", 2.0), row("kache", 2.25), row(words, 3.0)],
    })
}

fn latency(words: &str) -> Value {
    let figures = |backend: &str, way: &str, invalid: Value| {
        json!({ "subject": "cc", "what": "a source", "kind": way, "backend": backend, "n": 9, "median_ms": 2.5, "p10_ms": 2.0,
            "p90_ms": 3.0, "over_plain_ms": 0.5, "invalid": invalid })
    };
    json!({
        "v": 2, "command": "latency", "date": "2026-01-03T00:00:00Z", "commit": null, "machine": machine(), "page_cache": "warm",
        "empty_process_ms": 0.3, "participants": [],
        "figures": [figures("plain", "hit", Value::Null), figures("kache", "hit", Value::Null), figures("x", "hit", words.into())],
        "breakdown": [{ "subject": "cc", "kind": "hit", "n": 9, "total_us": 2000, "phases_us": { "parse": 500, "restore": 900 } }],
    })
}

fn traps(words: &str) -> Value {
    let row = |name: &str, source: &str| {
        json!({ "theme": "theme", "name": name, "about": words, "source": source,
            "outcomes": { "kache": { "verdict": "ok" }, "ccache": { "verdict": "false-hit", "detail": words } } })
    };
    json!({
        "v": 2, "command": "traps", "whole": true, "date": "2026-01-03T00:00:00Z", "machine": machine(),
        "backends": [["kache", "1"], ["ccache", words]],
        "rows": [row("one", "https://example.org/1"), row("two", "javascript:alert(1)")],
    })
}

fn set_up(dir: &Path, words: &str) {
    let records = [
        check("one", 1, words),
        check("one", 2, words),
        compare(words),
        latency(words),
        traps(words),
        json!({"v": 2, "command": "dance"}),
    ];
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    fs::write(dir.join("all.jsonl"), lines).unwrap();
}

fn report(dir: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_kache-bench"))
        .args(["report", "--results"])
        .arg(dir)
        .args(arguments)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn page(dir: &Path) -> String {
    report(dir, &[]);
    fs::read_to_string(dir.join("report.html")).unwrap()
}

/// Headings, cells, summaries and badges, a line each: what is on a page, without how it looks.
fn outline(page: &str) -> String {
    let body = page.split("<body>").nth(1).unwrap();
    let mut lines = Vec::new();
    for piece in body.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap_or((piece, ""));
        let name = tag.split_whitespace().next().unwrap_or_default();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if matches!(name, "h1" | "h2" | "h3" | "section" | "details" | "table" | "svg" | "del" | "ins")
            || !text.is_empty()
        {
            lines.push(format!("{name} {text}").trim_end().to_owned());
        }
    }
    lines.join("\n")
}

#[test]
fn the_page_has_verdicts_first_then_what_they_rest_on() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path(), "words");
    let page = page(dir.path());
    insta::assert_snapshot!(outline(&page));
    assert_eq!(page, self::page(dir.path()), "the same records make the same page");
}

#[test]
fn the_text_for_a_pull_request() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path(), "words");
    let output = report(dir.path(), &["--markdown"]);
    assert!(!dir.path().join("report.html").exists());
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap());
}

#[test]
fn what_a_record_says_is_words() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path(), EVIL);
    let page = page(dir.path());
    for code in ["<script", "<img", "href=\"javascript"] {
        assert!(!page.contains(code), "{code}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)"), "it is there, as words");
    // Nothing inside a tag but what this program wrote: attributes end where they began.
    for tag in page.split('<').skip(1).filter_map(|piece| piece.split_once('>')).map(|(tag, _)| tag) {
        assert!(tag.matches('"').count() % 2 == 0, "{tag}");
        assert!(!tag.split('"').step_by(2).any(|outside| outside.contains("onerror")), "{tag}");
    }

    let markdown = String::from_utf8(report(dir.path(), &["--markdown"]).stdout).unwrap();
    assert!(
        !markdown.contains("<script") && !markdown.contains("<img") && !markdown.contains("[x]("),
        "{markdown}"
    );
    let rows = markdown.lines().filter(|line| line.starts_with("| check")).collect::<Vec<_>>();
    let bars = |line: &str| line.replace("\\|", "").matches('|').count();
    assert!(!rows.is_empty() && rows.iter().all(|row| matches!(bars(row), 5 | 6)), "{rows:#?}");
}

#[test]
fn the_page_needs_no_other_file() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path(), "words");
    let page = page(dir.path());
    for outside in [" src=", "url(", "<link", "@import", "<iframe", "<object"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let links: Vec<_> = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(links.iter().all(|link| link.starts_with('#') || *link == "https://example.org/1"), "{links:?}");
    assert!(
        links
            .iter()
            .filter(|link| link.starts_with('#'))
            .all(|link| page.contains(&format!("id=\"{}\"", &link[1..])))
    );
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("width=device-width"));
}

#[test]
fn nothing_recorded_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_kache-bench"))
        .args(["report", "--results"])
        .arg(dir.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no run is recorded"));
}
