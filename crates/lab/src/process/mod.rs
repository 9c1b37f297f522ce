//! A protocol in any language: a program that answers questions over its pipes.
//!
//! `[protocol] process = ["python3", "mine.py"]` seats a replica per program, each a child of this
//! process. The host asks and waits; the child answers with what is to be done. So the child is one more
//! state machine, and a simulation of it is as repeatable as the child is. Messages, signatures, batches
//! and blocks stay with the host, which proves what was signed before the child hears of it; the child
//! names them by their digests. `docs/any-language.md` is the whole interface.
//!
//! A child that dies, hangs, or answers what cannot be read or done is killed, its replica falls silent,
//! and the run's record says so as a violation of `"program"`. Children are killed when their replicas
//! are dropped.

mod child;
mod frame;
mod message;
mod replica;
mod shelf;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use byzlab_core::{
    Block, BuildError, Claim, Committee, Entry, Invalid, Machine, Plugin, Replica, ReplicaId,
    Saved, Seat, Signer, Span, Time, outcome::Violation,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use child::Child;
pub use child::FRAME_MAX;
pub use frame::VERSION;
use frame::{Circle, Judged, Question};
pub use message::{ATTACHED_MAX, BODY_MAX, DOMAIN_MAX, KINDS, SIGNED_MAX};
use replica::Process;
pub use replica::{TIMER_NAME_MAX, TIMERS_MAX};

/// The most failures of programs that one run tells of.
pub const FAILURES_MAX: usize = 100;

/// Any program: what experiment files call `process`.
pub const ENTRY: Entry =
    Entry::of::<Process>("process", "a program of your own in any language, over its pipes");

/// Parameters of a program.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// The program and its arguments; looked up like a shell would, and run where this runs.
    pub process: Vec<String>,
    /// How long it may take to answer, in real time; whoever takes longer has failed.
    pub deadline: Span,
    /// What is handed to the program as it is.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub params: Table,
    #[serde(skip)]
    failures: Failures,
}

impl Default for Params {
    fn default() -> Self {
        let (process, params) = (Vec::new(), Table::new());
        Self { process, deadline: Span::seconds(10), params, failures: Failures::default() }
    }
}

impl Params {
    /// The program as one would type it.
    fn command(&self) -> String {
        format!("`{}`", self.process.join(" "))
    }
}

/// A program could not go on.
#[derive(Clone, Debug)]
struct Failure {
    at: Time,
    /// Whose it was; none where it was asked to judge a block.
    replica: Option<ReplicaId>,
    what: String,
}

/// What went wrong with the programs of one run.
#[derive(Clone, Debug, Default)]
struct Failures(Arc<(Mutex<Vec<Failure>>, AtomicBool)>);

impl Failures {
    fn add(&self, params: &Params, mut failure: Failure) {
        failure.what = format!("{}: {}", params.command(), failure.what);
        if self.0.1.load(Ordering::Relaxed) {
            eprintln!("error: {}", failure.what);
        }
        let mut list = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if list.len() < FAILURES_MAX {
            list.push(failure);
        }
    }
}

/// Writes the short form in full: a `process` needs no name.
pub(crate) fn name_it(protocol: &mut Table) {
    if !protocol.contains_key("name") && protocol.contains_key("process") {
        protocol.insert("name".into(), Value::from(ENTRY.name));
    }
}

/// One run's programs: knows what they are, what went wrong with them, and asks one of them to judge
/// blocks.
#[derive(Debug)]
pub(crate) struct Bound {
    params: Params,
    auditor: Mutex<Option<Child>>,
}

impl Bound {
    /// An entry of these programs for one run, if it is about programs at all.
    ///
    /// Entries live as long as the program, so its few words are not given back.
    ///
    /// # Errors
    /// If the parameters are wrong.
    pub(crate) fn of(entry: Entry, params: &Table) -> Result<Option<&'static Self>, BuildError> {
        if entry.name != ENTRY.name {
            return Ok(None);
        }
        let mut params = Self::parse(params)?;
        params.failures = Failures::default();
        Ok(Some(Box::leak(Box::new(Self { params, auditor: Mutex::default() }))))
    }
    /// The entry that seats these programs.
    pub(crate) fn entry(&'static self) -> Entry {
        Entry::behind(ENTRY.name, ENTRY.about, self)
    }
    /// Says what goes wrong on stderr too: where no record is made.
    pub(crate) fn aloud(&'static self) -> &'static Self {
        self.params.failures.0.1.store(true, Ordering::Relaxed);
        self
    }
    /// The run is over: ends what judged blocks, and gives what went wrong.
    pub(crate) fn close(&self) -> Vec<Violation> {
        *self.lock() = None;
        let list = self.params.failures.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let violation = |failure: &Failure| Violation {
            property: "program".into(),
            at: failure.at,
            replicas: failure.replica.into_iter().collect(),
            what: failure.what.clone(),
        };
        list.iter().map(violation).collect()
    }
    fn parse(params: &Table) -> Result<Params, BuildError> {
        Params::deserialize(Value::Table(params.clone()))
            .map_err(|e| BuildError(e.message().to_owned()))
    }
    fn lock(&self) -> MutexGuard<'_, Option<Child>> {
        self.auditor.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Asks a child of its own, which has seen nothing else.
    fn judge(&self, block: &Block, committee: &Committee) -> Result<bool, String> {
        let mut auditor = self.lock();
        let mut child = match auditor.take() {
            Some(child) => child,
            None => Child::start(&self.params.process, self.params.deadline.to_std())?,
        };
        let judged: Judged = child.ask(&Question::Audit {
            version: VERSION,
            committee: Circle::of(committee),
            params: &self.params.params,
            block: message::seen(block),
        })?;
        *auditor = Some(child);
        Ok(judged.r#final)
    }
}

impl Plugin for Bound {
    fn build(
        &self,
        seat: Seat,
        signer: Signer,
        params: &Table,
        saved: Saved<'_>,
    ) -> Result<Box<dyn Replica>, BuildError> {
        let mut params = Self::parse(params)?;
        params.failures = self.params.failures.clone();
        Ok(Box::new(Machine::<Process>::new(seat, signer, params, saved)?))
    }
    fn resolve(&self, params: &Table) -> Result<Table, BuildError> {
        ENTRY.resolve(params)
    }
    fn schema(&self) -> schemars::Schema {
        ENTRY.schema()
    }
    fn audit(&self, block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        let mut claims = Vec::new();
        message::claim_all(&message::evidence(block)?, committee, &mut claims)?;
        block.batch.claims(committee, &mut claims)?;
        match self.judge(block, committee) {
            Ok(true) => Ok(claims),
            Ok(false) => Err(Invalid("its program says that it is not final")),
            Err(what) => {
                let what = format!("asked to judge block {}: {what}", block.height);
                let failure = Failure { at: Time::ZERO, replica: None, what };
                self.params.failures.add(&self.params, failure);
                Err(Invalid("its program gave no judgement"))
            }
        }
    }
    fn replies(&self, committee: &Committee) -> usize {
        ENTRY.replies(committee)
    }
}
