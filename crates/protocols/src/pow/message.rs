//! What miners say to each other, and what must hold of it.

use bytes::Bytes;
use byzlab_core::{
    Batch, Block, Claim, Committee, Height, Invalid, Message, Proof, ReplicaId, block::Head,
};
use serde::{Deserialize, Serialize};

use super::header::{Header, VERSION};

/// The most headers in one answer: 40 kB.
pub const HEADERS_MAX: usize = 512;
/// The most blocks that one message asks for.
pub const BLOCKS_MAX: usize = 16;
/// The most heads in a locator; one from a chain of 2⁶⁴ blocks would need 75.
pub const LOCATOR_MAX: usize = 80;

/// A block on its way: what a [`Block`] says, without what follows from it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sealed {
    /// The header that work was done on.
    pub header: Header,
    /// Its height.
    pub height: Height,
    /// Its transactions.
    pub batch: Batch,
}

impl Sealed {
    /// The block on its way that the ledger's `block` once was; `None` if its proof is no header.
    pub fn of(block: &Block) -> Option<Self> {
        let bytes: &[u8; Header::LEN] = block.proof.0[..].try_into().ok()?;
        let header = Header::read(bytes);
        Some(Self { header, height: block.height, batch: block.batch.clone() })
    }
    /// The block for the ledger, named `digest`, which must be the header's hash.
    pub fn block(self, digest: byzlab_core::Digest) -> Block {
        let Self { header, height, batch } = self;
        let proof = Proof(Bytes::copy_from_slice(&header.write()));
        Block { height, parent: header.parent, digest, producer: header.producer, batch, proof }
    }
    /// What must hold of a block wherever it stands: the header names this height, batch and
    /// producer; the work has been done; the transactions are what the root says, and their
    /// clients'.
    pub fn claims(&self, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        let Self { header, height, batch } = self;
        if *height == Height::GENESIS {
            return Err(Invalid("a block in genesis' place"));
        }
        if header.commitment != Header::commitment(*height, batch.root(), header.producer) {
            return Err(Invalid("the header is not about this height, batch and producer"));
        }
        let mut claims = vec![work(header, committee)?];
        batch.claims(committee, &mut claims)?;
        Ok(claims)
    }
}

/// The claim that a header's work has been done.
fn work(header: &Header, committee: &Committee) -> Result<Claim, Invalid> {
    if header.version != VERSION {
        return Err(Invalid("a header of unknown version"));
    }
    if !committee.contains(header.producer) {
        return Err(Invalid("a header by nobody in the committee"));
    }
    if !header.bits.is_canonical() {
        return Err(Invalid("a target that is not canonical"));
    }
    Ok(Claim::Work(header.seal()))
}

/// What miners say to each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Say {
    /// My best chain ends here now. Proves nothing, and costs nothing to check.
    Announce(Head),
    /// Asks for the headers that follow the first of these heads that stands on the other's chain.
    /// Highest first, dense at the top, thin below, genesis last.
    GetHeaders(Vec<Head>),
    /// Headers, each the parent of the next; none: nothing follows.
    Headers(Vec<Header>),
    /// Asks for blocks.
    GetBlocks(Vec<Head>),
    /// A block.
    Block(Sealed),
}

impl Message for Say {
    fn kind(&self) -> &'static str {
        match self {
            Self::Announce(_) => "announce",
            Self::GetHeaders(_) => "get headers",
            Self::Headers(_) => "headers",
            Self::GetBlocks(_) => "get blocks",
            Self::Block(_) => "block",
        }
    }
    fn claims(&self, _: ReplicaId, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        match self {
            Self::Announce(_) => Ok(Vec::new()),
            Self::GetHeaders(locator) if locator.len() > LOCATOR_MAX => {
                Err(Invalid("a locator too long"))
            }
            Self::GetHeaders(_) => Ok(Vec::new()),
            Self::Headers(headers) if headers.len() > HEADERS_MAX => {
                Err(Invalid("too many headers"))
            }
            Self::Headers(headers) => {
                let linked = headers.windows(2).all(|pair| pair[1].parent == pair[0].hash());
                if !linked {
                    return Err(Invalid("headers that are no chain"));
                }
                headers.iter().map(|header| work(header, committee)).collect()
            }
            Self::GetBlocks(heads) if heads.is_empty() || heads.len() > BLOCKS_MAX => {
                Err(Invalid("asks for no blocks, or for too many"))
            }
            Self::GetBlocks(_) => Ok(Vec::new()),
            Self::Block(sealed) => sealed.claims(committee),
        }
    }
}
