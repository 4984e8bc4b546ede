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
                "-v" | "-vv" | "-q" | "--verbose" | "--quiet" => {}
                "--color" | "--message-format" => _ = value()?,
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

/// Cargo's configuration files.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Their texts, the nearest first.
    pub texts: Vec<String>,
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
                found.add(&text, dir.parent().unwrap_or(&dir))?;
                found.texts.push(text);
            }
            seen.push(dir);
        }
        Some(found)
    }

    /// Paths in a file are below the directory that `.cargo` is in.
    fn add(&mut self, text: &str, base: &Path) -> Option<()> {
        let table = DeTable::parse(text).ok()?.into_inner();
        if table.contains_key("include") {
            return None;
        }
        let Some(build) = table.get("build") else { return Some(()) };
        let build = build.get_ref().as_table()?;
        let word = |name: &str| match build.get(name) {
            Some(value) => value.get_ref().as_str().map(|text| Some(text.to_string())),
            None => Some(None),
        };
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
        assert_eq!(line.words, ["build", "--release", "-j", "4"]);
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
        write("home/config.toml", "include = \"other.toml\"\n");
        assert_eq!(Configuration::read(&near, &home), None);
    }

    #[test]
    fn variables_that_say_nothing_about_the_build_are_left_out() {
        let all = ["RUSTFLAGS", "CARGO_PROFILE_DEV_DEBUG", "RUSTUP_TOOLCHAIN", "CARGO_TERM_COLOR", "HOME"];
        assert_eq!(all.map(|name| counts(OsStr::new(name))), [true, true, true, false, false]);
    }
}
