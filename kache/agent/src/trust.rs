//! Signatures: which machines may publish results.
//!
//! With a signing key, the agent signs everything it uploads (ed25519). With public keys to verify, the agent ignores
//! every object that none of these keys signed, so that write access to the storage is not enough to publish a result.
//! A signature covers one list of one action, or one pack's header, which contains the input key, the result and each
//! blob's digest.
//!
//! A secret key is the text `ed25519:` and 64 hex digits; a public key is 64 hex digits.

use crate::error::{AgentError, ConfigError};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use kache_core::digest::Digest;
use kache_core::remote::Remote;
use kache_core::remote::format::{InvalidObject, invalid};

/// The length of a public key and a signature.
const LENGTH: usize = 32 + 64;

#[derive(Clone, Copy, Debug)]
pub enum Statement<'a> {
    /// A list of dependencies belongs to an action.
    List(&'a Digest, &'a [u8]),
    /// A header belongs to an input key.
    Pack(&'a Digest, &'a [u8]),
}

impl Statement<'_> {
    fn bytes(&self) -> Vec<u8> {
        let (kind, key, bytes) = match self {
            Statement::List(action, list) => (&b"kache remote list 1\0"[..], action, list),
            Statement::Pack(input_key, header) => (&b"kache remote pack 1\0"[..], input_key, header),
        };
        [kind, &key.0, &Digest::of(bytes).0].concat()
    }
}

/// The keys to sign and to verify with.
#[derive(Default)]
pub struct Trust {
    sign: Option<SigningKey>,
    verify: Vec<VerifyingKey>,
}

impl Trust {
    /// Reads the keys of the settings.
    ///
    /// # Errors
    /// If a key cannot be read.
    pub fn of(remote: &Remote) -> Result<Trust, ConfigError> {
        let sign = remote.sign_key.as_deref().filter(|_| remote.write).map(signing_key).transpose()?;
        let key = |text: &String| {
            let bytes = from_hex(text);
            let key = bytes.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
            key.ok_or_else(|| ConfigError::PublicKey(text.clone()))
        };
        let mut verify = remote.verify_keys.iter().map(key).collect::<Result<Vec<_>, _>>()?;
        // A machine accepts its own signatures.
        if let Some(own) = sign.as_ref().filter(|_| !verify.is_empty()) {
            verify.push(own.verifying_key());
        }
        Ok(Trust { sign, verify })
    }

    /// Whether this machine signs what it uploads.
    pub fn signs(&self) -> bool {
        self.sign.is_some()
    }

    /// Signs a statement. Empty if there is no signing key.
    pub fn sign(&self, statement: Statement<'_>) -> Vec<u8> {
        let Some(key) = &self.sign else { return Vec::new() };
        let signature = key.sign(&statement.bytes());
        [key.verifying_key().as_bytes(), &signature.to_bytes()[..]].concat()
    }

    /// Checks the signature of a statement, if there are keys to verify with.
    pub fn check(&self, statement: Statement<'_>, signature: &[u8]) -> Result<(), InvalidObject> {
        if self.verify.is_empty() {
            return Ok(());
        }
        if signature.is_empty() {
            return invalid("it is not signed, and `remote.verify_keys` is set");
        }
        let Some((key, signature)) = signature.split_at_checked(32).filter(|_| signature.len() == LENGTH)
        else {
            return invalid("its signature is malformed");
        };
        let Some(key) = self.verify.iter().find(|known| known.as_bytes()[..] == *key) else {
            return invalid("its key is not one of `remote.verify_keys`");
        };
        let signature = Signature::from_slice(signature).map_err(|e| InvalidObject(e.to_string()))?;
        match key.verify_strict(&statement.bytes(), &signature) {
            Ok(()) => Ok(()),
            Err(_) => invalid("its signature is wrong"),
        }
    }
}

/// Generates a key: the secret key and the public key, as text.
///
/// # Errors
/// If the system has no random bytes.
pub fn generate() -> Result<(String, String), AgentError> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(AgentError::Random)?;
    let key = SigningKey::from_bytes(&secret);
    Ok((format!("ed25519:{}", hex(&secret)), hex(key.verifying_key().as_bytes())))
}

fn signing_key(setting: &str) -> Result<SigningKey, ConfigError> {
    let text = match setting.starts_with("ed25519:") {
        true => setting.to_string(),
        false => std::fs::read_to_string(setting)
            .map_err(|source| ConfigError::SigningKeyFile { path: setting.to_string(), source })?,
    };
    let bytes = text.trim().strip_prefix("ed25519:").and_then(from_hex);
    Ok(SigningKey::from_bytes(&bytes.ok_or(ConfigError::SigningKey)?))
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    Digest::from_hex(text).map(|d| d.0)
}

fn hex(bytes: &[u8; 32]) -> String {
    Digest(*bytes).hex()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(sign: Option<&str>, verify: &[&str]) -> Result<Trust, ConfigError> {
        Trust::of(&Remote {
            level: 1,
            pull_request: None,
            url: "file:///x".into(),
            prefix: String::new(),
            write: true,
            read_only_because: None,
            timeout: std::time::Duration::from_secs(1),
            options: Default::default(),
            sign_key: sign.map(str::to_string),
            verify_keys: verify.iter().map(|s| s.to_string()).collect(),
            prefetch: true,
            copy_up: false,
            otlp: None,
        })
    }

    fn trust(sign: Option<&str>, verify: &[&str]) -> Trust {
        open(sign, verify).unwrap()
    }

    #[test]
    fn unusable_keys_are_errors() {
        let (secret, public) = generate().unwrap();
        assert!(matches!(open(None, &["abc"]), Err(ConfigError::PublicKey(text)) if text == "abc"));
        assert!(matches!(open(Some("ed25519:abc"), &[]), Err(ConfigError::SigningKey)));
        assert!(matches!(open(Some("/nonexistent"), &[]), Err(ConfigError::SigningKeyFile { .. })));
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        std::fs::write(&file, format!("{secret}\n")).unwrap();
        let key = Digest::of(b"a");
        let signature = trust(file.to_str(), &[]).sign(Statement::Pack(&key, b"header"));
        assert_eq!(trust(None, &[&public]).check(Statement::Pack(&key, b"header"), &signature), Ok(()));
    }

    #[test]
    fn a_machine_accepts_its_own_signatures() {
        let (secret, _) = generate().unwrap();
        let (_, other) = generate().unwrap();
        let own = trust(Some(&secret), &[&other]);
        let key = Digest::of(b"a");
        let signature = own.sign(Statement::List(&key, b"list"));
        assert_eq!(own.check(Statement::List(&key, b"list"), &signature), Ok(()));
    }

    #[test]
    fn only_statements_signed_by_a_listed_key_are_accepted() {
        let (secret, public) = generate().unwrap();
        let (other, other_public) = generate().unwrap();
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let reader = trust(None, &[&public]);
        let signature = trust(Some(&secret), &[]).sign(Statement::Pack(&a, b"header"));
        assert_eq!(reader.check(Statement::Pack(&a, b"header"), &signature), Ok(()));
        // Another key, another kind, another text, another signer, a truncated and a missing signature.
        assert!(reader.check(Statement::Pack(&b, b"header"), &signature).is_err());
        assert!(reader.check(Statement::List(&a, b"header"), &signature).is_err());
        assert!(reader.check(Statement::Pack(&a, b"headex"), &signature).is_err());
        assert!(trust(None, &[&other_public]).check(Statement::Pack(&a, b"header"), &signature).is_err());
        assert!(reader.check(Statement::Pack(&a, b"header"), &signature[..90]).is_err());
        assert!(reader.check(Statement::Pack(&a, b"header"), &[]).is_err());
        let forged =
            [&signature[..32], &trust(Some(&other), &[]).sign(Statement::Pack(&a, b"header"))[32..]].concat();
        assert!(reader.check(Statement::Pack(&a, b"header"), &forged).is_err());
        // Without `verify_keys` unsigned objects are accepted.
        assert_eq!(trust(None, &[]).check(Statement::Pack(&a, b"header"), &[]), Ok(()));
    }
}
