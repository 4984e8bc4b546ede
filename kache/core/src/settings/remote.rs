//! The settings of `[remote]`.

use super::{Reader, home};
use crate::platform;
use crate::remote::ci::{self, Trigger};
use crate::remote::{self, Remote};
use std::time::Duration;

/// A list of refs that may write.
fn refs_of(text: &str) -> Option<Vec<String>> {
    let all: Vec<String> = split(text).map(str::to_string).collect();
    all.iter().all(|pattern| ci::is_pattern(pattern)).then_some(all)
}

/// The parts of a list.
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split([platform::PATH_LIST_SEPARATOR, ':', ',', ' ']).filter(|part| !part.is_empty())
}

impl Reader {
    /// The table `[remote]`; `None` where no address is set.
    pub(super) fn remote(&mut self) -> Option<Remote> {
        let url = self.get("remote.url", "an address such as `s3://bucket`", |v| match v {
            "" | "none" => Some(String::new()),
            _ => v.contains("://").then(|| v.to_string()),
        });
        let prefix = self.get("remote.prefix", "a path", |v| Some(v.trim_matches('/').to_string()));
        let access = self.write_access();
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
            let all: Vec<String> = split(v).map(str::to_string).collect();
            all.iter().all(|k| remote::is_hex_key(k)).then_some(all)
        });
        // Invalid keys must not mean that signatures are not required.
        let all_bad = verify_keys.is_none() && self.first_value("remote.verify_keys").is_some();
        let options = self.get("remote.options", "pairs `name=value` separated by `;`", |v| {
            let pairs = v.split(';').filter(|p| !p.trim().is_empty());
            pairs.map(|p| p.split_once('=').map(|(k, v)| (k.trim().to_string(), v.to_string()))).collect()
        });
        let url = url.filter(|url| !url.is_empty() && !all_bad)?;
        let sign_key = sign_key.filter(|k| !k.is_empty());
        let verify_keys = verify_keys.unwrap_or_default();
        let access = access.and_then(|()| match sign_key.is_none() && !verify_keys.is_empty() {
            true => {
                Err("`remote.verify_keys` without `remote.sign_key`: results would be unsigned".to_string())
            }
            false => Ok(()),
        });
        Some(Remote {
            url,
            prefix: prefix.unwrap_or_else(|| "kache".to_string()),
            write: access.is_ok(),
            read_only_because: access.err(),
            timeout: timeout.unwrap_or(Duration::from_secs(1)),
            options: options.unwrap_or_default(),
            sign_key,
            verify_keys,
            prefetch: prefetch.unwrap_or(true),
        })
    }

    /// Whether uploads are allowed, or why they are not.
    ///
    /// The first source of a setting decides, valid or not: an unrecognised value must not allow what it was meant to forbid.
    fn write_access(&mut self) -> Result<(), String> {
        self.get("remote.mode", "read-write or read-only", |v| {
            matches!(v, "read-write" | "read-only").then_some(())
        });
        self.get("remote.write_from", "full refs such as `refs/heads/main`", refs_of);
        if self.first_value("remote.mode").is_some_and(|mode| mode != "read-write") {
            return Err("`remote.mode`".to_string());
        }
        let Some(refs) = self.first_value("remote.write_from") else { return Ok(()) };
        let refs = refs_of(&refs).ok_or("`remote.write_from` is invalid")?;
        let trigger = ci::trigger(&|name| std::env::var(name).ok());
        match trigger.map_err(|why| format!("`remote.write_from` is set, and {why}"))? {
            Trigger::Ref(name) if ci::matches(&refs, &name) => Ok(()),
            Trigger::Ref(name) => Err(format!("`{name}` is not in `remote.write_from`")),
            Trigger::PullRequest(n) => Err(format!("pull request {n} is not in `remote.write_from`")),
        }
    }
}
