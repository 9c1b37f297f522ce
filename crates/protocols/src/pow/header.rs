//! The 80-byte header, laid out as Bitcoin's.

use byzlab_core::{
    Digest, Height, Puzzle, ReplicaId, Seal,
    claim::PUZZLE_PREFIX,
    crypto::{double_sha256, sha256_of},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::work::Bits;

/// The only version there is.
pub const VERSION: u8 = 1;
/// The latest moment that a header can state, in milliseconds: 34 years into the run.
pub const TIME_MAX: u64 = (1 << 40) - 1;

/// A block's header. Its hash names the block and is what the work is done on.
///
/// | bytes | Bitcoin | here |
/// |---|---|---|
/// | 0..4 | version | version u8, high byte of the time, producer u16 LE |
/// | 4..36 | previous hash | parent: the hash of the header below, or the chain's id |
/// | 36..68 | Merkle root | [commitment](Header::commitment) |
/// | 68..72 | time, s | low 32 bits of the time in ms since the run began, LE |
/// | 72..76 | bits | target, compact, LE |
/// | 76..80 | nonce | nonce, LE |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// [`VERSION`].
    pub version: u8,
    /// Who says it mined the block. Work proves nobody's name; it only makes a name cost something.
    pub producer: ReplicaId,
    /// The block below.
    pub parent: Digest,
    /// What binds height, batch and producer.
    pub commitment: Digest,
    /// When its miner began on it, in milliseconds since the run began; at most [`TIME_MAX`].
    pub time: u64,
    /// The target.
    pub bits: Bits,
    /// What solves the puzzle.
    pub nonce: u32,
}

impl Header {
    /// The bytes of a header.
    pub const LEN: usize = PUZZLE_PREFIX + 4;

    /// The digest of what a header stands for.
    pub fn commitment(height: Height, root: Digest, producer: ReplicaId) -> Digest {
        sha256_of(&[
            b"byzlab/pow/commitment/1",
            &height.0.to_le_bytes(),
            &root.0,
            &producer.0.to_le_bytes(),
        ])
    }
    /// The header in `bytes`. Every 80 bytes are one header's.
    pub fn read(bytes: &[u8; Self::LEN]) -> Self {
        fn at<const N: usize>(bytes: &[u8], from: usize) -> [u8; N] {
            bytes[from..from + N].try_into().expect("within 80 bytes")
        }
        let low = u32::from_le_bytes(at(bytes, 68));
        Self {
            version: bytes[0],
            producer: ReplicaId(u16::from_le_bytes(at(bytes, 2))),
            parent: Digest(at(bytes, 4)),
            commitment: Digest(at(bytes, 36)),
            time: u64::from(bytes[1]) << 32 | u64::from(low),
            bits: Bits(u32::from_le_bytes(at(bytes, 72))),
            nonce: u32::from_le_bytes(at(bytes, 76)),
        }
    }
    /// Its bytes.
    pub fn write(&self) -> [u8; Self::LEN] {
        debug_assert!(self.time <= TIME_MAX);
        let mut bytes = [0; Self::LEN];
        bytes[0] = self.version;
        bytes[1] = (self.time >> 32) as u8;
        bytes[2..4].copy_from_slice(&self.producer.0.to_le_bytes());
        bytes[4..36].copy_from_slice(&self.parent.0);
        bytes[36..68].copy_from_slice(&self.commitment.0);
        bytes[68..72].copy_from_slice(&(self.time as u32).to_le_bytes());
        bytes[72..76].copy_from_slice(&self.bits.0.to_le_bytes());
        bytes[76..80].copy_from_slice(&self.nonce.to_le_bytes());
        bytes
    }
    /// Its hash: the block's name.
    pub fn hash(&self) -> Digest {
        double_sha256(&self.write())
    }
    /// The puzzle that its nonce solves. Its bits must be canonical.
    pub fn puzzle(&self) -> Puzzle {
        let prefix = self.write()[..PUZZLE_PREFIX].try_into().expect("76 of 80 bytes");
        Puzzle { prefix, target: self.bits.target() }
    }
    /// The solved puzzle. Its bits must be canonical.
    pub fn seal(&self) -> Seal {
        Seal { puzzle: self.puzzle(), nonce: self.nonce }
    }
}

impl Serialize for Header {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(&self.write())
    }
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        serde_bytes::deserialize::<[u8; Self::LEN], D>(d).map(|bytes| Self::read(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use byzlab_core::codec;
    use proptest::{array, prelude::*};

    use super::*;

    /// The first block of Bitcoin.
    #[test]
    fn bitcoins_genesis() {
        let mut merkle: Digest =
            "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b".parse().unwrap();
        merkle.0.reverse(); // Bitcoin shows digests backwards
        let genesis = Header {
            version: 1,
            producer: ReplicaId(0),
            parent: Digest::default(),
            commitment: merkle,
            time: 1_231_006_505,
            bits: Bits(0x1d00_ffff),
            nonce: 2_083_236_893,
        };
        let mut hash = genesis.hash();
        assert_eq!(hash, genesis.seal().hash());
        assert!(genesis.seal().holds());
        assert!(!Header { nonce: 0, ..genesis }.seal().holds());
        hash.0.reverse();
        let want = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
        assert_eq!(hash.to_string(), want);
    }

    proptest! {
        #[test]
        fn eighty_bytes_are_one_header(
            a in array::uniform32(0u8..), b in array::uniform32(0u8..),
            c in array::uniform16(0u8..),
        ) {
            let bytes: [u8; Header::LEN] = [&c[..8], &a, &b, &c[8..]].concat().try_into().unwrap();
            let header = Header::read(&bytes);
            prop_assert_eq!(header.write(), bytes);
            prop_assert_eq!(codec::decode::<Header>(&codec::encode(&header)), Ok(header));
        }
    }
}
