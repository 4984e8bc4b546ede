//! Each kind of dependency: its value follows what it names, and nothing else.

use super::*;
use crate::store::Store;
use std::os::unix::fs::{PermissionsExt, symlink};

/// A front end whose only computed dependency is `shout`.
struct Shout;

impl Evaluate for Shout {
    fn compute(&self, function: &str, name: &[u8], _: &EvalContext) -> io::Result<Computed> {
        match function {
            "shout" => Ok(Computed::Text(name.to_ascii_uppercase())),
            _ => Err(io::Error::other("unknown")),
        }
    }

    fn contents_of(&self, _: &str, _: &[u8], _: &EvalContext) -> Option<PathBuf> {
        None
    }

    fn ignores_variable(&self, _: &[u8], _: bool) -> bool {
        true
    }

    fn shows_variable(&self, name: &[u8]) -> bool {
        name == b"PATH"
    }
}

struct Place {
    dir: tempfile::TempDir,
    store: Store,
    roots: Roots,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("cache")).unwrap();
        let work = dir.path().join("w");
        std::fs::create_dir_all(work.join("d")).unwrap();
        std::fs::write(work.join("f"), "one").unwrap();
        std::fs::write(work.join("d/x"), "").unwrap();
        symlink("f", work.join("l")).unwrap();
        let mut roots = Roots::default();
        roots.add("workspace", work, None);
        Place { dir, store, roots }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join("w").join(name)
    }

    fn view(&self) -> EvalContext<'_> {
        EvalContext { table: &self.store.table, roots: &self.roots, cwd: self.dir.path(), plan: &Shout }
    }

    fn evaluate(&self, dependency: &Dependency) -> io::Result<EvaluatedDependency> {
        self.view().evaluate(dependency)
    }
}

#[test]
fn a_dependency_changes_with_what_it_names_and_with_nothing_else() {
    type Change = fn(&Place);
    let cases: &[(Kind, &str, Change)] = &[
        (Kind::File, "<workspace>/f", |p| std::fs::write(p.at("f"), "another").unwrap()),
        (Kind::Path, "<workspace>/new", |p| std::fs::write(p.at("new"), "").unwrap()),
        (Kind::Missing, "<workspace>/d\0a\0b", |p| std::fs::write(p.at("d/b"), "").unwrap()),
        (Kind::Listing, "<workspace>/d", |p| std::fs::write(p.at("d/y"), "").unwrap()),
        (Kind::Tree, "<workspace>", |p| std::fs::write(p.at("d/x"), "text").unwrap()),
        (Kind::Link, "<workspace>/l", |p| {
            std::fs::remove_file(p.at("l")).unwrap();
            symlink("d", p.at("l")).unwrap();
        }),
        (Kind::LeadsTo, "<workspace>/l", |p| std::fs::remove_file(p.at("l")).unwrap()),
        (Kind::Status, "<workspace>/f", |p| {
            std::fs::set_permissions(p.at("f"), PermissionsExt::from_mode(0o700)).unwrap()
        }),
    ];
    for (kind, name, change) in cases {
        let place = Place::new();
        let dependency = Dependency::new(*kind, *name);
        let before = place.evaluate(&dependency).unwrap();
        assert_eq!(place.evaluate(&dependency).unwrap(), before, "{}", dependency.label());
        std::fs::write(place.dir.path().join("elsewhere"), "").unwrap();
        assert_eq!(place.evaluate(&dependency).unwrap(), before, "{}", dependency.label());
        change(&place);
        let after = place.evaluate(&dependency).map(|e| e.digest).ok();
        assert_ne!(after, Some(before.digest), "{}", dependency.label());
    }
}

#[test]
fn a_list_of_directories_is_portable_in_each_of_its_parts() {
    let place = Place::new();
    let view = place.view();
    let list = format!("{}:/usr/lib:{}", place.at("d").display(), place.at("e").display());
    assert_eq!(view.portable_list(list.as_bytes()), b"<workspace>/d:/usr/lib:<workspace>/e");
}

#[test]
fn the_job_server_is_no_part_of_the_flags_of_make() {
    let flags = b"ks -j8 --jobserver-auth=3,4 -- V=1";
    assert_eq!(without_job_server(b"MAKEFLAGS", flags), b"ks -- V=1");
    assert_eq!(without_job_server(b"CARGO_MAKEFLAGS", b"-j --jobserver-fds=3,4 --jobserver-auth=3,4"), b"");
    assert_eq!(without_job_server(b"OTHER", flags), flags);
}

#[test]
fn what_the_kernel_makes_up_while_it_is_read_is_not_a_file() {
    let place = Place::new();
    std::os::unix::fs::symlink("/proc/self/limits", place.at("limits")).unwrap();
    assert!(place.evaluate(&Dependency::new(Kind::File, "<workspace>/limits")).is_err());
}

#[test]
fn a_computed_dependency_is_asked_of_the_front_end() {
    let place = Place::new();
    let known = Dependency::computed("shout", "a");
    let value = place.evaluate(&known).unwrap();
    assert_eq!((known.label().as_str(), value.text.as_str()), ("shout a", "A"));
    assert!(place.evaluate(&Dependency::computed("other", "a")).is_err());
}

#[test]
fn a_set_holds_only_if_every_dependency_can_be_read_and_is_equal() {
    let place = Place::new();
    let view = place.view();
    let recorded = |kind, name: &str| {
        let dependency = Dependency::new(kind, name);
        let digest = view.digest(&dependency).unwrap();
        RecordedDependency { dependency, digest }
    };
    let set = [recorded(Kind::File, "<workspace>/f"), recorded(Kind::Path, "<workspace>/none")];
    assert!(view.holds(&set, &mut HashMap::default()));
    let other_root = RecordedDependency {
        dependency: Dependency::new(Kind::File, "<elsewhere>/f"),
        digest: set[0].digest,
    };
    assert!(!view.holds(&[other_root], &mut HashMap::default()));
    std::fs::remove_file(place.at("f")).unwrap();
    assert!(!view.holds(&set, &mut HashMap::default()));
}

#[test]
fn the_value_of_a_variable_that_may_be_a_secret_is_not_shown() {
    let place = Place::new();
    let shown = place.evaluate(&Dependency::new(Kind::Env, "PATH")).unwrap();
    assert_eq!(shown.text, std::env::var("PATH").unwrap());
    let secret = place.evaluate(&Dependency::new(Kind::Env, "CARGO_MANIFEST_DIR")).unwrap();
    assert_eq!(secret.text, secret.digest.hex());
    assert_eq!(place.evaluate(&Dependency::new(Kind::EnvAll, "")).unwrap().digest, Digest::of(b""));
}
