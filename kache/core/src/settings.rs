//! Settings: from the environment, the project's `kache.toml`, the user's, and defaults, in that order.
//!
//! A value that makes no sense is a warning that names where it stands, and the next source's value counts: a typing
//! error must not fail a build.

use crate::platform;
use crate::remote::{self, Remote};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One setting.
pub struct Row {
    /// In `kache.toml`.
    pub key: &'static str,
    /// In the environment.
    pub var: &'static str,
    /// Where nothing is set.
    pub default: &'static str,
    /// The problem that it solves.
    pub what: &'static str,
}

/// Every setting.
pub static TABLE: &[Row] = &[
    Row { key: "cache_dir", var: "KACHE_CACHE_DIR", default: "~/.cache/kache", what: "where the cache is" },
    Row {
        key: "disable",
        var: "KACHE_DISABLE",
        default: "false",
        what: "run the compiler as if kache were not there",
    },
    Row {
        key: "read",
        var: "KACHE_READ",
        default: "true",
        what: "false: never restore, compile and store anew (to check what is stored)",
    },
    Row {
        key: "write",
        var: "KACHE_WRITE",
        default: "true",
        what: "false: restore, but store nothing (a shared cache that must not grow)",
    },
    Row {
        key: "check",
        var: "KACHE_CHECK",
        default: "0",
        what: "a share of the hits, as `0.05` or `5%`, that are compiled all the same and compared with what is stored",
    },
    Row {
        key: "remap",
        var: "KACHE_REMAP",
        default: "true",
        what: "false: leave absolute paths in artifacts, and hit only in the same place",
    },
    Row {
        key: "base_dirs",
        var: "KACHE_BASE_DIRS",
        default: "none",
        what: "further directories whose place does not matter, separated by `:`; a list in the file",
    },
    Row {
        key: "observe",
        var: "KACHE_OBSERVE",
        default: "auto",
        what: "`require`: store only what was observed; `off`: rely on what the compiler reports, and on macros to look at their package and the environment alone",
    },
    Row {
        key: "locators",
        var: "KACHE_LOCATORS",
        default: "none",
        what: "proc macro crates and linker scripts that use paths in variables only to find files, separated by `:`; a list in the file",
    },
    Row {
        key: "lock_timeout",
        var: "KACHE_LOCK_TIMEOUT",
        default: "60",
        what: "seconds to wait for another build that compiles the same thing",
    },
    Row {
        key: "max_size",
        var: "KACHE_MAX_SIZE",
        default: "a tenth of the disk",
        what: "how large the cache may grow before what was used longest ago is given up: `20G`, `500M`, `5%` of the disk",
    },
    Row {
        key: "log",
        var: "KACHE_LOG",
        default: "none",
        what: "a file to append a readable line to for each invocation; `stderr` for the terminal",
    },
    Row {
        key: "remote.url",
        var: "KACHE_REMOTE_URL",
        default: "none",
        what: "where results are shared: `s3://bucket`, `gs://…`, `azblob://…`, `ghac://`, `redis://host`, `dav+https://host/dir`, `file:///dir`",
    },
    Row {
        key: "remote.prefix",
        var: "KACHE_REMOTE_PREFIX",
        default: "kache",
        what: "below which path there",
    },
    Row {
        key: "remote.mode",
        var: "KACHE_REMOTE_MODE",
        default: "read-write",
        what: "`read-only`: nothing is ever written to the remote (builds of code that is not trusted)",
    },
    Row {
        key: "remote.timeout",
        var: "KACHE_REMOTE_TIMEOUT",
        default: "1",
        what: "seconds that the remote may take to begin to answer, and to send the next bytes",
    },
    Row {
        key: "remote.prefetch",
        var: "KACHE_REMOTE_PREFETCH",
        default: "true",
        what: "false: fetch nothing before it is asked for",
    },
    Row {
        key: "remote.sign_key",
        var: "KACHE_REMOTE_SIGN_KEY",
        default: "none",
        what: "sign what is uploaded: a file made by `kache keygen`, or its text",
    },
    Row {
        key: "remote.verify_keys",
        var: "KACHE_REMOTE_VERIFY_KEYS",
        default: "none",
        what: "believe only what one of these public keys signed, separated by `:`; a list in the file",
    },
    Row {
        key: "remote.options",
        var: "KACHE_REMOTE_OPTIONS",
        default: "none",
        what: "what the service is told besides, as `region=…;endpoint=…`; a table in the file",
    },
];

/// Whether the observer is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observe {
    /// Where it works.
    Auto,
    /// Or nothing is stored.
    Require,
    /// Not at all.
    Off,
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
}

/// The settings of one invocation.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the cache is; `None` where neither the setting nor a home directory says.
    pub cache_dir: Option<PathBuf>,
    /// Do nothing.
    pub disable: bool,
    /// Dependency up.
    pub read: bool,
    /// Store.
    pub write: bool,
    /// Which share of the hits is compiled all the same, from 0 to 1.
    pub check: f64,
    /// Map paths in artifacts.
    pub remap: bool,
    /// More roots.
    pub base_dirs: Vec<PathBuf>,
    /// The observer.
    pub observe: Observe,
    /// Proc macros that use paths in variables only to find files, sorted.
    pub locators: Vec<String>,
    /// How long to wait for a lock.
    pub lock_timeout: Duration,
    /// How large the cache may grow; nothing for the default, which depends on the disk.
    pub max_size: Option<MaxSize>,
    /// Where to log.
    pub log: Option<PathBuf>,
    /// Where results are shared.
    pub remote: Option<Remote>,
    /// What made no sense.
    pub warnings: Vec<String>,
    /// Where each value came from, by key, in the order of [`TABLE`].
    pub origins: Vec<(&'static str, String, String)>,
}

/// A value and where it stands.
struct Source {
    value: String,
    place: String,
}

struct Files {
    list: Vec<(PathBuf, toml::Table)>,
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
                out.warnings.push(format!("{}: {e}; the file is not used", path.display()));
                continue;
            }
        };
        out.add(path, &text);
    }
    out
}

impl Files {
    fn add(&mut self, path: PathBuf, text: &str) {
        match text.parse::<toml::Table>() {
            Ok(table) => {
                for key in keys(&table).filter(|k| !TABLE.iter().any(|r| r.key == k)) {
                    self.warnings.push(format!(
                        "{}: no setting is called `{key}`; see `kache config`",
                        path.display()
                    ));
                }
                self.list.push((path, table));
            }
            Err(e) => {
                self.warnings.push(format!("{}: {}; the file is not used", path.display(), e.message()))
            }
        }
    }
}

impl Settings {
    /// How large the cache at `cache` may grow, in bytes. By default a tenth of its disk, but no less than 5 GB, which one
    /// large project wants, and no more than 100 GB, which nobody would look for in a cache.
    pub fn max_bytes(&self, cache: &Path) -> u64 {
        let disk = || crate::platform::disk_size(cache).unwrap_or(0);
        match self.max_size {
            Some(MaxSize::Bytes(bytes)) => bytes,
            Some(MaxSize::Share(share)) => (u128::from(disk()) * u128::from(share) / 10_000) as u64,
            None => (disk() / 10).clamp(5_000_000_000, 100_000_000_000),
        }
    }

    /// Reads them for a working directory.
    pub fn load(cwd: &Path) -> Settings {
        Settings::read(files(cwd))
    }

    /// With the text of one file, whatever others there are.
    pub fn with_file(path: &Path, text: &str) -> Settings {
        let mut files = Files { list: Vec::new(), warnings: Vec::new() };
        files.add(path.to_path_buf(), text);
        Settings::read(files)
    }

    fn read(files: Files) -> Settings {
        let mut reader = Reader { files, origins: Vec::new() };
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
            check: reader.get("check", "a share from 0 to 1, or from 0% to 100%", share).unwrap_or(0.0),
            remap: reader.get("remap", BOOL, bool_of).unwrap_or(true),
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
            locators: reader
                .get("locators", "names of crates or scripts", |v| {
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
            log: reader.get("log", "a file or `stderr`", |v| (!v.is_empty()).then(|| home(v))),
            remote: reader.remote(),
            warnings: Vec::new(),
            origins: Vec::new(),
        };
        s.warnings = reader.files.warnings;
        s.origins = reader.origins;
        s
    }
}

/// The keys of a file, those of a table within it as `table.key`.
fn keys(table: &toml::Table) -> impl Iterator<Item = String> {
    table.iter().flat_map(|(key, value)| match value {
        toml::Value::Table(inner) if key == "remote" => {
            inner.keys().map(|k| format!("{key}.{k}")).collect::<Vec<_>>()
        }
        _ => vec![key.clone()],
    })
}

fn text_of(value: &toml::Value) -> String {
    match value {
        toml::Value::String(s) => s.clone(),
        toml::Value::Array(a) => a
            .iter()
            .map(|v| v.as_str().unwrap_or_default())
            .collect::<Vec<_>>()
            .join(&platform::PATH_LIST_SEPARATOR.to_string()),
        toml::Value::Table(t) => {
            t.iter().map(|(k, v)| format!("{k}={}", text_of(v))).collect::<Vec<_>>().join(";")
        }
        other => other.to_string(),
    }
}

/// A value as it may be shown: in some there are secrets.
fn shown(row: &Row, value: &str) -> String {
    match row.key {
        "remote.url" => remote::redact(value),
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
    origins: Vec<(&'static str, String, String)>,
}

impl Reader {
    /// The table `[remote]`; nothing where no address is set.
    fn remote(&mut self) -> Option<Remote> {
        let url = self.get("remote.url", "an address such as `s3://bucket`", |v| match v {
            "" | "none" => Some(String::new()),
            _ => v.contains("://").then(|| v.to_string()),
        });
        let prefix = self.get("remote.prefix", "a path", |v| Some(v.trim_matches('/').to_string()));
        let write = self.get("remote.mode", "read-write or read-only", |v| match v {
            "read-write" => Some(true),
            "read-only" => Some(false),
            _ => None,
        });
        let timeout = self.get("remote.timeout", "a number of seconds above 0", |v| {
            let seconds: f64 = v.parse().ok()?;
            (seconds > 0.0 && seconds <= 3600.0).then(|| Duration::from_secs_f64(seconds))
        });
        let prefetch = self.get("remote.prefetch", "true or false", |v| match v {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        });
        let sign_key = self.get("remote.sign_key", "a file", |v| match v.starts_with("ed25519:") {
            true => Some(v.to_string()),
            false => Some(home(v).to_string_lossy().into_owned()),
        });
        let verify_keys = self.get("remote.verify_keys", "public keys of 64 hex digits", |v| {
            let all: Vec<String> = v
                .split([platform::PATH_LIST_SEPARATOR, ':', ',', ' '])
                .filter(|k| !k.is_empty())
                .map(str::to_string)
                .collect();
            all.iter().all(|k| remote::is_hex_key(k)).then_some(all)
        });
        // Keys that make no sense must not come to mean that none are asked for.
        let all_bad = verify_keys.is_none() && self.foremost("remote.verify_keys").is_some();
        let options = self.get("remote.options", "pairs `name=value` separated by `;`", |v| {
            let pairs = v.split(';').filter(|p| !p.trim().is_empty());
            pairs.map(|p| p.split_once('=').map(|(k, v)| (k.trim().to_string(), v.to_string()))).collect()
        });
        let url = url.filter(|url| !url.is_empty() && !all_bad)?;
        Some(Remote {
            url,
            prefix: prefix.unwrap_or_else(|| "kache".to_string()),
            // The foremost word counts, and one that makes no sense writes nothing.
            write: write.unwrap_or(true) && self.foremost("remote.mode").is_none_or(|v| v == "read-write"),
            timeout: timeout.unwrap_or(Duration::from_secs(1)),
            options: options.unwrap_or_default(),
            sign_key: sign_key.filter(|k| !k.is_empty()),
            verify_keys: verify_keys.unwrap_or_default(),
            prefetch: prefetch.unwrap_or(true),
        })
    }

    fn foremost(&self, key: &str) -> Option<String> {
        let row = TABLE.iter().find(|r| r.key == key)?;
        self.sources(row).into_iter().next().map(|source| source.value)
    }

    fn get<T>(&mut self, key: &'static str, wants: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let row = TABLE.iter().find(|r| r.key == key).expect("settings are read by the keys of the table");
        for source in self.sources(row) {
            if let Some(v) = read(&source.value) {
                self.origins.push((row.key, shown(row, &source.value), source.place));
                return Some(v);
            }
            let Source { value, place } = source;
            let value = shown(row, &value);
            self.files
                .warnings
                .push(format!("{place}: `{key}` is `{value}`, but must be {wants}; it is not used"));
        }
        self.origins.push((row.key, row.default.to_string(), "default".to_string()));
        None
    }

    fn sources(&self, row: &Row) -> Vec<Source> {
        let env = std::env::var_os(row.var).map(|v: OsString| Source {
            value: v.to_string_lossy().into_owned(),
            place: format!("environment variable {}", row.var),
        });
        let files = self.files.list.iter().filter_map(|(path, table)| {
            let value = match row.key.split_once('.') {
                Some((outer, inner)) => table.get(outer)?.as_table()?.get(inner)?,
                None => table.get(row.key)?,
            };
            Some(Source { value: text_of(value), place: path.display().to_string() })
        });
        env.into_iter().chain(files).collect()
    }
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
}
