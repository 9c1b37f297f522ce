// Integers modulo p = 2^255 - 19 as 20 limbs of 13 bits, with products in u32.
// Written by byzlab_accel::shaders::field, which says what the ranges mean: edit that, not this.

alias Fe = array<u32, 20>;

const ZERO: Fe = Fe(0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u);
const ONE: Fe = Fe(1u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u);
const TWO: Fe = Fe(2u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u);
const D: Fe = Fe(6307u, 6859u, 4740u, 5787u, 5982u, 3157u, 1287u, 2472u, 4106u, 3u, 6694u, 3827u, 1943u, 928u, 3635u, 8142u, 2927u, 1905u, 219u, 164u);
const D2: Fe = Fe(4441u, 5527u, 1289u, 3383u, 3773u, 6315u, 2574u, 4944u, 20u, 7u, 5196u, 7655u, 3886u, 1856u, 7270u, 8092u, 5855u, 3810u, 438u, 72u);
const SQRT_MINUS_1: Fe = Fe(176u, 4213u, 2514u, 7222u, 3150u, 4668u, 5311u, 213u, 792u, 6522u, 5609u, 7159u, 2451u, 1664u, 3245u, 7137u, 4033u, 1026u, 201u, 87u);

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
  let t10 = a[10] + b[10];
  let t11 = a[11] + b[11];
  let t12 = a[12] + b[12];
  let t13 = a[13] + b[13];
  let t14 = a[14] + b[14];
  let t15 = a[15] + b[15];
  let t16 = a[16] + b[16];
  let t17 = a[17] + b[17];
  let t18 = a[18] + b[18];
  let t19 = a[19] + b[19];
  return Fe((t0 & 8191u) + (t19 >> 13u) * 608u, (t1 & 8191u) + (t0 >> 13u), (t2 & 8191u) + (t1 >> 13u), (t3 & 8191u) + (t2 >> 13u), (t4 & 8191u) + (t3 >> 13u), (t5 & 8191u) + (t4 >> 13u), (t6 & 8191u) + (t5 >> 13u), (t7 & 8191u) + (t6 >> 13u), (t8 & 8191u) + (t7 >> 13u), (t9 & 8191u) + (t8 >> 13u), (t10 & 8191u) + (t9 >> 13u), (t11 & 8191u) + (t10 >> 13u), (t12 & 8191u) + (t11 >> 13u), (t13 & 8191u) + (t12 >> 13u), (t14 & 8191u) + (t13 >> 13u), (t15 & 8191u) + (t14 >> 13u), (t16 & 8191u) + (t15 >> 13u), (t17 & 8191u) + (t16 >> 13u), (t18 & 8191u) + (t17 >> 13u), (t19 & 8191u) + (t18 >> 13u));
}

// a + b: from tight to loose.
fn fe_add_loose(a: Fe, b: Fe) -> Fe {
  return Fe(a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4], a[5] + b[5], a[6] + b[6], a[7] + b[7], a[8] + b[8], a[9] + b[9], a[10] + b[10], a[11] + b[11], a[12] + b[12], a[13] + b[13], a[14] + b[14], a[15] + b[15], a[16] + b[16], a[17] + b[17], a[18] + b[18], a[19] + b[19]);
}

// a - b: from tight to tight.
fn fe_sub(a: Fe, b: Fe) -> Fe {
  let t0 = a[0] + 15168u - b[0];
  let t1 = a[1] + 16382u - b[1];
  let t2 = a[2] + 16382u - b[2];
  let t3 = a[3] + 16382u - b[3];
  let t4 = a[4] + 16382u - b[4];
  let t5 = a[5] + 16382u - b[5];
  let t6 = a[6] + 16382u - b[6];
  let t7 = a[7] + 16382u - b[7];
  let t8 = a[8] + 16382u - b[8];
  let t9 = a[9] + 16382u - b[9];
  let t10 = a[10] + 16382u - b[10];
  let t11 = a[11] + 16382u - b[11];
  let t12 = a[12] + 16382u - b[12];
  let t13 = a[13] + 16382u - b[13];
  let t14 = a[14] + 16382u - b[14];
  let t15 = a[15] + 16382u - b[15];
  let t16 = a[16] + 16382u - b[16];
  let t17 = a[17] + 16382u - b[17];
  let t18 = a[18] + 16382u - b[18];
  let t19 = a[19] + 16382u - b[19];
  return Fe((t0 & 8191u) + (t19 >> 13u) * 608u, (t1 & 8191u) + (t0 >> 13u), (t2 & 8191u) + (t1 >> 13u), (t3 & 8191u) + (t2 >> 13u), (t4 & 8191u) + (t3 >> 13u), (t5 & 8191u) + (t4 >> 13u), (t6 & 8191u) + (t5 >> 13u), (t7 & 8191u) + (t6 >> 13u), (t8 & 8191u) + (t7 >> 13u), (t9 & 8191u) + (t8 >> 13u), (t10 & 8191u) + (t9 >> 13u), (t11 & 8191u) + (t10 >> 13u), (t12 & 8191u) + (t11 >> 13u), (t13 & 8191u) + (t12 >> 13u), (t14 & 8191u) + (t13 >> 13u), (t15 & 8191u) + (t14 >> 13u), (t16 & 8191u) + (t15 >> 13u), (t17 & 8191u) + (t16 >> 13u), (t18 & 8191u) + (t17 >> 13u), (t19 & 8191u) + (t18 >> 13u));
}

// a - b: from tight to loose.
fn fe_sub_loose(a: Fe, b: Fe) -> Fe {
  return Fe(a[0] + 15168u - b[0], a[1] + 16382u - b[1], a[2] + 16382u - b[2], a[3] + 16382u - b[3], a[4] + 16382u - b[4], a[5] + 16382u - b[5], a[6] + 16382u - b[6], a[7] + 16382u - b[7], a[8] + 16382u - b[8], a[9] + 16382u - b[9], a[10] + 16382u - b[10], a[11] + 16382u - b[11], a[12] + 16382u - b[12], a[13] + 16382u - b[13], a[14] + 16382u - b[14], a[15] + 16382u - b[15], a[16] + 16382u - b[16], a[17] + 16382u - b[17], a[18] + 16382u - b[18], a[19] + 16382u - b[19]);
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
  let t10 = a[10];
  let t11 = a[11];
  let t12 = a[12];
  let t13 = a[13];
  let t14 = a[14];
  let t15 = a[15];
  let t16 = a[16];
  let t17 = a[17];
  let t18 = a[18];
  let t19 = a[19];
  return Fe((t0 & 8191u) + (t19 >> 13u) * 608u, (t1 & 8191u) + (t0 >> 13u), (t2 & 8191u) + (t1 >> 13u), (t3 & 8191u) + (t2 >> 13u), (t4 & 8191u) + (t3 >> 13u), (t5 & 8191u) + (t4 >> 13u), (t6 & 8191u) + (t5 >> 13u), (t7 & 8191u) + (t6 >> 13u), (t8 & 8191u) + (t7 >> 13u), (t9 & 8191u) + (t8 >> 13u), (t10 & 8191u) + (t9 >> 13u), (t11 & 8191u) + (t10 >> 13u), (t12 & 8191u) + (t11 >> 13u), (t13 & 8191u) + (t12 >> 13u), (t14 & 8191u) + (t13 >> 13u), (t15 & 8191u) + (t14 >> 13u), (t16 & 8191u) + (t15 >> 13u), (t17 & 8191u) + (t16 >> 13u), (t18 & 8191u) + (t17 >> 13u), (t19 & 8191u) + (t18 >> 13u));
}

// a * b: a loose, b tight, to tight.
fn fe_mul(a: Fe, b: Fe) -> Fe {
  let t20 = a[1] * b[19] + a[2] * b[18] + a[3] * b[17] + a[4] * b[16] + a[5] * b[15] + a[6] * b[14] + a[7] * b[13] + a[8] * b[12] + a[9] * b[11] + a[10] * b[10] + a[11] * b[9] + a[12] * b[8] + a[13] * b[7] + a[14] * b[6] + a[15] * b[5] + a[16] * b[4] + a[17] * b[3] + a[18] * b[2] + a[19] * b[1];
  let h0 = (t20 & 8191u);
  let t21 = a[2] * b[19] + a[3] * b[18] + a[4] * b[17] + a[5] * b[16] + a[6] * b[15] + a[7] * b[14] + a[8] * b[13] + a[9] * b[12] + a[10] * b[11] + a[11] * b[10] + a[12] * b[9] + a[13] * b[8] + a[14] * b[7] + a[15] * b[6] + a[16] * b[5] + a[17] * b[4] + a[18] * b[3] + a[19] * b[2] + (t20 >> 13u);
  let h1 = (t21 & 8191u);
  let t22 = a[3] * b[19] + a[4] * b[18] + a[5] * b[17] + a[6] * b[16] + a[7] * b[15] + a[8] * b[14] + a[9] * b[13] + a[10] * b[12] + a[11] * b[11] + a[12] * b[10] + a[13] * b[9] + a[14] * b[8] + a[15] * b[7] + a[16] * b[6] + a[17] * b[5] + a[18] * b[4] + a[19] * b[3] + (t21 >> 13u);
  let h2 = (t22 & 8191u);
  let t23 = a[4] * b[19] + a[5] * b[18] + a[6] * b[17] + a[7] * b[16] + a[8] * b[15] + a[9] * b[14] + a[10] * b[13] + a[11] * b[12] + a[12] * b[11] + a[13] * b[10] + a[14] * b[9] + a[15] * b[8] + a[16] * b[7] + a[17] * b[6] + a[18] * b[5] + a[19] * b[4] + (t22 >> 13u);
  let h3 = (t23 & 8191u);
  let t24 = a[5] * b[19] + a[6] * b[18] + a[7] * b[17] + a[8] * b[16] + a[9] * b[15] + a[10] * b[14] + a[11] * b[13] + a[12] * b[12] + a[13] * b[11] + a[14] * b[10] + a[15] * b[9] + a[16] * b[8] + a[17] * b[7] + a[18] * b[6] + a[19] * b[5] + (t23 >> 13u);
  let h4 = (t24 & 8191u);
  let t25 = a[6] * b[19] + a[7] * b[18] + a[8] * b[17] + a[9] * b[16] + a[10] * b[15] + a[11] * b[14] + a[12] * b[13] + a[13] * b[12] + a[14] * b[11] + a[15] * b[10] + a[16] * b[9] + a[17] * b[8] + a[18] * b[7] + a[19] * b[6] + (t24 >> 13u);
  let h5 = (t25 & 8191u);
  let t26 = a[7] * b[19] + a[8] * b[18] + a[9] * b[17] + a[10] * b[16] + a[11] * b[15] + a[12] * b[14] + a[13] * b[13] + a[14] * b[12] + a[15] * b[11] + a[16] * b[10] + a[17] * b[9] + a[18] * b[8] + a[19] * b[7] + (t25 >> 13u);
  let h6 = (t26 & 8191u);
  let t27 = a[8] * b[19] + a[9] * b[18] + a[10] * b[17] + a[11] * b[16] + a[12] * b[15] + a[13] * b[14] + a[14] * b[13] + a[15] * b[12] + a[16] * b[11] + a[17] * b[10] + a[18] * b[9] + a[19] * b[8] + (t26 >> 13u);
  let h7 = (t27 & 8191u);
  let t28 = a[9] * b[19] + a[10] * b[18] + a[11] * b[17] + a[12] * b[16] + a[13] * b[15] + a[14] * b[14] + a[15] * b[13] + a[16] * b[12] + a[17] * b[11] + a[18] * b[10] + a[19] * b[9] + (t27 >> 13u);
  let h8 = (t28 & 8191u);
  let t29 = a[10] * b[19] + a[11] * b[18] + a[12] * b[17] + a[13] * b[16] + a[14] * b[15] + a[15] * b[14] + a[16] * b[13] + a[17] * b[12] + a[18] * b[11] + a[19] * b[10] + (t28 >> 13u);
  let h9 = (t29 & 8191u);
  let t30 = a[11] * b[19] + a[12] * b[18] + a[13] * b[17] + a[14] * b[16] + a[15] * b[15] + a[16] * b[14] + a[17] * b[13] + a[18] * b[12] + a[19] * b[11] + (t29 >> 13u);
  let h10 = (t30 & 8191u);
  let t31 = a[12] * b[19] + a[13] * b[18] + a[14] * b[17] + a[15] * b[16] + a[16] * b[15] + a[17] * b[14] + a[18] * b[13] + a[19] * b[12] + (t30 >> 13u);
  let h11 = (t31 & 8191u);
  let t32 = a[13] * b[19] + a[14] * b[18] + a[15] * b[17] + a[16] * b[16] + a[17] * b[15] + a[18] * b[14] + a[19] * b[13] + (t31 >> 13u);
  let h12 = (t32 & 8191u);
  let t33 = a[14] * b[19] + a[15] * b[18] + a[16] * b[17] + a[17] * b[16] + a[18] * b[15] + a[19] * b[14] + (t32 >> 13u);
  let h13 = (t33 & 8191u);
  let t34 = a[15] * b[19] + a[16] * b[18] + a[17] * b[17] + a[18] * b[16] + a[19] * b[15] + (t33 >> 13u);
  let h14 = (t34 & 8191u);
  let t35 = a[16] * b[19] + a[17] * b[18] + a[18] * b[17] + a[19] * b[16] + (t34 >> 13u);
  let h15 = (t35 & 8191u);
  let t36 = a[17] * b[19] + a[18] * b[18] + a[19] * b[17] + (t35 >> 13u);
  let h16 = (t36 & 8191u);
  let t37 = a[18] * b[19] + a[19] * b[18] + (t36 >> 13u);
  let h17 = (t37 & 8191u);
  let t38 = a[19] * b[19] + (t37 >> 13u);
  let h18 = (t38 & 8191u);
  let h19 = (t38 >> 13u);
  let t0 = a[0] * b[0] + h0 * 608u;
  let r0 = (t0 & 8191u);
  let t1 = a[0] * b[1] + a[1] * b[0] + h1 * 608u + (t0 >> 13u);
  let r1 = (t1 & 8191u);
  let t2 = a[0] * b[2] + a[1] * b[1] + a[2] * b[0] + h2 * 608u + (t1 >> 13u);
  let r2 = (t2 & 8191u);
  let t3 = a[0] * b[3] + a[1] * b[2] + a[2] * b[1] + a[3] * b[0] + h3 * 608u + (t2 >> 13u);
  let r3 = (t3 & 8191u);
  let t4 = a[0] * b[4] + a[1] * b[3] + a[2] * b[2] + a[3] * b[1] + a[4] * b[0] + h4 * 608u + (t3 >> 13u);
  let r4 = (t4 & 8191u);
  let t5 = a[0] * b[5] + a[1] * b[4] + a[2] * b[3] + a[3] * b[2] + a[4] * b[1] + a[5] * b[0] + h5 * 608u + (t4 >> 13u);
  let r5 = (t5 & 8191u);
  let t6 = a[0] * b[6] + a[1] * b[5] + a[2] * b[4] + a[3] * b[3] + a[4] * b[2] + a[5] * b[1] + a[6] * b[0] + h6 * 608u + (t5 >> 13u);
  let r6 = (t6 & 8191u);
  let t7 = a[0] * b[7] + a[1] * b[6] + a[2] * b[5] + a[3] * b[4] + a[4] * b[3] + a[5] * b[2] + a[6] * b[1] + a[7] * b[0] + h7 * 608u + (t6 >> 13u);
  let r7 = (t7 & 8191u);
  let t8 = a[0] * b[8] + a[1] * b[7] + a[2] * b[6] + a[3] * b[5] + a[4] * b[4] + a[5] * b[3] + a[6] * b[2] + a[7] * b[1] + a[8] * b[0] + h8 * 608u + (t7 >> 13u);
  let r8 = (t8 & 8191u);
  let t9 = a[0] * b[9] + a[1] * b[8] + a[2] * b[7] + a[3] * b[6] + a[4] * b[5] + a[5] * b[4] + a[6] * b[3] + a[7] * b[2] + a[8] * b[1] + a[9] * b[0] + h9 * 608u + (t8 >> 13u);
  let r9 = (t9 & 8191u);
  let t10 = a[0] * b[10] + a[1] * b[9] + a[2] * b[8] + a[3] * b[7] + a[4] * b[6] + a[5] * b[5] + a[6] * b[4] + a[7] * b[3] + a[8] * b[2] + a[9] * b[1] + a[10] * b[0] + h10 * 608u + (t9 >> 13u);
  let r10 = (t10 & 8191u);
  let t11 = a[0] * b[11] + a[1] * b[10] + a[2] * b[9] + a[3] * b[8] + a[4] * b[7] + a[5] * b[6] + a[6] * b[5] + a[7] * b[4] + a[8] * b[3] + a[9] * b[2] + a[10] * b[1] + a[11] * b[0] + h11 * 608u + (t10 >> 13u);
  let r11 = (t11 & 8191u);
  let t12 = a[0] * b[12] + a[1] * b[11] + a[2] * b[10] + a[3] * b[9] + a[4] * b[8] + a[5] * b[7] + a[6] * b[6] + a[7] * b[5] + a[8] * b[4] + a[9] * b[3] + a[10] * b[2] + a[11] * b[1] + a[12] * b[0] + h12 * 608u + (t11 >> 13u);
  let r12 = (t12 & 8191u);
  let t13 = a[0] * b[13] + a[1] * b[12] + a[2] * b[11] + a[3] * b[10] + a[4] * b[9] + a[5] * b[8] + a[6] * b[7] + a[7] * b[6] + a[8] * b[5] + a[9] * b[4] + a[10] * b[3] + a[11] * b[2] + a[12] * b[1] + a[13] * b[0] + h13 * 608u + (t12 >> 13u);
  let r13 = (t13 & 8191u);
  let t14 = a[0] * b[14] + a[1] * b[13] + a[2] * b[12] + a[3] * b[11] + a[4] * b[10] + a[5] * b[9] + a[6] * b[8] + a[7] * b[7] + a[8] * b[6] + a[9] * b[5] + a[10] * b[4] + a[11] * b[3] + a[12] * b[2] + a[13] * b[1] + a[14] * b[0] + h14 * 608u + (t13 >> 13u);
  let r14 = (t14 & 8191u);
  let t15 = a[0] * b[15] + a[1] * b[14] + a[2] * b[13] + a[3] * b[12] + a[4] * b[11] + a[5] * b[10] + a[6] * b[9] + a[7] * b[8] + a[8] * b[7] + a[9] * b[6] + a[10] * b[5] + a[11] * b[4] + a[12] * b[3] + a[13] * b[2] + a[14] * b[1] + a[15] * b[0] + h15 * 608u + (t14 >> 13u);
  let r15 = (t15 & 8191u);
  let t16 = a[0] * b[16] + a[1] * b[15] + a[2] * b[14] + a[3] * b[13] + a[4] * b[12] + a[5] * b[11] + a[6] * b[10] + a[7] * b[9] + a[8] * b[8] + a[9] * b[7] + a[10] * b[6] + a[11] * b[5] + a[12] * b[4] + a[13] * b[3] + a[14] * b[2] + a[15] * b[1] + a[16] * b[0] + h16 * 608u + (t15 >> 13u);
  let r16 = (t16 & 8191u);
  let t17 = a[0] * b[17] + a[1] * b[16] + a[2] * b[15] + a[3] * b[14] + a[4] * b[13] + a[5] * b[12] + a[6] * b[11] + a[7] * b[10] + a[8] * b[9] + a[9] * b[8] + a[10] * b[7] + a[11] * b[6] + a[12] * b[5] + a[13] * b[4] + a[14] * b[3] + a[15] * b[2] + a[16] * b[1] + a[17] * b[0] + h17 * 608u + (t16 >> 13u);
  let r17 = (t17 & 8191u);
  let t18 = a[0] * b[18] + a[1] * b[17] + a[2] * b[16] + a[3] * b[15] + a[4] * b[14] + a[5] * b[13] + a[6] * b[12] + a[7] * b[11] + a[8] * b[10] + a[9] * b[9] + a[10] * b[8] + a[11] * b[7] + a[12] * b[6] + a[13] * b[5] + a[14] * b[4] + a[15] * b[3] + a[16] * b[2] + a[17] * b[1] + a[18] * b[0] + h18 * 608u + (t17 >> 13u);
  let r18 = (t18 & 8191u);
  let t19 = a[0] * b[19] + a[1] * b[18] + a[2] * b[17] + a[3] * b[16] + a[4] * b[15] + a[5] * b[14] + a[6] * b[13] + a[7] * b[12] + a[8] * b[11] + a[9] * b[10] + a[10] * b[9] + a[11] * b[8] + a[12] * b[7] + a[13] * b[6] + a[14] * b[5] + a[15] * b[4] + a[16] * b[3] + a[17] * b[2] + a[18] * b[1] + a[19] * b[0] + h19 * 608u + (t18 >> 13u);
  let r19 = (t19 & 8191u);
  let s0 = r0 + (t19 >> 13u) * 608u;
  let s1 = r1 + (s0 >> 13u);
  return Fe((s0 & 8191u), (s1 & 8191u), r2 + (s1 >> 13u), r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15, r16, r17, r18, r19);
}

// a * a: from tight to tight.
fn fe_sq(a: Fe) -> Fe {
  let d0 = (a[0] << 1u);
  let d1 = (a[1] << 1u);
  let d2 = (a[2] << 1u);
  let d3 = (a[3] << 1u);
  let d4 = (a[4] << 1u);
  let d5 = (a[5] << 1u);
  let d6 = (a[6] << 1u);
  let d7 = (a[7] << 1u);
  let d8 = (a[8] << 1u);
  let d9 = (a[9] << 1u);
  let d10 = (a[10] << 1u);
  let d11 = (a[11] << 1u);
  let d12 = (a[12] << 1u);
  let d13 = (a[13] << 1u);
  let d14 = (a[14] << 1u);
  let d15 = (a[15] << 1u);
  let d16 = (a[16] << 1u);
  let d17 = (a[17] << 1u);
  let d18 = (a[18] << 1u);
  let d19 = (a[19] << 1u);
  let t20 = d1 * a[19] + d2 * a[18] + d3 * a[17] + d4 * a[16] + d5 * a[15] + d6 * a[14] + d7 * a[13] + d8 * a[12] + d9 * a[11] + a[10] * a[10];
  let h0 = (t20 & 8191u);
  let t21 = d2 * a[19] + d3 * a[18] + d4 * a[17] + d5 * a[16] + d6 * a[15] + d7 * a[14] + d8 * a[13] + d9 * a[12] + d10 * a[11] + (t20 >> 13u);
  let h1 = (t21 & 8191u);
  let t22 = d3 * a[19] + d4 * a[18] + d5 * a[17] + d6 * a[16] + d7 * a[15] + d8 * a[14] + d9 * a[13] + d10 * a[12] + a[11] * a[11] + (t21 >> 13u);
  let h2 = (t22 & 8191u);
  let t23 = d4 * a[19] + d5 * a[18] + d6 * a[17] + d7 * a[16] + d8 * a[15] + d9 * a[14] + d10 * a[13] + d11 * a[12] + (t22 >> 13u);
  let h3 = (t23 & 8191u);
  let t24 = d5 * a[19] + d6 * a[18] + d7 * a[17] + d8 * a[16] + d9 * a[15] + d10 * a[14] + d11 * a[13] + a[12] * a[12] + (t23 >> 13u);
  let h4 = (t24 & 8191u);
  let t25 = d6 * a[19] + d7 * a[18] + d8 * a[17] + d9 * a[16] + d10 * a[15] + d11 * a[14] + d12 * a[13] + (t24 >> 13u);
  let h5 = (t25 & 8191u);
  let t26 = d7 * a[19] + d8 * a[18] + d9 * a[17] + d10 * a[16] + d11 * a[15] + d12 * a[14] + a[13] * a[13] + (t25 >> 13u);
  let h6 = (t26 & 8191u);
  let t27 = d8 * a[19] + d9 * a[18] + d10 * a[17] + d11 * a[16] + d12 * a[15] + d13 * a[14] + (t26 >> 13u);
  let h7 = (t27 & 8191u);
  let t28 = d9 * a[19] + d10 * a[18] + d11 * a[17] + d12 * a[16] + d13 * a[15] + a[14] * a[14] + (t27 >> 13u);
  let h8 = (t28 & 8191u);
  let t29 = d10 * a[19] + d11 * a[18] + d12 * a[17] + d13 * a[16] + d14 * a[15] + (t28 >> 13u);
  let h9 = (t29 & 8191u);
  let t30 = d11 * a[19] + d12 * a[18] + d13 * a[17] + d14 * a[16] + a[15] * a[15] + (t29 >> 13u);
  let h10 = (t30 & 8191u);
  let t31 = d12 * a[19] + d13 * a[18] + d14 * a[17] + d15 * a[16] + (t30 >> 13u);
  let h11 = (t31 & 8191u);
  let t32 = d13 * a[19] + d14 * a[18] + d15 * a[17] + a[16] * a[16] + (t31 >> 13u);
  let h12 = (t32 & 8191u);
  let t33 = d14 * a[19] + d15 * a[18] + d16 * a[17] + (t32 >> 13u);
  let h13 = (t33 & 8191u);
  let t34 = d15 * a[19] + d16 * a[18] + a[17] * a[17] + (t33 >> 13u);
  let h14 = (t34 & 8191u);
  let t35 = d16 * a[19] + d17 * a[18] + (t34 >> 13u);
  let h15 = (t35 & 8191u);
  let t36 = d17 * a[19] + a[18] * a[18] + (t35 >> 13u);
  let h16 = (t36 & 8191u);
  let t37 = d18 * a[19] + (t36 >> 13u);
  let h17 = (t37 & 8191u);
  let t38 = a[19] * a[19] + (t37 >> 13u);
  let h18 = (t38 & 8191u);
  let h19 = (t38 >> 13u);
  let t0 = a[0] * a[0] + h0 * 608u;
  let r0 = (t0 & 8191u);
  let t1 = d0 * a[1] + h1 * 608u + (t0 >> 13u);
  let r1 = (t1 & 8191u);
  let t2 = d0 * a[2] + a[1] * a[1] + h2 * 608u + (t1 >> 13u);
  let r2 = (t2 & 8191u);
  let t3 = d0 * a[3] + d1 * a[2] + h3 * 608u + (t2 >> 13u);
  let r3 = (t3 & 8191u);
  let t4 = d0 * a[4] + d1 * a[3] + a[2] * a[2] + h4 * 608u + (t3 >> 13u);
  let r4 = (t4 & 8191u);
  let t5 = d0 * a[5] + d1 * a[4] + d2 * a[3] + h5 * 608u + (t4 >> 13u);
  let r5 = (t5 & 8191u);
  let t6 = d0 * a[6] + d1 * a[5] + d2 * a[4] + a[3] * a[3] + h6 * 608u + (t5 >> 13u);
  let r6 = (t6 & 8191u);
  let t7 = d0 * a[7] + d1 * a[6] + d2 * a[5] + d3 * a[4] + h7 * 608u + (t6 >> 13u);
  let r7 = (t7 & 8191u);
  let t8 = d0 * a[8] + d1 * a[7] + d2 * a[6] + d3 * a[5] + a[4] * a[4] + h8 * 608u + (t7 >> 13u);
  let r8 = (t8 & 8191u);
  let t9 = d0 * a[9] + d1 * a[8] + d2 * a[7] + d3 * a[6] + d4 * a[5] + h9 * 608u + (t8 >> 13u);
  let r9 = (t9 & 8191u);
  let t10 = d0 * a[10] + d1 * a[9] + d2 * a[8] + d3 * a[7] + d4 * a[6] + a[5] * a[5] + h10 * 608u + (t9 >> 13u);
  let r10 = (t10 & 8191u);
  let t11 = d0 * a[11] + d1 * a[10] + d2 * a[9] + d3 * a[8] + d4 * a[7] + d5 * a[6] + h11 * 608u + (t10 >> 13u);
  let r11 = (t11 & 8191u);
  let t12 = d0 * a[12] + d1 * a[11] + d2 * a[10] + d3 * a[9] + d4 * a[8] + d5 * a[7] + a[6] * a[6] + h12 * 608u + (t11 >> 13u);
  let r12 = (t12 & 8191u);
  let t13 = d0 * a[13] + d1 * a[12] + d2 * a[11] + d3 * a[10] + d4 * a[9] + d5 * a[8] + d6 * a[7] + h13 * 608u + (t12 >> 13u);
  let r13 = (t13 & 8191u);
  let t14 = d0 * a[14] + d1 * a[13] + d2 * a[12] + d3 * a[11] + d4 * a[10] + d5 * a[9] + d6 * a[8] + a[7] * a[7] + h14 * 608u + (t13 >> 13u);
  let r14 = (t14 & 8191u);
  let t15 = d0 * a[15] + d1 * a[14] + d2 * a[13] + d3 * a[12] + d4 * a[11] + d5 * a[10] + d6 * a[9] + d7 * a[8] + h15 * 608u + (t14 >> 13u);
  let r15 = (t15 & 8191u);
  let t16 = d0 * a[16] + d1 * a[15] + d2 * a[14] + d3 * a[13] + d4 * a[12] + d5 * a[11] + d6 * a[10] + d7 * a[9] + a[8] * a[8] + h16 * 608u + (t15 >> 13u);
  let r16 = (t16 & 8191u);
  let t17 = d0 * a[17] + d1 * a[16] + d2 * a[15] + d3 * a[14] + d4 * a[13] + d5 * a[12] + d6 * a[11] + d7 * a[10] + d8 * a[9] + h17 * 608u + (t16 >> 13u);
  let r17 = (t17 & 8191u);
  let t18 = d0 * a[18] + d1 * a[17] + d2 * a[16] + d3 * a[15] + d4 * a[14] + d5 * a[13] + d6 * a[12] + d7 * a[11] + d8 * a[10] + a[9] * a[9] + h18 * 608u + (t17 >> 13u);
  let r18 = (t18 & 8191u);
  let t19 = d0 * a[19] + d1 * a[18] + d2 * a[17] + d3 * a[16] + d4 * a[15] + d5 * a[14] + d6 * a[13] + d7 * a[12] + d8 * a[11] + d9 * a[10] + h19 * 608u + (t18 >> 13u);
  let r19 = (t19 & 8191u);
  let s0 = r0 + (t19 >> 13u) * 608u;
  let s1 = r1 + (s0 >> 13u);
  return Fe((s0 & 8191u), (s1 & 8191u), r2 + (s1 >> 13u), r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15, r16, r17, r18, r19);
}

// The limbs of a mod p, from tight.
fn fe_freeze(a: Fe) -> Fe {
  // What lies above 2^255 comes back 19-fold: at most 608 at first, then 19 or nothing.
  let x0 = a[0] + (a[19] >> 8u) * 19u;
  let x1 = a[1] + (x0 >> 13u);
  let x2 = a[2] + (x1 >> 13u);
  let x3 = a[3] + (x2 >> 13u);
  let x4 = a[4] + (x3 >> 13u);
  let x5 = a[5] + (x4 >> 13u);
  let x6 = a[6] + (x5 >> 13u);
  let x7 = a[7] + (x6 >> 13u);
  let x8 = a[8] + (x7 >> 13u);
  let x9 = a[9] + (x8 >> 13u);
  let x10 = a[10] + (x9 >> 13u);
  let x11 = a[11] + (x10 >> 13u);
  let x12 = a[12] + (x11 >> 13u);
  let x13 = a[13] + (x12 >> 13u);
  let x14 = a[14] + (x13 >> 13u);
  let x15 = a[15] + (x14 >> 13u);
  let x16 = a[16] + (x15 >> 13u);
  let x17 = a[17] + (x16 >> 13u);
  let x18 = a[18] + (x17 >> 13u);
  let x19 = (a[19] & 255u) + (x18 >> 13u);
  let y0 = (x0 & 8191u) + (x19 >> 8u) * 19u;
  let y1 = (x1 & 8191u) + (y0 >> 13u);
  let y2 = (x2 & 8191u) + (y1 >> 13u);
  let y3 = (x3 & 8191u) + (y2 >> 13u);
  let y4 = (x4 & 8191u) + (y3 >> 13u);
  let y5 = (x5 & 8191u) + (y4 >> 13u);
  let y6 = (x6 & 8191u) + (y5 >> 13u);
  let y7 = (x7 & 8191u) + (y6 >> 13u);
  let y8 = (x8 & 8191u) + (y7 >> 13u);
  let y9 = (x9 & 8191u) + (y8 >> 13u);
  let y10 = (x10 & 8191u) + (y9 >> 13u);
  let y11 = (x11 & 8191u) + (y10 >> 13u);
  let y12 = (x12 & 8191u) + (y11 >> 13u);
  let y13 = (x13 & 8191u) + (y12 >> 13u);
  let y14 = (x14 & 8191u) + (y13 >> 13u);
  let y15 = (x15 & 8191u) + (y14 >> 13u);
  let y16 = (x16 & 8191u) + (y15 >> 13u);
  let y17 = (x17 & 8191u) + (y16 >> 13u);
  let y18 = (x18 & 8191u) + (y17 >> 13u);
  let y19 = (x19 & 255u) + (y18 >> 13u);
  // a >= p exactly when a + 19 reaches 2^255; then a - p = a + 19 - 2^255.
  let c0 = (((y0 & 8191u) + 19u) >> 13u);
  let c1 = (((y1 & 8191u) + c0) >> 13u);
  let c2 = (((y2 & 8191u) + c1) >> 13u);
  let c3 = (((y3 & 8191u) + c2) >> 13u);
  let c4 = (((y4 & 8191u) + c3) >> 13u);
  let c5 = (((y5 & 8191u) + c4) >> 13u);
  let c6 = (((y6 & 8191u) + c5) >> 13u);
  let c7 = (((y7 & 8191u) + c6) >> 13u);
  let c8 = (((y8 & 8191u) + c7) >> 13u);
  let c9 = (((y9 & 8191u) + c8) >> 13u);
  let c10 = (((y10 & 8191u) + c9) >> 13u);
  let c11 = (((y11 & 8191u) + c10) >> 13u);
  let c12 = (((y12 & 8191u) + c11) >> 13u);
  let c13 = (((y13 & 8191u) + c12) >> 13u);
  let c14 = (((y14 & 8191u) + c13) >> 13u);
  let c15 = (((y15 & 8191u) + c14) >> 13u);
  let c16 = (((y16 & 8191u) + c15) >> 13u);
  let c17 = (((y17 & 8191u) + c16) >> 13u);
  let c18 = (((y18 & 8191u) + c17) >> 13u);
  let c19 = ((y19 + c18) >> 8u);
  let z0 = (y0 & 8191u) + c19 * 19u;
  let z1 = (y1 & 8191u) + (z0 >> 13u);
  let z2 = (y2 & 8191u) + (z1 >> 13u);
  let z3 = (y3 & 8191u) + (z2 >> 13u);
  let z4 = (y4 & 8191u) + (z3 >> 13u);
  let z5 = (y5 & 8191u) + (z4 >> 13u);
  let z6 = (y6 & 8191u) + (z5 >> 13u);
  let z7 = (y7 & 8191u) + (z6 >> 13u);
  let z8 = (y8 & 8191u) + (z7 >> 13u);
  let z9 = (y9 & 8191u) + (z8 >> 13u);
  let z10 = (y10 & 8191u) + (z9 >> 13u);
  let z11 = (y11 & 8191u) + (z10 >> 13u);
  let z12 = (y12 & 8191u) + (z11 >> 13u);
  let z13 = (y13 & 8191u) + (z12 >> 13u);
  let z14 = (y14 & 8191u) + (z13 >> 13u);
  let z15 = (y15 & 8191u) + (z14 >> 13u);
  let z16 = (y16 & 8191u) + (z15 >> 13u);
  let z17 = (y17 & 8191u) + (z16 >> 13u);
  let z18 = (y18 & 8191u) + (z17 >> 13u);
  let z19 = y19 + (z18 >> 13u);
  return Fe((z0 & 8191u), (z1 & 8191u), (z2 & 8191u), (z3 & 8191u), (z4 & 8191u), (z5 & 8191u), (z6 & 8191u), (z7 & 8191u), (z8 & 8191u), (z9 & 8191u), (z10 & 8191u), (z11 & 8191u), (z12 & 8191u), (z13 & 8191u), (z14 & 8191u), (z15 & 8191u), (z16 & 8191u), (z17 & 8191u), (z18 & 8191u), (z19 & 255u));
}

// Whether a, tight, is 0 mod p.
fn fe_is_zero(a: Fe) -> bool {
  let f = fe_freeze(a);
  return (f[0] | f[1] | f[2] | f[3] | f[4] | f[5] | f[6] | f[7] | f[8] | f[9] | f[10] | f[11] | f[12] | f[13] | f[14] | f[15] | f[16] | f[17] | f[18] | f[19]) == 0u;
}

// b if second, else a.
fn fe_select(a: Fe, b: Fe, second: bool) -> Fe {
  return Fe(select(a[0], b[0], second), select(a[1], b[1], second), select(a[2], b[2], second), select(a[3], b[3], second), select(a[4], b[4], second), select(a[5], b[5], second), select(a[6], b[6], second), select(a[7], b[7], second), select(a[8], b[8], second), select(a[9], b[9], second), select(a[10], b[10], second), select(a[11], b[11], second), select(a[12], b[12], second), select(a[13], b[13], second), select(a[14], b[14], second), select(a[15], b[15], second), select(a[16], b[16], second), select(a[17], b[17], second), select(a[18], b[18], second), select(a[19], b[19], second));
}

// The number below 2^255 in eight little-endian words, whose last bit does not count; tight.
fn fe_from_words(w: array<u32, 8>) -> Fe {
  return Fe(
    (w[0] >> 0u) & 8191u,
    (w[0] >> 13u) & 8191u,
    ((w[0] >> 26u) | (w[1] << 6u)) & 8191u,
    (w[1] >> 7u) & 8191u,
    ((w[1] >> 20u) | (w[2] << 12u)) & 8191u,
    (w[2] >> 1u) & 8191u,
    (w[2] >> 14u) & 8191u,
    ((w[2] >> 27u) | (w[3] << 5u)) & 8191u,
    (w[3] >> 8u) & 8191u,
    ((w[3] >> 21u) | (w[4] << 11u)) & 8191u,
    (w[4] >> 2u) & 8191u,
    (w[4] >> 15u) & 8191u,
    ((w[4] >> 28u) | (w[5] << 4u)) & 8191u,
    (w[5] >> 9u) & 8191u,
    ((w[5] >> 22u) | (w[6] << 10u)) & 8191u,
    (w[6] >> 3u) & 8191u,
    (w[6] >> 16u) & 8191u,
    ((w[6] >> 29u) | (w[7] << 3u)) & 8191u,
    (w[7] >> 10u) & 8191u,
    (w[7] >> 23u) & 255u);
}

// a mod p, from tight, as eight little-endian words.
fn fe_to_words(a: Fe) -> array<u32, 8> {
  let f = fe_freeze(a);
  return array<u32, 8>(
    (f[0] << 0u) | (f[1] << 13u) | (f[2] << 26u),
    (f[2] >> 6u) | (f[3] << 7u) | (f[4] << 20u),
    (f[4] >> 12u) | (f[5] << 1u) | (f[6] << 14u) | (f[7] << 27u),
    (f[7] >> 5u) | (f[8] << 8u) | (f[9] << 21u),
    (f[9] >> 11u) | (f[10] << 2u) | (f[11] << 15u) | (f[12] << 28u),
    (f[12] >> 4u) | (f[13] << 9u) | (f[14] << 22u),
    (f[14] >> 10u) | (f[15] << 3u) | (f[16] << 16u) | (f[17] << 29u),
    (f[17] >> 3u) | (f[18] << 10u) | (f[19] << 23u));
}

// Points as they lie in memory. The last word of an affine one says whether it is one.
alias StoredAffine = array<vec4<u32>, 16>;
alias StoredProjective = array<vec4<u32>, 20>;

fn is_point(q: StoredAffine) -> bool { return q[15].w == 1u; }

fn store_affine(p: AffineNiels, is_point: bool) -> StoredAffine {
  return StoredAffine(
    vec4(p.plus[0], p.plus[1], p.plus[2], p.plus[3]),
    vec4(p.plus[4], p.plus[5], p.plus[6], p.plus[7]),
    vec4(p.plus[8], p.plus[9], p.plus[10], p.plus[11]),
    vec4(p.plus[12], p.plus[13], p.plus[14], p.plus[15]),
    vec4(p.plus[16], p.plus[17], p.plus[18], p.plus[19]),
    vec4(p.minus[0], p.minus[1], p.minus[2], p.minus[3]),
    vec4(p.minus[4], p.minus[5], p.minus[6], p.minus[7]),
    vec4(p.minus[8], p.minus[9], p.minus[10], p.minus[11]),
    vec4(p.minus[12], p.minus[13], p.minus[14], p.minus[15]),
    vec4(p.minus[16], p.minus[17], p.minus[18], p.minus[19]),
    vec4(p.t2d[0], p.t2d[1], p.t2d[2], p.t2d[3]),
    vec4(p.t2d[4], p.t2d[5], p.t2d[6], p.t2d[7]),
    vec4(p.t2d[8], p.t2d[9], p.t2d[10], p.t2d[11]),
    vec4(p.t2d[12], p.t2d[13], p.t2d[14], p.t2d[15]),
    vec4(p.t2d[16], p.t2d[17], p.t2d[18], p.t2d[19]),
    vec4(0u, 0u, 0u, select(0u, 1u, is_point)));
}

fn store_projective(p: ProjectiveNiels) -> StoredProjective {
  return StoredProjective(
    vec4(p.plus[0], p.plus[1], p.plus[2], p.plus[3]),
    vec4(p.plus[4], p.plus[5], p.plus[6], p.plus[7]),
    vec4(p.plus[8], p.plus[9], p.plus[10], p.plus[11]),
    vec4(p.plus[12], p.plus[13], p.plus[14], p.plus[15]),
    vec4(p.plus[16], p.plus[17], p.plus[18], p.plus[19]),
    vec4(p.minus[0], p.minus[1], p.minus[2], p.minus[3]),
    vec4(p.minus[4], p.minus[5], p.minus[6], p.minus[7]),
    vec4(p.minus[8], p.minus[9], p.minus[10], p.minus[11]),
    vec4(p.minus[12], p.minus[13], p.minus[14], p.minus[15]),
    vec4(p.minus[16], p.minus[17], p.minus[18], p.minus[19]),
    vec4(p.z2[0], p.z2[1], p.z2[2], p.z2[3]),
    vec4(p.z2[4], p.z2[5], p.z2[6], p.z2[7]),
    vec4(p.z2[8], p.z2[9], p.z2[10], p.z2[11]),
    vec4(p.z2[12], p.z2[13], p.z2[14], p.z2[15]),
    vec4(p.z2[16], p.z2[17], p.z2[18], p.z2[19]),
    vec4(p.t2d[0], p.t2d[1], p.t2d[2], p.t2d[3]),
    vec4(p.t2d[4], p.t2d[5], p.t2d[6], p.t2d[7]),
    vec4(p.t2d[8], p.t2d[9], p.t2d[10], p.t2d[11]),
    vec4(p.t2d[12], p.t2d[13], p.t2d[14], p.t2d[15]),
    vec4(p.t2d[16], p.t2d[17], p.t2d[18], p.t2d[19]));
}

fn load_affine(q: StoredAffine) -> AffineNiels {
  return AffineNiels(
    Fe(q[0].x, q[0].y, q[0].z, q[0].w, q[1].x, q[1].y, q[1].z, q[1].w, q[2].x, q[2].y, q[2].z, q[2].w, q[3].x, q[3].y, q[3].z, q[3].w, q[4].x, q[4].y, q[4].z, q[4].w),
    Fe(q[5].x, q[5].y, q[5].z, q[5].w, q[6].x, q[6].y, q[6].z, q[6].w, q[7].x, q[7].y, q[7].z, q[7].w, q[8].x, q[8].y, q[8].z, q[8].w, q[9].x, q[9].y, q[9].z, q[9].w),
    Fe(q[10].x, q[10].y, q[10].z, q[10].w, q[11].x, q[11].y, q[11].z, q[11].w, q[12].x, q[12].y, q[12].z, q[12].w, q[13].x, q[13].y, q[13].z, q[13].w, q[14].x, q[14].y, q[14].z, q[14].w));
}

fn load_projective(q: StoredProjective) -> ProjectiveNiels {
  return ProjectiveNiels(
    Fe(q[0].x, q[0].y, q[0].z, q[0].w, q[1].x, q[1].y, q[1].z, q[1].w, q[2].x, q[2].y, q[2].z, q[2].w, q[3].x, q[3].y, q[3].z, q[3].w, q[4].x, q[4].y, q[4].z, q[4].w),
    Fe(q[5].x, q[5].y, q[5].z, q[5].w, q[6].x, q[6].y, q[6].z, q[6].w, q[7].x, q[7].y, q[7].z, q[7].w, q[8].x, q[8].y, q[8].z, q[8].w, q[9].x, q[9].y, q[9].z, q[9].w),
    Fe(q[10].x, q[10].y, q[10].z, q[10].w, q[11].x, q[11].y, q[11].z, q[11].w, q[12].x, q[12].y, q[12].z, q[12].w, q[13].x, q[13].y, q[13].z, q[13].w, q[14].x, q[14].y, q[14].z, q[14].w),
    Fe(q[15].x, q[15].y, q[15].z, q[15].w, q[16].x, q[16].y, q[16].z, q[16].w, q[17].x, q[17].y, q[17].z, q[17].w, q[18].x, q[18].y, q[18].z, q[18].w, q[19].x, q[19].y, q[19].z, q[19].w));
}
