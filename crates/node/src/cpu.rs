//! CPU time of processes, to the nanosecond.

use byzlab_core::Span;
use nix::time::{ClockId, clock_gettime};

/// User and system time of a process, all its threads together, those that have ended too; `None`
/// where the system does not tell.
#[cfg(target_os = "linux")]
pub(crate) fn used(process: u32) -> Option<Span> {
    let process = nix::unistd::Pid::from_raw(i32::try_from(process).ok()?);
    now(nix::time::clock_getcpuclockid(process).ok()?)
}

/// Only Linux tells how much another process has used.
#[cfg(not(target_os = "linux"))]
pub(crate) fn used(_process: u32) -> Option<Span> {
    None
}

/// As [`used`], of this process.
pub(crate) fn used_here() -> Option<Span> {
    now(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

fn now(clock: ClockId) -> Option<Span> {
    let time = clock_gettime(clock).ok()?;
    let seconds = u64::try_from(time.tv_sec()).ok()?;
    Some(Span(seconds * 1_000_000_000 + u64::try_from(time.tv_nsec()).ok()?))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn this_process_has_used_some_time_and_no_process_none() {
        let before = super::used_here().expect("every process can ask for its own");
        let same = super::used(std::process::id()).expect("the same, asked for by number");
        assert!(before.0 > 0 && same >= before);
        assert!(super::used(u32::MAX).is_none());
    }
}
