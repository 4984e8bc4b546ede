use super::*;
use std::cell::Cell;

/// Processes from the outermost to the parent, as `program`, or `program:group` where the process leads no group. The ids are
/// the positions, from 10. Only the first process leads a session.
fn chain(text: &str) -> Vec<Process> {
    let mut all: Vec<Process> = Vec::new();
    for (n, word) in text.split_whitespace().enumerate() {
        let id = 10 + n as u32;
        let (program, group) = match word.split_once(':') {
            Some((program, group)) => (program, group.parse().unwrap()),
            None => (word, id),
        };
        all.push(Process {
            id,
            parent: id - 1,
            group,
            session: 10,
            start: u64::from(id),
            program: program.into(),
        });
    }
    all
}

/// The nearest and the outermost tool above a process with these ancestors.
fn tools(text: &str) -> Option<(String, String)> {
    let all = chain(text);
    let look = |id: u32| all.iter().find(|p| p.id == id).cloned();
    let parent = all.last().unwrap();
    match above(parent, parent.group, look, |_| None) {
        Above::Tools { nearest, outermost } => Some((
            format!("{} {}", nearest.program, nearest.id),
            format!("{} {}", outermost.program, outermost.id),
        )),
        _ => None,
    }
}

fn outermost(text: &str) -> String {
    tools(text).map_or("none".to_string(), |(_, outermost)| outermost)
}

#[test]
fn the_build_is_the_outermost_tool_that_a_person_started() {
    assert_eq!(outermost("bash cargo"), "cargo 11");
    // Ninja gives each command a process group, and a shell.
    assert_eq!(outermost("bash ninja sh"), "ninja 11");
    assert_eq!(outermost("bash cmake ninja:11 sh"), "cmake 11");
    assert_eq!(outermost("bash ninja cargo"), "ninja 11");
    // Automake and libtool.
    let automake = "bash make sh:11 make:11 sh:11 libtool:11";
    assert_eq!(tools(automake), Some(("make 13".into(), "make 11".into())));
    // A script is not a tool, and each of its commands is a build.
    assert_eq!(outermost("bash build.sh make:11"), "make 12");
    // A container whose first process is the tool.
    assert_eq!(outermost("make sh:10"), "make 10");
    assert_eq!(outermost("bash python3 sh:11"), "none");
}

#[test]
fn the_compiles_of_a_build_script_belong_to_its_cargo_and_those_of_a_test_do_not() {
    assert_eq!(outermost("bash cargo kache:11 build-script-build:11"), "cargo 11");
    assert_eq!(outermost("bash cargo build-script-main:11 make:11 sh:11"), "cargo 11");
    assert_eq!(outermost("bash cargo kache-0123:11"), "none");
    assert_eq!(outermost("bash cargo xtask:11 cargo:11"), "cargo 13");
    assert_eq!(outermost("bash make cargo:11 test-0123:11 sh:11"), "none");
}

#[test]
fn what_a_person_starts_in_a_shell_below_a_tool_is_a_build_of_its_own() {
    assert_eq!(outermost("bash make bash:11 make"), "make 13");
    assert_eq!(outermost("bash make bash:11 make:11"), "make 11", "a recipe's shell makes no groups");
    assert_eq!(outermost("bash ninja bash make:12"), "ninja 11", "a group of ninja's is not a person's");
    let all = chain("bash make bash:11");
    let look = |id: u32| all.iter().find(|p| p.id == id).cloned();
    let own = std::process::id();
    assert_eq!(
        above(&all[2], own, look, |_| None),
        Above::Nothing,
        "a person calls the compiler in the shell"
    );
}

#[test]
fn another_process_that_has_the_id_of_a_parent_by_now_is_not_the_parent() {
    let mut all = chain("bash make sh:11");
    all[1].start = 99;
    let look = |id: u32| all.iter().find(|p| p.id == id).cloned();
    assert_eq!(above(&all[2], 11, look, |_| None), Above::Nothing);
}

#[test]
fn an_earlier_search_below_the_nearest_tool_is_asked_once() {
    let all = chain("bash make sh:11 make:11 sh:11");
    let (looked, asked) = (Cell::new(0), Cell::new(0));
    let look = |id: u32| {
        looked.set(looked.get() + 1);
        all.iter().find(|p| p.id == id).cloned()
    };
    let origin = Origin { build: "11-11".into(), command: "make -j2".into(), directory: "/w".into() };
    let known = |tool: &Process| {
        asked.set(asked.get() + 1);
        (tool.id == 13).then(|| origin.clone())
    };
    assert_eq!(above(&all[4], 11, look, known), Above::Known(origin.clone()));
    assert_eq!((looked.get(), asked.get()), (1, 1));
    assert_eq!(Origin::decode(origin.encode().as_bytes()), Some(origin));
    assert_eq!(Origin::decode(b"11-11\nmake"), None, "torn");
}

#[test]
fn a_command_is_shown_without_its_interpreter_and_without_secrets() {
    let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
    assert_eq!(
        shown(&words("/usr/bin/python3 /usr/bin/meson compile -C out"), "meson"),
        "meson compile -C out"
    );
    assert_eq!(shown(&words("/r/bin/cargo build --release"), "cargo"), "cargo build --release");
    assert_eq!(shown(&words("make API_TOKEN=hush V=1 a\nb"), "make"), "make API_TOKEN=… V=1 a b");
    assert_eq!(shown(&words(&"x".repeat(500)), "make").chars().count(), SHOWN + 1);
    assert_eq!(shown(&[], "make"), "");
}
