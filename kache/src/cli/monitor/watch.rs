//! The loop of `kache monitor`: draws, and reacts to keys and signals.

use super::model::{Model, View};
use super::screen;
use crate::cli::page;
use kache_core::platform;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::io;
use std::time::{Duration, Instant};

/// The time to wait for a key, and so the delay before the reaction to a signal.
const PATIENCE: Duration = Duration::from_millis(100);

/// Runs `f` with the whole terminal, and restores the terminal afterwards. After a panic, the hook of `try_init` restores it
/// before the message appears.
pub fn on_terminal<T>(f: impl FnOnce(&mut DefaultTerminal) -> io::Result<T>) -> io::Result<T> {
    let mut terminal = ratatui::try_init()?;
    let done = f(&mut terminal);
    ratatui::restore();
    done
}

/// Draws, and reacts to keys and signals. Returns the exit status.
pub fn watch(terminal: &mut DefaultTerminal, model: &mut Model, interval: Duration) -> io::Result<u8> {
    let colour = page::colour();
    let mut looked = Instant::now();
    let mut fresh = true;
    loop {
        if let Some(signal) = platform::noted_end() {
            return Ok(128 + signal as u8);
        }
        if looked.elapsed() >= interval {
            looked = Instant::now();
            // After an error the next read may succeed.
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
    fn a_panic_leaves_the_terminal_as_it_was() {
        let me = std::env::current_exe().unwrap();
        let inner = "cli::monitor::watch::tests::it_panics";
        let script = format!("stty -g; '{}' --exact {inner} --ignored --nocapture; stty -g", me.display());
        let Some(seen) = typed(&script) else { return };
        let (first, last) = (seen.lines().next().unwrap(), seen.lines().last().unwrap());
        assert_eq!(first, last, "modes differ: {seen}");
        let (entered, left) = (seen.find("\x1b[?1049h"), seen.rfind("\x1b[?1049l"));
        assert!(entered.is_some() && left > entered, "{seen:?}");
        assert!(seen.rfind("as was wanted") > left, "the message of the panic was hidden: {seen:?}");
    }

    #[test]
    #[ignore = "run by the test above, on a terminal"]
    fn it_panics() {
        let _ = on_terminal(|_| -> io::Result<()> { panic!("as was wanted") });
    }
}
