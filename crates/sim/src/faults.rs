//! Faults: when they begin and end, and what they do.

use byzlab_core::{BuildError, ReplicaId, Span, Time, committee::REPLICAS_MAX};

use crate::{
    queue::Queue,
    scenario::{Fault, Scenario},
    trace::Kind,
    world::{Happening, World},
};

impl Fault {
    /// The replicas that have twins by this fault.
    pub(crate) fn twins(&self) -> &[ReplicaId] {
        match self {
            Self::Twins { replica, .. } => std::slice::from_ref(replica),
            Self::SplitBrain { replicas, .. } => replicas,
            _ => &[],
        }
    }
    /// Everyone whom it names.
    fn replicas(&self) -> Vec<ReplicaId> {
        match self {
            Self::Crash { replica, .. }
            | Self::Restart { replica, .. }
            | Self::Silent { replica, .. }
            | Self::Twins { replica, .. }
            | Self::Slow { replica, .. }
            | Self::Attack { replica, .. } => vec![*replica],
            Self::Partition { groups, .. } => groups.concat(),
            Self::Hunt { .. } => Vec::new(),
            Self::SplitBrain { replicas, apart } => [&replicas[..], apart].concat(),
        }
    }
}

/// Refuses scenarios that contradict themselves.
pub(crate) fn validate(scenario: &Scenario) -> Result<(), BuildError> {
    let refuse = |what: String| Err(BuildError(what));
    let size = scenario.size;
    if size == 0 || usize::from(size) > REPLICAS_MAX {
        return refuse(format!("want 1 to {REPLICAS_MAX} replicas, not {size}"));
    }
    if scenario.sample.is_zero() {
        return refuse("the interval of samples is zero".into());
    }
    let mut twins = Vec::new();
    for fault in &scenario.faults {
        if let Some(id) = fault.replicas().into_iter().find(|id| id.0 >= size) {
            return refuse(format!("a fault names {id}, but there are {size} replicas"));
        }
        match fault {
            Fault::Twins { reshuffle: Some(Span::ZERO), .. } => {
                return refuse("twins cannot be split anew every 0 s".into());
            }
            Fault::SplitBrain { replicas, apart } => {
                if let Some(id) = replicas.iter().find(|id| apart.contains(id)) {
                    return refuse(format!("{id} is in both worlds, so it cannot be apart"));
                }
                if scenario.faults.iter().filter(|other| !other.twins().is_empty()).count() > 1 {
                    return refuse("two worlds take all twins there are".into());
                }
            }
            Fault::Slow { factor: 0, .. } => {
                return refuse("a slow replica's factor is at least 1".into());
            }
            _ => {}
        }
        for replica in fault.twins() {
            if twins.contains(replica) {
                return refuse(format!("{replica} is made twins twice"));
            }
            twins.push(*replica);
        }
    }
    Ok(())
}

impl<Q: Queue<Happening>> World<'_, Q> {
    /// Plans all changes that faults will make.
    pub(crate) fn plan_faults(&mut self) {
        let scenario = self.scenario;
        for (fault, what) in (0..).zip(&scenario.faults) {
            let moments = match what {
                Fault::Crash { at, .. } | Fault::Restart { at, .. } => vec![*at],
                Fault::Silent { during, .. }
                | Fault::Partition { during, .. }
                | Fault::Hunt { during, .. }
                | Fault::Slow { during, .. } => vec![during.start, during.end],
                Fault::Twins { .. } | Fault::SplitBrain { .. } | Fault::Attack { .. } => {
                    vec![Time::ZERO]
                }
            };
            for (step, at) in (0..).zip(moments) {
                if at <= self.end {
                    self.plan(at, Happening::Fault { fault, step });
                }
            }
        }
        match scenario.network.stabilises.map(|stable| stable.at) {
            Some(at) if at <= self.end => self.plan(at, Happening::Stabilise),
            _ => {}
        }
        self.tell_checks();
    }
    pub(crate) fn fault(&mut self, fault: u32, step: u32) {
        self.trace(u32::MAX, Kind::Fault, u64::from(fault) << 32 | u64::from(step));
        let scenario = self.scenario;
        let begins = step == 0;
        match &scenario.faults[fault as usize] {
            Fault::Crash { replica, .. } => self.crash(*replica),
            Fault::Restart { replica, .. } => self.restart(*replica),
            Fault::Silent { replica, .. } => {
                self.weather.set_silent(*replica, begins);
                let what = if begins { "silent" } else { "speaks again" };
                self.books.mark(self.now, Some(*replica), what);
            }
            Fault::Partition { groups, .. } => {
                match begins {
                    true => self.weather.part(fault, groups),
                    false => self.weather.heal(fault),
                }
                self.books.mark(self.now, None, if begins { "partition" } else { "heal" });
            }
            Fault::Slow { replica, factor, .. } => {
                self.weather.set_slow(*replica, if begins { *factor } else { 1 });
                let what = if begins { "slow" } else { "fast again" };
                self.books.mark(self.now, Some(*replica), what);
            }
            Fault::Hunt { by, .. } => {
                self.weather.hunt(begins.then_some(*by));
                let what = if begins { "hunt of the leader" } else { "end of the hunt" };
                self.books.mark(self.now, None, what);
            }
            Fault::Twins { replica, reshuffle } => {
                if begins {
                    self.books.mark(self.now, Some(*replica), "twins");
                } else if let Some(twins) = self.weather.twins(*replica) {
                    twins.split();
                }
                if let Some(at) = reshuffle.map(|gap| self.now + gap).filter(|&at| at <= self.end) {
                    self.plan(at, Happening::Fault { fault, step: step.saturating_add(1) });
                }
            }
            Fault::SplitBrain { replicas, .. } => {
                for replica in replicas {
                    self.books.mark(self.now, Some(*replica), "in two worlds");
                }
            }
            Fault::Attack { replica, entry, .. } => {
                let what = format!("attack {}", entry.name);
                self.books.mark(self.now, Some(*replica), &what);
            }
        }
        self.review_links();
        self.tell_checks();
    }
    /// The network becomes timely.
    pub(crate) fn stabilise(&mut self) {
        self.books.mark(self.now, None, "stable");
        self.review_links();
        self.tell_checks();
    }
    fn crash(&mut self, replica: ReplicaId) {
        for number in 0..self.sites.len() {
            if self.sites[number].id == replica && self.sites[number].replica.is_some() {
                let dropped = self.sites[number].crash();
                dropped.into_iter().for_each(|happening| self.discard(happening));
                self.books.mark(self.now, Some(replica), "crash");
            }
        }
    }
    fn restart(&mut self, replica: ReplicaId) {
        for number in 0..self.sites.len() as u32 {
            let site = &self.sites[number as usize];
            if site.id != replica || site.replica.is_some() {
                continue;
            }
            match self.seat(number) {
                Ok(()) => {
                    self.books.mark(self.now, Some(replica), "restart");
                    self.plan(self.now, Happening::Start { site: number });
                }
                Err(error) => {
                    let what = format!("does not come back: {error}");
                    self.checks.violated("restart", self.now, vec![replica], what);
                }
            }
        }
    }
    /// Tells the checkers whether progress can be asked for.
    fn tell_checks(&mut self) {
        let sick = |site: &&crate::site::Site| !site.honest || site.replica.is_none();
        let replicas = &self.sites[..usize::from(self.scenario.size)];
        let too_many = replicas.iter().filter(sick).count() > self.committee.faults();
        let stable = self.scenario.network.stabilises.is_none_or(|stable| self.now >= stable.at);
        let disturbed = too_many || !stable || self.weather.is_rough();
        self.checks.disturbed(self.now, disturbed);
    }
}
