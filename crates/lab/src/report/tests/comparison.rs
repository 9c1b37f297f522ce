//! The comparison of protocols: what is drawn was run.

use super::{
    assert_well_formed,
    fixture::{PBFT, quickstart, record, violation},
    page,
};
use crate::record::Record;

/// Two protocols in two places, with and without faults, under two loads, 4 and 16 replicas.
fn compared() -> Vec<Record> {
    let mut records = Vec::new();
    for place in ["lan", "aws"] {
        for faults in ["undisturbed", "f down"] {
            for load in ["little", "much"] {
                for nodes in [4_u16, 16] {
                    for mut record in quickstart().into_iter().take(2) {
                        record.run = records.len();
                        record.summary.nodes = nodes;
                        record.point.insert("nodes".into(), nodes.to_string().into());
                        for (key, name) in [("network", place), ("faults", faults), ("load", load)]
                        {
                            record.point.insert(key.into(), name.into());
                        }
                        let much = load == "much";
                        record.submitted_transactions = if much { 90_000 } else { 1_500 };
                        let rate = if much { 8_000.0 / f64::from(nodes) } else { 50.0 };
                        record.summary.throughput_tps = rate;
                        record.summary.latency_ms.p50 = Some(if much { 2_000.0 } else { 1.5 });
                        records.push(record);
                    }
                }
            }
        }
    }
    records
}

fn is(record: &Record, label: &str, load: &str, nodes: u16) -> bool {
    record.label == label && record.point["load"] == load && record.summary.nodes == nodes
}

fn section(html: &str) -> &str {
    html.split("id=\"comparison\"").nth(1).unwrap().split("</section>").next().unwrap()
}

/// The drawing of this name.
fn chart<'a>(html: &'a str, name: &str) -> &'a str {
    let chart = html.split(&format!("aria-label=\"{name}\"")).nth(1);
    chart.unwrap_or_else(|| panic!("no `{name}`")).split("</svg>").next().unwrap()
}

/// The cells of the row of `label` in the first table of the comparison.
fn row(html: &str, label: &str) -> Vec<String> {
    let table = section(html).split("<table").nth(1).unwrap();
    let row = table.split("<tr").find(|row| row.contains(&format!("{label}</th>"))).unwrap();
    let cell = |cell: &str| cell.split(['>', '<']).nth(1).unwrap().to_owned();
    row.split("<td").skip(1).map(cell).collect()
}

#[test]
fn each_setting_has_its_panels() {
    let html = page(&compared());
    assert_well_formed(&html);
    for place in ["LAN", "AWS"] {
        for faults in ["undisturbed", "f down"] {
            for title in ["", ", n = 4", ", n = 16"] {
                let title = format!("<h4>{place}, {faults}{title}</h4>");
                assert!(html.contains(&title), "no {title}");
            }
        }
    }
    let over = chart(&html, "throughput over replicas: LAN, undisturbed");
    assert!(over.contains(">replicas</text>") && over.contains("class=\"line-label\""));
    let place = |title: &str| html.find(&format!("<h4>{title}</h4>")).unwrap();
    assert!(place("AWS, undisturbed") < place("LAN, f down"), "places stand side by side");
    let lead = html.split("<main>").next().unwrap();
    assert!(lead.contains("from 4 to 16 replicas the throughput under “much” goes"), "{lead}");
    assert!(lead.contains("pbft from 2,000 to 500"), "{lead}");
}

/// The highest throughput under one load and the lowest latency under another were never seen together.
#[test]
fn throughput_is_of_the_most_demanding_load_and_latency_of_the_least() {
    let html = page(&compared());
    assert_eq!(row(&html, "pbft"), ["2,000", "500", "1.50", "1.50"]);
    for column in ["tx/s under “much”, n = 4", "p50 ms under “little”, n = 16"] {
        assert!(section(&html).contains(column), "no column {column}");
    }
    // A mark for each of two loads, and no name: its line would cross the panel.
    let trade_off = chart(&html, "throughput against latency: LAN, undisturbed, n = 4");
    assert_eq!(trade_off.matches("<circle").count(), 2, "{trade_off}");
}

/// A protocol that can do little is not drawn as one that was asked for little.
#[test]
fn what_commits_nothing_under_the_most_demanding_load_is_named_and_not_drawn() {
    let mut records = compared();
    for record in records.iter_mut().filter(|record| is(record, "pbft", "much", 16)) {
        record.summary.committed_transactions = 0;
        record.summary.throughput_tps = 0.0;
        record.summary.latency_ms = Default::default();
        record.summary.violations = vec![violation("it stopped")];
    }
    for record in records.iter_mut().filter(|record| is(record, "pow", "little", 4)) {
        record.summary.committed_transactions = 0;
        record.summary.throughput_tps = 0.0;
        record.summary.latency_ms = Default::default();
        record.stall = Some("four live leaders in a row are wanted".into());
    }
    let html = page(&records);
    assert_well_formed(&html);
    assert_eq!(row(&html, "pbft"), ["2,000", "0", "1.50", "1.50"]);
    assert_eq!(row(&html, "pow"), ["2,000", "500", "–", "1.50"]);
    let over = chart(&html, "throughput over replicas: LAN, undisturbed");
    assert_eq!(over.matches("<circle").count(), 1 + 1, "four replicas, and beside the name");
    let idle = section(&html).split("Committed nothing").nth(1).unwrap();
    assert!(idle.contains("LAN, undisturbed, n = 16 under “much”;"), "{idle}");
    assert!(idle.contains("agreement: it stopped"), "{idle}");
    assert!(idle.contains("n = 4 under “little”") && idle.contains("as theory says: four live"));
    assert!(!idle.contains("n = 4 under “much”"), "{idle}");
}

/// Of several seeds the median counts, those that committed nothing included; beside it stands the range.
#[test]
fn seeds_count_by_their_median_and_the_idle_ones_are_named() {
    let one = compared();
    let mut records = one.clone();
    for seed in [2, 3] {
        for mut record in one.iter().cloned() {
            record.run = records.len();
            record.summary.seed = seed;
            if is(&record, "pbft", "much", 4) {
                record.summary.throughput_tps = if seed == 2 { 0.0 } else { 1_200.0 };
            }
            if record.summary.throughput_tps == 0.0 {
                record.summary.committed_transactions = 0;
                record.stall = Some("leaders are badly spread".into());
            }
            records.push(record);
        }
    }
    let html = page(&records);
    assert_well_formed(&html);
    assert_eq!(row(&html, "pbft")[0], "1,200");
    assert!(section(&html).contains("0 to 2,000"), "the range stands below");
    let idle = section(&html).split("Committed nothing").nth(1).unwrap();
    assert!(idle.contains("under “much”, 1 of 3 seeds (2)"), "{idle}");
    // From the axis, 254 units below the top, where nothing is, up to the most.
    let over = chart(&html, "throughput over replicas: LAN, undisturbed");
    assert!(over.contains(" 254 L "), "no line from nothing to the most: {over}");
    assert!(section(&html).contains("Points are medians over seeds"));
    assert!(!section(&page(&one)).contains("medians over seeds"), "one seed has no median");
}

/// Where clients send less than any protocol can do, lines of throughput would all be level and say nothing.
#[test]
fn where_throughput_is_the_same_for_all_latency_stands_over_sizes() {
    let mut records = compared();
    records.retain(|record| record.point["load"] == "little");
    for record in records.iter_mut().filter(|record| is(record, "pow", "little", 16)) {
        record.summary.latency_ms.p50 = Some(45.0);
    }
    let html = page(&records);
    assert_well_formed(&html);
    chart(&html, "median latency over replicas: LAN, undisturbed");
    assert!(!html.contains("throughput over replicas") && !html.contains("against latency"));
    assert!(section(&html).contains("about the same everywhere, 50.0 to 50.0 transactions/s"));
    let lead = html.split("<main>").next().unwrap();
    assert!(lead.contains("pbft from 1.50 to 1.50 and pow from 1.50 to 45.0"), "{lead}");
}

/// Without a load in the sweep there is one, and nothing is said of it.
#[test]
fn one_load_has_no_name() {
    let mut records: Vec<Record> = ["pbft", "raft"]
        .iter()
        .flat_map(|label| ["wide", "lan"].map(|place| (label, place)))
        .enumerate()
        .map(|(run, (label, place))| {
            let mut record = record(run, PBFT, "sim", 1);
            record.label = (*label).into();
            record.point.insert("network".into(), place.into());
            record
        })
        .collect();
    records[0].summary.throughput_tps = 123.0;
    let html = page(&records);
    assert_well_formed(&html);
    assert!(!section(&html).contains("under “") && section(&html).contains("<h4>Wide, n = 4</h4>"));
    assert_eq!(row(&html, "pbft")[0], "123");
}
