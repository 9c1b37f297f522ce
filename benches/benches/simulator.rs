//! What simulating costs: delivered messages a second of whole runs, and events a second of the
//! queues.
//!
//! Throughput of `runs` is in messages delivered to replicas, one a receiver, with the trace digest
//! on. `queue` holds so many pending events while one is taken out and one put in.
#![allow(missing_docs)]

use std::time::Duration;

use byzlab_core::{Span, Time, random::Stream};
use byzlab_protocols::builtin;
use byzlab_sim::{
    Clients, Delay, Peers, Scenario,
    queue::{Heap, Queue, Wheel},
    run,
};
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};

fn scenario(protocol: &str, size: u16) -> Scenario {
    Scenario::new(builtin().find(protocol).expect("it is built in"), size, 1)
}

/// PBFT with simulated signatures until so many blocks are committed by everyone.
fn pbft(size: u16, blocks: u64) -> Scenario {
    let mut pbft = scenario("pbft", size);
    pbft.clients = Clients::open(1, Span::ms(5), Time::NEVER);
    pbft.stop.blocks = Some(blocks);
    pbft
}

fn drawn_delays(mut scenario: Scenario) -> Scenario {
    scenario.network.delay = Delay::Range { low: Span::ms(10), high: Span::ms(15) };
    scenario
}

/// Proof of work as in Bitcoin, for so long.
fn pow(size: u16, hours: u64) -> Scenario {
    let mut pow = scenario("pow", size);
    pow.params.insert("spacing".into(), "600s".into());
    pow.params.insert("difficulty".into(), (600_000 * i64::from(size)).into());
    pow.mining.hash_power = vec![1000];
    pow.network.peers = Peers::Regular { degree: 8 };
    pow.stop.after = Span::seconds(3600 * hours);
    pow.sample = Span::seconds(3600);
    pow
}

fn bench_run(
    group: &mut BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    scenario: &Scenario,
) {
    let simulate = || run(scenario, &mut |_| ()).expect("the scenario is sound");
    let outcome = simulate();
    assert_eq!(outcome.violations, []);
    group.throughput(Throughput::Elements(outcome.figures["messages_delivered"] as u64));
    group.bench_function(name, |b| b.iter(simulate));
}

fn runs(c: &mut Criterion) {
    let mut group = c.benchmark_group("runs");
    group.sample_size(10).warm_up_time(Duration::from_millis(1));
    bench_run(&mut group, "pbft/100", &pbft(100, 20));
    bench_run(&mut group, "pbft/100/drawn delays", &drawn_delays(pbft(100, 20)));
    bench_run(&mut group, "pbft/1000", &pbft(1000, 1));
    bench_run(&mut group, "pow/1000", &pow(1000, 6));
    group.finish();
}

fn hold(queue: &mut impl Queue<[u32; 3]>, pending: usize, stream: &mut Stream) {
    let mut draw = || stream.below(10_000_000);
    while queue.len() < pending {
        queue.push(draw(), [1; 3]);
    }
    for _ in 0..pending {
        let (now, item) = queue.pop().expect("it is never empty");
        queue.push(now + 10_000_000 + draw(), item);
    }
}

fn queues(c: &mut Criterion) {
    let mut group = c.benchmark_group("queue");
    group.sample_size(10);
    for pending in [10_000, 1_000_000] {
        group.throughput(Throughput::Elements(pending as u64));
        let mut stream = Stream::new(1, "bench");
        let (mut wheel, mut heap) = (Wheel::new(), Heap::new());
        group.bench_function(format!("wheel/{pending}"), |b| {
            b.iter(|| hold(&mut wheel, pending, &mut stream));
        });
        group.bench_function(format!("heap/{pending}"), |b| {
            b.iter(|| hold(&mut heap, pending, &mut stream));
        });
    }
    group.finish();
}

criterion_group!(benches, queues, runs);
criterion_main!(benches);
