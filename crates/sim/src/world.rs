//! The world: one queue of happenings, the sites they happen to, and the loop.
//!
//! A happening is a few words that name their target and what comes there; what is large lies in
//! the slab of [flights](crate::flights). The loop takes the first, lets it happen, and so on;
//! everything else of the world is in the modules that extend [`World`]: turns, carrying, clients,
//! faults.

use std::{collections::VecDeque, sync::Arc};

use byzlab_core::{
    Action, Batch, BuildError, Committee, Event, Packet, ReplicaId, Scheme, Seat, Signer, Ticket,
    Time, VoteKeys, outcome::Outcome,
};

use crate::{
    checks::Checks,
    clients::Customers,
    execution::{Execution, Shelf},
    faults,
    flights::Flights,
    graph,
    journal::Journal,
    links::Links,
    prices::Prices,
    prover::Prover,
    queue::Queue,
    record::Books,
    scenario::{CpuModel, Fault, Progress, Scenario},
    site::Site,
    trace::{Trace, Tracer},
    weather::{Twins, Weather},
};

/// How many happenings may fall on one moment before that is called a livelock: more than a
/// broadcast of everyone to everyone in the largest committees that fit into memory.
const MOMENT_MAX: u64 = 1 << 30;

/// What can be due. Sites, clients, faults and flights are named by number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Happening {
    /// A flight is at a site, its last bit too, but for the downlink.
    Arrive { flight: u32, site: u32 },
    /// A broadcast is at all sites of a region.
    ArriveAll { flight: u32, group: u32 },
    /// A site's downlink has taken a flight in.
    Deliver { flight: u32, site: u32 },
    /// A reply is at a client.
    Answer { flight: u32, client: u32 },
    /// A site's CPU is free again.
    Resume { site: u32 },
    /// A site's replica begins.
    Start { site: u32 },
    /// A deadline may have come.
    Wake { site: u32 },
    /// The patience of an asking for a batch is used up.
    BatchDue { site: u32, ask: u32 },
    /// A puzzle may be solved.
    Sealed { site: u32, puzzle: u32 },
    /// A client may have something to send.
    ClientWake { client: u32 },
    /// Something changes for the `step`-th time because of a fault.
    Fault { fault: u32, step: u32 },
    /// The network becomes timely.
    Stabilise,
    /// An interval of the timeline ends.
    Sample,
}

// A million of them may be pending, each with its time.
const _: () = assert!(size_of::<Happening>() <= 12);

/// What waits in a turn to be proven.
#[derive(Debug)]
pub(crate) enum Unproven {
    /// A packet's claims, for the replica that asked under this ticket. Flights are held until judged.
    Packet { ticket: Ticket, packet: Packet, flight: Option<u32> },
    /// The signatures of a flight's transactions.
    Transactions { flight: u32 },
}

/// The world of one run.
#[derive(Debug)]
pub(crate) struct World<'a, Q> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) committee: Arc<Committee>,
    seats: Vec<Seat>,
    signers: Vec<Signer>,
    pub(crate) now: Time,
    pub(crate) end: Time,
    pub(crate) queue: Q,
    /// One a replica, by id; then the second copies of twins.
    pub(crate) sites: Vec<Site>,
    pub(crate) links: Links,
    pub(crate) weather: Weather,
    /// Whether broadcasts reach each region at one moment; see [`World::review_links`].
    pub(crate) plain: bool,
    pub(crate) cpu: CpuModel,
    pub(crate) cpu_is_free: bool,
    pub(crate) prices: Prices,
    pub(crate) flights: Flights,
    pub(crate) prover: Prover,
    pub(crate) shelf: Shelf,
    pub(crate) execution: Execution,
    pub(crate) customers: Customers,
    pub(crate) checks: Checks,
    pub(crate) books: Books,
    pub(crate) tracer: Tracer,
    pub(crate) journal: Journal,
    /// The batch without transactions, made once.
    pub(crate) empty: Batch,
    /// The time in the current turn, which runs ahead of `now` where computing costs.
    pub(crate) clock: Time,
    /// Buffers of the current turn, kept for their allocations.
    pub(crate) actions: Vec<Action>,
    pub(crate) follow: VecDeque<Event>,
    pub(crate) unproven: VecDeque<Unproven>,
    /// When the run ended before its time.
    pub(crate) stopped: Option<Time>,
}

impl<'a, Q: Queue<Happening>> World<'a, Q> {
    pub(crate) fn new(scenario: &'a Scenario, queue: Q) -> Result<Self, BuildError> {
        faults::validate(scenario)?;
        let (size, seed) = (scenario.size, scenario.seed);
        let name = |id: u16| format!("replica/{id}");
        let signers: Vec<Signer> =
            (0..size).map(|id| Signer::seeded(scenario.scheme, seed, &name(id))).collect();
        let keys = signers.iter().map(Signer::public).collect();
        let mut committee = Committee::new(&scenario.label, keys, scenario.client_signatures);
        if scenario.scheme == Scheme::Bls {
            let pairs: Vec<_> = signers.iter().filter_map(Signer::vote_key).collect();
            let keys = VoteKeys::new(&pairs).map_err(|bad| BuildError(bad.to_string()))?;
            committee = committee.voting_with(keys);
        }
        let Scenario { entry, params, scheme, .. } = scenario;
        let committee = Arc::new(entry.equip(committee, params, *scheme, seed)?);
        let seats: Vec<Seat> = graph::neighbours(scenario.network.peers, size, seed)?
            .into_iter()
            .zip(committee.ids())
            .map(|(neighbours, me)| Seat { me, committee: Arc::clone(&committee), neighbours })
            .collect();
        let twins: Vec<ReplicaId> =
            scenario.faults.iter().flat_map(Fault::twins).copied().collect();
        let ids = committee.ids().chain(twins.iter().copied());
        let mut sites: Vec<Site> = ids.map(|id| Site::new(scenario, &committee, id)).collect();
        let weather = weather(scenario, &twins);
        assign(scenario, &mut sites);
        let of_sites: Vec<ReplicaId> = sites.iter().map(|site| site.id).collect();
        let links = Links::new(scenario, &of_sites)?;
        let accelerator = Arc::clone(&scenario.accelerator);
        let prices = Prices::new(scenario.cpu, scenario.proving.clone(), &committee);
        let mut world = Self {
            scenario,
            customers: Customers::new(scenario, &committee),
            prover: Prover::new(scenario.scheme, seed, accelerator, &committee),
            committee,
            seats,
            signers,
            now: Time::ZERO,
            end: Time::ZERO + scenario.stop.after,
            queue,
            sites,
            links,
            weather,
            plain: false,
            cpu: scenario.cpu.signing_by(scenario.scheme),
            cpu_is_free: scenario.cpu.is_free() && !prices.by_the_call(),
            prices,
            flights: Flights::default(),
            shelf: Shelf::default(),
            execution: Execution::new(),
            checks: Checks::new(scenario.progress_within),
            books: Books::default(),
            tracer: Tracer::new(seed, scenario.window.clone()),
            journal: Journal::new(scenario.journal),
            empty: Batch::empty(),
            clock: Time::ZERO,
            actions: Vec::new(),
            follow: VecDeque::new(),
            unproven: VecDeque::new(),
            stopped: None,
        };
        world.begin()?;
        Ok(world)
    }
    /// Puts in what is due from the start.
    fn begin(&mut self) -> Result<(), BuildError> {
        for site in 0..self.sites.len() as u32 {
            self.seat(site)?;
        }
        self.plan_faults();
        for site in 0..self.sites.len() as u32 {
            self.plan(Time::ZERO, Happening::Start { site });
        }
        for client in 0..self.customers.count() {
            self.plan_client(client);
        }
        self.plan(Time::ZERO + self.scenario.sample, Happening::Sample);
        self.review_links();
        Ok(())
    }
    /// Seats the replica of a site.
    pub(crate) fn seat(&mut self, site: u32) -> Result<(), BuildError> {
        let id = self.sites[site as usize].id.index();
        let (seat, signer) = (self.seats[id].clone(), self.signers[id].clone());
        self.sites[site as usize].seat(seat, signer, self.now)
    }
    /// The neighbours of a site's seat.
    pub(crate) fn neighbours(&self, site: u32) -> Arc<[ReplicaId]> {
        Arc::clone(&self.seats[self.sites[site as usize].id.index()].neighbours)
    }
    pub(crate) fn plan(&mut self, at: Time, happening: Happening) {
        self.queue.push(at.0, happening);
    }
    /// Sees anew whether broadcasts may be kept as one happening a region.
    pub(crate) fn review_links(&mut self) {
        let cost = self.cpu.send.is_zero() && self.cpu.send_byte_ps == 0;
        self.plain = cost && self.weather.is_fair() && self.links.is_plain(self.now);
    }
    /// Runs to the end.
    pub(crate) fn run(mut self, progress: &mut dyn FnMut(Progress)) -> (Outcome, Trace) {
        let mut in_this_moment = 0u64;
        while self.stopped.is_none() {
            let pending = self.queue.len();
            self.books.queue_peak = self.books.queue_peak.max(pending);
            let Some((at, happening)) = self.queue.pop() else { break };
            if Time(at) > self.end {
                break;
            }
            in_this_moment = if Time(at) == self.now { in_this_moment + 1 } else { 0 };
            if in_this_moment > MOMENT_MAX {
                let what = format!("{MOMENT_MAX} happenings, and time stands still");
                self.checks.violated("livelock", self.now, Vec::new(), what);
                self.stop(self.now);
            }
            self.now = Time(at);
            self.happen(happening);
            if matches!(happening, Happening::Sample) {
                progress(self.progress());
            }
        }
        self.now = self.stopped.unwrap_or(self.end);
        self.finish()
    }
    /// Ends the run at this moment: now, or the end of the current turn.
    pub(crate) fn stop(&mut self, at: Time) {
        self.stopped = self.stopped.or(Some(at));
    }
    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrive { flight, site } => self.arrive(flight, site),
            Happening::ArriveAll { flight, group } => self.arrive_all(flight, group),
            Happening::Answer { flight, client } => self.answer(flight, client),
            Happening::Resume { site } => self.resume(site),
            Happening::Deliver { site, .. }
            | Happening::Start { site }
            | Happening::Wake { site }
            | Happening::BatchDue { site, .. }
            | Happening::Sealed { site, .. } => self.turn(site, happening),
            Happening::ClientWake { client } => self.client_wake(client),
            Happening::Fault { fault, step } => self.fault(fault, step),
            Happening::Stabilise => self.stabilise(),
            Happening::Sample => self.sample(),
        }
    }
    fn progress(&self) -> Progress {
        Progress {
            now: self.now,
            end: self.end,
            events: self.books.events,
            transactions: self.books.latency.0.len(),
            blocks: self.longest().map_or(0, |site| site.chain.head().height.0),
        }
    }
    /// The honest site with the longest ledger.
    pub(crate) fn longest(&self) -> Option<&Site> {
        let honest = self.sites.iter().filter(|site| site.honest);
        honest.rev().max_by_key(|site| site.chain.head().height)
    }
    fn sample(&mut self) {
        self.take_sample();
        let outstanding = self.customers.outstanding() > 0;
        if self.checks.stalls(self.now, outstanding) {
            let bound = self.scenario.progress_within.unwrap_or_default();
            let what = format!("nothing committed for {bound}; {}", self.books.last_words());
            self.checks.violated("progress", self.now, Vec::new(), what);
        }
        let next = self.now + self.scenario.sample;
        if next <= self.end {
            self.plan(next, Happening::Sample);
        }
    }
    pub(crate) fn take_sample(&mut self) {
        let replicas = &self.sites[..usize::from(self.scenario.size)];
        let height = |site: &Site| site.replica.as_ref().map(|_| site.chain.head().height);
        let heights = replicas.iter().map(height).collect();
        self.books.sample(self.now, heights);
    }
}

/// The state of links at the beginning. The second copies of `twins` stand behind everyone's first.
fn weather(scenario: &Scenario, twins: &[ReplicaId]) -> Weather {
    let (size, seed) = (scenario.size, scenario.seed);
    let count = usize::from(size) + twins.len();
    let apart = scenario.faults.iter().find_map(|fault| match fault {
        Fault::SplitBrain { apart, .. } => Some(apart),
        _ => None,
    });
    let numbered = || twins.iter().copied().zip(u32::from(size)..);
    let Some(apart) = apart else {
        let twins = numbered().map(|(id, second)| Twins::new(id, second, count, seed));
        return Weather::new(size, twins.collect());
    };
    let mut worlds = vec![0; usize::from(size)];
    apart.iter().for_each(|id| worlds[id.index()] = 1);
    worlds.resize(count, 1);
    let twins = numbered().map(|(id, second)| Twins::of_worlds(id, second, &worlds, seed));
    Weather::new(size, twins.collect()).in_worlds(worlds)
}

/// Says what each site runs, and which are Byzantine.
fn assign(scenario: &Scenario, sites: &mut [Site]) {
    let params = Arc::new(scenario.params.clone());
    for site in &mut *sites {
        site.runs(scenario.entry, Arc::clone(&params));
    }
    for fault in &scenario.faults {
        if !fault.is_byzantine() {
            continue;
        }
        for site in sites.iter_mut().filter(|site| fault.befalls(site.id)) {
            site.honest = false;
            if let Fault::Attack { entry, params, .. } = fault {
                site.runs(*entry, Arc::new(params.clone()));
            }
        }
    }
}
