//! Who takes part, and how many of them suffice.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use crate::{
    claim::{Claim, Invalid},
    codec,
    crypto::{
        Digest, PublicKey, Scheme, Signature, Statement, Toss,
        bls::{Aggregate, VoteKeys},
        coin::{BadCoin, Coin, Tossed},
        sha256_of,
    },
    id::ReplicaId,
};

/// The most replicas in a committee.
pub const REPLICAS_MAX: usize = u16::MAX as usize;

/// The replicas of a run, by their keys. The same for every honest participant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committee {
    /// Names this chain: every signature is bound to it, and it is the parent of the first block.
    pub chain: Digest,
    /// Each replica's key; a [`ReplicaId`] is an index into it.
    pub keys: Vec<PublicKey>,
    /// Whether clients sign their transactions and replicas check them.
    pub client_signatures: bool,
    /// The replicas' keys for votes, where they sign by BLS.
    pub votes: Option<VoteKeys>,
    /// The replicas' common coin, where the protocol [tosses](crate::Protocol::tosses) one.
    pub coin: Option<Coin>,
}

impl Committee {
    /// A committee of `keys`; its chain id is drawn from them and from `label`.
    ///
    /// # Panics
    /// If there are no keys or more than [`REPLICAS_MAX`].
    pub fn new(label: &str, keys: Vec<PublicKey>, client_signatures: bool) -> Self {
        assert!(!keys.is_empty() && keys.len() <= REPLICAS_MAX, "1 to {REPLICAS_MAX} replicas");
        let flags = [0, u8::from(client_signatures)];
        let mut parts: Vec<&[u8]> = vec![b"byzlab/chain/1", label.as_bytes(), &flags];
        parts.extend(keys.iter().map(|key| &key.0[..]));
        let chain = sha256_of(&parts);
        Self { chain, keys, client_signatures, votes: None, coin: None }
    }
    /// This committee, its replicas signing by BLS with these keys. Another chain: it is drawn from them
    /// too.
    ///
    /// # Panics
    /// If there are not as many keys as replicas.
    #[must_use]
    pub fn voting_with(mut self, keys: VoteKeys) -> Self {
        assert_eq!(keys.len(), self.size(), "each replica has a vote key");
        self.chain = sha256_of(&[b"byzlab/chain/bls/1", &self.chain.0, &keys.digest().0]);
        self.votes = Some(keys);
        self
    }
    /// This committee with a common coin. Another chain: it is drawn from the coin's keys too.
    ///
    /// # Panics
    /// If the coin has not as many parts as there are replicas.
    #[must_use]
    pub fn tossing(mut self, coin: Coin) -> Self {
        assert_eq!(coin.size(), self.size(), "each replica has a part of the coin");
        self.chain = sha256_of(&[b"byzlab/chain/coin/1", &self.chain.0, &coin.digest().0]);
        self.coin = Some(coin);
        self
    }
    /// This committee with the coin of the run seeded by `seed`, of which f + 1 tosses give the value.
    ///
    /// For experiments: whoever knows the seed knows the coin.
    ///
    /// # Errors
    /// If a replica's key is none.
    pub fn tossing_by_seed(self, scheme: Scheme, seed: u64) -> Result<Self, BadCoin> {
        let coin = Coin::seeded(scheme, seed, self.one_honest(), &self.keys)?;
        Ok(self.tossing(coin))
    }
    /// The number of replicas, n.
    pub fn size(&self) -> usize {
        self.keys.len()
    }
    /// The most Byzantine replicas under which a partially synchronous protocol is safe and live:
    /// f = ⌊(n − 1)/3⌋.
    pub fn faults(&self) -> usize {
        self.faults_below(3)
    }
    /// The most faulty replicas when `share`·f + 1 are needed: ⌊(n − 1)/share⌋.
    pub fn faults_below(&self, share: usize) -> usize {
        (self.size() - 1) / share
    }
    /// The fewest replicas of which any two sets share an honest one, ⌈(n + f + 1)/2⌉:
    /// 2f + 1 when n = 3f + 1, and right for every other n too.
    pub fn quorum(&self) -> usize {
        (self.size() + self.faults() + 1).div_ceil(2)
    }
    /// The fewest replicas that include an honest one, f + 1.
    pub fn one_honest(&self) -> usize {
        self.faults() + 1
    }
    /// Everyone's id, in order.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = ReplicaId> + use<> {
        (0..self.keys.len() as u16).map(ReplicaId)
    }
    /// Whether there is such a replica.
    pub fn contains(&self, id: ReplicaId) -> bool {
        id.index() < self.size()
    }
    /// The key of `id`, if there is such a replica.
    pub fn key(&self, id: ReplicaId) -> Option<PublicKey> {
        self.keys.get(id.index()).copied()
    }
    /// The replica whose turn it is at `turn`, round robin.
    pub fn at_turn(&self, turn: u64) -> ReplicaId {
        ReplicaId((turn % self.size() as u64) as u16)
    }
    /// The bytes to sign for `body` in `domain` (like `"pbft/prepare"`) on this chain.
    pub fn statement<T: Serialize + ?Sized>(&self, domain: &str, body: &T) -> Statement {
        let mut bytes = Vec::with_capacity(domain.len() + 8 + 33 + 96);
        bytes.extend_from_slice(b"byzlab/");
        bytes.extend_from_slice(domain.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(&self.chain.0);
        Statement(Bytes::from(codec::encode_after(bytes, body)))
    }
    /// The claim that replica `by` signed `statement`; `None` if there is no such replica.
    pub fn signed(
        &self,
        by: ReplicaId,
        statement: &Statement,
        signature: Signature,
    ) -> Option<Claim> {
        let key = self.key(by)?;
        if self.votes.is_some() {
            return self.aggregate([by].into(), statement, signature).ok();
        }
        Some(Claim::Signed { by: key, statement: statement.0.clone(), signature })
    }
    /// The claim that replica `by` tossed the coin called `name`.
    ///
    /// # Errors
    /// If these replicas have no coin.
    pub fn tossed(&self, by: ReplicaId, name: &Statement, toss: Toss) -> Result<Claim, Invalid> {
        let coin = self.coin.clone().ok_or(Invalid("a toss where there is no coin"))?;
        Ok(Claim::Tossed(Tossed { coin, by, name: name.0.clone(), toss }))
    }
    /// The claim that all of `signers` signed `statement`, and that `signature` is the sum of their
    /// signatures.
    ///
    /// # Errors
    /// If these replicas do not sign by BLS, or one is unknown; if there are none, or not in order.
    pub fn aggregate(
        &self,
        signers: Arc<[ReplicaId]>,
        statement: &Statement,
        signature: Signature,
    ) -> Result<Claim, Invalid> {
        let keys =
            self.votes.clone().ok_or(Invalid("an aggregate where signatures do not add up"))?;
        if signers.is_empty() || !signers.windows(2).all(|pair| pair[0] < pair[1]) {
            return Err(Invalid("an aggregate of nobody, or with signers out of order"));
        }
        if !signers.iter().all(|&id| self.contains(id)) {
            return Err(Invalid("a certificate with an unknown signer"));
        }
        let statement = statement.0.clone();
        Ok(Claim::Aggregate(Aggregate { keys, signers, statement, signature }))
    }
}

/// A replica's place: who it is, among whom, and with whom it is linked.
#[derive(Clone, Debug)]
pub struct Seat {
    /// Its own id.
    pub me: ReplicaId,
    /// All replicas.
    pub committee: Arc<Committee>,
    /// Those it gossips with: all others, or its peers in a graph.
    pub neighbours: Arc<[ReplicaId]>,
}

impl Seat {
    /// A seat linked with everyone.
    pub fn new(me: ReplicaId, committee: Arc<Committee>) -> Self {
        let neighbours = committee.ids().filter(|&id| id != me).collect();
        Self { me, committee, neighbours }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_quorums_share_an_honest_replica_and_the_honest_are_a_quorum() {
        for n in 1..200 {
            let c = Committee::new("test", vec![PublicKey::default(); n], false);
            let (f, q) = (c.faults(), c.quorum());
            assert!(2 * q > n + f, "n = {n}: two quorums must overlap in more than f");
            assert!(q <= n - f, "n = {n}: the honest must be able to decide alone");
            assert!(2 * (q - 1) <= n + f, "n = {n}: no smaller quorum would do");
            if n % 3 == 1 {
                assert_eq!((n, q), (3 * f + 1, 2 * f + 1));
            }
        }
    }
}
