// SHA-256 of many messages: each invocation hashes one, block after block.
// Written by byzlab_accel::shaders::sha256: edit that, not this.

override WORKGROUP: u32 = 64u;

struct Params { count: u32, first: u32 }
struct Place { start: u32, length: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> words: array<u32>;
@group(0) @binding(2) var<storage, read> places: array<Place>;
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
fn messages(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.count) { return; }
  let place = places[i];
  // Words that hold the message and the mark of its end; zeros follow, and its length in bits.
  let filled = place.length / 4u + 1u;
  let blocks = (place.length + 8u) / 64u + 1u;
  var state0 = 0x6a09e667u;
  var state1 = 0xbb67ae85u;
  var state2 = 0x3c6ef372u;
  var state3 = 0xa54ff53au;
  var state4 = 0x510e527fu;
  var state5 = 0x9b05688cu;
  var state6 = 0x1f83d9abu;
  var state7 = 0x5be0cd19u;
  for (var block = 0u; block < blocks; block++) {
    let at = block * 16u;
    let start = place.start + at;
    let row0 = swap(select(vec4(0u), vec4(words[start + 0u], words[start + 1u], words[start + 2u], words[start + 3u]), vec4(at + 0u < filled, at + 1u < filled, at + 2u < filled, at + 3u < filled)));
    let row1 = swap(select(vec4(0u), vec4(words[start + 4u], words[start + 5u], words[start + 6u], words[start + 7u]), vec4(at + 4u < filled, at + 5u < filled, at + 6u < filled, at + 7u < filled)));
    let row2 = swap(select(vec4(0u), vec4(words[start + 8u], words[start + 9u], words[start + 10u], words[start + 11u]), vec4(at + 8u < filled, at + 9u < filled, at + 10u < filled, at + 11u < filled)));
    let row3 = swap(select(vec4(0u), vec4(words[start + 12u], words[start + 13u], words[start + 14u], words[start + 15u]), vec4(at + 12u < filled, at + 13u < filled, at + 14u < filled, at + 15u < filled)));
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
    w15 += select(0u, place.length * 8u, block + 1u == blocks);
    var a = state0;
    var b = state1;
    var c = state2;
    var d = state3;
    var e = state4;
    var f = state5;
    var g = state6;
    var h = state7;
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
    state0 += a;
    state1 += b;
    state2 += c;
    state3 += d;
    state4 += e;
    state5 += f;
    state6 += g;
    state7 += h;
  }
  let at = 2u * (params.first + i);
  digests[at] = swap(vec4(state0, state1, state2, state3));
  digests[at + 1u] = swap(vec4(state4, state5, state6, state7));
}
