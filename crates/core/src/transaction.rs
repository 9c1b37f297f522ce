//! Transactions as clients sign them, and batches of them as proposals carry them.
//!
//! Both are views into shared bytes: a batch received once is never copied again, and a signature
//! claim over one of its transactions borrows the same bytes.

use std::{fmt, sync::Arc};

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    accelerator::Accelerator,
    claim::{Claim, Invalid},
    committee::Committee,
    crypto::{Digest, PublicKey, Signature, Signer},
    merkle,
};

/// The longest transaction, in bytes.
pub const TRANSACTION_MAX: usize = 64 << 10;
/// The most transactions in one batch.
pub const BATCH_TRANSACTIONS_MAX: usize = 65_536;
/// The most bytes of transactions in one batch. Leaves room for the message around it in a frame.
pub const BATCH_BYTES_MAX: usize = 6 << 20;

const UNSIGNED: u8 = 0;
const SIGNED: u8 = 1;
/// kind, chain tag, client, sequence number.
const HEAD: usize = 1 + 8 + 32 + 8;
const SIGNATURE: usize = 64;

/// A client's request: `kind u8 ‖ chain tag [8] ‖ client [32] ‖ sequence u64 LE ‖ payload ‖ signature [64]`.
///
/// The signature covers everything before it, and is absent where the run does without client
/// signatures. `(client, sequence)` names a transaction: it is executed once.
#[derive(Clone, PartialEq, Eq)]
pub struct Transaction(Bytes);

impl Transaction {
    /// The bytes a transaction needs beside its payload.
    pub const fn overhead(signed: bool) -> usize {
        HEAD + if signed { SIGNATURE } else { 0 }
    }
    /// A transaction for `committee`'s chain, signed if the committee asks for it.
    ///
    /// # Panics
    /// If it would be longer than [`TRANSACTION_MAX`].
    pub fn new(committee: &Committee, signer: &Signer, sequence: u64, payload: &[u8]) -> Self {
        let mut body = Self::body(committee, signer, sequence, payload);
        if committee.client_signatures {
            body.put_slice(&signer.sign(&body).0);
        }
        Self(body.freeze())
    }
    /// Many at once, numbered from `first` on: the same as [`new`](Self::new) makes, for less work
    /// each.
    ///
    /// # Panics
    /// As `new` does.
    pub fn many(
        committee: &Committee,
        signer: &Signer,
        first: u64,
        payloads: impl IntoIterator<Item = Vec<u8>>,
    ) -> Vec<Self> {
        let mut bodies = Self::bodies(committee, signer, first, payloads);
        if committee.client_signatures {
            let statements: Vec<&[u8]> = bodies.iter().map(|body| &body[..]).collect();
            let signatures = signer.sign_many(&statements);
            for (body, signature) in bodies.iter_mut().zip(signatures) {
                body.put_slice(&signature.0);
            }
        }
        bodies.into_iter().map(|body| Self(body.freeze())).collect()
    }
    /// Those that [`many`](Self::many) makes, with zeros for signatures:
    /// [`sign_all`](Self::sign_all) puts them in.
    ///
    /// # Panics
    /// As `new` does.
    pub fn many_unsigned(
        committee: &Committee,
        signer: &Signer,
        first: u64,
        payloads: impl IntoIterator<Item = Vec<u8>>,
    ) -> Vec<Self> {
        let mut bodies = Self::bodies(committee, signer, first, payloads);
        if committee.client_signatures {
            bodies.iter_mut().for_each(|body| body.put_bytes(0, SIGNATURE));
        }
        bodies.into_iter().map(|body| Self(body.freeze())).collect()
    }
    /// Puts the signature of the signer beside it into each transaction that has room for one, all made in
    /// one call of `accelerator`.
    pub fn sign_all(mut transactions: Vec<(&Signer, &mut Self)>, accelerator: &dyn Accelerator) {
        transactions.retain(|(_, transaction)| transaction.0[0] == SIGNED);
        let statements: Vec<(&Signer, &[u8])> = transactions
            .iter()
            .map(|(signer, transaction)| (*signer, &transaction.0[..transaction.payload_end()]))
            .collect();
        let signatures = accelerator.sign_many(&statements);
        for ((_, transaction), signature) in transactions.into_iter().zip(signatures) {
            let mut bytes = BytesMut::from(&transaction.0[..transaction.payload_end()]);
            bytes.put_slice(&signature.0);
            transaction.0 = bytes.freeze();
        }
    }
    fn bodies(
        committee: &Committee,
        signer: &Signer,
        first: u64,
        payloads: impl IntoIterator<Item = Vec<u8>>,
    ) -> Vec<BytesMut> {
        let body =
            |(sequence, payload): (u64, Vec<u8>)| Self::body(committee, signer, sequence, &payload);
        (first..).zip(payloads).map(body).collect()
    }
    /// A transaction up to its signature, and room for that.
    fn body(committee: &Committee, signer: &Signer, sequence: u64, payload: &[u8]) -> BytesMut {
        let signed = committee.client_signatures;
        let length = Self::overhead(signed) + payload.len();
        assert!(length <= TRANSACTION_MAX, "a transaction has at most {TRANSACTION_MAX} bytes");
        let mut bytes = BytesMut::with_capacity(length);
        bytes.put_u8(if signed { SIGNED } else { UNSIGNED });
        bytes.put_slice(&committee.chain.0[..8]);
        bytes.put_slice(&signer.public().0);
        bytes.put_u64_le(sequence);
        bytes.put_slice(payload);
        bytes
    }
    /// Reads a transaction's bytes; the signature is not checked here but claimed.
    pub fn parse(bytes: Bytes) -> Result<Self, Invalid> {
        let overhead = match bytes.first() {
            Some(&UNSIGNED) => Self::overhead(false),
            Some(&SIGNED) => Self::overhead(true),
            _ => return Err(Invalid("a transaction of unknown kind")),
        };
        if bytes.len() < overhead || bytes.len() > TRANSACTION_MAX {
            return Err(Invalid("a transaction of impossible length"));
        }
        Ok(Self(bytes))
    }
    /// All bytes, as sent and hashed.
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }
    /// Who sent it.
    pub fn client(&self) -> PublicKey {
        PublicKey(self.0[9..41].try_into().expect("length was checked"))
    }
    /// The client's number for it.
    pub fn sequence(&self) -> u64 {
        u64::from_le_bytes(self.0[41..49].try_into().expect("length was checked"))
    }
    /// What the application reads.
    pub fn payload(&self) -> &[u8] {
        &self.0[HEAD..self.payload_end()]
    }
    /// Its Merkle leaf, which also names its exact content.
    pub fn digest(&self) -> Digest {
        merkle::leaf(&self.0)
    }
    /// What must hold for it to be the client's: nothing where the run does without signatures.
    pub fn claim(&self, committee: &Committee) -> Result<Option<Claim>, Invalid> {
        if self.0[1..9] != committee.chain.0[..8] {
            return Err(Invalid("a transaction for another chain"));
        }
        match (self.0[0] == SIGNED, committee.client_signatures) {
            (false, false) => Ok(None),
            (true, true) => {
                let end = self.payload_end();
                let signature: [u8; 64] = self.0[end..].try_into().expect("length was checked");
                Ok(Some(Claim::Signed {
                    by: self.client(),
                    statement: self.0.slice(..end),
                    signature: Signature(signature),
                }))
            }
            (false, true) => Err(Invalid("an unsigned transaction where signatures are asked for")),
            (true, false) => Err(Invalid("a signed transaction where none are checked")),
        }
    }
    fn payload_end(&self) -> usize {
        self.0.len() - if self.0[0] == SIGNED { SIGNATURE } else { 0 }
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transaction({:?} #{}, {} B)", self.client(), self.sequence(), self.0.len())
    }
}

/// Transactions in an order, with the Merkle root they state. Cheap to clone.
///
/// The root is a *statement* until [`Claim::Root`] has been proven.
#[derive(Clone)]
pub struct Batch(Arc<Inner>);

struct Inner {
    root: Digest,
    /// Each transaction behind its length as u32 LE.
    bytes: Bytes,
    /// Where each transaction ends in `bytes`.
    ends: Vec<u32>,
}

impl Batch {
    /// A batch of `transactions`, its root computed by `accelerator`.
    ///
    /// # Panics
    /// Beyond [`BATCH_TRANSACTIONS_MAX`] or [`BATCH_BYTES_MAX`]; the mempool stays below both.
    pub fn new(transactions: &[Transaction], accelerator: &dyn Accelerator) -> Self {
        let length = transactions.iter().map(|t| 4 + t.0.len()).sum();
        assert!(length <= BATCH_BYTES_MAX && transactions.len() <= BATCH_TRANSACTIONS_MAX);
        let mut bytes = BytesMut::with_capacity(length);
        let mut ends = Vec::with_capacity(transactions.len());
        for transaction in transactions {
            bytes.put_u32_le(transaction.0.len() as u32);
            bytes.put_slice(&transaction.0);
            ends.push(bytes.len() as u32);
        }
        let mut inner = Inner { root: Digest::default(), bytes: bytes.freeze(), ends };
        inner.root = compute_root(&inner, accelerator);
        Self(Arc::new(inner))
    }
    /// The batch without transactions.
    pub fn empty() -> Self {
        let root = merkle::root(&[]);
        Self(Arc::new(Inner { root, bytes: Bytes::new(), ends: Vec::new() }))
    }
    /// The stated Merkle root over its transactions' [digests](Transaction::digest).
    pub fn root(&self) -> Digest {
        self.0.root
    }
    /// How many transactions.
    pub fn len(&self) -> usize {
        self.0.ends.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.ends.is_empty()
    }
    /// The bytes of all transactions, framing included.
    pub fn byte_len(&self) -> usize {
        self.0.bytes.len()
    }
    /// All transactions as they travel, each behind its length as u32 LE. Shared, not copied:
    /// with the root, what [`parse`](Self::parse) makes the batch of again.
    pub fn bytes(&self) -> &Bytes {
        &self.0.bytes
    }
    /// The transactions, in order.
    pub fn transactions(&self) -> impl ExactSizeIterator<Item = Transaction> + '_ {
        (0..self.len()).map(|i| Transaction(self.0.bytes.slice(self.0.range(i))))
    }
    /// What is hashed of each transaction, put behind what is in `leaves`.
    pub fn leaves<'a>(&'a self, leaves: &mut Vec<&'a [u8]>) {
        leaves.extend(self.0.leaves());
    }
    /// The root that its transactions really have.
    pub fn computed_root(&self, accelerator: &dyn Accelerator) -> Digest {
        compute_root(&self.0, accelerator)
    }
    /// Whether it has the root that it states. One that seems not to have it is asked about as a claim: what
    /// an accelerator rejects there, it has checked twice.
    pub fn root_holds(&self, accelerator: &dyn Accelerator) -> bool {
        self.computed_root(accelerator) == self.root()
            || accelerator.check(&[Claim::Root(self.clone())]) == [true]
    }
    /// Adds what must hold for this batch to be proposed: its root, and each client's signature.
    pub fn claims(&self, committee: &Committee, claims: &mut Vec<Claim>) -> Result<(), Invalid> {
        if self.is_empty() {
            return match self.root() == Self::empty().root() {
                true => Ok(()),
                false => Err(Invalid("an empty batch with a root of its own")),
            };
        }
        claims.push(Claim::Root(self.clone()));
        for transaction in self.transactions() {
            claims.extend(transaction.claim(committee)?);
        }
        Ok(())
    }
    /// The batch of these [bytes](Self::bytes) that states this root, which is not checked here.
    pub fn parse(root: Digest, bytes: Bytes) -> Result<Self, Invalid> {
        if bytes.len() > BATCH_BYTES_MAX {
            return Err(Invalid("a batch of too many bytes"));
        }
        let (mut ends, mut at) = (Vec::new(), 0usize);
        while at < bytes.len() {
            let head = bytes.get(at..at + 4).ok_or(Invalid("a batch cut off in a length"))?;
            let length = u32::from_le_bytes(head.try_into().expect("four bytes")) as usize;
            let end = at + 4 + length;
            if length > TRANSACTION_MAX || end > bytes.len() {
                return Err(Invalid("a batch with an impossible length"));
            }
            if ends.len() == BATCH_TRANSACTIONS_MAX {
                return Err(Invalid("a batch of too many transactions"));
            }
            Transaction::parse(bytes.slice(at + 4..end))?;
            ends.push(end as u32);
            at = end;
        }
        Ok(Self(Arc::new(Inner { root, bytes, ends })))
    }
}

impl Inner {
    fn range(&self, i: usize) -> std::ops::Range<usize> {
        let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
        start + 4..self.ends[i] as usize
    }
    fn leaves(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|i| &self.bytes[self.range(i)])
    }
}

fn compute_root(inner: &Inner, accelerator: &dyn Accelerator) -> Digest {
    let items: Vec<&[u8]> = inner.leaves().collect();
    accelerator.merkle_root(&items)
}

impl PartialEq for Batch {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.root == other.0.root && self.0.bytes == other.0.bytes)
    }
}
impl Eq for Batch {}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({:?}, {} transactions)", self.root(), self.len())
    }
}

impl Serialize for Batch {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        (self.0.root, serde_bytes::Bytes::new(&self.0.bytes)).serialize(s)
    }
}
impl<'de> Deserialize<'de> for Batch {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let (root, bytes) = <(Digest, serde_bytes::ByteBuf)>::deserialize(d)?;
        Self::parse(root, Bytes::from(bytes.into_vec())).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Scheme;

    #[test]
    fn many_transactions_are_those_made_one_by_one() {
        let signer = Signer::seeded(Scheme::Ed25519, 1, "client/0");
        let payloads = [vec![1; 8], vec![], vec![2; 300]];
        for signed in [true, false] {
            let committee = Committee::new("test", vec![signer.public()], signed);
            let many = Transaction::many(&committee, &signer, 5, payloads.clone());
            let one =
                |(n, payload): (u64, &Vec<u8>)| Transaction::new(&committee, &signer, n, payload);
            assert_eq!(many, (5..).zip(&payloads).map(one).collect::<Vec<_>>());
        }
    }
}
