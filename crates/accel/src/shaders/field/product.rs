//! `fe_mul` and `fe_sq`, where all the time goes.

use std::{cmp::Ordering, mem};

use super::{
    super::terms::{Code, Kind, Term, function},
    Limbs,
};

const PRODUCT: &str = "a * b: a loose, b tight, to tight.";
const SQUARE: &str = "a * a: from tight to tight.";

fn multiplication(square: bool, body: &str) -> String {
    if square {
        function(SQUARE, "fe_sq(a: Fe) -> Fe", body)
    } else {
        function(PRODUCT, "fe_mul(a: Fe, b: Fe) -> Fe", body)
    }
}

/// The last carry: what leaves limb 9 or 19 is multiplied into limb 0 and may ripple twice.
fn finish(limbs: Limbs, code: &mut Code, mut low: Vec<Term>, first: &Term) -> String {
    let zero = match limbs {
        Limbs::U32 => first.low(13),
        Limbs::U64 => first.narrowed(26),
    };
    let carry = first.right(limbs.width(0));
    let carry = match limbs {
        Limbs::U32 => carry,
        Limbs::U64 => carry.cast(Kind::U32),
    };
    let one = code.bind("s1", &low[1].plus(&carry));
    low[0] = zero;
    low[2] = low[2].plus(&one.right(limbs.width(1)));
    low[1] = one.low(limbs.width(1));
    limbs.assert_tight(&low);
    mem::take(code).give("Fe", &low)
}

/// Schoolbook columns; those from 2²⁶⁰ on come back 608-fold.
pub fn u32s(square: bool) -> String {
    let limbs = Limbs::U32;
    let n = limbs.count();
    let mut code = Code::default();
    let a = if square { limbs.tight_parameter("a") } else { limbs.loose_parameter("a") };
    let b = limbs.tight_parameter("b");
    let twice: Vec<_> = if square {
        (0..).zip(&a).map(|(i, a)| code.bind(format!("d{i}"), &a.left(1))).collect()
    } else {
        Vec::new()
    };
    let column = |k: usize| -> Vec<Term> {
        let pairs = (0..n).filter(|&i| i <= k && k - i < n).map(|i| (i, k - i));
        let product = |(i, j): (usize, usize)| match (square, i.cmp(&j)) {
            (false, _) => Some(a[i].times(&b[j])),
            (true, Ordering::Less) => Some(twice[i].times(&a[j])),
            (true, Ordering::Equal) => Some(a[i].times(&a[i])),
            (true, Ordering::Greater) => None,
        };
        pairs.filter_map(product).collect()
    };
    let mut high = Vec::new();
    let mut carry = None;
    for k in n..2 * n - 1 {
        let mut terms = column(k);
        terms.extend(carry.take());
        let sum = code.bind(format!("t{k}"), &Term::sum(&terms));
        high.push(code.bind(format!("h{}", k - n), &sum.low(13)));
        carry = Some(sum.right(13));
    }
    let above = carry.take().expect("the columns above 2^260");
    high.push(code.bind(format!("h{}", n - 1), &above));
    let mut low = Vec::new();
    for (k, high) in high.iter().enumerate() {
        let mut terms = column(k);
        terms.push(high.scaled(limbs.wrap()));
        terms.extend(carry.take());
        let sum = code.bind(format!("t{k}"), &Term::sum(&terms));
        low.push(code.bind(format!("r{k}"), &sum.low(13)));
        carry = Some(sum.right(13));
    }
    let above = carry.expect("the last column").scaled(limbs.wrap());
    let first = code.bind("s0", &low[0].plus(&above));
    let body = finish(limbs, &mut code, low, &first);
    multiplication(square, &body)
}

/// Columns of ten: a product of limbs i and j goes to column i + j mod 10, twice if both are odd (both
/// lie half a bit high), 19-fold if it wraps.
pub fn u64s(square: bool) -> String {
    let limbs = Limbs::U64;
    let n = limbs.count();
    let mut code = Code::default();
    let parameter = if square { limbs.tight_parameter("a") } else { limbs.loose_parameter("a") };
    let other = if square { parameter.clone() } else { limbs.tight_parameter("b") };
    let mut wide = |name: &str, limbs: &[Term], scale: u32| -> Vec<Term> {
        let bind = |(i, limb): (usize, &Term)| {
            let scaled = if scale == 19 { limb.scaled(19) } else { limb.left(scale) };
            let value = if scale == 0 { limb.clone() } else { scaled };
            code.bind(format!("{name}{i}"), &value.cast(Kind::U64))
        };
        limbs.iter().enumerate().map(bind).collect()
    };
    let a = wide("a", &parameter, 0);
    let a2 = wide("d", &parameter, 1);
    let a4 = if square { wide("q", &parameter, 2) } else { Vec::new() };
    let b = if square { a.clone() } else { wide("b", &other, 0) };
    let b19 = wide("w", &other, 19);
    let mut carry = None;
    let mut low = Vec::new();
    for k in 0..n {
        let mut terms = Vec::new();
        for i in 0..n {
            let j = (n + k - i) % n;
            if square && i > j {
                continue;
            }
            let doublings = usize::from(i % 2 == 1 && j % 2 == 1) + usize::from(square && i < j);
            let left = [&a, &a2, &a4][doublings];
            let right = if i + j < n { &b } else { &b19 };
            terms.push(left[i].times(&right[j]));
        }
        terms.extend(carry.take());
        let sum = code.bind(format!("t{k}"), &Term::sum(&terms));
        low.push(code.bind(format!("r{k}"), &sum.narrowed(limbs.width(k))));
        carry = Some(sum.right(limbs.width(k)));
    }
    let above = carry.expect("the last column").scaled(limbs.wrap());
    let first = code.bind("s0", &low[0].cast(Kind::U64).plus(&above));
    let body = finish(limbs, &mut code, low, &first);
    multiplication(square, &body)
}
