// Verdicts on signatures under keys with tables, by ZIP-215: s is below the order, R is a point, and
// 8 (s B - k A - R) is the identity.
//
// A table has 0 to 128 times 256^w A for each w below 32, so that a digit of k or s costs an addition
// and nothing is doubled but for the cofactor.
//
// After field_*.wgsl, curve.wgsl, scalar.wgsl and digits.wgsl.

override WORKGROUP: u32 = 64u;

struct Batch { count: u32 }
// slot: the number of the key's table. Table 0 is B's.
struct Item { start: u32, bytes: u32, slot: u32 }

const ENTRIES: u32 = 129u;
const WINDOWS: u32 = 32u;

@group(0) @binding(0) var<uniform> batch: Batch;
// Columns, one behind the other: R, A, s.
@group(0) @binding(1) var<storage, read> columns: array<array<u32, 8>>;
@group(0) @binding(2) var<storage, read> items: array<Item>;
// k
@group(0) @binding(4) var<storage, read_write> scalars: array<array<u32, 8>>;
// R
@group(0) @binding(5) var<storage, read_write> points: array<StoredAffine>;
@group(0) @binding(7) var<storage, read_write> verdicts: array<u32>;
@group(0) @binding(8) var<storage, read> tables: array<StoredAffine>;

@compute @workgroup_size(WORKGROUP)
fn comb(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= batch.count) { return; }
  let response = 2u * batch.count + i;
  let slot = items[i].slot;
  var q = identity();
  var k_below = 0u;
  var s_below = 0u;
  // Digits of k and s in turn; the last turn subtracts R.
  for (var turn = 0u; turn <= 2u * WINDOWS; turn++) {
    let byte = min(turn >> 1u, WINDOWS - 1u);
    let of_base = (turn & 1u) == 1u;
    let is_last = turn == 2u * WINDOWS;
    let k = scalars[i][byte >> 2u];
    let s = columns[response][byte >> 2u];
    let at = 8u * (byte & 3u);
    let chosen = digit(select(k, s, of_base), select(k_below, s_below, of_base), at, 8u);
    if (of_base && at == 24u) {
      k_below = k >> 31u;
      s_below = s >> 31u;
    }
    let table = select(slot, 0u, of_base) * (WINDOWS * ENTRIES);
    var summand = tables[table + byte * ENTRIES + u32(abs(chosen))];
    if (is_last) { summand = points[i]; }
    let negative = is_last || (chosen < 0) == of_base;
    q = add_affine(extend(q), load_affine(summand), negative);
  }
  for (var n = 0u; n < 3u; n++) { q = double(q); }
  let holds = is_point(points[i]) && is_canonical(columns[response]) && is_identity(q);
  verdicts[i] = select(0u, 1u, holds);
}
