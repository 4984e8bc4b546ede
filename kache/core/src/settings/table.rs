//! The table of settings, and the names of the settings of further levels of the remote.

use std::borrow::Cow;

/// One setting.
pub struct Row {
    /// The name in `kache.toml`.
    pub key: &'static str,
    /// The environment variable.
    pub var: &'static str,
    /// The value without any setting, as people read it.
    pub default: &'static str,
    /// The purpose, in one line.
    pub what: &'static str,
}

/// Settings: `"key" "variable" "default" => "purpose";`.
macro_rules! settings {
    ($($key:literal $var:literal $default:literal => $what:literal;)*) => {
        /// Every setting.
        pub static TABLE: &[Row] = &[$(Row { key: $key, var: $var, default: $default, what: $what }),*];
    };
}

settings! {
    "cache_dir" "KACHE_CACHE_DIR" "~/.cache/kache" => "cache directory";
    "disable" "KACHE_DISABLE" "false" => "run the compiler without kache";
    "read" "KACHE_READ" "true" => "false: never restore; compile and store every unit again";
    "write" "KACHE_WRITE" "true" => "false: restore, but store nothing (for a shared cache that must not grow)";
    "check" "KACHE_CHECK" "0"
        => "fraction of hits, as `0.05` or `5%`, to recompile and compare with the stored result";
    "remap" "KACHE_REMAP" "true" => "false: keep absolute paths in artifacts, and hit only in the same directory";
    "base_dirs" "KACHE_BASE_DIRS" "none"
        => "additional directories treated as relocatable, separated by `:`; a list in the file";
    "observe" "KACHE_OBSERVE" "auto"
        => "`require`: store only observed compiles; `off`: trust the compiler's own reports, and assume that proc macros read only their package, OUT_DIR and the environment";
    "path_only_macros" "KACHE_PATH_ONLY_MACROS" "none"
        => "proc macro crates and linker scripts that use paths in variables only to find files, separated by `:`; a list in the file";
    "build_scripts" "KACHE_BUILD_SCRIPTS" "true" => "false: run cargo's build scripts without kache";
    "seed" "KACHE_SEED" "true"
        => "false: do not fill a new target directory of cargo with the units that kache knows (Linux)";
    "source_date_epoch" "KACHE_SOURCE_DATE_EPOCH" "none"
        => "date for `__DATE__` and `__TIME__`, handed to compilers as SOURCE_DATE_EPOCH: seconds since 1970, or `commit` for the checkout's last commit";
    "lock_timeout" "KACHE_LOCK_TIMEOUT" "60" => "seconds to wait for a concurrent build of the same action";
    "max_size" "KACHE_MAX_SIZE" "a tenth of the disk"
        => "maximum cache size, as `20G`, `500M` or `5%` of the disk; least recently used entries are evicted first";
    "incremental_state" "KACHE_INCREMENTAL_STATE" "false"
        => "true: keep the incremental state of crates, and give a copy of it to the first compile after a restore (Linux)";
    "max_state_size" "KACHE_MAX_STATE_SIZE" "a quarter of `max_size`"
        => "maximum size of kept incremental state, apart from `max_size`; least recently used state is evicted first";
    "summary" "KACHE_SUMMARY" "false"
        => "true: print one line about each build after its end (Linux; elsewhere after `kache run`)";
    "log" "KACHE_LOG" "none" => "file that receives one readable line for each invocation; `stderr` for the terminal";
    "remote.url" "KACHE_REMOTE_URL" "none"
        => "address of the remote cache: `s3://bucket`, `gs://…`, `azblob://…`, `ghac://`, `redis://host`, `dav+https://host/dir`, `grpcs://host/instance`, `file:///dir`";
    "remote.prefix" "KACHE_REMOTE_PREFIX" "kache" => "path prefix in the remote cache";
    "remote.mode" "KACHE_REMOTE_MODE" "read-write"
        => "`read-only`: never write to the remote (for builds of untrusted code)";
    "remote.write_from" "KACHE_REMOTE_WRITE_FROM" "any build"
        => "refs whose CI jobs may write, as `refs/heads/main:refs/heads/release/*`; a list in the file. Everything else only reads";
    "remote.copy_up" "KACHE_REMOTE_COPY_UP" "false"
        => "true: copy results that a later level has to this level, if this level is written";
    "remote.timeout" "KACHE_REMOTE_TIMEOUT" "1"
        => "seconds to wait for the remote's first byte, and for each following block";
    "remote.prefetch" "KACHE_REMOTE_PREFETCH" "true" => "false: download a result only when a compile asks for it";
    "remote.sign_key" "KACHE_REMOTE_SIGN_KEY" "none"
        => "key that signs uploads: a file made by `kache keygen`, or its text";
    "remote.verify_keys" "KACHE_REMOTE_VERIFY_KEYS" "none"
        => "accept only results signed by one of these public keys, separated by `:`; a list in the file";
    "remote.otlp" "KACHE_REMOTE_OTLP" "none"
        => "address of an OpenTelemetry collector (OTLP over HTTP) that the agent sends metrics to, as `http://localhost:4318`";
    "remote.options" "KACHE_REMOTE_OPTIONS" "none"
        => "further options of the service, as `region=…;endpoint=…`; a table in the file";
}

/// The highest number of a level of the remote: the levels are `[remote]`, `[remote.2]`, … `[remote.9]`.
pub(super) const MAX_LEVEL: u8 = 9;

/// A setting of one level of the remote, or another setting.
#[derive(Clone, Copy)]
pub(super) struct Key {
    pub row: &'static Row,
    /// 1 for `[remote]` and for settings of no level.
    pub level: u8,
}

impl From<&'static str> for Key {
    fn from(key: &'static str) -> Key {
        Key::at(1, key)
    }
}

impl Key {
    /// The setting of a level, by its name in `[remote]`.
    pub fn at(level: u8, key: &'static str) -> Key {
        let row = TABLE.iter().find(|r| r.key == key).expect("settings are read by the keys of the table");
        Key { row, level }
    }

    /// The name in `kache.toml`: `remote.url`, `remote.2.url`.
    pub fn name(&self) -> Cow<'static, str> {
        match (self.level, self.row.key.strip_prefix("remote.")) {
            (2.., Some(rest)) => format!("remote.{}.{rest}", self.level).into(),
            _ => self.row.key.into(),
        }
    }

    /// The environment variable: `KACHE_REMOTE_URL`, `KACHE_REMOTE_2_URL`.
    pub fn variable(&self) -> Cow<'static, str> {
        match (self.level, self.row.var.strip_prefix("KACHE_REMOTE_")) {
            (2.., Some(rest)) => format!("KACHE_REMOTE_{}_{rest}", self.level).into(),
            _ => self.row.var.into(),
        }
    }
}

/// Whether a text is the number of a further level.
pub(super) fn is_level(text: &str) -> bool {
    matches!(text.as_bytes(), [b'2'..=b'9'])
}

/// The number of a further level in a setting's name, and the name in `[remote]`: `remote.2.url` is `2` and `remote.url`.
fn of_level(key: &str) -> Option<(&str, String)> {
    let (level, rest) = key.strip_prefix("remote.")?.split_once('.')?;
    is_level(level).then(|| (level, format!("remote.{rest}")))
}

/// The row of a setting, by its name in `kache.toml`.
pub fn row_of(key: &str) -> Option<&'static Row> {
    let named = |key: &str| TABLE.iter().find(|row| row.key == key);
    named(key).or_else(|| named(&of_level(key)?.1))
}

/// The name of a setting that is most like a name, if one is.
pub(super) fn nearest_key(key: &str) -> Option<Cow<'static, str>> {
    let known = |key: &str| super::nearest(key, TABLE.iter().map(|row| row.key));
    match of_level(key) {
        Some((level, key)) => {
            let name = known(&key)?.strip_prefix("remote.")?;
            Some(format!("remote.{level}.{name}").into())
        }
        None => known(key).map(Cow::Borrowed),
    }
}

/// A setting that was renamed. The old name still works, with a warning.
pub(super) struct Renamed {
    pub old_key: &'static str,
    pub old_var: &'static str,
    pub key: &'static str,
}

pub(super) static RENAMED: &[Renamed] =
    &[Renamed { old_key: "locators", old_var: "KACHE_LOCATORS", key: "path_only_macros" }];

/// Whether a variable belongs to kache: a setting, or a variable for kache's own processes.
pub fn is_own_variable(name: &[u8]) -> bool {
    const OTHERS: &[&str] = &[
        "KACHE_AGENT",
        "KACHE_CONFIG",
        "KACHE_OBSERVE_LOG",
        "KACHE_PAGER",
        "KACHE_OUTER",
        "KACHE_PLAIN_SCRIPT",
        "KACHE_REMOTE_PASSWORD",
        "KACHE_REMOTE_TOKEN",
        "KACHE_REMOTE_USERNAME",
    ];
    // A further level has the variables of the first one, with its number.
    let of_level = name.strip_prefix(b"KACHE_REMOTE_").and_then(|rest| match rest {
        [b'2'..=b'9', b'_', rest @ ..] => Some([b"KACHE_REMOTE_", rest].concat()),
        _ => None,
    });
    let name = of_level.as_deref().unwrap_or(name);
    let settings = TABLE.iter().map(|row| row.var).chain(RENAMED.iter().map(|renamed| renamed.old_var));
    settings.chain(OTHERS.iter().copied()).any(|own| own.as_bytes() == name)
}
