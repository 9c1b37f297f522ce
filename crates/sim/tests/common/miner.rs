//! Proof of work without forks: whoever solves the puzzle of a height tells all, and all go on to
//! the next at the height they know of. Final at once, which is wrong as soon as delays matter.

use byzlab_core::{
    Batch, Block, BuildError, Claim, Committee, Digest, Effects, Entry, Height, Input, Invalid,
    Message, Proof, Protocol, Puzzle, ReplicaId, Saved, Seal, Seat, Target, Time, block::Head,
    claim::PUZZLE_PREFIX,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const MINER: Entry = Entry::of::<Miner>("miner", "proof of work without forks");

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// How many bits of the hash must be zero.
    zeros: u8,
    /// Shows a nonce that solves nothing.
    cheat: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Found {
    height: Height,
    parent: Digest,
    zeros: u8,
    nonce: u32,
}

fn puzzle(height: Height, parent: Digest, by: ReplicaId, zeros: u8) -> Puzzle {
    let mut prefix = [0; PUZZLE_PREFIX];
    prefix[..32].copy_from_slice(&parent.0);
    prefix[32..40].copy_from_slice(&height.0.to_le_bytes());
    prefix[40..42].copy_from_slice(&by.0.to_le_bytes());
    let mut target = Target::EASIEST;
    for bit in 0..usize::from(zeros) {
        target.0[bit / 8] &= !(0x80 >> (bit % 8));
    }
    Puzzle { prefix, target }
}

impl Found {
    fn seal(&self, by: ReplicaId) -> Seal {
        let puzzle = puzzle(self.height, self.parent, by, self.zeros);
        Seal { puzzle, nonce: self.nonce }
    }
    fn block(&self, by: ReplicaId) -> Block {
        let digest = self.seal(by).hash();
        let (height, parent) = (self.height, self.parent);
        let proof = Proof(byzlab_core::codec::encode(&(self.zeros, self.nonce)));
        Block { height, parent, digest, producer: by, batch: Batch::empty(), proof }
    }
}

impl Message for Found {
    fn kind(&self) -> &'static str {
        "found"
    }
    fn claims(&self, from: ReplicaId, _: &Committee) -> Result<Vec<Claim>, Invalid> {
        Ok(vec![Claim::Work(self.seal(from))])
    }
}

#[derive(Debug)]
pub struct Miner {
    seat: Seat,
    params: Params,
    head: Head,
}

impl Miner {
    fn dig(&mut self, out: &mut Effects<Self>) {
        let Head { height, digest } = self.head;
        out.mine(puzzle(height.next(), digest, self.seat.me, self.params.zeros));
    }
}

impl Protocol for Miner {
    type Message = Found;
    type Timer = ();
    type Params = Params;

    fn new(seat: Seat, params: Params, saved: Saved<'_>) -> Result<Self, BuildError> {
        Ok(Self { seat, params, head: saved.head })
    }
    fn step(&mut self, _: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => self.dig(out),
            Input::Sealed(seal) => {
                let Head { height, digest } = self.head;
                let nonce = seal.nonce ^ u32::from(self.params.cheat);
                let zeros = self.params.zeros;
                out.broadcast(Found { height: height.next(), parent: digest, zeros, nonce });
            }
            Input::Message { from, message }
                if (message.height, message.parent)
                    == (self.head.height.next(), self.head.digest) =>
            {
                let block = message.block(from);
                self.head = block.head();
                out.commit(block);
                self.dig(out);
            }
            _ => {}
        }
    }
    fn audit(block: &Block, _: &Committee) -> Result<Vec<Claim>, Invalid> {
        let (zeros, nonce) = byzlab_core::codec::decode(&block.proof.0)
            .map_err(|_| Invalid("a proof of another kind"))?;
        let found = Found { height: block.height, parent: block.parent, zeros, nonce };
        match found.seal(block.producer).hash() == block.digest {
            true => Ok(vec![Claim::Work(found.seal(block.producer))]),
            false => Err(Invalid("a digest of another block")),
        }
    }
}
