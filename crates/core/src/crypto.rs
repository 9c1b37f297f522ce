//! Digests, keys and signatures.
//!
//! Ed25519 is checked by the ZIP-215 rule everywhere (`ed25519-zebra`): it is the only rule under which
//! single, batch and GPU checks give the same verdict on every input.
//! [`Scheme::Simulated`] is for the simulator alone: a tag that only the holder of a [`Signer`] can make.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use curve25519_dalek::Scalar;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::Digest as _;

macro_rules! fixed_bytes {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

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
    /// An Ed25519 signature, or a simulated one of the same size.
    Signature,
    64
);

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
    /// Tags that only a [`Signer`] can make: no real cryptography, the same sizes. Simulator only.
    Simulated,
}

/// Makes signatures for one key. Its holder is the host; protocols sign through
/// [`Effects::sign`](crate::Effects::sign).
#[derive(Clone)]
pub struct Signer(Secret);

#[derive(Clone)]
enum Secret {
    Ed25519(Arc<(ed25519_zebra::SigningKey, Expanded)>),
    Simulated { public: PublicKey, salt: Digest },
}

impl Signer {
    /// An Ed25519 signer from its 32 secret bytes.
    pub fn ed25519(secret: [u8; 32]) -> Self {
        let key = ed25519_zebra::SigningKey::from(secret);
        Self(Secret::Ed25519(Arc::new((key, Expanded::new(&secret)))))
    }
    /// The signer called `name` in the run seeded by `seed`: the same key on every machine.
    ///
    /// For experiments: whoever knows the seed knows the key.
    pub fn seeded(scheme: Scheme, seed: u64, name: &str) -> Self {
        let secret = Self::seeded_secret(seed, name);
        match scheme {
            Scheme::Ed25519 => Self::ed25519(secret),
            Scheme::Simulated => {
                Self(Secret::Simulated { public: PublicKey(secret), salt: simulated_salt(seed) })
            }
        }
    }
    /// The secret bytes behind [`seeded`](Self::seeded), for whoever needs the key elsewhere too: links.
    pub fn seeded_secret(seed: u64, name: &str) -> [u8; 32] {
        sha256_of(&[b"byzlab/key/1", &seed.to_le_bytes(), name.as_bytes()]).0
    }
    /// The key that checks what this signer signs.
    pub fn public(&self) -> PublicKey {
        match &self.0 {
            Secret::Ed25519(key) => PublicKey(key.0.verification_key().into()),
            Secret::Simulated { public, .. } => *public,
        }
    }
    /// Signs `bytes` as they are. Deterministic.
    pub fn sign(&self, bytes: &[u8]) -> Signature {
        match &self.0 {
            Secret::Ed25519(key) => Signature(key.0.sign(bytes).into()),
            Secret::Simulated { public, salt } => simulated_tag(salt, public, bytes),
        }
    }
    /// Signs each of `messages`: the signatures that [`sign`](Self::sign) gives, for a third of the
    /// work each.
    ///
    /// For making load: in Ed25519, the time that it takes depends on the secret.
    pub fn sign_many(&self, messages: &[&[u8]]) -> Vec<Signature> {
        match &self.0 {
            Secret::Ed25519(key) => key.1.sign_many(&self.public(), messages),
            Secret::Simulated { .. } => messages.iter().map(|bytes| self.sign(bytes)).collect(),
        }
    }
}

/// An Ed25519 secret as RFC 8032 §5.1.5 expands it: what signing in bulk needs and zebra keeps to
/// itself.
#[derive(Clone)]
struct Expanded {
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
    /// RFC 8032 §5.1.6 for each message, in variable time.
    fn sign_many(&self, public: &PublicKey, messages: &[&[u8]]) -> Vec<Signature> {
        let hash = |parts: &[&[u8]]| {
            let mut hasher = sha2::Sha512::new();
            parts.iter().for_each(|part| hasher.update(part));
            Scalar::from_bytes_mod_order_wide(&hasher.finalize().into())
        };
        let nonces: Vec<Scalar> = messages.iter().map(|m| hash(&[&self.prefix, m])).collect();
        let points = crate::comb::mul_base_many(&nonces);
        let sign = |((r, point), message): ((&Scalar, [u8; 32]), &&[u8])| {
            let k = hash(&[&point, &public.0, message]);
            let mut signature = Signature::default();
            signature.0[..32].copy_from_slice(&point);
            signature.0[32..].copy_from_slice((r + k * self.s).as_bytes());
            signature
        };
        nonces.iter().zip(points).zip(messages).map(sign).collect()
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
