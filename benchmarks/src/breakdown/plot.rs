//! A stacked bar for each variant.

use super::parts::NAMES;
use super::report::Line;
use crate::plan::size_text;
use crate::report::plot::COLORS;
use crate::report::svg::{Anchor, Svg};

const WIDTH: f64 = 900.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 90.0;
const TOP: f64 = 80.0;
const BAR_HEIGHT: f64 = 34.0;
const STEP: f64 = 48.0;
const LEGEND_STEP: f64 = 135.0;

/// The drawing of all lines; none if there are none.
pub(super) fn draw(lines: &[Line]) -> Option<String> {
    let longest = lines.iter().map(Line::total).reduce(f64::max)?.max(f64::MIN_POSITIVE);
    let mut svg = Svg::new(WIDTH, TOP + STEP * lines.len() as f64 + 10.0);
    svg.text((20.0, 24.0), Anchor::Start, "breakdown: µs of an increment, in parts");
    for (index, (name, color)) in NAMES.iter().zip(colors()).enumerate() {
        let left = 20.0 + LEGEND_STEP * index as f64;
        svg.bar((left, 40.0), 10.0, 10.0, color);
        svg.text((left + 16.0, 49.0), Anchor::Start, name);
    }
    for (index, line) in lines.iter().enumerate() {
        let top = TOP + STEP * index as f64;
        let label = format!("{}, {}", line.variant, size_text(line.size));
        svg.text((LEFT - 8.0, top + BAR_HEIGHT / 2.0 + 4.0), Anchor::End, &label);
        let mut left = LEFT;
        for (part, color) in line.parts.iter().zip(colors()) {
            let width = part / longest * (WIDTH - LEFT - RIGHT);
            svg.bar((left, top), width, BAR_HEIGHT, color);
            left += width;
        }
        svg.text((left + 8.0, top + BAR_HEIGHT / 2.0 + 4.0), Anchor::Start, &format!("{:.2}", line.total()));
    }
    Some(svg.finish())
}

/// One for each part: all but black, which stands for raw UDP elsewhere.
fn colors() -> impl Iterator<Item = &'static str> {
    COLORS.into_iter().skip(1)
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::line;
    use super::*;

    #[test]
    fn a_bar_in_parts_for_each_variant() {
        let svg = draw(&[line("apache-tcp-framed", 2), line("bifrost-udp", 1)]).unwrap();
        // The background, the legend, and the parts.
        assert_eq!(svg.matches("<rect").count(), 1 + NAMES.len() + 2 * NAMES.len());
        assert!(svg.contains(">135.00</text>") && svg.contains(">bifrost-udp, 16 KiB</text>"), "{svg}");
        assert!(!svg.contains("NaN"));
        assert_eq!(draw(&[]), None);
    }
}
