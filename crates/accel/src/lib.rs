//! Many hashes, many signatures, many nonces at once.
//!
//! A protocol states [claims](byzlab_core::Claim) and never proves them; hosts gather the claims of all
//! waiting messages and give them to an [`Accelerator`](byzlab_core::Accelerator). This crate has the
//! one for the CPU: [`Cpu`].
//!
//! | work | how | where |
//! |---|---|---|
//! | SHA-256 of many messages, Merkle trees | four messages abreast by the SHA instructions | `sha256` |
//! | nonces | three abreast, from a midstate, what is known before the nonce folded | `sha256` |
//! | Ed25519 (ZIP-215) | one equation for a batch, cut up when it fails; keys remembered | `ed25519` |
//! | all of them | large work is split over threads | `workers` |
//!
//! **One answer.** Whatever the machine, the number of threads and the grouping of claims, an answer is
//! that of [`Reference`](byzlab_core::Reference), which does one thing after another by the plainest
//! code there is. The tests compare them on the published vectors, on hostile input and at random.
//!
//! **Unsafe code** stands in one file, `sha256/ni/mod.rs`, which says what makes it sound.
//!
//! [`shaders`] makes the text of the GPU kernels. None of them runs here: there is no GPU engine in
//! this crate.

pub mod choice;
mod cpu;
mod ed25519;
pub mod gpu;
mod sha256;
pub mod shaders;
mod workers;

pub use cpu::Cpu;
