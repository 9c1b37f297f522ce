//! The end of a run: last checks, and the outcome.

use std::collections::BTreeMap;

use byzlab_core::{ReplicaId, outcome::Outcome};

use crate::{
    queue::Queue,
    trace::Trace,
    world::{Happening, World},
};

impl<Q: Queue<Happening>> World<'_, Q> {
    /// Closes the books.
    pub(crate) fn finish(mut self) -> (Outcome, Trace) {
        if self.books.timeline.last().is_none_or(|last| last.at < self.now) {
            self.take_sample();
        }
        self.last_checks();
        let mut producers: BTreeMap<ReplicaId, u64> = BTreeMap::new();
        let (mut blocks, mut transactions, mut proof_bytes) = (0, 0, 0);
        if let Some(longest) = self.longest() {
            for block in longest.chain.blocks() {
                *producers.entry(block.producer).or_default() += 1;
                transactions += block.batch.len() as u64;
                proof_bytes += block.proof.0.len() as u64;
            }
            blocks = longest.chain.blocks().len() as u64;
        }
        let figures = self.figures(transactions, proof_bytes);
        let accelerator = self.accelerator_name();
        let replicas = &self.sites[..usize::from(self.scenario.size)];
        let heads =
            replicas.iter().map(|site| site.replica.as_ref().map(|_| site.chain.head())).collect();
        let traffic = self.books.traffic.by_name(|sum, more| {
            sum.messages += more.messages;
            sum.bytes += more.bytes;
        });
        let outcome = Outcome {
            duration: self.now.since(byzlab_core::Time::ZERO),
            committed_blocks: blocks,
            submitted: self.customers.submitted(),
            traffic,
            signatures_checked: self.books.signatures_checked,
            events: self.books.events,
            view_changes: self.books.view_changes,
            highest_view: self.books.highest_view,
            violations: self.checks.violations,
            trace_digest: Some(self.tracer.digest),
            heads,
            producers,
            notes: self.books.notes(),
            latency: self.books.latency,
            marks: self.books.marks,
            timeline: self.books.timeline,
            cpu: None,
            accelerator,
            figures,
        };
        (outcome, Trace { journal: self.journal.lines(), ..self.tracer.finish() })
    }
    /// What proved claims, and whose cost was charged for it.
    fn accelerator_name(&self) -> String {
        match &self.scenario.proving {
            None => self.prover.name(),
            Some(profile) => format!("{}, charged as {}", self.prover.name(), profile.about),
        }
    }
    fn last_checks(&mut self) {
        let (submitted, now) = (self.customers.submitted(), self.now);
        let height = self.longest().map_or(0, |site| site.chain.head().height.0);
        if submitted > 0 && height == 0 {
            let running = self.sites.iter().filter(|site| site.honest && site.replica.is_some());
            let what = format!(
                "the run committed nothing, though clients sent {submitted} transactions; {} of {} \
                 replicas are honest and running; {}",
                running.count(),
                self.scenario.size,
                self.books.last_words()
            );
            self.checks.violated("progress", now, Vec::new(), what);
        }
        let blocks = self.longest().map_or(Vec::new(), |site| site.chain.blocks().to_vec());
        if let Some(what) = self.prover.usage().violation() {
            self.checks.violated("accelerator", now, Vec::new(), what);
        }
        let missing = self.customers.missing(&blocks);
        if let Some((client, sequence, height)) = missing.first() {
            let what = format!(
                "{} confirmed transactions stand in no honest ledger; the first is #{sequence} of \
                 client {client}, confirmed at height {height}",
                missing.len()
            );
            self.checks.violated("durability", now, Vec::new(), what);
        }
    }
    fn figures(&self, transactions: u64, proof_bytes: u64) -> BTreeMap<String, f64> {
        let books = &self.books;
        let counts = [
            ("messages_delivered", books.delivered),
            ("messages_lost", books.lost),
            ("messages_cut_off", books.cut_off),
            ("messages_to_nobody", books.to_nobody),
            ("messages_overflowed", books.overflowed),
            ("mempool_refusals", books.mempool_full),
            ("signatures_made", books.signatures_made),
            ("signing_us", books.signing_ns / 1_000),
            ("checking_us", books.checking_ns / 1_000),
            ("proving_calls", books.proving_calls),
            ("proving_signatures", books.proving_signatures),
            ("proving_ms", books.proving_ns / 1_000_000),
            ("check_calls", self.prover.calls().0),
            ("check_claims", self.prover.calls().1),
            ("ledger_transactions", transactions),
            ("proof_bytes", proof_bytes),
            ("seals_issued", self.prover.mint.issued() as u64),
            ("reverts", books.reverts),
            ("deepest_revert_blocks", books.deepest_revert),
            ("queue_peak", books.queue_peak as u64),
            ("trace_events", self.tracer.events),
            ("violations_suppressed", self.checks.suppressed),
        ];
        let told = counts.into_iter().filter(|(_, count)| *count > 0);
        let mut figures: BTreeMap<_, _> =
            told.map(|(name, count)| (name.to_owned(), count as f64)).collect();
        if self.scenario.proving.is_some() {
            // That a GPU was never worth it is an answer, too.
            figures.insert("proving_signatures_on_gpu".into(), books.proving_on_gpu as f64);
        }
        figures.extend(self.prover.usage().figures());
        figures
    }
}
