//! The model of the world against what can be computed by hand.

mod common;

use std::sync::Arc;

use byzlab_core::{
    Span, Time,
    host::client::{Arrivals, Load},
};
use byzlab_sim::{
    Bandwidth, Clients, CpuModel, Delay, Matrix, Mining, Network, Scenario, run,
    trace::{CLIENT_BASE, WINDOW_MAX},
};
use common::{burst::BURST, miner::MINER, moments, outcome, traced, trio::TRIO};

fn burst(messages: i64, bytes: i64, bandwidth: Bandwidth) -> Scenario {
    let mut scenario = Scenario::new(BURST, 4, 1);
    scenario.params.insert("messages".into(), messages.into());
    scenario.params.insert("bytes".into(), bytes.into());
    scenario.network.delay = Delay::Constant(Span::ms(50));
    scenario.network.bandwidth = bandwidth;
    scenario
}

/// k messages of s bytes over a link of bandwidth B and latency L: the i-th is there at L + i·s/B.
#[test]
fn a_link_delivers_at_latency_plus_transfer() {
    const MBIT: u64 = 1_000_000;
    for (up, down) in
        [(Some(100), None), (None, Some(100)), (Some(100), Some(100)), (Some(100), Some(400))]
    {
        let megabits = |rate: Option<u64>| rate.map(|rate| rate * MBIT);
        let bandwidth = Bandwidth { up: megabits(up), down: megabits(down) };
        let (_, trace) = traced(&burst(20, 1250, bandwidth), 1000);
        // 1250 bytes at 100 Mbit/s take 100 µs.
        let first = if up.is_none() { 0 } else { 1 };
        let want: Vec<u64> = (first..first + 20).map(|i| 50_000_000 + i * 100_000).collect();
        assert_eq!(moments(&trace, 1, "packet"), want, "{bandwidth:?}");
    }
}

/// A rate at which a message takes no whole number of nanoseconds does not add up roundings.
#[test]
fn transfers_are_not_rounded_one_by_one() {
    let bandwidth = Bandwidth { up: Some(3_000_000_000), down: None };
    let (_, trace) = traced(&burst(3000, 100, bandwidth), 10_000);
    let last = *moments(&trace, 1, "packet").last().unwrap();
    assert_eq!(last, 50_000_000 + 800_000, "3000 messages of 266.67 ns");
}

/// A broadcast to n - 1 receivers occupies the uplink n - 1 times; many senders share one downlink.
#[test]
fn links_are_shared() {
    let mut scenario = burst(1, 1250, Bandwidth { up: Some(100_000_000), down: None });
    scenario.params.insert("all".into(), true.into());
    let (_, trace) = traced(&scenario, 1000);
    for (receiver, turn) in [(1, 1), (2, 2), (3, 3)] {
        assert_eq!(moments(&trace, receiver, "packet"), [50_000_000 + turn * 100_000]);
    }
    scenario = burst(1, 1250, Bandwidth { up: None, down: Some(100_000_000) });
    scenario.params.insert("everyone".into(), true.into());
    let (_, trace) = traced(&scenario, 1000);
    let want: Vec<u64> = (0..3).map(|i| 50_000_000 + i * 100_000).collect();
    assert_eq!(moments(&trace, 1, "packet"), want);
}

/// Poisson arrivals at a server with constant service time D and load ρ wait ρ·D / (2·(1 - ρ)) on
/// average (Pollaczek and Khinchine).
#[test]
fn a_queue_before_a_cpu_waits_as_m_d_1() {
    const SERVICE: u64 = 1_000_000;
    for (percent, tolerance) in [(30, 0.02), (50, 0.02), (80, 0.05)] {
        let (mut total, mut count) = (0, 0);
        for seed in 0..8 {
            let mut scenario = Scenario::new(BURST, 1, seed);
            scenario.cpu = CpuModel { receive: Span::ns(SERVICE), ..CpuModel::free() };
            scenario.clients = Clients::open(1, Span::ns(SERVICE * 100 / percent), Time::NEVER);
            scenario.clients.load.retry = Span::seconds(1000);
            scenario.mempool.transactions = 1;
            scenario.stop.after = Span::seconds(80);
            let (_, trace) = traced(&scenario, WINDOW_MAX as u64);
            let arrivals = moments(&trace, CLIENT_BASE, "client-wake");
            let served = moments(&trace, 0, "transactions");
            let wait = |(arrival, served): (&u64, &u64)| served - SERVICE - (arrival + 10_000_000);
            total += arrivals.iter().zip(&served).map(wait).sum::<u64>();
            count += served.len();
        }
        let mean = total as f64 / count as f64;
        let load = percent as f64 / 100.0;
        let want = load * SERVICE as f64 / (2.0 * (1.0 - load));
        assert!(
            count > 150_000 && (mean / want - 1.0).abs() < tolerance,
            "load {load}: {mean} against {want} of {count}"
        );
    }
}

fn mine(powers: &[u64], hours: u64) -> Scenario {
    let mut scenario = Scenario::new(MINER, powers.len() as u16, 3);
    scenario.params.insert("zeros".into(), 20.into());
    scenario.mining = Mining { hash_power: powers.to_vec() };
    scenario.network.delay = Delay::Constant(Span::ZERO);
    scenario.stop.after = Span::seconds(3600 * hours);
    scenario.sample = Span::seconds(3600);
    scenario
}

/// Gaps between blocks are exponential with mean 2^zeros / hash power: mean, spread and tail.
#[test]
fn gaps_between_blocks_are_exponential() {
    let (outcome, trace) = traced(&mine(&[1 << 20], 10), WINDOW_MAX as u64);
    let found = moments(&trace, 0, "sealed");
    assert!(outcome.committed_blocks > 30_000 && outcome.violations.is_empty());
    let gaps: Vec<f64> = found.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e9).collect();
    let count = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / count;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count;
    let beyond = gaps.iter().filter(|&&gap| gap > 2.0).count() as f64 / count;
    assert!((mean - 1.0).abs() < 0.02, "mean {mean}");
    assert!((variance - 1.0).abs() < 0.06, "variance {variance}");
    assert!((beyond - (-2.0f64).exp()).abs() < 0.006, "beyond two means: {beyond}");
}

/// Miners share blocks as they share hash power, and together they are as fast as their sum.
#[test]
fn blocks_are_shared_like_hash_power() {
    let outcome = outcome(&mine(&[1 << 18, 1 << 18, 1 << 19], 10));
    let total = outcome.committed_blocks as f64;
    assert!((total / 36_000.0 - 1.0).abs() < 0.02, "{total} blocks");
    for (blocks, share) in outcome.producers.values().zip([0.25, 0.25, 0.5]) {
        assert!((*blocks as f64 / total - share).abs() < 0.01, "{blocks} of {total}");
    }
}

fn decision(size: u16, network: Network, blocks: u64) -> Span {
    let mut scenario = Scenario::new(TRIO, size, 1);
    scenario.network = network;
    scenario.stop.blocks = Some(blocks);
    let outcome = outcome(&scenario);
    assert_eq!(outcome.violations, []);
    assert_eq!(outcome.committed_blocks, blocks);
    outcome.duration
}

/// Messages that come at once are taken in one after another.
#[test]
fn a_cpu_is_a_serial_queue() {
    let mut scenario = burst(20, 100, Bandwidth::default());
    scenario.cpu.receive = Span::ms(1);
    scenario.cpu.receive_byte_ps = 5_000;
    let (_, trace) = traced(&scenario, 1000);
    let want: Vec<u64> = (1..=20).map(|i| 50_000_000 + i * 1_000_500).collect();
    assert_eq!(moments(&trace, 1, "packet"), want);
}

/// Each receiver pays for the signatures it checks. With delay L and cost c: the leader and the
/// others prepare by 2L + 2c and 2L + c, and each has its second foreign commit by 3L + 3c.
#[test]
fn signatures_are_charged_to_each_receiver() {
    let mut scenario = Scenario::new(TRIO, 4, 1);
    scenario.params.insert("signed".into(), true.into());
    scenario.cpu.check_signature = Span::ms(1);
    scenario.stop.blocks = Some(1);
    assert_eq!(outcome(&scenario).duration, Span::ms(3 * 10 + 3));
    scenario.cpu = CpuModel::free();
    scenario.stop.blocks = Some(100);
    let outcome = run(&scenario, &mut |_| ()).unwrap();
    assert_eq!(outcome.duration, Span::ms(3000));
    // Of the last block's commits the last ones are not needed.
    assert!(outcome.signatures_checked.abs_diff(100 * 2 * 4 * 3) < 12);
}

/// A batch goes out when it is full, or when patience ends, or, if nothing waited until then, with
/// the first that comes.
#[test]
fn batches_fill_or_lose_patience() {
    let batches = |limit: i64, patience: &str, gap, count: u64| {
        let mut scenario = Scenario::new(TRIO, 1, 1);
        scenario.params.insert("transactions".into(), limit.into());
        scenario.params.insert("patience".into(), patience.into());
        scenario.clients = Clients::open(1, gap, Time::NEVER);
        scenario.clients.load.arrivals = Arrivals::Open { gap, poisson: false };
        scenario.stop.transactions = Some(count);
        let (outcome, trace) = traced(&scenario, 10_000);
        assert_eq!(outcome.violations, []);
        let arrivals = moments(&trace, 0, "transactions");
        (arrivals, moments(&trace, 0, "batch"))
    };
    let (arrivals, full) = batches(5, "10s", Span::ms(10), 20);
    let fifths: Vec<u64> = arrivals.chunks_exact(5).map(|five| five[4]).collect();
    assert_eq!(full[..4], fifths[..4]);
    let (arrivals, first) = batches(5, "0s", Span::ms(10), 20);
    assert_eq!(first[..20], arrivals[..20], "no patience: each alone, at once");
    // Asked for at 0: patience ends at 25 ms, then 25 ms after each batch; nothing waits at first.
    let (arrivals, patient) = batches(1000, "25ms", Span::ms(40), 20);
    assert_eq!(patient[..20], arrivals[..20], "patience was used up while nothing waited");
    let (arrivals, patient) = batches(1000, "25ms", Span::ms(10), 20);
    let start = arrivals[0].max(25_000_000);
    let want: Vec<u64> = (0..5).map(|i| start + i * 25_000_000).collect();
    assert_eq!(patient[..5], want);
}

/// When computing is free, a decision takes three delays, whoever many take part.
#[test]
fn decisions_take_as_long_among_many_as_among_few() {
    let network = || Network { delay: Delay::Constant(Span::ms(50)), ..Network::default() };
    for size in [4, 7, 16, 64, 150] {
        // The leader commits, and proposes again, as soon as the others do.
        assert_eq!(decision(size, network(), 1), Span::ms(150), "{size} replicas");
        assert_eq!(decision(size, network(), 10), Span::ms(1500), "{size} replicas");
    }
}

/// Three hops over a region matrix take what the matrix says, to the nanosecond.
#[test]
fn a_decision_over_regions_takes_what_the_matrix_says() {
    let names = [
        "us-east-1",
        "eu-west-1",
        "ap-northeast-1",
        "sa-east-1",
        "us-east-1",
        "af-south-1",
        "ap-south-1",
    ];
    let matrix = Arc::new(Matrix::builtin("aws-2025-p50").unwrap());
    let replicas: Vec<u16> = names.iter().map(|name| matrix.region(name).unwrap()).collect();
    let size = names.len();
    let delay = |from: usize, to: usize| match from == to {
        true => 0,
        false => matrix.delay(replicas[from], replicas[to]).0,
    };
    // When each has a quorum of what the others sent at these moments.
    let quorum = (size + (size - 1) / 3 + 1).div_ceil(2);
    let hop = |sent: &[u64], at: usize| {
        let mut arrivals: Vec<u64> = (0..size).map(|from| sent[from] + delay(from, at)).collect();
        arrivals.sort_unstable();
        arrivals[quorum - 1]
    };
    let proposed: Vec<u64> = (0..size).map(|at| delay(0, at)).collect();
    // A quorum of prepares may be there before the proposal.
    let prepared: Vec<u64> = (0..size).map(|at| hop(&proposed, at).max(proposed[at])).collect();
    let decided = (0..size).map(|at| hop(&prepared, at).max(prepared[at])).max().unwrap();
    let regions = Delay::Regions { matrix: Arc::clone(&matrix), replicas, clients: vec![] };
    let network = Network { delay: regions, ..Network::default() };
    assert_eq!(decision(size as u16, network, 1), Span::ns(decided));
}

/// A transaction's latency: to the leader, three hops, and back.
#[test]
fn a_client_waits_five_delays() {
    let mut scenario = Scenario::new(TRIO, 4, 1);
    scenario.params.insert("transactions".into(), 1.into());
    let arrivals = Arrivals::Closed { outstanding: 1 };
    let load = Load { arrivals, ..Clients::open(1, Span::ms(1), Time::NEVER).load };
    scenario.clients = Clients { count: 1, load };
    let outcome = outcome(&scenario);
    assert_eq!(outcome.violations, []);
    // 10 s / 50 ms, and the last one's reply comes at the very end.
    assert_eq!(outcome.committed_transactions(), 200);
    let error = outcome.latency.quantile(0.5).unwrap().0.abs_diff(50_000_000);
    assert!(error < 50_000, "within the histogram's digits: {error}");
}
