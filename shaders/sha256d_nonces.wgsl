// Double SHA-256 of headers of 80 bytes that differ in their nonce, in search of a low one.
// Written by byzlab_accel::shaders::sha256: edit that, not this.

override WORKGROUP: u32 = 64u;

struct Params {
  stride: u32,                  // how many invocations there are
  count: u32,                   // how many nonces to try
  start: u32,                   // the first of them
  top: u32,                     // the target's most significant word
  state: array<vec4<u32>, 2>,   // of the header's second block, after the three rounds before its nonce
  middle: array<vec4<u32>, 2>,  // the state between the header's blocks
  schedule: vec4<u32>,          // words 16 and 17; 18 and 19 without what the nonce adds to them
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> found: atomic<u32>;

fn swap(x: u32) -> u32 {
  let pairs = ((x >> 8u) & 0x00ff00ffu) | ((x & 0x00ff00ffu) << 8u);
  return (pairs >> 16u) | (pairs << 16u);
}
fn rotate(x: u32, by: u32) -> u32 { return (x >> by) | (x << (32u - by)); }
fn sigma0(x: u32) -> u32 { return rotate(x, 7u) ^ rotate(x, 18u) ^ (x >> 3u); }
fn sigma1(x: u32) -> u32 { return rotate(x, 17u) ^ rotate(x, 19u) ^ (x >> 10u); }
fn sum0(x: u32) -> u32 { return rotate(x, 2u) ^ rotate(x, 13u) ^ rotate(x, 22u); }
fn sum1(x: u32) -> u32 { return rotate(x, 6u) ^ rotate(x, 11u) ^ rotate(x, 25u); }
fn choose(e: u32, f: u32, g: u32) -> u32 { return g ^ (e & (f ^ g)); }
fn majority(a: u32, b: u32, c: u32) -> u32 { return (a & b) | (c & (a | b)); }

@compute @workgroup_size(WORKGROUP)
fn nonces(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let first = id.x + id.y * groups.x * WORKGROUP;
  let stride = params.stride;
  if (first >= stride) { return; }
  let count = params.count;
  let start = params.start;
  let top = params.top;
  let state = params.state;
  let middle = params.middle;
  let schedule = params.schedule;
  var lowest = 0xffffffffu;
  for (var offset = first; offset < count; offset += stride) {
    let x3 = swap(start + offset);
    var f = state[0].x;
    var g = state[0].y;
    var h = state[0].z;
    var a = state[0].w;
    var b = state[1].x;
    var c = state[1].y;
    var d = state[1].z;
    var e = state[1].w;
    e += sum1(b) + choose(b, c, d) + 0xe9b5dba5u + x3; a += e; e += sum0(f) + majority(f, g, h);
    d += sum1(a) + choose(a, b, c) + 0x3956c25bu + 0x80000000u; h += d; d += sum0(e) + majority(e, f, g);
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
    a += sum1(f) + choose(f, g, h) + 0xc19bf174u + 640u; e += a; a += sum0(b) + majority(b, c, d);
    let x16 = schedule.x;
    h += sum1(e) + choose(e, f, g) + 0xe49b69c1u + x16; d += h; h += sum0(a) + majority(a, b, c);
    let x17 = schedule.y;
    g += sum1(d) + choose(d, e, f) + 0xefbe4786u + x17; c += g; g += sum0(h) + majority(h, a, b);
    let x18 = schedule.z + sigma0(x3);
    f += sum1(c) + choose(c, d, e) + 0x0fc19dc6u + x18; b += f; f += sum0(g) + majority(g, h, a);
    let x19 = schedule.w + x3;
    e += sum1(b) + choose(b, c, d) + 0x240ca1ccu + x19; a += e; e += sum0(f) + majority(f, g, h);
    let x20 = sigma1(x18) + 0x80000000u;
    d += sum1(a) + choose(a, b, c) + 0x2de92c6fu + x20; h += d; d += sum0(e) + majority(e, f, g);
    let x21 = sigma1(x19);
    c += sum1(h) + choose(h, a, b) + 0x4a7484aau + x21; g += c; c += sum0(d) + majority(d, e, f);
    let x22 = sigma1(x20) + 640u;
    b += sum1(g) + choose(g, h, a) + 0x5cb0a9dcu + x22; f += b; b += sum0(c) + majority(c, d, e);
    let x23 = sigma1(x21) + x16;
    a += sum1(f) + choose(f, g, h) + 0x76f988dau + x23; e += a; a += sum0(b) + majority(b, c, d);
    let x24 = sigma1(x22) + x17;
    h += sum1(e) + choose(e, f, g) + 0x983e5152u + x24; d += h; h += sum0(a) + majority(a, b, c);
    let x25 = sigma1(x23) + x18;
    g += sum1(d) + choose(d, e, f) + 0xa831c66du + x25; c += g; g += sum0(h) + majority(h, a, b);
    let x26 = sigma1(x24) + x19;
    f += sum1(c) + choose(c, d, e) + 0xb00327c8u + x26; b += f; f += sum0(g) + majority(g, h, a);
    let x27 = sigma1(x25) + x20;
    e += sum1(b) + choose(b, c, d) + 0xbf597fc7u + x27; a += e; e += sum0(f) + majority(f, g, h);
    let x28 = sigma1(x26) + x21;
    d += sum1(a) + choose(a, b, c) + 0xc6e00bf3u + x28; h += d; d += sum0(e) + majority(e, f, g);
    let x29 = sigma1(x27) + x22;
    c += sum1(h) + choose(h, a, b) + 0xd5a79147u + x29; g += c; c += sum0(d) + majority(d, e, f);
    let x30 = sigma1(x28) + x23 + sigma0(640u);
    b += sum1(g) + choose(g, h, a) + 0x06ca6351u + x30; f += b; b += sum0(c) + majority(c, d, e);
    let x31 = sigma1(x29) + x24 + sigma0(x16) + 640u;
    a += sum1(f) + choose(f, g, h) + 0x14292967u + x31; e += a; a += sum0(b) + majority(b, c, d);
    let x32 = sigma1(x30) + x25 + sigma0(x17) + x16;
    h += sum1(e) + choose(e, f, g) + 0x27b70a85u + x32; d += h; h += sum0(a) + majority(a, b, c);
    let x33 = sigma1(x31) + x26 + sigma0(x18) + x17;
    g += sum1(d) + choose(d, e, f) + 0x2e1b2138u + x33; c += g; g += sum0(h) + majority(h, a, b);
    let x34 = sigma1(x32) + x27 + sigma0(x19) + x18;
    f += sum1(c) + choose(c, d, e) + 0x4d2c6dfcu + x34; b += f; f += sum0(g) + majority(g, h, a);
    let x35 = sigma1(x33) + x28 + sigma0(x20) + x19;
    e += sum1(b) + choose(b, c, d) + 0x53380d13u + x35; a += e; e += sum0(f) + majority(f, g, h);
    let x36 = sigma1(x34) + x29 + sigma0(x21) + x20;
    d += sum1(a) + choose(a, b, c) + 0x650a7354u + x36; h += d; d += sum0(e) + majority(e, f, g);
    let x37 = sigma1(x35) + x30 + sigma0(x22) + x21;
    c += sum1(h) + choose(h, a, b) + 0x766a0abbu + x37; g += c; c += sum0(d) + majority(d, e, f);
    let x38 = sigma1(x36) + x31 + sigma0(x23) + x22;
    b += sum1(g) + choose(g, h, a) + 0x81c2c92eu + x38; f += b; b += sum0(c) + majority(c, d, e);
    let x39 = sigma1(x37) + x32 + sigma0(x24) + x23;
    a += sum1(f) + choose(f, g, h) + 0x92722c85u + x39; e += a; a += sum0(b) + majority(b, c, d);
    let x40 = sigma1(x38) + x33 + sigma0(x25) + x24;
    h += sum1(e) + choose(e, f, g) + 0xa2bfe8a1u + x40; d += h; h += sum0(a) + majority(a, b, c);
    let x41 = sigma1(x39) + x34 + sigma0(x26) + x25;
    g += sum1(d) + choose(d, e, f) + 0xa81a664bu + x41; c += g; g += sum0(h) + majority(h, a, b);
    let x42 = sigma1(x40) + x35 + sigma0(x27) + x26;
    f += sum1(c) + choose(c, d, e) + 0xc24b8b70u + x42; b += f; f += sum0(g) + majority(g, h, a);
    let x43 = sigma1(x41) + x36 + sigma0(x28) + x27;
    e += sum1(b) + choose(b, c, d) + 0xc76c51a3u + x43; a += e; e += sum0(f) + majority(f, g, h);
    let x44 = sigma1(x42) + x37 + sigma0(x29) + x28;
    d += sum1(a) + choose(a, b, c) + 0xd192e819u + x44; h += d; d += sum0(e) + majority(e, f, g);
    let x45 = sigma1(x43) + x38 + sigma0(x30) + x29;
    c += sum1(h) + choose(h, a, b) + 0xd6990624u + x45; g += c; c += sum0(d) + majority(d, e, f);
    let x46 = sigma1(x44) + x39 + sigma0(x31) + x30;
    b += sum1(g) + choose(g, h, a) + 0xf40e3585u + x46; f += b; b += sum0(c) + majority(c, d, e);
    let x47 = sigma1(x45) + x40 + sigma0(x32) + x31;
    a += sum1(f) + choose(f, g, h) + 0x106aa070u + x47; e += a; a += sum0(b) + majority(b, c, d);
    let x48 = sigma1(x46) + x41 + sigma0(x33) + x32;
    h += sum1(e) + choose(e, f, g) + 0x19a4c116u + x48; d += h; h += sum0(a) + majority(a, b, c);
    let x49 = sigma1(x47) + x42 + sigma0(x34) + x33;
    g += sum1(d) + choose(d, e, f) + 0x1e376c08u + x49; c += g; g += sum0(h) + majority(h, a, b);
    let x50 = sigma1(x48) + x43 + sigma0(x35) + x34;
    f += sum1(c) + choose(c, d, e) + 0x2748774cu + x50; b += f; f += sum0(g) + majority(g, h, a);
    let x51 = sigma1(x49) + x44 + sigma0(x36) + x35;
    e += sum1(b) + choose(b, c, d) + 0x34b0bcb5u + x51; a += e; e += sum0(f) + majority(f, g, h);
    let x52 = sigma1(x50) + x45 + sigma0(x37) + x36;
    d += sum1(a) + choose(a, b, c) + 0x391c0cb3u + x52; h += d; d += sum0(e) + majority(e, f, g);
    let x53 = sigma1(x51) + x46 + sigma0(x38) + x37;
    c += sum1(h) + choose(h, a, b) + 0x4ed8aa4au + x53; g += c; c += sum0(d) + majority(d, e, f);
    let x54 = sigma1(x52) + x47 + sigma0(x39) + x38;
    b += sum1(g) + choose(g, h, a) + 0x5b9cca4fu + x54; f += b; b += sum0(c) + majority(c, d, e);
    let x55 = sigma1(x53) + x48 + sigma0(x40) + x39;
    a += sum1(f) + choose(f, g, h) + 0x682e6ff3u + x55; e += a; a += sum0(b) + majority(b, c, d);
    let x56 = sigma1(x54) + x49 + sigma0(x41) + x40;
    h += sum1(e) + choose(e, f, g) + 0x748f82eeu + x56; d += h; h += sum0(a) + majority(a, b, c);
    let x57 = sigma1(x55) + x50 + sigma0(x42) + x41;
    g += sum1(d) + choose(d, e, f) + 0x78a5636fu + x57; c += g; g += sum0(h) + majority(h, a, b);
    let x58 = sigma1(x56) + x51 + sigma0(x43) + x42;
    f += sum1(c) + choose(c, d, e) + 0x84c87814u + x58; b += f; f += sum0(g) + majority(g, h, a);
    let x59 = sigma1(x57) + x52 + sigma0(x44) + x43;
    e += sum1(b) + choose(b, c, d) + 0x8cc70208u + x59; a += e; e += sum0(f) + majority(f, g, h);
    let x60 = sigma1(x58) + x53 + sigma0(x45) + x44;
    d += sum1(a) + choose(a, b, c) + 0x90befffau + x60; h += d; d += sum0(e) + majority(e, f, g);
    let x61 = sigma1(x59) + x54 + sigma0(x46) + x45;
    c += sum1(h) + choose(h, a, b) + 0xa4506cebu + x61; g += c; c += sum0(d) + majority(d, e, f);
    let x62 = sigma1(x60) + x55 + sigma0(x47) + x46;
    b += sum1(g) + choose(g, h, a) + 0xbef9a3f7u + x62; f += b; b += sum0(c) + majority(c, d, e);
    let x63 = sigma1(x61) + x56 + sigma0(x48) + x47;
    a += sum1(f) + choose(f, g, h) + 0xc67178f2u + x63; e += a; a += sum0(b) + majority(b, c, d);
    // The hash of the header is the block of the second hash.
    let y0 = a + middle[0].x;
    let y1 = b + middle[0].y;
    let y2 = c + middle[0].z;
    let y3 = d + middle[0].w;
    let y4 = e + middle[1].x;
    let y5 = f + middle[1].y;
    let y6 = g + middle[1].z;
    let y7 = h + middle[1].w;
    a = 0x6a09e667u;
    b = 0xbb67ae85u;
    c = 0x3c6ef372u;
    d = 0xa54ff53au;
    e = 0x510e527fu;
    f = 0x9b05688cu;
    g = 0x1f83d9abu;
    h = 0x5be0cd19u;
    h += sum1(e) + choose(e, f, g) + 0x428a2f98u + y0; d += h; h += sum0(a) + majority(a, b, c);
    g += sum1(d) + choose(d, e, f) + 0x71374491u + y1; c += g; g += sum0(h) + majority(h, a, b);
    f += sum1(c) + choose(c, d, e) + 0xb5c0fbcfu + y2; b += f; f += sum0(g) + majority(g, h, a);
    e += sum1(b) + choose(b, c, d) + 0xe9b5dba5u + y3; a += e; e += sum0(f) + majority(f, g, h);
    d += sum1(a) + choose(a, b, c) + 0x3956c25bu + y4; h += d; d += sum0(e) + majority(e, f, g);
    c += sum1(h) + choose(h, a, b) + 0x59f111f1u + y5; g += c; c += sum0(d) + majority(d, e, f);
    b += sum1(g) + choose(g, h, a) + 0x923f82a4u + y6; f += b; b += sum0(c) + majority(c, d, e);
    a += sum1(f) + choose(f, g, h) + 0xab1c5ed5u + y7; e += a; a += sum0(b) + majority(b, c, d);
    h += sum1(e) + choose(e, f, g) + 0xd807aa98u + 0x80000000u; d += h; h += sum0(a) + majority(a, b, c);
    g += sum1(d) + choose(d, e, f) + 0x12835b01u; c += g; g += sum0(h) + majority(h, a, b);
    f += sum1(c) + choose(c, d, e) + 0x243185beu; b += f; f += sum0(g) + majority(g, h, a);
    e += sum1(b) + choose(b, c, d) + 0x550c7dc3u; a += e; e += sum0(f) + majority(f, g, h);
    d += sum1(a) + choose(a, b, c) + 0x72be5d74u; h += d; d += sum0(e) + majority(e, f, g);
    c += sum1(h) + choose(h, a, b) + 0x80deb1feu; g += c; c += sum0(d) + majority(d, e, f);
    b += sum1(g) + choose(g, h, a) + 0x9bdc06a7u; f += b; b += sum0(c) + majority(c, d, e);
    a += sum1(f) + choose(f, g, h) + 0xc19bf174u + 256u; e += a; a += sum0(b) + majority(b, c, d);
    let y16 = sigma0(y1) + y0;
    h += sum1(e) + choose(e, f, g) + 0xe49b69c1u + y16; d += h; h += sum0(a) + majority(a, b, c);
    let y17 = sigma1(256u) + sigma0(y2) + y1;
    g += sum1(d) + choose(d, e, f) + 0xefbe4786u + y17; c += g; g += sum0(h) + majority(h, a, b);
    let y18 = sigma1(y16) + sigma0(y3) + y2;
    f += sum1(c) + choose(c, d, e) + 0x0fc19dc6u + y18; b += f; f += sum0(g) + majority(g, h, a);
    let y19 = sigma1(y17) + sigma0(y4) + y3;
    e += sum1(b) + choose(b, c, d) + 0x240ca1ccu + y19; a += e; e += sum0(f) + majority(f, g, h);
    let y20 = sigma1(y18) + sigma0(y5) + y4;
    d += sum1(a) + choose(a, b, c) + 0x2de92c6fu + y20; h += d; d += sum0(e) + majority(e, f, g);
    let y21 = sigma1(y19) + sigma0(y6) + y5;
    c += sum1(h) + choose(h, a, b) + 0x4a7484aau + y21; g += c; c += sum0(d) + majority(d, e, f);
    let y22 = sigma1(y20) + 256u + sigma0(y7) + y6;
    b += sum1(g) + choose(g, h, a) + 0x5cb0a9dcu + y22; f += b; b += sum0(c) + majority(c, d, e);
    let y23 = sigma1(y21) + y16 + sigma0(0x80000000u) + y7;
    a += sum1(f) + choose(f, g, h) + 0x76f988dau + y23; e += a; a += sum0(b) + majority(b, c, d);
    let y24 = sigma1(y22) + y17 + 0x80000000u;
    h += sum1(e) + choose(e, f, g) + 0x983e5152u + y24; d += h; h += sum0(a) + majority(a, b, c);
    let y25 = sigma1(y23) + y18;
    g += sum1(d) + choose(d, e, f) + 0xa831c66du + y25; c += g; g += sum0(h) + majority(h, a, b);
    let y26 = sigma1(y24) + y19;
    f += sum1(c) + choose(c, d, e) + 0xb00327c8u + y26; b += f; f += sum0(g) + majority(g, h, a);
    let y27 = sigma1(y25) + y20;
    e += sum1(b) + choose(b, c, d) + 0xbf597fc7u + y27; a += e; e += sum0(f) + majority(f, g, h);
    let y28 = sigma1(y26) + y21;
    d += sum1(a) + choose(a, b, c) + 0xc6e00bf3u + y28; h += d; d += sum0(e) + majority(e, f, g);
    let y29 = sigma1(y27) + y22;
    c += sum1(h) + choose(h, a, b) + 0xd5a79147u + y29; g += c; c += sum0(d) + majority(d, e, f);
    let y30 = sigma1(y28) + y23 + sigma0(256u);
    b += sum1(g) + choose(g, h, a) + 0x06ca6351u + y30; f += b; b += sum0(c) + majority(c, d, e);
    let y31 = sigma1(y29) + y24 + sigma0(y16) + 256u;
    a += sum1(f) + choose(f, g, h) + 0x14292967u + y31; e += a; a += sum0(b) + majority(b, c, d);
    let y32 = sigma1(y30) + y25 + sigma0(y17) + y16;
    h += sum1(e) + choose(e, f, g) + 0x27b70a85u + y32; d += h; h += sum0(a) + majority(a, b, c);
    let y33 = sigma1(y31) + y26 + sigma0(y18) + y17;
    g += sum1(d) + choose(d, e, f) + 0x2e1b2138u + y33; c += g; g += sum0(h) + majority(h, a, b);
    let y34 = sigma1(y32) + y27 + sigma0(y19) + y18;
    f += sum1(c) + choose(c, d, e) + 0x4d2c6dfcu + y34; b += f; f += sum0(g) + majority(g, h, a);
    let y35 = sigma1(y33) + y28 + sigma0(y20) + y19;
    e += sum1(b) + choose(b, c, d) + 0x53380d13u + y35; a += e; e += sum0(f) + majority(f, g, h);
    let y36 = sigma1(y34) + y29 + sigma0(y21) + y20;
    d += sum1(a) + choose(a, b, c) + 0x650a7354u + y36; h += d; d += sum0(e) + majority(e, f, g);
    let y37 = sigma1(y35) + y30 + sigma0(y22) + y21;
    c += sum1(h) + choose(h, a, b) + 0x766a0abbu + y37; g += c; c += sum0(d) + majority(d, e, f);
    let y38 = sigma1(y36) + y31 + sigma0(y23) + y22;
    b += sum1(g) + choose(g, h, a) + 0x81c2c92eu + y38; f += b; b += sum0(c) + majority(c, d, e);
    let y39 = sigma1(y37) + y32 + sigma0(y24) + y23;
    a += sum1(f) + choose(f, g, h) + 0x92722c85u + y39; e += a; a += sum0(b) + majority(b, c, d);
    let y40 = sigma1(y38) + y33 + sigma0(y25) + y24;
    h += sum1(e) + choose(e, f, g) + 0xa2bfe8a1u + y40; d += h; h += sum0(a) + majority(a, b, c);
    let y41 = sigma1(y39) + y34 + sigma0(y26) + y25;
    g += sum1(d) + choose(d, e, f) + 0xa81a664bu + y41; c += g; g += sum0(h) + majority(h, a, b);
    let y42 = sigma1(y40) + y35 + sigma0(y27) + y26;
    f += sum1(c) + choose(c, d, e) + 0xc24b8b70u + y42; b += f; f += sum0(g) + majority(g, h, a);
    let y43 = sigma1(y41) + y36 + sigma0(y28) + y27;
    e += sum1(b) + choose(b, c, d) + 0xc76c51a3u + y43; a += e; e += sum0(f) + majority(f, g, h);
    let y44 = sigma1(y42) + y37 + sigma0(y29) + y28;
    d += sum1(a) + choose(a, b, c) + 0xd192e819u + y44; h += d; d += sum0(e) + majority(e, f, g);
    let y45 = sigma1(y43) + y38 + sigma0(y30) + y29;
    c += sum1(h) + choose(h, a, b) + 0xd6990624u + y45; g += c; c += sum0(d) + majority(d, e, f);
    let y46 = sigma1(y44) + y39 + sigma0(y31) + y30;
    b += sum1(g) + choose(g, h, a) + 0xf40e3585u + y46; f += b; b += sum0(c) + majority(c, d, e);
    let y47 = sigma1(y45) + y40 + sigma0(y32) + y31;
    a += sum1(f) + choose(f, g, h) + 0x106aa070u + y47; e += a; a += sum0(b) + majority(b, c, d);
    let y48 = sigma1(y46) + y41 + sigma0(y33) + y32;
    h += sum1(e) + choose(e, f, g) + 0x19a4c116u + y48; d += h; h += sum0(a) + majority(a, b, c);
    let y49 = sigma1(y47) + y42 + sigma0(y34) + y33;
    g += sum1(d) + choose(d, e, f) + 0x1e376c08u + y49; c += g; g += sum0(h) + majority(h, a, b);
    let y50 = sigma1(y48) + y43 + sigma0(y35) + y34;
    f += sum1(c) + choose(c, d, e) + 0x2748774cu + y50; b += f; f += sum0(g) + majority(g, h, a);
    let y51 = sigma1(y49) + y44 + sigma0(y36) + y35;
    e += sum1(b) + choose(b, c, d) + 0x34b0bcb5u + y51; a += e; e += sum0(f) + majority(f, g, h);
    let y52 = sigma1(y50) + y45 + sigma0(y37) + y36;
    d += sum1(a) + choose(a, b, c) + 0x391c0cb3u + y52; h += d; d += sum0(e) + majority(e, f, g);
    let y53 = sigma1(y51) + y46 + sigma0(y38) + y37;
    c += sum1(h) + choose(h, a, b) + 0x4ed8aa4au + y53; g += c; c += sum0(d) + majority(d, e, f);
    let y54 = sigma1(y52) + y47 + sigma0(y39) + y38;
    b += sum1(g) + choose(g, h, a) + 0x5b9cca4fu + y54; f += b; b += sum0(c) + majority(c, d, e);
    let y55 = sigma1(y53) + y48 + sigma0(y40) + y39;
    a += sum1(f) + choose(f, g, h) + 0x682e6ff3u + y55; e += a; a += sum0(b) + majority(b, c, d);
    let y56 = sigma1(y54) + y49 + sigma0(y41) + y40;
    h += sum1(e) + choose(e, f, g) + 0x748f82eeu + y56; d += h; h += sum0(a) + majority(a, b, c);
    let y57 = sigma1(y55) + y50 + sigma0(y42) + y41;
    g += sum1(d) + choose(d, e, f) + 0x78a5636fu + y57; c += g; g += sum0(h) + majority(h, a, b);
    let y58 = sigma1(y56) + y51 + sigma0(y43) + y42;
    f += sum1(c) + choose(c, d, e) + 0x84c87814u + y58; b += f; f += sum0(g) + majority(g, h, a);
    let y59 = sigma1(y57) + y52 + sigma0(y44) + y43;
    e += sum1(b) + choose(b, c, d) + 0x8cc70208u + y59; a += e; e += sum0(f) + majority(f, g, h);
    let y60 = sigma1(y58) + y53 + sigma0(y45) + y44;
    d += sum1(a) + choose(a, b, c) + 0x90befffau + y60; h += d; d += sum0(e) + majority(e, f, g);
    let hit = swap(h + 0x5be0cd19u) <= top;
    lowest = min(lowest, select(0xffffffffu, offset, hit));
  }
  if (lowest != 0xffffffffu) { atomicMax(&found, ~lowest); }
}
