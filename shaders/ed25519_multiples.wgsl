// 0 A, 1 A, ... 8 A for each item's key A: what its digits choose from in `verify`.
//
// After field_*.wgsl and curve.wgsl.

override WORKGROUP: u32 = 64u;

struct Batch { count: u32 }

@group(0) @binding(0) var<uniform> batch: Batch;
// Each item's R, then each item's A.
@group(0) @binding(5) var<storage, read_write> points: array<StoredAffine>;
// Each item's 0 A, then each item's 1 A, and so on.
@group(0) @binding(6) var<storage, read_write> multiples: array<StoredProjective>;

@compute @workgroup_size(WORKGROUP)
fn fill(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= batch.count) { return; }
  let key = load_affine(points[batch.count + i]);
  multiples[i] = store_projective(ProjectiveNiels(ONE, ONE, TWO, ZERO));
  var p = Extended(ZERO, ONE, ONE, ZERO);
  for (var n = 1u; n <= 8u; n++) {
    p = extend(add_affine(p, key, false));
    multiples[n * batch.count + i] = store_projective(ProjectiveNiels(
      fe_add(p.y, p.x), fe_sub(p.y, p.x), fe_add(p.z, p.z), fe_mul(p.t, D2)));
  }
}
