//! The page's plots, as inline SVG.
//!
//! Plots are small and scale with their container, so that a narrow window shows them below each other and a
//! wide one side by side, with text of the same size. Colours are drawn as placeholders and replaced by the
//! page's variables, so that one drawing fits a light and a dark page.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const WIDTH: u32 = 360;
const LEFT: i32 = 104;
const RIGHT: i32 = 68;
const BAR: i32 = 24;
/// plotters uses it as line height, so letters are a fifth smaller.
const LETTERS: i32 = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Ink,
    Muted,
    Grid,
    Ours,
    Plain,
    Peer,
    /// One of several parts, first to sixth.
    Part(u8),
}

/// The page's variables of the colours, in the order of [`Tone::number`].
const VARIABLES: [&str; 12] = [
    "--ink", "--muted", "--grid", "--ours", "--plain", "--peer", "--part0", "--part1", "--part2", "--part3",
    "--part4", "--part5",
];

/// Placeholders are darker than any drawn colour.
fn placeholder(number: u8) -> RGBColor {
    RGBColor(1, 1, number)
}

impl Tone {
    fn stand_in(self) -> RGBColor {
        placeholder(self.number())
    }

    fn number(self) -> u8 {
        match self {
            Tone::Ink => 0,
            Tone::Muted => 1,
            Tone::Grid => 2,
            Tone::Ours => 3,
            Tone::Plain => 4,
            Tone::Peer => 5,
            Tone::Part(at) => 6 + at % 6,
        }
    }

    pub fn variable(self) -> &'static str {
        VARIABLES[usize::from(self.number())]
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    pub label: String,
    /// From left to right; one part for a plain bar.
    pub parts: Vec<(Tone, f64)>,
    /// Minimum and maximum, if known.
    pub range: Option<(f64, f64)>,
    pub description: String,
}

/// Horizontal bars from zero.
pub fn bars(bars: &[Bar]) -> String {
    let height = BAR * bars.len() as i32 + 6;
    let longest = bars.iter().map(|bar| bar.range.map_or(length(bar), |(_, high)| high.max(length(bar))));
    let longest = longest.fold(f64::MIN_POSITIVE, f64::max);
    let place = |value: f64| LEFT + (value / longest * f64::from(WIDTH as i32 - LEFT - RIGHT)).round() as i32;
    draw(height as u32, |area| {
        area.draw(&PathElement::new([(LEFT, 2), (LEFT, height - 2)], Tone::Grid.stand_in()))?;
        for (at, bar) in bars.iter().enumerate() {
            let middle = 3 + BAR * at as i32 + BAR / 2;
            text(area, &cut(&bar.label, 15), (LEFT - 6, middle), Tone::Ink, HPos::Right)?;
            let mut from = 0.0;
            for (tone, part) in &bar.parts {
                let corners = [(place(from), middle - 7), (place(from + part), middle + 7)];
                area.draw(&Rectangle::new(corners, tone.stand_in().filled()))?;
                from += part;
            }
            let mut end = place(from);
            if let Some((low, high)) = bar.range {
                let (low, high) = (place(low), place(high));
                let line = |from, to| PathElement::new([from, to], Tone::Ink.stand_in());
                area.draw(&line((low, middle), (high, middle)))?;
                area.draw(&line((low, middle - 3), (low, middle + 4)))?;
                area.draw(&line((high, middle - 3), (high, middle + 4)))?;
                end = end.max(high);
            }
            text(area, &bar.description, (end + 5, middle), Tone::Muted, HPos::Left)?;
        }
        Ok(())
    })
}

fn length(bar: &Bar) -> f64 {
    bar.parts.iter().map(|(_, part)| part).sum()
}

/// A line over runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub tone: Tone,
    /// A value for each run; `None` if a run has none.
    pub values: Vec<Option<f64>>,
}

/// Shares over runs, in percent; `labels` are the runs' dates.
pub fn shares(lines: &[Line], labels: &[String]) -> String {
    const HEIGHT: u32 = 130;
    let (left, right, top, bottom) = (58, WIDTH as i32 - 16, 10, HEIGHT as i32 - 24);
    let values = || lines.iter().flat_map(|line| line.values.iter().flatten().copied());
    let least = values().fold(1.0, f64::min);
    // The axis shows a hundredth if values are close, and everything if they are not.
    let floor = if least >= 0.99 { 0.98 } else { ((least - 0.02) * 20.0).floor().max(0.0) / 20.0 };
    let y = |share: f64| top + ((1.0 - share) / (1.0 - floor) * f64::from(bottom - top)).round() as i32;
    let last = labels.len().saturating_sub(1).max(1) as i32;
    let x = |run: usize| {
        if labels.len() == 1 {
            (left + right) / 2
        } else {
            left + 8 + (right - left - 16) * run as i32 / last
        }
    };
    draw(HEIGHT, |area| {
        for tick in [1.0, (1.0 + floor) / 2.0, floor] {
            let line = PathElement::new([(left, y(tick)), (right, y(tick))], Tone::Grid.stand_in());
            area.draw(&line)?;
            let description = format!("{:.1}", tick * 100.0);
            let description = format!("{} %", description.strip_suffix(".0").unwrap_or(&description));
            text(area, &description, (left - 5, y(tick)), Tone::Muted, HPos::Right)?;
        }
        for (at, align) in ends(labels.len()) {
            text(area, &labels[at], (x(at), bottom + 13), Tone::Muted, align)?;
        }
        for (at, line) in lines.iter().enumerate() {
            let points: Vec<_> =
                line.values.iter().enumerate().filter_map(|(run, v)| Some((x(run), y((*v)?)))).collect();
            area.draw(&PathElement::new(points.clone(), line.tone.stand_in().stroke_width(2)))?;
            for point in points {
                // Different point sizes distinguish overlapping lines.
                let size = 5 - 2 * (at as i32).min(1);
                area.draw(&Circle::new(point, size, line.tone.stand_in().filled()))?;
            }
        }
        Ok(())
    })
}

fn ends(count: usize) -> Vec<(usize, HPos)> {
    match count {
        0 => Vec::new(),
        1 => vec![(0, HPos::Center)],
        n => vec![(0, HPos::Left), (n - 1, HPos::Right)],
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;

fn text(area: &Area<'_>, words: &str, at: (i32, i32), tone: Tone, across: HPos) -> Drawn {
    let colour = tone.stand_in();
    let style = TextStyle::from(("sans-serif", LETTERS).into_font()).color(&colour);
    area.draw_text(words, &style.pos(Pos::new(across, VPos::Center)), at)?;
    Ok(())
}

/// Truncates to a number of characters.
fn cut(label: &str, most: usize) -> String {
    match label.char_indices().nth(most) {
        Some(_) => label.chars().take(most - 1).chain(['…']).collect(),
        None => label.to_owned(),
    }
}

fn draw(height: u32, how: impl FnOnce(&Area<'_>) -> Drawn) -> String {
    let mut svg = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        how(&area).and_then(|()| Ok(area.present()?))
    };
    // Writing to a string cannot fail.
    drawn.expect("drawing into a string cannot fail");
    for (number, variable) in (0..).zip(VARIABLES) {
        let RGBColor(r, g, b) = placeholder(number);
        svg = svg.replace(&format!("\"#{r:02X}{g:02X}{b:02X}\""), &format!("\"var({variable})\""));
    }
    // The container sets the size, and the page the font.
    let size = format!("width=\"{WIDTH}\" height=\"{height}\" ");
    svg.replacen(&size, "aria-hidden=\"true\" ", 1).replace(" font-family=\"sans-serif\"", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(label: &str, value: f64) -> Bar {
        Bar {
            label: label.into(),
            parts: vec![(Tone::Ours, value)],
            range: Some((0.5, 2.0)),
            description: "1 s".into(),
        }
    }

    #[test]
    fn a_plot_has_the_pages_colours_and_no_others() {
        let lines = [Line { tone: Tone::Part(1), values: vec![Some(0.5), None, Some(1.0)] }];
        let days = ["a", "b", "c"].map(String::from);
        for svg in [bars(&[bar("kache", 1.0), bar("plain", 2.0)]), shares(&lines, &days), bars(&[])] {
            assert!(!svg.contains("\"#"), "{svg}");
            assert!(svg.starts_with("<svg aria-hidden=\"true\" viewBox="), "{svg}");
        }
    }

    #[test]
    fn labels_are_words_and_not_tags() {
        let svg = bars(&[bar("<script>", 1.0)]);
        assert!(svg.contains("&lt;script&gt;") && !svg.contains("<script"), "{svg}");
        assert_eq!(cut("ünglaublich", 5), "ünga…".replace("ga", "gl"));
    }

    #[test]
    fn nothing_is_drawn_outside() {
        let lines = [Line { tone: Tone::Ours, values: vec![Some(0.0), Some(1.0)] }];
        let svg = shares(&lines, &["1".into(), "2".into()]);
        let coordinates =
            svg.split("cy=\"").skip(1).filter_map(|rest| rest.split('"').next()?.parse::<i32>().ok());
        assert!(
            coordinates.clone().count() == 2 && coordinates.clone().all(|y| (0..130).contains(&y)),
            "{svg}"
        );
    }
}
