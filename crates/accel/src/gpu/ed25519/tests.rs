//! The parts of the kernels, each by itself, at the edges of what it takes.

use std::sync::{Arc, OnceLock};

use curve25519_dalek::Scalar;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use sha2::{Digest as _, Sha512};

use super::*;
use crate::gpu::{Options, testing};

fn engine() -> Option<Arc<Engine>> {
    static ENGINE: OnceLock<Option<Arc<Engine>>> = OnceLock::new();
    let open = || Some(Engine::open(&testing::software()?, Options::default()).unwrap());
    ENGINE.get_or_init(open).clone()
}

/// Each representation that the adapter has, or none where there is no adapter.
fn each() -> impl Iterator<Item = (Arc<Engine>, Limbs)> {
    let all =
        engine().into_iter().flat_map(|engine| Limbs::ALL.map(|limbs| (engine.clone(), limbs)));
    all.filter(|(engine, limbs)| *limbs == Limbs::U32 || engine.has_int64())
}

/// Runs one kernel over `count` items; what it leaves in `wanted`, 32 bytes an item and result.
fn run(
    engine: &Arc<Engine>,
    (text, entry): (&str, &'static str),
    params: &[u32],
    sizes: [usize; BUFFERS.len()],
    wanted: usize,
    fill: impl FnOnce(&mut Inputs),
) -> Vec<[u8; ELEMENT]> {
    let kernels = [Kernel::new(text, entry, WORKGROUP)];
    let spec = Spec { name: "test", buffers: &BUFFERS, kernels: &kernels, room: Room::default() };
    let program = Program::new(engine, &spec).unwrap();
    let wanted = Region { buffer: wanted, at: 0, bytes: sizes[wanted] as u64 };
    let pass = Pass { kernel: 0, params, invocations: params[0] };
    let job = Job { sizes: &sizes.map(|size| size as u64), passes: &[pass], wanted: &[wanted] };
    let ticket = program.submit(program.room().unwrap(), &job, fill).unwrap();
    let answer = ticket.wait().unwrap();
    answer.read(|bytes| bytes.as_chunks::<ELEMENT>().0.to_vec()).unwrap()
}

/// What `operations` writes for each pair.
const OPERATIONS: usize = 7;

const FIELD: &str = "
override WORKGROUP: u32 = 64u;
struct Batch { count: u32 }
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> pairs: array<Fe>;
@group(0) @binding(7) var<storage, read_write> results: array<array<u32, 8>>;

@compute @workgroup_size(WORKGROUP)
fn operations(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.x;
  if (i >= batch.count) { return; }
  let a = pairs[2u * i];
  let b = pairs[2u * i + 1u];
  results[7u * i] = fe_to_words(fe_add(a, b));
  results[7u * i + 1u] = fe_to_words(fe_sub(a, b));
  results[7u * i + 2u] = fe_to_words(fe_mul(a, b));
  results[7u * i + 3u] = fe_to_words(fe_sq(a));
  results[7u * i + 4u] = fe_to_words(fe_mul(fe_add_loose(a, b), b));
  results[7u * i + 5u] = fe_to_words(fe_mul(fe_sub_loose(a, b), b));
  results[7u * i + 6u] = fe_to_words(fe_invert(a));
}
";

/// Plain arithmetic modulo p on 32-bit digits.
mod plain {
    pub type Number = [u64; 8];

    /// The residue of a number in any digits below 2^64 / 38 - 2^32.
    pub fn reduce(digits: &[u64]) -> Number {
        let mut number = [0; 8];
        let mut next = digits.to_vec();
        // 2^256 = 38, until there is nothing above; then 2^255 = 19.
        loop {
            let mut carry = 0;
            for digit in &mut next {
                carry += *digit;
                *digit = carry & 0xffff_ffff;
                carry >>= 32;
            }
            next.push(carry);
            next.resize(next.len().max(8), 0);
            let high = next.split_off(8);
            if high.iter().all(|digit| *digit == 0) {
                break;
            }
            next.resize(high.len().max(8), 0);
            high.iter().zip(&mut next).for_each(|(high, low)| *low += 38 * high);
        }
        number.copy_from_slice(&next);
        for _ in 0..3 {
            let reaches = number[7] > 0x7fff_ffff
                || (number[0] >= 0xffff_ffed
                    && number[7] == 0x7fff_ffff
                    && number[1..7].iter().all(|digit| *digit == 0xffff_ffff));
            if reaches {
                let mut carry = 19;
                for digit in &mut number {
                    carry += *digit;
                    *digit = carry & 0xffff_ffff;
                    carry >>= 32;
                }
                number[7] &= 0x7fff_ffff;
                // Adding 19 and dropping 2^255 subtracts p, when p is reached.
            }
        }
        number
    }
    pub fn add(a: &Number, b: &Number) -> Number {
        let sum: Vec<_> = a.iter().zip(b).map(|(a, b)| a + b).collect();
        reduce(&sum)
    }
    /// a - b = a + (p - 1) b
    pub fn sub(a: &Number, b: &Number) -> Number {
        let mut minus_1 = [0xffff_ffff; 8];
        (minus_1[0], minus_1[7]) = (0xffff_ffec, 0x7fff_ffff);
        add(a, &mul(&minus_1, b))
    }
    pub fn mul(a: &Number, b: &Number) -> Number {
        let mut product = [0; 17];
        for (i, a) in a.iter().enumerate() {
            for (j, b) in b.iter().enumerate() {
                let term = a * b;
                product[i + j] += term & 0xffff_ffff;
                product[i + j + 1] += term >> 32;
            }
        }
        reduce(&product)
    }
}

/// The digits of limbs.
fn value(limbs: Limbs, element: &[u32]) -> plain::Number {
    let mut digits = [0; 10];
    for (i, limb) in element.iter().enumerate() {
        let at = limbs.offset(i);
        let shifted = u64::from(*limb) << (at % 32);
        digits[at as usize / 32] += shifted & 0xffff_ffff;
        digits[at as usize / 32 + 1] += shifted >> 32;
    }
    plain::reduce(&digits)
}

/// 0, 1, 2, p - 1, p, p + 1, 2^255 - 1, and the largest limbs that a sum may leave, alone and in turn.
fn extremes(limbs: Limbs) -> Vec<Vec<u32>> {
    let count = limbs.count();
    let full = |i: usize| {
        let end = if i + 1 == count { 255 } else { limbs.offset(i + 1) };
        (1u32 << (end - limbs.offset(i))) - 1
    };
    let small = |n: u32| (0..count).map(|i| if i == 0 { n } else { 0 }).collect::<Vec<_>>();
    let below = |less: u32| (0..count).map(|i| full(i) - if i == 0 { less } else { 0 }).collect();
    let tight = |i| limbs.tight(i) as u32;
    let mut all = vec![small(0), small(1), small(2), below(19), below(18), below(17), below(0)];
    all.push((0..count).map(tight).collect());
    for parity in 0..2 {
        all.push((0..count).map(|i| if i % 2 == parity { tight(i) } else { 0 }).collect());
    }
    all
}

#[test]
fn the_field_at_its_extremes() {
    let mut random = ChaCha12Rng::seed_from_u64(1);
    for (engine, limbs) in each() {
        let mut elements = extremes(limbs);
        for _ in 0..20 {
            let limb = |i| (random.next_u64() % (limbs.tight(i) as u64 + 1)) as u32;
            elements.push((0..limbs.count()).map(limb).collect());
        }
        let pairs: Vec<_> = elements
            .iter()
            .flat_map(|a| elements.iter().map(move |b| [a.as_slice(), b.as_slice()]))
            .collect();
        let given: Vec<u32> = pairs.iter().flat_map(|pair| pair.concat()).collect();
        let mut sizes = [0; BUFFERS.len()];
        (sizes[COLUMNS], sizes[RESULTS]) = (4 * given.len(), OPERATIONS * ELEMENT * pairs.len());
        let kernel = text::field_test(limbs, FIELD);
        let count = [pairs.len() as u32];
        let results = run(&engine, (&kernel, "operations"), &count, sizes, RESULTS, |inputs| {
            inputs.of(COLUMNS).copy_from_slice(bytemuck::cast_slice(&given));
        });
        for (pair, got) in pairs.iter().zip(results.chunks(OPERATIONS)) {
            let [a, b] = pair.map(|element| value(limbs, element));
            let got: Vec<plain::Number> = got
                .iter()
                .map(|bytes| {
                    let (digits, _) = bytes.as_chunks::<4>();
                    std::array::from_fn(|i| u32::from_le_bytes(digits[i]).into())
                })
                .collect();
            let (sum, difference) = (plain::add(&a, &b), plain::sub(&a, &b));
            let product = plain::mul(&a, &b);
            let want = [sum, difference, product, plain::mul(&a, &a)];
            assert_eq!(got[..4], want, "{limbs:?} {pair:?}");
            assert_eq!(got[4], plain::mul(&sum, &b), "{limbs:?} {pair:?}");
            assert_eq!(got[5], plain::mul(&difference, &b), "{limbs:?} {pair:?}");
            let is_zero = a == plain::Number::default();
            let one = [u64::from(!is_zero), 0, 0, 0, 0, 0, 0, 0];
            assert_eq!(plain::mul(&got[6], &a), one, "{limbs:?} {pair:?}");
        }
    }
}

/// Statements of every length over three blocks, behind 64 bytes or 32.
#[test]
fn sha512_modulo_the_order() {
    let bytes: Vec<u8> = (0..600u32).map(|i| ((i * 167) >> 2) as u8).collect();
    let count = 300;
    let heads: Vec<[u8; ELEMENT]> = (0..2 * count)
        .map(|i| Sha512::digest([i as u8, (i >> 8) as u8])[..32].try_into().unwrap())
        .collect();
    for (engine, limbs) in each() {
        let kernel = text::challenge(limbs);
        for head in [1, 2] {
            let mut sizes = [0; BUFFERS.len()];
            sizes[COLUMNS] = ELEMENT * head * count;
            sizes[ITEMS] = ITEM * count;
            sizes[TEXTS] = (0..count).map(|length| length.next_multiple_of(4)).sum();
            sizes[SCALARS] = ELEMENT * count;
            let params = [count as u32, 8 * head as u32];
            let got = run(&engine, (&kernel, "challenge"), &params, sizes, SCALARS, |inputs| {
                for column in 0..head {
                    super::column(inputs, count, column, |i| &heads[column * count + i]);
                }
                statements(inputs, count, |i| (&bytes[i..2 * i], BASE));
            });
            for (length, got) in got.into_iter().enumerate() {
                let mut hash = Sha512::new();
                (0..head).for_each(|column| hash.update(heads[column * count + length]));
                hash.update(&bytes[length..2 * length]);
                let want = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
                assert_eq!(got, want.to_bytes(), "{limbs:?}: {length} bytes behind {head} heads");
            }
        }
    }
}

/// r + k a modulo the order, for numbers around it and at both ends of 256 bits.
#[test]
fn scalars_at_their_extremes() {
    let Some(engine) = engine() else { return };
    let minus_one = (-Scalar::ONE).to_bytes();
    let near = |low: i16| {
        let mut number = minus_one;
        number[0] = (i16::from(number[0]) + low) as u8;
        number
    };
    let power = |bit: usize| {
        let mut number = [0; ELEMENT];
        number[bit / 8] = 1 << (bit % 8);
        number
    };
    let mut all = vec![[0; ELEMENT], [0xff; ELEMENT], near(-1), near(0), near(1), near(2)];
    all.extend([0, 1, 124, 125, 251, 252, 253, 255].map(power));
    let triples: Vec<_> = all
        .iter()
        .flat_map(|r| all.iter().flat_map(|k| all.iter().map(|a| [*r, *k, *a])))
        .collect();
    // k is what a hash left; it is given here as a column, and copied.
    let kernel =
        text::respond().replace("= wide_from_half(scalars[i])", "= wide_from_half(columns[i])");
    let count = triples.len();
    let mut sizes = [0; BUFFERS.len()];
    (sizes[COLUMNS], sizes[RESULTS]) = (4 * ELEMENT * count, ELEMENT * count);
    let got = run(&engine, (&kernel, "respond"), &[count as u32], sizes, RESULTS, |inputs| {
        for (at, part) in [(0, 1), (1, 1), (2, 0), (3, 2)] {
            column(inputs, count, at, |i| &triples[i][part]);
        }
    });
    for ([r, k, a], got) in triples.iter().zip(got) {
        let [r, k, a] = [r, k, a].map(|bytes| Scalar::from_bytes_mod_order(*bytes));
        assert_eq!(got, (r + k * a).to_bytes());
    }
}

fn checked(verifier: &Ed25519, items: &[Item]) -> Vec<bool> {
    let mut verdicts = vec![false; items.len()];
    verifier.check(items, &mut verdicts).unwrap();
    verdicts
}

/// A flood of keys in use costs their senders, not the keys that are seen all the time.
#[test]
fn keys_in_use_have_tables_and_there_are_only_so_many() {
    let Some(engine) = engine() else { return };
    let verifier = Ed25519::new(&engine, None).unwrap();
    let signers: Vec<_> = (0..70)
        .map(|i| byzlab_core::Signer::seeded(byzlab_core::Scheme::Ed25519, 5, &format!("{i}")))
        .collect();
    let check = |at: usize, count: usize| {
        let signature = signers[at].sign(b"hot");
        let by = signers[at].public();
        let items = vec![Item { by, statement: b"hot", signature }; count];
        assert!(checked(&verifier, &items).iter().all(|holds| *holds));
    };
    check(0, 500);
    assert_eq!(verifier.keys(), 0);
    check(0, 12);
    assert_eq!(verifier.keys(), 1, "a key that is seen often gets a table");
    let rest: Vec<_> = signers[1..].iter().map(byzlab_core::Signer::public).collect();
    for some in rest.chunks(23) {
        verifier.load_keys(some).unwrap();
        check(0, 1);
    }
    let room = engine.bytes_max() / tables::table_bytes(verifier.limbs()) - 1;
    assert_eq!(verifier.keys() as u64, room.min(70));
    let known = verifier.tables.read().unwrap().slot(&signers[0].public(), 99);
    assert!(known.is_some(), "the key in use kept its table");
    (0..70).for_each(|at| check(at, 1));
}

/// A statement too long for one invocation is no matter of the device.
#[test]
fn long_statements() {
    let Some(engine) = engine() else { return };
    let verifier = Ed25519::new(&engine, None).unwrap();
    let signer = byzlab_core::Signer::ed25519([7; 32]);
    let long = vec![3; STATEMENT_MAX + 1];
    let signed =
        |statement| Item { by: signer.public(), statement, signature: signer.sign(statement) };
    let good = [signed(&long), signed(&long[1..]), signed(&[])];
    let mut bad = good;
    bad.iter_mut().for_each(|item| item.signature.0[63] ^= 1);
    let verdicts = checked(&verifier, &[good, bad].concat());
    assert_eq!(verdicts, [true, true, true, false, false, false]);
}
