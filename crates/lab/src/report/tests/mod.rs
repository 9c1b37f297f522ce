//! The report over hand-made results folders.
#![allow(clippy::unwrap_used)]

mod comparison;
mod fixture;

use fixture::{folder, idle, quickstart, record, sweep, violation};

use super::{model::Model, phases, render, write_csvs};
use crate::record::{MarkAt, Record};

fn page(records: &[Record]) -> String {
    render(folder("quickstart", records).path()).unwrap()
}

/// Elements close in the order in which they were opened.
fn assert_well_formed(html: &str) {
    const VOID: [&str; 2] = ["meta", "input"];
    let (mut open, mut rest) = (Vec::new(), html);
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').unwrap();
        let tag = &rest[..end];
        let name: &str = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap();
        match tag {
            _ if tag.starts_with('!') || tag.ends_with('/') || VOID.contains(&name) => {}
            _ if tag.starts_with('/') => {
                assert_eq!(open.pop(), Some(name), "near `{}`", &rest[..end.min(80)]);
            }
            _ => open.push(name),
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "never closed: {open:?}");
}

#[test]
fn one_run_makes_a_page() {
    let html = page(&quickstart()[..1]);
    assert_well_formed(&html);
    assert!(html.contains("<h1>quickstart</h1>"));
    assert!(html.contains("no violation in 1 run"));
}

#[test]
fn many_runs_make_a_page_without_network_or_script() {
    let html = page(&quickstart());
    assert_well_formed(&html);
    for text in ["http://", "https://", "<script", "@import", "src=", "<link", "url(//"] {
        assert!(!html.contains(text), "the page holds {text}");
    }
    for text in
        ["crash r1", "restart r1", "In simulation", "Over QUIC", "Nakamoto", "byzlab replay"]
    {
        assert!(html.contains(text), "the page lacks {text}");
    }
}

#[test]
fn names_on_the_page_are_unique() {
    let html = page(&quickstart());
    let mut ids: Vec<&str> =
        html.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    for link in html.split("href=\"#").skip(1) {
        let target = link.split('"').next().unwrap();
        assert!(ids.contains(&target), "a link to nowhere: {target}");
    }
}

#[test]
fn the_same_records_give_the_same_bytes() {
    assert!(page(&quickstart()) == page(&quickstart()));
    assert!(page(&sweep()) == page(&sweep()));
}

#[test]
fn the_order_of_lines_in_the_records_does_not_matter() {
    let mut turned = quickstart();
    turned.reverse();
    assert!(page(&turned) == page(&quickstart()));
}

#[test]
fn faults_are_told_in_words() {
    let html = page(&quickstart());
    assert!(html.contains("central stopped"), "who stopped is said");
    assert!(html.contains("the cluster saw crash r1 at 10\u{a0}s and restart r1 at 18\u{a0}s"));
    assert!(html.contains("from 10\u{a0}s to 18\u{a0}s, pbft ran at 9"));
}

#[test]
fn faults_that_differ_are_counted_and_violations_read_well() {
    let mut records = quickstart();
    records[0].marks.clear();
    records[1].marks = vec![MarkAt { at_s: 0.0, replica: Some(3), what: "slow: by 5".into() }];
    records[2].summary.violations = vec![violation("two blocks")];
    let html = page(&records);
    assert_well_formed(&html);
    let told = "In simulation, 2 of 3 runs had faults: slow in 1, crash in 1 and restart in 1.";
    assert!(html.contains(told), "{html}");
    assert!(html.contains("Over QUIC, the cluster saw crash r1 at 10"), "there all had the same");
    assert!(html.contains("Checkers saw violations: agreement once."));
}

#[test]
fn replicas_drawn_by_lot_are_counted_and_not_named() {
    let mut runs: Vec<_> = (0..2).map(|i| record(i, fixture::PBFT, "sim", i as u64 + 1)).collect();
    assert!(page(&runs).contains("the cluster saw crash r1 at 10\u{a0}s"), "the same in both");
    runs[1].marks.iter_mut().for_each(|mark| mark.replica = Some(2));
    let html = page(&runs);
    assert!(html.contains("the cluster saw crash of 1 replica at 10\u{a0}s, others in each run"));
}

#[test]
fn nothing_is_said_of_a_replay_or_a_time_that_there_is_not() {
    let real = &quickstart()[3..];
    assert!(!page(real).contains("byzlab replay"), "no simulation, no replay");
    let dir = folder("quickstart", real);
    let manifest = dir.path().join(crate::folder::MANIFEST);
    assert!(render(dir.path()).unwrap().contains(", took 93.5\u{a0}s"));
    let text = std::fs::read_to_string(&manifest).unwrap().replace("93.5", "0.0");
    std::fs::write(&manifest, text).unwrap();
    assert!(!render(dir.path()).unwrap().contains(", took "));
}

#[test]
fn what_a_host_says_of_a_fault_is_told_beside_its_name() {
    let mut records = quickstart();
    let damage = MarkAt {
        at_s: 18.0,
        replica: Some(1),
        what: "damage found: height 3, bytes 512..640".into(),
    };
    records[3].marks.push(damage);
    let html = page(&records);
    assert_well_formed(&html);
    assert!(html.contains("damage found r1 at 18\u{a0}s: height 3, bytes 512..640."));
    // Two marks of one moment begin one stretch.
    assert!(html.contains("After restart r1, damage found r1"));
}

#[test]
fn a_fault_from_the_start_has_no_stretch_before_it() {
    let mut records = quickstart();
    for record in &mut records {
        record.marks = vec![MarkAt { at_s: 0.0, replica: Some(1), what: "twins".into() }];
    }
    let html = page(&records);
    assert!(html.contains("With twins r1") && !html.contains(">Before<"));
}

#[test]
fn seeds_become_means_with_intervals() {
    let runs: Vec<_> = (0..3).map(|i| record(i, fixture::PBFT, "sim", i as u64 + 1)).collect();
    let html = page(&runs);
    assert_well_formed(&html);
    assert!(html.contains("± ") && html.contains("up to 3 seeds each"));
    // One row for all three: its name stands once in the table of runs.
    let table = html.split("class=\"runs\"").nth(1).unwrap().split("</table>").next().unwrap();
    assert_eq!(table.matches("pbft").count(), 1);
}

#[test]
fn a_sweep_has_curves() {
    let html = page(&sweep());
    assert_well_formed(&html);
    assert!(html.contains("id=\"sweep\"") && html.contains("load.rate"));
    assert!(html.contains("Latency against throughput"));
}

#[test]
fn a_big_sweep_stays_a_small_page() {
    let one = record(0, fixture::PBFT, "sim", 1);
    let many = |n: usize| -> Vec<Record> {
        let mut runs = vec![one.clone(); n];
        for (i, run) in runs.iter_mut().enumerate() {
            run.run = i;
            run.point.insert("load.rate".into(), i.into());
        }
        runs
    };
    let html = page(&many(60));
    assert_well_formed(&html);
    assert!(html.contains("28 panels not drawn"));
    let (forty, sixty) = (page(&many(40)), html);
    let charts = |html: &str| html.matches("class=\"chart\"").count();
    assert_eq!(charts(&forty), charts(&sixty));
}

#[test]
fn a_run_that_committed_nothing_says_why() {
    let html = page(&[idle(0)]);
    assert_well_formed(&html);
    assert!(html.contains("1 run committed nothing"));
    assert!(html.contains("no block was decided; most frequent notes: no quorum ×77"));
    assert!(html.contains("No messages between replicas"));
    assert!(html.contains("No client saw a transaction confirmed"));
}

#[test]
fn silence_is_told_of_some_seeds_and_of_a_stretch() {
    let mut runs: Vec<_> = (0..4).map(|i| record(i, fixture::PBFT, "sim", i as u64 + 1)).collect();
    for run in &mut runs[1..3] {
        run.summary.committed_transactions = 0;
        run.stall = Some("four in a row are wanted".into());
    }
    runs[3].stall = Some("one in a row is wanted".into());
    runs[3].stall_from_s = 10.0;
    assert!(!page(&runs).contains("one in a row"), "it went on after all");
    for moment in runs[3].timeline.iter_mut().filter(|moment| moment.at_s > 11.0) {
        moment.committed_transactions = 0;
    }
    let html = page(&runs);
    assert_well_formed(&html);
    assert!(html.contains("2 of 4 seeds (2 and 3): as theory says: four in a row are wanted"));
    let stretch = "from 10\u{a0}s on, 1 of 4 seeds (4): as theory says: one in a row is wanted";
    assert!(html.contains(stretch), "{html}");
}

#[test]
fn missing_latency_beside_good_runs_is_a_reason_not_a_zero() {
    let mut records = quickstart();
    records[5] = idle(5);
    let html = page(&records);
    assert_well_formed(&html);
    assert!(html.contains("no tx"));
}

#[test]
fn records_without_timeline_or_marks_still_make_a_page() {
    let mut records = quickstart();
    for record in &mut records {
        record.timeline.clear();
        record.marks.clear();
        record.producers.clear();
        record.figures.clear();
        record.notes.clear();
        record.expectations.clear();
    }
    let html = page(&records);
    assert_well_formed(&html);
    assert!(!html.contains("id=\"course\"") && !html.contains("id=\"checks\""));
}

#[test]
fn violations_and_failed_expectations_stand_at_the_top() {
    let mut records = quickstart();
    records[1].summary.violations = vec![violation("two blocks at height 7"); 60];
    records[1].expectations[0].holds = false;
    let html = page(&records);
    let head = html.split("<main>").next().unwrap();
    assert!(head.contains("60 violations in 6 runs") && head.contains("agreement 60 times"));
    assert!(head.contains("1 of 6 expectations fail") && head.contains("equal_heads"));
    assert!(html.contains("two blocks at height 7") && html.contains("20 further violations"));
}

#[test]
fn hostile_names_stay_text() {
    const EVIL: &str = "<script>alert(1)</script>\"'&$x$\\frac{1}{2}\u{202e}\u{0}]]>-->";
    let mut records = quickstart();
    for record in &mut records {
        record.label.push_str(EVIL);
        record.summary.host.push_str(EVIL);
        record.summary.accelerator = EVIL.into();
        record.marks[0].what = EVIL.into();
        record.point.insert(EVIL.into(), EVIL.into());
        record.notes.insert(EVIL.into(), 3);
        record.figures.insert(EVIL.into(), f64::NAN);
        record.scheme = EVIL.into();
        record.expectations[0].seen = EVIL.into();
        let traffic = record.traffic["pre-prepare".min(record.traffic.keys().next().unwrap())];
        record.traffic.insert(EVIL.into(), traffic);
        record.summary.violations = vec![violation(EVIL)];
        record.summary.ledger_head = Some(EVIL.into());
        record.figures.clear();
    }
    let dir = folder(EVIL, &records);
    fixture::specify(dir.path(), &format!("name = '''{EVIL}'''\n</code></pre>"));
    let html = render(dir.path()).unwrap();
    assert_well_formed(&html);
    assert!(!html.contains("<script"), "a name became markup");
    assert!(!html.contains('\u{202e}') && !html.contains('\0'));
    assert!(html.contains("&lt;script&gt;"));
}

#[test]
fn the_share_on_the_gpu_is_told_of_runs_with_an_adapter() {
    let mut records = quickstart();
    assert!(!page(&records).contains("On the GPU"), "no run had one");
    let shares = [("gpu_share_of_items", 0.75), ("gpu_share_of_calls", 0.5)];
    records[0].figures.extend(shares.map(|(name, share)| (name.to_owned(), share)));
    let html = page(&records);
    assert_well_formed(&html);
    assert!(html.contains(">On the GPU</th>") && html.contains("no adapter"));
    assert!(html.contains("75.0 %") && html.contains("50.0 % of calls"), "its share, and of calls");
}

#[test]
fn what_signatures_cost_is_told_of_every_scheme_but_tags() {
    let mut records = quickstart();
    let simulated = &records[..3];
    assert!(!page(simulated).contains("id=\"signatures\""), "tags alone cost nothing");
    let real = page(&records[3..]);
    assert!(real.contains("id=\"signatures\"") && real.contains("<td>ed25519</td>"), "one alone");

    for (record, scheme) in records.iter_mut().zip(["ed25519", "bls"].into_iter().cycle()) {
        record.scheme = scheme.into();
        record.summary.host = "sim".into();
        record.label = "pbft".into();
        record.summary.protocol = "pbft".into();
        record.point = [("cluster.scheme".to_owned(), scheme.into())].into_iter().collect();
        let bytes = if scheme == "bls" { 53.0 } else { 204.0 };
        // Blocks of four transactions.
        let blocks = record.summary.committed_transactions / 4;
        record.summary.committed_blocks = blocks;
        record.summary.committed_transactions = 4 * blocks;
        record.figures.insert("proof_bytes".into(), bytes * blocks as f64);
        record.figures.insert("checking_us".into(), 100.0 * blocks as f64);
    }
    for scheme in ["ed25519", "bls"] {
        let one: Vec<_> = records.iter().filter(|r| r.scheme == scheme).cloned().collect();
        assert!(page(&one).contains("id=\"signatures\""), "{scheme} alone");
    }
    let html = page(&records);
    assert_well_formed(&html);
    let section =
        html.split("id=\"signatures\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert_eq!(section.matches("<tr").count(), 3, "a head and a row for each: {section}");
    for cell in ["204\u{a0}B", "53.0\u{a0}B", "51.0\u{a0}B", "13.2\u{a0}B", ">25.0<", ">0.100<"] {
        assert!(section.contains(cell), "no {cell} in {section}");
    }
}

#[test]
fn extreme_numbers_draw() {
    let mut records = quickstart();
    for (i, record) in records.iter_mut().enumerate() {
        let extreme = [0.0, 1e-9, 1e12, 1e300, 3.0, -1.0][i];
        record.summary.duration_s = extreme;
        record.summary.throughput_tps = extreme;
        record.summary.latency_ms.p50 = Some(extreme);
        record.latency_histogram_ns = vec![(0, 1), (1, u64::MAX / 2), (u64::MAX, 7)];
        record.timeline[3].committed_transactions = u64::MAX;
        record.timeline[4].p50_ms = Some(extreme);
        record.timeline[5].heights = vec![Some(u64::MAX); 4];
        record.traffic.values_mut().for_each(|t| t.bytes = u64::MAX);
        record.producers = vec![u64::MAX; 4];
    }
    let html = page(&records);
    assert_well_formed(&html);
    assert!(!html.contains("NaN") && !html.contains("inf"), "a figure is no number");
}

#[test]
fn csv_files_lie_beside_the_page_and_in_it() {
    let dir = folder("quickstart", &quickstart());
    write_csvs(dir.path()).unwrap();
    let html = render(dir.path()).unwrap();
    for name in ["runs", "means", "timeline", "marks", "heights", "latency", "traffic", "producers"]
    {
        let path = dir.path().join(format!("{name}.csv"));
        let text = std::fs::read_to_string(&path).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let columns = reader.headers().unwrap().len();
        let rows: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
        assert!(rows.len() > 1 && rows.iter().all(|row| row.len() == columns), "{name}");
        assert!(html.contains(&super::html::data_uri("text/csv", &text)), "{name} is in the page");
    }
}

#[test]
fn a_folder_without_results_is_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let error = render(dir.path()).unwrap_err().to_string();
    assert!(error.contains("is no results folder"), "{error}");
    let empty = folder("quickstart", &[]);
    let error = render(empty.path()).unwrap_err().to_string();
    assert!(error.contains("holds no record"), "{error}");
}

#[test]
fn a_run_is_cut_at_its_faults() {
    let run = record(0, fixture::CENTRAL, "sim", 1);
    let phases = phases::of(&run);
    let cuts: Vec<_> = phases.iter().map(|p| (p.name.as_str(), p.from_s, p.to_s)).collect();
    assert_eq!(
        cuts,
        [("before", 0.0, 10.0), ("after crash r1", 10.0, 18.0), ("after restart r1", 18.0, 30.0)]
    );
    let rates: Vec<_> = phases.iter().map(|phase| phases::rate(&run, phase).unwrap()).collect();
    assert!(rates[0] > 900.0 && rates[1] == 0.0 && rates[2] > 900.0, "{rates:?}");
    // No interval is lost or counted twice.
    let sum: f64 = phases.iter().zip(rates).map(|(p, rate)| (p.to_s - p.from_s) * rate).sum();
    assert!((sum - run.summary.committed_transactions as f64).abs() < 1e-6);
    assert_eq!(phases::longest_pause(&run), Some(8.0));
    assert_eq!(phases::longest_pause(&idle(0)), None);
}

/// Many faults at once are counted, and so are those that hit other replicas with each seed.
#[test]
fn faults_are_named_by_what_is_true_of_all_runs() {
    let mark = |replica| MarkAt { at_s: 0.0, replica: Some(replica), what: "crash".into() };
    let names = |sets: &[&[u16]]| {
        let runs = sets.iter().enumerate().map(|(at, set)| {
            let mut run = record(at, fixture::PBFT, "sim", at as u64 + 1);
            run.marks = set.iter().map(|&replica| mark(replica)).collect();
            run
        });
        let runs: Vec<_> = runs.collect();
        let model = Model::read(folder("faults", &runs).path()).unwrap();
        phases::of_group(&model.groups[0])[0].name.clone()
    };
    assert_eq!(names(&[&[1, 2], &[1, 2]]), "with crash r1, crash r2");
    assert_eq!(names(&[&[1, 2], &[0, 3]]), "with crash of 2 replicas");
    assert_eq!(names(&[&[3], &[0]]), "with crash of 1 replica");
    assert_eq!(names(&[&[0, 1, 2, 3, 4]]), "with crash of 5 replicas");
}

#[test]
fn shade_lasts_from_a_fault_to_its_repair() {
    let mut run = record(0, fixture::PBFT, "sim", 1);
    let mark = |at_s, replica, what: &str| MarkAt { at_s, replica, what: what.into() };
    assert_eq!(phases::outages(&run), [(10.0, 18.0)]);
    run.marks = vec![
        mark(2.0, Some(0), "kill"),
        mark(3.0, Some(1), "kill"),
        mark(4.0, Some(0), "restart"),
        mark(5.0, Some(1), "restart"),
        mark(9.0, None, "partition"),
    ];
    assert_eq!(phases::outages(&run), [(2.0, 5.0), (9.0, 30.0)]);
}
