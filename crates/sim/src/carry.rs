//! Carrying: from a sender over its uplink, the way, and the receiver's downlink to its door.

use byzlab_core::{Packet, ReplicaId, Span, Time, To, host::Sent};

use crate::{
    flights::{Body, Parcel},
    journal::Deed,
    queue::Queue,
    trace::Kind,
    world::{Happening, World},
};

/// No site.
const NOBODY: u32 = u32::MAX;

impl<Q: Queue<Happening>> World<'_, Q> {
    /// A site's replica sends a packet.
    pub(crate) fn send(&mut self, number: u32, to: To, packet: Packet) {
        let id = self.sites[number as usize].id;
        if self.weather.is_silent(id) {
            return;
        }
        let (kind, bytes) = (packet.kind(), packet.bytes().len());
        self.prover.sent(&packet);
        let flight = self.flights.launch(Body::Packet(packet), bytes, number, NOBODY);
        let sent = match to {
            To::One(other) => self.ship_to(number, flight, other),
            To::All => self.broadcast(number, flight, None),
            To::Neighbours { except } => {
                let neighbours = self.neighbours(number);
                if neighbours.len() + 1 == usize::from(self.scenario.size) {
                    self.broadcast(number, flight, except)
                } else {
                    let others = neighbours.iter().filter(|&&other| Some(other) != except);
                    others.map(|&other| self.ship_to(number, flight, other)).sum()
                }
            }
        };
        let traffic = self.books.traffic.of([kind, "", ""]);
        traffic.messages += sent;
        traffic.bytes += sent * bytes as u64;
        self.jot(number, Deed::Sent { kind, receivers: sent, bytes: bytes as u64 });
        self.flights.release(flight);
    }
    /// To all but the sender and `except`; gives how many.
    fn broadcast(&mut self, number: u32, flight: u32, except: Option<ReplicaId>) -> u64 {
        let size = self.scenario.size;
        let others = u64::from(size) - 1 - u64::from(except.is_some());
        if self.plain {
            let groups = self.links.groups.len() as u32;
            self.flights.get_mut(flight).except = except.map_or(NOBODY, |id| u32::from(id.0));
            for group in 0..groups {
                let region = self.links.groups[group as usize].0;
                let at = self.clock + self.links.plain_delay(number, region);
                self.flights.hold(flight);
                self.plan(at, Happening::ArriveAll { flight, group });
            }
            return others;
        }
        let me = self.sites[number as usize].id;
        for id in (0..size).map(ReplicaId).filter(|&id| id != me && Some(id) != except) {
            self.ship_to(number, flight, id);
        }
        others
    }
    /// To every copy of one replica that the sender sees. Gives how many messages that is: one,
    /// whoever gets it, or none if there is no such replica.
    fn ship_to(&mut self, number: u32, flight: u32, to: ReplicaId) -> u64 {
        if to.0 >= self.scenario.size {
            return 0;
        }
        match self.weather.twins(to).map(|twins| twins.sites) {
            None => self.ship(number, flight, u32::from(to.0)),
            Some(copies) => copies.into_iter().for_each(|site| self.ship(number, flight, site)),
        }
        1
    }
    /// To one site.
    fn ship(&mut self, number: u32, flight: u32, to: u32) {
        let (mut slow, mut held) = (1, Span::ZERO);
        if !self.weather.is_fair() {
            let id = |site: u32| self.sites[site as usize].id;
            if !self.weather.open(number, to, id) {
                self.books.cut_off += 1;
                return;
            }
            slow = self.weather.slowness(id(number), id(to));
            held = self.weather.held(self.clock, id(number));
        }
        let left = self.leave(number, flight);
        if self.links.loses(number) {
            self.books.lost += 1;
            return;
        }
        let at = left + self.links.delay(left, number, to, slow) + held;
        self.flights.hold(flight);
        self.plan(at, Happening::Arrive { flight, site: to });
    }
    /// Pays for sending, and gives when the last bit has left.
    fn leave(&mut self, number: u32, flight: u32) -> Time {
        let bytes = self.flights.get(flight).bytes;
        if !self.cpu_is_free {
            self.clock += self.cpu.send + Span(bytes as u64 * self.cpu.send_byte_ps / 1000);
        }
        let bits = self.rate(number, self.scenario.network.bandwidth.up);
        self.sites[number as usize].up.send(self.clock, bytes, bits)
    }
    /// What is left of a link's rate at a site that may be slow.
    fn rate(&self, site: u32, bits: Option<u64>) -> Option<u64> {
        let bits = bits?;
        let id = self.sites[site as usize].id;
        Some((bits / u64::from(self.weather.slowness(id, id))).max(1))
    }
    /// A flight is at a site's door.
    pub(crate) fn arrive(&mut self, flight: u32, site: u32) {
        let happening = Happening::Deliver { flight, site };
        if let bits @ Some(_) = self.rate(site, self.scenario.network.bandwidth.down) {
            let bytes = self.flights.get(flight).bytes;
            let at = self.sites[site as usize].down.take_in(self.now, bytes, bits);
            if at > self.now {
                return self.plan(at, happening);
            }
        }
        self.turn(site, happening);
    }
    /// A broadcast is at every site of a region.
    pub(crate) fn arrive_all(&mut self, flight: u32, group: u32) {
        let (sender, except) = {
            let flight = self.flights.get(flight);
            (flight.sender, flight.except)
        };
        for index in 0..self.links.groups[group as usize].1.len() {
            let site = self.links.groups[group as usize].1[index];
            if site != sender && site != except {
                self.flights.hold(flight);
                self.turn(site, Happening::Deliver { flight, site });
            }
        }
        self.flights.release(flight);
    }
    /// A site passes transactions on to a replica.
    pub(crate) fn forward(&mut self, number: u32, to: ReplicaId, mut parcel: Parcel) {
        if parcel.list.is_empty() || self.weather.is_silent(self.sites[number as usize].id) {
            return;
        }
        parcel.sent = Sent::ByReplica;
        let bytes = parcel.list.iter().map(|t| t.bytes().len()).sum();
        let flight = self.flights.launch(Body::Transactions(parcel), bytes, number, NOBODY);
        let sent = self.ship_to(number, flight, to);
        self.flights.release(flight);
        let traffic = self.books.traffic.of(["forward", "", ""]);
        traffic.messages += sent;
        traffic.bytes += sent * bytes as u64;
    }
    /// A client sends transactions to a site.
    pub(crate) fn ship_from_client(&mut self, client: u32, flight: u32, to: u32) {
        let end = self.sites.len() as u32 + client;
        if self.links.loses(end) {
            self.books.lost += 1;
            return;
        }
        let at = self.now + self.links.delay(self.now, end, to, 1);
        self.flights.hold(flight);
        self.plan(at, Happening::Arrive { flight, site: to });
    }
    /// A site sends a reply, which it alone holds, to a client.
    pub(crate) fn ship_to_client(&mut self, number: u32, flight: u32, client: u32) {
        let end = self.sites.len() as u32 + client;
        let left = self.leave(number, flight);
        if self.links.loses(number) {
            self.books.lost += 1;
            return self.flights.release(flight);
        }
        let at = left + self.links.delay(left, number, end, 1);
        self.plan(at, Happening::Answer { flight, client });
    }
    /// Folds something that happened to no replica.
    pub(crate) fn trace(&mut self, target: u32, kind: Kind, fingerprint: u64) {
        self.tracer.fold(self.now, target, kind, fingerprint);
    }
}
