//! Programs that run scripts: what a script may ask of the program that no event tells.
//!
//! perl and cmake ask for the status of files for purposes of their own: to find a module, to know whether something is
//! a directory. They hand the times on where a script asks for them. The script has a word for that, and is read before it
//! runs. So as long as no file that the program has read has such a word, the times of files do not count. Where the
//! program reads its script is known by its arguments; a script on standard input has any word.
//! A script whose words are all in passages that are known to compare times has its program count as one that compares.

use super::{Cause, Collector};
use crate::platform;
use crate::policy::{Act, Actor, Passage, RunsScripts, passages};
use crate::template;
use std::path::Path;

impl Collector<'_> {
    /// Notes whether a file that a program reads is a script that asks for times.
    pub(super) fn note_words(&mut self, by: Cause, path: &[u8]) {
        if by.actor != Actor::Process {
            return;
        }
        let Some(row) = self.policy.runs_scripts(self.processes.name(by.pid)) else { return };
        let file = Path::new(platform::os_str(path));
        let is_data = row.data.iter().any(|end| path.ends_with(end.as_bytes()));
        let has_part = |part: &&str| template::contains(path, part.as_bytes());
        let is_own = row.own.iter().any(has_part) && self.world.only_root_replaces(file);
        if is_data || is_own {
            return;
        }
        let is_made_by_itself = self.made.has(path) && row.made.iter().any(has_part);
        let was = self.file_as_it_was(path);
        // One that is gone may have had any word.
        let has = |words: &[&str], beside: &[Passage]| {
            self.world.has_word(&was, words, beside).unwrap_or(!is_made_by_itself)
        };
        let compares = has(row.start, &[]);
        if compares && has(row.start, row.passages) {
            return self.named(by, Act::RunsTimedScript, path);
        }
        let asks = has(row.times, row.passages);
        let holds = |marks: &[&[&str]]| self.world.holds(&was, marks);
        let replaces = row.unused_clock.iter().any(|clock| holds(clock.replaced));
        let in_vain = row.unused_clock.iter().filter(|clock| holds(&[&[clock.line]])).count() as u16;
        if let Some(process) = self.processes.get_mut(by.pid) {
            process.asks_for_times |= asks;
            process.compares_times |= compares;
            process.replaces_clock |= replaces;
            process.unused_clock += if process.replaces_clock { in_vain } else { 0 };
        }
    }

    /// A program that runs scripts loads an object: where others than root could have put it there, it may do anything.
    pub(super) fn note_code(&mut self, by: Cause, object: &Path) {
        let runs_scripts = self.policy.runs_scripts(self.processes.name(by.pid)).is_some();
        if by.actor == Actor::Process && runs_scripts && !self.world.only_root_replaces(object) {
            self.named(by, Act::RunsTimedScript, object.as_os_str().as_encoded_bytes());
        }
    }

    /// Whether a call of the clock is one that a script of the process is known to make in vain.
    pub(super) fn asks_in_vain(&mut self, pid: u32) -> bool {
        let Some(process) = self.processes.get_mut(pid).filter(|process| process.unused_clock > 0) else {
            return false;
        };
        process.unused_clock -= 1;
        true
    }

    /// Whether no script that a process has run so far can tell the times of files.
    pub(super) fn runs_plain_scripts(&self, pid: u32, row: &RunsScripts) -> bool {
        let Some(process) = self.processes.get(pid).filter(|process| !process.asks_for_times) else {
            return false;
        };
        let Some(arguments) = process.arguments() else { return false };
        let words: Vec<&str> = row.start.iter().chain(row.times).copied().collect();
        let asks = passages::has_word(&arguments.join(&b' '), &words, row.passages);
        let mut rest = arguments.iter().skip(1);
        !asks && (row.takes_no_input || rest.any(|argument| names_script(argument)))
    }
}

/// Whether an argument names a script, or is followed by its text.
fn names_script(argument: &[u8]) -> bool {
    !argument.starts_with(b"-") || matches!(argument, b"-e" | b"-E" | b"-c" | b"-m")
}
