//! Build scripts of cargo: the variables that cargo and other scripts give them, and the commit that is checked out.

use super::case::{Case, Expect::Follows, Expect::Hits};
use super::project::TestProject;
use super::scripts::{project, saying, script, source};
use super::sources::package;

const GIVEN: &str = "https://doc.rust-lang.org/cargo/reference/environment-variables.html#environment-variables-cargo-sets-for-build-scripts";
const LINKS: &str = "https://doc.rust-lang.org/cargo/reference/build-scripts.html#the-links-manifest-key";
const WORKTREES: &str = "https://git-scm.com/docs/git-worktree";

pub const CASES: &[Case] = &[
    Case {
        name: "script-profile",
        about: "a build script writes the optimisation level that cargo names, and the profile changes",
        source: GIVEN,
        expect: Follows,
        set_up: |s| {
            script(s, r#"format!("{} {} {}", var("PROFILE"), var("OPT_LEVEL"), var("DEBUG"))"#);
            s.env("CARGO_PROFILE_DEV_OPT_LEVEL", "0")
        },
        change: |s| s.env("CARGO_PROFILE_DEV_OPT_LEVEL", "2"),
    },
    Case {
        name: "script-cfg",
        about: "a build script writes the value of a CARGO_CFG variable, which RUSTFLAGS set",
        source: GIVEN,
        expect: Follows,
        set_up: |s| script(s, r#"var("CARGO_CFG_CHOSEN")"#).env("RUSTFLAGS", "--cfg chosen=\"one\""),
        change: |s| s.env("RUSTFLAGS", "--cfg chosen=\"two\""),
    },
    Case {
        name: "script-flags",
        about: "a build script writes CARGO_ENCODED_RUSTFLAGS, and another flag is given",
        source: GIVEN,
        expect: Follows,
        set_up: |s| script(s, r#"var("CARGO_ENCODED_RUSTFLAGS")"#).env("RUSTFLAGS", "-Cdebuginfo=0"),
        change: |s| s.env("RUSTFLAGS", "-Cdebuginfo=1"),
    },
    Case {
        name: "script-linker",
        about: "a build script writes the linker that cargo names, and another one is configured",
        source: GIVEN,
        expect: Follows,
        set_up: |s| {
            s.script("tools/one", "exec cc \"$@\"").script("tools/two", "exec cc \"$@\"").on_x86();
            script(s, r#"var("RUSTC_LINKER")"#).env(LINKER, "{w}/tools/one")
        },
        change: |s| s.env(LINKER, "{w}/tools/two"),
    },
    Case {
        name: "script-jobs",
        about: "a build script writes how many jobs cargo may run, and another number is given",
        source: GIVEN,
        expect: Follows,
        set_up: |s| script(s, r#"var("NUM_JOBS")"#).instead().cargo("build --offline -q -j 2"),
        change: |s| s.instead().cargo("build --offline -q -j 3"),
    },
    Case {
        name: "script-jobs-unread",
        about: "another number of jobs is given, and a build script does not ask for it",
        source: GIVEN,
        expect: Hits,
        set_up: |s| script(s, r#"var("HOST")"#).instead().cargo("build --offline -q -j 2"),
        change: |s| s.instead().cargo("build --offline -q -j 3"),
    },
    Case {
        name: "script-unrelated",
        about: "a variable changes, a file appears, and all sources are touched; a build script looks at other things",
        source: "https://github.com/rust-lang/cargo/issues/14136",
        expect: Hits,
        set_up: |s| {
            script(s, r#"fs::read_to_string("data").unwrap() + &var("CHOSEN")"#).write("data", "x");
            s.env("CHOSEN", "one")
        },
        change: |s| s.env("OTHER", "1").write("other", "").plainly("touch data build.rs src/main.rs"),
    },
    Case {
        name: "script-package-description",
        about: "the description of the package changes, which a build script writes",
        source: GIVEN,
        expect: Follows,
        set_up: |s| {
            script(s, r#"var("CARGO_PKG_DESCRIPTION")"#);
            s.write("Cargo.toml", &package("p", "description = \"one\"\n[workspace]\n"))
        },
        change: |s| s.write("Cargo.toml", &package("p", "description = \"two\"\n[workspace]\n")),
    },
    Case {
        name: "script-configured-variable",
        about: "the [env] table of cargo's configuration gives a build script another value",
        source: "https://doc.rust-lang.org/cargo/reference/config.html#env",
        expect: Follows,
        set_up: |s| script(s, r#"var("CHOSEN")"#).write(".cargo/config.toml", "[env]\nCHOSEN = \"one\"\n"),
        change: |s| s.write(".cargo/config.toml", "[env]\nCHOSEN = \"two\"\n"),
    },
    Case {
        name: "script-metadata",
        about: "a build script writes what the script of a dependency said, by a variable with dots in its name",
        source: LINKS,
        expect: Follows,
        set_up: |s| {
            depending(
                s,
                r#"println!("cargo::metadata=include.dir={}", fs::read_to_string("chosen").unwrap());"#,
            );
            s.write("native/chosen", "one")
        },
        change: |s| s.write("native/chosen", "two"),
    },
    Case {
        name: "script-metadata-path",
        about: "a build script reads a header in the OUT_DIR of a dependency, whose script makes it from an edited file",
        source: LINKS,
        expect: Follows,
        set_up: |s| {
            depending(
                s,
                r#"fs::copy("chosen", out("header")).unwrap();
                println!("cargo::metadata=include.dir={}", out("header"));"#,
            );
            s.write("build.rs", &saying(&format!("fs::read_to_string(var({HANDED:?})).unwrap()")));
            s.write("native/chosen", "one")
        },
        change: |s| s.write("native/chosen", "two"),
    },
    Case {
        name: "script-git-worktree",
        about: "a build script asks git for the commit, in a worktree where another one is checked out",
        source: WORKTREES,
        expect: Follows,
        set_up: |s| repository(script(s, r#"run("git", &["rev-parse", "HEAD"])"#)),
        change: |s| {
            s.shell("git worktree add -q --detach ../another && cd ../another && git commit -q --allow-empty -m two");
            s.elsewhere_in("another")
        },
    },
    Case {
        name: "script-git-worktree-files",
        about: "a build script follows .git to the commit by itself, in a worktree where another one is checked out",
        source: WORKTREES,
        expect: Follows,
        set_up: |s| repository(script(s, FOLLOWS_GIT)),
        change: |s| {
            s.shell("git worktree add -q --detach ../another && cd ../another && git commit -q --allow-empty -m two");
            s.elsewhere_in("another")
        },
    },
    Case {
        name: "script-git-described",
        about: "a build script has git describe the commit, and a tag is put on it",
        source: "https://docs.rs/vergen-gitcl/latest/vergen_gitcl/",
        expect: Follows,
        set_up: |s| repository(script(s, r#"run("git", &["describe", "--always", "--tags"])"#)),
        change: |s| s.shell("git tag v2"),
    },
    Case {
        name: "script-git-dirty",
        about: "a build script has git say whether files are changed, and one is edited",
        source: "https://docs.rs/vergen-gitcl/latest/vergen_gitcl/struct.GitclBuilder.html#method.dirty",
        expect: Follows,
        set_up: |s| {
            repository(script(s, r#"run("git", &["status", "--porcelain", "--untracked-files=no"])"#))
        },
        change: |s| s.write("data", "two"),
    },
    Case {
        name: "script-git-untracked",
        about: "a build script has git list the files that are not in the index, and one appears",
        source: "https://git-scm.com/docs/git-status",
        expect: Follows,
        set_up: |s| repository(script(s, r#"run("git", &["status", "--porcelain"])"#)),
        change: |s| s.write("new", ""),
    },
    Case {
        name: "script-lock-file",
        about: "a build script writes the versions in Cargo.lock, which is above its package and edited",
        source: "https://docs.rs/built/latest/built/",
        expect: Follows,
        set_up: |s| {
            s.write("Cargo.toml", "[workspace]\nmembers = [\"p\"]\nresolver = \"2\"\n");
            let reads = r#"let mut dir = Path::new(&var("CARGO_MANIFEST_DIR")).to_path_buf();
                while !dir.join("Cargo.lock").exists() { assert!(dir.pop()); }
                fs::read_to_string(dir.join("Cargo.lock")).unwrap().lines().last().unwrap().to_string()"#;
            s.write("p/Cargo.toml", &package("p", "")).write("p/build.rs", &saying(reads));
            s.write("p/src/main.rs", super::scripts::MAIN).shell("cargo generate-lockfile --offline -q");
            s.shell("echo '# one' >> Cargo.lock")
                .cargo("build --offline -q --locked")
                .prints("target/debug/p")
        },
        change: |s| s.shell("sed -i 's/# one/# two/' Cargo.lock"),
    },
];

const LINKER: &str = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER";
/// The variable of [`depending`].
const HANDED: &str = "DEP_NA.TIVE_INCLUDE.DIR";

/// A package that says what the script of its dependency has handed on.
fn depending<'p>(s: &'p mut TestProject, statements: &str) -> &'p mut TestProject {
    project(s, &saying(&format!("var({HANDED:?})")));
    s.write("Cargo.toml", &package("p", "[dependencies]\nnative = { path = \"native\" }\n[workspace]\n"));
    s.write("native/Cargo.toml", &package("native", "links = \"na.tive\"\n")).write("native/src/lib.rs", "");
    s.write("native/build.rs", &source(statements)).cargo("build --offline -q").prints("target/debug/p")
}

/// A repository with one commit, in which all that builds leave is ignored.
fn repository(s: &mut TestProject) -> &mut TestProject {
    s.need("git").write("data", "one").write(".gitignore", "/target\n/out\n/Cargo.lock\n");
    for (name, value) in [("GIT_AUTHOR_NAME", "n"), ("GIT_AUTHOR_EMAIL", "e")] {
        s.env(name, value).env(&name.replace("AUTHOR", "COMMITTER"), value);
    }
    s.shell("git init -q . && git add . && git commit -qm one")
}

/// As crates do that need no git: `.git` may be a file that leads to a directory, and `HEAD` the name of a file with the commit.
const FOLLOWS_GIT: &str = r#"let mut dir = here(".git");
    if let Ok(text) = fs::read_to_string(&dir) { dir = text.trim().strip_prefix("gitdir: ").unwrap().to_string(); }
    let head = fs::read_to_string(format!("{dir}/HEAD")).unwrap();
    match head.trim().strip_prefix("ref: ") {
        Some(name) => fs::read_to_string(format!("{dir}/{name}")).unwrap(),
        None => head,
    }"#;
