//! Every protocol of the table with signatures that add up: it need not know.

#![allow(clippy::unwrap_used)]

use byzlab_core::{Scheme, Span, Time, outcome::Outcome};
use byzlab_protocols::builtin;
use byzlab_sim::{Clients, CpuModel, Scenario, run};

fn outcome(name: &str, size: u16, scheme: Scheme) -> Outcome {
    let mut scenario = Scenario::new(builtin().find(name).unwrap(), size, 3);
    scenario.scheme = scheme;
    scenario.cpu = CpuModel::server();
    scenario.clients = Clients::open(1, Span::ms(40), Time::ms(400));
    scenario.stop.after = Span::seconds(3);
    scenario.stop.blocks = Some(6);
    run(&scenario, &mut |_| {}).unwrap()
}

#[test]
fn every_protocol_commits_by_bls() {
    for entry in builtin().entries().iter().filter(|entry| entry.name != "pow") {
        let size = entry.theories.first().map_or(4, |theory| theory.resilience.smallest(1));
        let outcome = outcome(entry.name, size, Scheme::Bls);
        assert_eq!(outcome.violations, [], "{}", entry.name);
        assert!(outcome.committed_blocks > 0, "{}: {:?}", entry.name, outcome.notes);
    }
}

#[test]
fn votes_by_bls_are_smaller_and_slower() {
    let [ed25519, bls] = [Scheme::Ed25519, Scheme::Bls].map(|scheme| outcome("pbft", 4, scheme));
    let bytes = |outcome: &Outcome| outcome.traffic["prepare"];
    let [of_ed25519, of_bls] = [bytes(&ed25519), bytes(&bls)];
    let each = |traffic: byzlab_core::outcome::Traffic| traffic.bytes / traffic.messages;
    assert_eq!(each(of_ed25519) - each(of_bls), 16);
    assert!(bls.latency.quantile(0.5) > ed25519.latency.quantile(0.5));
}
