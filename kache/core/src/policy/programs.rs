//! What is known of a program by its name or its path.

use super::excuse::plain_name;
use super::{ClockAtStart, FileTimesOf, RunsScripts, SizedBy, TrustPolicy, names};
use std::path::Path;

impl TrustPolicy {
    /// Whether a program has the name of a tool.
    pub fn is_tool(&self, file_name: &str) -> bool {
        self.marks_of_tool(file_name).is_some()
    }

    /// Whether a tool asks for the date and the time for nothing.
    pub fn is_timeless(&self, file_name: &str) -> bool {
        names(self.timeless, file_name.as_bytes())
    }

    /// Whether a program is a shell that looks at nothing but what its command names.
    pub fn is_shell(&self, file_name: &str) -> bool {
        names(self.shells, file_name.as_bytes())
    }

    /// The alternatives of marks in the contents of a tool of this name.
    pub fn marks_of_tool(&self, file_name: &str) -> Option<&'static [&'static [&'static str]]> {
        let tools = self.tools.iter().map(|row| row.what);
        let name = plain_name(tools, file_name);
        self.tool_marks.iter().find(|marks| marks.names.contains(&name)).map(|marks| marks.any)
    }

    /// The marks of tools of any name, for a program that is called otherwise.
    pub fn compiler_marks(&self) -> impl Iterator<Item = &'static [&'static [&'static str]]> {
        self.tool_marks.iter().map(|marks| marks.any)
    }

    /// Whether a program's question for the free memory goes into nothing.
    pub fn is_sized_by_memory(&self, program: &Path) -> bool {
        names(self.sized_by_memory, program.as_os_str().as_encoded_bytes())
    }

    /// Whether a program that lists its open descriptors does so only to close them.
    pub fn only_closes_descriptors(&self, program: &Path) -> bool {
        names(self.closes_descriptors, program.as_os_str().as_encoded_bytes())
    }

    /// What a program of this name does with the times of files.
    pub fn file_times(&self, file_name: &str) -> Option<&'static FileTimesOf> {
        row_of(self.file_times, |row| row.what, file_name)
    }

    /// The row of a tool that sizes what it works with by facts about the host.
    pub fn sized_by(&self, file_name: &str) -> Option<&'static SizedBy> {
        row_of(self.sized_by, |row| row.what, file_name)
    }

    /// The row of a program that runs scripts.
    pub fn runs_scripts(&self, file_name: &str) -> Option<&'static RunsScripts> {
        row_of(self.runs_scripts, |row| row.what, file_name)
    }

    /// The row of a program that reads the clock as it starts.
    pub fn clock_at_start(&self, file_name: &str) -> Option<&'static ClockAtStart> {
        row_of(self.clock_at_start, |row| row.what, file_name)
    }
}

/// The row of a program with this file name.
fn row_of<T>(
    rows: &'static [T],
    what: impl Fn(&T) -> &'static str + Copy,
    file_name: &str,
) -> Option<&'static T> {
    let name = plain_name(rows.iter().map(what), file_name);
    rows.iter().find(|row| what(row) == name)
}
