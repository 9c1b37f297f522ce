//! Who computes: the CPU or a GPU.
//!
//! A GPU is wide and far away. A call to it has a fixed price, its bytes must be carried there, and one
//! item takes as long as ten thousand. So for each [kind of work](byzlab_core::Work) both sides are
//! [measured](measure) once, a [cost](byzlab_core::Cost) is fitted to what was seen, and each call goes to
//! the side that is expected to be done sooner.
//!
//! | step | how | where |
//! |---|---|---|
//! | pick | what a user asks for, held against the adapters there are | [`Devices`] |
//! | measure | growing sizes, median of three runs, the first dropped | [`measure`](fn@measure) |
//! | keep | one file for an adapter, its driver, the CPU and this crate's kernels | [`keep`] |
//! | judge | to the GPU below 0.8 of the CPU's time, back above 1.2; fitted again when off by a quarter | [`judge`] |
//! | route | an [`Accelerator`](byzlab_core::Accelerator) that gives each call to one of two | [`Routed`] |
//! | check | answers held against the plainest code: known signatures, hostile input, drawn ones | [`differences`] |
//!
//! **One answer.** Whoever computes, the answer is the same; a choice is about time alone.
//!
//! **Software adapters** run kernels on the CPU: they are for tests, and never win. `auto` leaves them
//! alone.

mod check;
mod clock;
mod fit;
pub mod judge;
pub mod keep;
mod measure;
mod pick;
mod published;
mod route;
mod sample;
#[cfg(test)]
mod tests;

pub use check::differences;
pub(crate) use check::hostile;
pub use clock::{Clock, WallClock};
pub use fit::{Point, fit};
pub use measure::{Effort, Width, measure, median_of};
pub use pick::{Devices, Picked, Wanted};
pub use route::{Device, Routed};
pub use sample::Samples;
