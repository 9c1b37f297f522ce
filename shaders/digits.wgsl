// Booth's signed digits: a number below 2^255 is the sum of its digits in base 2^bits, each of them
// its `bits` bits, plus the bit below, minus 2^bits if its own top bit is set. So digits lie in
// -2^(bits - 1) ..= 2^(bits - 1), and each is known from the number without its neighbours.

// The digit at bit `at` of a word, above a word whose top bit is `below`.
fn digit(word: u32, below: u32, at: u32, bits: u32) -> i32 {
  let own = extractBits(word, at, bits);
  let carried = extractBits((word << 1u) | below, at, 1u);
  return i32(own + carried) - i32((own >> (bits - 1u)) << bits);
}
