//! The floor under a run's cost: what the checks of its clients' signatures cost by themselves.

use std::time::{Duration, Instant};

use byzlab_core::{Accelerator, Claim, Committee, Height, Span};

use super::life::Ledger;
use crate::cpu;

/// The most transactions that are checked in one call.
const SAMPLE_MAX: usize = 4_096;
/// Over so much CPU time, a moment's disturbance does not show.
const CPU_MIN: Span = Span::ms(300);
/// The longest that is measured, whatever CPU time has been used by then.
const WALL_MAX: Duration = Duration::from_secs(2);

/// CPU time in microseconds that it takes to check one client's signature as many times as there are
/// replicas: what a run costs a transaction at the least, where each replica checks for itself.
///
/// It is measured after the run, when replicas and clients have ended: the first transactions of the
/// ledger, up to 4,096, are checked in one call to the run's accelerator, again and again, and the
/// CPU time that this process used meanwhile, all its threads together, is divided by their number.
/// So Merkle trees are not in it, nor what batches as small as a run's own cost more. `None` without
/// clients' signatures, without transactions, and where the system does not tell CPU time.
pub(super) fn signature_checks_us(
    ledger: &Ledger,
    committee: &Committee,
    accelerator: &dyn Accelerator,
) -> Option<f64> {
    let claims = claims(ledger, committee);
    if claims.is_empty() {
        return None;
    }
    // What is done once, like decompressing the clients' keys, is done before.
    accelerator.check(&claims);
    let used = cpu::used_here;
    let (start, before) = (Instant::now(), used()?);
    let (mut checked, mut cpu) = (0, Span::ZERO);
    while cpu < CPU_MIN && start.elapsed() < WALL_MAX {
        accelerator.check(&claims);
        checked += claims.len();
        cpu = Span(used()?.0 - before.0);
    }
    Some(cpu.0 as f64 / 1e3 / checked as f64 * committee.size() as f64)
}

/// The claims of the ledger's first transactions.
fn claims(ledger: &Ledger, committee: &Committee) -> Vec<Claim> {
    let mut claims = Vec::new();
    let mut height = Height::GENESIS.next();
    while claims.len() < SAMPLE_MAX
        && let Some(block) = ledger.block(height)
    {
        let signed = block.batch.transactions().filter_map(|t| t.claim(committee).ok().flatten());
        claims.extend(signed);
        height = block.height.next();
    }
    claims.truncate(SAMPLE_MAX);
    claims
}
