//! Work split over threads.

use rayon::{ThreadPool, ThreadPoolBuilder, prelude::*};

/// The most threads that one accelerator has: beyond every machine, and few enough to start at once.
pub const THREADS_MAX: usize = 1024;

/// The caller's thread, or a pool of this accelerator's own.
///
/// Where work is cut never shows in an answer: a task sees only its own part, and parts come back in
/// order.
#[derive(Debug)]
pub struct Workers {
    /// None where one thread does everything.
    pool: Option<ThreadPool>,
}

impl Workers {
    /// Workers on `threads` threads. Where the system refuses to start them, the caller's does it all.
    pub fn new(threads: usize) -> Self {
        let build = || {
            let name = |i| format!("byzlab-accel-{i}");
            ThreadPoolBuilder::new().num_threads(threads).thread_name(name).build().ok()
        };
        Self { pool: if threads > 1 { build() } else { None } }
    }
    /// How many threads.
    pub fn threads(&self) -> usize {
        self.pool.as_ref().map_or(1, ThreadPool::current_num_threads)
    }
    /// Does `task` to parts of `input` and the places in `output` beside them, `part` at a time. Stays
    /// on the caller's thread when there is one part only.
    pub fn each<I: Sync, O: Send>(
        &self,
        input: &[I],
        output: &mut [O],
        part: usize,
        task: impl Fn(&[I], &mut [O]) + Send + Sync,
    ) {
        assert_eq!(input.len(), output.len());
        match &self.pool {
            Some(pool) if input.len() > part => pool.install(|| {
                let parts = input.par_chunks(part).zip(output.par_chunks_mut(part));
                parts.for_each(|(input, output)| task(input, output));
            }),
            _ => {
                let parts = input.chunks(part).zip(output.chunks_mut(part));
                parts.for_each(|(input, output)| task(input, output));
            }
        }
    }
    /// `output[i]` becomes the result of `task` on the `i`th part of `input`, `part` at a time.
    pub fn each_part<I: Sync, O: Send>(
        &self,
        input: &[I],
        output: &mut [O],
        part: usize,
        task: impl Fn(&[I]) -> O + Send + Sync,
    ) {
        assert_eq!(input.len().div_ceil(part), output.len());
        match &self.pool {
            Some(pool) if input.len() > part => pool.install(|| {
                let parts = input.par_chunks(part).zip(output);
                parts.for_each(|(input, output)| *output = task(input));
            }),
            _ => {
                let parts = input.chunks(part).zip(output);
                parts.for_each(|(input, output)| *output = task(input));
            }
        }
    }
    /// The first `Some` of `task(0)`, `task(1)`, … `task(count - 1)`; later ones may not be tried.
    pub fn first<O: Send>(
        &self,
        count: usize,
        task: impl Fn(usize) -> Option<O> + Send + Sync,
    ) -> Option<O> {
        match &self.pool {
            Some(pool) if count > 1 => {
                pool.install(|| (0..count).into_par_iter().find_map_first(task))
            }
            _ => (0..count).find_map(task),
        }
    }
}
