// Verdicts on signatures under any keys, by ZIP-215: s is below the order, R and A are points, and
// 8 (s B - k A - R) is the identity.
//
// From the top, a byte of k and s at a time: sixteen times what there is, minus the upper digit of k
// times A; again, with the lower; plus the digit of s times B.
//
// After field_*.wgsl, curve.wgsl, scalar.wgsl and digits.wgsl.

override WORKGROUP: u32 = 64u;

struct Batch { count: u32 }

@group(0) @binding(0) var<uniform> batch: Batch;
// Columns, one behind the other: R, A, s.
@group(0) @binding(1) var<storage, read> columns: array<array<u32, 8>>;
// k
@group(0) @binding(4) var<storage, read_write> scalars: array<array<u32, 8>>;
// R, A
@group(0) @binding(5) var<storage, read_write> points: array<StoredAffine>;
@group(0) @binding(6) var<storage, read_write> multiples: array<StoredProjective>;
@group(0) @binding(7) var<storage, read_write> verdicts: array<u32>;
// Begins with 0 B, 1 B, ... 128 B.
@group(0) @binding(8) var<storage, read> tables: array<StoredAffine>;

@compute @workgroup_size(WORKGROUP)
fn verify(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= batch.count) { return; }
  let response = 2u * batch.count + i;
  var q = identity();
  // Turns 0 to 31 take a byte each; turn 32 subtracts R, and turn 33 takes all of it times 8. With one
  // place for each formula, the code is as short as can be.
  for (var turn = 0u; turn < 34u; turn++) {
    let byte = 31u - min(turn, 31u);
    let at = 8u * (byte & 3u);
    let k = scalars[i][byte >> 2u];
    let s = columns[response][byte >> 2u];
    var k_below = 0u;
    var s_below = 0u;
    if (byte >= 4u) {
      k_below = scalars[i][(byte >> 2u) - 1u] >> 31u;
      s_below = columns[response][(byte >> 2u) - 1u] >> 31u;
    }
    let takes_byte = turn < 32u;
    let halves = select(turn - 32u, 2u, takes_byte);
    let doublings = select(3u, 4u, takes_byte);
    for (var half = 0u; half < halves; half++) {
      for (var n = 0u; n < doublings; n++) { q = double(q); }
      let of_key = select(0, digit(k, k_below, at + 4u - 4u * half, 4u), takes_byte);
      let multiple = load_projective(multiples[u32(abs(of_key)) * batch.count + i]);
      q = add_projective(extend(q), multiple, of_key > 0);
    }
    let of_base = select(0, digit(s, s_below, at, 8u), takes_byte);
    var summand = tables[u32(abs(of_base))];
    if (turn == 32u) { summand = points[i]; }
    q = add_affine(extend(q), load_affine(summand), turn == 32u || of_base < 0);
  }
  let decoded = is_point(points[i]) && is_point(points[batch.count + i]);
  let holds = decoded && is_canonical(columns[response]) && is_identity(q);
  verdicts[i] = select(0u, 1u, holds);
}
