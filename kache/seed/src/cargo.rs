//! What cargo was asked for: its command line, its variables and its configuration files, as far as they tell two builds apart and
//! say where the target directory is.
//!
//! Nothing here decides whether a unit is right: cargo compares fingerprints, and kache dependencies. A build that is taken
//! for another one costs files that nobody uses, and no more. A build that is not understood is not seeded.

use kache_core::paths::absolute;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// Commands of cargo that build, with their short names.
const COMMANDS: &[&str] = &[
    "bench", "build", "b", "check", "c", "doc", "d", "install", "run", "r", "rustc", "rustdoc", "test", "t",
];

/// A command line of cargo.
#[derive(Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// The words that choose what is built and how.
    pub words: Vec<String>,
    pub target_dir: Option<PathBuf>,
    pub manifest: Option<PathBuf>,
}

impl CommandLine {
    /// `args` begins with the name of the program.
    pub fn read(args: &[OsString]) -> Option<CommandLine> {
        let program = Path::new(args.first()?).file_stem()?;
        if program != "cargo" {
            return None;
        }
        let mut line = CommandLine { words: Vec::new(), target_dir: None, manifest: None };
        let mut words = args[1..].iter().map(|word| word.to_str());
        while let Some(word) = words.next() {
            let word = word?;
            let (name, given) = match word.split_once('=') {
                Some((name, value)) if word.starts_with("--") => (name, Some(value)),
                _ => (word, None),
            };
            let mut value = || given.map(str::to_string).or_else(|| words.next()?.map(str::to_string));
            match name {
                // The arguments of the program that is run.
                "--" => break,
                "-v" | "-q" | "--verbose" | "--quiet" => {}
                // What each script and compile printed is wanted.
                "-vv" => return None,
                "--color" => _ = value()?,
                // Kept warnings are shown as they were printed.
                "--message-format" => line.words.push(format!("--message-format={}", value()?)),
                "--target-dir" => line.target_dir = Some(value()?.into()),
                "--manifest-path" => line.manifest = Some(value()?.into()),
                // Configuration and layouts that are not read here.
                "--config" | "-C" | "--artifact-dir" | "--out-dir" | "--lockfile-path" => return None,
                _ if name.starts_with("-C") => return None,
                _ => line.words.push(word.to_string()),
            }
        }
        // `-Z` may come before the command, with its value.
        let is_value = |n: usize| n > 0 && line.words[n - 1] == "-Z";
        let mut named =
            line.words.iter().enumerate().filter(|(n, word)| !word.starts_with('-') && !is_value(*n));
        let (_, command) = named.next()?;
        COMMANDS.contains(&command.as_str()).then_some(line)
    }
}

/// The variables of cargo's environment that choose what is built and how.
pub fn counts(name: &OsStr) -> bool {
    const PLACES: &[&str] =
        &["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR", "CARGO_BUILD_BUILD_DIR"];
    let Some(name) = name.to_str() else { return false };
    // Of the job server there is the number of a descriptor in what cargo hands on.
    (name.starts_with("CARGO_") || name.starts_with("RUST") || name == "MAKEFLAGS")
        && !name.starts_with("CARGO_TERM_")
        && !PLACES.contains(&name)
        && !["CARGO_LOG", "RUST_LOG", "RUST_BACKTRACE", "RUSTC_WRAPPER"].contains(&name)
}

/// Whether flags for the compiler name a file of further ones: what cargo asks the compiler, and tells scripts, depends on it.
pub fn names_flags_file(name: &OsStr, value: &OsStr) -> bool {
    let is_flags = name.to_str().is_some_and(|name| name.ends_with("RUSTFLAGS"));
    let mut words = value.as_encoded_bytes().split(|b| b.is_ascii_whitespace() || *b == 0x1f);
    is_flags && words.any(|word| word.starts_with(b"@"))
}

/// Cargo's configuration files.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// The directory that each is for, with its text, the nearest first.
    pub texts: Vec<(PathBuf, String)>,
    /// The variables that they set, where cargo's own may take precedence.
    pub variables: Vec<String>,
    /// The program in front of the compiler.
    pub wrapper: Option<PathBuf>,
    /// The program in front of the compiler for packages of the workspace.
    pub workspace_wrapper: Option<PathBuf>,
    pub target_dir: Option<PathBuf>,
    pub build_dir: Option<String>,
}

impl Configuration {
    /// Reads the files that count in a directory. `None` where one is not understood.
    pub fn read(cwd: &Path, cargo_home: &Path) -> Option<Configuration> {
        let mut found = Configuration::default();
        let dirs = cwd.ancestors().map(|dir| dir.join(".cargo"));
        let mut seen = Vec::new();
        for dir in dirs.chain([cargo_home.to_path_buf()]) {
            if seen.contains(&dir) {
                continue;
            }
            let text = [dir.join("config"), dir.join("config.toml")]
                .iter()
                .find_map(|path| std::fs::read_to_string(path).ok());
            if let Some(text) = text {
                let base = dir.parent().unwrap_or(&dir);
                found.add(&text, base)?;
                found.texts.push((base.to_path_buf(), text));
            }
            seen.push(dir);
        }
        Some(found)
    }

    /// Paths in a file are below the directory that `.cargo` is in.
    fn add(&mut self, text: &str, base: &Path) -> Option<()> {
        let table = DeTable::parse(text).ok()?.into_inner();
        let names_flags_file =
            text.contains("rustflags") && [r#""@"#, "'@", " @"].iter().any(|at| text.contains(at));
        if table.contains_key("include") || names_flags_file {
            return None;
        }
        if let Some(variables) = table.get("env") {
            let names = variables.get_ref().as_table()?.keys();
            self.variables.extend(names.map(|name| name.get_ref().to_string()));
        }
        let Some(build) = table.get("build") else { return Some(()) };
        let build = build.get_ref().as_table()?;
        let word = |name: &str| match build.get(name) {
            Some(value) => value.get_ref().as_str().map(|text| Some(text.to_string())),
            None => Some(None),
        };
        // A name without a separator is searched for.
        let program = |name: &str| match Path::new(name).components().count() {
            1 => PathBuf::from(name),
            _ => absolute(base, Path::new(name)),
        };
        if let Some(name) = word("rustc-wrapper")? {
            self.wrapper.get_or_insert_with(|| program(&name));
        }
        if let Some(name) = word("rustc-workspace-wrapper")? {
            self.workspace_wrapper.get_or_insert_with(|| program(&name));
        }
        if let Some(dir) = word("target-dir")? {
            self.target_dir.get_or_insert_with(|| absolute(base, Path::new(&dir)));
        }
        if let Some(dir) = word("build-dir")? {
            let dir = if dir.starts_with('{') { dir } else { base.join(dir).to_str()?.to_string() };
            self.build_dir.get_or_insert(dir);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<CommandLine> {
        CommandLine::read(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn words_that_say_nothing_about_the_build_are_left_out() {
        let line =
            read("/bin/cargo build -v --release --color=always --target-dir out -j 4 --message-format json")
                .unwrap();
        assert_eq!(line.words, ["build", "--release", "-j", "4", "--message-format=json"]);
        assert_eq!(line.target_dir, Some("out".into()));
        assert_eq!(read("cargo -Z x build -Zy").unwrap().words, ["-Z", "x", "build", "-Zy"]);
        let line = read("cargo t --manifest-path=a/Cargo.toml --features x -- --nocapture").unwrap();
        assert_eq!(line.words, ["t", "--features", "x"]);
        assert_eq!(line.manifest, Some("a/Cargo.toml".into()));
    }

    #[test]
    fn another_program_and_another_command_and_what_is_not_read_end_the_reading() {
        for line in [
            "make build",
            "cargo",
            "cargo metadata",
            "cargo --config a=1 build",
            "cargo build -Cx",
            "cargo build --target-dir",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn the_nearest_configuration_says_where_the_target_directory_is() {
        let dir = tempfile::tempdir().unwrap();
        let (near, home) = (dir.path().join("a/b"), dir.path().join("home"));
        for path in [&near.join(".cargo"), &dir.path().join("a/.cargo"), &home] {
            std::fs::create_dir_all(path).unwrap();
        }
        let write = |path: &str, text: &str| std::fs::write(dir.path().join(path), text).unwrap();
        write("a/b/.cargo/config.toml", "[build]\njobs = 2\ntarget-dir = \"near\"\n");
        write("a/.cargo/config.toml", "[build]\ntarget-dir = \"far\"\nbuild-dir = \"{workspace-root}/x\"\n");
        write("home/config.toml", "[net]\noffline = true\n");
        let found = Configuration::read(&near, &home).unwrap();
        assert_eq!(found.texts.len(), 3);
        assert_eq!(found.target_dir, Some(near.join("near")));
        assert_eq!(found.build_dir.as_deref(), Some("{workspace-root}/x"));
        for unread in ["include = \"other.toml\"\n", "build.rustflags = [\"@flags\"]\n"] {
            write("home/config.toml", unread);
            assert_eq!(Configuration::read(&near, &home), None, "{unread}");
        }
        let flags = |value: &str| names_flags_file(OsStr::new("CARGO_ENCODED_RUSTFLAGS"), OsStr::new(value));
        assert!(flags("-g\x1f@/flags") && !flags("-g\x1f-Clink-arg=@x"));
    }

    #[test]
    fn variables_that_say_nothing_about_the_build_are_left_out() {
        let all = ["RUSTFLAGS", "CARGO_PROFILE_DEV_DEBUG", "RUSTUP_TOOLCHAIN", "CARGO_TERM_COLOR", "HOME"];
        assert_eq!(all.map(|name| counts(OsStr::new(name))), [true, true, true, false, false]);
    }
}
