//! How each function is called (`calls.txt`), and the cases that follow from it.

use super::super::case::{Case, Expect};
use super::super::project::TestProject;
use super::change::{CHANGES, Change};
use super::library;
use kache_core::observe::c_library::{self, Class};
use std::sync::LazyLock;

const TEXT: &str = include_str!("calls.txt");

/// The path that the calls are about.
pub const SUBJECT: &str = "s/it";

/// Functions with the same call, or without a case.
pub struct Line {
    pub how: How,
    pub functions: Vec<&'static str>,
}

pub enum How {
    Call {
        change: &'static Change,
        /// Whether no program makes the call.
        macro_only: bool,
        /// Whether the result must be stored.
        stored: bool,
        code: &'static str,
    },
    /// No case, for a reason. A case of the suite may take its place.
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests check reasons"))]
    Without { trap: Option<&'static str>, reason: &'static str },
}

pub static LINES: LazyLock<Vec<Line>> = LazyLock::new(|| parse(TEXT).expect("the tests parse the calls"));

fn parse(text: &'static str) -> Result<Vec<Line>, String> {
    let mut lines: Vec<Line> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with(' ') {
            let last = lines.last_mut().ok_or("functions before the first line")?;
            last.functions.extend(line.split_ascii_whitespace());
            continue;
        }
        let (head, rest) = line.split_once(" | ").ok_or_else(|| format!("no bar: {line}"))?;
        let how = match head.split_once(' ').unwrap_or((head, "")) {
            ("none", "") => How::Without { trap: None, reason: rest },
            ("trap", name) => How::Without { trap: Some(name), reason: rest },
            (name, word @ ("" | "macro" | "unstored")) => {
                let change = CHANGES.iter().find(|change| change.name == name);
                let change = change.ok_or_else(|| format!("no change: {line}"))?;
                How::Call { change, macro_only: word == "macro", stored: word != "unstored", code: rest }
            }
            _ => return Err(format!("neither a change nor a reason: {line}")),
        };
        lines.push(Line { how, functions: Vec::new() });
    }
    Ok(lines)
}

/// What a call is known by within the macro and the program.
pub fn key(function: &str, change: &Change) -> String {
    format!("{function}-{}", change.name)
}

/// Who makes the calls.
const CALLERS: [&str; 2] = ["macro", "program"];

/// The functions that kache's table says are observed, or ask for a fact of the host.
fn functions() -> impl Iterator<Item = &'static str> {
    let asks = |class| matches!(class, Class::Observed | Class::HostFact);
    let groups = c_library::groups().iter().filter(move |group| asks(group.class));
    groups.flat_map(c_library::Group::symbols)
}

/// The cases, and one for each change that no call asks about, which must not matter.
pub static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let mut cases = Vec::new();
    for function in functions().filter(|function| library::is_exported(function)) {
        for line in LINES.iter().filter(|line| line.functions.contains(&function)) {
            let How::Call { change, macro_only, stored, .. } = line.how else { continue };
            for caller in CALLERS.iter().filter(|caller| !macro_only || **caller == "macro") {
                cases.push(case(caller, function, change, stored));
            }
        }
    }
    cases.extend(CHANGES.iter().filter(|change| change.name != "directory").map(control));
    cases
});

fn case(caller: &str, function: &str, change: &'static Change, stored: bool) -> Case {
    Case {
        name: format!("{caller}-{}", key(function, change)).leak(),
        about: format!("a {caller} calls `{function}`, and changed is: {}", change.about).leak(),
        source: format!("https://man7.org/linux/man-pages/man3/{function}.3.html").leak(),
        expect: if stored { Expect::Follows } else { Expect::Uncacheable },
        set_up,
        change: make_change,
    }
}

fn control(change: &'static Change) -> Case {
    Case {
        name: format!("control-nothing-{}", change.name).leak(),
        about: format!("a macro calls nothing, and changed is: {}", change.about).leak(),
        source: "https://man7.org/linux/man-pages/man3/",
        expect: Expect::Hits,
        set_up,
        change: make_change,
    }
}

/// The caller, the function and the change of a case.
fn parts(s: &TestProject) -> (&'static str, &'static str, &'static Change) {
    let mut parts = s.case.splitn(2, '-');
    let (caller, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (function, change) = rest.rsplit_once('-').unwrap_or_default();
    let change = CHANGES.iter().find(|one| one.name == change).expect("made from one");
    (caller, function, change)
}

fn set_up(s: &mut TestProject) -> &mut TestProject {
    let (caller, function, change) = parts(s);
    let is_local = change.name == "place";
    let how = if is_local && caller == "program" { "local" } else { caller };
    let key = key(function, change);
    let object =
        if is_local { "libm.so".into() } else { format!("{}/libm.so", super::shared_dir(s).display()) };
    s.write("l.rs", &format!("pub static SAID: &str = m::m!(\"{how}\" \"{key}\" \"{SUBJECT}\");\n"));
    s.directory("s").rust_lib(&format!("--extern m={object}")).says("out/libl.rlib");
    (change.set_up)(s, SUBJECT)
}

fn make_change(s: &mut TestProject) -> &mut TestProject {
    (parts(s).2.change)(s, SUBJECT)
}

#[cfg(test)]
mod tests {
    use super::super::super::themes::THEMES;
    use super::*;
    use std::collections::BTreeSet;

    /// A new row of the table needs a line in `calls.txt`, and a row that is gone none.
    #[test]
    fn each_row_of_the_table_has_a_call_or_a_reason() {
        let rows: BTreeSet<_> = functions().collect();
        let called: BTreeSet<_> = LINES.iter().flat_map(|line| line.functions.iter().copied()).collect();
        let without: Vec<_> = rows.difference(&called).collect();
        assert!(
            without.is_empty(),
            "say in calls.txt how each is called, or why there is no case: {without:?}"
        );
        let gone: Vec<_> = called.difference(&rows).collect();
        assert!(gone.is_empty(), "no row of the C library's table: {gone:?}");
    }

    #[test]
    fn each_reason_is_one_and_each_case_has_its_name() {
        let traps: BTreeSet<_> = THEMES.iter().flat_map(|theme| theme.cases).map(|case| case.name).collect();
        for line in LINES.iter() {
            let How::Without { trap, reason } = line.how else { continue };
            assert!(reason.split(' ').count() > 3 && !line.functions.is_empty(), "{reason}");
            assert!(trap.is_none_or(|name| traps.contains(name)), "no such trap: {trap:?}");
        }
        let names: BTreeSet<_> = CASES.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), CASES.len());
        let used = |change: &Change| names.iter().any(|name| name.ends_with(&format!("-{}", change.name)));
        assert!(CHANGES.iter().all(used));
    }

    #[test]
    fn lines_that_say_nothing_known_are_refused() {
        for (text, why) in [
            ("    open", "before the first"),
            ("file", "no bar"),
            ("luck | $(P);", "no change"),
            ("file twice | $(P);", "neither"),
        ] {
            assert!(parse(text).is_err_and(|error| error.contains(why)), "{text}");
        }
    }
}
