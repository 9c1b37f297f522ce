//! A message cut into the padded blocks that SHA-256 compresses.

/// The bytes of a block.
pub const BLOCK: usize = 64;

/// The blocks that `bytes` bytes and their padding make up: one byte of mark and eight of length come
/// behind them.
pub const fn blocks(bytes: usize) -> usize {
    (bytes + 9).div_ceil(BLOCK)
}

/// Hands out the blocks of `prefix ‖ message ‖ padding`: whole blocks straight from the message, those
/// at its edges from a scratch block.
pub struct Feed<'a> {
    prefix: &'static [u8],
    message: &'a [u8],
    /// Blocks handed out.
    at: usize,
    /// Blocks in all.
    blocks: usize,
    scratch: [u8; BLOCK],
}

impl<'a> Feed<'a> {
    /// A feed of `prefix ‖ message`.
    pub fn new(prefix: &'static [u8], message: &'a [u8]) -> Self {
        let blocks = blocks(prefix.len() + message.len());
        Self { prefix, message, at: 0, blocks, scratch: [0; BLOCK] }
    }
    /// Whether every block was handed out.
    pub fn is_done(&self) -> bool {
        self.at == self.blocks
    }
    /// The next block.
    ///
    /// # Panics
    /// When all were handed out.
    #[inline]
    pub fn next(&mut self) -> &[u8; BLOCK] {
        assert!(!self.is_done(), "no block is left");
        let start = self.at * BLOCK;
        self.at += 1;
        let skipped = self.prefix.len();
        if start >= skipped
            && let Some(block) =
                self.message[(start - skipped).min(self.message.len())..].first_chunk()
        {
            return block;
        }
        self.edge(start)
    }
    /// Puts the block at byte `start` together.
    fn edge(&mut self, start: usize) -> &[u8; BLOCK] {
        let total = self.prefix.len() + self.message.len();
        self.scratch.fill(0);
        let mut filled = 0;
        if start == 0 {
            self.scratch[..self.prefix.len()].copy_from_slice(self.prefix);
            filled = self.prefix.len();
        }
        let from = start.saturating_sub(self.prefix.len()).min(self.message.len());
        let rest = &self.message[from..];
        let taken = rest.len().min(BLOCK - filled);
        self.scratch[filled..filled + taken].copy_from_slice(&rest[..taken]);
        if (start..start + BLOCK).contains(&total) {
            self.scratch[total - start] = 0x80;
        }
        if self.is_done() {
            self.scratch[BLOCK - 8..].copy_from_slice(&(8 * total as u64).to_be_bytes());
        }
        &self.scratch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sha256::constants::INITIAL;

    /// Hashing the fed blocks one by one gives what `sha2` gives, for every length around two edges.
    #[test]
    fn blocks_are_padded_as_the_standard_says() {
        for (prefix, length) in
            [&[][..], &[0], &[7, 7]].into_iter().flat_map(|p| (0..=200).map(move |n| (p, n)))
        {
            let message: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let (mut state, mut feed) = (INITIAL, Feed::new(prefix, &message));
            while !feed.is_done() {
                sha2::block_api::compress256(&mut state, &[*feed.next()]);
            }
            let digest: Vec<u8> = state.iter().flat_map(|word| word.to_be_bytes()).collect();
            assert_eq!(
                digest,
                byzlab_core::crypto::sha256_of(&[prefix, &message]).0,
                "{length} bytes"
            );
        }
    }
}
