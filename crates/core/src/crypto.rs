//! Digests, keys and signatures.
//!
//! Ed25519 is checked by the ZIP-215 rule everywhere (`ed25519-zebra`): it is the only rule under which
//! single, batch and GPU checks give the same verdict on every input.
//! Votes may be BLS signatures instead, which add up: [`bls`]. What nobody may foresee comes from a [`coin`].
//! [`Scheme::Simulated`] is for the simulator alone: a tag that only the holder of a [`Signer`] can make.

pub mod bls;
pub mod coin;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use curve25519_dalek::{EdwardsPoint, Scalar, edwards::CompressedEdwardsY};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::Digest as _;

use crate::comb::{TOGETHER, mul_base_many};

macro_rules! fixed_bytes {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);
        bytes_as_hex!($name, $len);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                if s.is_human_readable() { s.collect_str(self) } else { s.serialize_bytes(&self.0) }
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                if d.is_human_readable() {
                    String::deserialize(d)?.parse().map_err(de::Error::custom)
                } else {
                    serde_bytes::deserialize::<[u8; $len], D>(d).map(Self)
                }
            }
        }
    };
}

macro_rules! bytes_as_hex {
    ($name:ident, $len:literal) => {
        impl Default for $name {
            fn default() -> Self {
                Self([0; $len])
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(&self.0[..4]))
            }
        }
        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                let mut bytes = [0; $len];
                hex::decode_to_slice(text, &mut bytes)
                    .map_err(|e| format!("want {} hex digits: {e}", 2 * $len))?;
                Ok(Self(bytes))
            }
        }
    };
}

fixed_bytes!(
    /// A SHA-256 digest. Written as 64 hex digits.
    Digest,
    32
);
fixed_bytes!(
    /// An Ed25519 public key; in simulated crypto, any 32 bytes. Also the name of a client.
    PublicKey,
    32
);
fixed_bytes!(
    /// A BLS public key for votes: a compressed point of G2.
    VoteKey,
    96
);
fixed_bytes!(
    /// One replica's toss of one [coin](coin::Coin): a point, and the proof that it is the replica's.
    Toss,
    96
);
fixed_bytes!(
    /// A part of a [coin](coin::Coin)'s secret, for one replica's eyes; in simulated crypto, nothing.
    SealedPart,
    32
);
fixed_bytes!(
    /// The proof that the secret of a [`VoteKey`] is held: a signature over the key.
    Possession,
    48
);

/// An Ed25519 signature, a simulated one of the same size, or a BLS signature before 16 zeros.
///
/// A BLS signature travels as its 48 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub [u8; 64]);

impl Signature {
    /// A BLS signature.
    pub(crate) fn short(bytes: [u8; bls::SIGNATURE_BYTES]) -> Self {
        let mut signature = Self::default();
        signature.0[..bls::SIGNATURE_BYTES].copy_from_slice(&bytes);
        signature
    }
    /// The bytes of a BLS signature, if it has the form of one. No honest Ed25519 signature has it, for
    /// its second half is a random number below 2²⁵², and no simulated one, which has zeros there.
    pub fn as_short(&self) -> Option<&[u8]> {
        let (bytes, rest) = self.0.split_at(bls::SIGNATURE_BYTES);
        let is_short = rest.iter().all(|&b| b == 0) && bytes[32..].iter().any(|&b| b != 0);
        is_short.then_some(bytes)
    }
}
bytes_as_hex!(Signature, 64);

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match s.is_human_readable() {
            true => s.collect_str(self),
            false => s.serialize_bytes(self.as_short().unwrap_or(&self.0)),
        }
    }
}
impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Signature;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a signature of 64 or 48 bytes")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Signature, E> {
                if bytes.len() != 64 && bytes.len() != bls::SIGNATURE_BYTES {
                    return Err(E::invalid_length(bytes.len(), &self));
                }
                let mut signature = Signature::default();
                signature.0[..bytes.len()].copy_from_slice(bytes);
                Ok(signature)
            }
        }
        if d.is_human_readable() {
            String::deserialize(d)?.parse().map_err(de::Error::custom)
        } else {
            d.deserialize_bytes(Visitor)
        }
    }
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Digest {
    Digest(sha2::Sha256::digest(bytes).into())
}

/// SHA-256 of the concatenated `parts`.
pub fn sha256_of(parts: &[&[u8]]) -> Digest {
    let mut hasher = sha2::Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    Digest(hasher.finalize().into())
}

/// SHA-256 of SHA-256 of `bytes`, as proof of work uses it.
pub fn double_sha256(bytes: &[u8]) -> Digest {
    sha256(&sha256(bytes).0)
}

/// Bytes to be signed: a domain, a zero byte, the chain's id, and an encoded body.
///
/// Made by [`Committee::statement`](crate::Committee::statement), so that a signature given in one
/// domain or on one chain means nothing in another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement(pub Bytes);

/// How signatures are made and checked in a run.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Ed25519, accepted by the ZIP-215 rule.
    #[default]
    Ed25519,
    /// Replicas sign by BLS, so that a certificate is one signature and a set of signers. Who they are
    /// on their links, and clients, stay with Ed25519.
    Bls,
    /// Tags that only a [`Signer`] can make: no real cryptography, the same sizes. Simulator only.
    Simulated,
}

impl Scheme {
    /// How clients sign where replicas sign like this.
    #[must_use]
    pub const fn of_clients(self) -> Self {
        match self {
            Self::Bls => Self::Ed25519,
            other => other,
        }
    }
    /// Its name in experiment files and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Bls => "bls",
            Self::Simulated => "simulated",
        }
    }
}

/// Makes signatures for one key. Its holder is the host; protocols sign through
/// [`Effects::sign`](crate::Effects::sign).
#[derive(Clone)]
pub struct Signer(Secret);

#[derive(Clone)]
enum Secret {
    Ed25519(Arc<(ed25519_zebra::SigningKey, Expanded)>),
    /// A replica that votes by BLS; the public key is the one that it is known by.
    Bls(Arc<(PublicKey, bls::VoteSecret, Expanded)>),
    Simulated {
        public: PublicKey,
        salt: Digest,
    },
}

impl Signer {
    /// An Ed25519 signer from its 32 secret bytes.
    pub fn ed25519(secret: [u8; 32]) -> Self {
        let key = ed25519_zebra::SigningKey::from(secret);
        Self(Secret::Ed25519(Arc::new((key, Expanded::new(&secret)))))
    }
    /// A replica's signer from its 32 secret bytes: known by the Ed25519 key that
    /// [`ed25519`](Self::ed25519) makes of them, it signs with a BLS key that follows from them too.
    pub fn bls(secret: [u8; 32]) -> Self {
        let public = Self::ed25519(secret).public();
        Self(Secret::Bls(Arc::new((public, bls::VoteSecret::of(&secret), Expanded::new(&secret)))))
    }
    /// The signer called `name` in the run seeded by `seed`: the same key on every machine.
    ///
    /// For experiments: whoever knows the seed knows the key.
    pub fn seeded(scheme: Scheme, seed: u64, name: &str) -> Self {
        let secret = Self::seeded_secret(seed, name);
        match scheme {
            Scheme::Ed25519 => Self::ed25519(secret),
            Scheme::Bls => Self::bls(secret),
            Scheme::Simulated => {
                Self(Secret::Simulated { public: PublicKey(secret), salt: simulated_salt(seed) })
            }
        }
    }
    /// The secret bytes behind [`seeded`](Self::seeded), for whoever needs the key elsewhere too: links.
    pub fn seeded_secret(seed: u64, name: &str) -> [u8; 32] {
        sha256_of(&[b"byzlab/key/1", &seed.to_le_bytes(), name.as_bytes()]).0
    }
    /// The key that checks what this signer signs; for one who votes by BLS, the key that he is known by.
    pub fn public(&self) -> PublicKey {
        match &self.0 {
            Secret::Ed25519(key) => PublicKey(key.0.verification_key().into()),
            Secret::Bls(key) => key.0,
            Secret::Simulated { public, .. } => *public,
        }
    }
    /// The key that checks its votes, and the proof that it is held; `None` if it does not vote by BLS.
    pub fn vote_key(&self) -> Option<(VoteKey, Possession)> {
        let Secret::Bls(key) = &self.0 else { return None };
        Some((key.1.key(), key.1.possession()))
    }
    /// Signs `bytes` as they are. Deterministic.
    pub fn sign(&self, bytes: &[u8]) -> Signature {
        match &self.0 {
            Secret::Ed25519(key) => Signature(key.0.sign(bytes).into()),
            Secret::Bls(key) => key.1.sign(bytes),
            Secret::Simulated { public, salt } => simulated_tag(salt, public, bytes),
        }
    }
    /// The secret as RFC 8032 expands it, for whoever signs in bulk elsewhere; `None` if it does not sign by
    /// Ed25519.
    pub fn expanded(&self) -> Option<&Expanded> {
        match &self.0 {
            Secret::Ed25519(key) => Some(&key.1),
            Secret::Bls(_) | Secret::Simulated { .. } => None,
        }
    }
    /// The point that it shares with the holder of another Ed25519 key (Diffie–Hellman); `None` if that is no
    /// key, or this one's are simulated.
    fn shared_with(&self, other: &PublicKey) -> Option<EdwardsPoint> {
        let own = match &self.0 {
            Secret::Ed25519(key) => &key.1,
            Secret::Bls(key) => &key.2,
            Secret::Simulated { .. } => return None,
        };
        CompressedEdwardsY(other.0).decompress().map(|point| point * own.s)
    }
    /// Signs each of `messages`: the signatures that [`sign`](Self::sign) gives, for a third of the
    /// work each.
    ///
    /// For making load: in Ed25519, the time that it takes depends on the secret.
    pub fn sign_many(&self, messages: &[&[u8]]) -> Vec<Signature> {
        let mut signatures = vec![Signature::default(); messages.len()];
        self.sign_each(|i| messages[i], &mut signatures);
        signatures
    }
    /// As [`sign_many`](Self::sign_many): `out[i]` becomes the signature of `message(i)`.
    pub fn sign_each<'a>(&self, message: impl Fn(usize) -> &'a [u8], out: &mut [Signature]) {
        match &self.0 {
            Secret::Ed25519(key) => key.1.sign_each(&self.public(), message, out),
            Secret::Bls(_) | Secret::Simulated { .. } => {
                out.iter_mut().enumerate().for_each(|(i, out)| *out = self.sign(message(i)));
            }
        }
    }
}

/// An Ed25519 secret as RFC 8032 §5.1.5 expands it: what signing in bulk needs and zebra keeps to
/// itself.
#[derive(Clone)]
pub struct Expanded {
    s: Scalar,
    prefix: [u8; 32],
}

impl Expanded {
    fn new(secret: &[u8; 32]) -> Self {
        let (mut s, mut prefix) = ([0; 32], [0; 32]);
        let hash = sha2::Sha512::digest(secret);
        s.copy_from_slice(&hash[..32]);
        prefix.copy_from_slice(&hash[32..]);
        let s = Scalar::from_bytes_mod_order(curve25519_dalek::scalar::clamp_integer(s));
        Self { s, prefix }
    }
    /// The secret scalar, reduced, little-endian.
    pub fn scalar(&self) -> [u8; 32] {
        self.s.to_bytes()
    }
    /// What is hashed before a message to make its nonce.
    pub fn prefix(&self) -> &[u8; 32] {
        &self.prefix
    }
    /// RFC 8032 §5.1.6 for each message, in variable time.
    fn sign_each<'a>(
        &self,
        public: &PublicKey,
        message: impl Fn(usize) -> &'a [u8],
        out: &mut [Signature],
    ) {
        let hash = |parts: &[&[u8]]| {
            let mut hasher = sha2::Sha512::new();
            parts.iter().for_each(|part| hasher.update(part));
            Scalar::from_bytes_mod_order_wide(&hasher.finalize().into())
        };
        let mut nonces = [Scalar::ZERO; TOGETHER];
        for (part, out) in out.chunks_mut(TOGETHER).enumerate() {
            let message = |i: usize| message(part * TOGETHER + i);
            let nonces = &mut nonces[..out.len()];
            for (i, nonce) in nonces.iter_mut().enumerate() {
                *nonce = hash(&[&self.prefix, message(i)]);
            }
            let points = mul_base_many(nonces);
            for (i, (out, (r, point))) in out.iter_mut().zip(nonces.iter().zip(points)).enumerate()
            {
                let k = hash(&[&point, &public.0, message(i)]);
                out.0[..32].copy_from_slice(&point);
                out.0[32..].copy_from_slice((r + k * self.s).as_bytes());
            }
        }
    }
}

impl fmt::Debug for Expanded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Expanded") // a secret
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({:?})", self.public())
    }
}

fn simulated_salt(seed: u64) -> Digest {
    sha256_of(&[b"byzlab/simulated/1", &seed.to_le_bytes()])
}

fn simulated_tag(salt: &Digest, public: &PublicKey, bytes: &[u8]) -> Signature {
    let mut tag = [0; 64];
    tag[..32].copy_from_slice(&sha256_of(&[&salt.0, &public.0, bytes]).0);
    Signature(tag)
}

/// Checks simulated signatures of the run seeded by one seed.
#[derive(Clone, Debug)]
pub struct SimulatedVerifier {
    salt: Digest,
}

impl SimulatedVerifier {
    /// The verifier for signers made by [`Signer::seeded`] with the same seed.
    pub fn new(seed: u64) -> Self {
        Self { salt: simulated_salt(seed) }
    }
    /// Whether `signature` was made over `bytes` by the signer of `by`.
    pub fn verify(&self, by: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
        simulated_tag(&self.salt, by, bytes) == *signature
    }
}

/// Whether the Ed25519 `signature` of `by` over `bytes` holds by the ZIP-215 rule.
pub fn verify_ed25519(by: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
    ed25519_zebra::VerificationKey::try_from(by.0)
        .is_ok_and(|key| key.verify(&signature.0.into(), bytes).is_ok())
}

/// Whether `key` may be registered in a committee: it decodes, is canonical, and is not of small order.
///
/// ZIP-215 accepts signatures under small-order keys that anyone can make, so such keys are kept out
/// where keys come in.
pub fn registrable(key: &PublicKey) -> bool {
    // Under a small-order key A, the equation 8·s·B = 8·R + 8·k·A holds for s = 0 and R = identity.
    let mut trivial = [0; 64];
    trivial[0] = 1;
    let canonical = {
        // y < 2^255 - 19, read without the sign bit.
        let mut y = key.0;
        y[31] &= 0x7f;
        let high = y[31] == 0x7f && y[1..31].iter().all(|&b| b == 0xff);
        !(high && y[0] >= 0xed)
    };
    canonical
        && ed25519_zebra::VerificationKey::try_from(key.0).is_ok()
        && !verify_ed25519(key, b"byzlab/small-order", &Signature(trivial))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_signatures_are_those_that_one_at_a_time_would_be() {
        let long = vec![7; 1000];
        let messages: [&[u8]; 5] = [b"", b"a", &[0; 64], &long, b"a"];
        for scheme in [Scheme::Ed25519, Scheme::Simulated] {
            for name in ["client/0", "client/1"] {
                let signer = Signer::seeded(scheme, 3, name);
                let alone: Vec<_> = messages.iter().map(|bytes| signer.sign(bytes)).collect();
                assert_eq!(signer.sign_many(&messages), alone);
            }
            assert!(Signer::seeded(scheme, 3, "client/0").sign_many(&[]).is_empty());
        }
    }

    #[test]
    fn many_signatures_are_those_of_rfc_8032() {
        // §7.1, test 2.
        let secret = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
        let signature = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        let secret: Digest = secret.parse().unwrap();
        let signed = Signer::ed25519(secret.0).sign_many(&[&[0x72]]);
        assert_eq!(signed, [signature.parse().unwrap()]);
    }
}
