// The group of the curve -x^2 + y^2 = 1 + d x^2 y^2, by the complete formulas of Hisil, Wong, Carter and
// Dawson (Asiacrypt 2008, sections 3.1 and 3.3 with a = -1): they hold for all points, those of small
// order and the identity among them. Elements are tight unless a comment says loose.

// x = X/Z, y = Y/Z, xy = T/Z
struct Extended { x: Fe, y: Fe, z: Fe, t: Fe }

// Between two formulas: x = E/G, y = H/F. E is loose. Four products make it extended, three all that a
// doubling needs.
struct Completed { e: Fe, f: Fe, g: Fe, h: Fe }

// y + x, y - x and 2 d x y of a point: as a summand it costs three products.
struct AffineNiels { plus: Fe, minus: Fe, t2d: Fe }

// The same times Z, and 2 Z: four products.
struct ProjectiveNiels { plus: Fe, minus: Fe, z2: Fe, t2d: Fe }

fn identity() -> Completed { return Completed(ZERO, ONE, ONE, ONE); }

// A denominator is never 0, so x = 0 is E = 0, and y = 1 is H = F.
fn is_identity(p: Completed) -> bool {
  return fe_is_zero(fe_tighten(p.e)) && fe_is_zero(fe_sub(p.h, p.f));
}

fn extend(p: Completed) -> Extended {
  return Extended(fe_mul(p.e, p.f), fe_mul(p.g, p.h), fe_mul(p.f, p.g), fe_mul(p.e, p.h));
}

fn double(p: Completed) -> Completed {
  let x = fe_mul(p.e, p.f);
  let y = fe_mul(p.g, p.h);
  let a = fe_sq(x);
  let b = fe_sq(y);
  let c = fe_sq(fe_mul(p.f, p.g));
  let h = fe_add(a, b);
  let g = fe_sub(a, b);
  let e = fe_sub_loose(h, fe_sq(fe_add(x, y)));
  return Completed(e, fe_add(fe_add(c, c), g), g, h);
}

// p + q, the products of whose coordinates are known.
fn completed(a: Fe, b: Fe, c: Fe, d: Fe) -> Completed {
  return Completed(fe_sub_loose(b, a), fe_sub(d, c), fe_add(d, c), fe_add(b, a));
}

// p + q, or p - q
fn add_affine(p: Extended, q: AffineNiels, negative: bool) -> Completed {
  let a = fe_mul(fe_sub_loose(p.y, p.x), fe_select(q.minus, q.plus, negative));
  let b = fe_mul(fe_add_loose(p.y, p.x), fe_select(q.plus, q.minus, negative));
  let c = fe_mul(fe_select(q.t2d, fe_sub_loose(ZERO, q.t2d), negative), p.t);
  return completed(a, b, c, fe_add(p.z, p.z));
}

// p + q, or p - q
fn add_projective(p: Extended, q: ProjectiveNiels, negative: bool) -> Completed {
  let a = fe_mul(fe_sub_loose(p.y, p.x), fe_select(q.minus, q.plus, negative));
  let b = fe_mul(fe_add_loose(p.y, p.x), fe_select(q.plus, q.minus, negative));
  let c = fe_mul(fe_select(q.t2d, fe_sub_loose(ZERO, q.t2d), negative), p.t);
  return completed(a, b, c, fe_mul(p.z, q.z2));
}
