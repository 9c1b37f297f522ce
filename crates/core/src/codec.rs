//! The one encoding: postcard, decoded strictly.
//!
//! [`decode`] refuses trailing bytes and every encoding but the canonical one, so two byte strings never
//! mean the same message. No recursive types may be decoded: postcard has no depth limit.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

/// The longest message a peer may send, in bytes.
pub const FRAME_MAX: usize = 8 << 20;

/// Why bytes were not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Longer than [`FRAME_MAX`].
    #[error("longer than {FRAME_MAX} bytes")]
    TooLong,
    /// Not an encoding of the wanted type.
    #[error("not an encoding of the wanted type")]
    Malformed,
    /// Bytes are left over.
    #[error("bytes are left over behind the value")]
    Trailing,
    /// The value has another, canonical, encoding.
    #[error("not the canonical encoding")]
    NonCanonical,
}

/// Encodes `value`.
///
/// # Panics
/// If the type cannot be encoded (a map of unknown length, say): a bug in the type.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Bytes {
    encode_after(Vec::new(), value).into()
}

/// Appends the encoding of `value` to `buffer`.
///
/// # Panics
/// As [`encode`].
pub fn encode_after<T: Serialize + ?Sized>(buffer: Vec<u8>, value: &T) -> Vec<u8> {
    postcard::to_extend(value, buffer).expect("types on the wire can be encoded")
}

/// Decodes `bytes`, which must be the canonical encoding of a `T` and nothing else.
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    if bytes.len() > FRAME_MAX {
        return Err(DecodeError::TooLong);
    }
    let (value, rest) =
        postcard::take_from_bytes::<T>(bytes).map_err(|_| DecodeError::Malformed)?;
    if !rest.is_empty() {
        return Err(DecodeError::Trailing);
    }
    // Written straight into a comparison: no second copy of a large message.
    let same = postcard::serialize_with_flavor(&value, Compare { expected: bytes })
        .is_ok_and(|rest: usize| rest == 0);
    if same { Ok(value) } else { Err(DecodeError::NonCanonical) }
}

/// A postcard flavour that compares what is written with what is expected.
struct Compare<'a> {
    expected: &'a [u8],
}

impl postcard::ser_flavors::Flavor for Compare<'_> {
    type Output = usize;
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.expected =
            self.expected.strip_prefix(bytes).ok_or(postcard::Error::SerializeBufferFull)?;
        Ok(())
    }
    fn finalize(self) -> postcard::Result<usize> {
        Ok(self.expected.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_encoding_decodes() {
        assert_eq!(decode::<u32>(&[5]), Ok(5));
        assert_eq!(decode::<u32>(&[5, 0]), Err(DecodeError::Trailing));
        assert_eq!(decode::<u32>(&[0x85, 0]), Err(DecodeError::NonCanonical));
        assert_eq!(decode::<u32>(&[]), Err(DecodeError::Malformed));
    }
}
