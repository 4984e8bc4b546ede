//! Each column of a flag's effect, tried on the compilers that are installed: a flag with the column does what the
//! column says, and a flag without it does not.

use super::flags::{Bucket, Effect, EmbedsPath, Row, Takes, ValueEffect};
use crate::family::Family;
use crate::invocation::Invocation;
use crate::{gnu, gnu_flags, msvc, msvc_flags, rustc, rustc_flags};
use kache_core::action::Request;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;

const SOURCE: &str = "\
struct s { int n; };
static __attribute__((noinline)) int hidden(int x) { for (int i = 0; i < x; i++) x ^= i * 3; return x; }
int all[4];
int *at(int i) { return &all[hidden(i)]; }
int (*pointer)(int) = hidden;
const char *me = __FILE__;
";

/// The compilers of C that are installed.
fn compilers() -> Vec<&'static str> {
    let installed = |c: &&str| std::process::Command::new(c).arg("--version").output().is_ok();
    let (found, missing): (Vec<_>, Vec<_>) = ["gcc", "clang-14", "clang-19"].into_iter().partition(installed);
    let required = std::env::var_os("KACHE_REQUIRE_TOOLS").is_some_and(|v| v == "1");
    assert!(!found.is_empty() && (missing.is_empty() || !required), "not installed: {missing:?}");
    println!("not installed: {missing:?}");
    found
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_string).collect()
}

/// The flags of a table with a column.
fn with(table: &'static [Row], has: impl Fn(&Effect) -> bool) -> BTreeSet<&'static str> {
    table.iter().filter(|r| r.bucket != Bucket::Unsupported && has(r.effect)).map(|r| r.flag).collect()
}

/// A directory for one compile, with a name that is in no other text and that clang does not change in a symbol.
struct Place {
    dir: TempDir,
    path: PathBuf,
}

/// What a compile left.
struct Left {
    success: bool,
    stdout: String,
    stderr: String,
    /// The new files, which are removed again.
    files: BTreeMap<String, Vec<u8>>,
}

impl Left {
    fn names(&self) -> Vec<&str> {
        self.files.keys().map(String::as_str).collect()
    }

    fn contain(&self, text: &str) -> bool {
        self.files.values().any(|bytes| bytes.windows(text.len()).any(|w| w == text.as_bytes()))
    }

    /// Whether the compile left one object and printed nothing to its standard output.
    fn is_one_object(&self) -> bool {
        let object = |bytes: &Vec<u8>| bytes.starts_with(b"\x7fELF") || bytes.starts_with(&[0x64, 0x86]);
        self.success && self.stdout.is_empty() && self.files.len() == 1 && self.files.values().all(object)
    }
}

impl Place {
    fn new(files: &[(&str, &[u8])]) -> Place {
        let dir = tempfile::Builder::new().prefix("place_of_the_source_").tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        for (name, bytes) in files {
            std::fs::write(path.join(name), bytes).unwrap();
        }
        Place { dir, path }
    }

    fn name(&self) -> String {
        self.path.file_name().unwrap().to_string_lossy().into_owned()
    }

    fn run(&self, program: &str, args: &[String]) -> Left {
        let all = || std::fs::read_dir(self.dir.path()).unwrap().map(|e| e.unwrap().path());
        let before: BTreeSet<PathBuf> = all().collect();
        let Output { status, stdout, stderr } =
            std::process::Command::new(program).args(args).current_dir(&self.path).output().unwrap();
        let name = |p: &Path| p.file_name().unwrap().to_string_lossy().into_owned();
        let new: Vec<PathBuf> = all().filter(|p| !before.contains(p) && p.is_file()).collect();
        let files = new.iter().map(|p| (name(p), std::fs::read(p).unwrap())).collect();
        new.iter().for_each(|p| std::fs::remove_file(p).unwrap());
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Left { success: status.success(), stdout: text(stdout), stderr: text(stderr), files }
    }

    /// Compiles `a.c` by its absolute path, which is mapped, to `a.o`.
    fn compile(&self, compiler: &str, flags: &[String]) -> Left {
        let path = self.path.display();
        let map = format!("-ffile-prefix-map={path}=/mapped");
        let base = words(&format!("-c -o a.o {map} {path}/a.c"));
        self.run(compiler, &[&base, flags].concat())
    }
}

/// Compiles [`SOURCE`] with flags.
fn compile(compiler: &str, flags: &str) -> (Place, Left) {
    let place = Place::new(&[("a.c", SOURCE.as_bytes())]);
    let left = place.compile(compiler, &words(flags));
    (place, left)
}

fn embeds_path(compiler: &str, flags: &str) -> bool {
    let (place, left) = compile(compiler, flags);
    assert!(left.success, "{compiler} {flags}: {}", left.stderr);
    left.contain(&place.name())
}

fn parse(family: &Family, program: &str, place: &Place, args: &[String]) -> Invocation {
    let args = args.iter().map(Into::into).collect();
    (family.parse)(&Request::new(program, args, &place.path)).unwrap()
}

#[test]
fn a_flag_that_writes_leaves_a_file_beside_the_object() {
    let tried = [
        ("-gsplit-dwarf", "-g -gsplit-dwarf"),
        ("-gsplit-dwarf=", "-g -gsplit-dwarf=split"),
        ("-fstack-usage", "-fstack-usage"),
        ("--coverage", "--coverage"),
        ("-coverage", "-coverage"),
        ("-ftest-coverage", "-ftest-coverage"),
    ];
    assert_eq!(with(gnu_flags::TABLE, |e| e.writes.is_some()), tried.iter().map(|t| t.0).collect());
    for (name, flags) in tried {
        let file = format!("a.{}", gnu_flags::find(name).unwrap().effect.writes.unwrap());
        // gcc knows no values of -gsplit-dwarf.
        for compiler in compilers().into_iter().filter(|c| *c != "gcc" || !flags.contains('=')) {
            let (_, left) = compile(compiler, flags);
            let names = left.names();
            assert!(
                names == [file.as_str(), "a.o"] || names == ["a.o", &file],
                "{compiler} {flags}: {names:?}"
            );
        }
    }
}

#[test]
fn the_path_of_the_source_is_in_the_output_of_a_flag_that_embeds_it() {
    let always = [
        "-fsanitize=address",
        "-fsanitize=bounds",
        "--coverage",
        "-coverage",
        "-fprofile-arcs",
        "-fprofile-generate",
        "-fprofile-generate=dir",
    ];
    for compiler in compilers() {
        for flags in always {
            let name = gnu_flags::find(flags).unwrap();
            assert_eq!(name.effect.embeds_path, EmbedsPath::Always, "{flags}");
            assert!(embeds_path(compiler, flags), "{compiler} {flags}");
        }
        for flags in ["-flto", "-flto=auto"] {
            assert_eq!(gnu_flags::find(flags).unwrap().effect.embeds_path, EmbedsPath::Bitcode);
            assert_eq!(embeds_path(compiler, flags), compiler != "gcc", "{compiler} {flags}");
        }
        if compiler == "gcc" {
            assert_eq!(gnu_flags::find("-gctf").unwrap().effect.embeds_path, EmbedsPath::Perhaps);
            assert!(embeds_path(compiler, "-gctf"));
        }
    }
}

#[test]
fn rustc_writes_paths_for_tools_with_the_flags_that_embed_them() {
    let tried = [("-C instrument-coverage", true), ("-C rpath", true), ("-C debuginfo=2", false)];
    let embeds = |e: &Effect| e.embeds_path != EmbedsPath::No;
    assert_eq!(with(rustc_flags::TABLE, embeds), tried[..2].iter().map(|t| t.0).collect());
    for (flags, embeds) in tried {
        let place = Place::new(&[("a.rs", b"fn main() { println!(\"{}\", file!()); }")]);
        let path = place.path.display();
        let maps = format!("--remap-path-prefix={path}=/mapped -C prefer-dynamic");
        let left = place.run("rustc", &words(&format!("{path}/a.rs -o a {maps} {flags}")));
        assert!(left.success, "{flags}: {}", left.stderr);
        // The paths of coverage are compressed; a search path leads from the program to the libraries.
        let marks = ["__llvm_covmap", "$ORIGIN/.."];
        assert_eq!(marks.into_iter().any(|mark| left.contain(mark)), embeds, "{flags}");
    }
}

#[test]
fn text_is_not_found_in_an_output_that_is_compressed() {
    let members: String = (0..200).map(|i| format!("int searched_{i};")).collect();
    let source = format!("struct s {{ {members} }} s; int f(void) {{ return s.searched_7; }}");
    let texts: String = (0..200).map(|i| format!("\"searched_in_the_program_{i}\",")).collect();
    let source = format!("{source} const char *texts[] = {{ {texts} }};");
    let tried = [
        ("-gz", "-g -gz", "searched_7"),
        ("-gz=", "-g -gz=zlib", "searched_7"),
        ("-Wa,", "-g -Wa,--compress-debug-sections", "searched_7"),
        ("-flto", "-flto", "searched_in_the_program_137"),
        ("-flto=", "-flto=auto", "searched_in_the_program_137"),
    ];
    let columns = with(gnu_flags::TABLE, |e| e.compresses);
    assert_eq!(columns, ["-gz", "-gz=", "-flto", "-flto="].into());
    for compiler in compilers() {
        let found = |flags: &str, text: &str| {
            let place = Place::new(&[("a.c", source.as_bytes())]);
            let left = place.compile(compiler, &words(flags));
            assert!(left.success, "{compiler} {flags}: {}", left.stderr);
            left.contain(text)
        };
        for (name, flags, text) in tried {
            let rule = gnu_flags::find(name).unwrap().effect.value_rule;
            let by_value = rule.is_some_and(|r| r("--compress-debug-sections") == ValueEffect::Compresses);
            assert!(columns.contains(name) || by_value, "{name}");
            // clang does not compress the text in its bitcode.
            assert!(
                !found(flags, text) || flags.starts_with("-flto") && compiler != "gcc",
                "{compiler} {flags}"
            );
        }
        for flags in ["-g", "-g -Wa,--noexecstack", "-g -O2", "-g -fPIC"] {
            let texts = ["searched_7", "searched_in_the_program_137"];
            assert!(texts.into_iter().all(|text| found(flags, text)), "{compiler} {flags}");
        }
    }
}

/// Swaps flags of different groups, and flags without a group.
#[test]
fn the_order_of_groups_does_not_change_the_output() {
    let groups: &[&[&str]] = &[
        &["--crate-type=lib"],
        &["--crate-name=a"],
        &["--edition=2021"],
        &["--emit=metadata,link,dep-info"],
        &["--out-dir=."],
        &["--error-format=json"],
        &["--json=artifacts,diagnostic-rendered-ansi"],
        &["-O", "-C", "debuginfo=1"],
        &["-Wunused", "-Aunused_variables"],
    ];
    let names = |flags: &[&'static str]| flags.iter().copied().collect::<BTreeSet<_>>();
    let tried = names(&[
        "--crate-type",
        "--crate-name",
        "--edition",
        "--emit",
        "--out-dir",
        "--error-format",
        "--json",
    ]);
    let rest = names(&["-o"]);
    assert_eq!(with(rustc_flags::TABLE, |e| e.order_group.is_some()), &tried | &rest);
    let text = b"pub fn f(x: u32) -> u32 { let unused = 1; fn never() {} x }";
    let place = Place::new(&[("a.rs", text)]);
    let compile = |order: &[usize]| {
        let flags = order.iter().flat_map(|i| groups[*i]).map(|word| word.to_string());
        let args: Vec<String> = flags.chain(["a.rs".to_string()]).collect();
        let left = place.run("rustc", &args);
        assert!(left.success, "{args:?}: {}", left.stderr);
        (left.files, left.stderr)
    };
    let first: Vec<usize> = (0..groups.len()).collect();
    let expected = compile(&first);
    let reversed: Vec<usize> = first.iter().rev().copied().collect();
    let rotated: Vec<usize> = first.iter().map(|i| (i + 4) % groups.len()).collect();
    assert!(compile(&reversed) == expected && compile(&rotated) == expected);
    // Without a group the order counts.
    let lints = |flags| place.run("rustc", &words(&format!("a.rs --crate-type=lib {flags}"))).stderr;
    assert_ne!(lints("-Wunused -Aunused"), lints("-Aunused -Wunused"));
}

#[test]
fn the_order_of_groups_does_not_change_the_output_of_c() {
    assert_eq!(with(gnu_flags::TABLE, |e| e.order_group.is_some()), ["-S", "-c", "-o"].into());
    let source = b"int f(void) { return X; }";
    for compiler in compilers() {
        let compile = |args: &str| {
            let left = Place::new(&[("a.c", source)]).run(compiler, &words(args));
            assert!(left.success, "{compiler} {args}: {}", left.stderr);
            left.files
        };
        let expected = compile("-c -o a.o -DX=1 -UX -DX=2 -O1 a.c");
        for other in ["-o a.o -DX=1 -c -UX -DX=2 -O1 a.c", "-DX=1 -UX -DX=2 -O1 a.c -o a.o -c"] {
            assert!(compile(other) == expected, "{compiler} {other}");
        }
        assert!(compile("-c -o a.o -DX=2 -UX -DX=1 -O1 a.c") != expected, "{compiler}");
    }
}

#[test]
fn a_report_alone_leaves_no_output() {
    let all = "-c -o a.o -MD -MF a.d -MT a -MQ b -MP -g -gsplit-dwarf -DUSED=1 -DUNUSED=1 a.c";
    let mut skipped = with(gnu_flags::TABLE, |e| e.skip_when_reporting);
    // The flags of other steps.
    assert!(["-S", "-E", "-M", "-MM", "-MMD", "--precompile"].iter().all(|flag| skipped.remove(flag)));
    assert!(skipped.iter().all(|flag| words(all).contains(&flag.to_string())), "{skipped:?}");
    let place = Place::new(&[("a.c", b"int x = USED;")]);
    let gcc = place.path.join("gcc");
    let capabilities = (gnu::FAMILY.capabilities)(Path::new("gcc"), &place.path.join("scratch"));
    let invocation = parse(&gnu::FAMILY, &gcc.to_string_lossy(), &place, &words(all));
    if compilers().contains(&"gcc") {
        let args = (gnu::FAMILY.tells_macros)(&invocation, capabilities).unwrap();
        let args: Vec<String> = args.into_iter().map(|a| a.into_string().unwrap()).collect();
        let left = place.run("gcc", &args);
        assert!(left.success && left.files.is_empty(), "{args:?} leaves {:?}: {}", left.names(), left.stderr);
        assert!(left.stdout.contains("USED 1") && !left.stdout.contains("UNUSED"), "{}", left.stdout);
        // The flags are left out for a reason.
        assert!(!place.run("gcc", &[words("-E -dU"), words(all)].concat()).files.is_empty());
    }
}

#[test]
fn a_report_of_rustc_leaves_dep_info_alone() {
    let all = "--emit=metadata,link -C incremental=state --crate-type=lib -o out a.rs";
    let skipped = with(rustc_flags::TABLE, |e| e.skip_when_reporting);
    assert_eq!(skipped, ["--emit", "-C incremental", "-o"].into());
    let place = Place::new(&[("a.rs", b"pub fn f() {}")]);
    let invocation = parse(&rustc::FAMILY, "rustc", &place, &words(all));
    let args = rustc::report_only(&invocation, Path::new("report.d"));
    let args: Vec<String> = args.into_iter().map(|a| a.into_string().unwrap()).collect();
    let left = place.run("rustc", &args);
    assert!(left.success, "{args:?}: {}", left.stderr);
    assert_eq!((left.names(), place.path.join("state").exists()), (vec!["report.d"], false));
}

#[test]
fn a_value_that_is_plain_leaves_one_object() {
    let tried: &[(&str, &str, &[&str])] = &[
        ("-Xclang", "-emit-pch", &["clang"]),
        ("-Xclang", "-E", &["clang"]),
        ("-Xclang", "-emit-module-interface", &["clang"]),
        ("-Xclang", "-ast-dump-all", &["clang"]),
        ("-Xclang", "-dump-tokens", &["clang"]),
        ("-Xclang", "-fno-builtin", &["clang"]),
        ("-Xclang", "-load", &["clang"]),
        ("-Xpreprocessor", "-DX=1", &["gcc", "clang"]),
        ("-Xpreprocessor", "-E", &["clang"]),
        ("-Wp,", "-DX=1", &["gcc", "clang"]),
        ("-Wp,", "-emit-pch", &["clang"]),
        ("-Wa,", "-al", &["gcc"]),
        ("-Wa,", "-alh=list", &["gcc"]),
        ("-Wa,", "--noexecstack", &["gcc", "clang"]),
        ("-Xassembler", "-al", &["gcc"]),
        ("-Xassembler", "--noexecstack", &["gcc"]),
    ];
    // What is said of these needs a compiler for graphics cards.
    const OF_CUDA: [&str; 2] = ["--cuda-gpu-arch=", "--offload-arch="];
    let names: BTreeSet<&str> = tried.iter().map(|t| t.0).chain(OF_CUDA).collect();
    assert_eq!(with(gnu_flags::TABLE, |e| e.value_rule.is_some()), names);
    for compiler in compilers() {
        for (name, value, _) in tried.iter().filter(|t| t.2.iter().any(|c| compiler.starts_with(c))) {
            let row = gnu_flags::find(name).unwrap();
            let judged = row.effect.value_rule.unwrap()(value);
            let joined = if row.takes == Takes::Joined { "" } else { " " };
            let (_, left) = compile(compiler, &format!("{name}{joined}{value}"));
            let (plain, alone) = (judged == ValueEffect::Plain, left.is_one_object());
            assert_eq!(
                plain,
                alone,
                "{compiler} {name} {value}: {judged:?} {:?} {}",
                left.names(),
                left.stderr
            );
        }
    }
}

#[test]
fn a_value_that_is_plain_leaves_one_object_of_clang_cl() {
    assert_eq!(with(msvc_flags::TABLE, |e| e.value_rule.is_some()), ["-Xclang", "/clang:"].into());
    let rule = msvc_flags::find("/clang:").unwrap().effect.value_rule.unwrap();
    for compiler in compilers().into_iter().filter(|c| c.starts_with("clang")) {
        for word in ["-fno-builtin", "-O1", "-MD", "-save-temps", "-fstack-usage", "-S", "-ftest-coverage"] {
            let place = Place::new(&[("a.c", b"int f(void) { return 1; }")]);
            let left =
                place.run(compiler, &words(&format!("{} /c /Foa.obj /clang:{word} -- a.c", msvc::MODE)));
            let plain = rule(word) == ValueEffect::Plain;
            assert!(!plain || left.is_one_object(), "{compiler} {word}: {:?}", left.names());
            assert_eq!(plain, ["-fno-builtin", "-O1"].contains(&word), "{word}");
        }
    }
}

#[test]
fn unpacked_debug_information_is_in_further_files() {
    let rule = rustc_flags::find("-C split-debuginfo").unwrap().effect.value_rule.unwrap();
    assert_eq!(with(rustc_flags::TABLE, |e| e.value_rule.is_some()), ["-C split-debuginfo"].into());
    for value in ["off", "packed", "unpacked"] {
        let place = Place::new(&[("a.rs", b"fn main() {}")]);
        let left = place.run("rustc", &words(&format!("a.rs -C debuginfo=2 -C split-debuginfo={value}")));
        assert!(left.success, "{value}: {}", left.stderr);
        let further = left.names().iter().any(|name| name.ends_with(".dwo"));
        assert_eq!(rule(value) == ValueEffect::Plain, !further, "{value}: {:?}", left.names());
    }
}

#[test]
fn a_macro_that_no_source_names_is_in_the_output() {
    let unprovable = |flag: &str| gnu_flags::find(flag).is_some_and(|r| r.effect.unprovable_macros);
    for compiler in compilers() {
        let in_output = |source: &[u8], flags: &str| {
            let place = Place::new(&[("a.c", source)]);
            let left = place.compile(compiler, &words(&format!("-DUNNAMED=\"unnamed_value\" {flags}")));
            assert!(left.success, "{compiler} {flags}: {}", left.stderr);
            left.contain("unnamed_value")
        };
        // clang writes macros only with a flag for them.
        for flags in if compiler == "gcc" { vec!["-g3", "-ggdb3"] } else { vec!["-g -fdebug-macro"] } {
            assert!(
                flags.split(' ').any(unprovable) && in_output(SOURCE.as_bytes(), flags),
                "{compiler} {flags}"
            );
        }
        for flags in ["-g", "-g2", "-ggdb", "-gdwarf-3", "-O2", "-Wall", "-fPIC", "-std=gnu11"] {
            let is = flags.split(' ').any(unprovable);
            assert!(!is && !in_output(SOURCE.as_bytes(), flags), "{compiler} {flags}");
        }
        if compiler == "gcc" {
            let name = "#define TEXT(x) #x\n#define OF(x) TEXT(x)\nconst char *x = OF(UNNAMED);";
            let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert!(unprovable("-finput-charset=") && in_output(&wide, "-nostdinc -finput-charset=UTF-16LE"));
        }
    }
}

#[test]
fn debug_information_is_written_with_the_flags_that_ask_for_it() {
    for compiler in compilers() {
        for (flags, asks) in [
            ("-g", true),
            ("-g1", true),
            ("-g3", true),
            ("-ggdb", true),
            ("-gdwarf-4", true),
            ("-g0", false),
            ("-O2", false),
            ("-fomit-frame-pointer", false),
        ] {
            let row = gnu_flags::find(flags).unwrap();
            let (_, left) = compile(compiler, flags);
            assert_eq!(row.effect.debug_info, asks, "{flags}");
            assert_eq!(left.contain(".debug_info"), asks, "{compiler} {flags}");
        }
    }
}

#[test]
fn native_is_a_processor_for_the_flags_that_say_so() {
    let native = with(gnu_flags::TABLE, |e| e.native_cpu);
    let place = Place::new(&[("a.c", SOURCE.as_bytes())]);
    for compiler in compilers() {
        // The command line of the compiler proper.
        let command = |flag: &str| {
            let left = place.run(compiler, &words(&format!("-### -S -o a.s a.c {flag}")));
            left.stderr.lines().find(|l| l.contains("cc1") && !l.contains("error:")).map(str::to_string)
        };
        let plain = command("").unwrap();
        let is_resolved = |flag: &&str| {
            command(&format!("{flag}native")).is_some_and(|line| line != plain && !line.contains("native"))
        };
        let others = sample(Takes::Joined, 5).map(|r| r.flag).filter(|flag| flag.starts_with("-m"));
        let resolved: BTreeSet<&str> = others.chain(native.iter().copied()).filter(is_resolved).collect();
        assert!(resolved.contains("-march=") && resolved.is_subset(&native), "{compiler}: {resolved:?}");
    }
    assert_eq!(with(rustc_flags::TABLE, |e| e.native_cpu), ["-C target-cpu", "-Z tune-cpu"].into());
    let cfg = |flags: &str| Place::new(&[]).run("rustc", &words(&format!("--print cfg {flags}"))).stdout;
    assert_ne!(cfg("-C target-cpu=native"), cfg("-C target-cpu=generic"));
}

#[test]
fn code_is_loaded_with_the_flags_that_say_so() {
    let loads = with(gnu_flags::TABLE, |e| e.loads_code);
    assert_eq!(loads, ["-fpass-plugin=", "-fplugin="].into());
    for compiler in compilers() {
        let fails_to_load = |flag: &str| {
            let (_, left) = compile(compiler, &format!("{flag}./none.so"));
            let text = left.stderr.to_lowercase();
            let text = text.replace(flag, "");
            !left.success && text.contains("none.so") && text.contains("load")
        };
        for flag in loads.iter().filter(|flag| compiler != "gcc" || **flag == "-fplugin=") {
            assert!(fails_to_load(flag), "{compiler} {flag}");
        }
        for row in sample(Takes::Joined, 19).filter(|r| !r.effect.loads_code) {
            assert!(!fails_to_load(row.flag), "{compiler} {}", row.flag);
        }
    }
}

#[test]
fn another_sysroot_has_other_libraries() {
    assert_eq!(with(rustc_flags::TABLE, |e| e.needs_observer), ["--sysroot"].into());
    let place = Place::new(&[("a.rs", b"pub fn f() {}")]);
    let left = place.run("rustc", &words("a.rs --crate-type=lib --sysroot=none"));
    assert!(!left.success && left.stderr.contains("can't find crate for `std`"), "{}", left.stderr);
}

/// Some of the flags that are cached and take their values so.
fn sample(takes: Takes, step: usize) -> impl Iterator<Item = &'static Row> {
    let rows = gnu_flags::TABLE.iter().filter(move |r| r.takes == takes && r.bucket != Bucket::Unsupported);
    rows.step_by(step)
}

#[test]
fn a_flag_without_columns_has_no_such_effect() {
    for compiler in compilers() {
        let mut compiled = 0;
        // gcc takes what Apple's linker calls `-dynamic` for `-d` with letters, which asks for dumps.
        let is_dump = |row: &&Row| compiler == "gcc" && row.flag.starts_with("-d");
        for row in sample(Takes::Nothing, 37).filter(|row| !is_dump(row)) {
            let Effect { writes, embeds_path, debug_info, unprovable_macros, .. } = row.effect;
            let (place, left) = compile(compiler, &format!("{} -DUNNAMED=unnamed_value", row.flag));
            let objects = left.files.contains_key("a.o");
            // A flag for another target, or one that stops before the object.
            if !left.success || !objects {
                assert!(
                    left.names().len() <= usize::from(objects),
                    "{compiler} {}: {:?}",
                    row.flag,
                    left.names()
                );
                continue;
            }
            compiled += 1;
            let about = format!("{compiler} {}", row.flag);
            assert!(writes.is_some() || left.files.len() == 1, "{about}: {:?}", left.names());
            assert!(*embeds_path > EmbedsPath::No || !left.contain(&place.name()), "{about}: the path");
            assert!(*debug_info || !left.contain(".debug_info"), "{about}: debug information");
            assert!(*unprovable_macros || !left.contain("unnamed_value"), "{about}: the macro");
            assert!(left.stdout.is_empty(), "{about}: {}", left.stdout);
        }
        assert!(compiled > 15, "{compiler} took only {compiled} flags of the sample");
    }
}

/// The flags of the sample that compile, two to one under other names and in other directories.
#[test]
fn a_flag_for_any_name_leaves_the_same_under_another() {
    let unlike = [
        "-gsplit-dwarf",
        "--coverage",
        "-ftest-coverage",
        "-fprofile-arcs",
        "-fprofile-use",
        "-flto",
        "-fplugin=",
    ];
    let says = |name: &str| gnu_flags::find(name).unwrap().effect.for_any_name;
    assert!(
        unlike.into_iter().chain(["-S", "-save-temps", "-Xclang", "-B", "-specs="]).all(|name| !says(name))
    );
    for compiler in compilers() {
        let mut compiled = 0;
        let rows = sample(Takes::Nothing, 31).filter(|row| row.effect.for_any_name).map(|row| row.flag);
        for flag in
            rows.chain(["-g", "-g3", "-O2", "-fPIC", "-m64", "-ffunction-sections", "-pg", "-fopenmp"])
        {
            let place = Place::new(&[("a.c", SOURCE.as_bytes())]);
            let object = |name: &str| {
                let left = place.run(compiler, &words(&format!("-c a.c -g -O1 {flag} -o {name}")));
                left.files.get(name).cloned().filter(|_| left.success && left.files.len() == 1)
            };
            let Some(one) = object("a.o") else { continue };
            compiled += 1;
            let others = ["b.o", "another-name-of-the-object.o"].map(object);
            assert!(others.iter().all(|other| other.as_ref() == Some(&one)), "{compiler} {flag}");
        }
        assert!(compiled > 15, "{compiler} took only {compiled} flags of the sample");
    }
}
