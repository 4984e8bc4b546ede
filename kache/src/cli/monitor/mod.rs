//! `kache monitor`: builds as they go, and those that were, on a terminal.
//!
//! It only reads: the events as they are appended, and the traces of what missed. The screen is drawn again only where something
//! changed, so a slow line has little to carry; it works at 80 by 24, and where there are no colours.

mod model;
mod screen;

use super::output::{Answer, CliError, cache_dir, settings};
use super::page;
use kache_core::platform;
use model::{Model, View};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

/// How long a key is waited for: a request to end is heeded as fast.
const PATIENCE: Duration = Duration::from_millis(100);

#[derive(Debug, clap::Args)]
#[command(after_help = "Keys:
  1 2 3, Tab       units of a build, root causes, builds
  up down, j k     another line; Home, End, PageUp, PageDown
  Enter            in the list of builds: look at that one
  f                follow the newest build again
  q, Esc, Ctrl-C   leave

Examples:
  kache monitor
  kache monitor --interval 5s        over a slow line
  NO_COLOR=1 kache monitor")]
pub struct Options {
    /// How often to look for news: 1s, 5s, 1m
    #[arg(long, value_name = "DURATION", value_parser = interval, default_value = "1s")]
    interval: Duration,
}

/// A duration in which something can happen: with none the monitor would do nothing but look.
fn interval(text: &str) -> Result<Duration, String> {
    let interval = super::time::parse(text)?;
    if interval.is_zero() {
        return Err("give a second or more".to_string());
    }
    Ok(interval)
}

/// Watches until it is told to leave.
pub fn run(options: &Options) -> Result<Answer, CliError> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(CliError::usage(
            "monitor draws on a terminal, and here is none; `kache report` and `kache explain` print the same",
        ));
    }
    let settings = settings()?;
    let cache = cache_dir(&settings)?;
    let unreadable = |e: io::Error| CliError::failed(format!("{}: {e}", cache.display()));
    let mut model = Model::new(&cache, settings.max_bytes(&cache));
    model.look().map_err(unreadable)?;
    platform::note_ends();
    let ended = on_terminal(|terminal| watch(terminal, &mut model, options.interval));
    let mut answer = Answer::text(String::new());
    answer.status = ended.map_err(|e| CliError::failed(format!("the terminal is lost: {e}")))?;
    Ok(answer)
}

/// Has the whole terminal while `f` runs, and leaves it as it was. After a panic, too: `try_init` puts it back before that is
/// told.
fn on_terminal<T>(f: impl FnOnce(&mut DefaultTerminal) -> io::Result<T>) -> io::Result<T> {
    let mut terminal = ratatui::try_init()?;
    let done = f(&mut terminal);
    ratatui::restore();
    done
}

/// Draws, and heeds keys and signals; says the exit status.
fn watch(terminal: &mut DefaultTerminal, model: &mut Model, interval: Duration) -> io::Result<u8> {
    let colour = page::colour();
    let mut looked = Instant::now();
    let mut fresh = true;
    loop {
        if let Some(signal) = platform::noted_end() {
            return Ok(128 + signal as u8);
        }
        if looked.elapsed() >= interval {
            looked = Instant::now();
            // What cannot be read now may be later.
            fresh |= model.look().unwrap_or(false) | model.ages();
        }
        if fresh {
            terminal.draw(|frame| screen::draw(frame, model, colour))?;
            fresh = false;
        }
        if event::poll(PATIENCE)? {
            match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release && leaves(&key) => return Ok(0),
                Event::Key(key) if key.kind != KeyEventKind::Release => press(model, key.code),
                _ => {}
            }
            fresh = true;
        }
    }
}

fn leaves(key: &KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) || control && key.code == KeyCode::Char('c')
}

fn press(model: &mut Model, key: KeyCode) {
    match key {
        KeyCode::Char('1') => model.show(View::Units),
        KeyCode::Char('2') => model.show(View::Causes),
        KeyCode::Char('3') => model.show(View::Builds),
        KeyCode::Tab => model.show(model.view.next()),
        KeyCode::Down | KeyCode::Char('j') => model.go(1),
        KeyCode::Up | KeyCode::Char('k') => model.go(-1),
        KeyCode::PageDown => model.go(10),
        KeyCode::PageUp => model.go(-10),
        KeyCode::Home => model.go(isize::MIN),
        KeyCode::End => model.go(isize::MAX),
        KeyCode::Enter => model.choose(),
        KeyCode::Char('f') => model.follow(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    /// Runs a script on a terminal of its own; nothing where this machine cannot make one.
    fn typed(script: &str) -> Option<String> {
        let mut command = Command::new("script");
        command.args(["-qec", script, "/dev/null"]).env("TERM", "xterm").stdin(Stdio::null());
        match command.output() {
            Ok(output) => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
            Err(e) => {
                eprintln!("skipped: a terminal is made by `script` (util-linux), which cannot be run: {e}");
                None
            }
        }
    }

    #[test]
    fn looking_takes_turns_with_waiting() {
        assert_eq!(interval("5s"), Ok(Duration::from_secs(5)));
        assert!(interval("0s").unwrap_err().contains("a second or more"));
    }

    #[test]
    fn a_panic_leaves_the_terminal_as_it_was() {
        let me = std::env::current_exe().unwrap();
        let inner = "cli::monitor::tests::it_panics";
        let script = format!("stty -g; '{}' --exact {inner} --ignored --nocapture; stty -g", me.display());
        let Some(seen) = typed(&script) else { return };
        let (first, last) = (seen.lines().next().unwrap(), seen.lines().last().unwrap());
        assert_eq!(first, last, "modes differ: {seen}");
        let (entered, left) = (seen.find("\x1b[?1049h"), seen.rfind("\x1b[?1049l"));
        assert!(entered.is_some() && left > entered, "{seen:?}");
        assert!(seen.rfind("as was wanted") > left, "the panic is told where it is seen: {seen:?}");
    }

    #[test]
    #[ignore = "run by the test above, on a terminal"]
    fn it_panics() {
        let _ = on_terminal(|_| -> io::Result<()> { panic!("as was wanted") });
    }
}
