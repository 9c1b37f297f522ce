//! Order is durability: what leaves a seat, and what it has to wait for.

use std::collections::VecDeque;

use byzlab_core::{Packet, To};

use crate::storage::Op;

/// Gathers the operations of a turn into groups, and holds messages back until the groups before
/// them are durable.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// Operations of the group that is being gathered; its number is `handed + 1`.
    ops: Vec<Op>,
    handed: u64,
    durable: u64,
    /// The last group with a save in it: messages recorded after it wait for it.
    saved: u64,
    held: VecDeque<(u64, To, Packet)>,
}

impl Gate {
    /// Takes an operation into the group; gives the group's number.
    pub fn record(&mut self, op: Op) -> u64 {
        let number = self.handed + 1;
        if matches!(op, Op::Save(_) | Op::Compact(_)) {
            self.saved = number;
        }
        self.ops.push(op);
        number
    }
    /// Gives a message back if it may leave now; keeps it otherwise.
    pub fn pass(&mut self, to: To, packet: Packet) -> Option<(To, Packet)> {
        if self.saved <= self.durable {
            return Some((to, packet));
        }
        self.held.push_back((self.saved, to, packet));
        None
    }
    /// The group gathered so far, to be handed to the log; `None` if it is empty.
    pub fn group(&mut self) -> Option<(u64, Vec<Op>)> {
        if self.ops.is_empty() {
            return None;
        }
        self.handed += 1;
        Some((self.handed, std::mem::take(&mut self.ops)))
    }
    /// Groups up to `number` are durable.
    pub fn opened(&mut self, number: u64) {
        self.durable = self.durable.max(number);
    }
    /// The next message that waited and may leave now.
    pub fn release(&mut self) -> Option<(To, Packet)> {
        let &(number, ..) = self.held.front()?;
        if number > self.durable {
            return None;
        }
        self.held.pop_front().map(|(_, to, packet)| (to, packet))
    }
    /// Whether nothing handed over is still on its way to the disk.
    pub fn is_settled(&self) -> bool {
        self.ops.is_empty() && self.durable == self.handed
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use byzlab_core::{Height, Record, ReplicaId};

    use super::*;

    fn packet() -> Packet {
        Packet::incoming(ReplicaId(0), Bytes::new())
    }

    #[test]
    fn a_message_waits_for_the_save_before_it_and_for_nothing_else() {
        let mut gate = Gate::default();
        gate.record(Op::Revert(Height(3)));
        assert!(gate.pass(To::All, packet()).is_some(), "only saves hold messages back");
        gate.record(Op::Save(Record(Bytes::new())));
        assert!(gate.pass(To::All, packet()).is_none());
        let (first, ops) = gate.group().expect("two operations");
        assert_eq!((first, ops.len()), (1, 2));
        gate.record(Op::Save(Record(Bytes::new())));
        assert!(gate.pass(To::One(ReplicaId(1)), packet()).is_none());
        let (second, _) = gate.group().expect("one operation");
        assert!(gate.release().is_none());
        gate.opened(first);
        assert!(matches!(gate.release(), Some((To::All, _))));
        assert!(gate.release().is_none() && !gate.is_settled());
        gate.opened(second);
        assert!(matches!(gate.release(), Some((To::One(_), _))));
        assert!(gate.is_settled() && gate.pass(To::All, packet()).is_some());
    }
}
