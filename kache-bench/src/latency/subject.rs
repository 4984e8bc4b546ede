//! The compiled sources, generated, so that they are the same everywhere and have the stated size.

use crate::backend::Language;
use crate::error::{Error, Result};
use crate::system::child;
use crate::system::environment::Environment;
use crate::system::files;
use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Number of sources in the Rust crate.
const SOURCES: usize = 20;
/// Number of its dependencies.
const EXTERNS: usize = 10;

pub(super) struct Subject {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) language: Language,
    pub(super) dir: PathBuf,
    /// The compiler itself, without a proxy, which would be measured as well.
    pub(super) compiler: PathBuf,
    pub(super) compile: Vec<OsString>,
    /// Arguments of a query.
    pub(super) probe: Vec<OsString>,
    pub(super) environment: Vec<(OsString, OsString)>,
    /// The source that changes for a miss, its text, and the prefix of the changing number. The change is not
    /// a comment, which a cache that hashes preprocessed sources would ignore.
    varied: (PathBuf, String, &'static str),
    /// Directory and name prefix of outputs.
    outputs: (PathBuf, &'static str),
}

impl Subject {
    /// Changes the source, differently for each number.
    pub(super) fn change_source(&self, number: usize) -> Result<()> {
        let (file, text, before) = &self.varied;
        files::write(file, format!("{text}{before}{number};\n"))
    }

    pub(super) fn clear(&self) -> Result<()> {
        let (dir, start) = &self.outputs;
        for entry in fs::read_dir(dir).map_err(Error::io("list", dir))?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(start) {
                fs::remove_file(entry.path()).map_err(Error::io("remove", &entry.path()))?;
            }
        }
        Ok(())
    }
}

pub(super) fn all(root: &Path) -> Result<Vec<Subject>> {
    Ok(vec![
        rust(&root.join("rust"))?,
        c(&root.join("c"), "cc", "a C source with 300 headers", 300)?,
        c(&root.join("cxx"), "c++", "a C++ source with 450 headers", 450)?,
    ])
}

fn rust(dir: &Path) -> Result<Subject> {
    let compiler = rustc()?;
    let deps = dir.join("target/debug/deps");
    project(dir)?;
    files::create_dir(&deps)?;
    files::write(&dir.join("target/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n")?;
    files::write(
        &dir.join("Cargo.toml"),
        "[package]\nname = \"subject\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
    )?;
    let mut root = String::new();
    for at in 1..SOURCES {
        let functions: String =
            (0..10).map(|f| format!("/// Adds.\npub fn f{f}(x: u32) -> u32 {{ x + {f} }}\n")).collect();
        files::write(&dir.join(format!("src/m{at}.rs")), &functions)?;
        writeln!(root, "pub mod m{at};").expect("writing to a String cannot fail");
    }
    let flags = "--crate-name subject --edition=2024 src/lib.rs --error-format=json \
        --json=diagnostic-rendered-ansi,artifacts,future-incompat --crate-type lib \
        --emit=dep-info,metadata,link -C embed-bitcode=no -C debuginfo=2 -C metadata=0123456789abcdef \
        -C extra-filename=-0123456789abcdef";
    let mut compile: Vec<OsString> = flags.split(' ').map(OsString::from).collect();
    compile.extend(["--out-dir".into(), deps.clone().into(), "-L".into()]);
    compile.push(["dependency=".as_ref(), deps.as_os_str()].join(OsStr::new("")));
    for at in 0..EXTERNS {
        let source = dir.join(format!("extern/e{at}.rs"));
        files::write(&source, format!("/// A value.\npub fn e{at}() -> u32 {{ {at} }}\n"))?;
        let rlib = deps.join(format!("libe{at}.rlib"));
        let mut command = Command::new(&compiler);
        command.args(["--crate-type=lib", "--edition=2024"]).arg(&source).arg("-o").arg(&rlib);
        succeed(&mut command)?;
        compile.push("--extern".into());
        compile.push([format!("e{at}=").as_ref(), rlib.as_os_str()].join(OsStr::new("")));
        writeln!(root, "pub use e{at}::*;").expect("writing to a String cannot fail");
    }
    let source = dir.join("src/lib.rs");
    files::write(&source, &root)?;
    let cargo =
        [("CARGO_PKG_NAME", "subject"), ("CARGO_PKG_VERSION", "0.1.0"), ("CARGO_CRATE_NAME", "subject")];
    let mut environment: Vec<(OsString, OsString)> =
        cargo.iter().map(|(name, value)| (name.into(), value.into())).collect();
    environment.push(("CARGO_MANIFEST_DIR".into(), dir.into()));
    Ok(Subject {
        name: "rustc",
        what: "a Rust crate of 20 sources with 10 dependencies",
        language: Language::Rust,
        dir: dir.to_path_buf(),
        compiler,
        compile,
        // Not `-vV`, whose answer kache stores.
        probe: vec!["--explain".into(), "E0308".into()],
        environment,
        varied: (source, root, "/// Varied.\npub const VARIED: usize = "),
        outputs: (deps, "libsubject-"),
    })
}

fn c(dir: &Path, name: &'static str, what: &'static str, headers: usize) -> Result<Subject> {
    project(dir)?;
    files::create_dir(&dir.join("out"))?;
    let mut text = String::new();
    for at in 0..headers {
        let header = format!(
            "#ifndef H{at}\n#define H{at}\nstruct s{at} {{ int a; long b; }};\n\
             static inline long f{at}(struct s{at} *s) {{ return s->a + s->b; }}\n#endif\n"
        );
        files::write(&dir.join(format!("include/h{at}.h")), &header)?;
        writeln!(text, "#include \"h{at}.h\"").expect("writing to a String cannot fail");
    }
    text += "long sum(struct s0 *s) { return f0(s); }\n";
    let source = if name == "cc" { "subject.c" } else { "subject.cpp" };
    files::write(&dir.join(source), &text)?;
    let compile =
        ["-O1", "-g", "-Iinclude", "-MD", "-MF", "out/subject.d", "-c", source, "-o", "out/subject.o"];
    Ok(Subject {
        name,
        what,
        language: Language::C,
        dir: dir.to_path_buf(),
        compiler: on_path(name)?,
        compile: compile.map(OsString::from).into(),
        probe: vec!["--version".into()],
        environment: Vec::new(),
        varied: (dir.join(source), text, "int varied = "),
        outputs: (dir.join("out"), "subject."),
    })
}

/// A directory that caches recognise as a project: a repository.
fn project(dir: &Path) -> Result<()> {
    files::create_dir(dir)?;
    git2::Repository::init(dir).map_err(|e| Error::run(format!("git: {}", e.message())).at(dir.display()))?;
    Ok(())
}

/// The compiler that `rustc` on `PATH` executes.
fn rustc() -> Result<PathBuf> {
    let mut command = Command::new("rustc");
    command.args(["--print", "sysroot"]);
    let sysroot = succeed(&mut command)?;
    Ok(Path::new(sysroot.trim()).join("bin/rustc"))
}

fn on_path(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file());
    found.ok_or_else(|| Error::input(format!("`{name}` is not on PATH")).remedy("install gcc or clang"))
}

/// What a command prints with the kept part of the caller's environment.
fn succeed(command: &mut Command) -> Result<String> {
    let command = command.env_clear().envs(Environment::of_caller().iter());
    let output = child::succeed(command).map_err(|e| e.remedy("install Rust"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
