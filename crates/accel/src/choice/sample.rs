//! Work to measure and to compare with: signatures that hold, messages, a puzzle without solution.

use bytes::Bytes;
use byzlab_core::{Claim, PublicKey, Puzzle, Scheme, Signer, Target, Work, claim::PUZZLE_PREFIX};

/// The bytes of a short item: a vote's statement, or a small transaction.
pub const SHORT: usize = 96;
/// The bytes of a long item.
pub const LONG: usize = 1_024;
/// Keys of a committee.
const KNOWN_KEYS: usize = 64;
/// The most signatures that are made; larger widths have the same ones again.
const SIGNATURES_MAX: usize = 1 << 16;

/// Work of every kind, made as it is needed and kept.
#[derive(Debug)]
pub struct Samples {
    signatures_max: usize,
    committee: Vec<Signer>,
    known: Vec<Claim>,
    unknown: Vec<Claim>,
    known_long: Vec<Claim>,
    unknown_long: Vec<Claim>,
    text: Vec<u8>,
}

impl Default for Samples {
    fn default() -> Self {
        Self::new(SIGNATURES_MAX)
    }
}

impl Samples {
    /// Samples with at most `signatures_max` distinct signatures of a kind: making one costs as much as
    /// checking one.
    pub fn new(signatures_max: usize) -> Self {
        let name = |i| format!("committee/{i}");
        let signer = |i| Signer::seeded(Scheme::Ed25519, 0, &name(i));
        Self {
            signatures_max: signatures_max.clamp(1, SIGNATURES_MAX),
            committee: (0..KNOWN_KEYS).map(signer).collect(),
            known: Vec::new(),
            unknown: Vec::new(),
            known_long: Vec::new(),
            unknown_long: Vec::new(),
            text: Vec::new(),
        }
    }
    /// The keys to be [expected](byzlab_core::Accelerator::expect_keys).
    pub fn committee(&self) -> Vec<PublicKey> {
        self.committee.iter().map(Signer::public).collect()
    }
    /// Clients that sign.
    pub fn clients(&self) -> Vec<Signer> {
        self.committee.clone()
    }
    /// `count` signatures by the committee in turn, or each by a key of its own.
    pub fn signatures(&mut self, work: Work, count: usize, long: bool) -> Vec<Claim> {
        let bytes = if long { LONG } else { SHORT };
        let committee = &self.committee;
        let made = match (work, long) {
            (Work::KnownKeys, false) => &mut self.known,
            (Work::KnownKeys, true) => &mut self.known_long,
            (_, false) => &mut self.unknown,
            (_, true) => &mut self.unknown_long,
        };
        let wanted = count.min(self.signatures_max);
        for i in made.len()..wanted {
            let own;
            let signer = match work {
                Work::KnownKeys => &committee[i % committee.len()],
                _ => {
                    own = Signer::seeded(Scheme::Ed25519, 0, &format!("client/{i}"));
                    &own
                }
            };
            made.push(signed(signer, i, bytes));
        }
        made[..wanted].iter().cycle().take(count).cloned().collect()
    }
    /// `count` messages of `SHORT` or `LONG` bytes.
    pub fn messages(&mut self, count: usize, long: bool) -> Vec<&[u8]> {
        let bytes = if long { LONG } else { SHORT };
        // They overlap: each begins a byte after the one before.
        let all = count + bytes;
        let text = &mut self.text;
        text.extend((text.len()..all.max(text.len())).map(|i| (i * 167 + i / 251) as u8));
        (0..count).map(|i| &self.text[i..i + bytes]).collect()
    }
    /// A puzzle that no nonce solves, as far as anyone will ever know.
    pub fn puzzle() -> Puzzle {
        let prefix = std::array::from_fn::<u8, PUZZLE_PREFIX, _>(|i| i as u8);
        Puzzle { prefix, target: Target([0; 32]) }
    }
}

fn signed(signer: &Signer, number: usize, bytes: usize) -> Claim {
    let mut statement = vec![0x5a; bytes];
    statement[..8].copy_from_slice(&(number as u64).to_le_bytes());
    let signature = signer.sign(&statement);
    Claim::Signed { by: signer.public(), statement: Bytes::from(statement), signature }
}
