//! The tables as they are printed, and the policies as pure functions.

use crate::policies;
use kache_core::policy::{Act, Actor, Event, Place, Started, Treatment, TrustPolicy};
use std::fmt::Write;

fn row(policy: &TrustPolicy, act: Act) -> String {
    let cells = policy.table.in_words(act).into_iter().map(|(who, what)| format!("\n  {who}: {what}"));
    format!("{}{}\n", act.words(), cells.collect::<String>())
}

#[test]
fn the_table_for_rustc() {
    insta::assert_snapshot!(Act::ALL.iter().map(|act| row(&policies::RUSTC, *act)).collect::<String>());
}

/// Each other front end by the rows in which it differs.
#[test]
fn the_table_for_c_compilers_where_it_differs() {
    let differs = |act: &&Act| row(&policies::RUSTC, **act) != row(&policies::C, **act);
    insta::assert_snapshot!(
        Act::ALL.iter().filter(differs).map(|act| row(&policies::C, *act)).collect::<String>()
    );
}

#[test]
fn the_tables_for_links_where_they_differ() {
    let differing = |policy: &TrustPolicy| -> String {
        let differs = |act: &&Act| row(policy, **act) != row(&policies::C, **act);
        Act::ALL.iter().filter(differs).map(|act| row(policy, *act)).collect()
    };
    let both = [differing(&policies::COMPILE_AND_LINK), differing(&policies::LINK)];
    insta::assert_snapshot!(both.join("\n"));
}

#[test]
fn the_table_for_nvcc_where_it_differs() {
    let differs = |act: &&Act| row(&policies::NVCC, **act) != row(&policies::C, **act);
    insta::assert_snapshot!(
        Act::ALL.iter().filter(differs).map(|act| row(&policies::NVCC, *act)).collect::<String>()
    );
}

/// What each treatment of a path becomes, by place, by the path itself, and by actor.
#[test]
fn excuses() {
    let acts = [
        Act::OpensFile,
        Act::OpensDirectory,
        Act::FindsNothing,
        Act::ProbesLink,
        Act::LearnsMetadata,
        Act::ListsDirectory,
        Act::WalksTree,
        Act::RunsByPath,
        Act::LoadsLibrary,
        Act::Writes,
        Act::Removes,
    ];
    let places = [
        (Place::Elsewhere, "/w/a"),
        (Place::Made, "/w/a"),
        (Place::Output, "/w/a"),
        (Place::OutputDirectory, "/w"),
        (Place::Toolchain, "/tc/a"),
        (Place::State, "/w/state/a"),
        (Place::Temporary, "/tmp"),
        (Place::Inlined, "/w/a.rsp"),
        (Place::Elsewhere, "/dev/null"),
        (Place::Elsewhere, "/dev/stdin"),
        (Place::Elsewhere, "/proc/self/status"),
        (Place::Elsewhere, "/proc/self/environ"),
        (Place::Elsewhere, "/proc/cpuinfo"),
        (Place::Elsewhere, "/usr/lib/x86_64-linux-gnu/gconv/UTF-16.so"),
    ];
    let mut out = String::new();
    for act in acts {
        for (place, path) in places {
            let event = Event { act, name: path.as_bytes(), place };
            let cell = |actor| {
                let found: Vec<String> = policies::C.treat(actor, &event).map(|t| t.to_string()).collect();
                if found.is_empty() { "-".to_string() } else { found.join("; ") }
            };
            let cells = Actor::ALL.map(cell).join(" | ");
            writeln!(out, "{}, {place:?} {path}: {cells}", act.words()).unwrap();
        }
    }
    insta::assert_snapshot!(out);
}

#[test]
fn whose_code_a_program_is() {
    let started = Started {
        is_first: false,
        is_named: false,
        is_tool: false,
        is_covered: false,
        by_foreign: false,
        is_path_only: false,
        has_plugins: false,
    };
    let tool = Started { is_tool: true, ..started };
    let first = Started { is_first: true, ..started };
    for (policy, started, actor) in [
        (&policies::C, started, Actor::Script),
        (&policies::C, Started { is_path_only: true, ..started }, Actor::PathOnly),
        (&policies::C, Started { is_covered: true, ..started }, Actor::Script),
        (&policies::RUSTC, Started { is_covered: true, ..started }, Actor::Tool),
        (&policies::C, tool, Actor::Tool),
        (&policies::C, Started { is_path_only: true, ..tool }, Actor::Tool),
        (&policies::C, Started { has_plugins: true, ..tool }, Actor::Script),
        (&policies::C, Started { by_foreign: true, ..tool }, Actor::Process),
        (&policies::C, first, Actor::Script),
        (&policies::C, Started { is_named: true, ..first }, Actor::Compiler),
        (&policies::C, Started { is_first: true, ..tool }, Actor::Compiler),
        (&policies::C, Started { is_named: true, has_plugins: true, ..first }, Actor::Script),
        (&policies::RUSTC, first, Actor::Compiler),
        (&policies::RUSTC, Started { by_foreign: true, ..first }, Actor::Process),
    ] {
        assert_eq!(policy.actor(&started), actor, "{started:?}");
    }
}

#[test]
fn calls_are_told_apart_by_function() {
    for (function, act) in [
        ("sysconf/memory", Act::AsksState),
        ("gettext", Act::AsksState),
        ("setrlimit", Act::AsksState),
        ("dladdr", Act::AsksPlace),
        ("clock_gettime/timer", Act::ReadsTimer),
        ("getrandom", Act::DrawsRandom),
        ("getaddrinfo", Act::LooksUpHost),
        ("time", Act::ReadsClock),
        ("unheard_of", Act::ReadsClock),
    ] {
        assert_eq!(policies::RUSTC.call(function.as_bytes()), act, "{function}");
    }
}

#[test]
fn a_variable_is_excused_by_who_reads_it() {
    let excused = |actor, name: &str| {
        let event = Event::named(Act::ReadsVariable, name.as_bytes());
        policies::RUSTC.treat(actor, &event).next().is_none()
    };
    let by = |name: &str| Actor::ALL.map(|actor| excused(actor, name));
    assert_eq!(by("SOME"), [false; 6]);
    assert_eq!(by("LD_PRELOAD"), [true; 6], "in the action key");
    let trusted = [true, true, false, false, false, false];
    for name in ["KACHE_LOG", "LANG", "HOME", "RUST_BACKTRACE", "MAKEFLAGS"] {
        assert_eq!(by(name), trusted, "{name}");
    }
    for name in ["KACHE_GREETING", "LC_MINE", "SSH_AUTH_SOCK", "RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH"] {
        assert_eq!(by(name), [false; 6], "{name}");
    }
}

#[test]
fn the_whole_environment_is_all_but_the_session_and_ourselves() {
    let left_out = |name: &str| {
        [false, true].map(|every| policies::RUSTC.ignored_in_whole(name.as_bytes(), every).is_some())
    };
    for name in ["LD_PRELOAD", "KACHE_LOG", "CARGO_MAKEFLAGS"] {
        assert_eq!(left_out(name), [true, true], "{name}");
    }
    // A shell that a macro starts prints `TERM` without a read by that name.
    for name in ["RUSTC_WRAPPER", "NUM_JOBS", "SSH_TTY", "TERM", "SHLVL"] {
        assert_eq!(left_out(name), [true, false], "{name}");
    }
    for name in ["KACHE_GREETING", "LC_ALL", "PATH", "TZ", "SSH_MINE", "TMUX_MINE", "RUSTUP_TOOLCHAIN"] {
        assert_eq!(left_out(name), [false, false], "{name}");
    }
}

#[test]
fn a_list_of_directories_counts_by_roots_where_a_linker_searches_it() {
    let by = |actor| {
        let event = Event::named(Act::ReadsVariable, b"LD_LIBRARY_PATH");
        policies::RUSTC.treat(actor, &event).collect::<Vec<_>>()
    };
    assert_eq!(by(Actor::Tool), [Treatment::EnvPath]);
    assert_eq!(by(Actor::Process), [Treatment::Env]);
}
