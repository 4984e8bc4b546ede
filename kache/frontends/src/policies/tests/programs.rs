//! Who started whom, whose code it is, and what ran unseen.

use super::stage::{Object, Stage};
use kache_core::dependency::Dependency;
use kache_core::reason::Reason;

const RUSTC: &str = "10 start /tc/bin/rustc => /w aux=1\n10 module /tc/bin/rustc\n";
const GCC: &str = "10 start /tc/bin/gcc => /w aux=1\n10 module /tc/bin/gcc\n";

fn refusal(stage: &Stage, trace: &str) -> String {
    let refused = stage.collect(trace).refused;
    refused.map_or_else(|| "stored".to_string(), |r| format!("{}: {}", r.reason, r.detail))
}

/// What ran unseen, where nothing else came before.
fn unseen_program(stage: &Stage, trace: &str) -> Option<String> {
    let refused = stage.collect(trace).refused?;
    (refused.reason == Reason::UnobservedProgram).then_some(refused.detail)
}

/// Whether the process that asks for the time at the end of a trace is trusted.
fn is_trusted(stage: &Stage, trace: &str) -> bool {
    refusal(stage, trace) == "stored"
}

#[test]
fn a_program_that_never_began_was_not_observed() {
    let stage = Stage::rustc().plain_object("/w/static");
    let unseen = "unobserved-program: /w/static ran without the observer (a static program?)";
    let spawned = format!("{RUSTC}10 spawned posix_spawn /w/static aux=11\n");
    assert_eq!(refusal(&stage, &spawned), unseen);
    assert_eq!(refusal(&stage, &format!("{spawned}11 start /w/static => /w aux=10")), "stored");
    // A fork alone is no other program, an exec in it is.
    let forked = format!("{RUSTC}10 spawned aux=11\n11 start forked /tc/bin/rustc => /w aux=10\n");
    assert_eq!(refusal(&stage, &forked), "stored");
    assert_eq!(refusal(&stage, &format!("{forked}11 exec /w/static")), unseen);
    assert_eq!(
        refusal(&stage, &format!("{forked}11 exec /w/static\n11 start /w/static => /w aux=10")),
        "stored"
    );
}

/// What a program in between looked at is not known, though the one that it became is observed.
#[test]
fn a_start_answers_for_its_own_program_alone() {
    let stage = Stage::rustc().file("/w/wrap").file("/w/script").link("/w/alias", "wrap");
    let unseen = "unobserved-program: /w/wrap ran without the observer (a static program?)";
    let ran = |exec: &str, start: &str| format!("{RUSTC}10 exec {exec}\n10 start {start} => /w aux=1");
    assert_eq!(refusal(&stage, &ran("/w/wrap", "/usr/bin/sh")), unseen);
    assert_eq!(refusal(&stage, &ran("/w/wrap", "/w/wrap")), "stored");
    assert_eq!(refusal(&stage, &ran("/w/alias", "/w/wrap")), "stored", "by a link");
    let named = |exec: &str, name: &str| format!("{}\n10 named {name}", ran(exec, "/usr/bin/sh"));
    assert_eq!(refusal(&stage, &named("/w/script", "/w/script")), "stored", "by its interpreter");
    assert_eq!(refusal(&stage, &named("/w/./script", "./script")), "stored", "by a relative name");
    assert_eq!(refusal(&stage, &named("/w/wrap", "/usr/bin/sh")), unseen);
    assert_eq!(refusal(&stage, &named("/w/wrap", "rap")), unseen);
}

#[test]
fn a_name_is_answered_by_the_first_in_its_path_that_may_run() {
    let ran = |path: &str, start: &str| {
        format!("{RUSTC}10 exec search gcc => {path}\n10 start {start} => /w aux=1\n10 named {start}")
    };
    let is_unseen = |trace: &str| {
        let path = trace.lines().find_map(|line| line.strip_prefix("10 exec search gcc => ")).unwrap();
        let stage =
            Stage::rustc().file("/w/a/gcc").file("/w/b/gcc").text("/w/text/gcc").variable("PATH", path);
        unseen_program(&stage, trace).is_some_and(|detail| detail.starts_with("gcc ran without the observer"))
    };
    assert!(is_unseen(&ran("/w/a:/w/b", "/w/b/gcc")), "a static one that becomes the next");
    assert!(!is_unseen(&ran("/w/a:/w/b", "/w/a/gcc")));
    assert!(!is_unseen(&ran("/w/text:/w/b", "/w/b/gcc")), "one that may not be executed is passed over");
    assert!(!is_unseen(&ran("/w/gone:/w/gone2", "/w/gone2/gcc")), "the run made and removed it");
}

#[test]
fn the_first_program_is_the_one_that_was_called() {
    let other = "10 start /usr/bin/cc => /w aux=1\n10 named /usr/bin/cc";
    let unseen = "unobserved-program: /tc/bin/gcc ran without the observer (a static program?)";
    assert_eq!(refusal(&Stage::c(), other), unseen);
    assert_eq!(refusal(&Stage::c(), &other.replace("named /usr/bin/cc", "named /tc/bin/gcc")), "stored");
}

#[test]
fn what_nobody_asked_for_was_started_unseen() {
    let trace = format!("{RUSTC}11 start /usr/bin/sh => /w aux=10");
    let unseen = "what started /usr/bin/sh ran without the observer (a static program?)";
    assert_eq!(unseen_program(&Stage::rustc(), &trace).as_deref(), Some(unseen));
    let twice = format!(
        "{RUSTC}10 exec by_libc /bin/sh\n11 start /usr/bin/sh => /w aux=10\n11 named /bin/sh\n\
         12 start /usr/bin/sh => /w aux=10\n12 named /bin/sh"
    );
    assert_eq!(unseen_program(&Stage::rustc(), &twice).as_deref(), Some(unseen));
}

#[test]
fn a_number_that_another_process_has_again_does_not_answer() {
    let again = "10 spawned aux=11\n11 start forked /tc/bin/rustc => /w aux=10\n11 cwd\n11 exec /usr/bin/sh\n\
                 11 start /usr/bin/sh => /w aux=10";
    let unseen = format!(
        "{RUSTC}10 spawned aux=11\n11 start forked /tc/bin/rustc => /w aux=10\n11 exec /w/static\n{again}"
    );
    assert!(refusal(&Stage::rustc(), &unseen).contains("/w/static ran without"));
    let seen = unseen.replace("11 exec /w/static", "11 cwd");
    assert_eq!(refusal(&Stage::rustc(), &seen), "stored");
    // Another thread may go on until the exec ends it.
    let threads = format!("{RUSTC}10/20 exec /usr/bin/sh\n10/21 cwd\n10 start /usr/bin/sh => /w aux=1");
    assert_eq!(unseen_program(&Stage::rustc(), &threads), None);
}

#[test]
fn a_process_that_a_plugin_leaves_running_is_a_side_effect() {
    let plugin = format!("{RUSTC}10 cwd\n10 module id=5 /w/plain.so\n");
    let stage = Stage::rustc().plain_object("/w/plain.so").running(11);
    let daemon = |module: &str| {
        format!(
            "{plugin}10 spawned {module} posix_spawn /usr/bin/sh aux=11\n11 start /usr/bin/sh => /w aux=10"
        )
    };
    assert_eq!(refusal(&stage, &daemon("id=5")), "side-effect: sh was left running");
    assert_eq!(refusal(&stage, &daemon("")), "stored", "the linker returns before it has ended");
    let fork = format!("{plugin}10 spawned id=5 aux=11\n11 start forked /tc/bin/rustc => /w aux=10\n11 cwd");
    assert_eq!(refusal(&stage, &fork), "side-effect: rustc was left running");
}

#[test]
fn an_exec_that_failed_started_nothing() {
    let trace = format!("{RUSTC}10 exec /w/static\n10 exec err=ENOENT /w/static\n");
    assert_eq!(refusal(&Stage::rustc(), &trace), "stored");
}

#[test]
fn a_program_that_libc_starts_is_known_by_its_start_alone() {
    let exec = format!("{RUSTC}10 exec by_libc /bin/sh\n");
    let start = "11 start /usr/bin/sh => /w aux=10\n11 named /bin/sh";
    assert_eq!(refusal(&Stage::rustc(), &format!("{exec}{start}")), "stored");
    let unseen = "/bin/sh ran without the observer (a static program?)";
    assert_eq!(unseen_program(&Stage::rustc(), &exec).as_deref(), Some(unseen));
    let of_another = format!("{exec}{}", start.replace("aux=10", "aux=99"));
    assert_eq!(unseen_program(&Stage::rustc(), &of_another).as_deref(), Some(unseen));
}

#[test]
fn a_start_before_the_exec_does_not_answer_for_it() {
    let trace = format!("{RUSTC}11 start /usr/bin/sh => /w aux=10\n11 exec /w/static");
    assert!(refusal(&Stage::rustc(), &trace).starts_with("unobserved-program: /w/static"));
}

#[test]
fn a_trace_with_gaps_is_not_believed() {
    let overflowed = format!("{RUSTC}overflowed");
    assert!(refusal(&Stage::rustc(), &overflowed).starts_with("observer-overflow"));
    assert!(refusal(&Stage::rustc(), &format!("{RUSTC}torn")).starts_with("observer-torn"));
    assert!(
        refusal(&Stage::rustc(), &format!("{RUSTC}77 read /w/a"))
            .starts_with("observer-torn: a process wrote")
    );
}

#[test]
fn what_the_observer_could_not_follow_is_refused_by_any_program() {
    let unlocated = refusal(&Stage::rustc(), &format!("{RUSTC}10 unlocated aux=4"));
    assert!(unlocated.starts_with("unlocated: rustc did something (Write)"), "{unlocated}");
    let filtered = refusal(&Stage::rustc(), &format!("{RUSTC}10 filtered"));
    assert!(filtered.starts_with("system-call-filter: rustc limits"), "{filtered}");
}

#[test]
fn a_forked_process_is_its_parents_program() {
    let stage = Stage::rustc().plain_object("/w/plain.so");
    let fork = "11 start forked /tc/bin/rustc => /w aux=10\n";
    let own = format!("{RUSTC}{fork}11 module /tc/bin/rustc\n11 volatile time");
    assert!(is_trusted(&stage, &own));
    // What was a plugin's before is a plugin's after, whatever the child does first.
    let inherited = format!(
        "{RUSTC}10 cwd\n10 module id=5 /w/plain.so\n{fork}11 module /tc/bin/rustc\n11 module id=5 /w/plain.so\n\
         11 volatile id=5 time"
    );
    assert_eq!(refusal(&stage, &inherited), "clock: rustc called time");
    let of_the_dead = format!(
        "{RUSTC}10 spawned aux=11\n{fork}11 spawned aux=12\n12 start forked /tc/bin/rustc => /w aux=1\n12 volatile time"
    );
    assert!(is_trusted(&stage, &of_the_dead), "its parent ended before it said anything");
    // Its modules are recorded anew.
    let plugin = format!("{RUSTC}{fork}11 cwd\n11 module id=5 /w/plain.so\n11 volatile id=5 time");
    assert_eq!(refusal(&stage, &plugin), "clock: rustc called time");
    let of_nobody = format!("{RUSTC}12 start forked /tc/bin/rustc => /w aux=99\n12 volatile time");
    assert!(!is_trusted(&stage, &of_nobody));
}

#[test]
fn what_a_plugin_starts_is_a_process_at_any_remove() {
    let stage = Stage::rustc().plain_object("/w/plain.so");
    let plugin = format!("{RUSTC}10 cwd\n10 module id=5 /w/plain.so\n");
    let spawned = |module: &str| {
        format!(
            "{plugin}10 spawned posix_spawn {module} /usr/bin/ld aux=11\n11 start /usr/bin/ld => /w aux=10\n"
        )
    };
    assert!(is_trusted(&stage, &format!("{}11 volatile time", spawned(""))));
    assert!(!is_trusted(&stage, &format!("{}11 volatile time", spawned("id=5"))));
    // The linker that it starts in turn.
    let second = "11 exec /usr/bin/ld\n11 start /usr/bin/ld => /w aux=10\n11 volatile time";
    assert!(!is_trusted(&stage, &format!("{}{second}", spawned("id=5"))));
    assert!(is_trusted(&stage, &format!("{}{second}", spawned(""))));
    // One that forks, and becomes another program by its own code.
    let by_exec = "10 spawned aux=12\n12 start forked /tc/bin/rustc => /w aux=10\n12 cwd\n12 module id=5 /w/plain.so\n\
                   12 exec id=5 /usr/bin/ld\n12 start /usr/bin/ld => /w aux=10\n12 volatile time";
    assert!(!is_trusted(&stage, &format!("{plugin}{by_exec}")));
    assert!(is_trusted(
        &stage,
        &format!(
            "{plugin}{}",
            by_exec
                .replace("id=5 /usr/bin/ld", "id=0 /usr/bin/ld")
                .replace("id=5 /w/plain.so", "/tc/bin/rustc")
        )
    ));
}

#[test]
fn modules_that_are_loaded_at_the_start_are_the_compilers() {
    let stage = Stage::rustc().plain_object("/opt/libllvm.so").plain_object("/lib/libc.so.6");
    let early = format!("{RUSTC}10 module id=3 /opt/libllvm.so\n10 volatile id=3 time");
    assert!(is_trusted(&stage, &early));
    let late = format!("{RUSTC}10 cwd\n10 module id=3 /opt/libllvm.so\n10 volatile id=3 time");
    assert!(!is_trusted(&stage, &late));
    let libc = format!("{RUSTC}10 cwd\n10 module id=3 /lib/libc.so.6\n10 volatile id=3 time");
    assert!(is_trusted(&stage, &libc), "the C runtime, by its name and place");
}

#[test]
fn a_program_depends_on_all_variables_unless_it_ends_without_having_read_them() {
    let stage = Stage::rustc().plain_object("/w/plain.so");
    let shell = "10 cwd\n10 module id=5 /w/plain.so\n10 spawned posix_spawn id=5 /usr/bin/sh aux=11\n\
                 11 start /usr/bin/sh => /w aux=10\n11 module /usr/bin/sh\n";
    let depends = |rest: &str| {
        let lines = stage.lines(&format!("{RUSTC}{shell}{rest}"));
        lines.contains(&"env-all every".to_string())
    };
    assert!(!depends("11 exit unread"));
    assert!(depends("11 exit") && depends(""), "read, and killed");
    let perl = "11 exec unread /usr/bin/perl\n11 start /usr/bin/perl => /w\n11 module /usr/bin/perl\n";
    assert!(!depends(&format!("{perl}11 exit unread")));
    assert!(depends(perl) && depends(&perl.replace("unread ", "")), "either of the two");
    assert!(depends(
        &format!("11 exec unread /usr/bin/perl\n11 stat /w\n{perl}").replace("exec unread", "exec")
    ));
    let child = "12 start forked /usr/bin/sh => /w aux=11\n12 module /usr/bin/sh\n";
    assert!(
        depends(&format!("{child}11 exit unread"))
            && !depends(&format!("{child}12 exit unread\n11 exit unread"))
    );
}

/// A shell asks for the time to seed its random numbers, and where its script says so.
#[test]
fn a_clock_is_excused_where_the_program_asks_for_it_whenever_it_starts() {
    let stage = Stage::rustc().plain_object("/w/plain.so");
    let asks = |how: &str| {
        let shell = "10 cwd\n10 module id=5 /w/plain.so\n10 spawned posix_spawn id=5 /usr/bin/sh aux=11\n\
                     11 start /usr/bin/sh => /w aux=10\n11 module /usr/bin/sh\n11 module id=1 /w/plain.so\n";
        stage.collect(&format!("{RUSTC}{shell}11 volatile {how}")).refused.map(|why| why.detail)
    };
    assert_eq!(asks("aux=64 err=1 gettimeofday"), None);
    let refused = |function: &str| Some(format!("sh called {function}"));
    assert_eq!(asks("aux=64 err=2 gettimeofday"), refused("gettimeofday"), "once more");
    assert_eq!(asks("aux=72 err=1 time"), refused("time"), "elsewhere in the program");
    assert_eq!(asks("id=1 aux=64 err=1 time"), refused("time"), "in a library");
    assert_eq!(asks("aux=64 gettimeofday"), refused("gettimeofday"), "by a bare system call");
}

/// bash opens the terminal whenever it starts, and reads nothing from it. What reads it has an event of its own.
#[test]
fn a_terminal_is_a_fact_unless_the_program_opens_it_whenever_it_starts() {
    let stage = Stage::rustc();
    let depends = |program: &str, how: &[&str]| {
        let start = format!(
            "10 spawned posix_spawn /usr/bin/{program} aux=11\n11 start /usr/bin/{program} => /w aux=10"
        );
        stage
            .lines(&format!("{RUSTC}10 cwd\n{start}\n{}", how.join("\n")))
            .contains(&"host terminal".to_string())
    };
    let both = ["11 read err=6 /dev/tty", "11 write err=6 /dev/tty"];
    assert!(!depends("sh", &both));
    assert!(!depends("sh", &["11 read /dev/tty", "11 write /dev/tty"]), "with a terminal");
    assert!(depends("sh", &[both[0], both[1], both[0]]), "once more");
    let forked = "12 start forked /usr/bin/sh => /w aux=11\n12 read err=6 /dev/tty";
    assert!(depends("sh", &[both[0], both[1], "11 spawned aux=12", forked]), "by a child of the shell");
    assert!(depends("perl", &both), "another program");
    assert!(depends("perl", &["11 read /dev/tty"]));
}

#[test]
fn a_library_is_an_input_where_it_was_found_and_under_its_name() {
    let stage = Stage::rustc().plain_object("/opt/v2/libllvm.so").link("/opt/libllvm.so", "v2/libllvm.so");
    let lines = stage.lines(&format!("{RUSTC}10 module id=3 /opt/libllvm.so"));
    assert_eq!(lines, ["file /opt/v2/libllvm.so", "library libllvm.so"]);
}

#[test]
fn a_script_under_the_compilers_name_is_not_the_compiler() {
    let script = "10 start /usr/bin/sh => /w aux=1\n10 named /tc/bin/gcc\n10 module /usr/bin/sh\n10 hostfact uid aux=575343681586661117";
    assert_eq!(
        Stage::c().lines(script),
        ["file /usr/bin/sh", "env-all", "host uid"],
        "whatever runs in gcc's place"
    );
    assert_eq!(Stage::c().lines(&format!("{GCC}10 hostfact uid aux=575343681586661117")), [""; 0]);
    let proxy = script.replace("/usr/bin/sh", "/usr/bin/rustup").replace("/tc/bin/gcc", "/tc/bin/rustc");
    assert_eq!(Stage::rustc().lines(&proxy), [""; 0], "rustc by way of a proxy");
}

/// A name proves nothing: the file's contents do.
#[test]
fn a_program_that_only_has_the_name_of_a_tool_is_a_script() {
    let named = "10 spawned posix_spawn /w/my-cc aux=11\n11 start /w/my-cc => /w aux=10\n11 volatile time";
    let genuine = Stage::rustc().file("/w/my-cc");
    assert!(is_trusted(&genuine, &format!("{RUSTC}{named}")));
    let stage = Stage::rustc().counterfeit("/w/my-cc");
    assert_eq!(refusal(&stage, &format!("{RUSTC}{named}")), "clock: my-cc called time");
    let lines = stage.lines(&format!("{RUSTC}{}", named.replace("\n11 volatile time", "")));
    assert!(lines.contains(&"env-all".to_string()), "{lines:?}");
    // In the place of a C compiler, too.
    let stage = Stage::c().counterfeit("/tc/bin/gcc");
    assert_eq!(refusal(&stage, &format!("{GCC}10 volatile time")), "clock: gcc called time");
}

#[test]
fn a_compiler_with_a_plugin_is_not_told_apart_from_it() {
    let mut stage = Stage::c();
    stage.has_plugins = true;
    let trace =
        format!("{GCC}10 spawned posix_spawn /usr/bin/ld aux=11\n11 start /usr/bin/ld => /w aux=10\n");
    assert_eq!(
        stage.lines(&format!("{trace}11 hostfact uid aux=575343681586661117")),
        ["file /usr/bin/ld", "env-all", "host uid"]
    );
}

#[test]
fn a_path_only_script_hands_its_word_on_to_what_it_starts() {
    let stage = Stage::rustc().variable("OUT", "/w/out");
    let script = format!(
        "{RUSTC}10 spawned posix_spawn /w/locating aux=11\n11 start /usr/bin/sh => /w aux=10\n\
         11 named /w/locating\n11 exec /usr/bin/ld\n11 start /usr/bin/ld => /w aux=10\n"
    );
    let lines = stage.lines(&format!("{script}11 getenv OUT => /w/out"));
    assert!(lines.contains(&"env-path OUT".to_string()), "{lines:?}");
    let other = script.replace("locating", "in-place");
    let lines = stage.lines(&format!("{other}11 getenv OUT => /w/out"));
    assert!(lines.contains(&"env OUT".to_string()), "{lines:?}");
    let found = stage.collect(&script);
    assert_eq!(found.readers[&b""[..]].iter().collect::<Vec<_>>(), ["locating"]);
}

#[test]
fn a_path_of_ones_own_finds_what_a_lookup_would_not() {
    let stage = Stage::rustc();
    let run = |path: &str| format!("{RUSTC}10 exec search ld => {path}\n10 start /usr/bin/ld => /w aux=1\n");
    assert_eq!(refusal(&stage, &run("/usr/bin:/bin")), "stored");
    assert_eq!(refusal(&stage, &run("/tc/bin:/usr/bin:/bin")), "stored", "rustc puts its own in front");
    assert_eq!(
        refusal(&stage, &run("/w/tools:/usr/bin:/bin")),
        "private-path: ld was looked for in a PATH of its caller's own making"
    );
}

#[test]
fn a_stripped_plugin_may_have_any_function() {
    let stripped = || Object { calls_kernel: Some(false), ..Object::default() };
    let stage = Stage::rustc().object("/w/p.so", stripped()).file("/w/a.rs");
    let lines = stage.lines(&format!("{RUSTC}10 cwd\n10 module id=5 /w/p.so\n10 read id=5 /w/a.rs"));
    assert_eq!(
        lines,
        [
            "file <workspace>/a.rs",
            "file <workspace>/p.so",
            "host stat <workspace>/a.rs",
            "library p.so",
            "place",
            "status <workspace>/a.rs"
        ]
    );
}

#[test]
fn what_calls_the_kernel_by_itself_is_stored_where_that_is_recorded() {
    let object = || Object {
        functions: Some(vec!["_ZN6rustix7backend2fs8syscalls4open17h0E"]),
        calls_kernel: Some(true),
        ..Object::default()
    };
    let stage = Stage::rustc().object("/w/p.so", object()).object("/w/tool", object());
    let loads = "10 cwd\n10 module id=5 /w/p.so\n";
    let unseen = |name: &str| format!("raw-syscall: {name} makes system calls without libc");
    assert_eq!(refusal(&stage, &format!("{RUSTC}{loads}")), unseen("/w/p.so"));
    let rustc = RUSTC.replace("start", "start dispatched");
    assert_eq!(refusal(&stage, &format!("{rustc}{loads}")), "stored");
    // What a process does not have recorded, its child may; a forked one goes on as it began.
    let starts = |how: &str| {
        format!("10 spawned posix_spawn id=5 /w/tool aux=11\n11 start {how} /w/tool => /w aux=10\n")
    };
    assert_eq!(refusal(&stage, &format!("{rustc}{loads}{}", starts("flags=0"))), unseen("/w/tool"));
    assert_eq!(refusal(&stage, &format!("{rustc}{loads}{}", starts("dispatched"))), "stored");
    let forked =
        "10 spawned aux=12\n12 start forked dispatched /tc/bin/rustc => /w aux=10\n12 module id=5 /w/p.so\n";
    assert_eq!(refusal(&stage, &format!("{rustc}{loads}{forked}")), "stored");
    // A compiler that ends it leaves the macro's calls unseen.
    let ended = refusal(&stage, &format!("{rustc}10 cwd\n10 unfollowed aux=56\n10 module id=5 /w/p.so\n"));
    assert_eq!(ended, "raw-syscall: rustc made system call 56, which cannot be followed");
    let unknown = "10 rawsyscall id=5 aux=425\n";
    assert!(refusal(&stage, &format!("{rustc}{loads}{unknown}")).contains("system call 425"));
}

#[test]
fn a_program_in_the_compilers_place_is_asked_too() {
    let wrapper = Object { functions: Some(Vec::new()), calls_kernel: Some(true), ..Object::default() };
    let stage = Stage::c().object("/tc/bin/gcc", wrapper);
    assert_eq!(refusal(&stage, GCC), "raw-syscall: /tc/bin/gcc makes system calls without libc");
    assert_eq!(refusal(&stage, &GCC.replace("start", "start dispatched")), "stored");
}

#[test]
fn an_object_that_cannot_be_read_may_take_any_function() {
    let stage = Stage::rustc().file("/w/p.so");
    assert_eq!(
        refusal(&stage, &format!("{RUSTC}10 cwd\n10 module id=5 /w/p.so")),
        "unrecorded-function: /w/p.so cannot be read, so that its imports are not known"
    );
}

#[test]
fn a_variable_counts_for_the_one_who_read_it() {
    let stage = Stage::rustc().plain_object("/w/libmine-0a.so").variable("A", "1").variable("B", "2");
    let trace = format!(
        "{RUSTC}10 getenv A => 1\n10 getenv B => 2\n10 getenv C err=ENOENT\n10 module id=5 /w/libmine-0a.so\n\
         10 getenv id=5 B => 2\n10 getenv id=5 LD_PRELOAD err=ENOENT"
    );
    let found = stage.collect(&trace);
    assert_eq!(found.candidates.iter().collect::<Vec<_>>(), [b"A"], "what a macro read cannot be proved");
    assert_eq!(found.readers.keys().collect::<Vec<_>>(), [b"B"]);
    assert_eq!(found.readers[&b"B"[..]].iter().collect::<Vec<_>>(), ["mine"]);
}

#[test]
fn a_date_macro_shows_by_the_zone() {
    let read = "10 getenv TZ err=ENOENT";
    assert!(refusal(&Stage::c(), &format!("{GCC}{read}")).starts_with("clock: a date or time"));
    assert_eq!(refusal(&Stage::rustc(), &format!("{RUSTC}{read}")), "stored");
}

#[test]
fn a_shim_is_trusted_with_nothing_until_it_is_the_compiler() {
    let mut stage = Stage::rustc().file("/w/shim").file("/w/.tool-versions");
    stage.is_shim = true;
    let shim =
        "10 start /usr/bin/sh => /w aux=1\n10 named /w/shim\n10 read /w/shim\n10 read /w/.tool-versions\n";
    let compiler = "10 exec /tc/bin/rustc\n10 start /tc/bin/rustc => /w aux=1\n10 module /tc/bin/rustc\n";
    let lines = stage.lines(&format!("{shim}{compiler}10 stat /w/a.rs"));
    for wanted in ["env-all", "file <workspace>/shim", "file <workspace>/.tool-versions", "file /usr/bin/sh"]
    {
        assert!(lines.contains(&wanted.to_string()), "{wanted}: {lines:?}");
    }
    assert!(!lines.iter().any(|line| line.starts_with("refused")), "{lines:?}");
    let child = "10 spawned posix_spawn /tc/bin/rustc aux=11\n11 start /tc/bin/rustc => /w aux=10\n";
    let refused = stage.lines(&format!("{shim}{child}")).pop().unwrap();
    assert!(refused.starts_with("refused unknown-compiler: "), "{refused}");
    let unseen = compiler.split_once('\n').unwrap().1;
    let refused = stage.lines(unseen).pop().unwrap();
    assert!(refused.starts_with("refused unobserved-program: "), "{refused}");
}

/// What a macro starts: gcc's driver, its compiler, and what both ask for.
#[test]
fn a_tool_that_a_macro_starts_sizes_its_memory_and_asks_for_the_terminal() {
    let called = |program: &str, arguments: &str, asked: &str| {
        let words = arguments.split(' ').enumerate();
        let words: String = words.map(|(at, word)| format!("11 argument aux={at} {word}\n")).collect();
        let trace = format!(
            "{RUSTC}10 exec id=5 {program}\n10 spawned posix_spawn id=5 {program} aux=11\n11 start {program} => /w aux=10\n\
             {words}11 {asked}\n11 exit unread"
        );
        let found =
            Stage::rustc().plain_object(program).variable("TERM", "vt100").collect(&trace).dependencies;
        let counts = |one: &&Dependency| matches!(&one.name[..], b"sysconf/85" | b"gibibyte" | b"TERM");
        found.iter().find(counts).map(|one| String::from_utf8_lossy(&one.name).into_owned())
    };
    let is = |name: &str| Some(name.to_string());
    let memory = "hostfact sysconf/85 aux=575343681586661117";
    assert_eq!(called("/usr/lib/gcc/cc1", "cc1 -E -quiet a.c", memory), None);
    assert_eq!(
        called("/usr/lib/gcc/cc1", "cc1 -quiet -version a.c", memory),
        is("gibibyte"),
        "it prints what it sized"
    );
    assert_eq!(called("/usr/lib/gcc/cc1", "cc1 -E a.c", memory), is("gibibyte"));
    assert_eq!(called("/usr/bin/git", "git -quiet", memory), is("sysconf/85"));
    let terminal = "getenv TERM => vt100";
    assert_eq!(called("/usr/bin/gcc", "gcc -E a.c", terminal), None);
    assert_eq!(called("/usr/bin/git", "git log", terminal), is("TERM"));
}
