//! What a program is made of, and what is asked of it.

use super::{error::Error, ring::Lists};

/// The words of parameters that one pass can have.
pub const PARAMS_MAX: usize = 64;
/// The passes that one batch can have.
pub const PASSES_MAX: usize = 64;
/// What a buffer is for. In WGSL, `Work` is declared `var<storage, read_write>` and the others
/// `var<storage, read>`, in every kernel that uses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Written by the caller for every batch.
    Input,
    /// Never seen by the caller but for the regions that it asks back: what kernels leave for one
    /// another, and results. Holds anything when a batch begins, or zeros if that is wanted.
    Work {
        /// Whether it begins as zeros.
        zeroed: bool,
    },
    /// Kept from batch to batch, and filled by [`Program::load`](super::Program::load).
    Table,
}

/// A kernel: an entry point of a WGSL text.
#[derive(Clone, Copy, Debug)]
pub struct Kernel<'a> {
    pub(super) text: &'a str,
    pub(super) entry: &'a str,
    pub(super) workgroup: u32,
}

impl<'a> Kernel<'a> {
    /// The entry point `entry` of `text`, whose `override WORKGROUP: u32` is to be `workgroup`.
    pub const fn new(text: &'a str, entry: &'a str, workgroup: u32) -> Self {
        Self { text, entry, workgroup }
    }
    /// The values of its overrides.
    pub(crate) fn constants(&self) -> [(&'static str, f64); 1] {
        [("WORKGROUP", f64::from(self.workgroup))]
    }
}

/// What a program is made of.
#[derive(Clone, Copy, Debug)]
pub struct Spec<'a> {
    /// For errors.
    pub name: &'static str,
    /// Its buffers. The first stands at binding 1 of group 0, the next at 2, and so on; at binding 0
    /// stand the parameters.
    pub buffers: &'a [(&'static str, Role)],
    /// Its kernels. Each may use any of the buffers.
    pub kernels: &'a [Kernel<'a>],
    /// What there is room for from the start: a batch within it makes no buffer.
    pub room: Room<'a>,
}

/// The bytes of a batch, for which buffers are made with a program.
#[derive(Clone, Copy, Debug, Default)]
pub struct Room<'a> {
    /// Of each buffer, in the order of [`Spec::buffers`]; none where not said.
    pub sizes: &'a [u64],
    /// Of what comes back.
    pub back: u64,
}

impl Room<'_> {
    /// The sizes of `count` buffers.
    pub(super) fn sizes(&self, count: usize) -> Vec<u64> {
        (0..count).map(|buffer| self.sizes.get(buffer).copied().unwrap_or(0)).collect()
    }
}

/// One dispatch of a batch. Passes run one after another: each sees what those before it wrote.
#[derive(Clone, Copy, Debug)]
pub struct Pass<'a> {
    /// Which kernel, by its place in [`Spec::kernels`].
    pub kernel: usize,
    /// What its `var<uniform>` at binding 0 begins with; the rest, up to 64 words, is zeros.
    pub params: &'a [u32],
    /// How many invocations it takes. There are at least as many, in whole workgroups and in two
    /// dimensions: a kernel holds its number `id.x + id.y * groups.x * WORKGROUP` against a count.
    pub invocations: u32,
}

/// Bytes of a work buffer that the caller wants back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Which buffer, by its place in [`Spec::buffers`].
    pub buffer: usize,
    /// From which byte on, a multiple of 4.
    pub at: u64,
    /// How many, a multiple of 4.
    pub bytes: u64,
}

/// A batch.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// How many bytes of each buffer the batch uses, in the order of [`Spec::buffers`]; what is said of
    /// tables is not looked at.
    pub sizes: &'a [u64],
    /// What is done.
    pub passes: &'a [Pass<'a>],
    /// What comes back.
    pub wanted: &'a [Region],
}

/// Where a batch's input is written, in memory that the device reads. What is not written holds what
/// an earlier batch left.
#[derive(Debug)]
pub struct Inputs {
    staging: wgpu::Buffer,
    /// All of it; none while pieces of it are lent.
    view: Option<wgpu::BufferViewMut>,
    bytes: u64,
    lists: Lists,
    failure: Option<Error>,
}

impl Inputs {
    pub(super) fn new(staging: &wgpu::Buffer, bytes: u64, lists: Lists) -> Result<Self, Error> {
        let view = Some(map(staging, 0, bytes as usize)?);
        Ok(Self { staging: staging.clone(), view, bytes, lists, failure: None })
    }
    /// The bytes of buffer number `buffer`, an [`Input`](Role::Input), to write to.
    pub fn of(&mut self, buffer: usize) -> wgpu::WriteOnly<'_, [u8]> {
        let (begin, end) = self.lists.places[buffer];
        self.all().slice(begin..end)
    }
    /// All bytes, parameters first.
    pub(super) fn all(&mut self) -> &mut wgpu::BufferViewMut {
        self.view.as_mut().expect("no pieces are lent, and the device has not failed meanwhile")
    }
    /// Lends pieces of buffers, which may go to several threads, until `write` returns: the bytes `at..end`
    /// of a buffer for each `(buffer, at, end)`. Each begins at a multiple of 8, ends at a multiple of 4, is
    /// not empty and overlaps no other. Where the device has failed, nothing is written any more.
    pub fn pieces(
        &mut self,
        mut pieces: impl Iterator<Item = (usize, usize, usize)>,
        write: impl FnOnce(&mut [wgpu::BufferViewMut]),
    ) {
        self.view = None;
        let Lists { places, pieces: lent, .. } = &mut self.lists;
        let staging = &self.staging;
        let mapped = pieces.try_for_each(|(buffer, at, end)| {
            let begin = places[buffer].0;
            lent.push(map(staging, begin + at, begin + end)?);
            Ok(())
        });
        if mapped.is_ok() {
            write(lent);
        }
        lent.clear();
        match mapped.and_then(|()| map(staging, 0, self.bytes as usize)) {
            Ok(view) => self.view = Some(view),
            Err(error) => self.failure = Some(error),
        }
    }
    /// Ends the writing.
    pub(super) fn done(self) -> Result<Lists, Error> {
        self.failure.map_or(Ok(self.lists), Err)
    }
}

fn map(staging: &wgpu::Buffer, begin: usize, end: usize) -> Result<wgpu::BufferViewMut, Error> {
    let view = staging.get_mapped_range_mut(begin as u64..end as u64);
    view.map_err(|e| Error::Lost(e.to_string()))
}
