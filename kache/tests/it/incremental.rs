//! Incremental state of rustc: kept beside a stored result, and given to the first compile after a restore.

use crate::env::{LIB, TestEnv, assert_success};
use kache_core::digest::Digest;
use kache_core::events::Outcome;
use kache_core::store::{Area, Store};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// What the tests add to the objects of a state: an object that holds it was not compiled.
const MARK: &[u8] = b"from a kept state";

const SOURCE: &str = "pub mod one { pub fn f(x: &str) -> String { format!(\"{x} one\") } }\n\
    pub mod two { pub fn f(x: &str) -> String { format!(\"{x} two\") } }\n";

/// The library of a checkout, with state and debug information, as cargo compiles it.
fn compile(test: &TestEnv, checkout: &str, more: &[&str]) -> Command {
    let fixed = ["-C", "incremental=inc", "-C", "debuginfo=2", "-C", "metadata=1f"];
    let mut command = test.kache_in(checkout, &[LIB, &fixed, more].concat());
    command.env("KACHE_INCREMENTAL_STATE", "on");
    command
}

impl TestEnv {
    /// The checkout `w`, compiled from scratch, with its state in the store.
    fn with_state() -> TestEnv {
        let test = TestEnv::new();
        test.write("w/l.rs", SOURCE);
        assert_eq!(test.outcome(&mut compile(&test, "w", &[])), Outcome::Miss);
        test.wait_for_state();
        test
    }

    /// Waits until the process that stores the state of the last compile has ended.
    fn wait_for_state(&self) -> Digest {
        let key = Digest::from_hex(&self.last().action.unwrap()).unwrap();
        let store = Store::open(&self.cache()).unwrap();
        let start = Instant::now();
        while store.state(&key).is_none() {
            assert!(start.elapsed() < Duration::from_secs(60), "no state is stored");
            std::thread::sleep(Duration::from_millis(5));
        }
        key
    }

    /// Changes the files of the state of the last compile.
    fn change_state(&self, change: impl Fn(&Path, &mut Vec<u8>)) {
        let key = self.wait_for_state();
        let store = Store::open(&self.cache()).unwrap();
        let mut state = store.state(&key).unwrap();
        let above = self.path("changed").join(&state.head.above);
        fs::create_dir_all(&above).unwrap();
        let dir = above.join(&state.head.name);
        state.unpack(&dir).unwrap();
        for entry in fs::read_dir(&dir).unwrap().flatten() {
            let mut bytes = fs::read(entry.path()).unwrap();
            change(&entry.path(), &mut bytes);
            fs::write(entry.path(), bytes).unwrap();
        }
        store.keep_state(&key, &dir, &state.head.notes, u64::MAX).unwrap();
        fs::remove_dir_all(self.path("changed")).unwrap();
    }

    /// Marks the objects of the state of the last compile.
    fn mark_objects(&self) {
        self.change_state(|path, bytes| {
            if path.extension().is_some_and(|e| e == "o") {
                bytes.extend(MARK);
            }
        });
    }

    /// Whether the library of a checkout has objects of a marked state.
    fn has_marked_objects(&self, checkout: &str) -> bool {
        let library = fs::read(self.path(checkout).join("libl.rlib")).unwrap();
        library.windows(MARK.len()).any(|part| part == MARK)
    }

    /// Another checkout, with the result of `w` restored.
    fn restored(&self, checkout: &str) {
        fs::create_dir_all(self.path(checkout).join(".git")).unwrap();
        self.write(&format!("{checkout}/l.rs"), SOURCE);
        assert_eq!(self.outcome(&mut compile(self, checkout, &[])), Outcome::Hit);
        assert!(!self.path(checkout).join("inc").exists(), "a hit restores no state");
    }

    fn edit(&self, checkout: &str) {
        self.write(&format!("{checkout}/l.rs"), &SOURCE.replace("two\")", "2\")"));
    }

    fn states(&self) -> usize {
        kache_core::store::states::usage(&self.cache()).unwrap().files as usize
    }
}

#[test]
fn the_first_compile_after_a_restore_in_another_checkout_begins_with_the_state() {
    let test = TestEnv::with_state();
    test.mark_objects();
    test.restored("another");
    test.edit("another");
    assert_eq!(test.refusal(&mut compile(&test, "another", &[])), "copied-state");
    assert!(test.has_marked_objects("another"), "rustc used nothing of the state");
    // What was made with a copy is not stored, and later compiles have state of their own.
    test.edit("w");
    fs::remove_dir_all(test.path("w/inc")).unwrap();
    fs::remove_file(test.path("w/l.d")).unwrap();
    assert_eq!(test.outcome(&mut compile(&test, "w", &[])), Outcome::Miss);
    test.write("another/l.rs", &SOURCE.replace("one\")", "1\")"));
    assert_eq!(test.refusal(&mut compile(&test, "another", &[])), "incremental");
}

/// cargo spells an absolute directory of outputs, and rustc notes it for each object: kache spells the directory relative, and what
/// the compile prints and reports shows the caller's spelling.
#[test]
fn objects_are_used_although_the_directory_of_outputs_has_another_path() {
    let test = TestEnv::new();
    let arguments = |checkout: &str| {
        let out = test.path(checkout).join("out");
        let mut args: Vec<String> =
            ["--crate-name=l", "--crate-type=lib", "l.rs", "--error-format=json", "--json=artifacts"]
                .map(String::from)
                .into();
        args.extend(
            ["--emit=dep-info,metadata,link", "-C", "incremental=inc", "-C", "metadata=1f"].map(String::from),
        );
        args.extend(["--out-dir".to_string(), out.to_str().unwrap().to_string()]);
        args
    };
    let compile = |checkout: &str| {
        let args = arguments(checkout);
        let mut command = test.kache_in(
            checkout,
            &[&["rustc"], &args.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat(),
        );
        command.env("KACHE_INCREMENTAL_STATE", "on");
        command
    };
    let shown = |checkout: &str, command: &mut Command| {
        let out = assert_success(command);
        (
            String::from_utf8(out.stderr).unwrap(),
            fs::read_to_string(test.path(checkout).join("out/l.d")).unwrap(),
        )
    };
    for checkout in ["w", "another"] {
        for dir in [".git", "out"] {
            fs::create_dir_all(test.path(checkout).join(dir)).unwrap();
        }
        test.write(&format!("{checkout}/l.rs"), SOURCE);
    }
    // What rustc prints and reports without kache.
    let plain = {
        let mut command = Command::new("rustc");
        command.args(arguments("w")).current_dir(test.path("w"));
        let shown = shown("w", &mut command);
        for made in ["inc", "out"] {
            fs::remove_dir_all(test.path("w").join(made)).unwrap();
        }
        fs::create_dir(test.path("w/out")).unwrap();
        shown
    };
    assert!(plain.0.contains("\"artifact\":\"/"), "{}", plain.0);
    assert_eq!(shown("w", &mut compile("w")), plain);
    assert_eq!(test.last().outcome, Outcome::Miss);
    test.mark_objects();
    let moved =
        |text: &str| text.replace(test.path("w").to_str().unwrap(), test.path("another").to_str().unwrap());
    assert_eq!(shown("another", &mut compile("another")), (moved(&plain.0), moved(&plain.1)));
    assert_eq!(test.last().outcome, Outcome::Hit);
    test.edit("another");
    assert_eq!(shown("another", &mut compile("another")), (moved(&plain.0), moved(&plain.1)));
    assert_eq!(test.last().reason_word(), Some("copied-state"));
    let library = fs::read(test.path("another/out/libl.rlib")).unwrap();
    assert!(library.windows(MARK.len()).any(|part| part == MARK), "rustc used nothing of the state");
}

/// Compiles a library and a program that uses it, with the paths of the checkout as cargo spells them.
fn program(test: &TestEnv, checkout: &str) -> [std::process::Output; 2] {
    let out = test.path(checkout).join("out");
    let (search, found) = (format!("dependency={}", out.display()), format!("l={}/libl.rlib", out.display()));
    let fixed = ["-C", "incremental=inc", "-C", "metadata=1f", "-C", "debuginfo=2", "--out-dir"];
    let compile = |more: &[&str]| {
        let args = [&["rustc", "--emit=dep-info,link"], &fixed[..], &[out.to_str().unwrap()], more].concat();
        test.kache_in(checkout, &args).env("KACHE_INCREMENTAL_STATE", "on").output().unwrap()
    };
    let library = compile(&["--crate-name=l", "--crate-type=lib", "l.rs"]);
    let linked = ["--crate-name=p", "--crate-type=bin", "p.rs", "-L", &search, "--extern", &found];
    [library, compile(&linked)]
}

/// A checkout with a library and a program.
fn with_program(test: &TestEnv, checkout: &str) {
    for dir in [".git", "out"] {
        fs::create_dir_all(test.path(checkout).join(dir)).unwrap();
    }
    test.write(&format!("{checkout}/l.rs"), SOURCE);
    let used = "pub mod used { pub fn f() -> String { l::one::f(\"a\") } }";
    test.write(
        &format!("{checkout}/p.rs"),
        &format!("{used}\nfn main() {{ println!(\"{{}}\", used::f()) }}\n"),
    );
}

/// The objects of a program with debug information depend on where rustc found the crates.
#[test]
fn objects_of_a_program_are_used_although_its_crates_have_other_paths() {
    let test = TestEnv::new();
    for checkout in ["w", "another"] {
        with_program(&test, checkout);
        for out in program(&test, checkout) {
            assert!(out.status.success(), "{out:?}");
        }
        if checkout == "w" {
            test.mark_objects();
        }
    }
    assert_eq!(test.last().outcome, Outcome::Hit);
    let source = fs::read_to_string(test.path("another/p.rs")).unwrap();
    test.write("another/p.rs", &source.replace("println!(\"", "println!(\"edited "));
    assert!(program(&test, "another").iter().all(|out| out.status.success()));
    assert_eq!(test.last().reason_word(), Some("copied-state"));
    let said = assert_success(&mut Command::new(test.path("another/out/p"))).stdout;
    assert_eq!(String::from_utf8(said).unwrap(), "edited a one\n");
    // What rustc used of the state, it keeps for the next compile.
    let is_marked =
        |path: &Path| fs::read(path).unwrap_or_default().windows(MARK.len()).any(|part| part == MARK);
    let sessions: Vec<PathBuf> = below(&test.path("another/inc"))
        .into_iter()
        .filter(|path| path.ends_with("dep-graph.bin"))
        .filter_map(|path| path.parent().map(Path::to_path_buf))
        .filter(|session| session.parent().unwrap().file_name().unwrap().to_str().unwrap().starts_with("p-"))
        .collect();
    let newest = sessions.iter().max_by_key(|session| fs::metadata(session).unwrap().modified().unwrap());
    assert!(below(newest.unwrap()).iter().any(|path| is_marked(path)), "rustc used nothing of the state");
}

/// kache spells the path of a macro relative for rustc, and the macro sees nothing of it.
#[test]
fn a_macro_finds_itself_where_rustc_would_have_loaded_it() {
    let test = TestEnv::new();
    for dir in [".git", "out"] {
        fs::create_dir_all(test.path("w").join(dir)).unwrap();
    }
    test.write(
        "w/m.rs",
        "use proc_macro::TokenStream; use std::ffi::{CStr, c_char, c_int, c_void};\n\
         #[repr(C)] struct Found { file: *const c_char, rest: [*const c_void; 3] }\n\
         unsafe extern \"C\" { fn dladdr(at: *const c_void, found: *mut Found) -> c_int; }\n\
         #[proc_macro] pub fn own(_: TokenStream) -> TokenStream { unsafe {\n\
             let mut found: Found = std::mem::zeroed();\n\
             assert!(dladdr(own as *const c_void, &mut found) != 0);\n\
             format!(\"{:?}\", CStr::from_ptr(found.file).to_str().unwrap()).parse().unwrap() } }\n",
    );
    test.write("w/p.rs", "fn main() { print!(\"{}\", m::own!()) }");
    let out = test.path("w/out").display().to_string();
    let found = format!("m={out}/libm.so");
    let compile = |args: &[&str]| {
        let fixed = ["rustc", "--edition=2021", "-C", "incremental=inc", "--out-dir", &out];
        assert_success(test.kache(&[&fixed, args].concat()).env("KACHE_INCREMENTAL_STATE", "on"));
    };
    compile(&["m.rs", "--crate-type=proc-macro", "--extern=proc_macro"]);
    compile(&["p.rs", "--extern", &found]);
    let said = assert_success(&mut Command::new(test.path("w/out/p"))).stdout;
    assert_eq!(String::from_utf8(said).unwrap(), format!("{out}/libm.so"));
}

/// All files below a directory.
fn below(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] }).collect()
}

/// The messages of a linker that fails name the directories.
#[test]
fn a_program_that_does_not_link_shows_the_paths_of_the_caller() {
    let test = TestEnv::new();
    with_program(&test, "w");
    test.write("w/p.rs", "unsafe extern \"C\" { fn missing(); }\nfn main() { unsafe { missing() } }\n");
    let [library, linked] = program(&test, "w");
    assert!(library.status.success() && !linked.status.success());
    let messages = String::from_utf8(linked.stderr).unwrap();
    let own = test.path("w/out").display().to_string();
    assert!(messages.contains(&own) && !messages.contains(" \"out/"), "{messages}");
}

/// With the state of another checkout, rustc makes what it makes with its own.
#[test]
fn a_copied_state_and_an_own_one_lead_to_the_same_objects() {
    let test = TestEnv::with_state();
    test.restored("another");
    for checkout in ["w", "another"] {
        test.edit(checkout);
    }
    assert_eq!(test.refusal(&mut compile(&test, "w", &[])), "incremental");
    assert_eq!(test.refusal(&mut compile(&test, "another", &[])), "copied-state");
    let rmeta = |checkout: &str| fs::read(test.path(checkout).join("libl.rmeta")).unwrap();
    assert!(rmeta("w") == rmeta("another"));
    let [own, copied] = ["w", "another"].map(|checkout| objects(&test.path(checkout)));
    assert!(!own.is_empty() && own == copied);
}

/// The objects in the library of a checkout, without the session's part of their names.
fn objects(checkout: &Path) -> Vec<Vec<u8>> {
    let dir = checkout.join("unpacked");
    fs::create_dir_all(&dir).unwrap();
    assert_success(Command::new("ar").arg("x").arg(checkout.join("libl.rlib")).current_dir(&dir));
    let mut paths: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "o"));
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn a_compile_where_nothing_was_restored_begins_from_scratch_and_is_stored() {
    let test = TestEnv::with_state();
    test.mark_objects();
    fs::create_dir_all(test.path("another/.git")).unwrap();
    test.edit("another");
    assert_eq!(test.outcome(&mut compile(&test, "another", &[])), Outcome::Miss);
    assert!(!test.has_marked_objects("another"));
}

#[test]
fn the_same_checkout_gets_its_state_back_where_its_paths_are_not_mapped() {
    let test = TestEnv::new();
    let literal = |checkout: &str| {
        let mut command = compile(&test, checkout, &[]);
        command.env("KACHE_REMAP", "0");
        command
    };
    test.write("w/l.rs", SOURCE);
    assert_eq!(test.outcome(&mut literal("w")), Outcome::Miss);
    test.mark_objects();
    fs::remove_dir_all(test.path("w/inc")).unwrap();
    test.edit("w");
    assert_eq!(test.refusal(&mut literal("w")), "copied-state");
    assert!(test.has_marked_objects("w"));
}

#[test]
fn the_state_of_other_arguments_is_not_given() {
    for more in [&["--cfg=feature=\"x\""][..], &["-Copt-level=1"], &["-Cmetadata=2f"]] {
        let test = TestEnv::with_state();
        test.mark_objects();
        test.restored("another");
        test.edit("another");
        assert_eq!(test.outcome(&mut compile(&test, "another", more)), Outcome::Miss, "{more:?}");
        assert!(!test.has_marked_objects("another"), "{more:?}");
    }
}

/// An argument that holds the path of the checkout is the same to kache's key in each checkout, and may not be to rustc.
#[test]
fn an_argument_with_the_path_of_a_checkout_keeps_the_state_in_its_checkout() {
    let test = TestEnv::new();
    let with_path = |checkout: &str| {
        let unused = format!("--remap-path-prefix={}=/x", test.path(checkout).join("unused").display());
        compile(&test, checkout, &[&unused])
    };
    for checkout in ["w", "another"] {
        fs::create_dir_all(test.path(checkout).join(".git")).unwrap();
        test.write(&format!("{checkout}/l.rs"), SOURCE);
    }
    assert_eq!(test.outcome(&mut with_path("w")), Outcome::Miss);
    assert_eq!(test.outcome(&mut with_path("another")), Outcome::Hit);
    test.edit("another");
    assert_eq!(test.outcome(&mut with_path("another")), Outcome::Miss);
    assert_eq!(test.states(), 0);
}

#[test]
fn damaged_state_costs_a_compile_and_no_error() {
    let test = TestEnv::with_state();
    let key = test.wait_for_state();
    let path = Store::open(&test.cache()).unwrap().path(Area::States, &key);
    let mut bytes = fs::read(&path).unwrap();
    bytes[1000] ^= 1;
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    test.restored("another");
    test.edit("another");
    assert_eq!(test.outcome(&mut compile(&test, "another", &[])), Outcome::Miss);
    let inside = |dir: &Path| fs::read_dir(dir).unwrap().count();
    assert_eq!(inside(&test.path("another/inc")), 1, "an unfinished copy was left");
}

/// The state is whole by its digests, and rustc does not understand it: it ignores it, or crashes.
#[test]
fn state_that_rustc_does_not_understand_breaks_no_build() {
    type Change = fn(&mut Vec<u8>);
    let changes: [(&str, Change); 5] = [
        ("dep-graph.bin", |b| b.truncate(b.len() / 2)),
        ("dep-graph.bin", |b| b[60..].fill(0xff)),
        ("dep-graph.bin", |b| b.clear()),
        ("query-cache.bin", |b| b.truncate(50)),
        ("work-products.bin", |b| b.truncate(40)),
    ];
    for (at, (name, change)) in changes.iter().enumerate() {
        let test = TestEnv::with_state();
        test.change_state(|path, bytes| {
            if path.ends_with(name) {
                change(bytes);
            }
        });
        test.restored("another");
        test.edit("another");
        assert_success(&mut compile(&test, "another", &[]));
        // Where even the beginning of the graph is missing, no copy is made.
        assert_eq!(test.last().reason_word(), (at != 2).then_some("copied-state"), "{at}");
        test.write("another/l.rs", &SOURCE.replace("one\")", "1\")"));
        assert_eq!(test.refusal(&mut compile(&test, "another", &[])), "incremental", "{at}");
    }
}

#[test]
fn a_damaged_graph_makes_rustc_crash_and_the_build_pass() {
    let test = TestEnv::with_state();
    test.change_state(|path, bytes| {
        // rustc looks at both ends of the file before it uses it.
        if path.ends_with("dep-graph.bin") {
            let end = bytes.len() - 1000;
            bytes[1000..end].fill(0xff);
        }
    });
    test.restored("another");
    test.edit("another");
    assert_eq!(test.outcome(&mut compile(&test, "another", &[])), Outcome::Miss);
    let detail = test.last().detail.unwrap_or_default();
    assert!(detail.contains("ran again without"), "{detail}");
}

#[test]
fn an_error_of_the_source_is_shown_once_and_the_copy_serves_the_next_compile() {
    let test = TestEnv::with_state();
    test.mark_objects();
    test.restored("another");
    test.write("another/l.rs", &format!("{SOURCE}pub fn broken() -> u8 {{ \"\" }}\n"));
    let out = compile(&test, "another", &[]).output().unwrap();
    let text = String::from_utf8(out.stderr).unwrap();
    assert!(!out.status.success() && text.matches("mismatched types").count() == 1, "{text}");
    assert_eq!(test.last().reason_word(), Some("failed"));
    test.edit("another");
    assert_eq!(test.refusal(&mut compile(&test, "another", &[])), "copied-state");
    assert!(test.has_marked_objects("another"));
}

#[test]
fn warnings_of_a_compile_with_a_copy_are_printed() {
    let test = TestEnv::with_state();
    test.restored("another");
    test.write("another/l.rs", &format!("{SOURCE}fn unused() {{}}\n"));
    let out = assert_success(&mut compile(&test, "another", &[]));
    assert!(String::from_utf8(out.stderr).unwrap().contains("function `unused` is never used"));
    assert_eq!(test.last().reason_word(), Some("copied-state"));
}

#[test]
fn the_settings_turn_it_off() {
    for (name, value) in [("KACHE_INCREMENTAL_STATE", "off"), ("KACHE_MAX_STATE_SIZE", "0")] {
        let test = TestEnv::with_state();
        test.restored("another");
        test.edit("another");
        let more = ["-Cmetadata=2f"];
        assert_eq!(test.outcome(compile(&test, "another", &[]).env(name, value)), Outcome::Miss, "{name}");
        assert_eq!(test.outcome(compile(&test, "w", &more).env(name, value)), Outcome::Miss, "{name}");
        fs::remove_dir_all(test.path("w/inc")).unwrap();
        test.edit("w");
        assert_eq!(test.outcome(&mut compile(&test, "w", &more)), Outcome::Miss, "{name}: no state was kept");
    }
}

#[test]
fn a_full_disk_costs_the_copy_and_no_error() {
    let test = TestEnv::with_state();
    test.restored("another");
    test.edit("another");
    let steps = test.path("steps");
    // The steps of the same compile with what it finds in the store.
    let before = fs::read_dir(test.path("another")).unwrap().count();
    let mut command = compile(&test, "another", &[]);
    assert_success(command.env("KACHE_FAULT_STEPS", &steps));
    let Ok(listed) = fs::read_to_string(&steps) else { return };
    let at = listed.lines().position(|step| step.ends_with("state: write a file")).unwrap() + 1;
    for kind in ["enospc", "kill"] {
        for entry in fs::read_dir(test.path("another")).unwrap().flatten() {
            if entry.file_name() != ".git" {
                let _ = fs::remove_file(entry.path());
            }
        }
        fs::remove_dir_all(test.path("another/inc")).unwrap();
        test.restored("another");
        test.write("another/l.rs", &SOURCE.replace("two", kind));
        let mut command = compile(&test, "another", &[]);
        let out = command.env("KACHE_FAULT", format!("{at}:{kind}")).output().unwrap();
        assert_eq!(out.status.success(), kind == "enospc");
        if kind == "kill" {
            assert_eq!(test.refusal(&mut compile(&test, "another", &[])), "copied-state");
        }
        let left = fs::read_dir(test.path("another/inc")).unwrap().count();
        assert_eq!(left, 1, "{kind}: an unfinished copy was left");
    }
    assert_eq!(fs::read_dir(test.path("another")).unwrap().count(), before + 1);
}

/// Two worktrees are edited at once.
#[test]
fn compiles_at_the_same_time_get_a_copy_each() {
    let test = TestEnv::with_state();
    let checkouts = ["another", "third"];
    for checkout in checkouts {
        test.restored(checkout);
        test.write(&format!("{checkout}/l.rs"), &SOURCE.replace("two\")", &format!("{checkout}\")")));
    }
    let told = test.events().len();
    let running = checkouts.map(|checkout| compile(&test, checkout, &[]).spawn().unwrap());
    for mut command in running {
        assert!(command.wait().unwrap().success());
    }
    let events = test.events();
    let words: Vec<_> = events[told..].iter().filter_map(|event| event.reason_word()).collect();
    assert_eq!(words, ["copied-state", "copied-state"]);
}

/// A package with a library and a program that uses it.
fn package(test: &TestEnv, checkout: &str) {
    fs::create_dir_all(test.path(checkout).join(".git")).unwrap();
    test.write(
        &format!("{checkout}/Cargo.toml"),
        "[package]\nname = \"l\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
    );
    test.write(&format!("{checkout}/src/lib.rs"), SOURCE);
    test.write(
        &format!("{checkout}/src/main.rs"),
        "fn main() { println!(\"{} {}\", l::one::f(\"a\"), l::two::f(\"b\")) }",
    );
}

fn cargo(test: &TestEnv, checkout: &str, more: &[&str]) -> Command {
    let mut command = test.cargo(checkout, &[&["build"], more].concat());
    command.env_remove("CARGO_INCREMENTAL").env_remove("CI").env("KACHE_INCREMENTAL_STATE", "on");
    command
}

fn with_cargo(more: &[&str], is_nightly: bool) {
    let test = TestEnv::new();
    let run = |checkout: &str| {
        let mut command = cargo(&test, checkout, more);
        if is_nightly {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        assert_success(&mut command);
    };
    for checkout in ["w", "another"] {
        package(&test, checkout);
    }
    run("w");
    let start = Instant::now();
    while test.states() < 2 {
        assert!(start.elapsed() < Duration::from_secs(60), "{} states", test.states());
        std::thread::sleep(Duration::from_millis(5));
    }
    run("another");
    let told = test.events().len();
    let later = std::time::SystemTime::now() + Duration::from_secs(2);
    test.write("another/src/lib.rs", &SOURCE.replace("two\")", "2\")"));
    fs::File::open(test.path("another/src/lib.rs")).unwrap().set_modified(later).unwrap();
    run("another");
    let events = test.events();
    let words: Vec<_> = events[told..].iter().filter_map(|event| event.reason_word()).collect();
    assert_eq!(words, ["copied-state", "copied-state"], "the library and the program");
    let out = assert_success(&mut cargo_run(&test, "another", more, is_nightly));
    assert_eq!(String::from_utf8(out.stdout).unwrap(), "a one b 2\n");
}

fn cargo_run(test: &TestEnv, checkout: &str, more: &[&str], is_nightly: bool) -> Command {
    let mut command = test.cargo(checkout, &[&["run", "-q"], more].concat());
    command.env_remove("CARGO_INCREMENTAL");
    if is_nightly {
        command.env("RUSTC_BOOTSTRAP", "1");
    }
    command
}

#[test]
fn an_edit_in_a_restored_worktree_of_cargo() {
    with_cargo(&[], false);
}

#[test]
fn an_edit_in_a_restored_worktree_of_cargo_in_the_new_layout() {
    with_cargo(&["-Zbuild-dir-new-layout"], true);
}
