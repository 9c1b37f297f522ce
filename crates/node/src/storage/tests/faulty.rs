//! A disk that stops at a step, and forgets what was not synced.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use crate::storage::disk::{Disk, DiskFile};

/// Which step fails, and how.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// How many steps succeed before.
    pub after: u64,
    /// What the failing step says; every later one says the same.
    pub kind: io::ErrorKind,
    /// Out of 256, how much of a failing write is written.
    pub torn: u8,
}

#[derive(Debug, Default)]
struct State {
    files: Vec<Content>,
    /// Each name's file, now and on the platter.
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Names as they stood after each change since the last sync.
    name_steps: Vec<BTreeMap<String, usize>>,
    steps: u64,
    fault: Option<Fault>,
    syncs_fail: bool,
}

#[derive(Clone, Debug, Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// What was done since the last sync.
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Length(length) => to.resize(*length as usize, 0),
            Self::Write(at, bytes) => {
                let end = *at as usize + bytes.len();
                let length = to.len().max(end);
                to.resize(length, 0);
                to[*at as usize..end].copy_from_slice(bytes);
            }
        }
    }
}

/// A folder in memory that knows what is durable.
#[derive(Clone, Debug, Default)]
pub struct Faulty(Arc<Mutex<State>>);

#[derive(Debug)]
struct FaultyFile(Arc<Mutex<State>>, usize);

impl State {
    /// Counts a step; the share of it that is done, and how it ends.
    fn step(&mut self) -> Result<(), Fault> {
        self.steps += 1;
        match self.fault {
            Some(fault) if self.steps > fault.after => Err(fault),
            _ => Ok(()),
        }
    }
    fn simple_step(&mut self) -> io::Result<()> {
        self.step().map_err(|fault| fault.kind.into())
    }
    fn change(&mut self, file: usize, change: Change) {
        change.apply(&mut self.files[file].now);
        self.files[file].pending.push(change);
    }
}

impl Faulty {
    /// The steps taken so far.
    pub fn steps(&self) -> u64 {
        self.0.lock().unwrap().steps
    }
    /// Fails from a step on.
    pub fn fail(&self, fault: Option<Fault>) {
        self.0.lock().unwrap().fault = fault;
    }
    /// Refuses to sync files.
    pub fn fail_syncs(&self) {
        self.0.lock().unwrap().syncs_fail = true;
    }
    /// What is there after `kill -9`: everything that was written.
    pub fn after_kill(&self) -> Self {
        let state = self.0.lock().unwrap();
        let files =
            state.files.iter().map(|file| Content { now: file.now.clone(), ..file.clone() });
        let rest = State {
            files: files.collect(),
            names: state.names.clone(),
            durable_names: state.durable_names.clone(),
            name_steps: state.name_steps.clone(),
            ..State::default()
        };
        Self(Arc::new(Mutex::new(rest)))
    }
    /// What is there after a power failure: what was synced, and of the rest what `draw` lets be,
    /// in order for each file, the last write torn.
    pub fn after_power_loss(&self, mut draw: impl FnMut(usize) -> usize) -> Self {
        let state = self.0.lock().unwrap();
        let survive = |file: &Content, draw: &mut dyn FnMut(usize) -> usize| {
            let mut now = file.durable.clone();
            let kept = draw(file.pending.len() + 1);
            file.pending[..kept].iter().for_each(|change| change.apply(&mut now));
            if let Some(Change::Write(at, bytes)) = file.pending.get(kept) {
                let torn = draw(bytes.len() + 1);
                if torn > 0 {
                    Change::Write(*at, bytes[..torn].to_vec()).apply(&mut now);
                }
            }
            Content { durable: now.clone(), now, pending: Vec::new() }
        };
        let files: Vec<_> = state.files.iter().map(|file| survive(file, &mut draw)).collect();
        let names = match draw(state.name_steps.len() + 1) {
            0 => state.durable_names.clone(),
            n => state.name_steps[n - 1].clone(),
        };
        let rest = State { files, durable_names: names.clone(), names, ..State::default() };
        Self(Arc::new(Mutex::new(rest)))
    }
}

impl Disk for Faulty {
    fn path(&self, name: &str) -> PathBuf {
        Path::new("faulty:").join(name)
    }
    fn open(&self, name: &str) -> io::Result<Option<Arc<dyn DiskFile>>> {
        let state = self.0.lock().unwrap();
        let file = state.names.get(name).copied();
        Ok(file.map(|file| Arc::new(FaultyFile(Arc::clone(&self.0), file)) as Arc<dyn DiskFile>))
    }
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.0.lock().unwrap();
        state.simple_step()?;
        state.files.push(Content::default());
        let file = state.files.len() - 1;
        state.names.insert(name.to_owned(), file);
        let names = state.names.clone();
        state.name_steps.push(names);
        Ok(Arc::new(FaultyFile(Arc::clone(&self.0), file)))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.simple_step()?;
        let file = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), file);
        let names = state.names.clone();
        state.name_steps.push(names);
        Ok(())
    }
    fn sync(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.simple_step()?;
        state.durable_names = state.names.clone();
        state.name_steps.clear();
        Ok(())
    }
}

impl DiskFile for FaultyFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().files[self.1].now.len() as u64)
    }
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.0.lock().unwrap();
        let from = state.files[self.1].now.get(offset as usize..);
        let from = from.and_then(|rest| rest.get(..bytes.len()));
        bytes.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let done = state.step();
        let share = done.map_or_else(|fault| usize::from(fault.torn), |()| 256);
        let written = bytes.len() * share / 256;
        if written > 0 {
            state.change(self.1, Change::Write(offset, bytes[..written].to_vec()));
        }
        done.map_err(|fault| fault.kind.into())
    }
    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.simple_step()?;
        state.change(self.1, Change::Length(length));
        Ok(())
    }
    fn sync(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.simple_step()?;
        if state.syncs_fail {
            return Err(io::Error::other("the disk is gone"));
        }
        let file = &mut state.files[self.1];
        file.durable = file.now.clone();
        file.pending.clear();
        Ok(())
    }
}
