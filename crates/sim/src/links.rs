//! How long messages travel, and whether they arrive: delays, jitter, loss, bandwidth, and what
//! faults do to links.
//!
//! Chance: each *sender* has one stream for delays, one for losses and one for the time before
//! stabilisation, named after it. A stream a link would be a million streams at a thousand
//! replicas; one a sender still keeps the draws of one sender from shifting those of another. Where
//! delays are constant and nothing is lost, nothing is drawn.

use byzlab_core::{BuildError, ReplicaId, Span, Time, random::Stream};

use crate::scenario::{Bandwidth, Delay, Network, Scenario};

/// A sender or receiver: sites first, then clients.
pub(crate) type End = u32;

/// Delays and chance.
#[derive(Debug)]
pub(crate) struct Links {
    network: Network,
    seed: u64,
    /// How many ends are sites.
    sites: u32,
    /// Each end's region.
    regions: Vec<u16>,
    /// Each sender's streams, made when first drawn from.
    draws: Vec<Option<Box<Draws>>>,
    /// Sites by region, in order: whoever of them a broadcast reaches, it reaches at one moment.
    pub(crate) groups: Vec<(u16, Vec<u32>)>,
}

#[derive(Debug)]
struct Draws {
    delay: Stream,
    loss: Stream,
    unstable: Stream,
}

impl Links {
    /// The links of `sites` (the replica behind each) and the scenario's clients.
    pub(crate) fn new(scenario: &Scenario, sites: &[ReplicaId]) -> Result<Self, BuildError> {
        let network = scenario.network.clone();
        let clients = scenario.clients.count as usize;
        let regions = match &network.delay {
            Delay::Regions { matrix, replicas, clients: placed } => {
                let known = matrix.regions().len();
                if let Some(bad) = replicas.iter().chain(placed).find(|&&r| usize::from(r) >= known)
                {
                    return Err(BuildError(format!("there is no region {bad}: {known} are known")));
                }
                if replicas.is_empty() {
                    return Err(BuildError("no region is said for the replicas".into()));
                }
                let replica = |i: usize| replicas[i % replicas.len()];
                let client = |i: usize| match placed.is_empty() {
                    true => replica(i % usize::from(scenario.size)),
                    false => placed[i % placed.len()],
                };
                let sites = sites.iter().map(|id| replica(id.index()));
                sites.chain((0..clients).map(client)).collect()
            }
            Delay::Range { low, high } if low > high => {
                return Err(BuildError(format!("delays from {low} to {high} are none")));
            }
            Delay::Constant(_) | Delay::Range { .. } => vec![0; sites.len() + clients],
        };
        let Bandwidth { up, down } = network.bandwidth;
        if up == Some(0) || down == Some(0) {
            return Err(BuildError("a bandwidth of 0 bits a second carries nothing".into()));
        }
        let mut groups: Vec<(u16, Vec<u32>)> = Vec::new();
        for (site, &region) in regions[..sites.len()].iter().enumerate() {
            match groups.iter_mut().find(|(known, _)| *known == region) {
                Some((_, members)) => members.push(site as u32),
                None => groups.push((region, vec![site as u32])),
            }
        }
        let draws = std::iter::repeat_with(|| None).take(regions.len()).collect();
        Ok(Self { network, seed: scenario.seed, sites: sites.len() as u32, regions, draws, groups })
    }
    /// Whether a broadcast reaches all of one region at one moment: no draws, no queues.
    pub(crate) fn is_plain(&self, now: Time) -> bool {
        let network = &self.network;
        !matches!(network.delay, Delay::Range { .. })
            && network.jitter.is_zero()
            && network.loss_ppm == 0
            && network.bandwidth == Bandwidth::default()
            && network.stabilises.is_none_or(|stable| now >= stable.at)
    }
    /// The delay from an end to a region, where it follows from that alone.
    pub(crate) fn plain_delay(&self, from: End, region: u16) -> Span {
        match &self.network.delay {
            Delay::Constant(span) => *span,
            Delay::Range { .. } => unreachable!("a drawn delay is not plain"),
            Delay::Regions { matrix, .. } => matrix.delay(self.regions[from as usize], region),
        }
    }
    /// Whether a message from this end is lost.
    pub(crate) fn loses(&mut self, from: End) -> bool {
        let share = self.network.loss_ppm;
        share > 0 && self.draws(from).loss.chance(share)
    }
    /// The time on the way of a message sent now; `slow` multiplies it.
    pub(crate) fn delay(&mut self, now: Time, from: End, to: End, slow: u32) -> Span {
        let base = match self.network.delay {
            Delay::Range { low, high } => self.draws(from).delay.span(low, high),
            _ => self.plain_delay(from, self.regions[to as usize]),
        };
        let jitter = self.network.jitter;
        let jitter = match jitter.is_zero() {
            true => Span::ZERO,
            false => self.draws(from).delay.span(Span::ZERO, jitter),
        };
        let delay = (base + jitter).times(u64::from(slow));
        let between_replicas = from < self.sites && to < self.sites;
        match self.network.stabilises {
            Some(stable) if between_replicas && now < stable.at => {
                delay + self.draws(from).unstable.span(Span::ZERO, stable.delay)
            }
            _ => delay,
        }
    }
    fn draws(&mut self, from: End) -> &mut Draws {
        let (seed, sites) = (self.seed, self.sites);
        self.draws[from as usize].get_or_insert_with(|| {
            let name = match from.checked_sub(sites) {
                None => format!("site/{from}"),
                Some(client) => format!("client/{client}"),
            };
            let stream = |what: &str| Stream::new(seed, &format!("link/{what}/{name}"));
            let (delay, loss, unstable) = (stream("delay"), stream("loss"), stream("unstable"));
            Box::new(Draws { delay, loss, unstable })
        })
    }
}

/// A link that takes one message after another. Keeps fractions of nanoseconds, so that `k`
/// messages take `k` times as long as one and not `k` roundings.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pipe {
    /// When it is free, in 2⁻³² nanoseconds.
    free: u128,
}

const FRACTION: u32 = 32;

impl Pipe {
    /// Sends `bytes` at `bits` a second, not before `ready`: when the last bit has left.
    pub(crate) fn send(&mut self, ready: Time, bytes: usize, bits: Option<u64>) -> Time {
        let Some(bits) = bits else { return ready };
        let start = self.free.max(u128::from(ready.0) << FRACTION);
        self.free = start + transfer(bytes, bits);
        ceiling(self.free)
    }
    /// Takes in a message whose last bit comes at `arrival`: when all of it is in. Taking in
    /// overlaps with the sending of it.
    pub(crate) fn take_in(&mut self, arrival: Time, bytes: usize, bits: Option<u64>) -> Time {
        let Some(bits) = bits else { return arrival };
        self.free = (self.free + transfer(bytes, bits)).max(u128::from(arrival.0) << FRACTION);
        ceiling(self.free)
    }
}

fn transfer(bytes: usize, bits: u64) -> u128 {
    ((bytes as u128 * 8_000_000_000) << FRACTION) / u128::from(bits)
}

fn ceiling(at: u128) -> Time {
    Time(u64::try_from((at + ((1 << FRACTION) - 1)) >> FRACTION).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_leave_one_after_another_without_rounding_each() {
        let mut pipe = Pipe::default();
        // 100 bytes at 3 bits a nanosecond take 266.67 ns.
        let leave = |pipe: &mut Pipe, at| pipe.send(Time(at), 100, Some(3_000_000_000)).0;
        assert_eq!(leave(&mut pipe, 0), 267);
        assert_eq!(leave(&mut pipe, 0), 534);
        assert_eq!(leave(&mut pipe, 0), 800);
        assert_eq!(leave(&mut pipe, 10_000), 10_267, "an idle link starts at once");
        assert_eq!(pipe.send(Time(5), 1 << 30, None), Time(5));
    }

    #[test]
    fn taking_in_overlaps_with_sending() {
        let mut pipe = Pipe::default();
        let bits = Some(8_000_000_000); // a byte a nanosecond
        assert_eq!(pipe.take_in(Time(1000), 100, bits), Time(1000), "alone it is not held up");
        assert_eq!(
            pipe.take_in(Time(1000), 100, bits),
            Time(1100),
            "the second waits for the first"
        );
        assert_eq!(pipe.take_in(Time(9000), 100, bits), Time(9000));
    }
}
