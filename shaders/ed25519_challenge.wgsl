// k = SHA-512(head ‖ text) modulo the group's order, for each item. When checking a signature, the head
// is R ‖ A; when signing, the secret prefix for the nonce, and later again R ‖ A.
//
// After word_*.wgsl, sha512.wgsl and scalar.wgsl.

override WORKGROUP: u32 = 64u;

// head_words is 16, or 8 where there is one column only.
struct Batch { count: u32, head_words: u32 }
// Where an item's text begins in `texts`, in words, and its length in bytes. Behind it, zeros fill up
// the word.
struct Item { start: u32, bytes: u32, slot: u32 }

@group(0) @binding(0) var<uniform> batch: Batch;
// Columns of eight words an item, one behind the other: R, A.
@group(0) @binding(1) var<storage, read> columns: array<u32>;
@group(0) @binding(2) var<storage, read> items: array<Item>;
@group(0) @binding(3) var<storage, read> texts: array<u32>;
@group(0) @binding(4) var<storage, read_write> scalars: array<array<u32, 8>>;

// Turns around the bytes of a word.
fn swap(x: u32) -> u32 {
  let pairs = ((x >> 8u) & 0x00ff00ffu) | ((x & 0x00ff00ffu) << 8u);
  return (pairs >> 16u) | (pairs << 16u);
}

// Two words of the padded message, number `at` and the next, as they lie in memory, make one of the
// hash's. The length, in bits below 2^32, stands in the message's very last.
fn message(i: u32, at: u32, last: u32) -> Word {
  return word(swap(half(i, at, last)), swap(half(i, at + 1u, last)));
}
fn half(i: u32, at: u32, last: u32) -> u32 {
  if (at < batch.head_words) {
    return columns[8u * ((at >> 3u) * batch.count + i) + (at & 7u)];
  }
  let item = items[i];
  let behind = at - batch.head_words;
  let full = item.bytes >> 2u;
  if (at == last) { return swap(8u * (4u * batch.head_words + item.bytes)); }
  if (behind > full) { return 0u; }
  let end = select(0u, 0x80u << (8u * (item.bytes & 3u)), behind == full);
  if (behind == full && (item.bytes & 3u) == 0u) { return end; }
  return texts[item.start + behind] | end;
}

@compute @workgroup_size(WORKGROUP)
fn challenge(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= batch.count) { return; }
  // At least one byte of padding and 16 of length.
  let blocks = (4u * batch.head_words + items[i].bytes + 17u + 127u) / 128u;
  let last = 32u * blocks - 1u;
  var hash = initial();
  for (var block = 0u; block < blocks; block++) {
    let at = 32u * block;
    hash = compress(hash, Block(
      message(i, at, last), message(i, at + 2u, last),
      message(i, at + 4u, last), message(i, at + 6u, last),
      message(i, at + 8u, last), message(i, at + 10u, last),
      message(i, at + 12u, last), message(i, at + 14u, last),
      message(i, at + 16u, last), message(i, at + 18u, last),
      message(i, at + 20u, last), message(i, at + 22u, last),
      message(i, at + 24u, last), message(i, at + 26u, last),
      message(i, at + 28u, last), message(i, at + 30u, last)));
  }
  // The digest's bytes are read as a little-endian number.
  scalars[i] = wide_reduce(wide_from_words(array<u32, 16>(
    swap(high_half(hash[0])), swap(low_half(hash[0])),
    swap(high_half(hash[1])), swap(low_half(hash[1])),
    swap(high_half(hash[2])), swap(low_half(hash[2])),
    swap(high_half(hash[3])), swap(low_half(hash[3])),
    swap(high_half(hash[4])), swap(low_half(hash[4])),
    swap(high_half(hash[5])), swap(low_half(hash[5])),
    swap(high_half(hash[6])), swap(low_half(hash[6])),
    swap(high_half(hash[7])), swap(low_half(hash[7])))));
}
