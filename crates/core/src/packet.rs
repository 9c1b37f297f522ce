//! A message as bytes on the way, decoded and judged at most once however many receive it.

use std::{
    any::Any,
    fmt,
    sync::{Arc, OnceLock},
};

use crate::{
    claim::{Claim, Invalid},
    codec::{self, DecodeError},
    committee::Committee,
    id::ReplicaId,
    protocol::Message,
    random::fold_bytes,
};
use bytes::Bytes;

/// Encoded bytes from one replica. Cheap to clone.
///
/// What follows from the bytes, the sender and the committee alone (the decoded message, its claims,
/// their verdict) is computed by the first who asks and kept. In the simulator a broadcast to a thousand
/// replicas is decoded once and its signature checked once; *charging* each receiver for both is the
/// simulator's business.
#[derive(Clone)]
pub struct Packet(Arc<Inner>);

struct Inner {
    from: ReplicaId,
    kind: &'static str,
    bytes: Bytes,
    fingerprint: OnceLock<u64>,
    decoded: OnceLock<Result<Box<dyn Any + Send + Sync>, DecodeError>>,
    claims: OnceLock<Result<Vec<Claim>, Invalid>>,
    verdict: OnceLock<bool>,
    /// Works the claims out as the sender understands its own message; nothing for what came from a
    /// network.
    foresee: fn(&Packet, &Committee),
}

impl Packet {
    /// A packet of a message that was just encoded, and is kept as the one decoded: so receivers in this
    /// process share its batches instead of each making its own from the bytes.
    pub fn outgoing<M: Message>(from: ReplicaId, message: &M) -> Self {
        let packet = Self::new(from, message.kind(), codec::encode(message), foresee::<M>);
        debug_assert!(
            codec::decode::<M>(packet.bytes()).is_ok(),
            "what a replica says can be understood"
        );
        let decoded = packet.0.decoded.set(Ok(Box::new(message.clone())));
        debug_assert!(decoded.is_ok(), "a new packet has not been decoded");
        packet
    }
    /// A packet as it came from the network; `from` was authenticated.
    pub fn incoming(from: ReplicaId, bytes: Bytes) -> Self {
        Self::new(from, "?", bytes, |_, _| {})
    }
    fn new(
        from: ReplicaId,
        kind: &'static str,
        bytes: Bytes,
        foresee: fn(&Self, &Committee),
    ) -> Self {
        Self(Arc::new(Inner {
            from,
            kind,
            bytes,
            fingerprint: OnceLock::new(),
            decoded: OnceLock::new(),
            claims: OnceLock::new(),
            verdict: OnceLock::new(),
            foresee,
        }))
    }
    /// Who sent it.
    pub fn from(&self) -> ReplicaId {
        self.0.from
    }
    /// The message's kind as its sender knows it; `"?"` for what came from a network.
    pub fn kind(&self) -> &'static str {
        self.0.kind
    }
    /// The encoded message.
    pub fn bytes(&self) -> &Bytes {
        &self.0.bytes
    }
    /// A hash of sender and bytes for trace digests; not cryptographic.
    pub fn fingerprint(&self) -> u64 {
        let Inner { from, bytes, .. } = &*self.0;
        *self.0.fingerprint.get_or_init(|| fold_bytes(u64::from(from.0), bytes))
    }
    /// This packet for a receiver whose messages are `M`s: itself, or a fresh copy of the bytes if one that
    /// runs another protocol has read it already. What is kept of a packet is true of one type alone.
    #[must_use]
    pub fn read_as<M: Message>(&self) -> Self {
        match self.0.decoded.get() {
            Some(Ok(any)) if any.is::<M>() => self.clone(),
            None => self.clone(),
            Some(_) => Self::new(self.0.from, self.0.kind, self.0.bytes.clone(), |_, _| {}),
        }
    }
    /// The decoded message, if it is a canonical encoding of an `M`.
    pub fn message<M: Message>(&self) -> Result<M, DecodeError> {
        let decoded = self.0.decoded.get_or_init(|| {
            codec::decode::<M>(&self.0.bytes).map(|m| Box::new(m) as Box<dyn Any + Send + Sync>)
        });
        match decoded.as_ref().map(|any| any.downcast_ref::<M>()) {
            Ok(Some(message)) => Ok(message.clone()),
            // First decoded by a replica that runs another protocol.
            Ok(None) | Err(_) => codec::decode(&self.0.bytes),
        }
    }
    /// What must hold before `M`'s protocol may see `message`, which is this packet's.
    pub fn claims<M: Message>(
        &self,
        message: &M,
        committee: &Committee,
    ) -> Result<&[Claim], Invalid> {
        let claims = self.0.claims.get_or_init(|| message.claims(self.0.from, committee));
        claims.as_deref().map_err(|invalid| *invalid)
    }
    /// The claims, once a replica has asked for them; empty before.
    pub fn known_claims(&self) -> &[Claim] {
        self.0.claims.get().and_then(|claims| claims.as_deref().ok()).unwrap_or_default()
    }
    /// The claims that receivers will ask for, before one does: so that a host can prove those of much
    /// that is under way at once. Empty for what came from a network, whose sender is not here.
    pub fn foresee(&self, committee: &Committee) -> &[Claim] {
        (self.0.foresee)(self, committee);
        self.known_claims()
    }
    /// The verdict, if somebody asked for it before.
    pub fn known_verdict(&self) -> Option<bool> {
        self.0.verdict.get().copied()
    }
    /// Whether all claims hold, computed by `check` unless it is known.
    pub fn verdict(&self, check: impl FnOnce(&[Claim]) -> bool) -> bool {
        *self.0.verdict.get_or_init(|| check(self.known_claims()))
    }
}

fn foresee<M: Message>(packet: &Packet, committee: &Committee) {
    if packet.0.claims.get().is_none()
        && let Ok(message) = packet.message::<M>()
    {
        // What is invalid will be dropped by whoever receives it, with the reason.
        let _ = packet.claims(&message, committee);
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packet({} from {}, {} B)", self.kind(), self.from(), self.bytes().len())
    }
}
