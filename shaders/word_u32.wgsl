// 64-bit words as pairs: x the low half, y the high one.

alias Word = vec2<u32>;

fn word(high: u32, low: u32) -> Word { return vec2(low, high); }
fn high_half(x: Word) -> u32 { return x.y; }
fn low_half(x: Word) -> u32 { return x.x; }
fn add(x: Word, y: Word) -> Word {
  let low = x.x + y.x;
  return vec2(low, x.y + y.y + u32(low < x.x));
}
// To the right by 1 to 63 places, 32 not among them.
fn rotate(x: Word, by: u32) -> Word {
  let near = select(x, x.yx, by > 32u);
  return (near >> vec2(by & 31u)) | (near.yx << vec2(32u - (by & 31u)));
}
// To the right by 1 to 31 places.
fn shift(x: Word, by: u32) -> Word {
  return vec2((x.x >> by) | (x.y << (32u - by)), x.y >> by);
}
