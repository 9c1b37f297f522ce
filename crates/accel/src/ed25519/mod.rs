//! Ed25519 signatures in batches, by the ZIP-215 rule.
//!
//! A signature (R, s) of key A over M holds iff s < ℓ, A and R decode (in any encoding), and
//! 8·s·B = 8·R + 8·k·A with k = SHA-512(R ‖ A ‖ M). Under this rule, and no other in use, many can be
//! checked at once without a change in any verdict: for 128-bit zᵢ that nobody foresees,
//!
//! > 8·( −Σ zᵢsᵢ·B + Σ zᵢ·Rᵢ + Σ zᵢkᵢ·Aᵢ ) = 0
//!
//! holds when every signature does, and else with a chance of 2⁻¹²⁸ (Bernstein et al. 2012, §5).
//! A failed batch is cut into pieces, each checked in turn, down to single signatures: what is left to a
//! caller is one verdict an item.
//!
//! Beside `ed25519_zebra::batch`, whose rule this is:
//! - where the processor can, [eight points](wide) are decoded and added abreast;
//! - items are sorted by key, so that a key's terms add up in place, and stay together when a batch is
//!   split over threads;
//! - keys decompressed once are [remembered](Keys);
//! - what was hashed and decompressed for a batch is used again when a failed one is cut up;
//! - the zᵢ are drawn from ChaCha keyed by a hash over every kᵢ and sᵢ, which bind the whole batch: they
//!   are as hard to foresee as SHA-256 output, and a run on the same input does the same.

mod batch;
mod keys;
mod plain;
#[cfg(target_arch = "x86_64")]
mod wide;

use byzlab_core::{PublicKey, Signature};

use self::{batch::Batches, keys::Keys, plain::Plain};
use crate::{
    scratch::{Reuse, Shelf, empty},
    workers::Workers,
};

/// The most signatures under one equation.
pub const BATCH_MAX: usize = 4_096;
/// Items for which there is room from call to call.
const KEPT_MAX: usize = 1 << 16;
/// Fewer than this for each thread are not worth waking one.
const BATCH_MIN: usize = 16;
/// Fewer leave too many lanes idle: eight equations cost as much as one.
#[cfg(target_arch = "x86_64")]
const WIDE_MIN: usize = 4;

/// One signature to check.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// Whose.
    pub by: PublicKey,
    /// Over what.
    pub statement: &'a [u8],
    /// The signature.
    pub signature: Signature,
}

/// Checks signatures.
#[derive(Debug, Default)]
pub struct Verifier {
    plain: Batches<Plain>,
    #[cfg(target_arch = "x86_64")]
    wide: Option<Batches<wide::Wide>>,
    lists: Shelf<Order>,
}

impl Verifier {
    /// The fastest on this machine.
    pub fn detect() -> Self {
        Self {
            #[cfg(target_arch = "x86_64")]
            wide: wide::Wide::detect().map(Batches::new),
            ..Self::default()
        }
    }

    /// Whether it computes on [eight points](wide) abreast.
    pub fn is_wide(&self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return self.wide.is_some();
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    /// Tells of each item whether it holds, in any order: what `core`'s `verify_ed25519` says of it.
    pub fn check(&self, workers: &Workers, items: &[Item], mut tell: impl FnMut(usize, bool)) {
        let mut lists = self.lists.take();
        let Order { order, holds } = &mut lists;
        // The first eight bytes will do: where two keys share them, the runs of each are only shorter.
        let prefix = |item: &Item| item.by.0.first_chunk::<8>().copied();
        order.extend(items.iter().map(prefix).zip(0..));
        order.sort_unstable();
        holds.resize(items.len(), false);
        let part = items.len().div_ceil(workers.threads()).clamp(BATCH_MIN, BATCH_MAX);
        workers.each(order, holds, part, |order, holds| {
            let items = order.iter().map(|&(_, i): &(_, usize)| &items[i]);
            #[cfg(target_arch = "x86_64")]
            if let Some(wide) = &self.wide
                && items.len() >= WIDE_MIN
            {
                return wide.check_sorted(items, holds);
            }
            self.plain.check_sorted(items, holds);
        });
        order.iter().zip(&*holds).for_each(|(&(_, i), &holds)| tell(i, holds));
        self.lists.give(lists);
    }
}

/// Items in the order in which they are checked, and whether they hold.
#[derive(Debug, Default)]
struct Order {
    order: Vec<(Option<[u8; 8]>, usize)>,
    holds: Vec<bool>,
}

impl Reuse for Order {
    fn empty(&mut self) {
        empty(&mut self.order, KEPT_MAX);
        empty(&mut self.holds, KEPT_MAX);
    }
}
