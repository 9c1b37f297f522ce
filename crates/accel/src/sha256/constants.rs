//! The numbers of SHA-256 (FIPS 180-4), and message schedules that are known before the message is.

/// The initial state (FIPS 180-4, §5.3.3).
pub const INITIAL: [u32; 8] = [
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

/// The round constants (FIPS 180-4, §4.2.2).
pub const ROUND: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// Sixty-four words, four to a row, as the SHA instructions take them.
pub type Rows = [[u32; 4]; 16];

/// σ₀ of the message schedule.
pub const fn sigma0(x: u32) -> u32 {
    x.rotate_right(7) ^ x.rotate_right(18) ^ (x >> 3)
}

/// σ₁ of the message schedule.
pub const fn sigma1(x: u32) -> u32 {
    x.rotate_right(17) ^ x.rotate_right(19) ^ (x >> 10)
}

/// The state after a round; `word` is the schedule's with the round's constant added.
pub const fn round(state: [u32; 8], word: u32) -> [u32; 8] {
    let [a, b, c, d, e, f, g, h] = state;
    let sum1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
    let sum0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
    let choose = g ^ (e & (f ^ g));
    let majority = (a & b) | (c & (a | b));
    let new = h.wrapping_add(sum1).wrapping_add(choose).wrapping_add(word);
    [new.wrapping_add(sum0).wrapping_add(majority), a, b, c, d.wrapping_add(new), e, f, g]
}

/// The sixty-four words that a block expands to, each with its round constant added.
pub const fn folded(block: [u32; 16]) -> [u32; 64] {
    let mut words = [0; 64];
    let mut i = 0;
    while i < 64 {
        words[i] = if i < 16 {
            block[i]
        } else {
            sigma1(words[i - 2])
                .wrapping_add(words[i - 7])
                .wrapping_add(sigma0(words[i - 15]))
                .wrapping_add(words[i - 16])
        };
        i += 1;
    }
    let mut i = 0;
    while i < 64 {
        words[i] = words[i].wrapping_add(ROUND[i]);
        i += 1;
    }
    words
}

/// `words`, four to a row.
pub const fn rows(words: [u32; 64]) -> Rows {
    let mut rows = [[0; 4]; 16];
    let mut i = 0;
    while i < 64 {
        rows[i / 4][i % 4] = words[i];
        i += 1;
    }
    rows
}

/// The block that pads a message of `used` words and nothing else, those words being zero.
pub const fn padding(used: usize, message_bits: u32) -> [u32; 16] {
    let mut block = [0; 16];
    block[used] = 0x8000_0000;
    block[15] = message_bits;
    block
}
