//! One drawing for each benchmark: medians over the size, both on logarithmic scales; bars where there is no size.

use super::Line;
use super::svg::{Anchor, Svg};
use crate::plan::size_text;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 560.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 200.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 60.0;
const BAR_HEIGHT: f64 = 26.0;
const GRID: &str = "#dddddd";
/// Told apart without red against green.
pub(crate) const COLORS: [&str; 8] =
    ["#000000", "#0072b2", "#e69f00", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#999999"];

/// The drawing of one benchmark's lines; none if there are none.
pub(crate) fn draw(lines: &[Line]) -> Option<String> {
    let first = lines.first()?;
    let bench = first.workload.bench;
    let title = format!("{}: median µs of a call over the size of an array", bench.name());
    Some(if bench.is_sized() && !bench.has_servers() { curves(&title, &series(lines)) } else { bars(lines) })
}

/// The variants in order of appearance.
fn variants(lines: &[Line]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for line in lines {
        if !names.contains(&line.variant) {
            names.push(line.variant);
        }
    }
    names
}

/// A name, and values over sizes in bytes.
pub(crate) type Series = (&'static str, Vec<(usize, f64)>);

fn series(lines: &[Line]) -> Vec<Series> {
    let points = |name: &str| {
        let own = lines.iter().filter(|line| line.variant == name);
        own.map(|line| (line.workload.size, line.summary.median)).collect()
    };
    variants(lines).into_iter().map(|name| (name, points(name))).collect()
}

/// A curve for each series.
pub(crate) fn curves(title: &str, series: &[Series]) -> String {
    let log = |&(size, value): &(usize, f64)| ((size as f64).log2(), value.max(1e-3).log10());
    let (sizes, values): (Vec<f64>, Vec<f64>) = series.iter().flat_map(|(_, points)| points).map(log).unzip();
    let x = Scale::around(&sizes, LEFT, WIDTH - RIGHT);
    let y = Scale::around(&values, HEIGHT - BOTTOM, TOP);
    let mut svg = Svg::new(WIDTH, HEIGHT);
    svg.text((LEFT, TOP - 24.0), Anchor::Start, title);
    grid(&mut svg, &x, &y);
    for ((index, (name, points)), color) in series.iter().enumerate().zip(COLORS.iter().cycle()) {
        let place = |(size, value): (f64, f64)| (x.place(size), y.place(value));
        let mut points: Vec<(f64, f64)> = points.iter().map(log).map(place).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        svg.curve(&points, color);
        let row = TOP + 18.0 * index as f64 + 10.0;
        svg.bar((WIDTH - RIGHT + 16.0, row - 9.0), 10.0, 10.0, color);
        svg.text((WIDTH - RIGHT + 32.0, row), Anchor::Start, name);
    }
    svg.finish()
}

fn grid(svg: &mut Svg, x: &Scale, y: &Scale) {
    for power in y.whole_numbers() {
        let at = y.place(f64::from(power));
        svg.line((LEFT, at), (WIDTH - RIGHT, at), GRID);
        svg.text((LEFT - 8.0, at + 4.0), Anchor::End, &format!("{}", 10_f64.powi(power)));
    }
    for power in x.whole_numbers().filter(|power| power % 3 == 0) {
        let at = x.place(f64::from(power));
        svg.line((at, TOP), (at, HEIGHT - BOTTOM), GRID);
        let bytes = u32::try_from(power).ok().and_then(|power| 1_usize.checked_shl(power));
        svg.text((at, HEIGHT - BOTTOM + 18.0), Anchor::Middle, &bytes.map_or(String::new(), size_text));
    }
    svg.line((LEFT, TOP), (LEFT, HEIGHT - BOTTOM), "black");
    svg.line((LEFT, HEIGHT - BOTTOM), (WIDTH - RIGHT, HEIGHT - BOTTOM), "black");
}

fn bars(lines: &[Line]) -> String {
    let mut svg = Svg::new(WIDTH, TOP + BAR_HEIGHT * lines.len() as f64 + 20.0);
    let first = lines.first();
    let unit = if first.is_some_and(Line::is_rate) { "calls per second" } else { "median µs of a call" };
    let bench = first.map_or("", |line| line.workload.bench.name());
    svg.text((LEFT, TOP - 24.0), Anchor::Start, &format!("{bench}: {unit}"));
    let largest = lines.iter().map(|line| line.summary.median).fold(f64::MIN_POSITIVE, f64::max);
    let left = LEFT + if first.is_some_and(|line| line.workload.bench.has_servers()) { 180.0 } else { 60.0 };
    for ((index, line), color) in lines.iter().enumerate().zip(COLORS.iter().cycle()) {
        let top = TOP + BAR_HEIGHT * index as f64;
        let width = line.summary.median / largest * (WIDTH - left - 100.0);
        svg.text((left - 8.0, top + 15.0), Anchor::End, &label(line));
        svg.bar((left, top), width, BAR_HEIGHT - 6.0, color);
        let digits = if line.is_rate() { 0 } else { 2 };
        svg.text((left + width + 8.0, top + 15.0), Anchor::Start, &format!("{:.digits$}", line.summary.median));
    }
    svg.finish()
}

fn label(line: &Line) -> String {
    if line.workload.bench.has_servers() {
        format!("{}, {}, {} servers", line.variant, size_text(line.workload.size), line.workload.servers)
    } else {
        line.variant.to_owned()
    }
}

/// Maps a range of exponents to pixels.
#[derive(Debug)]
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// From the whole number below the least of `values` to that above the greatest.
    fn around(values: &[f64], from: f64, to: f64) -> Self {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min).floor();
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max).ceil();
        Self { low, high: high.max(low + 1.0), from, to }
    }

    fn place(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    fn whole_numbers(&self) -> impl Iterator<Item = i32> {
        (-30..64).filter(|&power| (self.low..=self.high).contains(&f64::from(power)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{lines, samples::row};
    use super::*;
    use crate::workload::Bench;

    #[test]
    fn a_curve_for_each_variant() {
        let mut all = Vec::new();
        for size in [1, 1024, 2 << 20] {
            all.extend(lines(&[
                row(Bench::Echo, size, "raw-udp", &[1e4 + size as f64]),
                row(Bench::Echo, size, "raw-tcp", &[2e4]),
            ]));
        }
        let svg = draw(&all).unwrap();
        assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (2, 6));
        assert!([">1 B<", ">32 KiB<", ">2 MiB<"].iter().all(|label| svg.contains(label)), "{svg}");
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && !svg.contains("NaN"));
    }

    #[test]
    fn a_bar_for_each_variant() {
        let svg = draw(&lines(&[row(Bench::Ping, 0, "raw-udp", &[9500.0])])).unwrap();
        assert!(svg.contains(">9.50</text>") && svg.contains(">raw-udp</text>"), "{svg}");
    }

    #[test]
    fn one_point_has_a_range() {
        let svg = draw(&lines(&[row(Bench::Echo, 1, "raw-udp", &[1000.0])])).unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert_eq!(draw(&[]), None);
    }
}
