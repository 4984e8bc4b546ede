//! Command lines made of the tables' own flags, in any order and spelling: what is said in two ways is understood as one,
//! what is excluded from the key does not move it, and what has one key gives the same bytes from the real compiler.
#![cfg(unix)]

use crate::family::Family;
use crate::flags::{Bucket, Row, Takes};
use crate::invocation::Invocation;
use crate::toolchain::Toolchain;
use crate::{gnu, gnu_flags, key, msvc, msvc_flags, rustc};
use kache_core::action::Request;
use kache_core::key_trace::Component;
use kache_core::paths::Roots;
use kache_core::settings::Settings;
use kache_core::store::Store;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestCaseResult, TestRunner};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;

/// A directory, and a toolchain for keys: which one it is does not matter, if it is the same.
struct Stage {
    dir: TempDir,
    toolchain: Toolchain,
    settings: Settings,
}

/// What a command line comes to: the flags, and everything that goes into the key; or why it passes through.
type Meaning = Result<(Vec<(&'static str, Option<String>)>, Vec<Component>, String), &'static str>;

impl Stage {
    fn new() -> Stage {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("cache")).unwrap();
        let toolchain = Toolchain::identify(&store, &gnu::FAMILY, Path::new("/bin/true")).unwrap();
        let settings = Settings::load(dir.path());
        Stage { dir, toolchain, settings }
    }

    fn parse(&self, family: &Family, args: &[String]) -> Result<Invocation, &'static str> {
        let args = args.iter().map(Into::into).collect();
        let command = Request::new(family.name, args, self.dir.path());
        (family.parse)(&command).map_err(|d| d.reason.word())
    }

    fn components(&self, invocation: &Invocation) -> Vec<Component> {
        key::inputs(invocation, &self.toolchain, &Roots::default(), &self.settings).components().collect()
    }

    fn meaning(&self, family: &Family, args: &[String]) -> Meaning {
        let i = self.parse(family, args)?;
        let flags = i.flags.iter().map(|f| (f.row.flag, f.value.clone())).collect();
        let rest = format!("{:?} {:?} {:?} {} {}", i.outputs, i.unit, i.depinfo, i.literal_paths, i.plugin);
        Ok((flags, self.components(&i), rest))
    }

    fn key(&self, family: &Family, args: &[String]) -> Result<String, &'static str> {
        let i = self.parse(family, args)?;
        Ok(key::inputs(&i, &self.toolchain, &Roots::default(), &self.settings).digest().hex())
    }
}

fn run<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value) -> TestCaseResult) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new(config).run(strategy, test).unwrap_or_else(|e| panic!("{e}"));
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| w.to_string()).collect()
}

/// Every way to write a flag with a value: each a list of words.
fn spellings(family: &Family, row: &Row, value: &str) -> Vec<Vec<String>> {
    if family.is_rust() { of_rustc(row, value) } else { of_c(family, row, value) }
}

fn of_rustc(row: &Row, value: &str) -> Vec<Vec<String>> {
    if let Some((sign, name)) = row.flag.split_once(' ') {
        let mut out = Vec::new();
        // One option means another thing with an underscore beside `-O`, and has a row for it.
        let names = [name.to_string(), name.replace('-', "_")];
        for name in names.iter().filter(|n| row.flag.ends_with(n.as_str()) || row.flag != "-C opt-level") {
            let text = if row.takes == Takes::Nothing { name.clone() } else { format!("{name}={value}") };
            out.extend([vec![sign.to_string(), text.clone()], vec![format!("{sign}{text}")]]);
            if sign == "-C" {
                out.extend([vec!["--codegen".into(), text.clone()], vec![format!("--codegen={text}")]]);
            }
        }
        return out;
    }
    let names = row.aliases.iter().chain([&row.flag]);
    names
        .flat_map(|name| match row.takes {
            Takes::Nothing => vec![vec![name.to_string()]],
            _ if name.starts_with("--") => {
                vec![vec![format!("{name}={value}")], vec![name.to_string(), value.to_string()]]
            }
            _ => vec![vec![format!("{name}{value}")], vec![name.to_string(), value.to_string()]],
        })
        .collect()
}

fn of_c(family: &Family, row: &Row, value: &str) -> Vec<Vec<String>> {
    let find = if family.name == "msvc" { msvc_flags::find } else { gnu_flags::find };
    let mut names = vec![row.flag.to_string()];
    if let Some(rest) = row.flag.strip_prefix('/').filter(|_| family.name == "msvc") {
        names.push(format!("-{rest}"));
    }
    let all = names.into_iter().flat_map(|name| {
        let (joined, apart) = (vec![format!("{name}{value}")], vec![name.clone(), value.to_string()]);
        match row.takes {
            Takes::Nothing | Takes::Maybe => vec![vec![name]],
            Takes::Joined => vec![joined],
            Takes::Separate => vec![apart],
            Takes::Either | Takes::Value => vec![joined, apart],
        }
    });
    // With that value it may be another flag's name: `-D` and `-DM`.
    all.filter(|words| find(&words[0]).is_some_and(|r| r.flag == row.flag)).collect()
}

/// A flag as it was understood, written out again.
fn render(family: &Family, flag: &(&'static str, Option<String>)) -> Vec<String> {
    let row = family.table.iter().chain(gnu_flags::TABLE).find(|r| r.flag == flag.0).expect("a row");
    let value = flag.1.as_deref();
    if value.is_none() && !family.is_rust() || value.is_none() && row.takes == Takes::Nothing {
        return vec![row.flag.to_string()];
    }
    let Some(value) = value else {
        // An option of rustc's `-C` without a value.
        return row.flag.split(' ').map(str::to_string).collect();
    };
    // A negative is its own value.
    if ["-fno-", "-mno-", "-Wno-"].iter().any(|no| value.starts_with(no)) {
        return vec![value.to_string()];
    }
    spellings(family, row, value).pop().expect("a way to write it")
}

const VALUES: &[&str] = &["1", "a", "c", "x=y", "dir/f", "none", "lib", "x=dir/y", "link"];

/// Flags, each in two of its spellings, and where the source and the output stand among them.
type Said = Vec<(Vec<String>, Vec<String>)>;

fn said(family: &'static Family) -> impl Strategy<Value = (Said, Index)> {
    // Most rows pass through for good; a line with one of them says nothing of the rest.
    let rows: Vec<&'static Row> = family.table.iter().filter(|r| r.bucket != Bucket::Unsupported).collect();
    let no: Vec<&'static Row> = rows.iter().copied().filter(|r| r.takes == Takes::Nothing).collect();
    let plain =
        (select(rows), select(VALUES), any::<Index>(), any::<Index>()).prop_map(move |(row, value, a, b)| {
            let all = spellings(family, row, value);
            if all.is_empty() { (vec![], vec![]) } else { (a.get(&all).clone(), b.get(&all).clone()) }
        });
    let negative = select(no).prop_map(move |row| {
        let word = ["-f", "-m", "-W"].iter().find_map(|p| {
            row.flag.strip_prefix(p).filter(|_| !family.is_rust()).map(|rest| format!("{p}no-{rest}"))
        });
        let words: Vec<String> = word.into_iter().collect();
        (words.clone(), words)
    });
    let unsupported: Vec<&'static Row> =
        family.table.iter().filter(|r| r.bucket == Bucket::Unsupported).collect();
    let passing = select(unsupported).prop_map(move |row| {
        let words = spellings(family, row, "1").pop().unwrap_or_default();
        (words.clone(), words)
    });
    (vec(prop_oneof![30 => plain, 8 => negative, 1 => passing], 0..7), any::<Index>())
}

/// The words of a line, flag by flag: what makes it a compile, and the flags around that.
fn groups(family: &Family, flags: impl Iterator<Item = Vec<String>>, at: Index) -> Vec<Vec<String>> {
    let base = match family.name {
        "rustc" => owned(&["l.rs", "--crate-type=lib"]),
        "msvc" => owned(&["/c", "f.c"]),
        _ => owned(&["-c", "f.c"]),
    };
    let mut words: Vec<Vec<String>> = flags.filter(|f| !f.is_empty()).collect();
    words.insert(at.index(words.len() + 1), base);
    words
}

fn understood_alike(family: &'static Family) {
    let stage = Stage::new();
    let (all, good) = (Cell::new(0), Cell::new(0));
    run(600, &said(family), |(said, at)| {
        let one = groups(family, said.iter().map(|s| s.0.clone()), at).concat();
        let other = groups(family, said.iter().map(|s| s.1.clone()), at).concat();
        let meaning = stage.meaning(family, &one);
        prop_assert_eq!(&meaning, &stage.meaning(family, &other), "{:?} and {:?}", one, other);
        all.set(all.get() + 1);
        let Ok((flags, ..)) = &meaning else { return Ok(()) };
        good.set(good.get() + 1);
        // Where the source stands counts: `-x` is for those behind it. The flags before it are as many as a line of
        // them alone has.
        let source = if family.is_rust() { "l.rs" } else { "f.c" };
        let at = one.iter().position(|w| w == source).expect("a source");
        let compile = if family.is_rust() { owned(&["l.rs"]) } else { owned(&["f.c", "-c"]) };
        let before = stage.parse(family, &[&one[..at], &compile].concat());
        let n = before.map_or(0, |i| i.flags.len() - (compile.len() - 1));
        let mut again: Vec<Vec<String>> = flags.iter().map(|f| render(family, f)).collect();
        again.insert(n.min(again.len()), owned(&[source]));
        let again = again.concat();
        prop_assert_eq!(&meaning, &stage.meaning(family, &again), "{:?} and {:?}", one, again);
        Ok(())
    });
    assert!(good.get() * 4 > all.get(), "only {} of {} lines were understood", good.get(), all.get());
}

#[test]
fn rustc_is_understood_alike_however_it_is_written() {
    understood_alike(&rustc::FAMILY);
}

#[test]
fn gcc_is_understood_alike_however_it_is_written() {
    understood_alike(&gnu::FAMILY);
}

#[test]
fn cl_is_understood_alike_however_it_is_written() {
    understood_alike(&msvc::FAMILY);
}

#[test]
fn what_is_excluded_moves_no_key_wherever_it_stands() {
    let stage = Stage::new();
    for family in [&rustc::FAMILY, &gnu::FAMILY] {
        let rows: Vec<&'static Row> = family.table.iter().filter(|r| r.bucket == Bucket::Excluded).collect();
        let extra = vec((select(rows), any::<Index>(), any::<Index>()), 1..4);
        let moved = Cell::new(0);
        run(300, &(said(family), extra), |((said, at), extra)| {
            let mut groups = groups(family, said.into_iter().map(|s| s.0), at);
            let plain = stage.key(family, &groups.concat());
            for (row, spelling, place) in extra {
                let all = spellings(family, row, "1");
                groups.insert(place.index(groups.len() + 1), spelling.get(&all).clone());
            }
            let with = groups.concat();
            prop_assert_eq!(&plain, &stage.key(family, &with), "{:?}", with);
            moved.set(moved.get() + usize::from(plain.is_ok()));
            Ok(())
        });
        assert!(moved.get() > 60, "{}: {} lines had a key", family.name, moved.get());
    }
}

/// Flags of real compiles: each with all its spellings. Some pairs of them say another thing in another order.
const GCC: &[&[&str]] = &[
    &["-O1"],
    &["-O2"],
    &["-g"],
    &["-DX=1", "-D X=1"],
    &["-DX=2", "-D X=2"],
    &["-UX", "-U X"],
    &["-I.", "-I ."],
    &["-Ia", "-I a"],
    &["-isystema", "-isystem a"],
    &["-include h.h"],
    &["-Wall"],
    &["-Wno-unused-variable"],
    &["-std=c11"],
    &["-fPIC"],
    &["-fno-builtin"],
    &["-MD"],
    &["-MT t", "-MTt"],
    &["-xc", "-x c"],
    &["", "-pipe", "--pipe"],
];

const RUSTC: &[&[&str]] = &[
    &["-Copt-level=1", "-C opt-level=1", "--codegen opt-level=1", "--codegen=opt-level=1"],
    &["-Copt-level=1", "-Copt_level=1"],
    &["-O"],
    &["-g", "-Cdebuginfo=2", "-C debuginfo=2"],
    &["--cfg x", "--cfg=x"],
    &["-Aunused", "-A unused", "--allow unused", "--allow=unused"],
    &["-Wunused", "--warn=unused"],
    &["--cap-lints warn", "--cap-lints=warn"],
    &["-Cmetadata=m", "-C metadata=m"],
    &["", "-Clinker=cc", "-C linker=gcc", "--codegen=linker=/usr/bin/cc"],
    &["", "-Cdlltool=x", "-C dlltool=y"],
    &["", "-Car=x", "-C ar=y"],
    &["", "-Cno-stack-check"],
];

fn words(text: &str) -> Vec<String> {
    text.split(' ').filter(|w| !w.is_empty()).map(str::to_string).collect()
}

/// Two lines of the same flags, spelled as chance will have it, the second with a pair of them in the other order half of
/// the time.
fn pair(flags: &'static [&'static [&'static str]]) -> impl Strategy<Value = [Vec<String>; 2]> {
    let one = (select(flags), any::<Index>(), any::<Index>())
        .prop_map(|(all, a, b)| (words(a.get::<&str>(all)), words(b.get::<&str>(all))));
    (vec(one, 1..7), any::<Index>(), any::<bool>()).prop_map(|(said, at, swap)| {
        let (a, mut b): (Vec<_>, Vec<_>) = said.into_iter().unzip();
        let n = b.len();
        let at = at.index(n);
        if swap {
            b.swap(at, (at + 1) % n);
        }
        [a.concat(), b.concat()]
    })
}

/// What a compile leaves: status, what it prints, and every file.
type Left = (Option<i32>, Vec<u8>, Vec<u8>, Vec<(PathBuf, Vec<u8>)>);

fn compile(stage: &Stage, program: &str, args: &[String]) -> Left {
    let out = stage.dir.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let mut c = std::process::Command::new(program);
    let Output { status, stdout, stderr } = c.args(args).current_dir(stage.dir.path()).output().unwrap();
    let mut files: Vec<_> = std::fs::read_dir(&out)
        .unwrap()
        .map(|e| e.unwrap().path())
        .map(|p| (p.clone(), std::fs::read(&p).unwrap()))
        .collect();
    files.sort();
    std::fs::remove_dir_all(&out).unwrap();
    (status.code(), stdout, stderr, files)
}

fn one_key_one_result(
    family: &'static Family,
    program: &str,
    cases: u32,
    flags: &'static [&'static [&'static str]],
    base: &[&str],
) {
    let stage = Stage::new();
    let source = "#include \"a.h\"\nstatic int unused; int f(int x) { return x * Y + __LINE__; }\n#ifdef X\nint x = X;\n#endif\n";
    for (name, text) in [
        ("f.c", source),
        ("a.h", "#define Y 1\n"),
        ("a/a.h", "#define Y 2\n"),
        ("h.h", "#ifndef X\n#define X 9\n#endif\n"),
        ("l.rs", "pub fn f(x: u32) -> u32 { let unused = 1; x + if cfg!(x) { 1 } else { line!() } }"),
    ] {
        let path = stage.dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    // Only pairs with one key are compiled, and chance decides how many those are.
    let alike = Cell::new(0);
    while alike.get() < 4 {
        run(cases, &pair(flags), |[a, b]| {
            let [a, b] = [a, b].map(|flags| [owned(base), flags].concat());
            let (one, other) = (stage.key(family, &a), stage.key(family, &b));
            if one.is_err() || one != other || a == b {
                return Ok(());
            }
            alike.set(alike.get() + 1);
            let (one, other) = (compile(&stage, program, &a), compile(&stage, program, &b));
            let texts = [&one, &other].map(|left| String::from_utf8_lossy(&left.2).into_owned());
            prop_assert!(one == other, "{:?} and {:?} have one key and differ; they print {:?}", a, b, texts);
            Ok(())
        });
    }
}

/// Found by the tests below: `-O` before `-C opt_level=1` counts, and what does nothing warns of that.
#[test]
fn what_chance_found_has_a_key_of_its_own() {
    let stage = Stage::new();
    let key = |flags: &[&str]| stage.key(&rustc::FAMILY, &owned(&[&["l.rs", "-O"], flags].concat())).unwrap();
    assert_ne!(key(&["-Copt-level=1"]), key(&["-Copt_level=1"]));
    assert_eq!(key(&["-Cextra-filename=1"]), key(&["-Cextra_filename=1"]));
    assert_ne!(key(&[]), key(&["-Car=x"]));
    assert_ne!(key(&[]), key(&["-Cno-stack-check"]));
}

#[test]
fn one_key_is_one_result_of_gcc() {
    one_key_one_result(&gnu::FAMILY, "gcc", 60, GCC, &["-c", "f.c", "-o", "out/f.o"]);
}

#[test]
fn one_key_is_one_result_of_rustc() {
    let base = ["l.rs", "--crate-type=lib", "--emit=metadata,link,dep-info", "--out-dir=out"];
    one_key_one_result(&rustc::FAMILY, "rustc", 14, RUSTC, &base);
}
