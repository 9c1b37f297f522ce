//! Elements as bytes have them, and points as buffers do.

use std::fmt::Write;

use super::{super::terms::function, Limbs};

/// `fe_from_words` and `fe_to_words`.
pub fn words(limbs: Limbs) -> String {
    let limb = |i: usize| {
        let (offset, width) = (limbs.offset(i), limbs.width(i).min(255 - limbs.offset(i)));
        let (word, bit) = (offset / 32, offset % 32);
        let low = format!("(w[{word}] >> {bit}u)");
        let all = if bit + width > 32 {
            format!("({low} | (w[{}] << {}u))", word + 1, 32 - bit)
        } else {
            low
        };
        format!("{all} & {}u", (1u32 << width) - 1)
    };
    let word = |at: usize| {
        let parts = (0..limbs.count()).filter_map(|i| {
            let shift = i64::from(limbs.offset(i)) - 32 * at as i64;
            match shift {
                0..32 => Some(format!("(f[{i}] << {shift}u)")),
                _ if -shift < i64::from(limbs.width(i)) && shift < 0 => {
                    Some(format!("(f[{i}] >> {}u)", -shift))
                }
                _ => None,
            }
        });
        parts.collect::<Vec<_>>().join(" | ")
    };
    let list = |elements: Vec<String>| elements.join(",\n    ");
    let from = format!("  return Fe(\n    {});\n", list((0..limbs.count()).map(limb).collect()));
    let to = format!(
        "  let f = fe_freeze(a);\n  return array<u32, 8>(\n    {});\n",
        list((0..8).map(word).collect())
    );
    function(
        "The number below 2^255 in eight little-endian words, whose last bit does not count; tight.",
        "fe_from_words(w: array<u32, 8>) -> Fe",
        &from,
    ) + &function(
        "a mod p, from tight, as eight little-endian words.",
        "fe_to_words(a: Fe) -> array<u32, 8>",
        &to,
    )
}

/// The points of `curve.wgsl` as they lie in memory: in quads of words, so that one access moves four.
pub fn points(limbs: Limbs) -> String {
    let n = limbs.count();
    let list = |elements: &[String]| elements.join(",\n    ");
    // Limb by limb, one coordinate behind another, and after an affine point's a mark.
    let quads = |coordinates: &[&str], mark: bool| -> Vec<String> {
        let of = |name| (0..n).map(move |i| format!("p.{name}[{i}]"));
        let mut words: Vec<_> = coordinates.iter().flat_map(of).collect();
        if mark {
            words.resize((words.len() + 1).next_multiple_of(4) - 1, "0u".into());
            words.push("select(0u, 1u, is_point)".into());
        }
        words.chunks(4).map(|quad| format!("vec4({})", quad.join(", "))).collect()
    };
    let fields = |count: usize| -> Vec<String> {
        let word = |at: usize| format!("q[{}].{}", at / 4, ["x", "y", "z", "w"][at % 4]);
        let limbs = |c: usize| (c * n..(c + 1) * n).map(word).collect::<Vec<_>>().join(", ");
        (0..count).map(|c| format!("Fe({})", limbs(c))).collect()
    };
    let affine = quads(&["plus", "minus", "t2d"], true);
    let projective = quads(&["plus", "minus", "z2", "t2d"], false);
    let (affine_count, projective_count) = (affine.len(), projective.len());
    let mut text = format!(
        "// Points as they lie in memory. The last word of an affine one says whether it is one.\n\
         alias StoredAffine = array<vec4<u32>, {affine_count}>;\n\
         alias StoredProjective = array<vec4<u32>, {projective_count}>;\n\n\
         fn is_point(q: StoredAffine) -> bool {{ return q[{}].w == 1u; }}\n\n",
        affine_count - 1
    );
    let functions = [
        ("store_affine(p: AffineNiels, is_point: bool)", "StoredAffine", affine),
        ("store_projective(p: ProjectiveNiels)", "StoredProjective", projective),
        ("load_affine(q: StoredAffine)", "AffineNiels", fields(3)),
        ("load_projective(q: StoredProjective)", "ProjectiveNiels", fields(4)),
    ];
    for (signature, result, elements) in functions {
        let body = format!("  return {result}(\n    {});\n", list(&elements));
        write!(text, "fn {signature} -> {result} {{\n{body}}}\n\n").expect("a string");
    }
    text
}
