//! What an adapter must get right before it is used.

use byzlab_core::{Accelerator, Claim, Puzzle, Reference, Scheme, Signature, Signer, Target};

use super::{error::Error, opened::Opened};
use crate::{choice::hostile, ed25519::Item};

/// Numbers of leaves with an odd node at no level, at one, at several.
const TREES: [usize; 6] = [1, 2, 3, 64, 65, 131];
/// Leading zero bits of the target searched for: a solution comes among some thousand nonces.
const ZERO_BITS: u32 = 12;
/// Signers whose signatures are bent; the first half have tables on the device.
const SIGNERS: usize = 4;

/// Compares the adapter's answers with those of the plainest code there is.
///
/// # Errors
/// When it gives none, or another.
pub(super) fn run(gpu: &Opened) -> Result<(), Error> {
    let wrong = |what: String| Err(gpu.wrong(format!("self-test: {what}")));
    // Every length up to three blocks.
    let bytes: Vec<u8> = (0..192u32).map(|i| (i * 151) as u8).collect();
    let messages: Vec<_> = (0..=bytes.len()).map(|len| &bytes[..len]).collect();
    let digests = gpu.try_hash_many(&messages)?;
    if let Some(at) =
        (0..messages.len()).find(|&at| [digests[at]] != *Reference.hash_many(&messages[at..=at]))
    {
        return wrong(format!("SHA-256 of a message of {at} bytes"));
    }
    for count in TREES {
        if gpu.try_merkle_root(&messages[..count])? != Reference.merkle_root(&messages[..count]) {
            return wrong(format!("the Merkle root over {count} items"));
        }
    }
    let mut target = [0xff; 32];
    target[..4].copy_from_slice(&(u32::MAX >> ZERO_BITS).to_be_bytes());
    let prefix = std::array::from_fn(|i| bytes[i]);
    let puzzle = Puzzle { prefix, target: Target(target) };
    for nonces in [0..1 << 20, 0xffff_0000..1 << 32] {
        let found = gpu.try_search(&puzzle, nonces.clone())?;
        if found != gpu.cpu().solution(&puzzle, nonces.clone()) {
            return wrong(format!("the lowest nonce in {nonces:?}"));
        }
    }
    let signers: Vec<_> =
        (0..SIGNERS).map(|i| Signer::seeded(Scheme::Ed25519, i as u64, "self-test")).collect();
    let keys: Vec<_> = signers[..SIGNERS / 2].iter().map(Signer::public).collect();
    gpu.try_expect_keys(&keys)?;
    let claims = hostile(&signers);
    let items = items(&claims);
    let mut verdicts = vec![false; items.len()];
    gpu.try_signatures(&items, &mut verdicts)?;
    if let Some(at) = Reference.check(&claims).iter().zip(&verdicts).position(|(a, b)| a != b) {
        return wrong(format!("the verdict on {:?}", claims[at]));
    }
    Ok(())
}

/// Statements of several lengths, and their signatures: of two signers.
pub(super) fn signatures() -> impl Iterator<Item = (Signer, Vec<u8>, Signature)> {
    [0usize, 1, 47, 48, 64, 111, 300].into_iter().map(|length| {
        let signer = Signer::seeded(Scheme::Ed25519, length as u64 % 2, "self-test");
        let statement: Vec<u8> = (0..length).map(|i| (i * 7) as u8).collect();
        let signature = signer.sign(&statement);
        (signer, statement, signature)
    })
}

fn items(claims: &[Claim]) -> Vec<Item<'_>> {
    let item = |claim| match claim {
        &Claim::Signed { by, ref statement, signature } => Some(Item { by, statement, signature }),
        _ => None,
    };
    claims.iter().filter_map(item).collect()
}
