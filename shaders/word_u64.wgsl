// 64-bit words as integers of 64 bits. Needs SHADER_INT64.

alias Word = u64;

fn word(high: u32, low: u32) -> Word { return (u64(high) << 32u) | u64(low); }
fn high_half(x: Word) -> u32 { return u32(x >> 32u); }
fn low_half(x: Word) -> u32 { return u32(x); }
fn add(x: Word, y: Word) -> Word { return x + y; }
fn rotate(x: Word, by: u32) -> Word { return (x >> by) | (x << (64u - by)); }
fn shift(x: Word, by: u32) -> Word { return x >> by; }
