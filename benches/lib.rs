//! What the benches share.
//!
//! Each bench sets the way the project does a thing beside the plain way to do it, on one thread, and
//! states its throughput in things a second: what counts is the ratio of two lines of one run.

use std::time::Duration;

use criterion::Criterion;

/// Criterion in a hurry: half a second a line, which settles a ratio to a few parts in a hundred.
pub fn quick() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500))
        .without_plots()
        .configure_from_args()
}

/// `len` bytes that differ from one `seed` to another.
pub fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut stream = byzlab_core::random::Stream::new(seed, "bench");
    let mut bytes = vec![0; len];
    stream.fill(&mut bytes);
    bytes
}
