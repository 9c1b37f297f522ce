//! A cluster under load, for measuring: `load [PROTOCOL] [TX/S] [SECONDS] [signed] [processes]
//! [memory|os]`.
//!
//! Four replicas and their clients on this machine, 512-byte transactions; a rate of 0 is a closed
//! loop.

use std::{io::Write, sync::Arc};

use byzlab_accel::Cpu;
use byzlab_core::{Span, Time, host::Arrivals};
use byzlab_node::plan::{ClusterPlan, Durability, Fault, FaultKind, Mode};

fn main() {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let registry = byzlab_protocols::builtin();
    let accelerator = Arc::new(Cpu::new(None));
    if has("supervised") {
        return byzlab_node::run_supervised(&registry, accelerator).expect("it runs");
    }
    let name = arguments.first().map_or("central", String::as_str);
    let number =
        |i: usize, default| arguments.get(i).and_then(|a| a.parse().ok()).unwrap_or(default);
    let (rate, seconds) = (number(1, 1000u64), number(2, 5u64));
    let dir = std::env::temp_dir().join(format!("byzlab-load-{}", std::process::id()));
    let entry = registry.find(name).expect("a protocol of this name");
    let mut plan = ClusterPlan::new(entry, 4, dir.clone(), accelerator);
    plan.duration = Span::seconds(seconds);
    plan.client_signatures = has("signed");
    plan.clients.load.arrivals = match rate {
        0 => Arrivals::Closed { outstanding: number(3, 2000) as u32 },
        rate => Arrivals::Open { gap: Span(4_000_000_000 / rate), poisson: true },
    };
    if has("memory") {
        plan.durability = Durability::Memory;
    } else if has("os") {
        plan.durability = Durability::Os;
    }
    if has("processes") {
        let program = std::env::current_exe().expect("this program");
        plan.mode = Mode::Processes { program, arguments: vec!["supervised".into()] };
    }
    if has("kill") {
        let replica = byzlab_core::ReplicaId(1);
        let fault = |at, kind| Fault { at: Time::ms(at), replica, kind };
        plan.faults.push(fault(seconds * 300, FaultKind::Kill));
        if has("tamper") {
            plan.faults.push(fault(seconds * 400, FaultKind::Tamper));
        }
        plan.faults.push(fault(seconds * 600, FaultKind::Restart));
    }
    plan.mining.hash_power = vec![200_000; 4];
    let mut out = std::io::stdout().lock();
    let outcome = byzlab_node::run_cluster(&plan, &mut |p| {
        let _ = writeln!(std::io::stderr(), "{} {} {:?}", p.at, p.committed, p.heights);
    });
    let _ = std::fs::remove_dir_all(&dir);
    let outcome = outcome.expect("the cluster runs");
    let ms = |share| outcome.latency.quantile(share).map_or(f64::NAN, |span| span.as_ms_f64());
    let (confirmed, sent) = (outcome.committed_transactions(), outcome.submitted);
    let blocks = outcome.committed_blocks;
    let mut tell = |line: String| drop(writeln!(out, "{line}"));
    tell(format!("{name}: {confirmed} of {sent} transactions confirmed, in {blocks} blocks"));
    tell(format!("latency ms: p50 {:.1}, p99 {:.1}, max {:.1}", ms(0.5), ms(0.99), ms(1.0)));
    outcome.figures.iter().for_each(|(name, value)| tell(format!("{name}: {value}")));
    outcome.traffic.iter().for_each(|(kind, traffic)| tell(format!("{kind}: {traffic:?}")));
    tell(format!("notes: {:?}\nheads: {:?}", outcome.notes, outcome.heads));
    tell(format!("violations: {:?}\nmarks: {:?}", outcome.violations, outcome.marks));
}
