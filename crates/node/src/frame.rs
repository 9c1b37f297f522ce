//! Frames: what stands on a QUIC stream.
//!
//! ```text
//! length u32 LE | version u8 | kind u8 | body [length - 2]
//! ```
//!
//! The length is checked against the reader's limit before anything behind it is read or reserved,
//! and memory grows with the bytes that came, not with the bytes that were announced.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use byzlab_core::{
    Committee, Digest, Height, PublicKey, ReplicaId, Signature, Statement, Transaction,
    codec::FRAME_MAX, transaction::TRANSACTION_MAX,
};
use quinn::{ReadError, RecvStream};
use serde::{Deserialize, Serialize};

/// The version of frames and of everything in them.
pub const VERSION: u8 = 1;
/// The bytes before a body.
pub const HEADER: usize = 6;
/// The longest body that a peer may send: a message of the protocol.
pub const PEER_BODY_MAX: usize = FRAME_MAX;
/// The longest body that a client may send. A client with more to say says it in several frames.
pub const CLIENT_BODY_MAX: usize = 1 << 20;
/// The most transactions in one frame.
pub const FRAME_TRANSACTIONS_MAX: usize = 16_384;

const _: () = assert!(TRANSACTION_MAX + 4 <= CLIENT_BODY_MAX, "one transaction fits into a frame");

/// How much is reserved at a time for a body that is on its way.
const READ_CHUNK: usize = 64 << 10;

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A [`Hello`] or [`ClientHello`]: the first frame of a connection, both ways.
    Hello = 0,
    /// A message of the protocol, in its own encoding.
    Packet = 1,
    /// [Transactions](encode_transactions): from a client to one replica, or forwarded by a replica.
    Transactions = 2,
    /// Replies to a client: a sequence of [`Reply`](byzlab_core::host::Reply).
    Replies = 3,
    /// [Transactions](encode_transactions) that a client sends to every replica.
    TransactionsToAll = 4,
}

/// How replicas greet each other and their clients. Two ends that disagree have nothing to say to
/// each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The chain.
    pub chain: Digest,
    /// The protocol's name.
    pub protocol: String,
    /// The replica that speaks.
    pub replica: ReplicaId,
    /// The height of its ledger, for people.
    pub height: Height,
}

/// How a connection of clients greets a replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientHello {
    /// The chain.
    pub chain: Digest,
    /// The clients behind this connection, who want their replies here: at most [`CLIENTS_MAX`].
    pub clients: Vec<Registration>,
}

/// One client behind a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Its key.
    pub client: PublicKey,
    /// Its signature over this very [connection](registration_statement): nobody can take its
    /// replies.
    pub proof: Signature,
}

/// The most clients behind one connection.
pub const CLIENTS_MAX: usize = 4096;

/// What a client signs to get its replies on a connection, of which `binding` is the TLS exporter's
/// word.
pub fn registration_statement(committee: &Committee, binding: &[u8; 32]) -> Statement {
    committee.statement("client/register", &Digest(*binding))
}

/// The label under which a connection's binding is exported.
pub const BINDING_LABEL: &[u8] = b"EXPORTER-byzlab-client-1";

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What the body is.
    pub kind: Kind,
    /// The body.
    pub body: Bytes,
}

/// Why a stream cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// A body longer than allowed was announced.
    #[error("a frame of {0} bytes was announced")]
    TooLong(usize),
    /// Shorter than its own header.
    #[error("a frame without a version")]
    TooShort,
    /// Another version.
    #[error("frame version {0}, this is version {VERSION}")]
    Version(u8),
    /// No such kind.
    #[error("frame kind {0}")]
    Kind(u8),
    /// A body that does not decode.
    #[error("a malformed body: {0}")]
    Body(&'static str),
    /// The stream ended within a frame.
    #[error("the stream ended within a frame")]
    Cut,
    /// The connection failed.
    #[error(transparent)]
    Stream(#[from] ReadError),
}

impl FrameError {
    /// Whether the other end sent what no honest one sends, rather than going away.
    pub fn is_fault(&self) -> bool {
        !matches!(self, Self::Cut | Self::Stream(_))
    }
}

/// The header of a frame with a body of `length` bytes.
pub fn header(kind: Kind, length: usize) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&(length as u32 + 2).to_le_bytes());
    header[4] = VERSION;
    header[5] = kind as u8;
    header
}

/// Takes the first frame off `buffer`, if it is there whole. A body may have `body_max` bytes.
pub fn parse(buffer: &mut BytesMut, body_max: usize) -> Result<Option<Frame>, FrameError> {
    let Some(head) = buffer.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*head) as usize;
    if length < 2 {
        return Err(FrameError::TooShort);
    }
    if length - 2 > body_max {
        return Err(FrameError::TooLong(length - 2));
    }
    let Some(&[version, kind]) = buffer.get(4..HEADER).and_then(<[u8]>::first_chunk) else {
        return Ok(None);
    };
    if version != VERSION {
        return Err(FrameError::Version(version));
    }
    let kind = match kind {
        0 => Kind::Hello,
        1 => Kind::Packet,
        2 => Kind::Transactions,
        3 => Kind::Replies,
        4 => Kind::TransactionsToAll,
        other => return Err(FrameError::Kind(other)),
    };
    if buffer.len() < 4 + length {
        return Ok(None);
    }
    buffer.advance(HEADER);
    Ok(Some(Frame { kind, body: buffer.split_to(length - 2).freeze() }))
}

/// Reads frames off a stream.
#[derive(Debug)]
pub struct Frames {
    stream: RecvStream,
    buffer: BytesMut,
    body_max: usize,
}

impl Frames {
    /// Reads `stream`, whose frames have at most `body_max` bytes of body.
    pub fn new(stream: RecvStream, body_max: usize) -> Self {
        Self { stream, buffer: BytesMut::new(), body_max }
    }
    /// The next frame; `None` at the end of the stream. May be dropped and called again.
    pub async fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            if let Some(frame) = parse(&mut self.buffer, self.body_max)? {
                return Ok(Some(frame));
            }
            match self.stream.read_chunk(READ_CHUNK, true).await? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk.bytes),
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(FrameError::Cut),
            }
        }
    }
}

/// Appends a transaction to a body: its length as u32 LE, and its bytes.
fn put_transaction(body: &mut Vec<u8>, transaction: &Transaction) {
    body.put_u32_le(transaction.bytes().len() as u32);
    body.put_slice(transaction.bytes());
}

/// Bodies that carry `transactions`, each within a client's limit.
pub fn encode_transactions<'a>(
    transactions: impl IntoIterator<Item = &'a Transaction>,
) -> Vec<Bytes> {
    let (mut bodies, mut body, mut count) = (Vec::new(), Vec::new(), 0);
    for transaction in transactions {
        let full = body.len() + 4 + transaction.bytes().len() > CLIENT_BODY_MAX;
        if full || count == FRAME_TRANSACTIONS_MAX {
            bodies.push(Bytes::from(std::mem::take(&mut body)));
            count = 0;
        }
        put_transaction(&mut body, transaction);
        count += 1;
    }
    if !body.is_empty() {
        bodies.push(body.into());
    }
    bodies
}

/// The transactions in a body. Each has bytes of its own, so that one that waits long does not keep
/// the memory of all that came with it.
pub fn decode_transactions(mut body: &[u8]) -> Result<Vec<Transaction>, FrameError> {
    let mut transactions = Vec::new();
    while !body.is_empty() {
        let (head, rest) =
            body.split_first_chunk::<4>().ok_or(FrameError::Body("cut off in a length"))?;
        let length = u32::from_le_bytes(*head) as usize;
        if length > TRANSACTION_MAX || length > rest.len() {
            return Err(FrameError::Body("an impossible length"));
        }
        if transactions.len() == FRAME_TRANSACTIONS_MAX {
            return Err(FrameError::Body("too many transactions"));
        }
        let (bytes, rest) = rest.split_at(length);
        let transaction = Transaction::parse(Bytes::copy_from_slice(bytes));
        transactions.push(transaction.map_err(|invalid| FrameError::Body(invalid.0))?);
        body = rest;
    }
    Ok(transactions)
}
