// R = r B, encoded, for each item's nonce r. The addresses of what it reads depend on r: for load and
// tests, never for keys that matter.
//
// After field_*.wgsl, field_power.wgsl, curve.wgsl and digits.wgsl.

override WORKGROUP: u32 = 64u;

struct Batch { count: u32 }

const ENTRIES: u32 = 129u;
const WINDOWS: u32 = 32u;

@group(0) @binding(0) var<uniform> batch: Batch;
// r
@group(0) @binding(4) var<storage, read_write> scalars: array<array<u32, 8>>;
@group(0) @binding(7) var<storage, read_write> results: array<array<u32, 8>>;
// Begins with 0 to 128 times 256^w B, for each w below 32.
@group(0) @binding(8) var<storage, read> tables: array<StoredAffine>;

@compute @workgroup_size(WORKGROUP)
fn commit(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= batch.count) { return; }
  var p = identity();
  var below = 0u;
  for (var byte = 0u; byte < WINDOWS; byte++) {
    let r = scalars[i][byte >> 2u];
    let at = 8u * (byte & 3u);
    let chosen = digit(r, below, at, 8u);
    if (at == 24u) { below = r >> 31u; }
    let summand = load_affine(tables[byte * ENTRIES + u32(abs(chosen))]);
    p = add_affine(extend(p), summand, chosen < 0);
  }
  // x = E / G and y = H / F, with one inversion for both.
  let inverse = fe_invert(fe_mul(p.f, p.g));
  let x = fe_freeze(fe_mul(fe_mul(p.e, p.f), inverse));
  var encoding = fe_to_words(fe_mul(fe_mul(p.h, p.g), inverse));
  encoding[7] |= (x[0] & 1u) << 31u;
  results[i] = encoding;
}
