//! A whole cluster: start, load, faults, drain, end, and what it all came to.

mod check;
mod floor;
mod life;
pub(crate) mod process;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    net::UdpSocket,
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use byzlab_core::{
    Committee, Height, Scheme, Signer, Span, Time, Usage, View, VoteKeys,
    outcome::{Mark, Outcome, Sample},
};

use crate::{
    client::{Crowd, Seen},
    clock::Clock,
    counters::Counters,
    cpu,
    plan::{
        Address, CHAIN_LABEL, ClientPlan, ClusterPlan, Durability, Fault, FaultKind, Mode,
        NodeError, Progress, SeatPlan, Secret, UDP_PAYLOAD_LOOPBACK,
    },
};
use life::Member;

/// How long all links may take to stand.
const LINKS_MAX: Duration = Duration::from_secs(20);
/// The figure beside `cpu_us_per_transaction`: what of it the checks of clients' signatures take at
/// the least.
const SIGNATURE_CHECKS: &str = "signature_checks_cpu_us_per_transaction";
/// How often it is looked whether something has come to pass.
const LOOK: Duration = Duration::from_millis(5);
/// How long no height changes before nothing is under way any more: a transaction that was sent twice may
/// stand in a batch that is not committed yet when its client has its replies.
const STILL: Span = Span::ms(100);
/// How long that is waited for: proof of work is never still.
const STILL_MAX: Span = Span::seconds(1);

/// Runs `plan`; see [`run_cluster`](crate::run_cluster).
pub(crate) fn run(
    plan: &ClusterPlan,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome, NodeError> {
    let faults = schedule(plan)?;
    let mut stage = Stage::set(plan)?;
    stage.wait_for_links()?;
    let crowd = Crowd::start(&stage.client_plan(plan))?;
    stage.wait_for_clients(&crowd)?;
    stage.begin(&crowd);
    stage.play(plan, &faults, &crowd, progress)?;
    stage.drain(plan, &crowd)?;
    stage.end(plan, crowd)
}

/// The faults in order of time, if they make sense.
fn schedule(plan: &ClusterPlan) -> Result<Vec<Fault>, NodeError> {
    let bad = |what: String| Err(NodeError::Plan(what));
    if plan.size == 0 {
        return bad("a cluster has at least one replica".into());
    }
    if !(1200..=UDP_PAYLOAD_LOOPBACK).contains(&plan.udp_payload) {
        return bad(format!("a UDP payload has 1200 to {UDP_PAYLOAD_LOOPBACK} bytes"));
    }
    if plan.sample.is_zero() || plan.duration.is_zero() {
        return bad("duration and sample are longer than nothing".into());
    }
    let mut faults = plan.faults.clone();
    faults.sort_by_key(|fault| (fault.at, fault.kind));
    let mut down = vec![false; usize::from(plan.size)];
    for Fault { at, replica, kind } in &faults {
        let Some(down) = down.get_mut(replica.index()) else {
            return bad(format!("a fault for {replica}, but there are only {}", plan.size));
        };
        match (kind, *down) {
            (FaultKind::Kill, true) => return bad(format!("{replica} is killed twice by {at}")),
            (FaultKind::Tamper | FaultKind::Restart, false) => {
                return bad(format!("{replica} is not down at {at}"));
            }
            (FaultKind::Tamper, true) if plan.durability == Durability::Memory => {
                return bad("a ledger in memory has no file to tamper with".into());
            }
            (FaultKind::Tamper, true) => {}
            (FaultKind::Kill, false) | (FaultKind::Restart, true) => *down = !*down,
        }
    }
    Ok(faults)
}

/// A cluster that runs.
struct Stage {
    committee: Arc<Committee>,
    members: Vec<Member>,
    /// Shows zero until the clients begin.
    clock: Clock,
    marks: Vec<Mark>,
    timeline: Vec<Sample>,
    committed: u64,
    cpu_before: Option<Span>,
    cpu: Option<Span>,
    /// What the accelerator of this process had done before.
    usage_before: Usage,
}

impl Stage {
    /// Makes keys, folders and addresses, and starts every replica.
    fn set(plan: &ClusterPlan) -> Result<Self, NodeError> {
        let secret = |i| Secret(Signer::seeded_secret(plan.seed, &format!("replica/{i}")));
        let keys = (0..plan.size).map(|i| secret(i).signer().public()).collect();
        let mut committee = Committee::new(CHAIN_LABEL, keys, plan.client_signatures);
        if plan.scheme == Scheme::Bls {
            let pair = |i| Signer::bls(secret(i).0).vote_key();
            let pairs: Vec<_> = (0..plan.size).filter_map(pair).collect();
            let keys = VoteKeys::new(&pairs).map_err(|bad| NodeError::Plan(bad.to_string()))?;
            committee = committee.voting_with(keys);
        }
        let committee = plan.entry.equip(committee, &plan.params, plan.scheme, plan.seed)?;
        let committee = Arc::new(committee);
        let addresses = free_addresses(plan.size)?;
        let epoch = SystemTime::now();
        let mut members = Vec::new();
        for id in committee.ids() {
            let dir = plan.dir.join(format!("replica-{}", id.0));
            new_folder(&dir)?;
            let seat = SeatPlan {
                entry: plan.entry,
                params: plan.params.clone(),
                me: id,
                committee: committee.clone(),
                addresses: addresses.clone(),
                listen: None,
                secret: secret(id.0),
                epoch,
                dir,
                durability: plan.durability,
                hash_power: plan.mining.hash_power.get(id.index()).copied().unwrap_or(0),
                mempool: plan.mempool,
                accelerator: plan.accelerator.clone(),
                metrics: None,
                workers: 1,
                udp_payload: plan.udp_payload,
            };
            members.push(Member::start(seat, &plan.mode)?);
        }
        Ok(Self {
            committee,
            members,
            clock: Clock::start(),
            marks: Vec::new(),
            timeline: Vec::new(),
            committed: 0,
            cpu_before: None,
            cpu: None,
            usage_before: plan.accelerator.usage(),
        })
    }
    fn client_plan(&self, plan: &ClusterPlan) -> ClientPlan {
        ClientPlan {
            committee: self.committee.clone(),
            addresses: self.members[0].seat.addresses.clone(),
            replies: plan.entry.replies(&self.committee),
            recipients: plan.entry.recipients(),
            accelerator: plan.accelerator.clone(),
            clients: plan.clients.clone(),
            seed: plan.seed,
            duration: plan.duration,
            drain: plan.drain,
            sample: plan.sample,
            udp_payload: plan.udp_payload,
        }
    }
    fn wait_for_links(&self) -> Result<(), NodeError> {
        let peers = self.committee.size() as u64 - 1;
        wait("the links between the replicas", || {
            Ok(self.members.iter().all(|m| m.counters().is_some_and(|c| c.peers == peers)))
        })
    }
    fn wait_for_clients(&self, crowd: &Crowd) -> Result<(), NodeError> {
        wait("the clients' connections", || Ok(crowd.connected() == self.members.len()))
    }
    fn begin(&mut self, crowd: &Crowd) {
        self.cpu_before = self.cpu_now();
        self.clock = Clock::start();
        crowd.go(self.clock);
    }
    /// CPU time of this process and of all children, the dead ones included.
    fn cpu_now(&self) -> Option<Span> {
        let own = cpu::used_here()?;
        Some(self.members.iter().fold(own, |sum, member| sum + member.cpu()))
    }

    /// Lets the clients send, does the faults, and takes samples.
    fn play(
        &mut self,
        plan: &ClusterPlan,
        faults: &[Fault],
        crowd: &Crowd,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), NodeError> {
        let end = Time::ZERO + plan.duration;
        let mut faults = faults.iter().filter(|fault| fault.at < end).peekable();
        let mut sample = (Time::ZERO + plan.sample).min(end);
        loop {
            let next = faults.peek().map_or(sample, |fault| fault.at.min(sample));
            thread::sleep(next.since(self.clock.now()).to_std());
            if let Some(fault) = faults.next_if(|fault| fault.at <= next) {
                self.commit_fault(plan, fault)?;
                continue;
            }
            self.sample(sample, crowd);
            let heights = self.timeline.last().map(|s| s.heights.clone()).unwrap_or_default();
            let (at, duration, committed) = (sample, plan.duration, self.committed);
            progress(Progress { at, duration, committed, heights });
            for member in &mut self.members {
                member.is_well()?;
            }
            if sample == end {
                break;
            }
            sample = (sample + plan.sample).min(end);
        }
        self.cpu = self.cpu_now().zip(self.cpu_before).map(|(now, before)| Span(now.0 - before.0));
        Ok(())
    }

    fn commit_fault(&mut self, plan: &ClusterPlan, fault: &Fault) -> Result<(), NodeError> {
        let member = &mut self.members[fault.replica.index()];
        let at = self.clock.now();
        let mut mark = |what: String| {
            self.marks.push(Mark { at, replica: Some(fault.replica), what });
        };
        match fault.kind {
            FaultKind::Kill => {
                member.kill();
                mark("crash".into());
            }
            FaultKind::Tamper => {
                let place = member.tamper()?;
                mark(format!("tamper: byte {place} of its ledger is flipped"));
            }
            FaultKind::Restart => {
                let damage = member.restart(&plan.mode)?;
                mark("restart".into());
                damage.into_iter().for_each(|damage| mark(format!("damage found: {damage}")));
            }
        }
        Ok(())
    }

    fn sample(&mut self, at: Time, crowd: &Crowd) {
        let seen = crowd.look();
        let (committed, p50) = (seen.interval.0.len(), seen.interval.quantile(0.5));
        self.committed += committed;
        let heights = self.heights();
        self.timeline.push(Sample { at, committed, p50, heights });
    }

    /// Waits for what is still on its way, and for stragglers to catch up; takes samples as before.
    fn drain(&mut self, plan: &ClusterPlan, crowd: &Crowd) -> Result<(), NodeError> {
        let start = self.clock.now();
        let end = start + plan.drain;
        let mut sample = start + plan.sample;
        let mut calm = Calm::default();
        while self.clock.now() < end {
            let done = crowd.outstanding() == 0 && self.is_level();
            if done && calm.lasts(self.clock.now(), self.heights()) {
                break;
            }
            thread::sleep(LOOK);
            if self.clock.now() >= sample {
                self.sample(sample, crowd);
                sample += plan.sample;
            }
        }
        for member in &mut self.members {
            member.is_well()?;
        }
        Ok(())
    }
    /// The height of each replica that is up.
    fn heights(&self) -> Vec<Option<Height>> {
        self.members.iter().map(|member| member.counters().map(|c| c.height)).collect()
    }
    /// Whether all replicas that are up have the same height.
    fn is_level(&self) -> bool {
        let heights: BTreeSet<_> = self.heights().into_iter().flatten().collect();
        heights.len() <= 1
    }

    /// Ends everything in order, and sums up.
    fn end(mut self, plan: &ClusterPlan, crowd: Crowd) -> Result<Outcome, NodeError> {
        let duration = self.clock.now().since(Time::ZERO);
        let seen = crowd.end();
        let mut sum = Counters::default();
        let (mut ledgers, mut highest_view) = (Vec::new(), View(0));
        for member in self.members {
            let (counters, ledger) = member.end()?;
            sum.add(&counters);
            highest_view = highest_view.max(counters.view);
            ledgers.push(ledger);
        }
        if plan.mode == Mode::InProcess {
            // They share one, of which each has told.
            sum.accelerator = plan.accelerator.usage().since(self.usage_before);
        }
        let found = check::ledgers(&ledgers, &sum, &seen, self.clock.now());
        let mut figures = figures(plan, &sum, &seen, &found, self.cpu);
        let longest = ledgers.iter().flatten().max_by_key(|ledger| ledger.head.height);
        let floor = longest.and_then(|ledger| {
            floor::signature_checks_us(ledger, &self.committee, &*plan.accelerator)
        });
        figures.extend(floor.map(|us| (SIGNATURE_CHECKS.to_owned(), us)));
        self.marks.sort_by_key(|mark| mark.at);
        Ok(Outcome {
            duration,
            committed_blocks: found.longest.0,
            submitted: seen.submitted,
            signatures_checked: sum.signatures_checked,
            events: sum.events,
            view_changes: sum.view_changes,
            highest_view,
            violations: found.violations,
            trace_digest: None,
            heads: ledgers.iter().map(|ledger| ledger.as_ref().map(|l| l.head)).collect(),
            producers: found.producers,
            marks: self.marks,
            timeline: self.timeline,
            notes: sum.notes.iter().map(|(label, &n)| (label.to_string(), n)).collect(),
            cpu: self.cpu,
            accelerator: plan.accelerator.name(),
            figures,
            traffic: sum.traffic.into_iter().map(|(kind, t)| (kind.into_owned(), t)).collect(),
            latency: seen.latency,
        })
    }
}

/// The end of a run: everything is confirmed, and all heights are the same.
#[derive(Default)]
struct Calm {
    /// Since when, since when at these heights, and which.
    since: Option<(Time, Time, Vec<Option<Height>>)>,
}

impl Calm {
    /// Whether it has lasted; asked again and again as long as it is there.
    fn lasts(&mut self, now: Time, heights: Vec<Option<Height>>) -> bool {
        let (first, since, at) = self.since.get_or_insert_with(|| (now, now, heights.clone()));
        if *at != heights {
            (*since, *at) = (now, heights);
        }
        now >= *since + STILL || now >= *first + STILL_MAX
    }
}

/// Waits until `done`, but not for ever.
fn wait(what: &str, done: impl Fn() -> Result<bool, NodeError>) -> Result<(), NodeError> {
    let start = Instant::now();
    while !done()? {
        if start.elapsed() > LINKS_MAX {
            let error = io::ErrorKind::TimedOut.into();
            return Err(NodeError::Io { doing: format!("wait for {what} any longer"), error });
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

/// Ports of the loopback interface that were free a moment ago.
fn free_addresses(size: u16) -> Result<Vec<Address>, NodeError> {
    let error = |error| NodeError::Io { doing: "find free ports".into(), error };
    let bind = |_| UdpSocket::bind("127.0.0.1:0");
    // All are held until all are found, so that none is found twice.
    let sockets: io::Result<Vec<_>> = (0..2 * u32::from(size)).map(bind).collect();
    let ports: io::Result<Vec<_>> =
        sockets.map_err(error)?.iter().map(UdpSocket::local_addr).collect();
    let ports = ports.map_err(error)?;
    Ok(ports.chunks(2).map(|pair| Address { peers: pair[0], clients: pair[1] }).collect())
}

/// Makes a folder, which must be new or empty.
fn new_folder(dir: &std::path::Path) -> Result<(), NodeError> {
    let doing = || format!("make the folder {}", dir.display());
    fs::create_dir_all(dir).map_err(|error| NodeError::Io { doing: doing(), error })?;
    let mut entries = fs::read_dir(dir).map_err(|error| NodeError::Io { doing: doing(), error })?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(NodeError::Plan(format!("{} holds an earlier run", dir.display()))),
    }
}

/// Further figures, by name.
fn figures(
    plan: &ClusterPlan,
    sum: &Counters,
    seen: &Seen,
    found: &check::Found,
    cpu: Option<Span>,
) -> BTreeMap<String, f64> {
    let ratio = |a: u64, b: u64| if b == 0 { 0.0 } else { a as f64 / b as f64 };
    let mut figures = BTreeMap::new();
    let mut tell = |name: &str, value: f64| {
        figures.insert(name.to_owned(), value);
    };
    tell("udp_payload_bytes", f64::from(plan.udp_payload));
    tell("transactions_executed", found.executed as f64);
    tell("syncs", sum.syncs as f64);
    tell("sync_mean_us", ratio(sum.syncing_ns, sum.syncs) / 1e3);
    tell("disk_bytes", sum.disk_bytes as f64);
    tell("batch_mean_transactions", ratio(sum.batched, sum.batches));
    tell("proof_batches", sum.proof_batches as f64);
    tell("proof_batch_mean_claims", ratio(sum.proof_claims, sum.proof_batches));
    tell("proof_wait_mean_us", ratio(sum.proof_wait_ns, sum.proof_jobs) / 1e3);
    tell("claims_remembered", sum.remembered as f64);
    tell("messages_dropped", sum.dropped as f64);
    tell("transactions_refused", sum.refused as f64);
    tell("transactions_forwarded", sum.forwarded as f64);
    tell("transactions_outstanding", seen.outstanding as f64);
    tell("packets_lost", sum.packets_lost as f64);
    if let (Some(cpu), confirmed @ 1..) = (cpu, seen.latency.0.len()) {
        tell("cpu_us_per_transaction", cpu.0 as f64 / 1e3 / confirmed as f64);
    }
    figures.extend(sum.accelerator.figures());
    figures
}
