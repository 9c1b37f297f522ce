//! The adapters of this machine.

use std::fmt;

use super::error::Error;

/// What an adapter is made of, the most promising first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A card with memory of its own.
    Discrete,
    /// Part of the processor, sharing its memory.
    Integrated,
    /// A card passed into a virtual machine.
    Virtual,
    /// The driver does not say.
    Other,
    /// No GPU at all: kernels compiled for the CPU, for tests on machines without one.
    Software,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discrete => "discrete GPU",
            Self::Integrated => "integrated GPU",
            Self::Virtual => "virtual GPU",
            Self::Other => "GPU of unknown kind",
            Self::Software => "software adapter",
        })
    }
}

/// Which adapter is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select<'a> {
    /// The best that is really a GPU.
    Hardware,
    /// One that is not.
    Software,
    /// The first whose name contains this, in any case of letters.
    Named(&'a str),
}

impl fmt::Display for Select<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hardware => f.write_str("GPU"),
            Self::Software => f.write_str("software adapter"),
            Self::Named(name) => write!(f, "adapter named {name:?}"),
        }
    }
}

/// An adapter that could be opened.
#[derive(Clone, Debug)]
pub struct Adapter {
    pub(super) raw: wgpu::Adapter,
    /// As its driver calls it.
    pub name: String,
    /// The interface it is reached through: `vulkan`, `metal`, `dx12`.
    pub backend: String,
    /// The driver and its version.
    pub driver: String,
    /// What it is made of.
    pub kind: Kind,
}

impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {}, {})", self.name, self.kind, self.backend, self.driver)
    }
}

impl Adapter {
    fn new(raw: wgpu::Adapter) -> Self {
        let info = raw.get_info();
        let kind = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => Kind::Discrete,
            wgpu::DeviceType::IntegratedGpu => Kind::Integrated,
            wgpu::DeviceType::VirtualGpu => Kind::Virtual,
            wgpu::DeviceType::Other => Kind::Other,
            wgpu::DeviceType::Cpu => Kind::Software,
        };
        let driver = format!("{} {}", info.driver, info.driver_info).trim().to_owned();
        Self { raw, name: info.name, backend: info.backend.to_string(), driver, kind }
    }
    /// The same adapter as its driver lists it now.
    ///
    /// # Errors
    /// When it is not there any more; the error names those that are.
    pub(super) fn again(&self) -> Result<Self, Error> {
        let same = |other: &Self| {
            (&other.name, &other.backend, other.kind) == (&self.name, &self.backend, self.kind)
        };
        let all = adapters();
        all.iter().find(|other| same(other)).cloned().ok_or_else(|| {
            let wanted = Select::Named(&self.name).to_string();
            Error::NoAdapter { wanted, found: found(&all) }
        })
    }
}

/// All adapters, the most promising first; none where there is no driver.
///
/// On a machine without a desktop, Mesa writes "XDG_RUNTIME_DIR is invalid or not set" to standard error meanwhile:
/// its layer that sorts devices looks for a Wayland display as soon as the extension for one is enabled, which
/// wgpu does wherever it is there, and does not allow to be taken back. It means nothing; `NODEVICE_SELECT=1` in
/// the environment leaves the layer out.
pub fn adapters() -> Vec<Adapter> {
    let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = backends;
    descriptor.flags = wgpu::InstanceFlags::empty();
    let instance = wgpu::Instance::new(descriptor);
    let found = pollster::block_on(instance.enumerate_adapters(backends));
    let mut adapters: Vec<_> = found.into_iter().map(Adapter::new).collect();
    adapters.sort_by_key(|adapter| adapter.kind);
    adapters
}

/// The adapter that `wanted` describes.
///
/// # Errors
/// When there is none; the error names those that there are.
pub fn select(wanted: Select) -> Result<Adapter, Error> {
    let fits = |adapter: &Adapter| match wanted {
        Select::Hardware => adapter.kind != Kind::Software,
        Select::Software => adapter.kind == Kind::Software,
        Select::Named(name) => adapter.name.to_lowercase().contains(&name.to_lowercase()),
    };
    let all = adapters();
    all.iter().find(|adapter| fits(adapter)).cloned().ok_or_else(|| {
        let wanted = wanted.to_string();
        Error::NoAdapter { wanted, found: found(&all) }
    })
}

/// The adapters that there are, in words.
fn found(all: &[Adapter]) -> String {
    let names: Vec<_> = all.iter().map(ToString::to_string).collect();
    if names.is_empty() { "no adapter at all".into() } else { names.join(", ") }
}
