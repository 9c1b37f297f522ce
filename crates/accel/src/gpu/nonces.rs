//! The nonce search on a device.

use std::{iter, sync::Arc};

use super::{
    engine::Engine,
    error::Error,
    job::{Job, Kernel, Pass, Region, Role, Room, Spec},
    program::{Program, in_turn},
};
use crate::{
    gpu::adapter::Kind,
    sha256::{Known, Scan},
    shaders::{WORKGROUP, sha256::NONCES},
};

/// The most invocations of a slice: as many as a large GPU keeps at hand at once.
const INVOCATIONS_MAX: u64 = 1 << 18;
/// The nonces of a search's first slice: one is often enough.
const SLICE_MIN: u64 = 1 << 16;
/// The most nonces of one slice: milliseconds on a GPU.
const SLICE_MAX: u64 = 1 << 25;
/// The same on a software adapter.
const SLICE_MAX_SOFTWARE: u64 = 1 << 20;

/// The program of the nonce search.
#[derive(Debug)]
pub(super) struct Searcher {
    program: Program,
    slice_max: u64,
}

impl Searcher {
    pub(super) fn new(engine: &Arc<Engine>) -> Result<Self, Error> {
        let spec = Spec {
            name: "nonces",
            buffers: &[("found", Role::Work { zeroed: true })],
            kernels: &[Kernel::new(NONCES.text, "nonces", WORKGROUP)],
            room: Room { sizes: &[4], back: 4 },
        };
        let software = engine.adapter().kind == Kind::Software;
        let slice_max = if software { SLICE_MAX_SOFTWARE } else { SLICE_MAX };
        Ok(Self { program: Program::new(engine, &spec)?, slice_max })
    }

    /// How far above `start` the first of `count` nonces stands that the scan's filter lets through, as
    /// [`Sha256::scan`](crate::sha256::Sha256::scan) says it.
    ///
    /// Slices double while nothing is found; the one behind that in which it is found is tried for
    /// nothing.
    pub(super) fn scan(&self, scan: &Scan, start: u32, count: u64) -> Result<Option<u64>, Error> {
        let known = known(scan);
        let mut first = None;
        in_turn(
            &self.program,
            slices(count, self.slice_max),
            |room, &(at, len)| {
                let stride = len.min(INVOCATIONS_MAX) as u32;
                let start = start.wrapping_add(at as u32);
                let mut head = [0; 24];
                head[..4].copy_from_slice(&[stride, len as u32, start, scan.top]);
                head[4..].copy_from_slice(&known);
                let job = Job {
                    sizes: &[4],
                    passes: &[Pass { kernel: 0, params: &head, invocations: stride }],
                    wanted: &[Region { buffer: 0, at: 0, bytes: 4 }],
                };
                self.program.submit(room, &job, |_| ())
            },
            |(at, _), answer| {
                let found = answer.read(bytemuck::pod_read_unaligned::<u32>)?;
                first = (found != 0).then(|| at + u64::from(!found));
                Ok(first.is_none())
            },
        )?;
        Ok(first)
    }
}

/// Where the slices of a search of `count` nonces begin, and their lengths.
fn slices(count: u64, most: u64) -> impl Iterator<Item = (u64, u64)> {
    let (mut at, mut len) = (0, SLICE_MIN);
    iter::from_fn(move || {
        let slice = (at, len.min(count - at));
        at += slice.1;
        len = (2 * len).min(most);
        (slice.1 > 0).then_some(slice)
    })
}

/// What the kernel knows before the nonce: the state after the three rounds before it, the midstate,
/// and words 16 to 19 of the schedule, the last two without the nonce's terms.
fn known(scan: &Scan) -> [u32; 20] {
    let Known { started, words } = scan.known();
    let mut known = [0; 20];
    known[..8].copy_from_slice(&started);
    known[8..16].copy_from_slice(&scan.midstate);
    known[16..].copy_from_slice(&words);
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_grow_and_leave_nothing_out() {
        let cut: Vec<_> = slices((1 << 32) - 5, SLICE_MAX).collect();
        assert_eq!(cut[..3], [(0, 1 << 16), (1 << 16, 1 << 17), (3 << 16, 1 << 18)]);
        assert!(cut.windows(2).all(|two| two[0].0 + two[0].1 == two[1].0));
        let (at, len) = cut[cut.len() - 1];
        assert_eq!(at + len, (1 << 32) - 5);
        assert_eq!(slices(0, SLICE_MAX).count(), 0);
    }
}
