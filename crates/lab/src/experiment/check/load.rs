//! The clients, and what waits for their sake.

use byzlab_core::{
    Span,
    transaction::{TRANSACTION_MAX, Transaction},
};

use super::{Checked, ensure};
use crate::spec::{Load, Spec};

/// The most transactions a second of all clients together.
pub const RATE_MAX: u32 = 10_000_000;
/// The most transactions on the way at once of all clients together.
pub const OUTSTANDING_ALL_MAX: u64 = 1_000_000;
/// The shortest wait before a client sends again.
pub const RETRY_MIN: Span = Span::ms(1);
/// The least payload of a transaction: the key that it writes.
const PAYLOAD_MIN: usize = 8;

pub(super) fn check_load(spec: &Spec) -> Checked {
    let load = &spec.load;
    check_arrivals(load)?;
    let end = spec.stop.after;
    ensure(load.from < end, &["load", "from"], || format!("the run is over then, after {end}"))?;
    ensure(load.until.is_none_or(|until| load.from < until), &["load", "until"], || {
        "clients must begin before they stop".into()
    })?;
    ensure(load.until.is_none_or(|until| until <= end), &["load", "until"], || {
        format!("the run ends before, after {end}")
    })?;
    ensure(load.retry >= RETRY_MIN, &["load", "retry"], || {
        format!("a client waits {RETRY_MIN} at least before it sends again")
    })?;
    ensure(load.keys > 0, &["load", "keys"], || "writes go to 1 key at least".into())?;
    let signed = spec.cluster.client_signatures;
    let least = Transaction::overhead(signed) + PAYLOAD_MIN;
    let size = load.transaction_bytes as usize;
    ensure((least..=TRANSACTION_MAX).contains(&size), &["load", "transaction_bytes"], || {
        let kind = if signed { "a signed" } else { "an unsigned" };
        format!("{kind} transaction has {least} to {TRANSACTION_MAX} bytes, and not {size}")
    })?;
    check_mempool(spec)
}

/// How often clients send.
fn check_arrivals(load: &Load) -> Checked {
    let none = || "for no load write `clients = 0`".to_owned();
    ensure(load.rate.is_none() || load.outstanding.is_none(), &["load", "outstanding"], || {
        "an open loop has a `rate`, a closed one `outstanding`; not both".into()
    })?;
    ensure(load.rate != Some(0), &["load", "rate"], none)?;
    ensure(load.rate.is_none_or(|rate| rate <= RATE_MAX), &["load", "rate"], || {
        format!("clients send {RATE_MAX} transactions a second together at most")
    })?;
    let Some(outstanding) = load.outstanding else { return Ok(()) };
    let path = ["load", "outstanding"];
    ensure(outstanding > 0, &path, none)?;
    let all = u64::from(outstanding) * u64::from(load.clients);
    ensure(all <= OUTSTANDING_ALL_MAX, &path, || {
        let clients = load.clients;
        format!(
            "{clients} clients would have {all} transactions on the way; together they may have \
             {OUTSTANDING_ALL_MAX}, {} each",
            OUTSTANDING_ALL_MAX / u64::from(clients)
        )
    })
}

fn check_mempool(spec: &Spec) -> Checked {
    let (mempool, size) = (&spec.mempool, spec.load.transaction_bytes);
    ensure(mempool.transactions > 0, &["mempool", "transactions"], || {
        "there must be room for 1 transaction".into()
    })?;
    ensure(mempool.bytes >= size as usize, &["mempool", "bytes"], || {
        format!("there must be room for 1 transaction, which has {size} bytes")
    })
}
