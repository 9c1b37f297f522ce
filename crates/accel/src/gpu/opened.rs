//! An opened device that has proven itself, and what it is asked.

use std::{
    ops::Range,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use byzlab_core::{Digest, PublicKey, Puzzle, Seal, Signature, Signer, crypto::sha256, merkle};

use super::{
    adapter::Adapter,
    ed25519::{Ed25519, Limbs, Signatures},
    engine::{Engine, Options, locked},
    error::Error,
    nonces::Searcher,
    selftest,
    sha256::{Hasher, is_long},
};
use crate::{
    claims::Sorted,
    cpu::Cpu,
    ed25519::Item,
    scratch::Shelf,
    sha256::{Scan, Sha256},
};

/// What a leaf's item is hashed behind.
pub(super) const LEAF: &[u8] = &[0];
/// One answer in so many is computed on the CPU as well. Every rejection is, too.
const RECHECK: u64 = 256;
/// The most nonces that a search is checked by, out of as many times more.
const RECHECKED_NONCES_MAX: u64 = 1_024;

/// A device, its programs, and whether it can be trusted.
#[derive(Debug)]
pub struct Opened {
    pub(super) engine: Arc<Engine>,
    hasher: Hasher,
    searcher: Searcher,
    verifier: Ed25519,
    cpu: Arc<Cpu>,
    /// How the CPU hashes what is too little for the device.
    sha: Sha256,
    /// The difference that ended its use.
    wrong: OnceLock<Error>,
    /// Merkle roots so far, of which one in so many is computed again.
    roots: AtomicU64,
    /// Leaves, and tops of subtrees.
    levels: Shelf<Vec<Digest>>,
    /// Signatures that the CPU checks again.
    again: Shelf<Sorted<'static>>,
    /// Makes signatures, once that was asked for.
    pen: Mutex<Option<Arc<Signatures>>>,
    /// Since when.
    pub(super) since: Instant,
    /// How long it is let lie once it is lost.
    pub(super) pause: Duration,
    /// Whether it was said that the CPU takes over.
    pub(super) told: AtomicBool,
}

impl Opened {
    /// Opens `adapter` for the first time.
    ///
    /// # Errors
    /// When its driver refuses it, or it fails the self-test.
    pub(super) fn on(adapter: &Adapter, options: Options, cpu: Arc<Cpu>) -> Result<Self, Error> {
        let pause = options.pause();
        Self::with(Engine::open(adapter, options)?, options.limbs, cpu, pause)
    }
    /// Opens the adapter of this one again, which is let lie for `pause` if it is lost once more.
    ///
    /// # Errors
    /// When the adapter is gone, its driver refuses it, or it fails the self-test.
    pub(super) fn again(&self, pause: Duration) -> Result<Self, Error> {
        let limbs = Some(self.verifier.limbs());
        let opened = Self::with(self.engine.again()?, limbs, self.cpu.clone(), pause)?;
        opened.verifier.load_keys(&self.verifier.known_keys())?;
        if locked(&self.pen).is_some() {
            opened.try_expect_signing()?;
        }
        Ok(opened)
    }
    fn with(
        engine: Arc<Engine>,
        limbs: Option<Limbs>,
        cpu: Arc<Cpu>,
        pause: Duration,
    ) -> Result<Self, Error> {
        let opened = Self {
            hasher: Hasher::new(&engine)?,
            searcher: Searcher::new(&engine)?,
            verifier: Ed25519::new(&engine, limbs)?,
            engine,
            cpu,
            sha: Sha256::detect(),
            wrong: OnceLock::new(),
            roots: AtomicU64::new(0),
            levels: Shelf::default(),
            again: Shelf::default(),
            pen: Mutex::default(),
            since: Instant::now(),
            pause,
            told: AtomicBool::new(false),
        };
        selftest::run(&opened)?;
        Ok(opened)
    }
    /// How its kernels represent integers modulo 2²⁵⁵ − 19.
    pub fn limbs(&self) -> Limbs {
        self.verifier.limbs()
    }
    /// The CPU that stands beside it.
    pub(super) fn cpu(&self) -> &Arc<Cpu> {
        &self.cpu
    }
    /// Why it is not used; `None` while it is.
    pub fn failure(&self) -> Option<Error> {
        self.wrong.get().cloned().or_else(|| self.engine.failure())
    }
    /// Whether it is gone and nothing speaks against opening it again: it never gave a wrong answer.
    pub(super) fn is_lost(&self) -> bool {
        self.wrong.get().is_none() && self.engine.failure().is_some()
    }

    /// SHA-256 of each message, by the device or not at all.
    ///
    /// # Errors
    /// When it gives no answer, or a wrong one.
    pub fn try_hash_many(&self, messages: &[&[u8]]) -> Result<Vec<Digest>, Error> {
        let mut digests = vec![Digest::default(); messages.len()];
        self.digests(&[], messages, &mut digests)?;
        // Every 256th, counting the digests of all calls.
        let first = self.turn(messages.len()).wrapping_neg() % RECHECK;
        for at in (first as usize..messages.len()).step_by(RECHECK as usize) {
            self.recheck(digests[at] == sha256(messages[at]), "a digest")?;
        }
        Ok(digests)
    }

    /// The Merkle root over `items`, by the device or not at all.
    ///
    /// # Errors
    /// When it gives no answer, or a wrong one.
    pub fn try_merkle_root(&self, items: &[&[u8]]) -> Result<Digest, Error> {
        let mut tops = self.levels.take();
        if items.iter().any(|item| is_long(LEAF, item)) {
            tops.resize(items.len(), Digest::default());
            self.digests(LEAF, items, &mut tops)?;
        } else {
            self.ready()?;
            self.hasher.tops(self.cpu.workers(), LEAF, items, &mut tops)?;
        }
        let root = merkle::bind(items.len(), self.sha.top(&mut tops));
        self.levels.give(tops);
        self.turn(items.len());
        if self.roots.fetch_add(1, Relaxed).is_multiple_of(RECHECK) {
            self.recheck(root == self.cpu.root(items), "a Merkle root")?;
        }
        Ok(root)
    }

    /// The lowest nonce in `nonces` that solves `puzzle`, by the device or not at all.
    ///
    /// # Errors
    /// When it gives no answer, or a wrong one.
    pub fn try_search(&self, puzzle: &Puzzle, nonces: Range<u64>) -> Result<Option<Seal>, Error> {
        self.ready()?;
        let scan = Scan::new(puzzle);
        let (mut at, mut found) = (nonces.start, None);
        while at < nonces.end && found.is_none() {
            let left = nonces.end - at;
            let Some(next) = self.searcher.scan(&scan, at as u32, left)? else { break };
            at += next;
            let let_through = next < left && self.sha.scan(&scan, at as u32, 1) == Some(0);
            self.recheck(let_through, "a nonce")?;
            let seal = Seal { puzzle: puzzle.clone(), nonce: at as u32 };
            found = seal.holds().then_some(seal);
            at += 1;
        }
        let end = found.as_ref().map_or(nonces.end, |seal| u64::from(seal.nonce));
        self.recheck_search(puzzle, &scan, nonces.start..end.max(nonces.start))?;
        Ok(found)
    }

    /// `verdicts[i]` becomes whether `items[i]` holds, by the device or not at all.
    ///
    /// # Errors
    /// When it gives no answer, or a wrong one.
    pub fn try_signatures(&self, items: &[Item], verdicts: &mut [bool]) -> Result<(), Error> {
        self.ready()?;
        self.verifier.check(items, verdicts).map_err(|error| match error {
            Error::Wrong(what) => self.wrong(what),
            other => other,
        })?;
        // All that it rejects, and every 256th of all.
        let before = self.turn(items.len());
        let mut again = self.again.take().recycled();
        for (at, item) in items.iter().enumerate() {
            if !verdicts[at] || (before + at as u64).is_multiple_of(RECHECK) {
                again.places.push(at);
                again.items.push(*item);
            }
        }
        let mut checked = Ok(());
        self.cpu.signatures(&again.items, |i, right| {
            if checked.is_ok() {
                checked = self.recheck(verdicts[again.places[i]] == right, "a signature's verdict");
            }
        });
        self.again.give(again.recycled());
        checked
    }

    /// Each statement signed by the signer beside it, by the device or not at all. The first call compiles, if
    /// [none was expected](Self::try_expect_signing).
    ///
    /// # Errors
    /// When it gives no answer, or a wrong one.
    ///
    /// # Panics
    /// When a signer does not sign by Ed25519.
    pub fn try_sign_many(&self, items: &[(&Signer, &[u8])]) -> Result<Vec<Signature>, Error> {
        self.ready()?;
        let pen = self.pen()?;
        let mut signatures = vec![Signature::default(); items.len()];
        pen.sign_many(items, &mut signatures)?;
        let first = self.turn(items.len()).wrapping_neg() % RECHECK;
        for at in (first as usize..items.len()).step_by(RECHECK as usize) {
            let (signer, statement) = items[at];
            self.recheck(signatures[at] == signer.sign(statement), "a signature made")?;
        }
        Ok(signatures)
    }

    /// Compiles what signs, if that has not been done.
    ///
    /// # Errors
    /// When it fails, or signs wrongly.
    pub fn try_expect_signing(&self) -> Result<(), Error> {
        self.ready()?;
        self.pen().map(drop)
    }

    /// What signs: made and held against the CPU when it is first asked for, as few need it.
    fn pen(&self) -> Result<Arc<Signatures>, Error> {
        let mut pen = locked(&self.pen);
        if let Some(pen) = &*pen {
            return Ok(pen.clone());
        }
        let made = Arc::new(Signatures::new(&self.engine, Some(self.limbs()))?);
        for (signer, statement, signature) in selftest::signatures() {
            let mut signed = [Signature::default()];
            made.sign_many(&[(&signer, &statement)], &mut signed)?;
            self.recheck(signed == [signature], "self-test: a signature made")?;
        }
        *pen = Some(made.clone());
        Ok(made)
    }

    /// Prepares the device for many signatures by `keys`: a committee's.
    ///
    /// # Errors
    /// When it fails.
    pub fn try_expect_keys(&self, keys: &[PublicKey]) -> Result<(), Error> {
        self.ready()?;
        self.verifier.load_keys(keys)
    }

    /// Looks again whether a small share of the nonces that were passed over holds a solution: another
    /// share each time.
    fn recheck_search(&self, puzzle: &Puzzle, scan: &Scan, over: Range<u64>) -> Result<(), Error> {
        let count = over.end - over.start;
        let share = (count / RECHECK).min(RECHECKED_NONCES_MAX);
        // Multiples of 2⁶⁴/φ fall evenly over any range.
        let turn = self.turn(count as usize).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut at = over.start + turn % (count - share).max(1);
        let end = at + share;
        while let Some(next) = self.sha.scan(scan, at as u32, end - at) {
            at += next;
            let seal = Seal { puzzle: puzzle.clone(), nonce: at as u32 };
            self.recheck(!seal.holds(), "a nonce passed over")?;
            at += 1;
        }
        Ok(())
    }

    /// `digests[i]` becomes SHA-256 of `prefix ‖ messages[i]`; long ones are the CPU's.
    fn digests(
        &self,
        prefix: &'static [u8],
        messages: &[&[u8]],
        digests: &mut [Digest],
    ) -> Result<(), Error> {
        self.ready()?;
        self.hasher.hash_many(self.cpu.workers(), prefix, messages, digests)?;
        for (message, digest) in messages.iter().zip(digests) {
            if is_long(prefix, message) {
                self.sha.hash_many(prefix, &[message], std::slice::from_mut(digest));
            }
        }
        Ok(())
    }

    /// Counts the items of a call that the device answered; how many it had answered before.
    fn turn(&self, items: usize) -> u64 {
        self.engine.counters.items.fetch_add(items as u64, Relaxed)
    }
    /// Whether its answers are still to be trusted.
    fn ready(&self) -> Result<(), Error> {
        self.wrong.get().cloned().map_or(Ok(()), Err)
    }
    /// Notes that an answer was computed again; if it was wrong, that is the end.
    pub(super) fn recheck(&self, right: bool, what: &str) -> Result<(), Error> {
        self.engine.counters.rechecked.fetch_add(1, Relaxed);
        if right {
            return Ok(());
        }
        Err(self.wrong(format!("{what} is not the CPU's")))
    }
    /// Counts a wrong answer, and ends the use of the adapter, for good.
    pub(super) fn wrong(&self, what: String) -> Error {
        self.engine.counters.mismatches.fetch_add(1, Relaxed);
        self.give_up(Error::Wrong(what))
    }
    /// Ends the use of the adapter for what another opening of it got wrong, where that was counted.
    pub(super) fn give_up(&self, wrong: Error) -> Error {
        tracing::error!(adapter = %self.engine.adapter(), "{wrong}; it is not used any more");
        self.wrong.get_or_init(|| wrong).clone()
    }
}

#[cfg(test)]
mod tests {
    use byzlab_core::{Scheme, Signer};

    use super::*;
    use crate::gpu::{Fault, testing};

    /// A committee need not be announced again.
    #[test]
    fn tables_are_made_again() {
        let Some(adapter) = testing::software() else { return };
        let cpu = Arc::new(Cpu::new(Some(1)));
        let first = Opened::on(&adapter, Options::default(), cpu).unwrap();
        let signer = Signer::seeded(Scheme::Ed25519, 9, "replica/0");
        first.try_expect_keys(&[signer.public()]).unwrap();
        first.try_expect_signing().unwrap();
        first.engine.inject(Fault::Lose);
        let again = first.again(Duration::ZERO).unwrap();
        assert!(again.verifier.known_keys().contains(&signer.public()));
        assert!(locked(&again.pen).is_some(), "what signed before is ready to sign");
        let item = Item { by: signer.public(), statement: b"x", signature: signer.sign(b"x") };
        let mut verdicts = [false];
        again.try_signatures(&[item], &mut verdicts).unwrap();
        assert_eq!(verdicts, [true]);
    }
}
