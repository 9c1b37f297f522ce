//! What faults do to links at the moment: partitions, slow replicas, silent ones, and who sees
//! which twin.

use byzlab_core::{Note, ReplicaId, Span, Time, View, random::Stream};

/// For how long a network that hunts a leader and knows of none takes the same replica for it.
const GUESS: Span = Span::ms(100);

/// The state of all faults that act on links.
#[derive(Debug)]
pub(crate) struct Weather {
    /// Active partitions: which fault it is, and each replica's group.
    partitions: Vec<(u32, Vec<u16>)>,
    /// By how much each replica's messages are slowed; empty as long as nobody's are.
    slow: Vec<u32>,
    /// Who says nothing.
    silent: Vec<bool>,
    /// How much longer it takes what the leader sends, if it is hunted; and the last leader that is known.
    hunt: Option<Span>,
    leads: Option<(View, ReplicaId)>,
    twins: Vec<Twins>,
    /// Which of two worlds each site is in; empty where there is one.
    worlds: Vec<u8>,
}

/// One replica in two copies.
#[derive(Debug)]
pub(crate) struct Twins {
    pub(crate) id: ReplicaId,
    /// The sites of both copies.
    pub(crate) sites: [u32; 2],
    /// Which copy each site sees.
    side: Vec<u8>,
    stream: Stream,
}

impl Twins {
    pub(crate) fn new(id: ReplicaId, second: u32, sites: usize, seed: u64) -> Self {
        let stream = Stream::new(seed, &format!("twins/{}", id.0));
        let mut twins = Self { id, sites: [u32::from(id.0), second], side: vec![0; sites], stream };
        twins.split();
        twins
    }
    /// Twins of which each site sees the copy of its own world.
    pub(crate) fn of_worlds(id: ReplicaId, second: u32, worlds: &[u8], seed: u64) -> Self {
        let stream = Stream::new(seed, &format!("twins/{}", id.0));
        Self { id, sites: [u32::from(id.0), second], side: worlds.to_vec(), stream }
    }
    /// Splits the others anew. Both parts have someone in them, where there are two others.
    pub(crate) fn split(&mut self) {
        let others = |site: &usize| !self.sites.contains(&(*site as u32));
        let others: Vec<usize> = (0..self.side.len()).filter(others).collect();
        for &site in &others {
            self.side[site] = self.stream.below(2) as u8;
        }
        if let [first, .., last] = others[..] {
            let alike = others.iter().all(|&site| self.side[site] == self.side[first]);
            if alike {
                self.side[last] ^= 1;
            }
        }
    }
    /// One of the copies, by lot.
    pub(crate) fn either(&mut self) -> u32 {
        self.sites[self.stream.below(2) as usize]
    }
}

impl Weather {
    pub(crate) fn new(replicas: u16, twins: Vec<Twins>) -> Self {
        let silent = vec![false; usize::from(replicas)];
        Self {
            partitions: Vec::new(),
            slow: Vec::new(),
            silent,
            hunt: None,
            leads: None,
            twins,
            worlds: Vec::new(),
        }
    }
    /// With sites in two worlds, between which nothing passes.
    pub(crate) fn in_worlds(self, worlds: Vec<u8>) -> Self {
        Self { worlds, ..self }
    }
    /// Whether all links between replicas are as if there were no faults.
    pub(crate) fn is_fair(&self) -> bool {
        self.partitions.is_empty()
            && self.slow.is_empty()
            && self.twins.is_empty()
            && self.hunt.is_none()
    }
    /// Whether partitions, slow links or a hunt disturb progress.
    pub(crate) fn is_rough(&self) -> bool {
        !self.partitions.is_empty() || !self.slow.is_empty() || self.hunt.is_some()
    }
    /// Makes what a leader sends take so much longer, or no longer.
    pub(crate) fn hunt(&mut self, by: Option<Span>) {
        self.hunt = by;
    }
    /// Takes note of who leads.
    pub(crate) fn heed(&mut self, note: &Note) {
        if let Note::Entered { view, leader: Some(leader) } = note
            && self.leads.is_none_or(|(known, _)| *view >= known)
        {
            self.leads = Some((*view, *leader));
        }
    }
    /// How much longer it takes what `from` sends now than it would if nobody were hunted.
    pub(crate) fn held(&self, now: Time, from: ReplicaId) -> Span {
        let Some(by) = self.hunt else { return Span::ZERO };
        let guess = (now.0 / GUESS.0 % self.silent.len() as u64) as u16;
        let hunted = self.leads.map_or(ReplicaId(guess), |(_, leader)| leader);
        if hunted == from { by } else { Span::ZERO }
    }
    /// Whether messages from one site of a replica reach a site of another. Sites are the copies of
    /// replicas; `of` says whose.
    pub(crate) fn open(&self, from: u32, to: u32, of: impl Fn(u32) -> ReplicaId) -> bool {
        let (a, b) = (of(from), of(to));
        let together = |(_, group): &(u32, Vec<u16>)| group[a.index()] == group[b.index()];
        if !self.partitions.iter().all(together) {
            return false;
        }
        if !self.worlds.is_empty() && self.worlds[from as usize] != self.worlds[to as usize] {
            return false;
        }
        // Whoever has twins is seen by each other site in the copy that is this site's.
        let seen = |own: u32, other: u32| match self.twins.iter().find(|t| t.sites.contains(&own)) {
            Some(twins) => twins.sites[usize::from(twins.side[other as usize])] == own,
            None => true,
        };
        seen(from, to) && seen(to, from)
    }
    /// The factor on delays between two replicas.
    pub(crate) fn slowness(&self, from: ReplicaId, to: ReplicaId) -> u32 {
        match self.slow.is_empty() {
            true => 1,
            false => self.slow[from.index()].max(self.slow[to.index()]),
        }
    }
    pub(crate) fn is_silent(&self, id: ReplicaId) -> bool {
        self.silent[id.index()]
    }
    pub(crate) fn set_silent(&mut self, id: ReplicaId, silent: bool) {
        self.silent[id.index()] = silent;
    }
    /// The twins of a replica, if it has some.
    pub(crate) fn twins(&mut self, id: ReplicaId) -> Option<&mut Twins> {
        self.twins.iter_mut().find(|twins| twins.id == id)
    }
    pub(crate) fn part(&mut self, fault: u32, groups: &[Vec<ReplicaId>]) {
        let mut group_of = vec![0; self.silent.len()];
        for (number, group) in (1..).zip(groups) {
            group.iter().for_each(|id| group_of[id.index()] = number);
        }
        self.partitions.push((fault, group_of));
    }
    pub(crate) fn heal(&mut self, fault: u32) {
        self.partitions.retain(|(active, _)| *active != fault);
    }
    /// Multiplies the delays of a replica; 1 makes it as fast as before.
    pub(crate) fn set_slow(&mut self, id: ReplicaId, factor: u32) {
        if self.slow.is_empty() {
            self.slow = vec![1; self.silent.len()];
        }
        self.slow[id.index()] = factor;
        if self.slow.iter().all(|&factor| factor == 1) {
            self.slow = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SELF: fn(u32) -> ReplicaId = |site| ReplicaId(site as u16);

    #[test]
    fn partitions_part_and_heal() {
        let mut weather = Weather::new(4, Vec::new());
        weather.part(0, &[vec![ReplicaId(0), ReplicaId(1)]]);
        weather.part(1, &[vec![ReplicaId(0)]]);
        assert!(!weather.open(0, 1, SELF) && !weather.open(1, 2, SELF) && weather.open(2, 3, SELF));
        weather.heal(1);
        assert!(weather.open(0, 1, SELF) && !weather.is_fair());
        weather.heal(0);
        assert!(weather.open(1, 2, SELF) && weather.is_fair());
    }

    #[test]
    fn each_sees_one_twin_and_only_that_one_sees_it() {
        let of = |site: u32| ReplicaId(if site == 5 { 1 } else { site as u16 });
        for seed in 0..20 {
            let twins = Twins::new(ReplicaId(1), 5, 6, seed);
            let weather = Weather::new(5, vec![twins]);
            let seen = |copy: u32| [0, 2, 3, 4].map(|other| weather.open(copy, other, of));
            let (first, second) = (seen(1), seen(5));
            assert!(first.iter().zip(&second).all(|(a, b)| a != b));
            assert!(first.contains(&true) && second.contains(&true));
            assert_eq!(first, [0, 2, 3, 4].map(|other| weather.open(other, 1, of)));
        }
    }

    #[test]
    fn slowness_ends() {
        let mut weather = Weather::new(3, Vec::new());
        weather.set_slow(ReplicaId(2), 7);
        assert_eq!(weather.slowness(ReplicaId(2), ReplicaId(0)), 7);
        assert_eq!(weather.slowness(ReplicaId(1), ReplicaId(0)), 1);
        weather.set_slow(ReplicaId(2), 1);
        assert!(weather.is_fair());
    }
}
