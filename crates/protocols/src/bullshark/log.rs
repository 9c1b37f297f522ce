//! What a replica saves, and how it comes back from it.
//!
//! A header, with its batch, is saved before it leaves, before a vote for it leaves, and before a vertex
//! builds on it: so one author and round never get two votes of one replica, and of every certified
//! header the honest among its voters have the batch. A certificate is saved before a header builds on
//! it. When the ledger has grown by some rounds, what is spent at the last proven cut is forgotten; the cut is
//! kept in its place, and votes are refused at and below it.

use std::sync::Arc;

use byzlab_core::{BuildError, Record};
use serde::{Deserialize, Serialize};

use crate::kit::{
    Certificate,
    dag::{Proven, Vertex, VertexRef, vertex::Stored},
};

/// After how many rounds in the ledger what was saved is compacted.
pub(super) const COMPACT_ROUNDS: u64 = 16;

/// A saved record. A header's transactions follow in a record of their own, raw.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Entry<'a> {
    /// A header, the own or one voted for.
    Header(Stored<'a>),
    /// A header of the log is certified.
    Certificate(VertexRef, Arc<Certificate>),
    /// A proven cut.
    Cut(Arc<Proven>),
}

/// The records of a header.
pub(super) fn header(header: &Vertex) -> impl Iterator<Item = Record> {
    header.records(|stored| Record::of(&Entry::Header(stored))).into_iter().flatten()
}

/// The record of a certificate.
pub(super) fn certificate(header: VertexRef, certificate: Arc<Certificate>) -> Record {
    Record::of(&Entry::Certificate(header, certificate))
}

/// The records that say this much and no more.
pub(super) fn compacted<'a>(
    proven: Arc<Proven>,
    headers: impl Iterator<Item = (&'a Arc<Vertex>, Option<&'a Arc<Certificate>>)>,
) -> Vec<Record> {
    let mut records = vec![Record::of(&Entry::Cut(proven))];
    for (of, votes) in headers {
        records.extend(header(of));
        records.extend(votes.map(|votes| certificate(of.name(), votes.clone())));
    }
    records
}

/// What the records say.
#[derive(Debug, Default)]
pub(super) struct Restored {
    /// The last proven cut.
    pub cut: Option<Arc<Proven>>,
    /// Headers, the own and those voted for, in order.
    pub headers: Vec<Arc<Vertex>>,
    /// Which of them are certified, in order.
    pub certificates: Vec<(VertexRef, Arc<Certificate>)>,
}

impl Restored {
    /// Reads the records.
    ///
    /// # Errors
    /// If one is none of this protocol's.
    pub fn read(records: &[Record]) -> Result<Self, BuildError> {
        let mut all = Self::default();
        let mut records = records.iter();
        while let Some(record) = records.next() {
            match record.read::<Entry<'static>>()? {
                Entry::Cut(proven) => all.cut = Some(proven),
                // Where its transactions are missing it was cut off at the log's end: nothing left on it.
                Entry::Header(stored) => all.headers.extend(stored.vertex(&mut records)?),
                Entry::Certificate(name, votes) => all.certificates.push((name, votes)),
            }
        }
        Ok(all)
    }
}
