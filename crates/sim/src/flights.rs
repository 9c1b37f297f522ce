//! What is under way, in a slab: an event names a flight by number, so events stay small and are
//! copied freely, and a broadcast is kept once however many receive it.

use std::rc::Rc;

use byzlab_core::{Packet, ReplicaId, Transaction, host::Sent};

use crate::{execution::Settled, prices::Weight};

/// Something under way to one or many.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) body: Body,
    /// Its size on the wire.
    pub(crate) bytes: usize,
    /// The sending site, whom a broadcast does not reach.
    pub(crate) sender: u32,
    /// A further site that it does not reach; `u32::MAX` for none.
    pub(crate) except: u32,
    /// What proving a packet's claims, or transactions' signatures, weighs, once known.
    pub(crate) weight: Option<Weight>,
    holders: u32,
}

#[derive(Debug)]
pub(crate) enum Body {
    /// Nothing: a free place.
    Landed,
    /// A message between replicas.
    Packet(Packet),
    /// Transactions on their way to a replica.
    Transactions(Parcel),
    /// A replica's answer to a client.
    Reply(Answer),
}

/// Transactions from a client, or passed on by a replica.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    pub(crate) list: Rc<[Transaction]>,
    pub(crate) sent: Sent,
    pub(crate) fingerprint: u64,
    /// Whether their signatures hold, once known.
    pub(crate) verdict: Option<bool>,
}

/// What a replica tells one client about one block.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) from: ReplicaId,
    pub(crate) leader: Option<ReplicaId>,
    pub(crate) settled: Rc<Settled>,
    /// Which of the block's replies.
    pub(crate) index: u32,
}

/// The slab.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    slots: Vec<Flight>,
    free: Vec<u32>,
}

impl Flights {
    /// Puts in a flight that is held once.
    pub(crate) fn launch(&mut self, body: Body, bytes: usize, sender: u32, except: u32) -> u32 {
        let flight = Flight { body, bytes, sender, except, weight: None, holders: 1 };
        match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = flight;
                slot
            }
            None => {
                self.slots.push(flight);
                (self.slots.len() - 1) as u32
            }
        }
    }
    pub(crate) fn get(&self, flight: u32) -> &Flight {
        &self.slots[flight as usize]
    }
    pub(crate) fn get_mut(&mut self, flight: u32) -> &mut Flight {
        &mut self.slots[flight as usize]
    }
    /// One more event names this flight.
    pub(crate) fn hold(&mut self, flight: u32) {
        self.slots[flight as usize].holders += 1;
    }
    /// One event fewer does; the last one frees its place.
    pub(crate) fn release(&mut self, flight: u32) {
        let slot = &mut self.slots[flight as usize];
        slot.holders -= 1;
        if slot.holders == 0 {
            slot.body = Body::Landed;
            self.free.push(flight);
        }
    }
}
