//! Remote addresses: converts `scheme://…` to the options of an opendal service.
//!
//! | address | service | credentials |
//! | --- | --- | --- |
//! | `file:///dir` | a shared directory | file permissions |
//! | `s3://bucket/path` | S3 and compatible services (`endpoint`, `region`) | `AWS_…`, profiles, web identity, instance roles |
//! | `gs://bucket/path` | Google Cloud Storage | `GOOGLE_APPLICATION_CREDENTIALS`, the well-known file, the metadata server |
//! | `azblob://container/path` | Azure Blob (`account_name`, `endpoint`) | `AZURE_STORAGE_…`, managed identity |
//! | `ghac://` | the cache of GitHub Actions | `ACTIONS_RUNTIME_TOKEN` |
//! | `redis://host:port/db`, `rediss://…` | Redis | in the address, or `KACHE_REMOTE_USERNAME` and `…_PASSWORD` |
//! | `dav+https://host/dir`, `dav+http://…` | WebDAV | in the address, or `KACHE_REMOTE_USERNAME` and `…_PASSWORD`, or `…_TOKEN` |

use crate::error::ConfigError;
use crate::rate::{self, Rate};
use kache_core::remote::Remote;
use opendal::{Buffer, HttpBody, HttpTransport, HttpTransporter, OperationContext, Operator};
use opendal_http_transport_reqwest::ReqwestTransport;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Until when a service asked for no requests (`Retry-After`).
#[derive(Clone, Debug, Default)]
pub struct Throttle {
    until: Arc<Mutex<Option<Instant>>>,
}

/// The pause if a service reports overload without a duration.
const DEFAULT_PAUSE: Duration = Duration::from_secs(5);
/// The maximum pause.
const MAX_PAUSE: Duration = Duration::from_secs(600);

impl Throttle {
    /// The end of the pause, if it is in the future.
    pub fn until(&self) -> Option<Instant> {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.filter(|at| *at > Instant::now())
    }

    /// Records that the service reported overload.
    pub fn record(&self, retry_after: Option<&str>) {
        let until = Instant::now() + pause(retry_after);
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }
}

/// The pause that a `Retry-After` asks for. It may also be a date, which is not supported.
fn pause(retry_after: Option<&str>) -> Duration {
    let seconds = retry_after.and_then(|s| s.trim().parse().ok());
    seconds.map_or(DEFAULT_PAUSE, Duration::from_secs).min(MAX_PAUSE)
}

/// opendal's transport, which also records when a service reports overload.
struct RecordingTransport {
    inner: ReqwestTransport,
    throttle: Throttle,
}

impl HttpTransport for RecordingTransport {
    async fn fetch(&self, request: http::Request<Buffer>) -> opendal::Result<http::Response<HttpBody>> {
        let response = self.inner.fetch(request).await?;
        let retry_after = response.headers().get("retry-after").and_then(|v| v.to_str().ok());
        // S3 reports overload by a 503.
        let code = response.status().as_u16();
        if code == 429 || code == 503 && retry_after.is_some() {
            self.throttle.record(retry_after);
        }
        Ok(response)
    }
}

/// The service and its options, from an address and the settings.
struct Address {
    scheme: &'static str,
    options: HashMap<String, String>,
}

/// Configures opendal for a remote.
///
/// # Errors
/// If the address or an option is invalid.
pub fn operator(remote: &Remote, throttle: &Throttle) -> Result<Operator, ConfigError> {
    opendal::init_default_registry();
    // An error means that a default is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Address { scheme, options } = address(remote)?;
    if scheme == "fs" && !remote.write && !Path::new(&options["root"]).is_dir() {
        return Err(ConfigError::MissingDirectory(options["root"].clone()));
    }
    let operator = Operator::via_iter(scheme, options).map_err(|e| ConfigError::Option {
        address: remote.shown(),
        message: e.to_string().lines().next().unwrap_or_default().to_string(),
    })?;
    let transport = RecordingTransport { inner: ReqwestTransport::default(), throttle: throttle.clone() };
    let context = OperationContext::new().with_http_transport(HttpTransporter::new(transport));
    Ok(operator.with_context(context))
}

/// The option that limits the requests to GitHub's cache.
const REQUESTS_PER_MINUTE: &str = "requests_per_minute";

/// The limit of requests to a service, if it has one.
///
/// # Errors
/// If the option is not a number.
pub fn rate(remote: &Remote) -> Result<Option<Rate>, ConfigError> {
    if !remote.url.starts_with("ghac:") {
        return Ok(None);
    }
    let invalid = |text: &String| ConfigError::Option {
        address: remote.shown(),
        message: format!("{REQUESTS_PER_MINUTE} is `{text}`, but must be a number from 15 to 10000"),
    };
    let read = |text: &String| {
        let number = text.parse().ok().filter(|number| (15..=10_000).contains(number));
        number.ok_or_else(|| invalid(text))
    };
    let per_minute = remote.options.get(REQUESTS_PER_MINUTE).map(read).transpose()?;
    Ok(Some(Rate::new(per_minute.unwrap_or(rate::GITHUB))))
}

fn address(remote: &Remote) -> Result<Address, ConfigError> {
    let url = &remote.url;
    let (plain, query) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, rest) = plain.split_once("://").ok_or_else(|| ConfigError::Address(remote.shown()))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut options: HashMap<String, String> = HashMap::new();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    options.extend(pairs.map(|(k, v)| (k.to_string(), v.to_string())));
    options.extend(remote.options.iter().map(|(k, v)| (k.clone(), v.clone())));
    let root = format!("/{path}/{}", remote.prefix).replace("//", "/").replace("//", "/");
    options.insert("root".to_string(), root.trim_end_matches('/').to_string());
    let mut put = |name: &str, value: &str| _ = options.insert(name.to_string(), value.to_string());
    let scheme = match scheme {
        "file" => {
            // opendal writes to this directory, then renames: readers never see partial objects.
            if remote.write {
                let partial = format!("{}/.partial", options["root"]);
                options.insert("atomic_write_dir".to_string(), partial);
            }
            "fs"
        }
        "s3" => {
            put("bucket", authority);
            let has_region =
                ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().any(|n| std::env::var_os(n).is_some());
            if !has_region {
                options.entry("region".to_string()).or_insert_with(|| "us-east-1".to_string());
            }
            "s3"
        }
        "gs" | "gcs" => {
            put("bucket", authority);
            "gcs"
        }
        "azblob" => {
            put("container", authority);
            "azblob"
        }
        "ghac" => {
            options.remove(REQUESTS_PER_MINUTE);
            "ghac"
        }
        "redis" | "rediss" => {
            let (db, path) = path.split_once('/').unwrap_or((path, ""));
            let (db, path) = if db.parse::<u32>().is_ok() { (db, path) } else { ("0", path) };
            put("db", db);
            put("root", &format!("/{path}/{}", remote.prefix).replace("//", "/"));
            let host = take_user(remote, &mut options, authority);
            options.insert("endpoint".to_string(), format!("{scheme}://{host}"));
            "redis"
        }
        "dav+http" | "dav+https" | "webdav+http" | "webdav+https" => {
            let host = take_user(remote, &mut options, authority);
            let scheme = if scheme.ends_with('s') { "https" } else { "http" };
            options.insert("endpoint".to_string(), format!("{scheme}://{host}"));
            "webdav"
        }
        other => return Err(ConfigError::Service(other.to_string())),
    };
    Ok(Address { scheme, options })
}

/// Splits the user and the password off an authority. Without them, the environment provides them: a level gets no other
/// level's secrets.
fn take_user(remote: &Remote, options: &mut HashMap<String, String>, authority: &str) -> String {
    for (name, variable) in [("username", "USERNAME"), ("password", "PASSWORD"), ("token", "TOKEN")] {
        if let Ok(value) = std::env::var(remote.variable(variable)) {
            options.entry(name.to_string()).or_insert(value);
        }
    }
    let Some((user, host)) = authority.rsplit_once('@') else { return authority.to_string() };
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    for (name, value) in [("username", user), ("password", password)] {
        if !value.is_empty() {
            options.insert(name.to_string(), value.to_string());
        }
    }
    host.to_string()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn remote(url: &str) -> Remote {
        Remote {
            level: 1,
            pull_request: None,
            url: url.to_string(),
            prefix: "p".to_string(),
            write: true,
            read_only_because: None,
            timeout: Duration::from_secs(1),
            options: Default::default(),
            sign_key: None,
            verify_keys: Vec::new(),
            prefetch: true,
            copy_up: false,
            otlp: None,
        }
    }

    fn of(url: &str) -> (&'static str, HashMap<String, String>) {
        let options = [("region".to_string(), "r".to_string())].into();
        let address = address(&Remote { options, ..remote(url) }).unwrap();
        (address.scheme, address.options)
    }

    #[test]
    fn addresses_become_options() {
        let (scheme, all) = of("s3://bucket/a/b?endpoint=http://h:1");
        assert_eq!((scheme, &*all["bucket"], &*all["root"]), ("s3", "bucket", "/a/b/p"));
        assert_eq!((&*all["endpoint"], &*all["region"]), ("http://h:1", "r"));
        let (scheme, all) = of("file:///srv/kache");
        assert_eq!((scheme, &*all["root"]), ("fs", "/srv/kache/p"));
        let (scheme, all) = of("redis://u:s@h:6379/3/a");
        assert_eq!(
            (scheme, &*all["endpoint"], &*all["db"], &*all["root"]),
            ("redis", "redis://h:6379", "3", "/a/p")
        );
        assert_eq!((&*all["username"], &*all["password"]), ("u", "s"));
        let (scheme, all) = of("dav+https://h/dir/");
        assert_eq!((scheme, &*all["endpoint"], &*all["root"]), ("webdav", "https://h", "/dir/p"));
        for (url, scheme) in [("gs://b", "gcs"), ("azblob://c/x", "azblob"), ("ghac://", "ghac")] {
            assert_eq!(of(url).0, scheme);
        }
    }

    #[test]
    fn every_service_is_built_in() {
        for url in [
            "s3://b",
            "gs://b",
            "redis://localhost:1",
            "dav+http://localhost:1/x",
            "azblob://c?endpoint=http://localhost:1&account_name=a",
        ] {
            operator(&remote(url), &Throttle::default()).unwrap();
        }
    }

    #[test]
    fn each_scheme_that_the_settings_accept_has_a_service() {
        for scheme in kache_core::remote::SCHEMES.iter().filter(|scheme| !scheme.starts_with("grpc")) {
            let url = format!("{scheme}://localhost:1/x");
            assert!(address(&remote(&url)).is_ok(), "{url}");
        }
    }

    #[test]
    fn invalid_addresses_are_errors() {
        assert!(matches!(address(&remote("nowhere")), Err(ConfigError::Address(_))));
        assert!(matches!(address(&remote("ftp://h/x")), Err(ConfigError::Service(name)) if name == "ftp"));
        let read_only = Remote { write: false, ..remote("file:///nonexistent") };
        let opened = operator(&read_only, &Throttle::default());
        assert!(matches!(opened, Err(ConfigError::MissingDirectory(dir)) if dir == "/nonexistent/p"));
    }

    #[test]
    fn a_service_that_reports_overload_gets_a_bounded_pause() {
        assert_eq!(pause(Some(" 30 ")), Duration::from_secs(30));
        assert_eq!(pause(Some("86400")), MAX_PAUSE);
        assert_eq!(pause(Some("Fri, 31 Dec 1999 23:59:59 GMT")), DEFAULT_PAUSE);
        assert_eq!(pause(None), DEFAULT_PAUSE);
        let throttle = Throttle::default();
        assert_eq!(throttle.until(), None);
        throttle.record(Some("600"));
        assert!(throttle.until().is_some());
    }
}
