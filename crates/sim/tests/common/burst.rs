//! Replica 0 sends messages of a size to replica 1, or to all, all at once. And nothing else.

use byzlab_core::{
    Block, BuildError, Claim, Committee, Effects, Entry, Input, Invalid, Message, Protocol,
    ReplicaId, Saved, Seat, Time,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const BURST: Entry = Entry::of::<Burst>("burst", "one replica sends much at once");

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// How many messages.
    messages: u32,
    /// How many bytes each has on the wire.
    bytes: usize,
    /// To all others and not to replica 1.
    all: bool,
    /// By everyone and not by replica 0.
    everyone: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Blob(#[serde(with = "serde_bytes")] Vec<u8>);

impl Blob {
    /// A blob whose encoding, behind its length as a varint, has `bytes` bytes.
    fn encoded_as(bytes: usize) -> Self {
        let head = (1..5).find(|head| bytes - head < 1 << (7 * head)).unwrap();
        Self(vec![0; bytes - head])
    }
}

impl Message for Blob {
    fn kind(&self) -> &'static str {
        "blob"
    }
    fn claims(&self, _: ReplicaId, _: &Committee) -> Result<Vec<Claim>, Invalid> {
        Ok(Vec::new())
    }
}

#[derive(Debug)]
pub struct Burst(Seat, Params);

impl Protocol for Burst {
    type Message = Blob;
    type Timer = ();
    type Params = Params;

    fn new(seat: Seat, params: Params, _: Saved<'_>) -> Result<Self, BuildError> {
        Ok(Self(seat, params))
    }
    fn step(&mut self, _: Time, input: Input<Self>, out: &mut Effects<Self>) {
        let Self(seat, params) = self;
        if matches!(input, Input::Start) && (seat.me.0 == 0 || params.everyone) {
            for _ in 0..params.messages {
                let blob = Blob::encoded_as(params.bytes);
                match params.all {
                    true => out.gossip(blob),
                    false => out.send(ReplicaId(1), blob),
                }
            }
        }
    }
    fn audit(_: &Block, _: &Committee) -> Result<Vec<Claim>, Invalid> {
        Err(Invalid("nothing is ever committed"))
    }
}
