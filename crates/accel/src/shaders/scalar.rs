//! Arithmetic modulo the group's order ℓ = 2²⁵² + c in WGSL, on any device.
//!
//! Numbers are cut into signed limbs of 13 bits in `i32`s, whose products add up without overflow as
//! those of the [field](super::field) do. What lies above 2²⁶⁰ = 2¹³·²⁰ comes back times −256c, which is
//! congruent to 2²⁶⁰; the little that is left above 2²⁵² comes back times −c.

use super::terms::{Code, Kind, Term, function};

/// The limbs of c = ℓ − 2²⁵².
const C: [i128; 10] = limbs(27_742_317_777_372_353_535_851_937_790_883_648_493);
const BITS: u32 = 13;
/// How many limbs there are below 2²⁶⁰.
const LOW: usize = 20;
/// How many limbs there are in all: 520 bits.
const ALL: usize = 40;

/// Cuts a positive number into unsigned limbs.
const fn limbs<const N: usize>(mut number: u128) -> [i128; N] {
    let mut out = [0; N];
    let mut i = 0;
    while i < N {
        out[i] = (number & 0x1fff) as i128;
        number >>= BITS;
        i += 1;
    }
    out
}

/// 256 c in limbs of either sign, which are half as large.
fn fold() -> Vec<i128> {
    let mut carry = 0;
    let mut out = Vec::new();
    // c 2⁸ limb by limb: each takes the upper part of the one below.
    for i in 0..=C.len() {
        let here = C.get(i).map_or(0, |c| (c << 8) & 0x1fff);
        let below = if i == 0 { 0 } else { C[i - 1] >> (BITS - 8) };
        let limb = here + below + carry;
        carry = i128::from(limb > 0x1000);
        out.push(limb - (carry << BITS));
    }
    assert_eq!(carry, 0, "256 c has 133 bits");
    out
}

/// The text of `shaders/scalar.wgsl`.
pub fn scalar() -> String {
    let mut text = "\
        // Integers modulo the order of the base point, 2^252 + c with c = 0x14def9de...5cf5d3ed.\n\
        // Written by byzlab_accel::shaders::scalar, which says how: edit that, not this.\n\n\
        // A number of up to 520 bits, 13 of them in each limb.\n\
        alias Wide = array<i32, 40>;\n\n"
        .to_owned();
    text += &cut("A number in sixteen little-endian words.", "wide_from_words", 16, ALL);
    text += &cut("A number in eight little-endian words.", "wide_from_half", 8, ALL);
    text += &multiply_add();
    text += &reduce();
    text += CANONICAL;
    text
}

const CANONICAL: &str = "\
// Whether the number in eight little-endian words is below the order: whether subtracting it borrows,
// word by word.
fn is_canonical(s: array<u32, 8>) -> bool {
  var below = s[0] < 0x5cf5d3edu;
  below = (s[1] < 0x5812631au) | ((s[1] == 0x5812631au) & below);
  below = (s[2] < 0xa2f79cd6u) | ((s[2] == 0xa2f79cd6u) & below);
  below = (s[3] < 0x14def9deu) | ((s[3] == 0x14def9deu) & below);
  below = ((s[4] | s[5] | s[6]) == 0u) & below;
  return (s[7] < 0x10000000u) | ((s[7] == 0x10000000u) & below);
}
";

/// A function that cuts words into limbs.
fn cut(doc: &str, name: &str, words: usize, count: usize) -> String {
    let limb = |i: usize| {
        let (word, bit) = (13 * i / 32, 13 * i % 32);
        if word >= words {
            return "0i".to_owned();
        }
        let low = format!("(w[{word}] >> {bit}u)");
        let all = if bit + 13 > 32 && word + 1 < words {
            format!("({low} | (w[{}] << {}u))", word + 1, 32 - bit)
        } else {
            low
        };
        format!("i32({all} & 8191u)")
    };
    let limbs: Vec<_> = (0..count).map(limb).collect();
    function(
        doc,
        &format!("{name}(w: array<u32, {words}>) -> Wide"),
        &format!("  return Wide(\n    {});\n", limbs.join(",\n    ")),
    )
}

fn parameter(name: &str, most: impl Fn(usize) -> i128) -> Vec<Term> {
    (0..ALL).map(|i| Term::named(Kind::I32, format!("{name}[{i}]"), 0, most(i))).collect()
}

/// `wide_multiply_add`: numbers of 256 bits, so that no more than 20 limbs count.
fn multiply_add() -> String {
    let limb = |i| [0x1fff, 0x1ff, 0][usize::from(i >= LOW - 1) + usize::from(i >= LOW)];
    let (a, b, c) = (parameter("a", limb), parameter("b", limb), parameter("c", limb));
    let mut code = Code::default();
    let mut carry: Option<Term> = None;
    let mut out = Vec::new();
    for k in 0..2 * LOW - 1 {
        let pairs = (0..LOW).filter(|&i| i <= k && k - i < LOW);
        let mut terms: Vec<_> = pairs.map(|i| a[i].times(&b[k - i])).collect();
        if k < LOW {
            terms.push(c[k].clone());
        }
        terms.extend(carry.take());
        let sum = code.bind(format!("t{k}"), &Term::sum(&terms));
        out.push(sum.low(BITS));
        carry = Some(sum.right(BITS));
    }
    out.extend(carry);
    function(
        "a b + c for numbers below 2^256.",
        "wide_multiply_add(a: Wide, b: Wide, c: Wide) -> Wide",
        &code.give("Wide", &out),
    )
}

/// A number in the making: its limbs under names that change with every step.
struct Number {
    code: Code,
    limbs: Vec<Term>,
    steps: usize,
}

impl Number {
    fn rename(&mut self, i: usize, value: &Term) {
        self.steps += 1;
        self.limbs[i] = self.code.bind(format!("t{i}_{}", self.steps), value);
    }
    /// Brings limbs `from..` back below, each times `by` from limb `i − down` on.
    fn fold(&mut self, from: usize, by: &[i128], down: usize) {
        let mut sums: Vec<Vec<Term>> = self.limbs.iter().map(|limb| vec![limb.clone()]).collect();
        for (i, limb) in self.limbs.iter().enumerate().skip(from) {
            for (j, &by) in by.iter().enumerate().filter(|&(_, &by)| by != 0) {
                assert!(i - down + j < from, "limb {i} comes down above limb {from}");
                sums[i - down + j].push(limb.scaled(-by));
            }
        }
        let changed: Vec<_> = (0..from).filter(|&i| sums[i].len() > 1).collect();
        for i in changed {
            self.rename(i, &Term::sum(&sums[i]));
        }
        self.limbs.truncate(from);
    }
    /// Carries from limb `from` up to limb `to`, which is new if it is not there. Nearest leaves limbs
    /// of either sign, half as large; else they are in 0 ..= 8191.
    fn carry(&mut self, from: usize, to: usize, nearest: bool) {
        for i in from..to {
            let limb = self.limbs[i].clone();
            let half = Term::literal(Kind::I32, 1 << (BITS - 1));
            let rounded = if nearest { limb.plus(&half) } else { limb };
            let rounded = if nearest {
                self.steps += 1;
                self.code.bind(format!("c{i}_{}", self.steps), &rounded)
            } else {
                rounded
            };
            let carry = rounded.right(BITS);
            let own = if nearest { rounded.low(BITS).minus(&half) } else { rounded.low(BITS) };
            if i + 1 < self.limbs.len() {
                let above = self.limbs[i + 1].plus(&carry);
                self.rename(i + 1, &above);
            } else {
                self.limbs.push(carry.clone());
                self.rename(i + 1, &carry);
            }
            self.rename(i, &own);
        }
    }
}

/// `wide_reduce`.
fn reduce() -> String {
    let mut number = Number { code: Code::default(), limbs: parameter("a", |_| 0x1fff), steps: 0 };
    let fold = fold();
    number.code.line("// From 2^390 on; then from 2^260 on, twice.");
    number.fold(30, &fold, LOW);
    number.carry(LOW - 10, 30, true);
    number.fold(30, &fold, LOW);
    number.fold(LOW, &fold, LOW);
    number.carry(0, LOW, true);
    number.fold(LOW, &fold, LOW);
    number.carry(0, LOW - 1, false);
    number.code.line("// Plus 2^13 times the order, it is positive.");
    for (i, &c) in C.iter().enumerate() {
        let more = number.limbs[i + 1].plus(&Term::literal(Kind::I32, c));
        number.rename(i + 1, &more);
    }
    let top = number.limbs[LOW - 1].plus(&Term::literal(Kind::I32, 1 << (BITS + 5)));
    number.rename(LOW - 1, &top);
    number.carry(0, LOW - 1, false);
    assert!(number.limbs[LOW - 1].least() >= 0);
    // Below 2^252 after the first turn, and above -2^140; so either done, or one more order is missing.
    for _ in 0..2 {
        number.code.line("// What is above 2^252 comes back times -c.");
        let top = number.limbs[LOW - 1].clone();
        let above = number.code.bind(format!("above{}", number.steps), &top.right(5));
        number.rename(LOW - 1, &top.low(5));
        for (i, &c) in C.iter().enumerate() {
            let less = number.limbs[i].plus(&above.scaled(-c));
            number.rename(i, &less);
        }
        number.carry(0, LOW - 1, false);
    }
    let word = |at: i64| {
        let part = |(i, limb): (usize, &Term)| {
            let shift = 13 * i as i64 - 32 * at;
            let limb = format!("u32({})", limb.text());
            match shift {
                0..32 => Some(format!("({limb} << {shift}u)")),
                -12..0 => Some(format!("({limb} >> {}u)", -shift)),
                _ => None,
            }
        };
        let parts: Vec<_> = number.limbs.iter().enumerate().filter_map(part).collect();
        parts.join(" | ")
    };
    let words: Vec<_> = (0..8).map(word).collect();
    let mut code = number.code;
    code.line(format!("return array<u32, 8>(\n    {});", words.join(",\n    ")));
    function(
        "a modulo the order, as eight little-endian words. The limbs of a are in 0 ..= 8191.",
        "wide_reduce(a: Wide) -> array<u32, 8>",
        &code.into_text(),
    )
}
