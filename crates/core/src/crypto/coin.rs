//! A common coin: a value for every name, which nobody can foresee before f + 1 replicas have tossed it, and on
//! which all then agree, however they are delayed. Asynchronous protocols need one.
//!
//! Cachin, Kursawe & Shoup, *Random Oracles in Constantinople*, PODC 2000: their coin of the Diffie–Hellman
//! problem, over ristretto255. A *dealer* draws a polynomial p of degree `threshold` − 1 over the scalars; the
//! coin's secret is p(0), replica i's part p(i + 1), of which all know G·p(i + 1). To toss the coin called s, a
//! replica gives H(s)·p(i + 1), and proves that the factor is its own (Chaum & Pedersen 1992, by Fiat–Shamir).
//! `threshold` tosses give H(s)·p(0) by Lagrange's formula in the exponent; its hash is the coin's value.
//!
//! *Whom it trusts:* the dealer, who knows the secret: an experiment's seed, or whoever runs `byzlab committee`.
//! Parts travel with the public keys, each sealed for its owner by a Diffie–Hellman key between the dealer's
//! one-time key and the replica's Ed25519 key; whoever opens one checks it against G·p(i + 1). That all the
//! G·p(i + 1) are of one polynomial, everyone checks who reads the coin (Cascudo & David, *SCRAPE*, ACNS 2017):
//! else tosses that all hold would give different values to those who gathered different ones. Whether another's
//! sealed part opens, only its owner can tell.
//!
//! *Cost:* a toss is 96 bytes; to make one takes a hash to the group and three multiplications, to check one two
//! double ones.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use curve25519_dalek::{
    EdwardsPoint, RistrettoPoint, Scalar,
    constants::{ED25519_BASEPOINT_POINT, RISTRETTO_BASEPOINT_POINT as G},
    edwards::CompressedEdwardsY,
    ristretto::CompressedRistretto,
    traits::{IsIdentity as _, VartimeMultiscalarMul as _},
};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::{
    Digest, PublicKey, Scheme, SealedPart, Signer, Statement, Toss, sha256_of, simulated_salt,
};
use crate::id::ReplicaId;

/// What there is to know of a coin: who is to toss it, and how many must. Cheap to clone.
#[derive(Clone)]
pub struct Coin(Arc<Inner>);

struct Inner {
    threshold: usize,
    size: usize,
    digest: Digest,
    kind: Kind,
}

enum Kind {
    /// With the points of the parts' keys.
    Dealt(Dealt, Vec<RistrettoPoint>),
    /// Unforgeable because nobody else knows the salt: no real cryptography, the same sizes. Simulator only.
    Simulated { salt: Digest },
}

/// A coin as it is written down: public, for all replicas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dealt {
    /// How many tosses give the coin's value.
    pub threshold: u16,
    /// The dealer's one-time key.
    pub dealer: PublicKey,
    /// By replica: the public key of its part, and the part, sealed.
    pub parts: Vec<(PublicKey, SealedPart)>,
}

/// A coin that is none: bad keys, or a threshold that cannot be met.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the coin: {0}")]
pub struct BadCoin(pub String);

/// One replica's part of a coin's secret.
#[derive(Clone)]
pub struct Part {
    me: ReplicaId,
    secret: Secret,
}

#[derive(Clone)]
enum Secret {
    Dealt { key: PublicKey, secret: Scalar },
    Simulated { salt: Digest },
}

/// That `toss` is `by`'s of the coin called `name`.
#[derive(Clone, Debug)]
pub struct Tossed {
    /// The coin.
    pub coin: Coin,
    /// By whom.
    pub by: ReplicaId,
    /// Of what name.
    pub name: Bytes,
    /// The toss.
    pub toss: Toss,
}

fn scalar_of(parts: &[&[u8]]) -> Scalar {
    let mut hasher = sha2::Sha512::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    Scalar::from_bytes_mod_order_wide(&hasher.finalize().into())
}

/// H: the point of a name.
fn point_of(name: &[u8]) -> RistrettoPoint {
    let mut hasher = sha2::Sha512::new();
    hasher.update(b"byzlab/coin/name/1");
    hasher.update(name);
    RistrettoPoint::from_uniform_bytes(&hasher.finalize().into())
}

/// Where replica `id`'s part is taken from the polynomial.
fn place(id: ReplicaId) -> Scalar {
    Scalar::from(u64::from(id.0) + 1)
}

/// What hides a part between the dealer and one replica, whose keys make `shared`.
fn pad(shared: &EdwardsPoint, id: ReplicaId) -> [u8; 32] {
    // Clear of the cofactor, so that both sides have the same point whatever key the other gave.
    let shared = shared.mul_by_cofactor().compress();
    sha256_of(&[b"byzlab/coin/pad/1", &shared.0, &id.0.to_le_bytes()]).0
}

fn xor(a: [u8; 32], b: [u8; 32]) -> [u8; 32] {
    std::array::from_fn(|i| a[i] ^ b[i])
}

/// Whether the points are G·p(1), G·p(2), … of a polynomial p of degree `threshold` − 1. The vectors of such
/// values are a Reed–Solomon code: each is orthogonal to every word of the dual code, which are the values of
/// polynomials of degree n − `threshold` − 1, the i-th times 1/∏(i − j) over all j ≠ i. Of one that is not, a
/// random word tells, but for chance of 2⁻²⁵²; it is drawn from `digest`, which everything depends on.
fn of_one_polynomial(points: &[RistrettoPoint], threshold: usize, digest: &Digest) -> bool {
    let size = points.len() as u64;
    let draw = |at: u64| scalar_of(&[b"byzlab/coin/dual/1", &digest.0, &at.to_le_bytes()]);
    let polynomial: Vec<Scalar> = (threshold as u64..size).map(draw).collect();
    // ∏(i − j) is (i − 1)! above, and (n − i)! with its sign below.
    let grow = |product: &mut Scalar, factor: u64| {
        *product *= Scalar::from(factor.max(1));
        Some(*product)
    };
    let factorials: Vec<Scalar> = (0..size).scan(Scalar::ONE, grow).collect();
    let mut weights: Vec<Scalar> = factorials
        .iter()
        .zip(factorials.iter().rev())
        .map(|(above, below)| above * below)
        .collect();
    Scalar::invert_batch_alloc(&mut weights);
    let word = (1..=size).zip(weights).map(|(at, weight)| {
        let x = Scalar::from(at);
        let value = polynomial.iter().rev().fold(Scalar::ZERO, |sum, factor| sum * x + factor);
        if (size - at).is_multiple_of(2) { value * weight } else { -value * weight }
    });
    RistrettoPoint::vartime_multiscalar_mul(word, points).is_identity()
}

impl Dealt {
    /// A coin for the replicas of these keys, `threshold` of whom give its value. Whoever knows `secret`
    /// knows all its values.
    ///
    /// # Errors
    /// If a key is none.
    pub fn new(secret: &[u8; 32], threshold: usize, keys: &[PublicKey]) -> Result<Self, BadCoin> {
        let draw = |what: &[u8], at: u64| {
            scalar_of(&[b"byzlab/coin/deal/1", secret, what, &at.to_le_bytes()])
        };
        let polynomial: Vec<Scalar> =
            (0..threshold as u64).map(|at| draw(b"coefficient", at)).collect();
        let part =
            |id| polynomial.iter().rev().fold(Scalar::ZERO, |sum, factor| sum * place(id) + factor);
        let once = draw(b"once", 0);
        let seal = |(id, key): (ReplicaId, &PublicKey)| {
            let bad = || BadCoin(format!("the key of {id} is none"));
            let theirs = CompressedEdwardsY(key.0).decompress().ok_or_else(bad)?;
            let part = part(id);
            let sealed = xor(part.to_bytes(), pad(&(theirs * once), id));
            Ok((PublicKey((G * part).compress().0), SealedPart(sealed)))
        };
        let parts: Result<_, BadCoin> = (0..).map(ReplicaId).zip(keys).map(seal).collect();
        Ok(Self {
            threshold: threshold as u16,
            dealer: PublicKey((ED25519_BASEPOINT_POINT * once).compress().0),
            parts: parts?,
        })
    }
}

impl Coin {
    /// The coin of the run seeded by `seed`, among replicas of these keys: the same on every machine.
    ///
    /// For experiments: whoever knows the seed knows the coin.
    ///
    /// # Errors
    /// As [`Dealt::new`].
    pub fn seeded(
        scheme: Scheme,
        seed: u64,
        threshold: usize,
        keys: &[PublicKey],
    ) -> Result<Self, BadCoin> {
        if scheme != Scheme::Simulated {
            return Self::new(Dealt::new(&Signer::seeded_secret(seed, "coin"), threshold, keys)?);
        }
        let salt = sha256_of(&[b"byzlab/coin/1", &simulated_salt(seed).0]);
        let digest = sha256_of(&[b"byzlab/coin/simulated/1", &salt.0]);
        let (size, kind) = (keys.len(), Kind::Simulated { salt });
        Ok(Self(Arc::new(Inner { threshold, size, digest, kind })))
    }
    /// A coin from what is written of it.
    ///
    /// # Errors
    /// If a key is none, or the keys are not of one polynomial, or more tosses are needed than there are replicas,
    /// or none is.
    pub fn new(dealt: Dealt) -> Result<Self, BadCoin> {
        let (threshold, size) = (usize::from(dealt.threshold), dealt.parts.len());
        if !(1..=size).contains(&threshold) {
            return Err(BadCoin(format!("{threshold} tosses of {size} replicas cannot be needed")));
        }
        let point = |(at, (key, _)): (usize, &(PublicKey, SealedPart))| {
            let point = CompressedRistretto(key.0).decompress().filter(|p| !p.is_identity());
            point.ok_or_else(|| BadCoin(format!("the key of part {at} is none")))
        };
        let points: Result<Vec<_>, BadCoin> = dealt.parts.iter().enumerate().map(point).collect();
        let points = points?;
        let digest = sha256_of(&[b"byzlab/coin/dealt/1", &crate::codec::encode(&dealt)]);
        if !of_one_polynomial(&points, threshold, &digest) {
            let what = "the keys of its parts are not of one polynomial: one of them was changed";
            return Err(BadCoin(what.into()));
        }
        let kind = Kind::Dealt(dealt, points);
        Ok(Self(Arc::new(Inner { threshold, size, digest, kind })))
    }
    /// As it is written down; `None` if it is simulated.
    pub fn dealt(&self) -> Option<&Dealt> {
        match &self.0.kind {
            Kind::Dealt(dealt, _) => Some(dealt),
            Kind::Simulated { .. } => None,
        }
    }
    /// How many replicas have a part.
    pub fn size(&self) -> usize {
        self.0.size
    }
    /// How many tosses give the coin's value.
    pub fn threshold(&self) -> usize {
        self.0.threshold
    }
    /// Names this coin.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }
    /// The part of `me`, sealed for the holder of `signer`.
    ///
    /// # Errors
    /// If there is none for it, or it is not what the coin says.
    pub fn open(&self, me: ReplicaId, signer: &Signer) -> Result<Part, BadCoin> {
        if me.index() >= self.size() {
            return Err(BadCoin(format!("there is no part of {me}")));
        }
        let part = |secret| Part { me, secret };
        let Dealt { dealer, parts, .. } = match &self.0.kind {
            Kind::Simulated { salt } => return Ok(part(Secret::Simulated { salt: *salt })),
            Kind::Dealt(dealt, _) => dealt,
        };
        let (key, sealed) = parts[me.index()];
        let shared = signer.shared_with(dealer);
        let shared = shared.ok_or_else(|| BadCoin("the dealer's key is none".into()))?;
        let bytes = xor(sealed.0, pad(&shared, me));
        let secret = Option::<Scalar>::from(Scalar::from_canonical_bytes(bytes));
        let own = |secret: &Scalar| (G * secret).compress().0 == key.0;
        let bad = || BadCoin(format!("the part of {me} is not sealed for its key"));
        Ok(part(Secret::Dealt { key, secret: secret.filter(own).ok_or_else(bad)? }))
    }
    /// The value of the coin called `name`, out of as many tosses of different replicas as it takes, which have
    /// been proven; `None` if there are fewer.
    pub fn value(&self, name: &Statement, tosses: &[(ReplicaId, Toss)]) -> Option<Digest> {
        let mut tosses = tosses.to_vec();
        tosses.sort();
        tosses.dedup_by_key(|(by, _)| *by);
        let tosses = tosses.get(..self.threshold())?;
        if let Kind::Simulated { salt } = &self.0.kind {
            return Some(sha256_of(&[b"value", &salt.0, &name.0]));
        }
        let places: Vec<Scalar> = tosses.iter().map(|&(by, _)| place(by)).collect();
        let weight = |i: usize| {
            let others = places.iter().enumerate().filter(|&(j, _)| j != i);
            let (above, below) = others
                .fold((Scalar::ONE, Scalar::ONE), |(above, below), (_, other)| {
                    (above * other, below * (other - places[i]))
                });
            above * below.invert()
        };
        let points: Option<Vec<RistrettoPoint>> =
            tosses.iter().map(|(_, toss)| toss.point().decompress()).collect();
        let weights = (0..places.len()).map(weight);
        let point = RistrettoPoint::vartime_multiscalar_mul(weights, points?).compress();
        Some(sha256_of(&[b"byzlab/coin/value/1", &point.0, &name.0]))
    }
}

impl PartialEq for Coin {
    fn eq(&self, other: &Self) -> bool {
        self.0.digest == other.0.digest
    }
}
impl Eq for Coin {}

impl fmt::Debug for Coin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Coin({} of {})", self.threshold(), self.size())
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part(of {})", self.me) // a secret
    }
}

impl Toss {
    fn of(point: [u8; 32], challenge: [u8; 32], answer: [u8; 32]) -> Self {
        let mut toss = Self::default();
        let parts = toss.0.chunks_mut(32).zip([point, challenge, answer]);
        parts.for_each(|(bytes, part)| bytes.copy_from_slice(&part));
        toss
    }
    fn part(&self, at: usize) -> [u8; 32] {
        std::array::from_fn(|i| self.0[32 * at + i])
    }
    fn point(&self) -> CompressedRistretto {
        CompressedRistretto(self.part(0))
    }
}

/// What the proof's challenge is drawn from.
fn challenge(
    key: &PublicKey,
    name: &[u8],
    tossed: CompressedRistretto,
    commitments: [RistrettoPoint; 2],
) -> Scalar {
    let [a, b] = commitments.map(|point| point.compress().0);
    scalar_of(&[b"byzlab/coin/proof/1", &key.0, name, &tossed.0, &a, &b])
}

impl Part {
    /// Tosses the coin called `name`. Deterministic.
    pub fn toss(&self, name: &Statement) -> Toss {
        let (key, secret) = match &self.secret {
            Secret::Simulated { salt } => return simulated(salt, self.me, &name.0),
            Secret::Dealt { key, secret } => (key, secret),
        };
        let point = point_of(&name.0);
        let tossed = (point * secret).compress();
        let nonce = scalar_of(&[b"byzlab/coin/nonce/1", secret.as_bytes(), &name.0]);
        let drawn = challenge(key, &name.0, tossed, [G * nonce, point * nonce]);
        Toss::of(tossed.0, drawn.to_bytes(), (nonce + drawn * secret).to_bytes())
    }
}

fn simulated(salt: &Digest, by: ReplicaId, name: &[u8]) -> Toss {
    let tag = sha256_of(&[b"toss", &salt.0, &by.0.to_le_bytes(), name]);
    Toss::of(tag.0, [0; 32], [0; 32])
}

impl Tossed {
    /// Whether it is.
    pub fn holds(&self) -> bool {
        self.proven().unwrap_or(false)
    }
    fn proven(&self) -> Option<bool> {
        let (dealt, points) = match &self.coin.0.kind {
            Kind::Simulated { salt } => {
                let stranger = self.by.index() >= self.coin.size();
                return Some(!stranger && simulated(salt, self.by, &self.name) == self.toss);
            }
            Kind::Dealt(dealt, points) => (dealt, points),
        };
        let (key, theirs) = (dealt.parts.get(self.by.index())?.0, points.get(self.by.index())?);
        let tossed = self.toss.point().decompress()?;
        let drawn = Option::<Scalar>::from(Scalar::from_canonical_bytes(self.toss.part(1)))?;
        let answer = Option::<Scalar>::from(Scalar::from_canonical_bytes(self.toss.part(2)))?;
        let point = point_of(&self.name);
        let less = |base, of| RistrettoPoint::vartime_multiscalar_mul([answer, -drawn], [base, of]);
        let commitments = [less(G, *theirs), less(point, tossed)];
        Some(challenge(&key, &self.name, self.toss.point(), commitments) == drawn)
    }
    /// Names the whole claim.
    pub fn digest(&self) -> Digest {
        let (coin, by) = (self.coin.digest(), self.by.0.to_le_bytes());
        sha256_of(&[b"byzlab/tossed/1", &coin.0, &by, &self.toss.0, &self.name])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u16 = 7;

    fn coin(scheme: Scheme) -> (Coin, Vec<Part>) {
        let signers: Vec<_> =
            (0..SIZE).map(|i| Signer::seeded(scheme, 4, &format!("replica/{i}"))).collect();
        let keys: Vec<_> = signers.iter().map(Signer::public).collect();
        let coin = Coin::seeded(scheme, 4, 3, &keys).unwrap();
        let open = |(i, signer): (u16, &Signer)| coin.open(ReplicaId(i), signer).unwrap();
        let parts = (0..).zip(&signers).map(open).collect();
        (coin, parts)
    }

    fn name(n: u64) -> Statement {
        Statement(Bytes::copy_from_slice(&n.to_le_bytes()))
    }

    #[test]
    fn any_three_tosses_give_one_value_and_two_none() {
        for scheme in [Scheme::Ed25519, Scheme::Bls, Scheme::Simulated] {
            let (coin, parts) = coin(scheme);
            let toss = |i: u16| (ReplicaId(i), parts[usize::from(i)].toss(&name(1)));
            let value = |ids: &[u16]| {
                coin.value(&name(1), &ids.iter().map(|&i| toss(i)).collect::<Vec<_>>())
            };
            let first = value(&[0, 1, 2]);
            assert!(first.is_some());
            for ids in [&[6, 3, 5][..], &[0, 6, 1], &[0, 1, 2, 3, 4, 5, 6]] {
                assert_eq!(value(ids), first, "{scheme:?} {ids:?}");
            }
            assert_eq!(value(&[0, 4]), None);
            assert_eq!(value(&[0, 4, 4, 0]), None, "a replica tosses once");
            let other: Vec<_> =
                (0..3).map(|i| (ReplicaId(i), parts[usize::from(i)].toss(&name(2)))).collect();
            assert_ne!(coin.value(&name(2), &other), first);
        }
    }

    #[test]
    fn a_toss_is_its_replicas_own_and_of_its_name() {
        for scheme in [Scheme::Ed25519, Scheme::Simulated] {
            let (coin, parts) = coin(scheme);
            let toss = parts[2].toss(&name(1));
            let holds = |by, of, toss| {
                let (coin, name) = (coin.clone(), name(of).0);
                Tossed { coin, by: ReplicaId(by), name, toss }.holds()
            };
            assert!(holds(2, 1, toss));
            assert!(!holds(3, 1, toss) && !holds(2, 2, toss) && !holds(SIZE, 1, toss));
            for at in [0, 31, 32, 63, 64, 95] {
                let mut changed = toss;
                changed.0[at] ^= 1;
                assert!(!holds(2, 1, changed), "{scheme:?}, byte {at}");
            }
            assert!(!holds(2, 1, Toss::default()) && !holds(2, 1, Toss([0xff; 96])));
        }
    }

    #[test]
    fn a_part_is_for_its_owner_alone_and_bad_coins_are_refused() {
        let (coin, _) = coin(Scheme::Ed25519);
        let stranger = Signer::seeded(Scheme::Ed25519, 5, "replica/0");
        assert!(coin.open(ReplicaId(0), &stranger).unwrap_err().0.contains("not sealed"));
        assert!(coin.open(ReplicaId(SIZE), &stranger).is_err());
        let dealt = coin.dealt().unwrap();
        assert_eq!(Coin::new(dealt.clone()), Ok(coin.clone()));

        let refused = |change: fn(&mut Dealt)| {
            let mut dealt = dealt.clone();
            change(&mut dealt);
            Coin::new(dealt).is_err()
        };
        assert!(refused(|dealt| dealt.threshold = 0));
        assert!(refused(|dealt| dealt.threshold = SIZE + 1));
        assert!(refused(|dealt| dealt.parts[1].0 = PublicKey::default()), "the identity");
        assert!(refused(|dealt| dealt.parts[1].0 = PublicKey([0xff; 32])));
        for part in 0..usize::from(SIZE) {
            let mut dealt = dealt.clone();
            dealt.parts[part].0 = PublicKey(G.compress().0);
            let told = Coin::new(dealt).unwrap_err().0;
            assert!(told.contains("not of one polynomial"), "part {part}: {told}");
        }
        assert!(refused(|dealt| dealt.parts.swap(0, 1)));
        assert!(refused(|dealt| dealt.threshold = 2), "too few to know the polynomial");
    }

    #[test]
    fn every_coin_that_is_dealt_is_of_one_polynomial() {
        let keys: Vec<_> = (0..9u8)
            .map(|i| Signer::seeded(Scheme::Ed25519, 1, &format!("replica/{i}")).public())
            .collect();
        for size in 1..=keys.len() {
            for threshold in 1..=size {
                let dealt = Dealt::new(&[3; 32], threshold, &keys[..size]).unwrap();
                assert!(Coin::new(dealt).is_ok(), "{threshold} of {size}");
            }
        }
    }
}
