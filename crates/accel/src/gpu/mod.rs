//! The GPU, by way of `wgpu`.
//!
//! # The engine
//!
//! [`adapters`] lists what this machine has, [`Engine::open`] opens one, and a [`Program`] is a set of
//! kernels with common buffers on it. Everything that runs on a GPU here is a program and a caller that
//! cuts its work into batches:
//!
//! ```text
//!            Program::new(&engine, &Spec { name, buffers, kernels, room })  once: compiled and warmed
//!  caller ─► room() ─► submit(room, &Job { sizes, passes, wanted }, fill) ─► Ticket
//!            ▲             fill: parameters and input, straight into staging
//!            │         device: staging ═► input buffers, one dispatch a pass, wanted regions ═► readback
//!            └───────── Answer::read(..) ◄── Ticket::wait() ◄── landed by the waiting thread
//! ```
//!
//! - **Buffers.** Binding 0 of group 0 is `var<uniform>`: up to [`PARAMS_MAX`] words that differ from pass
//!   to pass. From binding 1 on stand the buffers of the [`Spec`], whose [`Role`] says who writes them. They
//!   are made with the program, for the [`Room`] that it asks for; when a batch needs more they grow to the next
//!   power of two, and never shrink. So a batch within that room, or no larger than those before it, makes no
//!   buffer ([`Stats::buffers`] counts them). Device buffers exist once a program, as the queue runs one submission
//!   after another; what host and device share exists [`IN_FLIGHT`] times, and each grows by itself.
//! - **Lists.** Work is packed straight into staging. The lists that describe a batch stand with its slot, those
//!   that a caller sorts its items into are kept from call to call up to a bound that has a name, and both are used
//!   again. So a call makes the list that it hands back; a batch, what wgpu makes of it, about a hundred
//!   allocations with the boxes of two callbacks and the record they share; a pass more, two of wgpu's. None of
//!   them grows with the number of items: `tests/allocations.rs` counts. What the CPU checks again is allocated as
//!   [`Cpu`](crate::Cpu) says, and a key that gets a table, or a device that fails, may take what it needs.
//! - **Passes.** A [`Job`] is a list of dispatches in one submission, each of one kernel with its own
//!   parameters; a pass sees what those before it wrote. A whole Merkle tree is one job.
//! - **Kernels** get a grid of two dimensions, whole workgroups: invocation `id.x + id.y * groups.x *
//!   WORKGROUP` is held against a count in the parameters. With parameters of zero they do nothing: that is
//!   how they are warmed. They stand in `shaders/`, and run with the checks of bounds and loops that wgpu
//!   adds: without them, on the software adapter, nonces went 2 to 4 % faster and the rest no faster that could
//!   be told from noise, so nothing here is unsafe.
//! - **Size.** No buffer passes [`Engine::bytes_max`]; callers cut their work by [`Engine::items_max`], and
//!   [`in_turn`] runs the parts with two in flight.
//! - **Time.** The caller of [`Ticket::wait`] sleeps on a condition variable; one thread an engine is inside
//!   the driver. After [`Engine::patience`] the caller gets [`Error::Late`] and computes elsewhere. Until the
//!   late batch is back, others get [`Error::Busy`] at once; then the device is used again.
//! - **Failure.** A lost device or a broken rule fails the engine for good, and every later call says so;
//!   [`Gpu`] opens another on the same adapter after a pause. Nothing here panics for what a driver does.

mod accelerator;
mod adapter;
pub mod ed25519;
mod engine;
mod error;
mod job;
mod nonces;
mod opened;
mod program;
mod reopen;
mod ring;
mod selftest;
mod sha256;
mod stats;
#[doc(hidden)]
pub mod testing;
#[cfg(test)]
mod tests;

pub use accelerator::{Gpu, Info};
pub use adapter::{Adapter, Kind, Select, adapters, select};
pub use engine::{Engine, Fault, Options};
pub use error::Error;
pub use job::{Inputs, Job, Kernel, PARAMS_MAX, PASSES_MAX, Pass, Region, Role, Room, Spec};
pub use program::{Program, in_turn};
pub use ring::{Answer, IN_FLIGHT, Lent, Ticket};
pub use sha256::MESSAGE_MAX;
pub use stats::Stats;
