//! How the monitor draws what it knows: four lines of figures, a list, what there is to say of the selected line, the keys.

use super::model::{Cause, Model, View};
use crate::cli::page::{ago, count, duration, sanitize, short, size};
use kache_core::events::{Event, Outcome};
use kache_report::explain::title;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// A build that has done something within this time is said to go on, in µs.
const LATELY: u64 = 3_000_000;
/// Lines that tell of the selected one.
const DETAILS: u16 = 4;

/// Draws all of it.
pub fn draw(frame: &mut Frame, model: &mut Model, colour: bool) {
    let parts = [
        Constraint::Length(4),
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(DETAILS),
        Constraint::Length(1),
    ];
    let [head, names, list, details, keys] = Layout::vertical(parts).areas(frame.area());
    let dependencies = Looks { colour };
    frame.render_widget(Paragraph::new(figures(model, &dependencies)), head);
    let (columns, lines, told) = match model.view {
        View::Units => units(model, &dependencies, list),
        View::Causes => causes(model, list),
        View::Builds => builds(model, list),
    };
    frame.render_widget(Paragraph::new(Line::styled(columns, Modifier::UNDERLINED)), names);
    frame.render_widget(Paragraph::new(lines), list);
    frame.render_widget(Paragraph::new(told), details);
    frame.render_widget(Paragraph::new(footer(model)), keys);
}

/// What outcomes look like: without colours by their words alone.
struct Looks {
    colour: bool,
}

impl Looks {
    fn of(&self, outcome: Outcome) -> Style {
        let colour = match outcome {
            Outcome::Hit => Color::Green,
            Outcome::Miss => Color::Yellow,
            Outcome::Passthrough => Color::Blue,
            Outcome::Error => Color::Red,
        };
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }
}

fn word(event: &Event) -> &'static str {
    match event.outcome {
        Outcome::Hit => "hit",
        Outcome::Miss if event.stored => "miss",
        Outcome::Miss => "not kept",
        Outcome::Passthrough => "passed",
        Outcome::Error => "ERROR",
    }
}

fn bold(text: String) -> Span<'static> {
    Span::styled(text, Modifier::BOLD)
}

fn figures(model: &Model, dependencies: &Looks) -> Vec<Line<'static>> {
    let Some(build) = model.build() else {
        return vec![
            Line::from(bold("kache: no build yet".into())),
            Line::from("RUSTC_WRAPPER=kache makes cargo use kache; `kache init` sets that up"),
        ];
    };
    let (tally, now) = (model.tally(build), (kache_core::platform::now_ns() / 1000) as u64);
    let units = &tally.units;
    let state = match now.saturating_sub(build.end_us) {
        0..LATELY => "building",
        _ if model.follows() => "the last build",
        _ => "an earlier build",
    };
    let took = duration(build.end_us.saturating_sub(build.first_us) as i64);
    let rate = tally.hit_rate.map_or("-".to_string(), |r| format!("{:.1} %", (r * 1e3).floor() / 10.0));
    let mut counts = Vec::new();
    for (name, outcome, n) in [
        ("hits", Outcome::Hit, units.hits),
        ("misses", Outcome::Miss, units.misses),
        ("passed", Outcome::Passthrough, units.passthroughs.values().sum()),
        ("errors", Outcome::Error, units.errors.values().sum()),
    ] {
        counts.push(Span::styled(format!("{name} {n}"), dependencies.of(outcome)));
        counts.push(Span::raw("   "));
    }
    counts.push(bold(format!("rate {rate}")));
    let room = model.usage.map_or("-".to_string(), size);
    vec![
        Line::from(vec![
            bold(format!("kache: {state}")),
            Span::raw(format!(", {took}, last unit {}", ago(build.end_us))),
        ]),
        Line::from(counts),
        Line::from(format!(
            "saved {}   compiling {}   overhead {}",
            duration(tally.time.saved_us),
            duration(tally.time.compile_us as i64),
            duration(tally.time.overhead_us as i64)
        )),
        Line::from(format!(
            "restored {}   stored {}   cache about {room} of {}",
            size(tally.restored.bytes),
            size(tally.stored_bytes),
            size(model.bound)
        )),
    ]
}

/// Names of columns, the lines that fit, and what there is to say of the selected one.
type List = (String, Vec<Line<'static>>, Vec<Line<'static>>);

/// The first line to show, so that the selected one is seen.
fn first(selected: usize, height: u16) -> usize {
    (selected + 1).saturating_sub(height as usize)
}

fn selected(line: Line<'static>, is: bool) -> Line<'static> {
    if is { line.style(Modifier::REVERSED) } else { line }
}

fn units(model: &mut Model, dependencies: &Looks, area: Rect) -> List {
    let from = first(model.selected, area.height);
    let all = model.units();
    let mut lines = Vec::new();
    for (n, (_, event)) in all.iter().enumerate().skip(from).take(area.height as usize) {
        let line = Line::from(vec![
            Span::styled(format!("{:<9}", word(event)), dependencies.of(event.outcome)),
            Span::raw(format!("{:>9}  ", duration(event.total_us as i64))),
            Span::raw(format!(
                "{:<13}",
                event.result.as_deref().map_or("-", |r| &short(r)[..r.len().min(12)])
            )),
            Span::raw(fitted(&sanitize(&title(&event.unit)), area.width.saturating_sub(33) as usize)),
        ]);
        lines.push(selected(line, n == model.selected));
    }
    let told = match all.get(model.selected).map(|(at, e)| (*at, (*e).clone())) {
        Some((at, event)) => unit(model, at, &event),
        None => Vec::new(),
    };
    (format!("{:<9}{:>9}  {:<13}{:<47}", "outcome", "took", "key", "unit"), lines, told)
}

/// Of what is too long the end: that is where a file's name is.
fn fitted(text: &str, width: usize) -> String {
    let n = text.chars().count();
    if n <= width {
        return text.to_string();
    }
    std::iter::once('…').chain(text.chars().skip(n + 1 - width.max(1))).collect()
}

fn unit(model: &mut Model, at: usize, event: &Event) -> Vec<Line<'static>> {
    let mut told = vec![Line::from(bold(sanitize(&title(&event.unit))))];
    match event.outcome {
        Outcome::Hit => {
            let took = duration(event.compile_us as i64);
            told.push(Line::from(format!(
                "restored {}, which had taken {took} to compile",
                size(event.bytes)
            )));
        }
        _ => told.extend(model.why(at).map(cause).unwrap_or_default()),
    }
    told
}

/// At most three lines.
fn cause(cause: &Cause) -> Vec<Line<'static>> {
    let mut told = vec![Line::from(sanitize(&format!("{}: {}", cause.summary, cause.about)))];
    if let Some([old, new]) = &cause.change {
        let side = |s: &str| if s.is_empty() { "(not there)".to_string() } else { sanitize(short(s)) };
        told.push(Line::from(format!("- {}", side(old))));
        told.push(Line::from(format!("+ {}", side(new))));
    }
    told
}

fn causes(model: &mut Model, area: Rect) -> List {
    let from = first(model.selected, area.height);
    let all = model.causes();
    let mut lines = Vec::new();
    for (n, c) in all.iter().enumerate().skip(from).take(area.height as usize) {
        let line = Line::from(format!("{:>5}  {}", c.units, sanitize(&c.summary)));
        lines.push(selected(line, n == model.selected));
    }
    if all.is_empty() {
        lines.push(Line::from("       nothing missed, and nothing passed through"));
    }
    let mut told = Vec::new();
    if let Some(c) = all.get(model.selected) {
        told.push(Line::from(bold(count(
            c.units,
            "unit did not hit for this",
            "units did not hit for this",
        ))));
        told.extend(cause(c));
    }
    (format!("{:>5}  {:<73}", "units", "root cause, or reason"), lines, told)
}

fn builds(model: &mut Model, area: Rect) -> List {
    let from = first(model.selected, area.height);
    let mut lines = Vec::new();
    let shown = model.builds.iter().rev().enumerate().skip(from).take(area.height as usize);
    for (n, build) in shown {
        let tally = model.tally(build);
        let rate = tally.hit_rate.map_or("-".to_string(), |r| format!("{:.1} %", (r * 1e3).floor() / 10.0));
        let passed: u64 = tally.units.passthroughs.values().chain(tally.units.errors.values()).sum();
        let line = format!(
            "{:<17}{:>11}{:>8}{:>6}{:>8}{:>8}  {:>14}",
            ago(build.first_us),
            duration(build.end_us.saturating_sub(build.first_us) as i64),
            rate,
            tally.units.hits,
            tally.units.misses,
            passed,
            duration(tally.time.saved_us)
        );
        lines.push(selected(Line::from(line), n == model.selected));
    }
    let names = format!(
        "{:<17}{:>11}{:>8}{:>6}{:>8}{:>8}  {:>14}    ",
        "began", "took", "rate", "hits", "misses", "other", "saved"
    );
    (names, lines, vec![Line::from("Enter opens the selected build, f follows the newest")])
}

fn footer(model: &Model) -> Line<'static> {
    let mut spans = Vec::new();
    for (key, name, view) in
        [('1', "units", View::Units), ('2', "causes", View::Causes), ('3', "builds", View::Builds)]
    {
        let style = if model.view == view { Modifier::REVERSED } else { Modifier::empty() };
        spans.push(Span::styled(format!(" {key} {name} "), style));
    }
    spans.push(Span::raw("  up/down select   f follow   q leave"));
    Line::from(spans)
}
