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
    // Two protocols, a mark for each of two loads, and one beside each name.
    let trade_off = chart(&html, "throughput against latency: LAN, undisturbed, n = 4");
    assert_eq!(trade_off.matches("<circle").count(), 2 + 1, "{trade_off}");
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

/// Of several seeds the mean counts, those that committed nothing included.
#[test]
fn seeds_count_by_their_mean_and_the_idle_ones_are_named() {
    let mut records = compared();
    let again: Vec<Record> = records.to_vec();
    let count = records.len();
    for (number, mut record) in again.into_iter().enumerate() {
        record.run = count + number;
        record.summary.seed = 2;
        if is(&record, "pbft", "much", 4) {
            record.summary.throughput_tps = 0.0;
            record.summary.committed_transactions = 0;
            record.stall = Some("leaders are badly spread".into());
        }
        records.push(record);
    }
    let html = page(&records);
    assert_eq!(row(&html, "pbft")[0], "1,000");
    let idle = section(&html).split("Committed nothing").nth(1).unwrap();
    assert!(idle.contains("under “much”, 1 of 2 seeds (2)"), "{idle}");
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
