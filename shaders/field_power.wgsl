// Powers modulo p, on either representation of field_*.wgsl. Every function takes and gives tight
// elements.

// a^(2^count)
fn fe_sq_times(a: Fe, count: u32) -> Fe {
  var x = a;
  for (var i = 0u; i < count; i++) { x = fe_sq(x); }
  return x;
}

// a^(2^252 - 3), that is a^((p - 5) / 8). One squaring and one multiplication in a loop take the
// exponent of x, written in binary, from five ones to 250: each turn shifts it and fills in what an
// earlier turn had.
fn fe_pow_2_252_3(a: Fe) -> Fe {
  let a2 = fe_sq(a);
  let a9 = fe_mul(fe_sq_times(a2, 2u), a);
  let a11 = fe_mul(a9, a2);
  var x = fe_mul(fe_sq(a11), a9);
  var ten = x;
  var fifty = x;
  for (var turn = 0u; turn < 8u; turn++) {
    var shift = 5u;
    var filling = x;
    switch (turn) {
      case 0u: {}                                // 10 ones
      case 1u: { shift = 10u; ten = x; }         // 20
      case 2u: { shift = 20u; }                  // 40
      case 3u: { shift = 10u; filling = ten; }   // 50
      case 4u: { shift = 50u; fifty = x; }       // 100
      case 5u: { shift = 100u; }                 // 200
      case 6u: { shift = 50u; filling = fifty; } // 250
      default: { shift = 2u; filling = a; }      // 250, a zero, and a one
    }
    x = fe_mul(fe_sq_times(x, shift), filling);
  }
  return x;
}

// 1/a, and 0 for 0: a^(p - 2) = (a^(2^252 - 3))^8 a^3
fn fe_invert(a: Fe) -> Fe {
  let eighth = fe_sq_times(fe_pow_2_252_3(a), 3u);
  return fe_mul(fe_mul(eighth, fe_sq(a)), a);
}
