//! Plots as SVG.

use std::fmt::Write;

/// Side of the drawing area and the margin for the labels.
const SIDE: f64 = 320.0;
const MARGIN: f64 = 44.0;

/// A named line of points.
pub struct Line<'a> {
    pub name: &'a str,
    pub colour: &'a str,
    pub points: Vec<(f64, f64)>,
    pub dots: bool,
}

/// Lines over a square of `x` and `y` ranges.
pub fn plot(title: &str, axes: [&str; 2], x: [f64; 2], y: [f64; 2], lines: &[Line<'_>]) -> String {
    let full = SIDE + 2.0 * MARGIN;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {full} {full}\" width=\"{full}\" role=\"img\"><title>{title}</title>\
         <text x=\"{}\" y=\"16\" class=\"title\">{title}</text>",
        full / 2.0
    );
    let place = |(px, py): (f64, f64)| {
        let share = |value: f64, range: [f64; 2]| {
            ((value - range[0]) / (range[1] - range[0])).clamp(0.0, 1.0)
        };
        (MARGIN + SIDE * share(px, x), MARGIN + SIDE * (1.0 - share(py, y)))
    };
    for tick in 0..=5 {
        let share = f64::from(tick) / 5.0;
        let at = MARGIN + SIDE * share;
        let low = MARGIN;
        let high = MARGIN + SIDE;
        let label = |range: [f64; 2]| range[0] + share * (range[1] - range[0]);
        // Writing to a string cannot fail.
        let _ = write!(
            svg,
            "<path d=\"M{at} {low}V{high}M{low} {at}H{high}\" class=\"grid\"/>\
             <text x=\"{at}\" y=\"{}\">{:.2}</text><text x=\"{}\" y=\"{}\">{:.2}</text>",
            high + 14.0,
            label(x),
            low - 20.0,
            MARGIN + SIDE * (1.0 - share) + 4.0,
            label(y)
        );
    }
    for (number, line) in lines.iter().enumerate() {
        let name = line.name;
        let colour = line.colour;
        let mut path = String::new();
        for (idx, point) in line.points.iter().enumerate() {
            let (px, py) = place(*point);
            let _ = write!(path, "{}{px:.1} {py:.1}", if idx == 0 { "M" } else { "L" });
            if line.dots {
                let _ = write!(
                    svg,
                    "<circle cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"3\" fill=\"{colour}\"/>"
                );
            }
        }
        let _ = write!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <text x=\"{}\" y=\"{}\" fill=\"{colour}\" class=\"key\">{name}</text>",
            MARGIN + 8.0,
            MARGIN + SIDE - 8.0 - 14.0 * number as f64
        );
    }
    let _ = write!(
        svg,
        "<text x=\"{}\" y=\"{}\">{}</text><text transform=\"translate(12 {}) rotate(-90)\">{}</text></svg>",
        full / 2.0,
        full - 8.0,
        axes[0],
        full / 2.0,
        axes[1]
    );
    svg
}
