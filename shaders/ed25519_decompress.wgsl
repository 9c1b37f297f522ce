// Points from their encodings, by the rule of ZIP-215: y is taken modulo p, and the sign of x counts
// though x is 0. What is no point is marked as such.
//
// After field_*.wgsl, field_power.wgsl and curve.wgsl.

override WORKGROUP: u32 = 64u;

struct Batch { count: u32 }

@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> columns: array<array<u32, 8>>;
@group(0) @binding(5) var<storage, read_write> points: array<StoredAffine>;

@compute @workgroup_size(WORKGROUP)
fn decompress(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= batch.count) { return; }
  let encoding = columns[i];
  let y = fe_from_words(encoding);
  // x^2 = u / v, so x is u v^3 (u v^7)^((p - 5) / 8), times a root of -1 if that gives -u / v (RFC 8032,
  // section 5.1.3).
  let yy = fe_sq(y);
  let u = fe_sub(yy, ONE);
  let v = fe_add(fe_mul(yy, D), ONE);
  let v3 = fe_mul(fe_sq(v), v);
  let uv3 = fe_mul(u, v3);
  let uv7 = fe_mul(fe_mul(fe_sq(v3), v), u);
  var x = fe_mul(uv3, fe_pow_2_252_3(uv7));
  let vxx = fe_mul(fe_sq(x), v);
  let is_root = fe_is_zero(fe_sub(vxx, u));
  let is_other = fe_is_zero(fe_add(vxx, u));
  x = fe_select(fe_mul(x, SQRT_MINUS_1), x, is_root);
  let odd = fe_freeze(x)[0] & 1u;
  x = fe_select(x, fe_sub(ZERO, x), odd != encoding[7] >> 31u);
  let niels = AffineNiels(fe_add(y, x), fe_sub(y, x), fe_mul(fe_mul(x, y), D2));
  points[i] = store_affine(niels, is_root || is_other);
}
