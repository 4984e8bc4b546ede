//! Settings: from the environment, the project's `kache.toml`, the user's, and defaults, in that order.
//!
//! An invalid value gives a warning that names its file and line, and the next source's value is used: a typing error
//! must not fail a build. The wrapper reads the settings at every start, so this module stays light.

mod remote;
mod table;

pub use table::{Row, TABLE, is_own_variable, row_of};

use crate::platform;
use crate::remote::Levels;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Duration;
use table::{Key, RENAMED, Renamed};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Whether the observer is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observe {
    /// Use the observer where it works.
    Auto,
    /// Store nothing without it.
    Require,
    /// Never use it.
    Off,
}

/// The date that compilers are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceDate {
    /// In seconds since 1970.
    Fixed(u64),
    /// That of the checkout's last commit.
    Commit,
}

/// A bound on the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxSize {
    /// In bytes.
    Bytes(u64),
    /// Of the disk, in hundredths of a percent.
    Share(u64),
}

impl MaxSize {
    /// `20G`, `500M`, `1.5T`, `5%`, or bytes. G is 10⁹, as disks are sold; Gi is 2³⁰.
    pub fn parse(text: &str) -> Option<MaxSize> {
        let text = text.trim();
        if let Some(percent) = text.strip_suffix('%') {
            let percent: f64 = percent.trim().parse().ok()?;
            return (percent > 0.0 && percent <= 100.0).then_some(MaxSize::Share((percent * 100.0) as u64));
        }
        let text = text.strip_suffix(['B', 'b']).unwrap_or(text);
        let (text, base) = text.strip_suffix('i').map_or((text, 1000u64), |t| (t, 1024));
        let power = text.chars().last().and_then(|c| "KMGT".find(c.to_ascii_uppercase()));
        let number = if power.is_some() { &text[..text.len() - 1] } else { text };
        let number: f64 = number.trim().parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0)?;
        Some(MaxSize::Bytes((number * base.pow(power.map_or(0, |p| p as u32 + 1)) as f64) as u64))
    }

    /// The bound in bytes of a cache at `cache`.
    fn bytes(self, cache: &Path) -> u64 {
        match self {
            MaxSize::Bytes(bytes) => bytes,
            MaxSize::Share(share) => (u128::from(disk_size(cache)) * u128::from(share) / 10_000) as u64,
        }
    }
}

fn disk_size(path: &Path) -> u64 {
    platform::disk_size(path).unwrap_or(0)
}

/// The settings of one invocation.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The cache directory; `None` without the setting and without a home directory.
    pub cache_dir: Option<PathBuf>,
    pub disable: bool,
    /// Look results up.
    pub read: bool,
    /// Store results.
    pub write: bool,
    /// The fraction of hits to recompile and compare, from 0 to 1.
    pub check: f64,
    /// Map paths in artifacts to portable ones.
    pub remap: bool,
    /// Restore and store the runs of cargo's build scripts.
    pub build_scripts: bool,
    /// Whether cargo's new target directories are filled with known units.
    pub seed: bool,
    /// Additional roots.
    pub base_dirs: Vec<PathBuf>,
    pub observe: Observe,
    /// The date for `__DATE__` and `__TIME__`; `None` to leave it to the compilers.
    pub source_date_epoch: Option<SourceDate>,
    /// Proc macros and linker scripts that use paths in variables only to find files, sorted.
    pub path_only_macros: Vec<String>,
    pub lock_timeout: Duration,
    /// The size limit; `None` for the default, which depends on the disk.
    pub max_size: Option<MaxSize>,
    /// Whether incremental state is kept, and copies of it are given.
    pub incremental_state: bool,
    /// The limit of such state; `None` for the default, which depends on `max_size`.
    pub max_state_size: Option<MaxSize>,
    /// Whether to print one line about each build after its end.
    pub summary: bool,
    /// The log file; `stderr` for the terminal.
    pub log: Option<PathBuf>,
    pub remote: Option<Levels>,
    /// Invalid settings, in the order in which they were read.
    pub warnings: Vec<String>,
    /// Key, value and origin of each setting, in the order of [`TABLE`], and of those of further levels.
    pub origins: Vec<(Cow<'static, str>, String, String)>,
}

/// A value and its origin.
struct Source {
    value: String,
    origin: String,
}

/// A setting in a file. `[remote]` and `[remote.2]` are flattened: their keys are `remote.url`, `remote.2.url`, ….
struct Entry {
    key: String,
    value: String,
    line: usize,
}

struct Files {
    list: Vec<(PathBuf, Vec<Entry>)>,
    warnings: Vec<String>,
}

/// The user's configuration file.
pub fn user_file() -> Option<PathBuf> {
    let dir = std::env::var_os("XDG_CONFIG_HOME")
        .filter(|d| Path::new(d).is_absolute())
        .map(PathBuf::from)
        .or_else(platform::config_home)?;
    Some(dir.join("kache").join("kache.toml"))
}

fn project_file(cwd: &Path) -> Option<PathBuf> {
    cwd.ancestors().map(|d| d.join("kache.toml")).find(|p| p.is_file())
}

fn files(cwd: &Path) -> Files {
    let mut out = Files { list: Vec::new(), warnings: Vec::new() };
    let named = std::env::var_os("KACHE_CONFIG").map(PathBuf::from);
    let must = named.is_some();
    let paths = match named {
        Some(p) => vec![p],
        None => project_file(cwd).into_iter().chain(user_file()).collect(),
    };
    for path in paths {
        let text = match std::fs::read_to_string(&path) {
            Ok(t) => t,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !must => continue,
            Err(e) => {
                out.warnings.push(format!("{}: {e}; not using the file", path.display()));
                continue;
            }
        };
        out.add(path, &text);
    }
    out
}

impl Files {
    fn add(&mut self, path: PathBuf, text: &str) {
        let table = match DeTable::parse(text) {
            Ok(table) => table.into_inner(),
            Err(e) => {
                let line = e.span().map_or(1, |span| line_at(text, span.start));
                self.warnings.push(format!("{}:{line}: {}; not using the file", path.display(), e.message()));
                return;
            }
        };
        let mut entries = entries(&table, text);
        for Renamed { old_key, key, .. } in RENAMED {
            if entries.iter().any(|e| e.key == *key) {
                continue;
            }
            for entry in entries.iter_mut().filter(|e| e.key == *old_key) {
                self.warnings.push(format!(
                    "{}:{}: `{old_key}` is now called `{key}`; using its value",
                    path.display(),
                    entry.line
                ));
                entry.key = (*key).to_string();
            }
        }
        for Entry { key, line, .. } in entries.iter().filter(|e| row_of(&e.key).is_none()) {
            let advice = advice(table::nearest_key(key).as_deref());
            self.warnings.push(format!("{}:{line}: unknown setting `{key}`; {advice}", path.display()));
        }
        self.list.push((path, entries));
    }
}

/// The line, counted from 1, of a byte offset.
fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
}

impl Settings {
    /// How large the cache at `cache` may grow, in bytes. By default a tenth of its disk, but at least 5 GB, which one
    /// large project needs, and at most 100 GB.
    pub fn max_bytes(&self, cache: &Path) -> u64 {
        match self.max_size {
            Some(size) => size.bytes(cache),
            None => (disk_size(cache) / 10).clamp(5_000_000_000, 100_000_000_000),
        }
    }

    /// How large the incremental state in the cache at `cache` may grow, in bytes: it is not part of [`Settings::max_bytes`]. By
    /// default a quarter of that: a state is as large as the outputs of its crate, and only crates of workspaces have one.
    pub fn max_state_bytes(&self, cache: &Path) -> u64 {
        self.max_state_size.map_or_else(|| self.max_bytes(cache) / 4, |size| size.bytes(cache))
    }

    /// Whether incremental state is kept, and copies of it are given.
    pub fn keeps_state(&self) -> bool {
        self.incremental_state && self.max_state_size != Some(MaxSize::Bytes(0))
    }

    /// Reads the settings for a working directory.
    pub fn load(cwd: &Path) -> Settings {
        Settings::read(files(cwd))
    }

    /// Settings from the text of one file and the environment; other files are ignored.
    pub fn with_file(path: &Path, text: &str) -> Settings {
        let mut files = Files { list: Vec::new(), warnings: Vec::new() };
        files.add(path.to_path_buf(), text);
        Settings::read(files)
    }

    fn read(files: Files) -> Settings {
        let mut reader = Reader { files, origins: Vec::new() };
        reader.files.warnings.extend(renamed_variables());
        let bool_of = |s: &str| match s {
            "1" | "true" | "yes" | "on" => Some(true),
            "0" | "false" | "no" | "off" | "" => Some(false),
            _ => None,
        };
        const BOOL: &str = "true or false";
        let mut s = Settings {
            cache_dir: reader
                .get("cache_dir", "an absolute path", |v| Some(home(v)).filter(|p| p.is_absolute()))
                .or_else(default_cache),
            disable: reader.get("disable", BOOL, bool_of).unwrap_or(false),
            read: reader.get("read", BOOL, bool_of).unwrap_or(true),
            write: reader.get("write", BOOL, bool_of).unwrap_or(true),
            check: reader.get("check", "a fraction from 0 to 1, or from 0% to 100%", share).unwrap_or(0.0),
            remap: reader.get("remap", BOOL, bool_of).unwrap_or(true),
            build_scripts: reader.get("build_scripts", BOOL, bool_of).unwrap_or(true),
            seed: reader.get("seed", BOOL, bool_of).unwrap_or(true),
            base_dirs: reader
                .get("base_dirs", "absolute paths", |v| {
                    let all: Vec<PathBuf> =
                        v.split(platform::PATH_LIST_SEPARATOR).filter(|p| !p.is_empty()).map(home).collect();
                    all.iter().all(|p| p.is_absolute()).then_some(all)
                })
                .unwrap_or_default(),
            observe: reader
                .get("observe", "auto, require or off", |v| match v {
                    "auto" => Some(Observe::Auto),
                    "require" => Some(Observe::Require),
                    "off" => Some(Observe::Off),
                    _ => None,
                })
                .unwrap_or(Observe::Auto),
            source_date_epoch: reader
                .get("source_date_epoch", "a number of seconds since 1970, `commit` or `none`", source_date)
                .flatten(),
            path_only_macros: reader
                .get("path_only_macros", "names of crates or scripts", |v| {
                    let mut all: Vec<String> = v
                        .split([platform::PATH_LIST_SEPARATOR, ':', ',', ' '])
                        .filter(|n| !n.is_empty())
                        .map(|n| n.replace('-', "_"))
                        .collect();
                    all.sort();
                    Some(all)
                })
                .unwrap_or_default(),
            lock_timeout: reader
                .get("lock_timeout", "a number of seconds", |v| v.parse().ok().map(Duration::from_secs))
                .unwrap_or(Duration::from_secs(60)),
            max_size: reader.get("max_size", "a size such as `20G` or `5%`", MaxSize::parse),
            incremental_state: reader.get("incremental_state", BOOL, bool_of).unwrap_or(false),
            max_state_size: reader.get("max_state_size", "a size such as `2G` or `1%`", MaxSize::parse),
            summary: reader.get("summary", BOOL, bool_of).unwrap_or(false),
            log: reader.get("log", "a file or `stderr`", |v| (!v.is_empty()).then(|| home(v))),
            remote: reader.levels(),
            warnings: Vec::new(),
            origins: Vec::new(),
        };
        s.warnings = reader.files.warnings;
        s.origins = reader.origins;
        s
    }
}

fn entries(table: &DeTable, text: &str) -> Vec<Entry> {
    let mut out = Vec::new();
    for (key, value) in table {
        match value.get_ref() {
            DeValue::Table(inner) if key.get_ref() == "remote" => {
                for (key, value) in inner {
                    match value.get_ref() {
                        DeValue::Table(level) if table::is_level(key.get_ref()) => {
                            out.extend(table_entries(&format!("remote.{}", key.get_ref()), level, text));
                        }
                        value => out.push(Entry {
                            key: format!("remote.{}", key.get_ref()),
                            value: text_of(value),
                            line: line_at(text, key.span().start),
                        }),
                    }
                }
            }
            value => out.push(Entry {
                key: key.get_ref().to_string(),
                value: text_of(value),
                line: line_at(text, key.span().start),
            }),
        }
    }
    out
}

fn table_entries(name: &str, table: &DeTable, text: &str) -> Vec<Entry> {
    let entry = |(key, value): (&Spanned<Cow<str>>, &Spanned<DeValue>)| Entry {
        key: format!("{name}.{}", key.get_ref()),
        value: text_of(value.get_ref()),
        line: line_at(text, key.span().start),
    };
    table.iter().map(entry).collect()
}

/// The value in the form that the environment variable has.
fn text_of(value: &DeValue) -> String {
    match value {
        DeValue::String(s) => s.to_string(),
        DeValue::Integer(i) => i64::from_str_radix(i.as_str(), i.radix())
            .map_or_else(|_| i.as_str().to_string(), |number| number.to_string()),
        DeValue::Float(f) => f.as_str().to_string(),
        DeValue::Boolean(b) => b.to_string(),
        DeValue::Datetime(d) => d.to_string(),
        DeValue::Array(a) => a
            .iter()
            .map(|v| v.get_ref().as_str().unwrap_or_default())
            .collect::<Vec<_>>()
            .join(&platform::PATH_LIST_SEPARATOR.to_string()),
        DeValue::Table(t) => t
            .iter()
            .map(|(k, v)| format!("{}={}", k.get_ref(), text_of(v.get_ref())))
            .collect::<Vec<_>>()
            .join(";"),
    }
}

/// The value without its secrets.
fn shown(row: &Row, value: &str) -> String {
    match row.key {
        "remote.url" | "remote.otlp" => crate::remote::redact(value),
        "remote.sign_key" if value.starts_with("ed25519:") => "ed25519:…".to_string(),
        "remote.options" => {
            let names = value.split(';').filter_map(|pair| Some(format!("{}=…", pair.split_once('=')?.0)));
            names.collect::<Vec<_>>().join(";")
        }
        _ => value.to_string(),
    }
}

struct Reader {
    files: Files,
    origins: Vec<(Cow<'static, str>, String, String)>,
}

impl Reader {
    fn first_value(&self, key: Key) -> Option<String> {
        self.sources(&key).into_iter().next().map(|source| source.value)
    }

    /// The first valid value. Each invalid one before it gives a warning that names the value used instead.
    fn get<T>(&mut self, key: impl Into<Key>, wants: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let key = key.into();
        let mut invalid = Vec::new();
        let mut found = None;
        for source in self.sources(&key) {
            if let Some(v) = read(&source.value) {
                found = Some((v, source));
                break;
            }
            invalid.push(source);
        }
        let (value, used, origin) = match found {
            Some((v, source)) => (Some(v), shown(key.row, &source.value), source.origin),
            None => (None, key.row.default.to_string(), "default".to_string()),
        };
        let name = key.name();
        for source in invalid {
            let given = shown(key.row, &source.value);
            self.files.warnings.push(format!(
                "{}: `{name}` is `{given}`, but must be {wants}; using `{used}` ({origin})",
                source.origin
            ));
        }
        self.origins.push((name, used, origin));
        value
    }

    fn sources(&self, key: &Key) -> Vec<Source> {
        let variable = |name: &str| {
            let value = std::env::var_os(name)?.to_string_lossy().into_owned();
            Some(Source { value, origin: format!("environment variable {name}") })
        };
        let name = key.name();
        let renamed = || RENAMED.iter().filter(|r| r.key == name).find_map(|r| variable(r.old_var));
        let files = self.files.list.iter().filter_map(|(path, entries)| {
            let entry = entries.iter().find(|e| e.key == name)?;
            Some(Source { value: entry.value.clone(), origin: format!("{}:{}", path.display(), entry.line) })
        });
        variable(&key.variable()).or_else(renamed).into_iter().chain(files).collect()
    }
}

/// A warning for each old name of a setting in the environment.
fn renamed_variables() -> impl Iterator<Item = String> {
    let set = RENAMED.iter().filter(|r| std::env::var_os(r.old_var).is_some());
    set.filter_map(|r| {
        let row = TABLE.iter().find(|row| row.key == r.key)?;
        Some(format!("environment variable {} is now called {}", r.old_var, row.var))
    })
}

/// The outer `None` is for an invalid value.
fn source_date(text: &str) -> Option<Option<SourceDate>> {
    match text {
        "" | "none" => Some(None),
        "commit" => Some(Some(SourceDate::Commit)),
        // No compiler accepts a later date than the end of the year 9999.
        _ => text
            .parse()
            .ok()
            .filter(|date| *date <= 253_402_300_799)
            .map(|date| Some(SourceDate::Fixed(date))),
    }
}

/// A variable that looks like a setting and is not one.
pub struct UnknownVariable {
    pub name: String,
    /// The setting with the most similar name, if one is similar.
    pub nearest: Option<&'static str>,
}

impl std::fmt::Display for UnknownVariable {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "environment variable `{}` is not a setting of kache; {}", self.name, advice(self.nearest))
    }
}

/// The variables in the environment that look like settings and are none.
pub fn unknown_variables() -> Vec<UnknownVariable> {
    let mut names: Vec<String> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("KACHE_") && !is_own_variable(name.as_bytes()))
        .collect();
    names.sort();
    let unknown = |name: String| {
        let nearest = nearest(&name, TABLE.iter().map(|row| row.var));
        UnknownVariable { name, nearest }
    };
    names.into_iter().map(unknown).collect()
}

fn advice(nearest: Option<&str>) -> String {
    nearest.map_or("see `kache config`".to_string(), |known| format!("did you mean `{known}`?"))
}

/// The known name that is most like a name, if one is.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&'a str> = known.collect();
    similar::get_close_matches(name, &known, 1, 0.75).first().copied()
}

/// `0.05`, or `5%`.
fn share(text: &str) -> Option<f64> {
    let share = match text.strip_suffix('%') {
        Some(percent) => percent.trim_end().parse::<f64>().ok()? / 100.0,
        None => text.parse().ok()?,
    };
    (0.0..=1.0).contains(&share).then_some(share)
}

fn home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), platform::home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

fn default_cache() -> Option<PathBuf> {
    std::env::var_os("XDG_CACHE_HOME")
        .filter(|d| Path::new(d).is_absolute())
        .map(PathBuf::from)
        .or_else(platform::cache_home)
        .map(|d| d.join("kache"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_fraction_or_a_percentage() {
        for (text, wanted) in
            [("0", 0.0), ("0.05", 0.05), ("1", 1.0), ("5%", 0.05), ("100 %", 1.0), ("1e-3", 0.001)]
        {
            assert_eq!(share(text), Some(wanted), "{text}");
        }
        for bad in ["", "%", "2", "-0.1", "101%", "NaN", "inf", "often", "5 percent"] {
            assert_eq!(share(bad), None, "{bad}");
        }
    }

    /// The warnings for the text of a file, without the file's directory.
    fn warnings(text: &str) -> Vec<String> {
        Settings::with_file(Path::new("kache.toml"), text).warnings
    }

    #[test]
    fn a_syntax_error_names_file_and_line() {
        let found = warnings("read = true\n\nwrite = = false\n");
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("kache.toml:3: ") && found[0].ends_with("; not using the file"),
            "{found:?}"
        );
    }

    #[test]
    fn an_unknown_setting_names_file_and_line() {
        let wanted = [
            "kache.toml:3: unknown setting `colour`; see `kache config`",
            "kache.toml:2: unknown setting `observ`; did you mean `observe`?",
            "kache.toml:5: unknown setting `remote.utl`; did you mean `remote.url`?",
        ];
        let text = "# a comment\nobserv = \"off\"\ncolour = 1\n[remote]\nutl = \"s3://b\"\n";
        assert_eq!(warnings(text), wanted);
    }

    #[test]
    fn an_invalid_value_names_file_and_line_and_the_value_used_instead() {
        let wanted = [
            "kache.toml:2: `lock_timeout` is `soon`, but must be a number of seconds; using `60` (default)",
            "kache.toml:4: `remote.timeout` is `0`, but must be a number of seconds above 0; using `1` (default)",
        ];
        assert_eq!(warnings("read = true\nlock_timeout = \"soon\"\n[remote]\ntimeout = 0\n"), wanted);
    }

    #[test]
    fn a_renamed_setting_names_the_new_name_and_counts() {
        let settings = Settings::with_file(Path::new("kache.toml"), "\nlocators = [\"find-it\"]\n");
        assert_eq!(
            settings.warnings,
            ["kache.toml:2: `locators` is now called `path_only_macros`; using its value"]
        );
        assert_eq!(settings.path_only_macros, ["find_it"]);
    }
}
