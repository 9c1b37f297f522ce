//! The ways to compute SHA-256, and which of them a machine has.

use byzlab_core::{
    Digest,
    crypto::{sha256, sha256_of},
};

use super::scan::Scan;
#[cfg(target_arch = "x86_64")]
use super::{
    ni::ShaNi,
    wide::{self, Avx512},
};

/// Messages that AVX-512 leaves and the SHA instructions take together: several times as many as go abreast.
#[cfg(target_arch = "x86_64")]
const TOGETHER: usize = 32;

/// A way to compute SHA-256.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// Sixteen messages abreast by AVX-512; too few for that by the SHA instructions, if there are any.
    #[cfg(target_arch = "x86_64")]
    Wide(Avx512, Option<ShaNi>),
    /// Several messages abreast by the x86 SHA instructions.
    #[cfg(target_arch = "x86_64")]
    Ni(ShaNi),
    /// One message at a time, by `sha2`.
    Portable,
}

impl Way {
    /// Those that this machine has; the portable one is the last.
    pub fn all() -> Vec<Self> {
        let mut ways = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let ni = ShaNi::detect();
            ways.extend(Avx512::detect().map(|wide| Self::Wide(wide, ni)));
            ways.extend(ni.map(Self::Ni));
        }
        ways.push(Self::Portable);
        ways
    }
    /// A name for records.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Wide(..) => "avx-512",
            #[cfg(target_arch = "x86_64")]
            Self::Ni(_) => "sha-ni",
            Self::Portable => "portable sha",
        }
    }
    /// As [`Sha256::hash_many`](super::Sha256::hash_many).
    pub fn hash_many(self, prefix: &'static [u8], messages: &[&[u8]], out: &mut [Digest]) {
        assert_eq!(messages.len(), out.len());
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Wide(wide, ni) if messages.len() >= wide::LANES => {
                wide.hash_many(prefix, messages, out, |left, out| {
                    left.chunks(TOGETHER).for_each(|left| {
                        Self::without_wide(ni).hash_some(prefix, messages, left, out);
                    });
                });
            }
            #[cfg(target_arch = "x86_64")]
            Self::Wide(_, ni) => Self::without_wide(ni).hash_many(prefix, messages, out),
            #[cfg(target_arch = "x86_64")]
            Self::Ni(ni) => ni.hash_many(prefix, messages, out),
            Self::Portable if prefix.is_empty() => {
                out.iter_mut().zip(messages).for_each(|(out, message)| *out = sha256(message));
            }
            Self::Portable => {
                out.iter_mut()
                    .zip(messages)
                    .for_each(|(out, message)| *out = sha256_of(&[prefix, message]));
            }
        }
    }
    /// As [`hash_many`](Self::hash_many), of those messages alone that stand at these places, at most
    /// [`TOGETHER`].
    #[cfg(target_arch = "x86_64")]
    fn hash_some(
        self,
        prefix: &'static [u8],
        messages: &[&[u8]],
        places: &[wide::Placed],
        out: &mut [Digest],
    ) {
        let (mut some, mut digests) = ([&[][..]; TOGETHER], [Digest::default(); TOGETHER]);
        some.iter_mut().zip(places).for_each(|(one, &(_, at))| *one = messages[at]);
        let count = places.len();
        self.hash_many(prefix, &some[..count], &mut digests[..count]);
        places.iter().zip(digests).for_each(|(&(_, at), digest)| out[at] = digest);
    }
    /// `level[i]` becomes SHA-256 of `level[2i] ‖ level[2i + 1]`, for each `i` below `pairs`.
    pub fn nodes(self, level: &mut [Digest], pairs: usize) {
        self.nodes_from(level, 0, pairs);
    }
    fn nodes_from(self, level: &mut [Digest], from: usize, pairs: usize) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Wide(wide, ni) => {
                let from = wide.nodes(level, from, pairs);
                Self::without_wide(ni).nodes_from(level, from, pairs);
            }
            #[cfg(target_arch = "x86_64")]
            Self::Ni(ni) => ni.nodes(level, from, pairs),
            Self::Portable => {
                for i in from..pairs {
                    level[i] = sha256_of(&[&level[2 * i].0, &level[2 * i + 1].0]);
                }
            }
        }
    }
    /// As [`Sha256::scan`](super::Sha256::scan).
    pub fn scan(self, scan: &Scan, start: u32, count: u64) -> Option<u64> {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Wide(wide, _) => wide.scan(scan, start, count),
            #[cfg(target_arch = "x86_64")]
            Self::Ni(ni) => ni.scan(scan, start, count),
            Self::Portable => (0..count)
                .find(|&i| scan.last_word(start.wrapping_add(i as u32)).swap_bytes() <= scan.top),
        }
    }
    #[cfg(target_arch = "x86_64")]
    fn without_wide(ni: Option<ShaNi>) -> Self {
        ni.map_or(Self::Portable, Self::Ni)
    }
}
