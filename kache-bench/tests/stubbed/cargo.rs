//! A cargo that calls compilers for a workspace as cargo does, as far as a cache can tell: the wrapper in front, relative
//! sources, absolute output directories, hashes in names, what a package is in variables. It knows `build` and `clean`; of a
//! manifest it reads the name, the kind, and which members it needs. What is there it takes for fresh.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// A member of the workspace.
struct Package {
    name: String,
    /// Its directory, as members are listed.
    dir: String,
    manifest: String,
}

impl Package {
    fn read(dir: String) -> Option<Package> {
        let manifest = fs::read_to_string(Path::new(&dir).join("Cargo.toml")).ok()?;
        let name = manifest.lines().find_map(|l| l.strip_prefix("name = \"")?.strip_suffix('"'))?.to_string();
        Some(Package { name, dir, manifest })
    }

    fn crate_name(&self) -> String {
        self.name.replace('-', "_")
    }

    fn is_program(&self) -> bool {
        Path::new(&self.dir).join("src/main.rs").exists()
    }

    fn kind(&self) -> &'static str {
        match () {
            () if self.manifest.contains("proc-macro = true") => "proc-macro",
            () if self.manifest.contains("crate-type = [\"cdylib\"]") => "cdylib",
            () if self.is_program() => "bin",
            () => "lib",
        }
    }

    /// The same in each checkout, as cargo's is.
    fn hash(&self) -> String {
        let hash = self
            .name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        format!("{hash:016x}")
    }

    /// What others link.
    fn artifact(&self, deps: &Path) -> PathBuf {
        let (name, hash) = (self.crate_name(), self.hash());
        deps.join(if self.kind() == "lib" {
            format!("lib{name}-{hash}.rlib")
        } else {
            format!("{name}-{hash}.exe")
        })
    }

    fn needs<'a>(&self, all: &'a BTreeMap<String, Package>) -> impl Iterator<Item = &'a Package> {
        let text = self.manifest.split_once("\n[dependencies]").map_or("", |(_, rest)| rest).to_string();
        let text = text.split("\n[").next().unwrap_or_default().to_string();
        let is_needed = move |p: &&Package| text.lines().any(|l| l == format!("{}.workspace = true", p.name));
        all.values().filter(is_needed)
    }
}

/// Like cargo.
pub fn cargo(args: &[String]) -> ExitCode {
    let cwd = std::env::current_dir().expect("there is a working directory");
    let target = cwd.join("target");
    match args.first().map(String::as_str) {
        Some("build") => build(&target),
        // There may be none.
        Some("clean") => fs::remove_dir_all(target).map_or(ExitCode::from(1), |()| ExitCode::SUCCESS),
        _ => {
            eprintln!("error: this is a stub; it knows `build` and `clean`");
            ExitCode::from(101)
        }
    }
}

fn build(target: &Path) -> ExitCode {
    let deps = target.join("debug").join("deps");
    fs::create_dir_all(&deps).expect("room for a directory");
    fs::write(target.join("CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55")
        .expect("room for a file");
    let dirs = ["crates", "vendor"].iter().flat_map(|dir| {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries.filter_map(move |e| Package::read(format!("{dir}/{}", e.file_name().to_str()?)))
    });
    let all: BTreeMap<String, Package> = dirs.map(|p| (p.name.clone(), p)).collect();
    let mut order = Vec::new();
    all.values().for_each(|p| visit(p, &all, &mut order));
    let good = !order.is_empty() && order.iter().all(|p| compile(p, &all, &deps) && compile_c(p, target));
    if good { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

/// What is needed comes first.
fn visit<'a>(package: &'a Package, all: &'a BTreeMap<String, Package>, order: &mut Vec<&'a Package>) {
    if order.iter().any(|p| p.name == package.name) {
        return;
    }
    package.needs(all).for_each(|p| visit(p, all, order));
    order.push(package);
}

fn compile(package: &Package, all: &BTreeMap<String, Package>, deps: &Path) -> bool {
    if package.artifact(deps).exists() {
        return true;
    }
    let mut command = match std::env::var_os("RUSTC_WRAPPER").filter(|w| !w.is_empty()) {
        Some(wrapper) => {
            let mut command = Command::new(wrapper);
            command.arg("rustc");
            command
        }
        None => Command::new("rustc"),
    };
    let (name, hash) = (package.crate_name(), package.hash());
    let source = if package.is_program() { "main.rs" } else { "lib.rs" };
    let source = Path::new(&package.dir).join("src").join(source);
    command.args(["--crate-name", &name, "--edition=2024"]).arg(source);
    command.args(["--crate-type", package.kind(), "--emit=dep-info,metadata,link"]);
    command.args(["-C", &format!("metadata={hash}"), "-C", &format!("extra-filename=-{hash}")]);
    command.arg("--out-dir").arg(deps).arg("-L").arg(format!("dependency={}", deps.display()));
    for needed in package.needs(all) {
        command.arg("--extern");
        command.arg(format!("{}={}", needed.crate_name(), needed.artifact(deps).display()));
    }
    let manifest_dir = std::env::current_dir().expect("there is a working directory").join(&package.dir);
    command.env("CARGO_MANIFEST_DIR", manifest_dir).env("CARGO_PKG_NAME", &package.name);
    command.env("CARGO_PKG_VERSION", "0.3.1").env("CARGO_CRATE_NAME", name);
    run(command)
}

/// As the cc crate does: the compiler's variable may have a wrapper in it.
fn compile_c(package: &Package, target: &Path) -> bool {
    let Ok(cc) = std::env::var("CC") else { return true };
    let sources = fs::read_dir(Path::new(&package.dir).join("csrc")).into_iter().flatten().flatten();
    let sources = sources.map(|e| e.path()).filter(|path| path.extension().is_some_and(|e| e == "c"));
    let out =
        target.join("debug").join("build").join(format!("{}-{}", package.name, package.hash())).join("out");
    sources.into_iter().all(|source| {
        let object = out.join(source.with_extension("o").file_name().expect("it has a name"));
        let mut words: Vec<&str> = cc.rsplitn(2, ' ').collect();
        words.reverse();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg("-c").arg(&source).arg("-o").arg(&object);
        object.exists() || (fs::create_dir_all(&out).is_ok() && run(command))
    })
}

fn run(mut command: Command) -> bool {
    match command.status() {
        Ok(status) => status.success(),
        Err(e) => {
            eprintln!("error: cannot run {command:?}: {e}");
            false
        }
    }
}
