//! Equal scenarios give equal runs: twice, on both queues; and a different one is told apart.

mod common;

use std::sync::Arc;

use byzlab_core::{ReplicaId, Scheme, Span, Time, random::Stream};
use byzlab_sim::{
    Bandwidth, Clients, CpuModel, Delay, Fault, Matrix, Mining, Network, Peers, Scenario,
    Stabilisation,
};
use common::{miner::MINER, outcome, repeatable, traced, trio::TRIO};

/// Everything at once.
fn busy(seed: u64) -> Scenario {
    let mut scenario = Scenario::new(TRIO, 7, seed);
    scenario.params.insert("transactions".into(), 20.into());
    scenario.params.insert("patience".into(), "20ms".into());
    scenario.params.insert("signed".into(), true.into());
    scenario.client_signatures = true;
    scenario.cpu = CpuModel::server();
    scenario.clients = Clients::open(3, Span::ms(20), Time::seconds(4));
    scenario.stop.after = Span::seconds(5);
    let (r5, r6) = (ReplicaId(5), ReplicaId(6));
    scenario.faults = vec![
        Fault::Crash { replica: r5, at: Time::seconds(1) },
        Fault::Restart { replica: r5, at: Time::seconds(2) },
        Fault::Twins { replica: r6, reshuffle: Some(Span::ms(300)) },
        Fault::Slow { replica: ReplicaId(1), during: Time::ms(500)..Time::ms(900), factor: 3 },
        Fault::Partition { groups: vec![vec![r5, r6]], during: Time::seconds(3)..Time::ms(3500) },
    ];
    scenario.network = Network {
        delay: Delay::Range { low: Span::ms(5), high: Span::ms(20) },
        jitter: Span::us(700),
        bandwidth: Bandwidth { up: Some(50_000_000), down: Some(80_000_000) },
        loss_ppm: 300,
        stabilises: Some(Stabilisation { at: Time::ms(700), delay: Span::ms(100) }),
        peers: Peers::Regular { degree: 4 },
    };
    scenario
}

#[test]
fn a_busy_run_repeats_exactly() {
    let first = repeatable(&busy(1));
    assert_eq!(first.violations, []);
    assert!(first.committed_transactions() > 50, "{} committed", first.committed_transactions());
    assert!(first.figures["messages_lost"] > 0.0 && first.figures["messages_cut_off"] > 0.0);
    assert_ne!(repeatable(&busy(2)).trace_digest, first.trace_digest);
}

#[test]
fn regions_and_mining_repeat_exactly() {
    let matrix = Arc::new(Matrix::builtin("bitcoin-2019").unwrap());
    let mut scenario = Scenario::new(MINER, 12, 1);
    scenario.params.insert("zeros".into(), 20.into());
    let replicas = (0..6).collect();
    scenario.network.delay = Delay::Regions { matrix, replicas, clients: vec![] };
    scenario.mining = Mining { hash_power: vec![1 << 10] };
    scenario.stop.after = Span::seconds(20_000);
    scenario.sample = Span::seconds(1000);
    let first = repeatable(&scenario);
    assert!(first.committed_blocks > 100, "{}", first.committed_blocks);
}

/// Real and simulated signatures have the same sizes and verdicts, so the same run follows.
#[test]
fn real_signatures_change_nothing_but_bytes() {
    let mut scenario = busy(3);
    let simulated = outcome(&scenario);
    scenario.scheme = Scheme::Ed25519;
    let real = outcome(&scenario);
    assert_eq!(real.violations, []);
    assert_eq!(real.traffic, simulated.traffic);
    assert_eq!(real.signatures_checked, simulated.signatures_checked);
    assert_eq!(real.timeline, simulated.timeline);
    assert_ne!(real.trace_digest, simulated.trace_digest, "keys have other bytes");
}

/// Scenarios drawn from a seed: sizes, links, loads, faults. Whatever happens in them, it happens
/// again, and honest replicas agree.
#[test]
fn a_swarm_repeats_exactly() {
    for seed in 0..40 {
        let mut draw = Stream::new(seed, "swarm");
        let size = 4 + draw.below(10) as u16;
        let mut scenario = Scenario::new(TRIO, size, seed);
        scenario.params.insert("transactions".into(), (draw.below(30) as i64).into());
        scenario.params.insert("signed".into(), draw.chance(500_000).into());
        let low = draw.span(Span::ZERO, Span::ms(20));
        scenario.network.delay = match draw.below(2) {
            0 => Delay::Constant(low + Span::us(1)),
            _ => Delay::Range { low, high: low + draw.span(Span::us(1), Span::ms(50)) },
        };
        scenario.network.loss_ppm = draw.below(2000) as u32;
        scenario.network.bandwidth.up =
            draw.chance(500_000).then(|| 1_000_000 + draw.below(1 << 30));
        scenario.network.bandwidth.down =
            draw.chance(500_000).then(|| 1_000_000 + draw.below(1 << 30));
        scenario.cpu = if draw.chance(500_000) { CpuModel::server() } else { CpuModel::free() };
        let clients = draw.below(4) as u32;
        scenario.clients =
            Clients::open(clients, draw.span(Span::ms(5), Span::ms(50)), Time::NEVER);
        scenario.stop.after = Span::ms(600);
        let victim = ReplicaId(draw.below(u64::from(size)) as u16);
        let at = Time::ms(draw.below(500));
        scenario.faults = match draw.below(5) {
            0 => vec![Fault::Twins { replica: victim, reshuffle: Some(Span::ms(50)) }],
            1 => vec![
                Fault::Crash { replica: victim, at },
                Fault::Restart { replica: victim, at: at + Span::ms(50) },
            ],
            2 => vec![Fault::Silent { replica: victim, during: at..at + Span::ms(100) }],
            3 => {
                let during = at..at + Span::ms(200);
                vec![Fault::Partition { groups: vec![vec![victim, ReplicaId(0)]], during }]
            }
            _ => vec![],
        };
        let outcome = repeatable(&scenario);
        let bad: Vec<_> = outcome
            .violations
            .iter()
            .filter(|violation| violation.property != "progress")
            .collect();
        assert!(bad.is_empty(), "seed {seed}: {bad:?}");
    }
}

/// Where two runs part is found, and the events there can be looked at.
#[test]
fn the_first_difference_is_found() {
    let (_, a) = traced(&busy(1), 0);
    let mut changed = busy(1);
    changed.faults.remove(4); // the partition at 3 s
    let (_, b) = traced(&changed, 0);
    let (same, differ) = a.parts_from(&b.points).expect("they differ");
    let point = |events| a.points.iter().find(|point| point.events == events).unwrap();
    assert!(point(same).at <= Time::seconds(3) && point(differ).at >= Time::seconds(3));
    let window = |mut scenario: Scenario| {
        scenario.window = Some(same..differ);
        byzlab_sim::run_traced(&scenario, &mut |_| ()).unwrap().1.window
    };
    let (a, b) = (window(busy(1)), window(changed));
    let first = a.iter().zip(&b).find(|(a, b)| a != b).expect("it lies in the window");
    assert_eq!((first.0.what, first.0.at), ("fault", Time::seconds(3)));
}
