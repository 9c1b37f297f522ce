//! Charts as SVG.

use super::*;

fn chart(faults: &[(f64, &str)]) -> Chart {
    let fault = |&(x, label): &(f64, &str)| Fault { x, label: label.into() };
    Chart {
        x: Axis::linear("time (s)").showing(0.0, 10.0),
        y: Axis::linear("tx/s"),
        lines: vec![Line::new(Style(1), vec![(0.0, 1.0), (10.0, 2.0)])],
        faults: faults.iter().map(fault).collect(),
        ..Chart::default()
    }
}

/// Where the text called `label` begins and ends, by its middle.
fn span(svg: &str, label: &str) -> (f64, f64) {
    let text = svg.split("<text ").find(|text| text.contains(label)).expect("it is drawn");
    let x = text.split("x=\"").nth(1).and_then(|rest| rest.split('"').next());
    let x: f64 = x.and_then(|x| x.parse().ok()).expect("it has a place");
    let half = label.chars().count() as f64 * LETTER / 2.0;
    (x - half, x + half)
}

#[test]
fn labels_of_faults_stay_on_the_chart_and_apart() {
    let svg = chart(&[(5.0, "crash r1"), (5.1, "crash r2"), (9.9, "restart r1")]).draw("c", "");
    let (_, end) = span(&svg, "restart r1");
    assert!(end < Size::Wide.width() - RIGHT, "a label ends at {end}");
    let lane = |label: &str| {
        let text = svg.split("<text ").find(|text| text.contains(label)).expect("drawn");
        text.split(" y=\"").nth(1).and_then(|y| y.split('"').next()).map(str::to_owned)
    };
    assert_ne!(lane("crash r1"), lane("crash r2"), "labels lie over each other");
}

#[test]
fn a_chart_without_points_has_axes() {
    let mut chart = chart(&[]);
    chart.lines.clear();
    assert!(chart.draw("c", "nothing").contains("tx/s"));
}

#[test]
fn equal_charts_are_equal_and_have_names_of_their_own() {
    assert_eq!(chart(&[]).draw("a", ""), chart(&[]).draw("a", ""));
    let (a, b) = (chart(&[]).draw("a", ""), chart(&[]).draw("b", ""));
    assert!(a.contains("a-clip-0") && b.contains("b-clip-0") && !b.contains("kuva-clip"));
}

#[test]
fn a_logarithmic_axis_needs_values_above_zero() {
    let mut chart = chart(&[]);
    chart.y.log = true;
    assert!(chart.range(&chart.y, |p| p.1).log);
    chart.lines[0].pieces[0][0].1 = 0.0;
    assert!(!chart.range(&chart.y, |p| p.1).log);
}
