//! What proving costs in virtual time.
//!
//! By [`CpuModel`](crate::CpuModel) each claim has a price of its own, whatever it is proven with. By a
//! [`Profile`] of a machine a call has a price, which depends on how many are proven in it: so all that
//! waits at a replica is proven in one call, clients' transactions and peers' messages alike, on the side
//! of the machine that does it sooner. What comes meanwhile waits for the next call, so calls grow with the
//! load by themselves. Only integers decide.

use std::{collections::BTreeSet, sync::Arc};

use byzlab_core::{Claim, Committee, Profile, PublicKey, Span, Transaction, Work};

use crate::scenario::CpuModel;

/// The bytes that a proof of work hashes, twice.
const SEAL_BYTES: u64 = 80;

/// Prices of claims.
#[derive(Debug)]
pub(crate) struct Prices {
    cpu: CpuModel,
    machine: Option<Machine>,
}

#[derive(Debug)]
struct Machine {
    profile: Arc<Profile>,
    /// Keys that accelerators are told to expect.
    committee: BTreeSet<PublicKey>,
}

/// What is to be proven together, and what it costs where that is known apart from the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    /// Signatures under the committee's keys and others, and the bytes of their statements. By
    /// [`CpuModel`] all are others.
    known: (u64, u64),
    unknown: (u64, u64),
    /// What costs the same whatever else is proven, in nanoseconds: trees and seals, and by [`CpuModel`]
    /// everything.
    apart: u64,
    /// BLS signatures and tosses of coins, whose costs are among those apart.
    sums: u64,
}

/// One call, charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Charge {
    pub(crate) time: Span,
    /// Signatures in it, and those proven on a GPU.
    pub(crate) signatures: u64,
    pub(crate) on_gpu: u64,
}

impl Weight {
    /// Signatures in it.
    pub(crate) fn signatures(&self) -> u64 {
        self.known.0 + self.unknown.0 + self.sums
    }
    /// Adds what is proven in the same call.
    pub(crate) fn add(&mut self, more: &Self) {
        let add = |sum: &mut (u64, u64), more: (u64, u64)| {
            (sum.0, sum.1) = (sum.0 + more.0, sum.1 + more.1);
        };
        add(&mut self.known, more.known);
        add(&mut self.unknown, more.unknown);
        self.apart += more.apart;
        self.sums += more.sums;
    }
}

impl Prices {
    pub(crate) fn new(cpu: CpuModel, profile: Option<Arc<Profile>>, committee: &Committee) -> Self {
        let committee = || committee.keys.iter().copied().collect();
        let machine = profile.map(|profile| Machine { profile, committee: committee() });
        Self { cpu, machine }
    }
    /// Whether all that waits is proven in one call, which has a price as a whole.
    pub(crate) fn by_the_call(&self) -> bool {
        self.machine.is_some()
    }
    /// What these claims weigh.
    pub(crate) fn weigh(&self, claims: &[Claim]) -> Weight {
        let mut weight = Weight::default();
        for claim in claims {
            match claim {
                Claim::Signed { by, statement, .. } => self.sign(&mut weight, by, statement.len()),
                Claim::Aggregate(aggregate) => {
                    weight.apart += match aggregate.signers.len() as u64 {
                        1 => self.cpu.bls_vote.0 + self.cpu.bls_add.0,
                        signers => self.cpu.bls_check.0 + signers * self.cpu.bls_signer_ps / 1000,
                    };
                    weight.sums += 1;
                }
                Claim::Tossed(_) => {
                    weight.apart += self.cpu.check_toss.0;
                    weight.sums += 1;
                }
                Claim::Root(batch) => {
                    let leaves = batch.len() as u64;
                    weight.apart += match &self.machine {
                        None => self.cpu.check_root.0 * leaves,
                        Some(machine) => {
                            let bytes = batch.byte_len() as u64;
                            machine.profile.time(Work::Merkle, leaves, bytes).0.0
                        }
                    };
                }
                Claim::Work(_) => {
                    weight.apart += match &self.machine {
                        None => self.cpu.check_work.0,
                        Some(machine) => 2 * machine.profile.cpu.hashes.time(1, SEAL_BYTES).0,
                    };
                }
            }
        }
        weight
    }
    /// What the clients' signatures on these transactions weigh.
    pub(crate) fn weigh_transactions(&self, list: &[Transaction]) -> Weight {
        let mut weight = Weight::default();
        for transaction in list {
            self.sign(&mut weight, &transaction.client(), transaction.bytes().len());
        }
        weight
    }
    fn sign(&self, weight: &mut Weight, by: &PublicKey, bytes: usize) {
        let known = self.machine.as_ref().is_some_and(|machine| machine.committee.contains(by));
        let (count, sum) = if known { &mut weight.known } else { &mut weight.unknown };
        (*count, *sum) = (*count + 1, *sum + bytes as u64);
        if self.machine.is_none() {
            weight.apart += self.cpu.check_signature.0;
        }
    }
    /// What one call for all of `weight` costs.
    pub(crate) fn charge(&self, weight: &Weight) -> Charge {
        let mut charge =
            Charge { time: Span(weight.apart), signatures: weight.signatures(), on_gpu: 0 };
        let Some(Machine { profile, .. }) = &self.machine else { return charge };
        let parts = [(Work::KnownKeys, weight.known), (Work::UnknownKeys, weight.unknown)];
        for (work, (items, bytes)) in parts {
            let (time, on_gpu) = profile.time(work, items, bytes);
            charge.time = charge.time + time;
            charge.on_gpu += if on_gpu { items } else { 0 };
        }
        charge
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use byzlab_core::{Cost, Costs, ReplicaId, Scheme, Signature, Signer, VoteKeys};

    use super::*;

    fn signed(by: u8) -> Claim {
        let statement = Bytes::from_static(b"ten bytes.");
        Claim::Signed { by: PublicKey([by; 32]), statement, signature: Signature([0; 64]) }
    }

    #[test]
    fn by_the_model_each_claim_has_its_price() {
        let committee = Committee::new("test", vec![PublicKey([1; 32])], false);
        let prices = Prices::new(CpuModel::server(), None, &committee);
        let weight = prices.weigh(&[signed(1), signed(2), signed(2)]);
        let charge = prices.charge(&weight);
        assert_eq!((charge.time, charge.signatures), (Span::us(63), 3));
        assert!(!prices.by_the_call());
    }

    #[test]
    fn a_vote_costs_its_adding_up_and_a_certificate_its_signers() {
        let signer = |id: u16| Signer::seeded(Scheme::Bls, 1, &format!("replica/{id}"));
        let pairs: Vec<_> = (0..4).filter_map(|id| signer(id).vote_key()).collect();
        let keys = (0..4).map(|id| signer(id).public()).collect();
        let votes = VoteKeys::new(&pairs).expect("keys of their own");
        let committee = Committee::new("test", keys, false).voting_with(votes);
        let statement = committee.statement("test", &0u8);
        let prices = Prices::new(CpuModel::server(), None, &committee);
        let charge = |ids: &[u16]| {
            let ids = ids.iter().copied().map(ReplicaId).collect();
            let claim = committee.aggregate(ids, &statement, Signature::default());
            prices.charge(&prices.weigh(&[claim.expect("replicas")]))
        };
        assert_eq!((charge(&[2]).time, charge(&[2]).signatures), (Span::ns(395_600), 1));
        assert_eq!(
            (charge(&[0, 2, 3]).time, charge(&[0, 2, 3]).signatures),
            (Span::ns(766_270), 1)
        );
    }

    #[test]
    fn by_a_profile_a_call_has_a_price_on_the_better_side() {
        let committee = Committee::new("test", vec![PublicKey([1; 32])], false);
        let cost = |start_ns, item_ps| Cost { start_ns, byte_ps: 0, floor_ns: 0, item_ps };
        let costs =
            |known_keys, unknown_keys| Costs { known_keys, unknown_keys, ..Costs::default() };
        let cpu = costs(cost(0, 10_000_000), cost(0, 20_000_000));
        let gpu = costs(cost(25_000, 1_000_000), cost(25_000, 2_000_000));
        let profile = Profile { about: "made up".into(), cpu, gpu: Some(gpu), cores: None };
        let prices = Prices::new(CpuModel::free(), Some(Arc::new(profile)), &committee);
        let few = prices.weigh(&[signed(1), signed(2)]);
        let charge = prices.charge(&few);
        assert_eq!(charge, Charge { time: Span::us(30), signatures: 2, on_gpu: 0 });
        let mut many = few;
        (0..9).for_each(|_| many.add(&prices.weigh(&[signed(1)])));
        let charge = prices.charge(&many);
        // Ten of the committee: 25 + 10 µs beside 100; one of a stranger: 20 beside 25 + 2.
        assert_eq!(charge, Charge { time: Span::us(55), signatures: 11, on_gpu: 10 });
    }
}
