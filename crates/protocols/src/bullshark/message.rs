//! What replicas say to each other, and what must hold for it to be heard.

use std::sync::Arc;

use byzlab_core::{Claim, Committee, Invalid, ReplicaId, Signature, Statement};
use serde::{Deserialize, Serialize};

use super::{Bullshark, DOMAIN, rules};
use crate::kit::{
    Catchup, Certificate,
    dag::{Upkeep, Vertex, VertexRef, loom::FETCH_MAX},
};

/// A vertex of the certified DAG: a header that a quorum voted for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Certified {
    /// The header.
    pub header: Arc<Vertex>,
    /// A quorum's votes for it.
    pub certificate: Arc<Certificate>,
}

/// What Bullshark's replicas say to each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    /// Narwhal: the sender's header in a round, with its batch.
    Header(Arc<Vertex>),
    /// Narwhal: the sender has the header and all that it builds on, and votes for no other one of its
    /// author and round.
    Vote(VertexRef, Signature),
    /// Narwhal: a quorum voted for a header.
    Certificate(VertexRef, Arc<Certificate>),
    /// Vertices that were asked for.
    Fetched(Vec<Certified>),
    /// Keeping up.
    Upkeep(Upkeep),
}

impl From<Upkeep> for Message {
    fn from(upkeep: Upkeep) -> Self {
        Self::Upkeep(upkeep)
    }
}

impl From<Catchup> for Message {
    fn from(catchup: Catchup) -> Self {
        Self::Upkeep(Upkeep::Catchup(catchup))
    }
}

/// What is signed by a vote.
pub fn vote_statement(committee: &Committee, header: &VertexRef) -> Statement {
    committee.statement("bullshark/vote", header)
}

fn header_claims(
    header: &Vertex,
    committee: &Committee,
    claims: &mut Vec<Claim>,
) -> Result<(), Invalid> {
    let due = committee.coin.is_some() && rules::tosses_in(header.round);
    match (header.toss.is_some(), due) {
        (true, false) => Err(Invalid("a toss in a round that has none")),
        (false, true) => Err(Invalid("a header without the toss of its round")),
        _ => header.claims(committee, DOMAIN, claims),
    }
}

fn certificate_claims(
    header: &VertexRef,
    certificate: &Certificate,
    committee: &Committee,
    claims: &mut Vec<Claim>,
) -> Result<(), Invalid> {
    if certificate.len() < committee.quorum() {
        return Err(Invalid("a certificate below the quorum"));
    }
    certificate.claims(&vote_statement(committee, header), committee, claims)
}

impl Certified {
    fn claims(&self, committee: &Committee, claims: &mut Vec<Claim>) -> Result<(), Invalid> {
        header_claims(&self.header, committee, claims)?;
        certificate_claims(&self.header.name(), &self.certificate, committee, claims)
    }
}

impl byzlab_core::Message for Message {
    fn kind(&self) -> &'static str {
        match self {
            Self::Header(_) => "header",
            Self::Vote(..) => "vote",
            Self::Certificate(..) => "certificate",
            Self::Fetched(_) => "fetched",
            Self::Upkeep(upkeep) => upkeep.kind(),
        }
    }

    fn claims(&self, from: ReplicaId, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        let mut claims = Vec::new();
        match self {
            Self::Header(header) if header.author != from => {
                return Err(Invalid("a header in another's name"));
            }
            Self::Header(header) => header_claims(header, committee, &mut claims)?,
            Self::Vote(header, signature) => {
                let statement = vote_statement(committee, header);
                let signed = committee.signed(from, &statement, *signature);
                claims.push(signed.ok_or(Invalid("an unknown sender"))?);
            }
            Self::Certificate(header, _) if !committee.contains(header.author) => {
                return Err(Invalid("a certificate for nobody's header"));
            }
            Self::Certificate(header, certificate) => {
                certificate_claims(header, certificate, committee, &mut claims)?;
            }
            Self::Fetched(vertices) if vertices.len() > FETCH_MAX => {
                return Err(Invalid("more vertices than an answer may have"));
            }
            Self::Fetched(vertices) => {
                for vertex in vertices {
                    vertex.claims(committee, &mut claims)?;
                }
            }
            Self::Upkeep(upkeep) => return upkeep.claims::<Bullshark>(committee, DOMAIN),
        }
        Ok(claims)
    }
}
