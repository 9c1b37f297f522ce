// Integers modulo p = 2^255 - 19 as 10 limbs of 26 and 25 bits in turn, with products in u64.
// Written by byzlab_accel::shaders::field, which says what the ranges mean: edit that, not this.

alias Fe = array<u32, 10>;

const ZERO: Fe = Fe(0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u);
const ONE: Fe = Fe(1u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u);
const TWO: Fe = Fe(2u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u);
const D: Fe = Fe(56195235u, 13857412u, 51736253u, 6949390u, 114729u, 24766616u, 60832955u, 30306712u, 48412415u, 21499315u);
const D2: Fe = Fe(45281625u, 27714825u, 36363642u, 13898781u, 229458u, 15978800u, 54557047u, 27058993u, 29715967u, 9444199u);
const SQRT_MINUS_1: Fe = Fe(34513072u, 25610706u, 9377949u, 3500415u, 12389472u, 33281959u, 41962654u, 31548777u, 326685u, 11406482u);

// a + b: from tight to tight.
fn fe_add(a: Fe, b: Fe) -> Fe {
  let t0 = a[0] + b[0];
  let t1 = a[1] + b[1];
  let t2 = a[2] + b[2];
  let t3 = a[3] + b[3];
  let t4 = a[4] + b[4];
  let t5 = a[5] + b[5];
  let t6 = a[6] + b[6];
  let t7 = a[7] + b[7];
  let t8 = a[8] + b[8];
  let t9 = a[9] + b[9];
  return Fe((t0 & 67108863u) + (t9 >> 25u) * 19u, (t1 & 33554431u) + (t0 >> 26u), (t2 & 67108863u) + (t1 >> 25u), (t3 & 33554431u) + (t2 >> 26u), (t4 & 67108863u) + (t3 >> 25u), (t5 & 33554431u) + (t4 >> 26u), (t6 & 67108863u) + (t5 >> 25u), (t7 & 33554431u) + (t6 >> 26u), (t8 & 67108863u) + (t7 >> 25u), (t9 & 33554431u) + (t8 >> 26u));
}

// a + b: from tight to loose.
fn fe_add_loose(a: Fe, b: Fe) -> Fe {
  return Fe(a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4], a[5] + b[5], a[6] + b[6], a[7] + b[7], a[8] + b[8], a[9] + b[9]);
}

// a - b: from tight to tight.
fn fe_sub(a: Fe, b: Fe) -> Fe {
  let t0 = a[0] + 134217690u - b[0];
  let t1 = a[1] + 67108862u - b[1];
  let t2 = a[2] + 134217726u - b[2];
  let t3 = a[3] + 67108862u - b[3];
  let t4 = a[4] + 134217726u - b[4];
  let t5 = a[5] + 67108862u - b[5];
  let t6 = a[6] + 134217726u - b[6];
  let t7 = a[7] + 67108862u - b[7];
  let t8 = a[8] + 134217726u - b[8];
  let t9 = a[9] + 67108862u - b[9];
  return Fe((t0 & 67108863u) + (t9 >> 25u) * 19u, (t1 & 33554431u) + (t0 >> 26u), (t2 & 67108863u) + (t1 >> 25u), (t3 & 33554431u) + (t2 >> 26u), (t4 & 67108863u) + (t3 >> 25u), (t5 & 33554431u) + (t4 >> 26u), (t6 & 67108863u) + (t5 >> 25u), (t7 & 33554431u) + (t6 >> 26u), (t8 & 67108863u) + (t7 >> 25u), (t9 & 33554431u) + (t8 >> 26u));
}

// a - b: from tight to loose.
fn fe_sub_loose(a: Fe, b: Fe) -> Fe {
  return Fe(a[0] + 134217690u - b[0], a[1] + 67108862u - b[1], a[2] + 134217726u - b[2], a[3] + 67108862u - b[3], a[4] + 134217726u - b[4], a[5] + 67108862u - b[5], a[6] + 134217726u - b[6], a[7] + 67108862u - b[7], a[8] + 134217726u - b[8], a[9] + 67108862u - b[9]);
}

// a: from loose to tight.
fn fe_tighten(a: Fe) -> Fe {
  let t0 = a[0];
  let t1 = a[1];
  let t2 = a[2];
  let t3 = a[3];
  let t4 = a[4];
  let t5 = a[5];
  let t6 = a[6];
  let t7 = a[7];
  let t8 = a[8];
  let t9 = a[9];
  return Fe((t0 & 67108863u) + (t9 >> 25u) * 19u, (t1 & 33554431u) + (t0 >> 26u), (t2 & 67108863u) + (t1 >> 25u), (t3 & 33554431u) + (t2 >> 26u), (t4 & 67108863u) + (t3 >> 25u), (t5 & 33554431u) + (t4 >> 26u), (t6 & 67108863u) + (t5 >> 25u), (t7 & 33554431u) + (t6 >> 26u), (t8 & 67108863u) + (t7 >> 25u), (t9 & 33554431u) + (t8 >> 26u));
}

// a * b: a loose, b tight, to tight.
fn fe_mul(a: Fe, b: Fe) -> Fe {
  let a0 = u64(a[0]);
  let a1 = u64(a[1]);
  let a2 = u64(a[2]);
  let a3 = u64(a[3]);
  let a4 = u64(a[4]);
  let a5 = u64(a[5]);
  let a6 = u64(a[6]);
  let a7 = u64(a[7]);
  let a8 = u64(a[8]);
  let a9 = u64(a[9]);
  let d0 = u64((a[0] << 1u));
  let d1 = u64((a[1] << 1u));
  let d2 = u64((a[2] << 1u));
  let d3 = u64((a[3] << 1u));
  let d4 = u64((a[4] << 1u));
  let d5 = u64((a[5] << 1u));
  let d6 = u64((a[6] << 1u));
  let d7 = u64((a[7] << 1u));
  let d8 = u64((a[8] << 1u));
  let d9 = u64((a[9] << 1u));
  let b0 = u64(b[0]);
  let b1 = u64(b[1]);
  let b2 = u64(b[2]);
  let b3 = u64(b[3]);
  let b4 = u64(b[4]);
  let b5 = u64(b[5]);
  let b6 = u64(b[6]);
  let b7 = u64(b[7]);
  let b8 = u64(b[8]);
  let b9 = u64(b[9]);
  let w0 = u64(b[0] * 19u);
  let w1 = u64(b[1] * 19u);
  let w2 = u64(b[2] * 19u);
  let w3 = u64(b[3] * 19u);
  let w4 = u64(b[4] * 19u);
  let w5 = u64(b[5] * 19u);
  let w6 = u64(b[6] * 19u);
  let w7 = u64(b[7] * 19u);
  let w8 = u64(b[8] * 19u);
  let w9 = u64(b[9] * 19u);
  let t0 = a0 * b0 + d1 * w9 + a2 * w8 + d3 * w7 + a4 * w6 + d5 * w5 + a6 * w4 + d7 * w3 + a8 * w2 + d9 * w1;
  let r0 = (u32(t0) & 67108863u);
  let t1 = a0 * b1 + a1 * b0 + a2 * w9 + a3 * w8 + a4 * w7 + a5 * w6 + a6 * w5 + a7 * w4 + a8 * w3 + a9 * w2 + (t0 >> 26u);
  let r1 = (u32(t1) & 33554431u);
  let t2 = a0 * b2 + d1 * b1 + a2 * b0 + d3 * w9 + a4 * w8 + d5 * w7 + a6 * w6 + d7 * w5 + a8 * w4 + d9 * w3 + (t1 >> 25u);
  let r2 = (u32(t2) & 67108863u);
  let t3 = a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0 + a4 * w9 + a5 * w8 + a6 * w7 + a7 * w6 + a8 * w5 + a9 * w4 + (t2 >> 26u);
  let r3 = (u32(t3) & 33554431u);
  let t4 = a0 * b4 + d1 * b3 + a2 * b2 + d3 * b1 + a4 * b0 + d5 * w9 + a6 * w8 + d7 * w7 + a8 * w6 + d9 * w5 + (t3 >> 25u);
  let r4 = (u32(t4) & 67108863u);
  let t5 = a0 * b5 + a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1 + a5 * b0 + a6 * w9 + a7 * w8 + a8 * w7 + a9 * w6 + (t4 >> 26u);
  let r5 = (u32(t5) & 33554431u);
  let t6 = a0 * b6 + d1 * b5 + a2 * b4 + d3 * b3 + a4 * b2 + d5 * b1 + a6 * b0 + d7 * w9 + a8 * w8 + d9 * w7 + (t5 >> 25u);
  let r6 = (u32(t6) & 67108863u);
  let t7 = a0 * b7 + a1 * b6 + a2 * b5 + a3 * b4 + a4 * b3 + a5 * b2 + a6 * b1 + a7 * b0 + a8 * w9 + a9 * w8 + (t6 >> 26u);
  let r7 = (u32(t7) & 33554431u);
  let t8 = a0 * b8 + d1 * b7 + a2 * b6 + d3 * b5 + a4 * b4 + d5 * b3 + a6 * b2 + d7 * b1 + a8 * b0 + d9 * w9 + (t7 >> 25u);
  let r8 = (u32(t8) & 67108863u);
  let t9 = a0 * b9 + a1 * b8 + a2 * b7 + a3 * b6 + a4 * b5 + a5 * b4 + a6 * b3 + a7 * b2 + a8 * b1 + a9 * b0 + (t8 >> 26u);
  let r9 = (u32(t9) & 33554431u);
  let s0 = u64(r0) + (t9 >> 25u) * 19lu;
  let s1 = r1 + u32((s0 >> 26u));
  return Fe((u32(s0) & 67108863u), (s1 & 33554431u), r2 + (s1 >> 25u), r3, r4, r5, r6, r7, r8, r9);
}

// a * a: from tight to tight.
fn fe_sq(a: Fe) -> Fe {
  let a0 = u64(a[0]);
  let a1 = u64(a[1]);
  let a2 = u64(a[2]);
  let a3 = u64(a[3]);
  let a4 = u64(a[4]);
  let a5 = u64(a[5]);
  let a6 = u64(a[6]);
  let a7 = u64(a[7]);
  let a8 = u64(a[8]);
  let a9 = u64(a[9]);
  let d0 = u64((a[0] << 1u));
  let d1 = u64((a[1] << 1u));
  let d2 = u64((a[2] << 1u));
  let d3 = u64((a[3] << 1u));
  let d4 = u64((a[4] << 1u));
  let d5 = u64((a[5] << 1u));
  let d6 = u64((a[6] << 1u));
  let d7 = u64((a[7] << 1u));
  let d8 = u64((a[8] << 1u));
  let d9 = u64((a[9] << 1u));
  let q0 = u64((a[0] << 2u));
  let q1 = u64((a[1] << 2u));
  let q2 = u64((a[2] << 2u));
  let q3 = u64((a[3] << 2u));
  let q4 = u64((a[4] << 2u));
  let q5 = u64((a[5] << 2u));
  let q6 = u64((a[6] << 2u));
  let q7 = u64((a[7] << 2u));
  let q8 = u64((a[8] << 2u));
  let q9 = u64((a[9] << 2u));
  let w0 = u64(a[0] * 19u);
  let w1 = u64(a[1] * 19u);
  let w2 = u64(a[2] * 19u);
  let w3 = u64(a[3] * 19u);
  let w4 = u64(a[4] * 19u);
  let w5 = u64(a[5] * 19u);
  let w6 = u64(a[6] * 19u);
  let w7 = u64(a[7] * 19u);
  let w8 = u64(a[8] * 19u);
  let w9 = u64(a[9] * 19u);
  let t0 = a0 * a0 + q1 * w9 + d2 * w8 + q3 * w7 + d4 * w6 + d5 * w5;
  let r0 = (u32(t0) & 67108863u);
  let t1 = d0 * a1 + d2 * w9 + d3 * w8 + d4 * w7 + d5 * w6 + (t0 >> 26u);
  let r1 = (u32(t1) & 33554431u);
  let t2 = d0 * a2 + d1 * a1 + q3 * w9 + d4 * w8 + q5 * w7 + a6 * w6 + (t1 >> 25u);
  let r2 = (u32(t2) & 67108863u);
  let t3 = d0 * a3 + d1 * a2 + d4 * w9 + d5 * w8 + d6 * w7 + (t2 >> 26u);
  let r3 = (u32(t3) & 33554431u);
  let t4 = d0 * a4 + q1 * a3 + a2 * a2 + q5 * w9 + d6 * w8 + d7 * w7 + (t3 >> 25u);
  let r4 = (u32(t4) & 67108863u);
  let t5 = d0 * a5 + d1 * a4 + d2 * a3 + d6 * w9 + d7 * w8 + (t4 >> 26u);
  let r5 = (u32(t5) & 33554431u);
  let t6 = d0 * a6 + q1 * a5 + d2 * a4 + d3 * a3 + q7 * w9 + a8 * w8 + (t5 >> 25u);
  let r6 = (u32(t6) & 67108863u);
  let t7 = d0 * a7 + d1 * a6 + d2 * a5 + d3 * a4 + d8 * w9 + (t6 >> 26u);
  let r7 = (u32(t7) & 33554431u);
  let t8 = d0 * a8 + q1 * a7 + d2 * a6 + q3 * a5 + a4 * a4 + d9 * w9 + (t7 >> 25u);
  let r8 = (u32(t8) & 67108863u);
  let t9 = d0 * a9 + d1 * a8 + d2 * a7 + d3 * a6 + d4 * a5 + (t8 >> 26u);
  let r9 = (u32(t9) & 33554431u);
  let s0 = u64(r0) + (t9 >> 25u) * 19lu;
  let s1 = r1 + u32((s0 >> 26u));
  return Fe((u32(s0) & 67108863u), (s1 & 33554431u), r2 + (s1 >> 25u), r3, r4, r5, r6, r7, r8, r9);
}

// The limbs of a mod p, from tight.
fn fe_freeze(a: Fe) -> Fe {
  // What lies above 2^255 comes back 19-fold: at most 608 at first, then 19 or nothing.
  let x0 = a[0] + (a[9] >> 25u) * 19u;
  let x1 = a[1] + (x0 >> 26u);
  let x2 = a[2] + (x1 >> 25u);
  let x3 = a[3] + (x2 >> 26u);
  let x4 = a[4] + (x3 >> 25u);
  let x5 = a[5] + (x4 >> 26u);
  let x6 = a[6] + (x5 >> 25u);
  let x7 = a[7] + (x6 >> 26u);
  let x8 = a[8] + (x7 >> 25u);
  let x9 = (a[9] & 33554431u) + (x8 >> 26u);
  let y0 = (x0 & 67108863u) + (x9 >> 25u) * 19u;
  let y1 = (x1 & 33554431u) + (y0 >> 26u);
  let y2 = (x2 & 67108863u) + (y1 >> 25u);
  let y3 = (x3 & 33554431u) + (y2 >> 26u);
  let y4 = (x4 & 67108863u) + (y3 >> 25u);
  let y5 = (x5 & 33554431u) + (y4 >> 26u);
  let y6 = (x6 & 67108863u) + (y5 >> 25u);
  let y7 = (x7 & 33554431u) + (y6 >> 26u);
  let y8 = (x8 & 67108863u) + (y7 >> 25u);
  let y9 = (x9 & 33554431u) + (y8 >> 26u);
  // a >= p exactly when a + 19 reaches 2^255; then a - p = a + 19 - 2^255.
  let c0 = (((y0 & 67108863u) + 19u) >> 26u);
  let c1 = (((y1 & 33554431u) + c0) >> 25u);
  let c2 = (((y2 & 67108863u) + c1) >> 26u);
  let c3 = (((y3 & 33554431u) + c2) >> 25u);
  let c4 = (((y4 & 67108863u) + c3) >> 26u);
  let c5 = (((y5 & 33554431u) + c4) >> 25u);
  let c6 = (((y6 & 67108863u) + c5) >> 26u);
  let c7 = (((y7 & 33554431u) + c6) >> 25u);
  let c8 = (((y8 & 67108863u) + c7) >> 26u);
  let c9 = ((y9 + c8) >> 25u);
  let z0 = (y0 & 67108863u) + c9 * 19u;
  let z1 = (y1 & 33554431u) + (z0 >> 26u);
  let z2 = (y2 & 67108863u) + (z1 >> 25u);
  let z3 = (y3 & 33554431u) + (z2 >> 26u);
  let z4 = (y4 & 67108863u) + (z3 >> 25u);
  let z5 = (y5 & 33554431u) + (z4 >> 26u);
  let z6 = (y6 & 67108863u) + (z5 >> 25u);
  let z7 = (y7 & 33554431u) + (z6 >> 26u);
  let z8 = (y8 & 67108863u) + (z7 >> 25u);
  let z9 = y9 + (z8 >> 26u);
  return Fe((z0 & 67108863u), (z1 & 33554431u), (z2 & 67108863u), (z3 & 33554431u), (z4 & 67108863u), (z5 & 33554431u), (z6 & 67108863u), (z7 & 33554431u), (z8 & 67108863u), (z9 & 33554431u));
}

// Whether a, tight, is 0 mod p.
fn fe_is_zero(a: Fe) -> bool {
  let f = fe_freeze(a);
  return (f[0] | f[1] | f[2] | f[3] | f[4] | f[5] | f[6] | f[7] | f[8] | f[9]) == 0u;
}

// b if second, else a.
fn fe_select(a: Fe, b: Fe, second: bool) -> Fe {
  return Fe(select(a[0], b[0], second), select(a[1], b[1], second), select(a[2], b[2], second), select(a[3], b[3], second), select(a[4], b[4], second), select(a[5], b[5], second), select(a[6], b[6], second), select(a[7], b[7], second), select(a[8], b[8], second), select(a[9], b[9], second));
}

// The number below 2^255 in eight little-endian words, whose last bit does not count; tight.
fn fe_from_words(w: array<u32, 8>) -> Fe {
  return Fe(
    (w[0] >> 0u) & 67108863u,
    ((w[0] >> 26u) | (w[1] << 6u)) & 33554431u,
    ((w[1] >> 19u) | (w[2] << 13u)) & 67108863u,
    ((w[2] >> 13u) | (w[3] << 19u)) & 33554431u,
    (w[3] >> 6u) & 67108863u,
    (w[4] >> 0u) & 33554431u,
    ((w[4] >> 25u) | (w[5] << 7u)) & 67108863u,
    ((w[5] >> 19u) | (w[6] << 13u)) & 33554431u,
    ((w[6] >> 12u) | (w[7] << 20u)) & 67108863u,
    (w[7] >> 6u) & 33554431u);
}

// a mod p, from tight, as eight little-endian words.
fn fe_to_words(a: Fe) -> array<u32, 8> {
  let f = fe_freeze(a);
  return array<u32, 8>(
    (f[0] << 0u) | (f[1] << 26u),
    (f[1] >> 6u) | (f[2] << 19u),
    (f[2] >> 13u) | (f[3] << 13u),
    (f[3] >> 19u) | (f[4] << 6u),
    (f[5] << 0u) | (f[6] << 25u),
    (f[6] >> 7u) | (f[7] << 19u),
    (f[7] >> 13u) | (f[8] << 12u),
    (f[8] >> 20u) | (f[9] << 6u));
}

// Points as they lie in memory. The last word of an affine one says whether it is one.
alias StoredAffine = array<vec4<u32>, 8>;
alias StoredProjective = array<vec4<u32>, 10>;

fn is_point(q: StoredAffine) -> bool { return q[7].w == 1u; }

fn store_affine(p: AffineNiels, is_point: bool) -> StoredAffine {
  return StoredAffine(
    vec4(p.plus[0], p.plus[1], p.plus[2], p.plus[3]),
    vec4(p.plus[4], p.plus[5], p.plus[6], p.plus[7]),
    vec4(p.plus[8], p.plus[9], p.minus[0], p.minus[1]),
    vec4(p.minus[2], p.minus[3], p.minus[4], p.minus[5]),
    vec4(p.minus[6], p.minus[7], p.minus[8], p.minus[9]),
    vec4(p.t2d[0], p.t2d[1], p.t2d[2], p.t2d[3]),
    vec4(p.t2d[4], p.t2d[5], p.t2d[6], p.t2d[7]),
    vec4(p.t2d[8], p.t2d[9], 0u, select(0u, 1u, is_point)));
}

fn store_projective(p: ProjectiveNiels) -> StoredProjective {
  return StoredProjective(
    vec4(p.plus[0], p.plus[1], p.plus[2], p.plus[3]),
    vec4(p.plus[4], p.plus[5], p.plus[6], p.plus[7]),
    vec4(p.plus[8], p.plus[9], p.minus[0], p.minus[1]),
    vec4(p.minus[2], p.minus[3], p.minus[4], p.minus[5]),
    vec4(p.minus[6], p.minus[7], p.minus[8], p.minus[9]),
    vec4(p.z2[0], p.z2[1], p.z2[2], p.z2[3]),
    vec4(p.z2[4], p.z2[5], p.z2[6], p.z2[7]),
    vec4(p.z2[8], p.z2[9], p.t2d[0], p.t2d[1]),
    vec4(p.t2d[2], p.t2d[3], p.t2d[4], p.t2d[5]),
    vec4(p.t2d[6], p.t2d[7], p.t2d[8], p.t2d[9]));
}

fn load_affine(q: StoredAffine) -> AffineNiels {
  return AffineNiels(
    Fe(q[0].x, q[0].y, q[0].z, q[0].w, q[1].x, q[1].y, q[1].z, q[1].w, q[2].x, q[2].y),
    Fe(q[2].z, q[2].w, q[3].x, q[3].y, q[3].z, q[3].w, q[4].x, q[4].y, q[4].z, q[4].w),
    Fe(q[5].x, q[5].y, q[5].z, q[5].w, q[6].x, q[6].y, q[6].z, q[6].w, q[7].x, q[7].y));
}

fn load_projective(q: StoredProjective) -> ProjectiveNiels {
  return ProjectiveNiels(
    Fe(q[0].x, q[0].y, q[0].z, q[0].w, q[1].x, q[1].y, q[1].z, q[1].w, q[2].x, q[2].y),
    Fe(q[2].z, q[2].w, q[3].x, q[3].y, q[3].z, q[3].w, q[4].x, q[4].y, q[4].z, q[4].w),
    Fe(q[5].x, q[5].y, q[5].z, q[5].w, q[6].x, q[6].y, q[6].z, q[6].w, q[7].x, q[7].y),
    Fe(q[7].z, q[7].w, q[8].x, q[8].y, q[8].z, q[8].w, q[9].x, q[9].y, q[9].z, q[9].w));
}
