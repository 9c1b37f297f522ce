//! The block that is being mined.

use byzlab_core::{Batch, BatchLimit, Effects, Note, Seal, Span, Time, View};

use super::{
    Pow, Timer,
    header::{Header, TIME_MAX, VERSION},
    message::Sealed,
    tree::millis,
};

/// A puzzle is renewed when this share of the 2³² nonces may have been tried: one in four, as the
/// hash power may have grown by [four](super::work::CLAMP) since the difficulty was set.
const NONCES: u128 = (1 << 32) / 4;
/// How many times its fair share of all hash power a miner is taken to have at most. One with more
/// may run out of nonces, and then rests until the next renewal.
const SHARE_MAX: u128 = 16;
/// The longest that a puzzle is not renewed, in intervals between blocks.
const AGE_MAX: u128 = 64;

/// What a miner is at.
#[derive(Debug, Default)]
pub(super) struct Mine {
    /// The block in want of a nonce; none before the first batch has come.
    template: Option<Sealed>,
    /// Whether transactions wait here.
    waiting: bool,
}

impl Pow {
    pub(super) fn on_waiting(&mut self, now: Time, waiting: bool, out: &mut Effects<Self>) {
        self.mine.waiting = waiting;
        if waiting {
            self.renew(now, out);
        }
    }

    /// Begins on a new block (Nakamoto §5, step 2): the best chain has a new end, transactions have come, or nonces may
    /// run out. Where transactions wait, the batch comes first ([`on_batch`](Self::on_batch)).
    pub(super) fn renew(&mut self, now: Time, out: &mut Effects<Self>) {
        if self.mine.waiting {
            let limit = BatchLimit {
                transactions: self.params.batch_transactions,
                bytes: self.params.batch_bytes,
                patience: Span::ZERO,
                empty: true,
            };
            out.want_batch(limit, self.tree.batches_above(self.committed.height));
        } else {
            self.on_batch(now, Batch::empty(), out);
        }
        out.arm(Timer::Renew, now + self.age());
    }

    /// Mines a block with this batch on the best chain's end (Nakamoto §5, steps 3 and 6: with the hash of the
    /// accepted block as its parent). Starting over costs nothing: a search
    /// has no memory of the nonces that failed.
    pub(super) fn on_batch(&mut self, now: Time, batch: Batch, out: &mut Effects<Self>) {
        let tip = self.tree.tip();
        let (bits, median) = self.tree.next();
        let (height, producer) = (tip.height.next(), self.seat.me);
        let header = Header {
            version: VERSION,
            producer,
            parent: tip.digest,
            commitment: Header::commitment(height, batch.root(), producer),
            time: millis(now).max(median + 1).min(TIME_MAX),
            bits,
            nonce: 0,
        };
        if self.tree.objection(&header, height, now).is_some() {
            // The chain's times run ahead of this clock by more than others tolerate.
            out.note(Note::Waits { why: "the clock is behind the chain's" });
            return out.stop_mining();
        }
        out.mine(header.puzzle());
        self.mine.template = Some(Sealed { header, height, batch });
    }

    /// Nakamoto §5, step 4: the proof of work is found; the block goes to all.
    pub(super) fn on_sealed(&mut self, now: Time, seal: Seal, out: &mut Effects<Self>) {
        let ours = |template: &mut Sealed| template.header.puzzle() == seal.puzzle;
        let Some(mut sealed) = self.mine.template.take_if(ours) else {
            return out.note(Note::Waits { why: "a seal for a block given up" });
        };
        sealed.header.nonce = seal.nonce;
        let transactions = sealed.batch.len() as u32;
        out.note(Note::Proposed { view: View(0), height: sealed.height, transactions });
        let digest = sealed.header.hash();
        self.take(now, None, digest, sealed, out);
    }

    /// How long a puzzle is good for: until the transactions that came meanwhile are worth a new
    /// one, or nonces may run out. All miners together try as many an interval as a block takes.
    fn age(&self) -> Span {
        let spacing = u128::from(self.params.spacing.0);
        let fresh = spacing / u128::from(self.params.renewals);
        let age = if self.mine.waiting {
            fresh
        } else {
            let size = self.seat.committee.size() as u128;
            let own = self.tree.next().0.work() * size.min(SHARE_MAX) / size;
            (spacing * NONCES / own.max(1)).clamp(fresh, spacing * AGE_MAX)
        };
        Span(age.min(u128::from(u64::MAX)) as u64)
    }
}
