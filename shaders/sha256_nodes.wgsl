// One level of a Merkle tree: each invocation hashes the 64 bytes of two digests.
// Written by byzlab_accel::shaders::sha256: edit that, not this.

override WORKGROUP: u32 = 64u;

struct Params { count: u32, children: u32, parents: u32, width: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read_write> digests: array<vec4<u32>>;

// Turns the bytes of each word around: SHA-256 reads big-endian, the device little-endian.
fn swap(x: vec4<u32>) -> vec4<u32> {
  let odd = (x >> vec4(8u)) & vec4(0x00ff00ffu);
  let even = (x & vec4(0x00ff00ffu)) << vec4(8u);
  let pairs = odd | even;
  return (pairs >> vec4(16u)) | (pairs << vec4(16u));
}
fn rotate(x: u32, by: u32) -> u32 { return (x >> by) | (x << (32u - by)); }
fn sigma0(x: u32) -> u32 { return rotate(x, 7u) ^ rotate(x, 18u) ^ (x >> 3u); }
fn sigma1(x: u32) -> u32 { return rotate(x, 17u) ^ rotate(x, 19u) ^ (x >> 10u); }
fn sum0(x: u32) -> u32 { return rotate(x, 2u) ^ rotate(x, 13u) ^ rotate(x, 22u); }
fn sum1(x: u32) -> u32 { return rotate(x, 6u) ^ rotate(x, 11u) ^ rotate(x, 25u); }
fn choose(e: u32, f: u32, g: u32) -> u32 { return g ^ (e & (f ^ g)); }
fn majority(a: u32, b: u32, c: u32) -> u32 { return (a & b) | (c & (a | b)); }

@compute @workgroup_size(WORKGROUP)
fn nodes(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.count) { return; }
  // A last child without a sibling is hashed with itself, for nothing, and carried up.
  let paired = 2u * i + 1u < params.width;
  let left = 2u * (params.children + 2u * i);
  let right = select(left, left + 2u, paired);
  let upper = digests[left];
  let lower = digests[left + 1u];
  let row0 = swap(upper);
  let row1 = swap(lower);
  let row2 = swap(digests[right]);
  let row3 = swap(digests[right + 1u]);
  var w0 = row0.x;
  var w1 = row0.y;
  var w2 = row0.z;
  var w3 = row0.w;
  var w4 = row1.x;
  var w5 = row1.y;
  var w6 = row1.z;
  var w7 = row1.w;
  var w8 = row2.x;
  var w9 = row2.y;
  var w10 = row2.z;
  var w11 = row2.w;
  var w12 = row3.x;
  var w13 = row3.y;
  var w14 = row3.z;
  var w15 = row3.w;
  var a = 0x6a09e667u;
  var b = 0xbb67ae85u;
  var c = 0x3c6ef372u;
  var d = 0xa54ff53au;
  var e = 0x510e527fu;
  var f = 0x9b05688cu;
  var g = 0x1f83d9abu;
  var h = 0x5be0cd19u;
  // The node itself.
  h += sum1(e) + choose(e, f, g) + 0x428a2f98u + w0; d += h; h += sum0(a) + majority(a, b, c);
  g += sum1(d) + choose(d, e, f) + 0x71374491u + w1; c += g; g += sum0(h) + majority(h, a, b);
  f += sum1(c) + choose(c, d, e) + 0xb5c0fbcfu + w2; b += f; f += sum0(g) + majority(g, h, a);
  e += sum1(b) + choose(b, c, d) + 0xe9b5dba5u + w3; a += e; e += sum0(f) + majority(f, g, h);
  d += sum1(a) + choose(a, b, c) + 0x3956c25bu + w4; h += d; d += sum0(e) + majority(e, f, g);
  c += sum1(h) + choose(h, a, b) + 0x59f111f1u + w5; g += c; c += sum0(d) + majority(d, e, f);
  b += sum1(g) + choose(g, h, a) + 0x923f82a4u + w6; f += b; b += sum0(c) + majority(c, d, e);
  a += sum1(f) + choose(f, g, h) + 0xab1c5ed5u + w7; e += a; a += sum0(b) + majority(b, c, d);
  h += sum1(e) + choose(e, f, g) + 0xd807aa98u + w8; d += h; h += sum0(a) + majority(a, b, c);
  g += sum1(d) + choose(d, e, f) + 0x12835b01u + w9; c += g; g += sum0(h) + majority(h, a, b);
  f += sum1(c) + choose(c, d, e) + 0x243185beu + w10; b += f; f += sum0(g) + majority(g, h, a);
  e += sum1(b) + choose(b, c, d) + 0x550c7dc3u + w11; a += e; e += sum0(f) + majority(f, g, h);
  d += sum1(a) + choose(a, b, c) + 0x72be5d74u + w12; h += d; d += sum0(e) + majority(e, f, g);
  c += sum1(h) + choose(h, a, b) + 0x80deb1feu + w13; g += c; c += sum0(d) + majority(d, e, f);
  b += sum1(g) + choose(g, h, a) + 0x9bdc06a7u + w14; f += b; b += sum0(c) + majority(c, d, e);
  a += sum1(f) + choose(f, g, h) + 0xc19bf174u + w15; e += a; a += sum0(b) + majority(b, c, d);
  w0 += sigma1(w14) + w9 + sigma0(w1);
  h += sum1(e) + choose(e, f, g) + 0xe49b69c1u + w0; d += h; h += sum0(a) + majority(a, b, c);
  w1 += sigma1(w15) + w10 + sigma0(w2);
  g += sum1(d) + choose(d, e, f) + 0xefbe4786u + w1; c += g; g += sum0(h) + majority(h, a, b);
  w2 += sigma1(w0) + w11 + sigma0(w3);
  f += sum1(c) + choose(c, d, e) + 0x0fc19dc6u + w2; b += f; f += sum0(g) + majority(g, h, a);
  w3 += sigma1(w1) + w12 + sigma0(w4);
  e += sum1(b) + choose(b, c, d) + 0x240ca1ccu + w3; a += e; e += sum0(f) + majority(f, g, h);
  w4 += sigma1(w2) + w13 + sigma0(w5);
  d += sum1(a) + choose(a, b, c) + 0x2de92c6fu + w4; h += d; d += sum0(e) + majority(e, f, g);
  w5 += sigma1(w3) + w14 + sigma0(w6);
  c += sum1(h) + choose(h, a, b) + 0x4a7484aau + w5; g += c; c += sum0(d) + majority(d, e, f);
  w6 += sigma1(w4) + w15 + sigma0(w7);
  b += sum1(g) + choose(g, h, a) + 0x5cb0a9dcu + w6; f += b; b += sum0(c) + majority(c, d, e);
  w7 += sigma1(w5) + w0 + sigma0(w8);
  a += sum1(f) + choose(f, g, h) + 0x76f988dau + w7; e += a; a += sum0(b) + majority(b, c, d);
  w8 += sigma1(w6) + w1 + sigma0(w9);
  h += sum1(e) + choose(e, f, g) + 0x983e5152u + w8; d += h; h += sum0(a) + majority(a, b, c);
  w9 += sigma1(w7) + w2 + sigma0(w10);
  g += sum1(d) + choose(d, e, f) + 0xa831c66du + w9; c += g; g += sum0(h) + majority(h, a, b);
  w10 += sigma1(w8) + w3 + sigma0(w11);
  f += sum1(c) + choose(c, d, e) + 0xb00327c8u + w10; b += f; f += sum0(g) + majority(g, h, a);
  w11 += sigma1(w9) + w4 + sigma0(w12);
  e += sum1(b) + choose(b, c, d) + 0xbf597fc7u + w11; a += e; e += sum0(f) + majority(f, g, h);
  w12 += sigma1(w10) + w5 + sigma0(w13);
  d += sum1(a) + choose(a, b, c) + 0xc6e00bf3u + w12; h += d; d += sum0(e) + majority(e, f, g);
  w13 += sigma1(w11) + w6 + sigma0(w14);
  c += sum1(h) + choose(h, a, b) + 0xd5a79147u + w13; g += c; c += sum0(d) + majority(d, e, f);
  w14 += sigma1(w12) + w7 + sigma0(w15);
  b += sum1(g) + choose(g, h, a) + 0x06ca6351u + w14; f += b; b += sum0(c) + majority(c, d, e);
  w15 += sigma1(w13) + w8 + sigma0(w0);
  a += sum1(f) + choose(f, g, h) + 0x14292967u + w15; e += a; a += sum0(b) + majority(b, c, d);
  w0 += sigma1(w14) + w9 + sigma0(w1);
  h += sum1(e) + choose(e, f, g) + 0x27b70a85u + w0; d += h; h += sum0(a) + majority(a, b, c);
  w1 += sigma1(w15) + w10 + sigma0(w2);
  g += sum1(d) + choose(d, e, f) + 0x2e1b2138u + w1; c += g; g += sum0(h) + majority(h, a, b);
  w2 += sigma1(w0) + w11 + sigma0(w3);
  f += sum1(c) + choose(c, d, e) + 0x4d2c6dfcu + w2; b += f; f += sum0(g) + majority(g, h, a);
  w3 += sigma1(w1) + w12 + sigma0(w4);
  e += sum1(b) + choose(b, c, d) + 0x53380d13u + w3; a += e; e += sum0(f) + majority(f, g, h);
  w4 += sigma1(w2) + w13 + sigma0(w5);
  d += sum1(a) + choose(a, b, c) + 0x650a7354u + w4; h += d; d += sum0(e) + majority(e, f, g);
  w5 += sigma1(w3) + w14 + sigma0(w6);
  c += sum1(h) + choose(h, a, b) + 0x766a0abbu + w5; g += c; c += sum0(d) + majority(d, e, f);
  w6 += sigma1(w4) + w15 + sigma0(w7);
  b += sum1(g) + choose(g, h, a) + 0x81c2c92eu + w6; f += b; b += sum0(c) + majority(c, d, e);
  w7 += sigma1(w5) + w0 + sigma0(w8);
  a += sum1(f) + choose(f, g, h) + 0x92722c85u + w7; e += a; a += sum0(b) + majority(b, c, d);
  w8 += sigma1(w6) + w1 + sigma0(w9);
  h += sum1(e) + choose(e, f, g) + 0xa2bfe8a1u + w8; d += h; h += sum0(a) + majority(a, b, c);
  w9 += sigma1(w7) + w2 + sigma0(w10);
  g += sum1(d) + choose(d, e, f) + 0xa81a664bu + w9; c += g; g += sum0(h) + majority(h, a, b);
  w10 += sigma1(w8) + w3 + sigma0(w11);
  f += sum1(c) + choose(c, d, e) + 0xc24b8b70u + w10; b += f; f += sum0(g) + majority(g, h, a);
  w11 += sigma1(w9) + w4 + sigma0(w12);
  e += sum1(b) + choose(b, c, d) + 0xc76c51a3u + w11; a += e; e += sum0(f) + majority(f, g, h);
  w12 += sigma1(w10) + w5 + sigma0(w13);
  d += sum1(a) + choose(a, b, c) + 0xd192e819u + w12; h += d; d += sum0(e) + majority(e, f, g);
  w13 += sigma1(w11) + w6 + sigma0(w14);
  c += sum1(h) + choose(h, a, b) + 0xd6990624u + w13; g += c; c += sum0(d) + majority(d, e, f);
  w14 += sigma1(w12) + w7 + sigma0(w15);
  b += sum1(g) + choose(g, h, a) + 0xf40e3585u + w14; f += b; b += sum0(c) + majority(c, d, e);
  w15 += sigma1(w13) + w8 + sigma0(w0);
  a += sum1(f) + choose(f, g, h) + 0x106aa070u + w15; e += a; a += sum0(b) + majority(b, c, d);
  w0 += sigma1(w14) + w9 + sigma0(w1);
  h += sum1(e) + choose(e, f, g) + 0x19a4c116u + w0; d += h; h += sum0(a) + majority(a, b, c);
  w1 += sigma1(w15) + w10 + sigma0(w2);
  g += sum1(d) + choose(d, e, f) + 0x1e376c08u + w1; c += g; g += sum0(h) + majority(h, a, b);
  w2 += sigma1(w0) + w11 + sigma0(w3);
  f += sum1(c) + choose(c, d, e) + 0x2748774cu + w2; b += f; f += sum0(g) + majority(g, h, a);
  w3 += sigma1(w1) + w12 + sigma0(w4);
  e += sum1(b) + choose(b, c, d) + 0x34b0bcb5u + w3; a += e; e += sum0(f) + majority(f, g, h);
  w4 += sigma1(w2) + w13 + sigma0(w5);
  d += sum1(a) + choose(a, b, c) + 0x391c0cb3u + w4; h += d; d += sum0(e) + majority(e, f, g);
  w5 += sigma1(w3) + w14 + sigma0(w6);
  c += sum1(h) + choose(h, a, b) + 0x4ed8aa4au + w5; g += c; c += sum0(d) + majority(d, e, f);
  w6 += sigma1(w4) + w15 + sigma0(w7);
  b += sum1(g) + choose(g, h, a) + 0x5b9cca4fu + w6; f += b; b += sum0(c) + majority(c, d, e);
  w7 += sigma1(w5) + w0 + sigma0(w8);
  a += sum1(f) + choose(f, g, h) + 0x682e6ff3u + w7; e += a; a += sum0(b) + majority(b, c, d);
  w8 += sigma1(w6) + w1 + sigma0(w9);
  h += sum1(e) + choose(e, f, g) + 0x748f82eeu + w8; d += h; h += sum0(a) + majority(a, b, c);
  w9 += sigma1(w7) + w2 + sigma0(w10);
  g += sum1(d) + choose(d, e, f) + 0x78a5636fu + w9; c += g; g += sum0(h) + majority(h, a, b);
  w10 += sigma1(w8) + w3 + sigma0(w11);
  f += sum1(c) + choose(c, d, e) + 0x84c87814u + w10; b += f; f += sum0(g) + majority(g, h, a);
  w11 += sigma1(w9) + w4 + sigma0(w12);
  e += sum1(b) + choose(b, c, d) + 0x8cc70208u + w11; a += e; e += sum0(f) + majority(f, g, h);
  w12 += sigma1(w10) + w5 + sigma0(w13);
  d += sum1(a) + choose(a, b, c) + 0x90befffau + w12; h += d; d += sum0(e) + majority(e, f, g);
  w13 += sigma1(w11) + w6 + sigma0(w14);
  c += sum1(h) + choose(h, a, b) + 0xa4506cebu + w13; g += c; c += sum0(d) + majority(d, e, f);
  w14 += sigma1(w12) + w7 + sigma0(w15);
  b += sum1(g) + choose(g, h, a) + 0xbef9a3f7u + w14; f += b; b += sum0(c) + majority(c, d, e);
  w15 += sigma1(w13) + w8 + sigma0(w0);
  a += sum1(f) + choose(f, g, h) + 0xc67178f2u + w15; e += a; a += sum0(b) + majority(b, c, d);
  let middle0 = a + 0x6a09e667u;
  let middle1 = b + 0xbb67ae85u;
  let middle2 = c + 0x3c6ef372u;
  let middle3 = d + 0xa54ff53au;
  let middle4 = e + 0x510e527fu;
  let middle5 = f + 0x9b05688cu;
  let middle6 = g + 0x1f83d9abu;
  let middle7 = h + 0x5be0cd19u;
  // The padding behind it, whose schedule is known.
  a = middle0;
  b = middle1;
  c = middle2;
  d = middle3;
  e = middle4;
  f = middle5;
  g = middle6;
  h = middle7;
  h += sum1(e) + choose(e, f, g) + 0xc28a2f98u; d += h; h += sum0(a) + majority(a, b, c);
  g += sum1(d) + choose(d, e, f) + 0x71374491u; c += g; g += sum0(h) + majority(h, a, b);
  f += sum1(c) + choose(c, d, e) + 0xb5c0fbcfu; b += f; f += sum0(g) + majority(g, h, a);
  e += sum1(b) + choose(b, c, d) + 0xe9b5dba5u; a += e; e += sum0(f) + majority(f, g, h);
  d += sum1(a) + choose(a, b, c) + 0x3956c25bu; h += d; d += sum0(e) + majority(e, f, g);
  c += sum1(h) + choose(h, a, b) + 0x59f111f1u; g += c; c += sum0(d) + majority(d, e, f);
  b += sum1(g) + choose(g, h, a) + 0x923f82a4u; f += b; b += sum0(c) + majority(c, d, e);
  a += sum1(f) + choose(f, g, h) + 0xab1c5ed5u; e += a; a += sum0(b) + majority(b, c, d);
  h += sum1(e) + choose(e, f, g) + 0xd807aa98u; d += h; h += sum0(a) + majority(a, b, c);
  g += sum1(d) + choose(d, e, f) + 0x12835b01u; c += g; g += sum0(h) + majority(h, a, b);
  f += sum1(c) + choose(c, d, e) + 0x243185beu; b += f; f += sum0(g) + majority(g, h, a);
  e += sum1(b) + choose(b, c, d) + 0x550c7dc3u; a += e; e += sum0(f) + majority(f, g, h);
  d += sum1(a) + choose(a, b, c) + 0x72be5d74u; h += d; d += sum0(e) + majority(e, f, g);
  c += sum1(h) + choose(h, a, b) + 0x80deb1feu; g += c; c += sum0(d) + majority(d, e, f);
  b += sum1(g) + choose(g, h, a) + 0x9bdc06a7u; f += b; b += sum0(c) + majority(c, d, e);
  a += sum1(f) + choose(f, g, h) + 0xc19bf374u; e += a; a += sum0(b) + majority(b, c, d);
  h += sum1(e) + choose(e, f, g) + 0x649b69c1u; d += h; h += sum0(a) + majority(a, b, c);
  g += sum1(d) + choose(d, e, f) + 0xf0fe4786u; c += g; g += sum0(h) + majority(h, a, b);
  f += sum1(c) + choose(c, d, e) + 0x0fe1edc6u; b += f; f += sum0(g) + majority(g, h, a);
  e += sum1(b) + choose(b, c, d) + 0x240cf254u; a += e; e += sum0(f) + majority(f, g, h);
  d += sum1(a) + choose(a, b, c) + 0x4fe9346fu; h += d; d += sum0(e) + majority(e, f, g);
  c += sum1(h) + choose(h, a, b) + 0x6cc984beu; g += c; c += sum0(d) + majority(d, e, f);
  b += sum1(g) + choose(g, h, a) + 0x61b9411eu; f += b; b += sum0(c) + majority(c, d, e);
  a += sum1(f) + choose(f, g, h) + 0x16f988fau; e += a; a += sum0(b) + majority(b, c, d);
  h += sum1(e) + choose(e, f, g) + 0xf2c65152u; d += h; h += sum0(a) + majority(a, b, c);
  g += sum1(d) + choose(d, e, f) + 0xa88e5a6du; c += g; g += sum0(h) + majority(h, a, b);
  f += sum1(c) + choose(c, d, e) + 0xb019fc65u; b += f; f += sum0(g) + majority(g, h, a);
  e += sum1(b) + choose(b, c, d) + 0xb9d99ec7u; a += e; e += sum0(f) + majority(f, g, h);
  d += sum1(a) + choose(a, b, c) + 0x9a1231c3u; h += d; d += sum0(e) + majority(e, f, g);
  c += sum1(h) + choose(h, a, b) + 0xe70eeaa0u; g += c; c += sum0(d) + majority(d, e, f);
  b += sum1(g) + choose(g, h, a) + 0xfdb1232bu; f += b; b += sum0(c) + majority(c, d, e);
  a += sum1(f) + choose(f, g, h) + 0xc7353eb0u; e += a; a += sum0(b) + majority(b, c, d);
  h += sum1(e) + choose(e, f, g) + 0x3069bad5u; d += h; h += sum0(a) + majority(a, b, c);
  g += sum1(d) + choose(d, e, f) + 0xcb976d5fu; c += g; g += sum0(h) + majority(h, a, b);
  f += sum1(c) + choose(c, d, e) + 0x5a0f118fu; b += f; f += sum0(g) + majority(g, h, a);
  e += sum1(b) + choose(b, c, d) + 0xdc1eeefdu; a += e; e += sum0(f) + majority(f, g, h);
  d += sum1(a) + choose(a, b, c) + 0x0a35b689u; h += d; d += sum0(e) + majority(e, f, g);
  c += sum1(h) + choose(h, a, b) + 0xde0b7a04u; g += c; c += sum0(d) + majority(d, e, f);
  b += sum1(g) + choose(g, h, a) + 0x58f4ca9du; f += b; b += sum0(c) + majority(c, d, e);
  a += sum1(f) + choose(f, g, h) + 0xe15d5b16u; e += a; a += sum0(b) + majority(b, c, d);
  h += sum1(e) + choose(e, f, g) + 0x007f3e86u; d += h; h += sum0(a) + majority(a, b, c);
  g += sum1(d) + choose(d, e, f) + 0x37088980u; c += g; g += sum0(h) + majority(h, a, b);
  f += sum1(c) + choose(c, d, e) + 0xa507ea32u; b += f; f += sum0(g) + majority(g, h, a);
  e += sum1(b) + choose(b, c, d) + 0x6fab9537u; a += e; e += sum0(f) + majority(f, g, h);
  d += sum1(a) + choose(a, b, c) + 0x17406110u; h += d; d += sum0(e) + majority(e, f, g);
  c += sum1(h) + choose(h, a, b) + 0x0d8cd6f1u; g += c; c += sum0(d) + majority(d, e, f);
  b += sum1(g) + choose(g, h, a) + 0xcdaa3b6du; f += b; b += sum0(c) + majority(c, d, e);
  a += sum1(f) + choose(f, g, h) + 0xc0bbbe37u; e += a; a += sum0(b) + majority(b, c, d);
  h += sum1(e) + choose(e, f, g) + 0x83613bdau; d += h; h += sum0(a) + majority(a, b, c);
  g += sum1(d) + choose(d, e, f) + 0xdb48a363u; c += g; g += sum0(h) + majority(h, a, b);
  f += sum1(c) + choose(c, d, e) + 0x0b02e931u; b += f; f += sum0(g) + majority(g, h, a);
  e += sum1(b) + choose(b, c, d) + 0x6fd15ca7u; a += e; e += sum0(f) + majority(f, g, h);
  d += sum1(a) + choose(a, b, c) + 0x521afacau; h += d; d += sum0(e) + majority(e, f, g);
  c += sum1(h) + choose(h, a, b) + 0x31338431u; g += c; c += sum0(d) + majority(d, e, f);
  b += sum1(g) + choose(g, h, a) + 0x6ed41a95u; f += b; b += sum0(c) + majority(c, d, e);
  a += sum1(f) + choose(f, g, h) + 0x6d437890u; e += a; a += sum0(b) + majority(b, c, d);
  h += sum1(e) + choose(e, f, g) + 0xc39c91f2u; d += h; h += sum0(a) + majority(a, b, c);
  g += sum1(d) + choose(d, e, f) + 0x9eccabbdu; c += g; g += sum0(h) + majority(h, a, b);
  f += sum1(c) + choose(c, d, e) + 0xb5c9a0e6u; b += f; f += sum0(g) + majority(g, h, a);
  e += sum1(b) + choose(b, c, d) + 0x532fb63cu; a += e; e += sum0(f) + majority(f, g, h);
  d += sum1(a) + choose(a, b, c) + 0xd2c741c6u; h += d; d += sum0(e) + majority(e, f, g);
  c += sum1(h) + choose(h, a, b) + 0x07237ea3u; g += c; c += sum0(d) + majority(d, e, f);
  b += sum1(g) + choose(g, h, a) + 0xa4954b68u; f += b; b += sum0(c) + majority(c, d, e);
  a += sum1(f) + choose(f, g, h) + 0x4c191d76u; e += a; a += sum0(b) + majority(b, c, d);
  let at = 2u * (params.parents + i);
  digests[at + 0u] = select(upper, swap(vec4(a + middle0, b + middle1, c + middle2, d + middle3)), paired);
  digests[at + 1u] = select(lower, swap(vec4(e + middle4, f + middle5, g + middle6, h + middle7)), paired);
}
