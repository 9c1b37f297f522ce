//! Packets from a committee member that says anything: no protocol may panic.
//!
//! The first byte picks the protocol; the rest is cut into packets, each behind its length (u16 LE).
#![no_main]

use std::sync::Arc;

use byzlab_core::{
    Action, Claim, Committee, Event, Packet, ReplicaId, Saved, Scheme, Seat, Signer, Time,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&which, mut rest)) = bytes.split_first() else { return };
    let registry = byzlab_protocols::builtin();
    let entry = registry.entries()[usize::from(which) % registry.entries().len()];
    let signer = |i| Signer::seeded(Scheme::Simulated, 1, &format!("replica/{i}"));
    let keys = (0..4).map(|i| signer(i).public()).collect();
    let committee = Committee::new("byzlab", keys, false);
    let committee = entry.equip(committee, &toml::Table::new(), Scheme::Simulated, 1);
    let committee = Arc::new(committee.expect("the defaults equip it"));
    let seat = Seat::new(ReplicaId(0), committee.clone());
    let saved = Saved::nothing(&committee);
    let mut replica = entry
        .build(seat, signer(0), &toml::Table::new(), saved)
        .expect("the defaults build");
    let mut actions = Vec::new();
    let mut now = Time::ms(1);
    replica.handle(now, Event::Start, &mut actions);
    while rest.len() > 2 {
        let length = usize::from(u16::from_le_bytes([rest[0], rest[1]])).min(rest.len() - 2);
        let packet = Packet::incoming(ReplicaId(3), rest[2..2 + length].to_vec().into());
        rest = &rest[2 + length..];
        actions.clear();
        replica.handle(now, Event::Packet(packet), &mut actions);
        let verdicts: Vec<_> = actions
            .drain(..)
            .filter_map(|action| match action {
                Action::Verify { ticket, packet } => Some((ticket, packet)),
                _ => None,
            })
            .collect();
        for (ticket, packet) in verdicts {
            // Replica 3 can sign what it likes; nobody else's signature can be had from it.
            let holds = packet.known_claims().iter().all(|claim| match claim {
                Claim::Signed { by, .. } => *by == committee.keys[3],
                Claim::Root(_) | Claim::Work(_) => true,
            });
            replica.handle(now, Event::Verdict { ticket, holds }, &mut actions);
        }
        if let Some(deadline) = replica.deadline() {
            now = now.max(deadline);
            replica.handle(now, Event::Wake, &mut actions);
        }
    }
});
