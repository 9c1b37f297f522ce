//! Limits of batches, checked.

use byzlab_core::{
    Batch, BatchLimit, BuildError, Claim, Invalid, Span,
    transaction::{BATCH_BYTES_MAX, BATCH_TRANSACTIONS_MAX},
};

/// The limit that the parameters `batch_transactions`, `batch_bytes` and `batch_patience` ask for;
/// empty batches do not come.
///
/// # Errors
/// If one is out of bounds.
pub fn batch_limit(
    transactions: u32,
    bytes: u32,
    patience: Span,
) -> Result<BatchLimit, BuildError> {
    if transactions == 0 || transactions as usize > BATCH_TRANSACTIONS_MAX {
        return Err(BuildError("`batch_transactions` must be 1 to 65536".into()));
    }
    if bytes == 0 || bytes as usize > BATCH_BYTES_MAX {
        return Err(BuildError("`batch_bytes` must be 1 to 6291456".into()));
    }
    Ok(BatchLimit { transactions, bytes, patience, empty: false })
}

/// The claims that must hold for `batch` in a ledger: its Merkle root. Its clients' signatures are
/// not claimed again: among a quorum that voted are honest replicas, which had them proven before.
///
/// # Errors
/// If it is empty and states a root of its own.
pub fn root_claim(batch: &Batch) -> Result<Option<Claim>, Invalid> {
    match batch.is_empty() {
        false => Ok(Some(Claim::Root(batch.clone()))),
        true if batch.root() == Batch::empty().root() => Ok(None),
        true => Err(Invalid("an empty batch with a root of its own")),
    }
}
