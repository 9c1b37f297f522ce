//! One replica of a cluster, through all its lives.

use std::{
    fs::OpenOptions,
    io::{Read, Seek, SeekFrom, Write},
};

use byzlab_core::{Span, block::Head};

use super::process::Child;
use crate::{
    counters::Counters,
    plan::{Mode, NodeError, SeatPlan},
    seat::{self, Running},
    storage::{Opening, Reader, Store},
};

/// One replica.
pub(super) struct Member {
    pub seat: SeatPlan,
    life: Life,
    /// What its earlier lives counted.
    before: Counters,
    /// CPU time of its processes that are gone.
    cpu_before: Span,
}

enum Life {
    Inside(Box<Running>),
    Child(Child),
    Down,
}

/// A replica's ledger at the end.
pub(super) struct Ledger {
    pub head: Head,
    pub reader: Reader,
    /// Distinct transactions in it.
    pub executed: u64,
    /// Keeps the folder, where the reader does not.
    _store: Option<Store>,
}

impl Member {
    /// Starts it for the first time.
    pub fn start(seat: SeatPlan, mode: &Mode) -> Result<Self, NodeError> {
        let (before, cpu_before) = Default::default();
        let mut member = Self { seat, life: Life::Down, before, cpu_before };
        member.restart(mode)?;
        Ok(member)
    }
    /// What it has counted in this life; `None` while it is down.
    pub fn counters(&self) -> Option<Counters> {
        match &self.life {
            Life::Inside(running) => Some(running.view.counters()),
            Life::Child(child) => child.counters(),
            Life::Down => None,
        }
    }
    /// CPU time of its processes, if it has its own.
    pub fn cpu(&self) -> Span {
        match &self.life {
            Life::Child(child) => self.cpu_before + child.cpu(),
            Life::Inside(_) | Life::Down => self.cpu_before,
        }
    }
    /// An error if it has ended by itself.
    pub fn is_well(&mut self) -> Result<(), NodeError> {
        match &mut self.life {
            Life::Inside(running) if running.has_ended() => {
                let Life::Inside(running) = std::mem::replace(&mut self.life, Life::Down) else {
                    return Ok(());
                };
                running.stop()
            }
            Life::Child(child) => child.is_well(),
            Life::Inside(_) | Life::Down => Ok(()),
        }
    }
    /// Ends it at once, as `kill -9` does.
    pub fn kill(&mut self) {
        self.before.add(&self.counters().unwrap_or_default());
        match std::mem::replace(&mut self.life, Life::Down) {
            Life::Inside(running) => running.kill(),
            Life::Child(child) => self.cpu_before = self.cpu_before + child.kill(),
            Life::Down => {}
        }
    }
    /// Starts it from its folder; gives what was found damaged there.
    pub fn restart(&mut self, mode: &Mode) -> Result<Vec<String>, NodeError> {
        match mode {
            Mode::InProcess => {
                let running = seat::start(&self.seat)?;
                let damage = running.recovered.damage.iter().map(ToString::to_string).collect();
                self.life = Life::Inside(Box::new(running));
                Ok(damage)
            }
            Mode::Processes { program, arguments } => {
                let child = Child::start(&self.seat, program, arguments)?;
                let damage = child.damage().to_vec();
                self.life = Life::Child(child);
                Ok(damage)
            }
        }
    }
    /// Flips a byte in the middle of its ledger file; gives the byte's place.
    pub fn tamper(&self) -> Result<u64, NodeError> {
        let path = self.seat.dir.join("ledger");
        flip_middle(&path).map_err(|error| {
            let doing = format!("tamper with {}", path.display());
            NodeError::Io { doing, error }
        })
    }
    /// Ends it in order, if it is up; gives all that it counted, and its ledger if it was up.
    pub fn end(mut self) -> Result<(Counters, Option<Ledger>), NodeError> {
        let mut sum = self.before;
        let ledger = match std::mem::replace(&mut self.life, Life::Down) {
            Life::Inside(running) => {
                let view = running.view.clone();
                running.stop()?;
                let counters = view.counters();
                sum.add(&counters);
                let (reader, executed) = (view.reader, counters.executed);
                Some(Ledger { head: reader.head(), reader, executed, _store: None })
            }
            Life::Child(child) => {
                let counters = child.end()?;
                sum.add(&counters);
                let opening = Opening {
                    chain: self.seat.committee.chain,
                    replica: self.seat.me,
                    durability: self.seat.durability,
                    accelerator: &*self.seat.accelerator,
                };
                let (store, recovered) = Store::open(&self.seat.dir, opening)?;
                let (reader, executed) = (store.reader(), counters.executed);
                Some(Ledger { head: recovered.head, reader, executed, _store: Some(store) })
            }
            Life::Down => None,
        };
        Ok((sum, ledger))
    }
}

fn flip_middle(path: &std::path::Path) -> std::io::Result<u64> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let place = file.metadata()?.len() / 2;
    let mut byte = [0];
    file.seek(SeekFrom::Start(place))?;
    file.read_exact(&mut byte)?;
    file.seek(SeekFrom::Start(place))?;
    file.write_all(&[byte[0] ^ 1])?;
    file.sync_all()?;
    Ok(place)
}
