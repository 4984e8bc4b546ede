//! The address and the options of a remote that speaks the Remote Execution API.
//!
//! | option | meaning |
//! | --- | --- |
//! | `instance` | the instance name; by default the path of the address |
//! | `header.NAME` | a header of each request |
//! | `token` | sent as `authorization: Bearer …`; `KACHE_REMOTE_TOKEN` by default |
//! | `ca` | a file with the certificates that sign the server's, instead of the system's |
//! | `cert`, `key` | files with the client's certificate and key (mutual TLS) |

use crate::error::ConfigError;
use kache_core::remote::Remote;
use std::collections::BTreeMap;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

pub struct Address {
    pub endpoint: Endpoint,
    pub instance: String,
    pub headers: MetadataMap,
}

/// Whether an address is one of the Remote Execution API.
pub fn is_reapi(url: &str) -> bool {
    url.starts_with("grpc://") || url.starts_with("grpcs://")
}

impl Address {
    /// # Errors
    /// If the address, an option, or a file that an option names is invalid.
    pub fn of(remote: &Remote) -> Result<Address, ConfigError> {
        Address::parse(remote).map_err(|message| ConfigError::Option { address: remote.shown(), message })
    }

    fn parse(remote: &Remote) -> Result<Address, String> {
        let (plain, query) = remote.url.split_once('?').unwrap_or((&remote.url, ""));
        let (scheme, rest) = plain.split_once("://").ok_or("the address has no scheme")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(
                "a user in the address is not supported; use the option `header.authorization`".into()
            );
        }
        let mut options: BTreeMap<&str, &str> = query.split('&').filter_map(|p| p.split_once('=')).collect();
        options.extend(remote.options.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let tls = scheme == "grpcs";
        let uri = format!("{}://{authority}", if tls { "https" } else { "http" });
        let mut endpoint = Endpoint::from_shared(uri)
            .map_err(|e| format!("invalid host: {e}"))?
            .connect_timeout(remote.timeout)
            .tcp_nodelay(true);
        let file = |name: &str| options.get(name).map(|path| read(name, path)).transpose();
        let (ca, cert, key) = (file("ca")?, file("cert")?, file("key")?);
        if tls {
            let mut config = ClientTlsConfig::new();
            config = match ca {
                Some(pem) => config.ca_certificate(Certificate::from_pem(pem)),
                None => config.with_native_roots(),
            };
            config = match (cert, key) {
                (Some(cert), Some(key)) => config.identity(Identity::from_pem(cert, key)),
                (None, None) => config,
                _ => return Err("the options `cert` and `key` need each other".into()),
            };
            endpoint = endpoint.tls_config(config).map_err(|e| format!("invalid certificate or key: {e}"))?;
        } else if let Some(name) = ["ca", "cert", "key"].iter().find(|name| options.contains_key(*name)) {
            return Err(format!("the option `{name}` needs `grpcs://`"));
        }
        let instance = options.get("instance").unwrap_or(&path).trim_matches('/').to_string();
        Ok(Address { endpoint, instance, headers: headers(remote, &options)? })
    }
}

fn read(option: &str, path: &str) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|e| format!("the option `{option}`: cannot read {path}: {e}"))
}

fn headers(remote: &Remote, options: &BTreeMap<&str, &str>) -> Result<MetadataMap, String> {
    let mut headers = MetadataMap::new();
    let token = std::env::var(remote.variable("TOKEN")).ok().filter(|token| !token.is_empty());
    let bearer = options.get("token").map(|token| token.to_string()).or(token);
    let bearer = bearer.map(|token| ("authorization", format!("Bearer {token}")));
    let named = options.iter().filter_map(|(k, v)| Some((k.strip_prefix("header.")?, v.to_string())));
    for (name, value) in bearer.into_iter().chain(named) {
        let key: AsciiMetadataKey =
            name.to_ascii_lowercase().parse().map_err(|_| format!("`{name}` is not the name of a header"))?;
        let mut value: AsciiMetadataValue =
            value.parse().map_err(|_| format!("the value of the header `{name}` is invalid"))?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    const KNOWN: &[&str] = &["instance", "token", "ca", "cert", "key"];
    match options.keys().find(|name| !KNOWN.contains(name) && !name.starts_with("header.")) {
        Some(name) => Err(format!("unknown option `{name}`; there are header.NAME, {}", KNOWN.join(", "))),
        None => Ok(headers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str, options: &[(&str, &str)]) -> Result<Address, String> {
        let options = options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        Address::parse(&Remote { options, ..crate::service::tests::remote(url) })
    }

    #[test]
    fn the_path_is_the_instance_and_options_are_headers() {
        let address = of("grpc://h:8980/main/linux/?token=a=b", &[("header.X-Key", "k")]).unwrap();
        assert_eq!(address.endpoint.uri().to_string(), "http://h:8980/");
        assert_eq!(address.instance, "main/linux");
        assert_eq!(address.headers.get("authorization").unwrap(), "Bearer a=b");
        assert_eq!(address.headers.get("x-key").unwrap(), "k");
        assert!(!format!("{:?}", address.headers).contains("a=b"), "{:?}", address.headers);
        assert_eq!(of("grpc://h:1/a", &[("instance", "b")]).unwrap().instance, "b");
        assert_eq!(of("grpc://h:1", &[]).unwrap().instance, "");
    }

    #[test]
    fn invalid_options_are_errors_without_their_values() {
        let error = |url: &str, options: &[(&str, &str)]| of(url, options).err().unwrap();
        assert!(error("grpc://h:1", &[("ca", "/nonexistent")]).contains("cannot read /nonexistent"));
        assert!(error("grpc://h:1", &[("heder.a", "hush")]).contains("unknown option `heder.a`"));
        assert!(error("grpc://u:hush@h:1", &[]).contains("header.authorization"));
        assert!(!error("grpc://h:1", &[("header.a", "hush\n")]).contains("hush"));
        assert!(error("grpc://h:1", &[("header.a b", "c")]).contains("not the name of a header"));
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "no certificate").unwrap();
        let file = file.to_str().unwrap();
        assert!(error("grpc://h:1", &[("ca", file)]).contains("needs `grpcs://`"));
        assert!(error("grpcs://h:1", &[("cert", file)]).contains("need each other"));
    }
}
