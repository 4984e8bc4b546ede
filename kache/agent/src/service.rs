//! Addresses and services: what a setting's `scheme://…` means to opendal.
//!
//! | address | service | credentials |
//! | --- | --- | --- |
//! | `file:///dir` | a shared directory | the file system's |
//! | `s3://bucket/path` | S3 and what speaks it (`endpoint`, `region`) | `AWS_…`, profiles, web identity, instance roles |
//! | `gs://bucket/path` | Google Cloud Storage | `GOOGLE_APPLICATION_CREDENTIALS`, the well-known file, the metadata server |
//! | `azblob://container/path` | Azure Blob (`account_name`, `endpoint`) | `AZURE_STORAGE_…`, managed identity |
//! | `ghac://` | the cache of GitHub Actions | `ACTIONS_RUNTIME_TOKEN` |
//! | `redis://host:port/db`, `rediss://…` | Redis | in the address, or `KACHE_REMOTE_USERNAME` and `…_PASSWORD` |
//! | `dav+https://host/dir`, `dav+http://…` | WebDAV | in the address, or `KACHE_REMOTE_USERNAME` and `…_PASSWORD`, or `…_TOKEN` |

use kache_core::remote::Remote;
use opendal::{Buffer, HttpBody, HttpTransport, HttpTransporter, OperationContext, Operator};
use opendal_http_transport_reqwest::ReqwestTransport;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Until when a service asked not to be asked (`Retry-After`).
#[derive(Clone, Debug, Default)]
pub struct Throttle {
    until: Arc<Mutex<Option<Instant>>>,
}

/// What is waited where a service says that it is too much, and not for how long.
const UNSAID: Duration = Duration::from_secs(5);
/// And at most.
const PATIENCE: Duration = Duration::from_secs(600);

impl Throttle {
    /// Until when, if that is not over.
    pub fn until(&self) -> Option<Instant> {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.filter(|at| *at > Instant::now())
    }

    fn note(&self, said: Option<&str>) {
        let seconds = said.and_then(|s| s.trim().parse().ok()).map_or(UNSAID, Duration::from_secs);
        let until = Instant::now() + seconds.min(PATIENCE);
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }
}

/// Sends requests as opendal would, and notes when a service has had enough.
struct Noting {
    inner: ReqwestTransport,
    throttle: Throttle,
}

impl HttpTransport for Noting {
    async fn fetch(&self, request: http::Request<Buffer>) -> opendal::Result<http::Response<HttpBody>> {
        let response = self.inner.fetch(request).await?;
        let said = response.headers().get("retry-after").and_then(|v| v.to_str().ok());
        // A 503 is S3's way to say so.
        let code = response.status().as_u16();
        if code == 429 || code == 503 && said.is_some() {
            self.throttle.note(said);
        }
        Ok(response)
    }
}

/// What an address says, and what is said besides.
struct Address {
    scheme: &'static str,
    options: HashMap<String, String>,
}

/// Makes the operator for a remote.
///
/// # Errors
/// Where the address or an option makes no sense.
pub fn operator(remote: &Remote, throttle: &Throttle) -> Result<Operator, String> {
    opendal::init_default_registry();
    // Whoever makes a second operator finds it there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Address { scheme, options } = address(remote)?;
    if scheme == "fs" && !remote.write && !Path::new(&options["root"]).is_dir() {
        return Err(format!("{} is not there, and the remote is read-only", options["root"]));
    }
    let operator = Operator::via_iter(scheme, options)
        .map_err(|e| format!("{}: {}", remote.shown(), e.to_string().lines().next().unwrap_or_default()))?;
    let transport = Noting { inner: ReqwestTransport::default(), throttle: throttle.clone() };
    let context = OperationContext::new().with_http_transport(HttpTransporter::new(transport));
    Ok(operator.with_context(context))
}

fn address(remote: &Remote) -> Result<Address, String> {
    let url = &remote.url;
    let (plain, query) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, rest) = plain.split_once("://").ok_or_else(|| format!("{url} is no address"))?;
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
            // Written beside, then renamed: a reader sees an object whole or not at all.
            if remote.write {
                let partial = format!("{}/.partial", options["root"]);
                options.insert("atomic_write_dir".to_string(), partial);
            }
            "fs"
        }
        "s3" => {
            put("bucket", authority);
            let told = ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().any(|n| std::env::var_os(n).is_some());
            if !told {
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
        "ghac" => "ghac",
        "redis" | "rediss" => {
            let (db, path) = path.split_once('/').unwrap_or((path, ""));
            let (db, path) = if db.parse::<u32>().is_ok() { (db, path) } else { ("0", path) };
            put("db", db);
            put("root", &format!("/{path}/{}", remote.prefix).replace("//", "/"));
            let host = take_user(&mut options, authority);
            options.insert("endpoint".to_string(), format!("{scheme}://{host}"));
            "redis"
        }
        "dav+http" | "dav+https" | "webdav+http" | "webdav+https" => {
            let host = take_user(&mut options, authority);
            let scheme = if scheme.ends_with('s') { "https" } else { "http" };
            options.insert("endpoint".to_string(), format!("{scheme}://{host}"));
            "webdav"
        }
        other => {
            return Err(format!(
                "no service is called {other}://; there are file, s3, gs, azblob, ghac, redis, rediss, dav+http and dav+https"
            ));
        }
    };
    Ok(Address { scheme, options })
}

/// Takes user and password out of an authority, else out of the environment.
fn take_user(options: &mut HashMap<String, String>, authority: &str) -> String {
    for (name, variable) in [
        ("username", "KACHE_REMOTE_USERNAME"),
        ("password", "KACHE_REMOTE_PASSWORD"),
        ("token", "KACHE_REMOTE_TOKEN"),
    ] {
        if let Ok(value) = std::env::var(variable) {
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
mod tests {
    use super::*;

    fn of(url: &str) -> (&'static str, HashMap<String, String>) {
        let remote = Remote {
            url: url.to_string(),
            prefix: "p".to_string(),
            write: true,
            timeout: Duration::from_secs(1),
            options: [("region".to_string(), "r".to_string())].into(),
            sign_key: None,
            verify_keys: Vec::new(),
            prefetch: true,
        };
        let address = address(&remote).unwrap();
        (address.scheme, address.options)
    }

    #[test]
    fn addresses_are_taken_apart() {
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
            let remote = Remote {
                url: url.to_string(),
                prefix: "p".to_string(),
                write: true,
                timeout: Duration::from_secs(1),
                options: Default::default(),
                sign_key: None,
                verify_keys: Vec::new(),
                prefetch: true,
            };
            operator(&remote, &Throttle::default()).unwrap();
        }
    }
}
