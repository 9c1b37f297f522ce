//! What a user asks for, held against the adapters there are.

use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use byzlab_core::{Accelerator, Profile};

use super::{
    clock::WallClock,
    keep::{self, Identity},
    measure::measure,
    route::Routed,
    sample::Samples,
};
use crate::{
    Cpu,
    gpu::{self, Adapter, Error, Gpu, Kind, Select},
    shaders,
};

/// The distinct signatures that a measurement makes; making one costs as much as checking one.
const SIGNATURES: usize = 4_096;

/// What a user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// Whoever is expected to be done sooner. Without a GPU, the CPU; software adapters are left alone.
    Auto,
    /// The CPU.
    #[default]
    Cpu,
    /// A GPU for everything that it can do, however little.
    Gpu,
    /// A software adapter in a GPU's place: to try kernels on a machine without one.
    Software,
}

impl Wanted {
    /// The adapter without which this is an error.
    pub const fn adapter(self) -> Option<Select<'static>> {
        match self {
            Self::Gpu => Some(Select::Hardware),
            Self::Software => Some(Select::Software),
            Self::Auto | Self::Cpu => None,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
            Self::Software => "software",
        })
    }
}

/// An accelerator, and what is to be said about it.
#[derive(Debug)]
pub struct Picked {
    /// What computes.
    pub accelerator: Arc<dyn Accelerator>,
    /// A line each: why there is no GPU, that a profile was measured, that a kept one was damaged.
    pub said: Vec<String>,
}

/// The adapters of this machine, each opened once, and where their profiles are kept.
#[derive(Debug, Default)]
pub struct Devices {
    /// Where profiles are kept; `None`: nowhere, they are measured each time.
    cache: Option<PathBuf>,
    /// The GPU (`false`) and the software adapter (`true`), once opened.
    opened: Mutex<BTreeMap<bool, Arc<Gpu>>>,
}

/// What `auto` makes of the adapters that there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// The adapter of this number may be worth asking.
    Adapter(usize),
    /// There is none; what there is instead, in words.
    Nothing(String),
}

/// The first adapter that is a GPU; `adapters` are in order of promise.
pub(super) fn plan(adapters: &[(Kind, String)]) -> Plan {
    match adapters.iter().position(|(kind, _)| *kind != Kind::Software) {
        Some(index) => Plan::Adapter(index),
        None if adapters.is_empty() => Plan::Nothing("no adapter at all".into()),
        None => {
            let names: Vec<_> = adapters.iter().map(|(_, name)| name.as_str()).collect();
            Plan::Nothing(names.join(", "))
        }
    }
}

impl Devices {
    /// Devices whose profiles are kept in `cache`, which is made when there is something to keep.
    pub fn new(cache: Option<PathBuf>) -> Self {
        Self { cache, opened: Mutex::default() }
    }

    /// What is `wanted`, with a CPU on `threads` threads beside it (one a core if not said).
    ///
    /// # Errors
    /// When a GPU or a software adapter is wanted and there is none, which is told with what was found, or
    /// when it does not open or fails its self-test. `Auto` falls back to the CPU and says so.
    pub fn pick(&self, wanted: Wanted, threads: Option<usize>) -> Result<Picked, Error> {
        let cpu = Arc::new(Cpu::new(threads));
        match wanted.adapter() {
            Some(adapter) => self.only(&gpu::select(adapter)?, cpu),
            None if wanted == Wanted::Auto => Ok(self.auto(cpu)),
            None => Ok(Picked { accelerator: cpu, said: Vec::new() }),
        }
    }

    /// Opens `adapter`, or gives the one opened before.
    ///
    /// # Errors
    /// When its driver refuses it, or it fails its self-test.
    pub fn open(&self, adapter: &Adapter, cpu: &Arc<Cpu>) -> Result<Arc<Gpu>, Error> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let software = adapter.kind == Kind::Software;
        if let Some(known) = opened.get(&software).filter(|known| known.info().name == adapter.name)
        {
            return Ok(known.clone());
        }
        let gpu = Arc::new(Gpu::on(adapter, gpu::Options::default(), cpu.clone())?);
        opened.insert(software, gpu.clone());
        Ok(gpu)
    }

    /// What `gpu` and `cpu` cost: as kept, or measured now and kept; and what is to be said about that.
    /// With `fresh`, a kept one is not looked at. `widest` bounds the calls of a measurement; one that was
    /// made with a bound is not kept.
    ///
    /// # Errors
    /// When an answer is wrong.
    pub fn profile(
        &self,
        gpu: &Arc<Gpu>,
        cpu: &Arc<Cpu>,
        fresh: bool,
        widest: Option<u64>,
    ) -> Result<(Profile, Vec<String>), String> {
        let identity = identity(gpu, cpu);
        let mut said = Vec::new();
        if let (Some(folder), false) = (&self.cache, fresh) {
            match keep::load(folder, &identity) {
                Ok(Some(profile)) => return Ok((profile, said)),
                Ok(None) => {}
                Err(why) => said.push(format!("{why}; measured anew")),
            }
        }
        let (clock, mut samples) = (WallClock::default(), Samples::new(SIGNATURES));
        let most = widest.unwrap_or(u64::MAX);
        let cpu_costs = measure(&**cpu, &clock, &mut samples, most)?;
        let gpu_costs = measure(&**gpu, &clock, &mut samples, most)?;
        let about = format!("{}, and {}", identity.adapter_and_driver(), identity.cpu);
        let profile = Profile { about, cpu: cpu_costs, gpu: Some(gpu_costs), cores: None };
        if let (Some(folder), None) = (&self.cache, widest) {
            let path = identity.file(folder).display().to_string();
            said.push(match keep::save(folder, &identity, &profile) {
                Ok(()) => format!("measured {}; kept in {path}", profile.about),
                Err(why) => format!("measured {}; cannot be kept in {path}: {why}", profile.about),
            });
        }
        Ok((profile, said))
    }

    /// One adapter for everything.
    fn only(&self, adapter: &Adapter, cpu: Arc<Cpu>) -> Result<Picked, Error> {
        let gpu = self.open(adapter, &cpu)?;
        let accelerator = Arc::new(Routed::only(cpu, gpu, Box::new(WallClock::default())));
        Ok(Picked { accelerator, said: Vec::new() })
    }

    /// The GPU where it pays, if there is one, and if it is well.
    fn auto(&self, cpu: Arc<Cpu>) -> Picked {
        let adapters = gpu::adapters();
        let names: Vec<_> = adapters.iter().map(|a| (a.kind, a.to_string())).collect();
        let without = |cpu: Arc<Cpu>, why: String| {
            let line = format!("{} does everything: {why}", cpu.name());
            Picked { accelerator: cpu, said: vec![line] }
        };
        let adapter = match plan(&names) {
            Plan::Adapter(index) => &adapters[index],
            Plan::Nothing(found) => return without(cpu, format!("no GPU; found: {found}")),
        };
        let gpu = match self.open(adapter, &cpu) {
            Ok(gpu) => gpu,
            Err(error) => return without(cpu, format!("{adapter}: {error}")),
        };
        match self.profile(&gpu, &cpu, false, None) {
            Ok((profile, said)) => {
                let clock = Box::new(WallClock::default());
                Picked { accelerator: Arc::new(Routed::new(cpu, gpu, &profile, clock)), said }
            }
            Err(error) => without(cpu, format!("{adapter}: {error}")),
        }
    }
}

/// What a profile of these two is kept under.
fn identity(gpu: &Gpu, cpu: &Cpu) -> Identity {
    let info = gpu.info();
    // A debug build's CPU side says nothing about a release build's.
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    let (kernels, limbs) = (shaders::fingerprint(), info.limbs);
    Identity {
        adapter: info.name,
        driver: format!("{}, {}", info.backend, info.driver),
        cpu: cpu.name(),
        kernels: format!("{} {build} {limbs:?} {kernels}", env!("CARGO_PKG_VERSION")),
    }
}
