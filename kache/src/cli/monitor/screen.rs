//! The monitor's screen: four lines of figures, a list, details of the selected line, and the keys.

use super::model::{Cause, Model, View};
use crate::cli::page::{ago, count, duration, sanitize, short, size};
use crate::cli::report::rate;
use kache_core::events::builds::Build;
use kache_core::events::{Event, Outcome};
use kache_report::explain::{title, verbs};
use kache_report::report::tally::Units;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table, TableState};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A build with an invocation within this time, in µs, is still running.
const LATELY: u64 = 3_000_000;
/// A narrower terminal gets less space between columns, and fewer keys.
const WIDE: u16 = 70;
/// The number of lines for details.
const DETAILS: u16 = 4;

/// Draws the screen.
pub fn draw(frame: &mut Frame, model: &mut Model, colour: bool) {
    let parts = [4, DETAILS, 1].map(Constraint::Length);
    let [head, list, details, keys] =
        Layout::vertical([parts[0], Constraint::Min(2), parts[1], parts[2]]).areas(frame.area());
    let palette = Palette { colour };
    frame.render_widget(Paragraph::new(figures(model, &palette)), head);
    let mut state = TableState::new().with_selected(model.selected);
    let List { names, widths, rows, details: lines } = match model.view {
        View::Units => units(model, &palette, list.width),
        View::Causes => causes(model),
        View::Builds => builds(model),
    };
    let spacing = if list.width < WIDE { 1 } else { 2 };
    let table = Table::new(rows, widths).column_spacing(spacing).header(Row::new(names).underlined());
    frame.render_stateful_widget(table.row_highlight_style(Modifier::REVERSED), list, &mut state);
    frame.render_widget(Paragraph::new(lines), details);
    frame.render_widget(Paragraph::new(footer(model, keys.width)), keys);
}

/// The colours of outcomes. Without colours, only their words differ.
struct Palette {
    colour: bool,
}

impl Palette {
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
        Outcome::Hit if event.seeded => "seeded",
        Outcome::Hit => "hit",
        Outcome::Miss if event.stored => "miss",
        Outcome::Miss => "no store",
        Outcome::Passthrough => "bypassed",
        Outcome::Error => "ERROR",
    }
}

fn bypassed(units: &Units) -> u64 {
    units.passthroughs.values().sum()
}

fn errors(units: &Units) -> u64 {
    units.errors.values().sum()
}

fn figures(model: &Model, palette: &Palette) -> Vec<Line<'static>> {
    let Some(build) = model.build() else {
        let advice = "RUSTC_WRAPPER=kache makes cargo use kache; `kache init` sets that up";
        return vec![Line::from("kache: no build yet".bold()), Line::from(advice)];
    };
    let (tally, now) = (model.tally(build), (kache_core::platform::now_ns() / 1000) as u64);
    let units = &tally.units;
    let state = match now.saturating_sub(build.end_us) {
        0..LATELY => "building",
        _ if model.follows() => "the last build",
        _ => "an earlier build",
    };
    let took = duration(build.end_us.saturating_sub(build.first_us) as i64);
    let what =
        if build.command.is_empty() { String::new() } else { format!(" `{}`", sanitize(&build.command)) };
    let mut counts = Vec::new();
    for (name, outcome, n) in [
        ("hits", Outcome::Hit, units.hits),
        ("misses", Outcome::Miss, units.misses),
        ("bypassed", Outcome::Passthrough, bypassed(units)),
        ("errors", Outcome::Error, errors(units)),
    ] {
        counts.extend([Span::styled(format!("{name} {n}"), palette.of(outcome)), Span::raw("   ")]);
    }
    counts.push(format!("rate {}", rate(tally.hit_rate)).bold());
    let cache = model.usage.map_or("-".to_string(), size);
    let [compile, overhead] = [tally.time.compile_us, tally.time.overhead_us].map(|us| duration(us as i64));
    let [restored, stored, bound] = [tally.restored.bytes, tally.stored_bytes, model.bound].map(size);
    vec![
        Line::from(vec![
            format!("kache: {state}").bold(),
            format!(", {took}, last unit {},{what}", ago(build.end_us)).into(),
        ]),
        Line::from(counts),
        Line::from(format!(
            "saved {}   compiling {compile}   overhead {overhead}",
            duration(tally.time.saved_us)
        )),
        Line::from(format!("restored {restored}   stored {stored}   cache about {cache} of {bound}")),
    ]
}

/// A view's columns and rows, and the details of the selected row.
struct List {
    names: Vec<Cell<'static>>,
    widths: Vec<Constraint>,
    rows: Vec<Row<'static>>,
    details: Vec<Line<'static>>,
}

fn right(text: impl Into<Line<'static>>) -> Cell<'static> {
    Cell::from(text.into().right_aligned())
}

fn units(model: &mut Model, palette: &Palette, width: u16) -> List {
    let fixed = [9, 9, 12];
    let rest = width.saturating_sub(fixed.iter().sum::<u16>() + 6) as usize;
    let all = model.units();
    let row = |(_, event): &(usize, &Event)| {
        Row::new([
            Cell::from(Span::styled(word(event), palette.of(event.outcome))),
            right(duration(event.total_us as i64)),
            Cell::from(event.result.as_deref().map_or("-", |r| &short(r)[..r.len().min(12)]).to_string()),
            Cell::from(fitted(&sanitize(&title(&event.unit)), rest)),
        ])
    };
    let rows = all.iter().map(row).collect();
    let selected = all.get(model.selected).map(|(at, event)| (*at, (*event).clone()));
    List {
        names: vec!["outcome".into(), right("took"), "key".into(), "unit".into()],
        widths: fixed.map(Constraint::Length).into_iter().chain([Constraint::Min(1)]).collect(),
        rows,
        details: selected.map(|(at, event)| unit(model, at, &event)).unwrap_or_default(),
    }
}

/// The end of a text that is too long: a path ends with the file's name.
fn fitted(text: &str, width: usize) -> String {
    let mut left = text.width();
    if left <= width {
        return text.to_string();
    }
    // One column is for the sign that something is missing.
    let rest = text.char_indices().find_map(|(at, c)| {
        if left < width.max(1) {
            return Some(&text[at..]);
        }
        left -= c.width().unwrap_or(0);
        None
    });
    format!("…{}", rest.unwrap_or_default())
}

fn unit(model: &mut Model, at: usize, event: &Event) -> Vec<Line<'static>> {
    let mut lines = vec![Line::from(sanitize(&title(&event.unit)).bold())];
    if event.outcome == Outcome::Hit {
        let (bytes, took) = (size(event.bytes), duration(event.compile_us as i64));
        let (verb, _) = verbs(&event.unit.family);
        lines.push(Line::from(format!("restored {bytes}, which had taken {took} to {verb}")));
    }
    lines.extend(model.why(at).map(cause).unwrap_or_default());
    lines
}

/// At most three lines.
fn cause(cause: &Cause) -> Vec<Line<'static>> {
    let mut lines = vec![Line::from(sanitize(&format!("{}: {}", cause.summary, cause.about)))];
    if let Some([old, new]) = &cause.change {
        let side = |s: &str| if s.is_empty() { "(none)".to_string() } else { sanitize(short(s)) };
        lines.push(Line::from(format!("- {}", side(old))));
        lines.push(Line::from(format!("+ {}", side(new))));
    }
    lines
}

fn causes(model: &mut Model) -> List {
    let all = model.causes();
    let mut rows: Vec<Row> = all
        .iter()
        .map(|c| Row::new([right(c.units.to_string()), Cell::from(sanitize(&c.summary))]))
        .collect();
    if all.is_empty() {
        rows.push(Row::new(["", "no unit missed or was bypassed"]));
    }
    let details = all.get(model.selected).map(|c| {
        let units = count(c.units, "unit did not hit for this cause", "units did not hit for this cause");
        std::iter::once(Line::from(units.bold())).chain(cause(c)).collect()
    });
    List {
        names: vec![right("units"), "root cause, or reason".into()],
        widths: vec![Constraint::Length(5), Constraint::Min(1)],
        rows,
        details: details.unwrap_or_default(),
    }
}

fn builds(model: &mut Model) -> List {
    let row = |build: &Build| {
        let tally = model.tally(build);
        let units = &tally.units;
        Row::new([
            Cell::from(ago(build.first_us)),
            right(rate(tally.hit_rate)),
            right(units.hits.to_string()),
            right(units.misses.to_string()),
            right((bypassed(units) + errors(units)).to_string()),
            right(duration(tally.time.saved_us)),
            Cell::from(sanitize(&build.command)),
        ])
    };
    let figures = ["rate", "hits", "misses", "other", "saved"].map(right);
    let names = std::iter::once(Cell::from("began")).chain(figures).chain([Cell::from("command")]);
    let widths = [15, 7, 5, 6, 5, 11].map(Constraint::Length).into_iter();
    let selected = model.builds.iter().rev().nth(model.selected).map(build).unwrap_or_default();
    let keys = Line::from("Enter opens the selected build, f follows the newest build");
    List {
        names: names.collect(),
        widths: widths.chain([Constraint::Min(1)]).collect(),
        rows: model.builds.iter().rev().map(row).collect(),
        details: selected.into_iter().chain([keys]).collect(),
    }
}

/// At most three lines.
fn build(build: &Build) -> Vec<Line<'static>> {
    let took = duration(build.end_us.saturating_sub(build.first_us) as i64);
    let mut lines = vec![Line::from(sanitize(&build.command).bold())];
    if !build.directory.is_empty() {
        lines.push(Line::from(format!("in {}", sanitize(&build.directory))));
    }
    lines.push(Line::from(format!("took {took}")));
    lines
}

fn footer(model: &Model, width: u16) -> Line<'static> {
    let views = [(" 1 units ", View::Units), (" 2 causes ", View::Causes), (" 3 builds ", View::Builds)];
    let style = |view| if model.view == view { Modifier::REVERSED } else { Modifier::empty() };
    let mut spans: Vec<Span> = views.map(|(name, view)| Span::styled(name, style(view))).to_vec();
    let keys = if width < WIDE { " f follow q quit" } else { "  up/down select   f follow   q quit" };
    spans.push(keys.into());
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    #[test]
    fn a_long_text_keeps_its_end_by_columns() {
        assert_eq!(fitted("src/a.o", 7), "src/a.o");
        assert_eq!(fitted("src/long/a.o", 6), "…g/a.o");
        // Each of these has two columns.
        assert_eq!(fitted("日本語.o", 8), "日本語.o");
        assert_eq!(fitted("日本語.o", 7), "…本語.o");
        assert_eq!(fitted("日本語.o", 6), "…語.o");
    }

    #[test]
    fn a_narrow_screen_has_every_column() {
        let builds = screen_of(60, View::Builds, 0);
        assert!(builds.contains("97.5 %    39      1     0     -273 µs make"), "{builds}");
        assert!(builds.contains(" 3 builds  f follow q quit"), "{builds}");
    }

    /// The screen of a cache with events, 80 by 24 characters.
    fn screen(view: View, selected: isize) -> String {
        screen_of(80, view, selected)
    }

    fn screen_of(columns: u16, view: View, selected: isize) -> String {
        let dir = tempfile::tempdir().unwrap();
        let store = kache_core::store::Store::open(dir.path()).unwrap();
        for n in 0..40 {
            let outcome = if n == 7 { "miss" } else { "hit" };
            let text = format!(
                r#"{{"v":2,"time_us":{n},"kache":"0","pid":1,"build":"1-1","command":"make -j8","directory":"/w","kind":"unit","outcome":"{outcome}",
                "unit":{{"family":"rustc","package":"","name":"u{n}","kind":"lib","emit":"","extra":"","source":""}},
                "status":0,"cwd":"/","phases_us":{{}},"total_us":10,"bytes":7,"stored":true,"compile_us":3}}"#
            );
            serde_json::from_str::<Event>(&text.replace('\n', "")).unwrap().append(store.dir());
        }
        let mut model = Model::new(dir.path(), 1 << 30);
        model.look().unwrap();
        model.show(view);
        model.go(selected);
        let mut terminal = Terminal::new(TestBackend::new(columns, 24)).unwrap();
        terminal.draw(|frame| draw(frame, &mut model, false)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn the_selected_line_is_on_the_screen_with_its_details() {
        let units = screen(View::Units, 39);
        assert!(units.contains("hits 39   misses 1   bypassed 0   errors 0   rate 97.5 %"), "{units}");
        assert!(units.contains("hit            10 µs  -             u0 (lib)"), "{units}");
        assert!(units.contains("restored 7 B, which had taken 3 µs to compile"), "{units}");
        assert!(!units.contains("u39 (lib)"), "{units}");
        let causes = screen(View::Causes, 0);
        assert!(causes.contains("    1  its inputs were not recorded"), "{causes}");
        assert!(causes.contains("in u7 (lib)"), "{causes}");
        let builds = screen(View::Builds, 0);
        assert!(builds.contains("97.5 %     39       1      0"), "{builds}");
        assert!(builds.contains("-273 µs  make -j8") && builds.contains("in /w"), "{builds}");
        assert!(units.contains(", `make -j8`"), "{units}");
    }
}
