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
fn ticks_stand_at_the_values_that_were_run() {
    let over = |values: &[f64]| {
        let points = values.iter().map(|&value| (value, 1.0)).collect();
        Chart {
            x: Axis::log("replicas").at(values.iter().copied()),
            y: Axis::linear("tx/s"),
            lines: vec![Line::new(Style(0), points)],
            size: Size::Half,
            ..Chart::default()
        }
    };
    let written =
        |svg: &str, label: &str| svg.contains(&format!("text-anchor=\"middle\">{label}<"));
    let svg = over(&[4.0, 16.0, 64.0, 128.0]).draw("c", "");
    assert!(["4", "16", "64", "128"].iter().all(|label| written(&svg, label)), "{svg}");
    assert!(!written(&svg, "5") && !written(&svg, "50"), "the library's own are there, too: {svg}");
    // Nobody could read these.
    let svg = over(&[1000.0, 1001.0, 4000.0]).draw("c", "");
    assert!(!written(&svg, "1,001") && written(&svg, "2,000"), "{svg}");
}

#[test]
fn a_range_that_reaches_nothing_leaves_a_logarithmic_axis_as_it_is() {
    let mut chart = chart(&[]);
    chart.y.log = true;
    chart.lines[0].intervals = vec![(0.0, 3.0), (2.0, 2.0)];
    chart.lines[0].ends = Ends::Span;
    assert!(chart.range(&chart.y, |p| p.1).log);
    let svg = chart.draw("c", "");
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
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
