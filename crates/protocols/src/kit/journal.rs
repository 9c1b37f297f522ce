//! What a replica saves before its votes leave, and reads when it comes back.
//!
//! A journal is a list of entries of a protocol's own type, each of an *age*: the height or view that
//! it is about. Entries of ages that are over are forgotten, and now and then the saved records are
//! compacted to what is left. The transactions of an entry's batch stand in a record of their own,
//! raw, so that they are shared with the batch and not copied.

use byzlab_core::{Batch, BuildError, Digest, Effects, Protocol, Record};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// How many forgotten records may lie in the log before it is compacted.
const FORGOTTEN_MAX: usize = 256;

/// One entry as it is saved; the batch's bytes, if there are any, follow in the next record.
#[derive(Debug, Serialize, Deserialize)]
struct Line<E> {
    age: u64,
    entry: E,
    batch: Option<(Digest, bool)>,
}

/// An entry that was read, with its batch.
pub type Entered<E> = (E, Option<Batch>);

/// The saved records that still matter, in order.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    lines: Vec<(u64, Record)>,
    forgotten: usize,
}

impl Journal {
    /// Reads what was saved; an entry cut off at the end is as if it had never been made.
    ///
    /// # Errors
    /// If a record is none of this protocol's.
    pub fn read<E>(records: &[Record]) -> Result<(Self, Vec<Entered<E>>), BuildError>
    where
        E: Serialize + DeserializeOwned,
    {
        let (mut journal, mut entries) = (Self::default(), Vec::new());
        let mut records = records.iter();
        while let Some(record) = records.next() {
            let line: Line<E> = record.read()?;
            let raw = match line.batch {
                Some((_, true)) => match records.next() {
                    Some(raw) => Some(raw),
                    None => break, // Killed between the two; nothing that hangs on it has left.
                },
                _ => None,
            };
            let batch = match (line.batch, raw) {
                (Some((root, _)), Some(raw)) => Some(parse(root, raw)?),
                (Some(_), None) => Some(Batch::empty()),
                (None, _) => None,
            };
            journal.lines.push((line.age, record.clone()));
            journal.lines.extend(raw.map(|raw| (line.age, raw.clone())));
            entries.push((line.entry, batch));
        }
        Ok((journal, entries))
    }
    /// Saves an entry about `age`, durable before anything that is sent from here on.
    pub fn save<E, P>(&mut self, age: u64, entry: E, batch: Option<&Batch>, out: &mut Effects<P>)
    where
        E: Serialize,
        P: Protocol,
    {
        let raw = batch.filter(|batch| !batch.is_empty()).map(|b| Record(b.bytes().clone()));
        let line = Line { age, entry, batch: batch.map(|b| (b.root(), !b.is_empty())) };
        for record in [Some(Record::of(&line)), raw].into_iter().flatten() {
            out.save(record.clone());
            self.lines.push((age, record));
        }
    }
    /// Entries about ages below `age` matter no more.
    pub fn forget<P: Protocol>(&mut self, age: u64, out: &mut Effects<P>) {
        let before = self.lines.len();
        self.lines.retain(|&(of, _)| of >= age);
        self.forgotten += before - self.lines.len();
        if self.forgotten > FORGOTTEN_MAX {
            self.compact(out);
        }
    }
    /// Entries of this very age matter no more: another is about to take their place.
    pub fn supersede(&mut self, age: u64) {
        let before = self.lines.len();
        self.lines.retain(|&(of, _)| of != age);
        self.forgotten += before - self.lines.len();
    }
    /// Replaces everything saved by what matters. Due when a replica comes back, too: half of an
    /// entry that was cut off at the end of the log must not stand before others.
    pub fn compact<P: Protocol>(&mut self, out: &mut Effects<P>) {
        self.forgotten = 0;
        out.compact(self.lines.iter().map(|(_, record)| record.clone()).collect());
    }
}

fn parse(root: Digest, raw: &Record) -> Result<Batch, BuildError> {
    Batch::parse(root, raw.0.clone())
        .map_err(|e| BuildError(format!("a saved batch cannot be read: {e}")))
}
