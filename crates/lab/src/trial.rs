//! Whether a protocol takes a seat, tried before anything begins.

use byzlab_core::{BuildError, Committee, Entry, ReplicaId, Saved, Scheme, Seat, Signer};
use toml::Table;

/// Builds the first replica of a committee of `size`, which says nothing and is dropped.
///
/// # Errors
/// What is wrong with the parameters, for a committee of this size.
pub(crate) fn seat(
    entry: &Entry,
    params: &Table,
    size: u16,
    client_signatures: bool,
) -> Result<(), BuildError> {
    let signer = |i| Signer::seeded(Scheme::Simulated, 0, &format!("replica/{i}"));
    let keys = (0..size).map(|i| signer(i).public()).collect();
    let committee = Committee::new("trial", keys, client_signatures);
    let committee = entry.equip(committee, params, Scheme::Simulated, 0)?;
    let seat = Seat::new(ReplicaId(0), committee.into());
    let nothing_saved = seat.committee.clone();
    entry.build(seat, signer(0), params, Saved::nothing(&nothing_saved)).map(|_| ())
}
