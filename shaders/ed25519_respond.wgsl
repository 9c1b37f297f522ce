// s = r + k a modulo the order, for each item: the second half of a signature.
//
// After scalar.wgsl.

override WORKGROUP: u32 = 64u;

struct Batch { count: u32 }

@group(0) @binding(0) var<uniform> batch: Batch;
// Columns, one behind the other: R, A, the nonce r, the secret a.
@group(0) @binding(1) var<storage, read> columns: array<array<u32, 8>>;
// k
@group(0) @binding(4) var<storage, read_write> scalars: array<array<u32, 8>>;
@group(0) @binding(7) var<storage, read_write> results: array<array<u32, 8>>;

@compute @workgroup_size(WORKGROUP)
fn respond(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= batch.count) { return; }
  let r = wide_from_half(columns[2u * batch.count + i]);
  let a = wide_from_half(columns[3u * batch.count + i]);
  let k = wide_from_half(scalars[i]);
  results[i] = wide_reduce(wide_multiply_add(k, a, r));
}
