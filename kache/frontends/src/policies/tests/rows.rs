//! Each row of the table of trust, done by each actor, on a trace of its own.

use super::stage::{Object, Stage, UNOPTIMISED};
use kache_core::observe::variables::Use;
use kache_core::policy::{Act, Actor};
use std::collections::BTreeMap;
use std::fmt::Write;

/// How a process comes to be in which an actor's code runs, and how its events begin.
fn prologue(actor: Actor) -> (&'static str, &'static str) {
    match actor {
        Actor::Compiler => ("", "10"),
        Actor::Tool => ("10 spawned posix_spawn /usr/bin/ld aux=11\n11 start /usr/bin/ld => /w aux=10", "11"),
        Actor::Script => (
            "10 spawned posix_spawn /w/in-place aux=12\n12 start /usr/bin/perl => /w aux=10\n12 named /w/in-place",
            "12",
        ),
        Actor::PathOnly => (
            "10 spawned posix_spawn /w/locating aux=13\n13 start /usr/bin/perl => /w aux=10\n13 named /w/locating",
            "13",
        ),
        Actor::Plugin => ("10 module id=5 /w/plain.so", "10"),
        Actor::Process => (
            "10 module id=5 /w/plain.so\n10 spawned posix_spawn id=5 /usr/bin/perl aux=14\n\
             14 start /usr/bin/perl => /w aux=10",
            "14",
        ),
    }
}

/// An event or several by which an act is done: `@` is the process, `%` the module.
fn events(act: Act) -> &'static str {
    match act {
        Act::OpensFile => "@ read % /w/src/a.rs",
        Act::OpensDirectory => "@ read % /w/linked/dir",
        Act::OpensDescriptor => "@ read % /dev/fd/7",
        Act::OpensTerminal => "@ read % err=ENXIO /dev/tty\n@ write % there aux=2 /dev/tty",
        Act::OpensState => "@ read % /w/state/old",
        Act::FindsNothing => "@ read % err=ENOENT /w/missing",
        Act::CannotOpen => "@ read % err=EACCES /w/secret",
        Act::ProbesFile => "@ stat % /w/src/a.rs",
        Act::ProbesOther => "@ stat % /w/linked/dir",
        Act::AsksPermission => "@ stat % may_execute err=EACCES /w/secret",
        Act::ProbesLink => "@ stat % no_follow /w/linked",
        Act::LearnsIdentity => "@ module id=6 /w/identity.so\n@ stat id=6 /w/src/a.rs",
        Act::LearnsNumbers => "@ module id=6 /w/numbers.so\n@ list id=6 /w/src",
        Act::LearnsSize => "@ module id=6 /w/size.so\n@ stat id=6 /w/src",
        Act::AsksReadTimes => {
            "@ exec % /usr/bin/test\n@ start % /usr/bin/test => /w\n@ argument test\n@ argument aux=1 -N\n@ stat /w/src/a.rs"
        }
        Act::LearnsTimeOfMade => "@ module id=6 /w/metadata.so\n@ write id=6 create /w/made",
        Act::LearnsMetadata => "@ module id=6 /w/metadata.so\n@ stat id=6 /w/src/a.rs",
        Act::LearnsPermissions => "@ module id=6 /w/permissions.so\n@ stat id=6 /w/src/a.rs",
        Act::LearnsOwnerOfMade => "@ module id=6 /w/permissions.so\n@ write id=6 create /w/made",
        Act::ComparesTimes => "@ exec % /usr/bin/make\n@ start % /usr/bin/make => /w\n@ stat /w/src/a.rs",
        Act::AsksStatus => "@ stat % /w/src/a.rs",
        Act::TellsStatus => "@ stat % by_descriptor /w/src/a.rs",
        Act::ListsDirectory => "@ list % /w/src",
        Act::ListsSearched => "@ list % /w/crates",
        Act::WalksTree => "@ list % pattern /w/src/*.rs",
        Act::ReadsLink => "@ readlink % /w/linked => src",
        Act::ReadsNoLink => "@ readlink % err=EINVAL /w/src",
        Act::ReadsLinkOfItself => "@ readlink % /proc/self/exe => /x",
        Act::ResolvesPath => "@ realpath % /w/src/a.rs => /w/src/a.rs",
        Act::ResolvesRelative => "@ realpath % relative /w/src => /w/src",
        Act::GoesThrough => "@ stat % aux=16384 /w/linked",
        Act::FollowsLinks => "@ realpath % /w/linked/a.rs => /w/src/a.rs",
        Act::CannotResolve => "@ realpath % err=EACCES /w/secret",
        Act::AsksDirectory => "@ cwd %",
        Act::MayHaveReadAll => "",
        Act::ReadsVariable => "@ getenv % SOME => value",
        Act::ReadsPathVariable => "@ module id=7 /w/liblocating_macro-1.so\n@ getenv id=7 OUT => /w/out",
        Act::ReadsTerminalVariable => "",
        Act::ReadsInnerVariable => "@ getenv % SOME => other",
        // The hash is that of `0 `, which is what the host that is made up answers.
        Act::AsksFact => "@ hostfact % uid aux=575343681586661117",
        Act::AsksFileSystem => "@ hostfact % fstatfs => /w/src aux=575343681586661117",
        Act::AsksTerminalSize => "@ hostfact % winsize/0 aux=575343681586661117",
        Act::AsksInnerFact => "@ hostfact % set umask aux=7\n@ hostfact % umask aux=7",
        Act::AsksState => "@ volatile % getloadavg",
        Act::ReadsSystemMap => "@ read % /proc/self/maps",
        Act::SizesHeap => {
            "@ exec % /usr/lib/gcc/cc1\n@ start % /usr/lib/gcc/cc1 => /w\n@ hostfact % sysconf/85 aux=575343681586661117"
        }
        Act::SizesBuffer => {
            "@ exec % /usr/bin/sort\n@ start % /usr/bin/sort => /w\n@ volatile % sysconf/memory"
        }
        Act::AsksPlace => "@ volatile % dladdr",
        Act::DrawsRandom => "@ volatile % getrandom",
        Act::ReadsClockAtStart => {
            "@ exec % /usr/bin/sh\n@ start % /usr/bin/sh => /w\n@ module /usr/bin/sh\n\
             @ volatile aux=64 err=1 gettimeofday"
        }
        Act::OpensTerminalAtStart => {
            "@ exec % /usr/bin/sh\n@ start % /usr/bin/sh => /w\n@ module /usr/bin/sh\n\
             @ read err=6 /dev/tty\n@ write err=6 /dev/tty"
        }
        Act::ReadsClock => "@ volatile % gettimeofday",
        Act::ReadsTimer => "@ volatile % clock_gettime/timer",
        Act::LooksUpHost => "@ volatile % getaddrinfo",
        Act::Connects => "@ connect % 10.0.0.1:80",
        Act::UsesGiven => "@ descriptor % aux=33 /w/src/a.rs",
        Act::AsksAboutGiven => "@ descriptor % asked_about aux=33 /w/src/a.rs",
        Act::CallsKernel => "@ rawsyscall % aux=425",
        Act::RunsByName => {
            "@ exec % search objdump => /usr/bin:/bin\n@ exec % search err=ENOENT objdump => /usr/bin:/bin"
        }
        Act::RunsLinkerByName => {
            "@ exec % search cc => /usr/bin:/bin\n@ exec % search err=ENOENT cc => /usr/bin:/bin"
        }
        Act::RunsBesidePath => "@ exec % search tool => /w/bin\n@ exec % search err=ENOENT tool => /w/bin",
        Act::RunsByPath => "@ exec % /w/src/a.rs\n@ exec % err=EACCES /w/src/a.rs",
        Act::RunsFirstInPath => "@ exec % /usr/bin/ld\n@ exec % err=EACCES /usr/bin/ld",
        Act::RunsLinkerByPath => "@ exec % /usr/bin/cc\n@ exec % err=EACCES /usr/bin/cc",
        Act::RunsNothing => "@ exec % /w/missing\n@ exec % err=ENOENT /w/missing",
        Act::CannotRun => "@ exec % err=EPERM /w/src/a.rs",
        Act::Begins | Act::BeginsAsLinker => "",
        Act::FindsLibrary | Act::LoadsLibrary => "@ module id=8 /w/plain2.so",
        Act::NamesLibrary => "@ dlopen % libx.so",
        Act::OpensLibrary => "@ dlopen % /w/src/a.rs",
        Act::OpensNoLibrary => "@ dlopen % /w/missing.so",
        Act::HoldsSyscall => "@ module id=9 /w/syscall.so",
        Act::ImportsUnaccounted => "@ module id=9 /w/mq.so",
        Act::HoldsEnvironment => "@ module id=9 /w/environ.so",
        Act::CopiesEnvironment => "@ module id=9 /w/copying.so",
        Act::HoldsPlace => "@ module id=9 /w/place.so",
        Act::HoldsReadTimes => "@ module id=9 /w/reading.so",
        Act::SharesLibrary => "@ module id=9 /w/shared.so",
        Act::Writes => "@ write % create /w/made\n@ read % /w/made",
        Act::FindsFree => "@ write % create /w/made",
        Act::FindsFull => "@ unlink % directory err=ENOTEMPTY /w/src",
        Act::CannotChange => "@ unlink % err=EPERM /w/src/a.rs",
        Act::OpensForChange => "@ write % append there aux=1 /w/src/a.rs",
        Act::Overwrites => "@ write % truncate there aux=1 /w/src/a.rs",
        Act::ChangesStatus => "@ change % /w/src/a.rs",
        Act::WritesDescriptor => "@ write % there aux=1 /dev/fd/7",
        Act::FindsTaken => "@ write % exclusive err=EEXIST /w/src/a.rs",
        Act::MakesDirectory => "@ mkdir % /w/made\n@ read % /w/made/x",
        Act::LinksTo => "@ link % symbolic src/a.rs => /w/made",
        Act::LinksToDirectory => "@ link % symbolic src => /w/made",
        Act::Removes => "@ unlink % /w/gone",
        Act::LeavesOutput => "@ write % /w/out/a.o",
        Act::LeavesOther => "@ write % /w/src/a.rs",
        Act::LeavesRunning => "@ spawned % aux=15\n15 start forked /usr/bin/perl => /w aux=@\n15 cwd",
        Act::RunsTimedScript => "@ read % /w/timed.pl",
        Act::OverwritesInput => "@ read % /w/out/a.o\n@ write % /w/out/a.o",
    }
}

fn stage(policy: fn() -> Stage) -> Stage {
    let holds = |name: &'static str| Object {
        functions: Some(vec![name, UNOPTIMISED]),
        calls_kernel: Some(false),
        ..Object::default()
    };
    let plain = ["/w/plain.so", "/w/plain2.so", "/w/liblocating_macro-1.so"];
    plain
        .iter()
        .fold(policy(), |stage, path| stage.plain_object(path))
        .plain_object("/usr/bin/test")
        .file("/w/src/a.rs")
        .script_text("/w/timed.pl", "print $^T;")
        .file("/w/src/dir/b.rs")
        .file("/w/out/a.o")
        .file("/w/state/old")
        .file("/w/args.rsp")
        .link("/w/linked", "src")
        .running(15)
        .directory("/tc/lib")
        .device("/dev/fd/7")
        .variable("SOME", "value")
        .object("/w/permissions.so", holds("_ZN3std2fs8Metadata11permissions17h0E"))
        .variable("OUT", "/w/out")
        .object("/w/metadata.so", holds("_ZN3std2fs8Metadata8modified17h0E"))
        .object("/w/identity.so", holds("_ZN..fs..MetadataExt$GT$5nlink17h0E"))
        .object("/w/size.so", holds("_ZN3std2fs8Metadata3len17h0E"))
        .object("/w/numbers.so", holds("_ZN..std..os..unix..fs..DirEntryExt$GT$3ino17h0E"))
        .object("/w/place.so", holds("_ZN3std3env4args17h0E"))
        .object("/w/reading.so", holds("_ZN3std2fs8Metadata8accessed17h0E"))
        .object("/w/syscall.so", Object { calls_kernel: Some(true), ..holds("f") })
        .object("/w/mq.so", Object { imports: vec!["mq_open@libc.so.6"], ..holds("f") })
        .object("/w/environ.so", Object { variables: Use::Reads, ..holds("f") })
        .object("/w/copying.so", Object { variables: Use::Copies, ..holds("f") })
        .object("/w/shared.so", Object { imports: vec!["_RNvNtC3std2fs4read"], ..holds("f") })
}

/// What an act adds to what the prologue gives.
fn cell(stage: &Stage, act: Act, actor: Actor) -> Vec<String> {
    let program = if stage.policy.trusts_first { "/tc/bin/rustc" } else { "/tc/bin/gcc" };
    let (prologue, process) = prologue(actor);
    let module = if actor == Actor::Plugin { "id=5" } else { "" };
    let first = format!("10 start {program} => /w aux=1\n10 module {program}\n10 cwd\n");
    let begins = matches!(act, Act::Begins | Act::BeginsAsLinker);
    let prologue = match act {
        Act::BeginsAsLinker => {
            let program = |name: &str| {
                prologue
                    .replace(&format!("{name} =>"), "/usr/bin/cc =>")
                    .replace(&format!("{name} aux"), "/usr/bin/cc aux")
            };
            if prologue.contains("/usr/bin/ld") { program("/usr/bin/ld") } else { program("/usr/bin/perl") }
        }
        _ => prologue.to_string(),
    };
    let before = if begins { first.clone() } else { format!("{first}{prologue}\n") };
    let act = if begins { prologue } else { events(act).replace('@', process).replace('%', module) };
    let known = stage.lines(&before);
    stage.lines(&format!("{before}{act}")).into_iter().filter(|line| !known.contains(line)).collect()
}

fn table(policy: fn() -> Stage) -> String {
    let stage = stage(policy);
    let mut out = String::new();
    for act in Act::ALL {
        let mut cells: BTreeMap<Vec<String>, Vec<Actor>> = BTreeMap::new();
        for actor in Actor::ALL {
            cells.entry(cell(&stage, *act, actor)).or_default().push(actor);
        }
        writeln!(out, "{act:?}: {}", act.words()).unwrap();
        let mut rows: Vec<_> = cells.into_iter().map(|(cell, actors)| (actors, cell)).collect();
        rows.sort();
        for (actors, cell) in rows {
            let actors: Vec<&str> = actors.iter().map(|actor| actor.word()).collect();
            let who = if actors.len() == Actor::ALL.len() { "all".to_string() } else { actors.join(", ") };
            let cell = if cell.is_empty() { "-".to_string() } else { cell.join("; ") };
            writeln!(out, "  {who}: {cell}").unwrap();
        }
    }
    out
}

#[test]
fn each_row_by_each_actor_of_rustc() {
    insta::assert_snapshot!(table(Stage::rustc));
}

#[test]
fn each_row_by_each_actor_of_c_compilers() {
    insta::assert_snapshot!(table(Stage::c));
}
