//! The verdict on a sum of BLS signatures is the reference's, in whatever batch it stands and however many
//! threads share it. What is no key is refused before, where keys come in: `core`'s tests of `bls`.

#![allow(clippy::unwrap_used)]

mod corpus;

use std::sync::Arc;

use bytes::Bytes;
use byzlab_accel::Cpu;
use byzlab_core::{
    Accelerator, Batch, Claim, Reference, ReplicaId, Scheme, Signature, Signer, VoteKeys,
    crypto::bls::{self, Aggregate},
};

/// The replicas of a committee.
const SIZE: u16 = 7;

struct Committee {
    signers: Vec<Signer>,
    keys: VoteKeys,
}

impl Committee {
    fn new(seed: u64) -> Self {
        let signer = |i| Signer::seeded(Scheme::Bls, seed, &format!("replica/{i}"));
        let signers: Vec<_> = (0..SIZE).map(signer).collect();
        let pairs: Vec<_> = signers.iter().filter_map(Signer::vote_key).collect();
        Self { signers, keys: VoteKeys::new(&pairs).unwrap() }
    }
    fn sum(&self, ids: &[u16], statement: &[u8]) -> Signature {
        let sign = |id: &u16| self.signers[usize::from(*id)].sign(statement);
        bls::sum(&ids.iter().map(sign).collect::<Vec<_>>()).unwrap()
    }
    /// That `ids` signed `statement`.
    fn claim(&self, ids: &[u16], statement: &[u8], signature: Signature) -> Claim {
        let signers: Arc<[ReplicaId]> = ids.iter().map(|&id| ReplicaId(id)).collect();
        let statement = Bytes::copy_from_slice(statement);
        Claim::Aggregate(Aggregate { keys: self.keys.clone(), signers, statement, signature })
    }
    fn good(&self, ids: &[u16], statement: &[u8]) -> Claim {
        self.claim(ids, statement, self.sum(ids, statement))
    }
}

fn bytes(first: u8, rest: u8) -> Signature {
    let mut signature = Signature::default();
    signature.0[..bls::SIGNATURE_BYTES].fill(rest);
    signature.0[0] = first;
    signature
}

/// Claims that hold, and claims that do not, each in one way.
fn claims() -> (Vec<Claim>, Vec<Claim>) {
    let (here, there) = (Committee::new(1), Committee::new(2));
    let (some, yes) = ([0, 2, 4, 5, 6], b"block 7 of view 3");
    let sum = here.sum(&some, yes);
    let good = vec![
        here.good(&some, yes),
        here.good(&[3], yes),
        here.good(&[0, 1, 2, 3, 4, 5, 6], b""),
        here.claim(&[6, 5, 4, 2, 0], yes, sum), // a sum has no order
        there.good(&some, yes),
        there.good(&[1, 2], &[9; 1_000]),
    ];
    let mut turned = sum;
    turned.0[20] ^= 4;
    let mut trailing = sum;
    trailing.0[63] = 1;
    let bad = vec![
        here.claim(&[0, 2, 4, 5], yes, sum),       // one signer too few
        here.claim(&[0, 1, 2, 4, 5, 6], yes, sum), // one too many
        here.claim(&[0, 2, 4, 5, 1], yes, sum),    // another
        here.claim(&[0, 2, 4, 5, 6, 6], yes, sum), // one twice
        here.claim(&[0, 2, 4, 5, SIZE], yes, sum), // a stranger
        here.claim(&[], yes, sum),                 // nobody
        here.claim(&some, b"block 7 of view 4", sum),
        there.claim(&some, yes, sum), // another committee
        here.claim(&some, yes, turned),
        here.claim(&some, yes, trailing),
        here.claim(&some, yes, bytes(0xc0, 0)), // infinity
        here.claim(&some, yes, bytes(0xe0, 0)), // infinity with a sign
        here.claim(&some, yes, bytes(0x9f, 0xff)),
        here.claim(&some, yes, bytes(0, 0)),
        here.claim(&some, yes, corpus::signer(1).sign(yes)), // Ed25519
    ];
    (good, bad)
}

fn everyone() -> [Cpu; 3] {
    [1, 2, 3].map(|threads| Cpu::new(Some(threads)))
}

#[test]
fn each_alone_in_pairs_and_all_together() {
    let (good, bad) = claims();
    let all = [good.clone(), bad.clone()].concat();
    let want: Vec<bool> = (0..all.len()).map(|at| at < good.len()).collect();
    assert_eq!(Reference.check(&all), want);
    for cpu in everyone() {
        assert_eq!(cpu.check(&all), want, "{}", cpu.name());
        assert_eq!(cpu.check(&good), vec![true; good.len()]);
        assert_eq!(cpu.check(&bad), vec![false; bad.len()]);
    }
    let cpu = Cpu::new(Some(1));
    for (claim, want) in all.iter().zip(&want) {
        assert_eq!(cpu.check(std::slice::from_ref(claim)), [*want], "{claim:?}");
        assert_eq!(cpu.check(&[good[0].clone(), claim.clone()]), [true, *want], "{claim:?}");
    }
}

/// One wrong sum anywhere costs no other its verdict, wherever threads part the batch.
#[test]
fn one_bad_sum_anywhere() {
    let (good, bad) = claims();
    let many: Vec<Claim> = good.iter().cycle().take(15).cloned().collect();
    for (number, cpu) in everyone().iter().enumerate() {
        for at in [0, 4, 7, 14] {
            let mut claims = many.clone();
            claims[at] = bad[(at + number) % bad.len()].clone();
            let want: Vec<_> = (0..claims.len()).map(|i| i != at).collect();
            assert_eq!(cpu.check(&claims), want, "{at} by {}", cpu.name());
        }
    }
}

/// Two wrong sums whose errors cancel: a sum without weights would let both through.
#[test]
fn errors_do_not_cancel_out() {
    let committee = Committee::new(3);
    // Each has the other's signature: together they are what they would be were both right.
    let (a, b) = (committee.sum(&[0, 1], b"same"), committee.sum(&[2, 3], b"same"));
    let swapped = [committee.claim(&[0, 1], b"same", b), committee.claim(&[2, 3], b"same", a)];
    for cpu in everyone() {
        assert_eq!(cpu.check(&swapped), [false; 2], "{}", cpu.name());
    }
}

/// Between claims of every other kind, each verdict goes to its own.
#[test]
fn among_claims_of_every_kind() {
    let (good, bad) = claims();
    let signer = corpus::signer(1);
    let mut claims = Vec::new();
    for (i, (good, bad)) in good.into_iter().zip(bad).enumerate() {
        claims.extend([
            corpus::signed(&signer, &[i as u8]),
            good,
            Claim::Root(Batch::empty()),
            bad,
        ]);
        let Claim::Signed { by, statement, .. } = claims[0].clone() else { panic!("it is signed") };
        claims.push(Claim::Signed { by, statement, signature: Signature([7; 64]) });
    }
    let want: Vec<_> = (0..claims.len()).map(|at| at % 5 < 3).collect();
    assert_eq!(Reference.check(&claims), want);
    for cpu in everyone() {
        assert_eq!(cpu.check(&claims), want, "{}", cpu.name());
    }
}
