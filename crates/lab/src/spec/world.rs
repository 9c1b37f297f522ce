//! The simulated world: `[network]`, `[cpu]` and `[check]`. Real hosts have their own.

use std::fmt;

use byzlab_core::Span;
use byzlab_sim::{CpuModel, Measure};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, value::MapAccessDeserializer},
};

/// `[network]`: how messages travel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// The one-way time on the way: `"10ms"`, `{ low = "20ms", high = "40ms" }`, or a region matrix.
    pub latency: Latency,
    /// Up to so much is added to each message's latency, each amount equally likely.
    pub jitter: Span,
    /// Bits a second of each replica's uplink; absent: without limit.
    pub up_bits_per_second: Option<u64>,
    /// Bits a second of each replica's downlink; absent: without limit.
    pub down_bits_per_second: Option<u64>,
    /// How many of a million messages are lost.
    pub loss_ppm: u32,
    /// When the network becomes timely (GST); absent: it is from the start.
    pub stabilises: Option<Stabilises>,
    /// Neighbours of each replica in a random regular graph; absent: everyone is everyone's.
    pub peers: Option<u16>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            latency: Latency::Constant(Span::ms(10)),
            jitter: Span::ZERO,
            up_bits_per_second: None,
            down_bits_per_second: None,
            loss_ppm: 0,
            stabilises: None,
            peers: None,
        }
    }
}

/// Global stabilisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stabilises {
    /// The moment.
    pub at: Span,
    /// The longest additional latency of a message before it, each amount equally likely.
    pub latency: Span,
}

/// One-way latencies; they hold for clients' links too.
#[derive(Clone, Debug, PartialEq)]
pub enum Latency {
    /// Always the same.
    Constant(Span),
    /// By a table of its own.
    Table(Box<LatencyTable>),
}

/// A latency that is not constant: a range (`low`, `high`), or a matrix of regions by name (`matrix`) or
/// written out (`table` and `measure`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LatencyTable {
    /// The shortest latency; each value up to `high` is equally likely.
    pub low: Option<Span>,
    /// The longest latency.
    pub high: Option<Span>,
    /// A region matrix that comes with the simulator.
    pub matrix: Option<String>,
    /// A region matrix as text: `from,A,B` and one row a region, milliseconds.
    pub table: Option<String>,
    /// What `table` gives: `"round_trip"` or `"one_way"`. Never guessed.
    pub measure: Option<MeasureName>,
    /// Replica `i` stands in region `replicas[i % len]`; empty: in region `i % regions`.
    pub replicas: Vec<String>,
    /// Client `i` stands in region `clients[i % len]`; empty: where replica `i % nodes` stands.
    pub clients: Vec<String>,
}

/// What a table of latencies gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeasureName {
    /// There and back.
    RoundTrip,
    /// There.
    OneWay,
}

impl From<MeasureName> for Measure {
    fn from(name: MeasureName) -> Self {
        match name {
            MeasureName::RoundTrip => Self::RoundTrip,
            MeasureName::OneWay => Self::OneWay,
        }
    }
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Constant(span) => span.serialize(s),
            Self::Table(table) => table.serialize(s),
        }
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Latency;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration like \"10ms\", or a table")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Latency, E> {
                text.parse().map(Latency::Constant).map_err(E::custom)
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Latency, A::Error> {
                let table = LatencyTable::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Latency::Table(Box::new(table)))
            }
        }
        d.deserialize_any(Visitor)
    }
}

/// `[cpu]`: what computing costs in virtual time. A model, and what differs from it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cpu {
    /// `"server"`: one core of a 2023 server; `"free"`: nothing costs anything.
    pub model: CpuName,
    /// Taking in one message.
    pub receive: Option<Span>,
    /// Taking in a byte, in picoseconds.
    pub receive_byte_ps: Option<u64>,
    /// Sending one message to one receiver.
    pub send: Option<Span>,
    /// Sending a byte to one receiver, in picoseconds.
    pub send_byte_ps: Option<u64>,
    /// Making a signature.
    pub sign: Option<Span>,
    /// Checking a signature.
    pub check_signature: Option<Span>,
    /// One transaction of a batch whose Merkle root is checked.
    pub check_root: Option<Span>,
    /// Checking a proof of work.
    pub check_work: Option<Span>,
    /// Making a record durable.
    pub save: Option<Span>,
    /// Executing a transaction.
    pub execute: Option<Span>,
    /// Making a BLS signature.
    pub bls_sign: Option<Span>,
    /// Checking one replica's BLS signature, a vote, …
    pub bls_vote: Option<Span>,
    /// … and adding it up to a certificate.
    pub bls_add: Option<Span>,
    /// Checking an aggregate of several, …
    pub bls_check: Option<Span>,
    /// … and for each signer in it, in picoseconds.
    pub bls_signer_ps: Option<u64>,
    /// Tossing a common coin.
    pub toss: Option<Span>,
    /// Checking a toss.
    pub check_toss: Option<Span>,
}

/// A model of a processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CpuName {
    /// One core of a 2023 server.
    #[default]
    Server,
    /// Nothing costs anything.
    Free,
}

impl Cpu {
    /// The model with what differs from it.
    pub fn model(&self) -> CpuModel {
        let base = match self.model {
            CpuName::Server => CpuModel::server(),
            CpuName::Free => CpuModel::free(),
        };
        CpuModel {
            receive: self.receive.unwrap_or(base.receive),
            receive_byte_ps: self.receive_byte_ps.unwrap_or(base.receive_byte_ps),
            send: self.send.unwrap_or(base.send),
            send_byte_ps: self.send_byte_ps.unwrap_or(base.send_byte_ps),
            sign: self.sign.unwrap_or(base.sign),
            check_signature: self.check_signature.unwrap_or(base.check_signature),
            check_root: self.check_root.unwrap_or(base.check_root),
            check_work: self.check_work.unwrap_or(base.check_work),
            save: self.save.unwrap_or(base.save),
            execute: self.execute.unwrap_or(base.execute),
            bls_sign: self.bls_sign.unwrap_or(base.bls_sign),
            bls_vote: self.bls_vote.unwrap_or(base.bls_vote),
            bls_add: self.bls_add.unwrap_or(base.bls_add),
            bls_check: self.bls_check.unwrap_or(base.bls_check),
            bls_signer_ps: self.bls_signer_ps.unwrap_or(base.bls_signer_ps),
            toss: self.toss.unwrap_or(base.toss),
            check_toss: self.check_toss.unwrap_or(base.check_toss),
        }
    }
}

/// `[check]`: what the simulator's checkers hold a run against, beside agreement and validity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Check {
    /// How long an undisturbed system with work to do may go without a commit before that is a
    /// violation of `"progress"`; absent: as long as it likes.
    pub progress_within: Option<Span>,
}
