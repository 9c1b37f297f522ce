//! Many hashes, many signatures, many nonces at once.
//!
//! A protocol states [claims](byzlab_core::Claim) and never proves them; hosts gather the claims of all
//! waiting messages and give them to an [`Accelerator`](byzlab_core::Accelerator). This crate has one for
//! the CPU, [`Cpu`], one for a GPU, [`gpu::Gpu`], and one that gives each call to the sooner of two,
//! [`choice::Routed`].
//!
//! | work | how | where |
//! |---|---|---|
//! | SHA-256 of many messages, Merkle trees | sixteen abreast by AVX-512, or four by the SHA instructions | `sha256` |
//! | nonces | sixteen or three abreast, from a midstate, what is known before the nonce folded | `sha256` |
//! | Ed25519 (ZIP-215) | one equation for a batch, eight points abreast by AVX-512; keys remembered | `ed25519` |
//! | all of them | large work is split over threads | `workers` |
//! | all of them, on a GPU | one invocation a message, node, nonce or signature | [`gpu`], [`shaders`] |
//! | how far from what is possible | operations counted, cycles measured | [`floor`] |
//! | which of the two | costs, measured and fitted | [`choice`] |
//!
//! **One answer.** Whatever the machine, the number of threads and the grouping of claims, an answer is
//! that of [`Reference`](byzlab_core::Reference), which does one thing after another by the plainest
//! code there is. The tests compare them on the published vectors, on hostile input and at random.
//!
//! **Memory.** A call uses the lists of the last again (`scratch`): what it allocates is what it hands to its
//! caller, and on a GPU what the driver's side makes of a batch. [`Cpu`], [`gpu`] and [`choice::Routed`] say what
//! there is beyond that, and when.
//!
//! **Unsafe code** stands in `sha256/ni`, `sha256/wide` and `ed25519/wide`, whose documentation says what
//! makes it sound. Their tests run under AddressSanitizer, also with a stable compiler; everything is built
//! anew for it, what Rust's standard library and C code do is not looked at, and a GPU's driver is left out:
//!
//! ```text
//! RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address cargo test -p byzlab-accel \
//!     --target x86_64-unknown-linux-gnu --lib -- --skip gpu
//! ```

pub mod choice;
mod claims;
mod cpu;
mod ed25519;
pub mod floor;
pub mod gpu;
mod meter;
mod scratch;
mod sha256;
pub mod shaders;
#[cfg(target_arch = "x86_64")]
mod unrolled;
mod workers;

pub use cpu::Cpu;
pub use workers::THREADS_MAX;
