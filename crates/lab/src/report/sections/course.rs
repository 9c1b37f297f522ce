//! The course of runs: throughput, what faults did to it, median latency, and ledgers' heights.

use super::{
    super::{
        html::{Cell, Html},
        marks::Style,
        model::{Group, Panel, mark_detail, mark_label},
        page::Context,
        phases,
        plot::{Axis, Chart, Ends, Fault, Line, Size},
        stats::Mean,
        tables::intervals,
        words,
    },
    PANELS_OPEN, legend, legend_of, panels,
};
use crate::record::{Moment, Record};

/// Replicas that a figure of heights draws one by one; all others are one line.
const REPLICAS_DRAWN_MAX: usize = 6;
/// So many faults are told in full; the CSV has all.
const DETAILS_MAX: usize = 12;
/// More rows of stretches between faults than this are not open.
const ROWS_OPEN_MAX: usize = 32;
/// So many small panels of heights are open.
const HEIGHTS_OPEN: usize = 8;

pub(super) fn section(context: &Context<'_>, html: &mut Html) {
    let model = context.model;
    if model.records.iter().all(|run| run.timeline.is_empty()) {
        return;
    }
    html.element("section", &[("id", "course")], |html| {
        html.leaf("h2", &[], "The course of the runs");
        throughput(context, html);
        if model.groups.iter().any(|group| !group.marks().is_empty()) {
            through_faults(context, html);
        }
        latency(context, html);
        heights(context, html);
    });
}

fn throughput(context: &Context<'_>, html: &mut Html) {
    let bands = context.model.groups.iter().any(|group| group.runs.len() > 1);
    let caption = format!(
        "Throughput over time: transactions that became final for a client in each interval. \
         Vertical lines are faults and repairs; shade lasts from a fault to its repair.{}",
        if bands { " Lines are means over seeds, bands their 95 % intervals." } else { "" }
    );
    over_time(context, html, &caption, "transactions/s", false, |run| {
        let rate = |(from, m): (f64, &Moment)| {
            (m.at_s, Some(m.committed_transactions as f64 / (m.at_s - from)))
        };
        intervals(run).map(rate).collect()
    });
}

fn latency(context: &Context<'_>, html: &mut Html) {
    let caption = "Median latency over time, of the transactions that became final in each \
         interval; a gap is an interval without any. The latency of those that waited out a fault \
         appears when they are confirmed.";
    over_time(context, html, caption, "median latency (ms)", true, |run| {
        run.timeline.iter().map(|m| (m.at_s, m.p50_ms)).collect()
    });
}

/// A figure with one panel a host, one line a protocol, and time to the right.
fn over_time(
    context: &Context<'_>,
    html: &mut Html,
    caption: &str,
    label: &str,
    log: bool,
    values: impl Fn(&Record) -> Vec<(f64, Option<f64>)>,
) {
    let drawn = context.model.panels();
    context.figure(html, caption, "timeline.csv", |html, id| {
        legend(html, &context.model.groups);
        panels(html, &drawn, PANELS_OPEN, |html, number, panel| {
            let mut chart = frame(panel, label);
            chart.y.log = log;
            for group in &panel.groups {
                let runs: Vec<_> = group.runs.iter().map(&values).collect();
                chart.lines.push(mean_line(group.style, &runs));
            }
            let names: Vec<_> = panel.groups.iter().map(|g| g.label.as_str()).collect();
            let alt = format!("{label} over time, {}: {}", panel.title, words::list(&names));
            html.svg(&chart.draw(&format!("{id}-{number}"), &alt));
        });
    });
}

/// Axes of time with the faults of a panel's runs.
fn frame(panel: &Panel<'_>, label: &str) -> Chart {
    let end = panel.groups.iter().map(|g| g.runs[0].summary.duration_s).fold(0.0, f64::max);
    let mut chart = Chart {
        x: Axis::linear("time (s)").showing(0.0, end),
        y: Axis::linear(label),
        ..Chart::default()
    };
    for group in &panel.groups {
        for (x, label) in phases::moments(group) {
            let fault = Fault { x, label };
            // Protocols get the same faults at the same moments, but for a host's jitter.
            let known = |f: &Fault| f.label == fault.label && (f.x - fault.x).abs() < end / 50.0;
            if !chart.faults.iter().any(known) {
                chart.faults.push(fault);
            }
        }
    }
    chart.faults.sort_by(|a, b| a.x.total_cmp(&b.x));
    if let Some(group) = panel.groups.iter().find(|group| !group.marks().is_empty()) {
        chart.outages = phases::outages(&group.runs[0]);
    }
    chart
}

/// The mean over runs at each sample, with its interval; a gap where no run has a value.
fn mean_line(style: Style, runs: &[Vec<(f64, Option<f64>)>]) -> Line {
    let longest = runs.iter().map(Vec::len).max().unwrap_or(0);
    let (mut pieces, mut ends) = (vec![Vec::new()], Vec::new());
    for i in 0..longest {
        let at = runs.iter().find_map(|run| run.get(i)).map_or(0.0, |sample| sample.0);
        match Mean::of(runs.iter().filter_map(|run| run.get(i)?.1)) {
            Some(mean) => {
                pieces.last_mut().expect("there is a piece").push((at, mean.value));
                let (low, high) = mean.interval();
                ends.push((low.max(0.0), high));
            }
            None if pieces.last().is_some_and(|piece| !piece.is_empty()) => pieces.push(Vec::new()),
            None => {}
        }
    }
    let mut line = Line::broken(style, pieces);
    if runs.len() > 1 {
        (line.intervals, line.ends) = (ends, Ends::Band);
    }
    line.marker_every = (longest / 8).max(1);
    line
}

fn through_faults(context: &Context<'_>, html: &mut Html) {
    let hit: Vec<&Group> = context.model.groups.iter().filter(|g| !g.marks().is_empty()).collect();
    let mut kinds: Vec<(Vec<String>, Vec<&Group>)> = Vec::new();
    for group in hit {
        let names: Vec<_> = phases::of_group(group).into_iter().map(|p| p.name).collect();
        match kinds.iter_mut().find(|(known, _)| *known == names) {
            Some((_, groups)) => groups.push(group),
            None => kinds.push((names, vec![group])),
        }
    }
    html.leaf("h3", &[], "Through the faults");
    let tables = |html: &mut Html| {
        for (names, groups) in &kinds {
            let mut columns = vec!["Protocol", "Host"];
            let names: Vec<_> = names.iter().map(|name| words::capital(name)).collect();
            columns.extend(names.iter().map(String::as_str));
            columns.push("Longest pause");
            let rows: Vec<_> = groups.iter().map(|group| phase_row(group, names.len())).collect();
            html.table("phases", "", &columns, &rows);
        }
    };
    match kinds.iter().map(|(_, groups)| groups.len()).sum() {
        0..=ROWS_OPEN_MAX => tables(html),
        rows => html.element("details", &[], |html| {
            html.leaf("summary", &[], format!("All {rows} rows"));
            tables(html);
        }),
    }
    let fine = context.model.records.iter().find_map(phases::resolution);
    html.element("p", &[("class", "small")], |html| {
        html.text(format!(
            "Transactions/s in each stretch between faults, and in per cent of the stretch before \
             the first. The longest pause is the longest stretch without a commit after the first \
             one, to the nearest interval ({}). ",
            fine.unwrap_or_else(|| "none".into())
        ));
        context.data(html, "marks.csv");
    });
    details(context, html);
}

/// What hosts said of faults beyond their names.
fn details(context: &Context<'_>, html: &mut Html) {
    let told = context.model.groups.iter().flat_map(|group| {
        group.marks().iter().filter_map(move |mark| Some((group, mark, mark_detail(mark)?)))
    });
    let lines: Vec<_> = told
        .map(|(group, mark, detail)| {
            let at = words::seconds(mark.at_s);
            format!("{}, {} at {at}: {detail}.", group.name(), mark_label(mark))
        })
        .collect();
    if !lines.is_empty() {
        html.element("ul", &[("class", "small")], |html| {
            lines.iter().take(DETAILS_MAX).for_each(|line| html.leaf("li", &[], line));
        });
    }
}

fn phase_row(group: &Group, phases: usize) -> Vec<Cell> {
    let name = match group.point.is_empty() {
        true => group.label.clone(),
        false => format!("{}, {}", group.label, group.point_label()),
    };
    let mut row = vec![Cell::Series(group.style, name), Cell::Text(group.host.clone())];
    let before = phases::mean_rate(group, 0).map_or(0.0, |mean| mean.value);
    for index in 0..phases {
        row.push(match phases::mean_rate(group, index) {
            None => Cell::Figure("–".into(), "not sampled".into()),
            Some(rate) if rate.value == 0.0 => Cell::Figure("0".into(), "no commit in it".into()),
            Some(rate) if index > 0 && before > 0.0 => {
                let share = words::percent(rate.value / before);
                Cell::Figure(words::number(rate.value), share)
            }
            Some(rate) => Cell::figure(words::number(rate.value)),
        });
    }
    row.push(match group.mean(phases::longest_pause) {
        None => Cell::Figure("–".into(), "no commit at all".into()),
        Some(pause) if pause.value == 0.0 => Cell::figure("under one interval"),
        Some(pause) => Cell::figure(words::seconds(pause.value)),
    });
    row
}

fn heights(context: &Context<'_>, html: &mut Html) {
    let known = |run: &Record| run.timeline.iter().any(|m| !m.heights.is_empty());
    if !context.model.records.iter().any(known) {
        return;
    }
    let mut drawn: Vec<Panel<'_>> = Vec::new();
    for group in &context.model.groups {
        drawn.push(Panel { title: group.name(), groups: vec![group] });
    }
    let caption = "Height of each replica's ledger over time. Replicas that a fault hit, and \
         those behind at the end, are drawn one by one with a gap while they were down; all \
         others are the grey line (their median, with the range from the shortest to the \
         longest). One run each: the first seed.";
    context.figure(html, caption, "heights.csv", |html, id| {
        html.element("div", &[("class", "small-multiples")], |html| {
            panels(html, &drawn, HEIGHTS_OPEN, |html, number, panel| {
                let run = &panel.groups[0].runs[0];
                let alone = stand_out(run);
                let mut entries: Vec<_> =
                    alone.iter().map(|&r| (Style(r), format!("r{r}"))).collect();
                let others = usize::from(run.summary.nodes) > alone.len();
                if others {
                    let name = if alone.is_empty() { "all replicas" } else { "other replicas" };
                    entries.push((Style::QUIET, name.into()));
                }
                legend_of(html, &entries);
                let mut chart = frame(panel, "ledger height (blocks)");
                chart.size = Size::Half;
                chart.lines = height_lines(run, &alone);
                let alt = format!("ledger heights over time, {}", panel.title);
                html.svg(&chart.draw(&format!("{id}-{number}"), &alt));
            });
        });
    });
}

/// Replicas worth a line of their own.
fn stand_out(run: &Record) -> Vec<usize> {
    let mut alone: Vec<usize> =
        run.marks.iter().filter_map(|mark| mark.replica).map(usize::from).collect();
    if let Some(last) = run.timeline.last() {
        let longest = last.heights.iter().flatten().max().copied().unwrap_or(0);
        let behind = |height: &Option<u64>| height.is_none_or(|h| h + h / 10 + 2 < longest);
        alone.extend((0..last.heights.len()).filter(|&i| behind(&last.heights[i])));
    }
    alone.sort_unstable();
    alone.dedup();
    alone.truncate(REPLICAS_DRAWN_MAX);
    alone
}

fn height_lines(run: &Record, alone: &[usize]) -> Vec<Line> {
    let mut quiet = Line::new(Style::QUIET, Vec::new());
    quiet.ends = Ends::Band;
    for moment in &run.timeline {
        let others = moment.heights.iter().enumerate().filter(|(i, _)| !alone.contains(i));
        let mut heights: Vec<u64> = others.filter_map(|(_, height)| *height).collect();
        heights.sort_unstable();
        if let (Some(&low), Some(&high)) = (heights.first(), heights.last()) {
            quiet.pieces[0].push((moment.at_s, heights[heights.len() / 2] as f64));
            quiet.intervals.push((low as f64, high as f64));
        }
    }
    let mut lines = vec![quiet];
    for &replica in alone {
        let mut pieces = vec![Vec::new()];
        for moment in &run.timeline {
            match moment.heights.get(replica).copied().flatten() {
                Some(height) => {
                    let piece: &mut Vec<_> = pieces.last_mut().expect("there is a piece");
                    piece.push((moment.at_s, height as f64));
                }
                None if pieces.last().is_some_and(|piece| !piece.is_empty()) => {
                    pieces.push(Vec::new());
                }
                None => {}
            }
        }
        let mut line = Line::broken(Style(replica), pieces);
        line.marker_every = (run.timeline.len() / 8).max(1);
        lines.push(line);
    }
    lines
}
