//! CPU time of processes, from Linux's `/proc`.

use byzlab_core::Span;

/// Linux counts a process's time in hundredths of a second.
const TICK: Span = Span::ms(10);

/// User and system time of a process, all its threads together; `None` where the system does not
/// tell.
pub(crate) fn used(process: u32) -> Option<Span> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in brackets, which may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |i: usize| fields.get(i)?.parse::<u64>().ok();
    Some(TICK.times(ticks(11)? + ticks(12)?))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn this_process_has_used_some_time_and_no_process_none() {
        assert!(super::used(std::process::id()).is_some());
        assert!(super::used(u32::MAX).is_none());
    }
}
