//! What a hit is made of: hashing, the key, the lookup, the restore, and the whole process.
//!
//! `cargo bench -p kache`. The crate compiled here has 20 source files and 10 dependencies.
#![allow(missing_docs, reason = "criterion's macro makes a public function")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kache_core::action::Request;
use kache_core::digest::Digest;
use kache_core::eval::EvalContext;
use kache_core::frontend::{Context, Frontend, Planned};
use kache_core::restore;
use kache_core::settings::Settings;
use kache_core::store::Store;
use kache_core::store::manifest::Manifest;
use kache_core::store::result::ActionResult;
use kache_core::timer::Timer;
use kache_frontends::rustc::FAMILY;
use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

struct Scene {
    dir: TempDir,
    args: Vec<String>,
}

impl Scene {
    fn new() -> Scene {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let at = |p: &str| dir.path().join(p);
        fs::create_dir_all(at("w/src")).expect("a directory");
        fs::create_dir_all(at("w/.git")).expect("a directory");
        let deps = at("w/target/debug/deps");
        fs::create_dir_all(&deps).expect("a directory");
        fs::write(at("w/target/CACHEDIR.TAG"), "").expect("a file");
        let mut args: Vec<String> =
            ["rustc", "--crate-name=twenty", "--edition=2024", "src/lib.rs", "--crate-type=lib"]
                .map(String::from)
                .into();
        args.extend(
            ["--emit=dep-info,metadata,link", "-Cdebuginfo=2", "--error-format=json"].map(String::from),
        );
        args.push("--json=diagnostic-rendered-ansi,artifacts,future-incompat".into());
        args.push(format!("--out-dir={}", deps.display()));
        args.push(format!("-Ldependency={}", deps.display()));
        let mut root = String::new();
        for i in 0..19 {
            let functions: String =
                (0..10).map(|j| format!("pub fn f{j}(x: u32) -> u32 {{ x + {j} }}\n")).collect();
            fs::write(at(&format!("w/src/m{i}.rs")), functions).expect("a file");
            root += &format!("pub mod m{i};\n");
        }
        for i in 0..10 {
            let source = at(&format!("w/e{i}.rs"));
            fs::write(&source, format!("pub fn e{i}() {{}}")).expect("a file");
            let mut rustc = Command::new("rustc");
            rustc.arg(&source).args(["--crate-type=lib", "--out-dir"]).arg(&deps);
            assert!(rustc.status().expect("rustc").success());
            args.push(format!("--extern=e{i}={}", deps.join(format!("libe{i}.rlib")).display()));
            root += &format!("pub use e{i}::*;\n");
        }
        fs::write(at("w/src/lib.rs"), root).expect("a file");
        let scene = Scene { dir, args };
        assert!(scene.wrapper().status().expect("the wrapper").success());
        scene
    }

    fn cache(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    fn cwd(&self) -> PathBuf {
        self.dir.path().join("w")
    }

    fn wrapper(&self) -> Command {
        let mut c = Command::new(env!("CARGO_BIN_EXE_kache"));
        c.args(&self.args).current_dir(self.cwd()).env("KACHE_CACHE_DIR", self.cache());
        c.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        c
    }

    fn request(&self) -> Request {
        Request::new("rustc", self.args[1..].iter().map(Into::into).collect(), self.cwd())
    }
}

fn parts(c: &mut Criterion) {
    let scene = Scene::new();
    let store = Store::open(&scene.cache()).expect("the store");
    let (settings, timer) = (Settings::load(&scene.cwd()), Timer::start());
    let context = Context { store: &store, settings: &settings, timer: &timer, literal_paths: false };
    let plan = || FAMILY.plan(&scene.request(), &context).expect("a command line that is understood");
    let Planned { action, plan: planned } = plan();
    let roots = &action.roots;

    let mut group = c.benchmark_group("hash");
    let bytes = vec![7u8; 1 << 20];
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("1 MiB", |b| b.iter(|| Digest::of(black_box(&bytes))));
    group.finish();
    let source = scene.cwd().join("src/lib.rs");
    c.bench_function("file digest, known", |b| {
        b.iter(|| store.table.file(black_box(&source)).expect("a digest"))
    });
    c.bench_function("plan", |b| b.iter(|| black_box(plan())));

    let view = EvalContext { table: &store.table, roots, cwd: &action.cwd, plan: &*planned };
    let look = || {
        let manifest =
            Manifest::load(&store, &action.key).expect("the manifest of what the wrapper compiled");
        let entry = &manifest.entries[0];
        assert!(view.holds(&entry.dependencies, &mut Default::default()));
        entry.result
    };
    c.bench_function("lookup", |b| b.iter(look));
    let result = look();
    c.bench_function("restore", |b| {
        b.iter(|| {
            let result = ActionResult::load(&store, &result).expect("the result");
            restore::outputs(&store, &result, roots, &action.outputs).expect("a restore").expect("whole")
        })
    });
    c.bench_function("a hit, process start to exit", |b| {
        b.iter(|| assert!(scene.wrapper().status().expect("the wrapper").success()))
    });
}

criterion_group!(benches, parts);
criterion_main!(benches);
