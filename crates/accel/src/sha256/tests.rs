//! Every way to hash gives what `core` gives, one thing at a time.

use byzlab_core::{Seal, Target, crypto::sha256_of, merkle};
use proptest::{collection::vec, prelude::*};

use super::*;

/// The ways this machine has, each for everything, and the choice among them.
fn ways() -> Vec<Sha256> {
    let mut ways: Vec<_> = Way::all().into_iter().map(Sha256::from).collect();
    #[cfg(target_arch = "x86_64")]
    ways.extend(wide::Avx512::detect().map(|wide| Sha256::from(Way::Wide(wide, None))));
    ways.push(Sha256::detect());
    ways
}

fn hash_all(way: Sha256, prefix: &'static [u8], messages: &[Vec<u8>]) -> Vec<Digest> {
    let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let mut out = vec![Digest::default(); messages.len()];
    way.hash_many(prefix, &messages, &mut out);
    out
}

#[test]
fn every_length_to_three_hundred() {
    let messages: Vec<Vec<u8>> =
        (0..=300).map(|n| (0..n).map(|i| (i * 7 + n) as u8).collect()).collect();
    for way in ways() {
        for prefix in [&[][..], &[0], &[5; 63], &[6; 64]] {
            let want: Vec<_> = messages.iter().map(|m| sha256_of(&[prefix, m])).collect();
            assert_eq!(hash_all(way, prefix, &messages), want, "{way:?}");
        }
    }
}

/// Long ones too, and none, few or many of one length in blocks; each starts where no other does.
#[test]
fn lengths_that_meet_in_any_numbers() {
    let bytes: Vec<u8> = (0..9_000).map(|i| (i % 251) as u8).collect();
    let lengths = [55, 4_096, 56, 0, 119, 64, 63, 8_192, 120, 1];
    for count in [0, 1, 15, 16, 17, 31, 32, 33, 200, 331] {
        let message = |i: usize| bytes[i..i + lengths[i * i % 7 * i % 10]].to_vec();
        let messages: Vec<_> = (0..count).map(message).collect();
        let want: Vec<_> = messages.iter().map(|m| merkle::leaf(m)).collect();
        for way in ways() {
            assert_eq!(hash_all(way, &[0], &messages), want, "{count} by {way:?}");
        }
    }
}

/// Few of any length in a window: those that find no company wait for it, until there are too many of them.
#[test]
fn more_messages_than_a_window_of_few_and_of_many_lengths() {
    let bytes: Vec<u8> = (0..20_000).map(|i| (i % 241) as u8).collect();
    for lengths in [1, 3, 40, 200, 300] {
        let message = |i: usize| bytes[i..i + 64 * (i * 7 % lengths) + i % 50].to_vec();
        let messages: Vec<_> = (0..700).map(message).collect();
        let want: Vec<_> = messages.iter().map(|m| merkle::leaf(m)).collect();
        for way in ways() {
            assert_eq!(hash_all(way, &[0], &messages), want, "{lengths} lengths by {way:?}");
        }
    }
}

#[test]
fn the_standards_examples() {
    let want = [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
    ];
    for way in ways() {
        let messages: Vec<_> = want.iter().map(|(text, _)| text.as_bytes().to_vec()).collect();
        let digests = hash_all(way, &[], &messages);
        for (digest, (text, hex)) in digests.iter().zip(want) {
            assert_eq!(digest.to_string(), hex, "{way:?} of {text:?}");
        }
    }
}

#[test]
fn every_width_of_a_tree() {
    for way in ways() {
        for width in 0..=70u64 {
            let leaves: Vec<_> = (0..width).map(|i| merkle::leaf(&i.to_le_bytes())).collect();
            let top = way.top(&mut leaves.clone());
            assert_eq!(merkle::bind(leaves.len(), top), merkle::root(&leaves), "{width} leaves");
        }
    }
}

/// Bitcoin's first block: a puzzle whose answer everyone knows.
#[test]
fn the_genesis_nonce_is_found() {
    let mut prefix = [0; 76];
    hex::decode_to_slice(
        concat!(
            "01000000",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a",
            "29ab5f49ffff001d"
        ),
        &mut prefix,
    )
    .unwrap();
    let mut target = [0; 32];
    target[4..6].copy_from_slice(&[0xff, 0xff]);
    let puzzle = Puzzle { prefix, target: Target(target) };
    let nonce = 2_083_236_893;
    assert!(Seal { puzzle: puzzle.clone(), nonce }.holds());
    for way in ways() {
        let scan = Scan::new(&puzzle);
        // In each lane of the first vectors, with any number of lanes behind the end.
        for before in 0..40 {
            let start = nonce - before;
            assert_eq!(way.scan(&scan, start, 50), Some(before.into()), "{way:?}");
            assert_eq!(way.scan(&scan, start, u64::from(before) + 1), Some(before.into()));
            assert_eq!(way.scan(&scan, start, before.into()), None, "{before} by {way:?}");
        }
        assert_eq!(way.scan(&scan, nonce - 1_000, 1_000), None, "{way:?}");
    }
}

/// Nonces go on from 0 behind the last, and the whole range is no special number.
#[test]
fn a_range_may_pass_the_last_nonce() {
    let mut target = [0xff; 32];
    target[0] = 0;
    let puzzle = Puzzle { prefix: [9; 76], target: Target(target) };
    let scan = Scan::new(&puzzle);
    for before in 0..20u32 {
        let start = 0u32.wrapping_sub(before);
        let want: Vec<_> = (0..1_000u64)
            .filter(|&i| {
                Seal { puzzle: puzzle.clone(), nonce: start.wrapping_add(i as u32) }.holds()
            })
            .collect();
        for way in ways() {
            let (mut found, mut at) = (Vec::new(), 0);
            while let Some(more) = way.scan(&scan, start.wrapping_add(at as u32), 1_000 - at) {
                found.push(at + more);
                at = at + more + 1;
            }
            assert_eq!(found, want, "{before} by {way:?}");
        }
    }
}

/// A choice is one of the ways, and says which.
#[test]
fn the_choice_has_a_name() {
    let names: Vec<_> = Way::all().into_iter().map(Way::name).collect();
    let chosen = Sha256::detect().name();
    assert!(chosen.split('/').all(|name| names.contains(&name)), "{chosen} of {names:?}");
    assert_eq!(Sha256::from(Way::Portable).name(), "portable sha");
}

proptest! {
    #[test]
    fn messages_of_any_lengths(messages in vec(vec(any::<u8>(), 0..300), 0..80)) {
        let want: Vec<_> = messages.iter().map(|m| merkle::leaf(m)).collect();
        for way in ways() {
            prop_assert_eq!(&hash_all(way, &[0], &messages), &want);
        }
    }

    /// The filter stands at the top word: it lets through exactly what the plain hash says.
    #[test]
    fn the_filter_is_the_top_word(
        prefix in vec(any::<u8>(), 76), bits in 0u32..8, start: u32, count in 0u64..200,
    ) {
        let mut target = [0xff; 32];
        target[0] >>= bits;
        let puzzle = Puzzle { prefix: prefix.try_into().unwrap(), target: Target(target) };
        let solves = |i: &u64| {
            Seal { puzzle: puzzle.clone(), nonce: start.wrapping_add(*i as u32) }.holds()
        };
        let want = (0..count).find(solves);
        for way in ways() {
            prop_assert_eq!(way.scan(&Scan::new(&puzzle), start, count), want);
        }
    }
}
