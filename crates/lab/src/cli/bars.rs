//! Progress on a terminal: one bar for everything, one for each run that goes on.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    sync::Mutex,
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::{
    experiment::Case,
    host::{self, Progress},
    runner::Observer,
};

/// Parts of a run that a bar tells apart.
const PARTS: u64 = 1000;
/// The most runs that are shown one by one.
const SHOWN_MAX: usize = 8;

/// Bars on stderr; nothing where that is no terminal.
#[derive(Debug)]
pub(super) struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    running: Mutex<BTreeMap<usize, (ProgressBar, u64)>>,
}

impl Bars {
    pub(super) fn new(cases: &[Case]) -> Self {
        let all = MultiProgress::new();
        let total = all.add(ProgressBar::new(cases.len() as u64 * PARTS));
        total.set_style(style("{bar:32} {percent:>3} %  {msg}  {elapsed} gone, {eta} left"));
        total.set_message(format!("{} runs", cases.len()));
        total.enable_steady_tick(Duration::from_millis(200));
        Self { all, total, running: Mutex::default() }
    }
    pub(super) fn finish(&self) {
        self.total.finish_and_clear();
    }
    fn running(&self) -> std::sync::MutexGuard<'_, BTreeMap<usize, (ProgressBar, u64)>> {
        self.running.lock().expect("no holder panics")
    }
}

impl Observer for Bars {
    fn begins(&self, case: &Case) {
        let mut running = self.running();
        let bar = if running.len() < SHOWN_MAX {
            self.all.add(ProgressBar::new(PARTS))
        } else {
            ProgressBar::hidden()
        };
        bar.set_style(style("{bar:32} {percent:>3} %  {prefix}  {msg}"));
        bar.set_prefix(host::describe(case));
        running.insert(case.run, (bar, 0));
    }
    fn goes_on(&self, case: &Case, progress: Progress) {
        let parts = (progress.share.clamp(0.0, 1.0) * PARTS as f64) as u64;
        if let Some((bar, before)) = self.running().get_mut(&case.run) {
            bar.set_position(parts);
            bar.set_message(format!("{} transactions", progress.transactions));
            self.total.inc(parts.saturating_sub(*before));
            *before = parts.max(*before);
        }
    }
    fn says(&self, line: &str) {
        if self.all.is_hidden() {
            // Nobody reads a closed stderr.
            let _ = writeln!(io::stderr().lock(), "{line}");
        } else {
            let _ = self.all.println(line);
        }
    }
    fn ends(&self, case: &Case) {
        if let Some((bar, before)) = self.running().remove(&case.run) {
            bar.finish_and_clear();
            self.all.remove(&bar);
            self.total.inc(PARTS - before);
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("templates are constant").progress_chars("━╸─")
}
