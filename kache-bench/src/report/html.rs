//! The HTML page. Every value is escaped by the template, except for drawings and text of this program.

use super::key_mismatches::{self, DiffPiece, WorkloadMismatches};
use super::page::{Page, day, seconds};
use super::plot::Tone;
use super::times::{self, Plot};
use super::traps;
use super::verdicts::{self, Card};
use crate::compare::Comparison;
use crate::gate::{FigureRow, GateVerdict, JudgedRun};
use crate::history::{HistoryEntry, RecordedRun};
use crate::text::{count, ratio};
use crate::traps::TrapsReport;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Maximum number of list entries; the record has all.
const SHOWN: usize = 40;

pub fn html(page: &Page<'_>) -> String {
    let cards = verdicts::cards(page);
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { "kache: measured until " (page.day()) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                (top(page, &cards))
                main {
                    (verdict_section(&cards))
                    (gate_section(page))
                    (history_section(page))
                    (time_section(page))
                    (latency_section(page))
                    (key_mismatch_section(page))
                    (trap_section(page))
                }
                (bottom(page))
            }
        }
    };
    markup.into_string()
}

fn top(page: &Page<'_>, cards: &[Card]) -> Markup {
    let (passed, all) = verdicts::passed(cards);
    let wrong = verdicts::false_hits(page);
    html! {
        header {
            h1 { "kache: measurements" }
            p.muted { (count(page.history.entries.len(), "recorded run", "recorded runs")) ", the latest of " (page.day())
                ". Times of different classes of machine are never compared." }
            div.tiles {
                div.tile { b.figure { (passed) " of " (all) } @if all == 1 { "latest run as required" } @else { "latest runs as required" } }
                div.tile { b.figure { (wrong) } @if wrong == 1 { "false hit in them" } @else { "false hits in them" } }
                div.tile { b { (gate_badge(page.gate.verdict)) } "against recorded runs" }
            }
            nav aria-label="Sections" {
                @for (id, title) in [("verdicts", "Verdicts"), ("gate", "Gate"), ("history", "Over time"), ("times", "Times"),
                    ("latency", "One invocation"), ("key-mismatches", "Key mismatches"), ("traps", "Traps")] {
                    a href=(format!("#{id}")) { (title) }
                }
            }
        }
    }
}

fn gate_badge(verdict: GateVerdict) -> Markup {
    let class = match verdict {
        GateVerdict::Ok => "badge good",
        GateVerdict::Inconclusive => "badge open",
        GateVerdict::Regression => "badge bad",
    };
    html! { span class=(class) { (verdict.word()) } }
}

fn verdict_section(cards: &[Card]) -> Markup {
    html! {
        section #verdicts {
            h2 { "Verdicts" }
            p.muted { "The latest run of each command on each workload; problems come first." }
            div.grid { @for card in cards { (card_of(card)) } }
        }
    }
}

fn card_of(card: &Card) -> Markup {
    html! {
        article.card.bad[card.ok == Some(false)] {
            h3 { (card.title) }
            p {
                @match card.ok {
                    Some(true) => span.badge.good { "OK" },
                    Some(false) => span.badge.bad { "NOT OK" },
                    None => {}
                }
                " "
                @if let Some((verdict, recorded)) = card.gate {
                    span.muted { "gate " } (gate_badge(verdict))
                    span.muted { @if recorded == 0 { " no earlier records" } @else { " against " (count(recorded, "recorded run", "recorded runs")) } }
                }
            }
            @for figure in &card.figures { p.figure { (figure) } }
            @if !card.problems.is_empty() {
                @if card.problems.iter().map(String::len).sum::<usize>() > 260 {
                    details { summary { (count(card.problems.len(), "problem", "problems")) } (listed(&card.problems)) }
                } @else { (listed(&card.problems)) }
            }
            @if !card.moved.is_empty() { p { "Worse than recorded:" } (listed(&card.moved)) }
            p.muted { (card.place) }
        }
    }
}

fn listed(items: &[String]) -> Markup {
    html! {
        ul {
            @for item in items.iter().take(SHOWN) { li { (item) } }
            @if items.len() > SHOWN { li { "and " (items.len() - SHOWN) " more, in the record" } }
        }
    }
}

fn gate_section(page: &Page<'_>) -> Markup {
    html! {
        section #gate {
            h2 { "Gate" }
            p.muted { "Counts are compared exactly, with the best of the last recorded runs of the same source on the same class of machine. A time is a
                regression if it is significantly longer, by a tenth or more; it is ok if a slowdown of a fifth is ruled out." }
            @for judged in &page.gate.judged { (judged_of(judged)) }
        }
    }
}

fn judged_of(judged: &JudgedRun) -> Markup {
    let count = |verdict| judged.rows.iter().filter(|row| row.verdict == verdict).count();
    html! {
        details open[judged.verdict == GateVerdict::Regression] {
            summary {
                (gate_badge(judged.verdict)) " " (judged.subject) " "
                span.muted {
                    (count(GateVerdict::Ok)) " ok, " (count(GateVerdict::Inconclusive)) " inconclusive, " (count(GateVerdict::Regression))
                    " worse; " (judged.recorded) " recorded"
                }
            }
            (table(&["figure", "verdict", "#recorded", "#now", "what"], html! { @for row in &judged.rows { (row_of(row)) } }))
        }
    }
}

/// A table that scrolls by itself. A `#` before a heading stands for a column of numbers.
fn table(heads: &[&str], rows: Markup) -> Markup {
    html! {
        div.scroll.tall {
            table {
                thead { tr { @for head in heads {
                    @match head.strip_prefix('#') {
                        Some(head) => th.number { (head) },
                        None => th { (head) },
                    }
                } } }
                tbody { (rows) }
            }
        }
    }
}

fn row_of(row: &FigureRow) -> Markup {
    let figure = |value: f64| if row.shift.is_some() { format!("{value:.3}") } else { value.to_string() };
    html! {
        tr {
            th scope="row" { (row.figure) }
            td { (gate_badge(row.verdict)) }
            td.number { (row.recorded.map_or("–".into(), figure)) }
            td.number { (figure(row.now)) }
            td.wide { (row.detail) }
        }
    }
}

fn key(entries: &[(Tone, String)]) -> Markup {
    html! {
        div.key {
            @for (tone, name) in entries {
                span { i style=(format!("background:var({})", tone.variable())) {} (name) }
            }
        }
    }
}

fn plots(plots: &[Plot]) -> Markup {
    html! {
        div.grid {
            @for plot in plots {
                figure.card style="margin:0" role="img" aria-label=(format!("{}: {}", plot.title, plot.description)) {
                    h3 { (plot.title) }
                    (PreEscaped(&plot.svg))
                }
            }
        }
    }
}

/// Day and machine of a measurement.
fn place(entry: &HistoryEntry) -> String {
    format!("{}; {}", day(&entry.head.date), entry.class().unwrap_or_default())
}

fn nothing(what: &str) -> Markup {
    html! { p.muted { "No run of " code { (what) } " is recorded." } }
}

fn history_section(page: &Page<'_>) -> Markup {
    let drawn = times::over_time(page);
    html! {
        section #history {
            h2 { "Hits and equal keys over time" }
            @if drawn.is_empty() { (nothing("check")) } @else {
                p.muted { "Units of a second clone, built with the cache of the first; run by run, on any machine." }
                (key(&[(Tone::Part(0), "hits".into()), (Tone::Part(1), "equal keys".into())]))
                (plots(&drawn))
            }
        }
    }
}

fn time_section(page: &Page<'_>) -> Markup {
    let (comparisons, checks) = (page.comparisons(), times::of_checks(page));
    html! {
        section #times {
            h2 { "Times by backend and phase" }
            @if comparisons.is_empty() { (nothing("compare")) }
            @else { (key(&[(Tone::Ours, "kache".into()), (Tone::Plain, "no cache".into()), (Tone::Peer, "other caches".into())])) }
            @for (entry, comparison) in &comparisons { (comparison_of(entry, comparison)) }
            @if !checks.is_empty() {
                h3 { "Single builds of the latest checks" }
                p.muted { "One build each with kache, on a machine that may have been loaded: not a sample." }
                (plots(&checks))
            }
        }
    }
}

fn comparison_of(entry: &HistoryEntry, comparison: &Comparison) -> Markup {
    html! {
        h3 { (entry.head.workload) }
        p.muted {
            (count(comparison.rounds, "round", "interleaved rounds")) " on " (place(entry)) ". Median, minimum and maximum."
        }
        (plots(&times::of_comparison(comparison)))
        details {
            summary { "Table" }
            (table(&["phase", "backend", "#median", "#range", "#n", "#× plain", "#× best other", "#CPU", "invalid"], html! {
                        @for row in &comparison.summary {
                            tr {
                                td { (row.phase.title()) } td { (row.backend) }
                                td.number { @if row.n > 0 { (seconds(row.median)) } @else { "–" } }
                                td.number { @if row.n > 0 { (seconds(row.min)) " to " (seconds(row.max)) } }
                                td.number { (row.n) }
                                td.number { (ratio(row.over_plain)) }
                                td.number { (ratio(row.over_best_other)) }
                                td.number { (seconds(row.cpu)) }
                                td { (row.invalid.join("; ")) }
                            }
                        }
            }))
            ul.muted {
                @for participant in &comparison.participants {
                    li { (participant.name) " " (participant.version)
                        @for said in [&participant.out, &participant.note].into_iter().flatten() { ": " (said) } }
                }
            }
        }
    }
}

fn latency_section(page: &Page<'_>) -> Markup {
    html! {
        section #latency {
            h2 { "One invocation" }
            @match page.latency() {
                None => (nothing("latency")),
                Some((entry, latency)) => {
                    p.muted { "From the start of a process to its end, on " (place(entry)) "." }
                    @if let Some((plot, phases)) = times::breakdown(latency) { (key(&phases)) (plots(&[plot])) }
                    (plots(&times::of_latency(latency)))
                    @let invalid = latency.figures.iter().filter_map(|f| Some((f, f.invalid.as_ref()?))).collect::<Vec<_>>();
                    @if !invalid.is_empty() {
                        ul.muted { @for (f, why) in invalid { li { (f.subject) ", " (f.kind.word()) ", " (f.backend) " is invalid: " (why) } } }
                    }
                }
            }
        }
    }
}

fn key_mismatch_section(page: &Page<'_>) -> Markup {
    let (found, missed) = (key_mismatches::found(page), key_mismatches::missed(page));
    html! {
        section #key-mismatches {
            h2 { "Key mismatches" }
            p.muted { "Root causes of differing keys of two clones, in the latest check of each workload; open one to see both sides." }
            @if found.is_empty() { p { "None." } }
            @for found in &found { (key_mismatches_of(found)) }
            @for (workload, missed) in &missed {
                h3 { (workload) ", after a move between revisions" }
                (table(&["unit", "first changed input", "root cause in", "#compile"], html! {
                            @for miss in missed {
                                tr { th scope="row" { (miss.unit) } td.wide { (miss.cause) } td { (miss.root_unit.as_deref().unwrap_or("")) }
                                    td.number { (seconds(miss.compile_seconds)) } }
                            }
                }))
            }
        }
    }
}

fn key_mismatches_of(found: &WorkloadMismatches<'_>) -> Markup {
    html! {
        @for mismatch in found.key_mismatches {
            details.mismatch {
                summary {
                    span { (found.workload) }
                    span { span.badge.open { (mismatch.cause.word()) } }
                    span data-name="component" { code { (mismatch.component) } }
                    span data-name="first in" { (mismatch.first) }
                    span.figure { (count(mismatch.root_units.len(), "root unit", "root units")) }
                    span.figure { (mismatch.affected.len()) " affected" }
                }
                @if !mismatch.detail.is_empty() { p { (mismatch.detail) } }
                pre {
                    @for piece in key_mismatches::pieces(&mismatch.text_difference.diff) {
                        @match piece {
                            DiffPiece::Both(text) => (text),
                            DiffPiece::OnlyA(text) => del { (text) },
                            DiffPiece::OnlyB(text) => ins { (text) },
                        }
                    }
                }
                p.muted { "In the first clone:" } pre { (mismatch.text_difference.a) }
                p.muted { "In the second:" } pre { (mismatch.text_difference.b) }
                p.muted { "Root cause in" } (listed(&mismatch.root_units))
                @if !mismatch.affected.is_empty() { p.muted { "Affected" } (listed(&mismatch.affected)) }
            }
        }
        @if !found.unexplained.is_empty() { p { (found.workload) ": no trace explains why these keys differ:" } (listed(&found.unexplained)) }
    }
}

fn trap_section(page: &Page<'_>) -> Markup {
    html! {
        section #traps {
            h2 { "Traps" }
            @match page.traps() {
                None => (nothing("traps")),
                Some((entry, report)) => { (trap_summary(entry, report)) (trap_matrix(report)) }
            }
        }
    }
}

fn trap_summary(entry: &HistoryEntry, report: &TrapsReport) -> Markup {
    let columns = report.verdicts();
    let heads: Vec<_> = std::iter::once("backend".to_owned())
        .chain(columns.iter().map(|verdict| format!("#{}", verdict.label())))
        .collect();
    html! {
        p.muted { (count(report.rows.len(), "known way", "known ways")) " for a cache to return a wrong result, each tried with every cache, on " (place(entry)) "." }
        (table(&heads.iter().map(String::as_str).collect::<Vec<_>>(), html! {
            @for (name, version) in &report.backends {
                tr {
                    th scope="row" { (name) " " span.muted { (version) } }
                    @for verdict in &columns { td.number { (report.count(name, *verdict)) } }
                }
            }
        }))
    }
}

fn trap_matrix(report: &TrapsReport) -> Markup {
    html! {
        div.scroll.tall tabindex="0" role="region" aria-label="Traps by backend" {
            table.matrix {
                thead { tr { th { "case" } @for (name, _) in &report.backends { th { (name) } } } }
                tbody {
                    @for (at, row) in report.rows.iter().enumerate() {
                        @if at == 0 || report.rows[at - 1].theme != row.theme {
                            tr.theme { th colspan=(report.backends.len() + 1) { (row.theme) } }
                        }
                        tr {
                            th scope="row" {
                                @match traps::link(&row.source) {
                                    Some(address) => a href=(address) rel="noreferrer" { (row.name) },
                                    None => (row.name),
                                }
                                span.muted.about { " " (row.about) }
                            }
                            @for outcome in report.backends.iter().map(|(name, _)| row.outcomes.get(name)) {
                                td { @if let Some(outcome) = outcome {
                                    span class=(format!("badge {}", traps::class(outcome.verdict))) title=[title(&outcome.detail)] { (outcome.verdict.label()) }
                                } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn title(detail: &str) -> Option<&str> {
    (!detail.is_empty()).then_some(detail)
}

fn bottom(page: &Page<'_>) -> Markup {
    let classes: std::collections::BTreeSet<_> =
        page.history.entries.iter().filter_map(crate::history::HistoryEntry::class).collect();
    let probes = page.latest.iter().filter(|entry| matches!(entry.run, RecordedRun::SingleUnits(_))).count();
    html! {
        footer {
            p { "Classes of machine: " (classes.into_iter().collect::<Vec<_>>().join("; ")) "." }
            p { "Made by " code { "kache-bench report" } " from " (count(page.history.entries.len(), "record", "records")) ", " (probes) " of audits and mutations among the latest."
                @if page.unknown() > 0 { " " (count(page.unknown(), "record was", "records were")) " left out, made by commands or versions that this program does not know." } }
        }
    }
}
