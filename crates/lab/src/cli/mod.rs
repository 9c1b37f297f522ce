//! The `byzlab` command.
//!
//! Exit codes: 0 good; 1 a run found a violation, failed an expectation or did not replay, or an accelerator
//! was wrong; 2 bad input, or something that could not be carried out. A closed pipe (`byzlab … | head`) is good.

mod accel;
mod bars;
mod committee;
mod conform;
mod keys;
mod ledger;
mod new;
mod protocols;
mod replay;
mod report;
mod run;
mod seat;
mod table;

use std::{
    io::{self, IsTerminal as _, Write as _},
    num::NonZeroUsize,
    process::ExitCode,
};

use anyhow::Result;
use byzlab_accel::THREADS_MAX;
use byzlab_core::Registry;
use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use tracing_subscriber::EnvFilter;

use crate::spec::Problem;

/// A laboratory for consensus protocols: simulate them, run them over QUIC, attack them, compare them.
#[derive(Debug, Parser)]
#[command(name = "byzlab", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 good, 1 a violation was found, 2 bad input.\n\
                        BYZLAB_LOG=info (or debug, trace) tells more on stderr.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
    Replay(replay::Arguments),
    Report(report::Arguments),
    Protocols(protocols::Arguments),
    New(new::Arguments),
    Conform(conform::Arguments),
    Keygen(keys::Arguments),
    Committee(committee::Arguments),
    Seat(seat::SeatArguments),
    Client(seat::ClientArguments),
    Ledger(ledger::Arguments),
    Accel(accel::Arguments),
    /// Prints completions for a shell
    #[command(after_help = "Example: byzlab completions bash > /etc/bash_completion.d/byzlab")]
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// What a command found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// Nothing that must not be.
    Good,
    /// A violation, a failed expectation, damage, or a replay that differs.
    Bad,
}

impl Found {
    const fn good_if(good: bool) -> Self {
        if good { Self::Good } else { Self::Bad }
    }
}

/// The whole command, with the protocols of `registry`.
pub fn main(registry: Registry) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Help is no error; what cannot be printed has no reader.
            let _ = e.print();
            return ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(2));
        }
    };
    // What happens in a run is in its records; a deployment has nobody else to tell it.
    let quiet =
        if matches!(cli.command, Command::Seat(_) | Command::Client(_)) { "warn" } else { "off" };
    let filter = EnvFilter::try_from_env("BYZLAB_LOG").unwrap_or_else(|_| EnvFilter::new(quiet));
    let colours = io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours);
    log.with_writer(io::stderr).init();
    match execute(cli.command, &registry) {
        Ok(Found::Good) => ExitCode::SUCCESS,
        Ok(Found::Bad) => ExitCode::from(1),
        Err(e) if is_closed_pipe(&e) => ExitCode::SUCCESS,
        Err(e) => {
            // Nobody reads a closed stderr.
            let _ = writeln!(io::stderr().lock(), "{}", in_words(&e));
            ExitCode::from(2)
        }
    }
}

fn execute(command: Command, registry: &Registry) -> Result<Found> {
    match command {
        Command::Run(arguments) => run::run(&arguments, registry),
        Command::Replay(arguments) => replay::replay(&arguments, registry),
        Command::Report(arguments) => report::report(&arguments),
        Command::Protocols(arguments) => protocols::protocols(&arguments, registry),
        Command::New(arguments) => new::new(&arguments, registry),
        Command::Conform(arguments) => conform::conform(&arguments, registry),
        Command::Keygen(arguments) => keys::keygen(&arguments),
        Command::Committee(arguments) => committee::committee(&arguments, registry),
        Command::Seat(arguments) => seat::seat(&arguments, registry),
        Command::Client(arguments) => seat::client(&arguments, registry),
        Command::Ledger(arguments) => ledger::ledger(&arguments, registry),
        Command::Accel(arguments) => accel::accel(&arguments),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "byzlab", &mut script);
            say(&String::from_utf8_lossy(&script))
        }
    }
}

/// A number of threads that an accelerator can have.
fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let count = text.parse().ok().filter(|&count: &NonZeroUsize| count.get() <= THREADS_MAX);
    count.ok_or_else(|| format!("1 to {THREADS_MAX} threads are possible"))
}

/// Prints to stdout; a closed pipe is an error that [`main`] knows.
fn say(text: &str) -> Result<Found> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(Found::Good)
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let closed = |e: &io::Error| e.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref().is_some_and(closed))
}

fn in_words(error: &anyhow::Error) -> String {
    match error.downcast_ref::<Problem>() {
        Some(problem) if colours() => problem.styled(),
        Some(problem) => problem.to_string(),
        None => format!("error: {error:#}"),
    }
}

fn colours() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
