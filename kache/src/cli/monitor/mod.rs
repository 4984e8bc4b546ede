//! `kache monitor`: shows running and earlier builds on a terminal.
//!
//! It only reads: the events as they are appended, and the key traces of misses. It draws the screen only after a change,
//! which suits slow connections, and works with 80 by 24 characters and without colours.
//!
//! Without the feature `monitor` the command says only that it is missing.

#[cfg(feature = "monitor")]
mod model;
#[cfg(feature = "monitor")]
mod screen;
#[cfg(feature = "monitor")]
mod watch;

use super::output::{Answer, CliError};
use std::io::{self, IsTerminal};
use std::time::Duration;

#[derive(Debug, clap::Args)]
#[command(after_help = "Keys:
  1 2 3, Tab       units of a build, root causes, builds
  up down, j k     move the selection; also Home, End, PageUp, PageDown
  Enter            in the list of builds: show the selected build
  f                follow the newest build again
  q, Esc, Ctrl-C   quit

Examples:
  kache monitor
  kache monitor --interval 5s        over a slow connection
  NO_COLOR=1 kache monitor")]
pub struct Options {
    /// The interval between reads of new events: 1s, 5s, 1m
    #[arg(long, value_name = "DURATION", value_parser = interval, default_value = "1s")]
    interval: Duration,
}

/// A duration other than 0.
fn interval(text: &str) -> Result<Duration, String> {
    let interval = super::output::duration(text)?;
    if interval.is_zero() {
        return Err("give a second or more".to_string());
    }
    Ok(interval)
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        let advice = "`kache report` and `kache explain` print the same figures";
        return Err(CliError::usage(format!("monitor needs a terminal; {advice}")));
    }
    show(options)
}

#[cfg(not(feature = "monitor"))]
fn show(_: &Options) -> Result<Answer, CliError> {
    Err(CliError::usage("this kache was compiled without `monitor`: install it with its default features"))
}

#[cfg(feature = "monitor")]
fn show(options: &Options) -> Result<Answer, CliError> {
    use super::output::{cache_dir, failed, settings};

    let settings = settings()?;
    let cache = cache_dir(&settings)?;
    let mut model = model::Model::new(&cache, settings.max_bytes(&cache));
    model.look().map_err(failed(cache.display()))?;
    kache_core::platform::note_ends();
    let ended = watch::on_terminal(|terminal| watch::watch(terminal, &mut model, options.interval));
    Ok(Answer { text: String::new(), status: ended.map_err(failed("the terminal is lost"))? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_takes_turns_with_waiting() {
        assert_eq!(interval("5s"), Ok(Duration::from_secs(5)));
        assert!(interval("0s").unwrap_err().contains("a second or more"));
    }
}
