//! The settings of `[remote]`.

use super::table::{Key, MAX_LEVEL};
use super::{Reader, home};
use crate::platform;
use crate::remote::ci::{self, Trigger};
use crate::remote::{self, Levels, Remote};
use std::time::Duration;

/// Where a machine may write.
enum Writes {
    Everywhere,
    /// Only in the own prefix of this pull request.
    OwnPrefix(u64),
}

/// The prefix that a pull request may write to, and only it reads. It is not below the prefix of the others, so that
/// credentials can be limited to it.
fn of_pull_request(remote: &Remote, n: u64) -> Remote {
    let prefix = if remote.prefix.is_empty() { "kache" } else { &remote.prefix };
    Remote {
        pull_request: Some(n),
        prefix: format!("{prefix}-pull/{n}"),
        write: true,
        read_only_because: None,
        copy_up: false,
        ..remote.clone()
    }
}

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
    /// The levels of the remote: `[remote]`, `[remote.2]`, …. `None` where no address is set.
    pub(super) fn levels(&mut self) -> Option<Levels> {
        let has_address = |level: &u8| self.first_value(Key::at(*level, "remote.url")).is_some();
        let further: Vec<u8> = (2..=MAX_LEVEL).filter(has_address).collect();
        let levels: Vec<_> = std::iter::once(1).chain(further).flat_map(|level| self.level(level)).collect();
        Levels::new(levels)
    }

    /// One level; before it, for a pull request, that pull request's own prefix. Empty where no address is set.
    fn level(&mut self, level: u8) -> Vec<Remote> {
        let key = |name| Key::at(level, name);
        let wants = format!(
            "an address such as `s3://bucket`, with one of the schemes {}",
            remote::SCHEMES.join(", ")
        );
        let url = self.get(key("remote.url"), &wants, |v| match v {
            "" | "none" => Some(String::new()),
            _ => remote::is_address(v).then(|| v.to_string()),
        });
        let prefix = self.get(key("remote.prefix"), "a path", |v| Some(v.trim_matches('/').to_string()));
        let access = self.write_access(level);
        let timeout = self.get(key("remote.timeout"), "a number of seconds above 0", |v| {
            let seconds: f64 = v.parse().ok()?;
            (seconds > 0.0 && seconds <= 3600.0).then(|| Duration::from_secs_f64(seconds))
        });
        let prefetch = self.get(key("remote.prefetch"), "true or false", |v| match v {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        });
        let sign_key = self.get(key("remote.sign_key"), "a file", |v| match v.starts_with("ed25519:") {
            true => Some(v.to_string()),
            false => Some(home(v).to_string_lossy().into_owned()),
        });
        let verify_keys = self.get(key("remote.verify_keys"), "public keys of 64 hex digits", |v| {
            let all: Vec<String> = split(v).map(str::to_string).collect();
            all.iter().all(|k| remote::is_hex_key(k)).then_some(all)
        });
        // Invalid keys must not mean that signatures are not required.
        let all_bad = verify_keys.is_none() && self.first_value(key("remote.verify_keys")).is_some();
        let options = self.get(key("remote.options"), "pairs `name=value` separated by `;`", |v| {
            let pairs = v.split(';').filter(|p| !p.trim().is_empty());
            pairs.map(|p| p.split_once('=').map(|(k, v)| (k.trim().to_string(), v.to_string()))).collect()
        });
        let copy_up = self.get(key("remote.copy_up"), "true or false", |v| match v {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        });
        let otlp = self.get(key("remote.otlp"), "an address such as `http://localhost:4318`", |v| match v {
            "" | "none" => Some(String::new()),
            _ => ["http://", "https://"].iter().any(|scheme| v.starts_with(scheme)).then(|| v.to_string()),
        });
        let Some(url) = url.filter(|url| !url.is_empty() && !all_bad) else { return Vec::new() };
        let sign_key = sign_key.filter(|k| !k.is_empty());
        let verify_keys = verify_keys.unwrap_or_default();
        let access = access.and_then(|writes| match sign_key.is_none() && !verify_keys.is_empty() {
            true => {
                Err("`remote.verify_keys` without `remote.sign_key`: results would be unsigned".to_string())
            }
            false => Ok(writes),
        });
        let (writes, read_only_because) = match access {
            Ok(writes) => (Some(writes), None),
            Err(why) => (None, Some(why)),
        };
        let mut remote = Remote {
            level,
            pull_request: None,
            url,
            prefix: prefix.unwrap_or_else(|| "kache".to_string()),
            write: writes.is_some(),
            read_only_because,
            timeout: timeout.unwrap_or(Duration::from_secs(1)),
            options: options.unwrap_or_default(),
            sign_key,
            verify_keys,
            prefetch: prefetch.unwrap_or(true),
            copy_up: copy_up.unwrap_or(false),
            otlp: otlp.filter(|address| !address.is_empty()),
        };
        let Some(Writes::OwnPrefix(n)) = writes else { return vec![remote] };
        let own = of_pull_request(&remote, n);
        remote.write = false;
        remote.read_only_because = Some(format!("pull request {n} writes to a prefix of its own"));
        vec![own, remote]
    }

    /// Where uploads are allowed, or why they are not.
    ///
    /// The first source of a setting decides, valid or not: an unrecognised value must not allow what it was meant to forbid.
    fn write_access(&mut self, level: u8) -> Result<Writes, String> {
        let key = |name| Key::at(level, name);
        self.get(key("remote.mode"), "read-write or read-only", |v| {
            matches!(v, "read-write" | "read-only").then_some(())
        });
        self.get(key("remote.write_from"), "full refs such as `refs/heads/main`", refs_of);
        // Only `[remote]` is written without being asked for.
        let default = if level == 1 { "read-write" } else { "read-only" };
        if self.first_value(key("remote.mode")).as_deref().unwrap_or(default) != "read-write" {
            return Err(format!("`{}`", key("remote.mode").name()));
        }
        let Some(refs) = self.first_value(key("remote.write_from")) else { return Ok(Writes::Everywhere) };
        let refs = refs_of(&refs).ok_or("`remote.write_from` is invalid")?;
        let trigger = ci::trigger(&|name| std::env::var(name).ok());
        match trigger.map_err(|why| format!("`remote.write_from` is set, and {why}"))? {
            Trigger::Ref(name) if ci::matches(&refs, &name) => Ok(Writes::Everywhere),
            Trigger::Ref(name) => Err(format!("`{name}` is not in `remote.write_from`")),
            Trigger::PullRequest(n) => Ok(Writes::OwnPrefix(n)),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::remote::Levels;
    use crate::settings::{Settings, is_own_variable};
    use std::path::Path;

    fn settings(text: &str) -> Settings {
        Settings::with_file(Path::new("kache.toml"), text)
    }

    /// Name, prefix and reason of each level.
    fn levels(text: &str) -> Vec<(String, String, Option<String>)> {
        let all = settings(text).remote;
        let shown = |level: &crate::remote::Remote| {
            (level.name(), level.prefix.clone(), level.read_only_because.clone())
        };
        all.iter().flat_map(Levels::all).map(shown).collect()
    }

    fn level(name: &str, reason: Option<&str>) -> (String, String, Option<String>) {
        (name.to_string(), "kache".to_string(), reason.map(str::to_string))
    }

    #[test]
    fn levels_are_tables_and_only_the_first_is_written_unasked() {
        assert_eq!(levels("[remote]\nurl = \"s3://a\"\n"), [level("remote", None)]);
        let two =
            "[remote]\nurl = \"s3://a\"\n[remote.options]\nregion = \"r\"\n[remote.3]\nurl = \"s3://b\"\n";
        assert_eq!(levels(two), [level("remote", None), level("remote.3", Some("`remote.3.mode`"))]);
        let own = "[remote.2]\nurl = \"file:///b\"\nmode = \"read-write\"\n";
        assert_eq!(levels(own), [level("remote.2", None)]);
        let team = "[remote]\nurl = \"s3://a\"\nmode = \"read-only\"\n";
        let both = levels(&format!("{team}{own}"));
        assert_eq!(both, [level("remote", Some("`remote.mode`")), level("remote.2", None)]);
        assert_eq!(levels("[remote.2]\nmode = \"read-write\"\n"), []);
    }

    #[test]
    fn an_address_without_a_service_is_refused_and_named() {
        for url in ["oci://ghcr.io/owner/cache", "https://example.org/cache", "S3://bucket", "://x"] {
            let found = settings(&format!("[remote]\nurl = \"{url}\"\n"));
            assert_eq!(found.remote, None, "{url}");
            let [warning] = &found.warnings[..] else { panic!("{:?}", found.warnings) };
            let scheme = url.split("://").next().unwrap();
            assert!(warning.contains(&format!("`remote.url` is `{scheme}://")), "{warning}");
            assert!(warning.contains("one of the schemes file, s3, "), "{warning}");
        }
    }

    #[test]
    fn a_collector_is_an_address_of_http_and_its_secrets_are_not_shown() {
        let with = |value: &str| settings(&format!("[remote]\nurl = \"s3://a\"\notlp = \"{value}\"\n"));
        let otlp = |value: &str| with(value).remote.unwrap().all()[0].otlp.clone();
        assert_eq!(otlp("http://localhost:4318").as_deref(), Some("http://localhost:4318"));
        assert_eq!((otlp("none"), otlp("localhost:4318")), (None, None));
        assert!(
            with("localhost:4318").warnings[0].contains("`remote.otlp` is `localhost:4318`, but must be")
        );
        let shown = with("https://user:hush@host/x").origins;
        let row = shown.iter().find(|(name, ..)| name == "remote.otlp").unwrap();
        assert_eq!(row.1, "https://…@host/x");
    }

    #[test]
    fn at_most_one_level_is_written() {
        let two = "[remote]\nurl = \"s3://a\"\n[remote.2]\nurl = \"s3://b\"\nmode = \"read-write\"\n";
        let reason = "`remote` is written, and only one level is";
        assert_eq!(levels(two), [level("remote", None), level("remote.2", Some(reason))]);
    }

    #[test]
    fn a_level_with_unusable_keys_is_not_used() {
        let text = "[remote]\nurl = \"s3://a\"\nverify_keys = [\"x\"]\n[remote.2]\nurl = \"s3://b\"\n";
        assert_eq!(levels(text), [level("remote.2", Some("`remote.2.mode`"))]);
        let unsigned = format!("[remote]\nurl = \"s3://a\"\nverify_keys = [\"{}\"]\n", "ab".repeat(32));
        let [(_, _, reason)] = &levels(&unsigned)[..] else { panic!() };
        assert!(reason.as_ref().unwrap().contains("unsigned"), "{reason:?}");
    }

    #[test]
    fn settings_of_levels_are_checked_by_name() {
        let mut found = settings("[remote.2]\nutl = \"s3://b\"\n[remote.10]\nurl = \"s3://c\"\n").warnings;
        found.sort();
        let wanted = [
            "kache.toml:2: unknown setting `remote.2.utl`; did you mean `remote.2.url`?",
            "kache.toml:3: unknown setting `remote.10`; ",
        ];
        assert!(found.len() == 2 && found.iter().zip(wanted).all(|(f, w)| f.starts_with(w)), "{found:?}");
        let invalid = settings("[remote.2]\nurl = \"s3://b\"\ntimeout = 0\n").warnings;
        assert!(invalid[0].starts_with("kache.toml:3: `remote.2.timeout` is `0`"), "{invalid:?}");
        for (name, own) in [
            ("KACHE_REMOTE_2_URL", true),
            ("KACHE_REMOTE_9_TOKEN", true),
            ("KACHE_REMOTE_1_URL", false),
            ("KACHE_REMOTE_2_UTL", false),
        ] {
            assert_eq!(is_own_variable(name.as_bytes()), own, "{name}");
        }
    }
}
