//! Signatures: who may say what a result is.
//!
//! With a key to sign with, whatever is uploaded is signed (ed25519). With public keys to verify, whatever none of
//! them signed is not there, so that whoever can write to the storage can still not say what a compile gives. A signature speaks of one list
//! of one action, or of one pack's header, which names the state, the result and each blob by its digest.
//!
//! A secret key is the text `ed25519:` and 64 hex digits; a public one is 64 hex digits.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use kache_core::digest::Digest;
use kache_core::remote::Remote;
use kache_core::remote::format::{Refused, refuse};

/// A public key and what it signed with.
const LENGTH: usize = 32 + 64;

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub enum Statement<'a> {
    /// This list belongs to the action.
    List(&'a Digest, &'a [u8]),
    /// This header belongs to the state.
    Pack(&'a Digest, &'a [u8]),
}

impl Statement<'_> {
    fn bytes(&self) -> Vec<u8> {
        let (what, key, bytes) = match self {
            Statement::List(action, list) => (&b"kache remote list 1\0"[..], action, list),
            Statement::Pack(state, header) => (&b"kache remote pack 1\0"[..], state, header),
        };
        [what, &key.0, &Digest::of(bytes).0].concat()
    }
}

/// Whom to believe, and as whom to speak.
#[derive(Default)]
pub struct Trust {
    sign: Option<SigningKey>,
    verify: Vec<VerifyingKey>,
}

impl Trust {
    /// As the settings say.
    ///
    /// # Errors
    /// Where a key cannot be read: what, and what to do.
    pub fn of(remote: &Remote) -> Result<Trust, String> {
        let sign = remote.sign_key.as_deref().filter(|_| remote.write).map(signing_key).transpose()?;
        let key = |text: &String| {
            let bytes = from_hex(text).ok_or_else(|| format!("{text} is no public key"))?;
            VerifyingKey::from_bytes(&bytes).map_err(|e| format!("{text} is no public key: {e}"))
        };
        let mut verify = remote.verify_keys.iter().map(key).collect::<Result<Vec<_>, _>>()?;
        // Whoever signs believes himself.
        if let Some(own) = sign.as_ref().filter(|_| !verify.is_empty()) {
            verify.push(own.verifying_key());
        }
        Ok(Trust { sign, verify })
    }

    /// Whether signatures are asked for, or made.
    pub fn matters(&self) -> bool {
        self.sign.is_some() || !self.verify.is_empty()
    }

    /// Signs; nothing where there is no key to.
    pub fn sign(&self, statement: Statement<'_>) -> Vec<u8> {
        let Some(key) = &self.sign else { return Vec::new() };
        let signature = key.sign(&statement.bytes());
        [key.verifying_key().as_bytes(), &signature.to_bytes()[..]].concat()
    }

    /// Whether a statement is to be believed.
    pub fn check(&self, statement: Statement<'_>, signature: &[u8]) -> Result<(), Refused> {
        if self.verify.is_empty() {
            return Ok(());
        }
        if signature.is_empty() {
            return refuse("it is not signed, and `remote.verify_keys` is set");
        }
        let Some((key, signature)) = signature.split_at_checked(32).filter(|_| signature.len() == LENGTH)
        else {
            return refuse("its signature has another form");
        };
        let Some(key) = self.verify.iter().find(|known| known.as_bytes()[..] == *key) else {
            return refuse("it is signed by a key that is not among `remote.verify_keys`");
        };
        let signature = Signature::from_slice(signature).map_err(|e| Refused(e.to_string()))?;
        match key.verify_strict(&statement.bytes(), &signature) {
            Ok(()) => Ok(()),
            Err(_) => refuse("its signature is wrong"),
        }
    }
}

/// Makes a new key: the secret text, and the public key.
///
/// # Errors
/// Where the system has no random bytes.
pub fn generate() -> Result<(String, String), String> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|e| format!("no random bytes are to be had: {e}"))?;
    let key = SigningKey::from_bytes(&secret);
    Ok((format!("ed25519:{}", hex(&secret)), hex(key.verifying_key().as_bytes())))
}

fn signing_key(setting: &str) -> Result<SigningKey, String> {
    let text = match setting.starts_with("ed25519:") {
        true => setting.to_string(),
        false => std::fs::read_to_string(setting)
            .map_err(|e| format!("the key to sign with, {setting}: {e}; `kache keygen` makes one"))?,
    };
    let bytes = text.trim().strip_prefix("ed25519:").and_then(from_hex);
    let bytes =
        bytes.ok_or("the key to sign with is not `ed25519:` and 64 hex digits; `kache keygen` makes one")?;
    Ok(SigningKey::from_bytes(&bytes))
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

    fn trust(sign: Option<&str>, verify: &[&str]) -> Trust {
        let remote = Remote {
            url: "file:///x".into(),
            prefix: String::new(),
            write: true,
            timeout: std::time::Duration::from_secs(1),
            options: Default::default(),
            sign_key: sign.map(str::to_string),
            verify_keys: verify.iter().map(|s| s.to_string()).collect(),
            prefetch: true,
        };
        Trust::of(&remote).unwrap()
    }

    #[test]
    fn only_what_a_known_key_signed_is_believed() {
        let (secret, public) = generate().unwrap();
        let (other, other_public) = generate().unwrap();
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let reader = trust(None, &[&public]);
        let signature = trust(Some(&secret), &[]).sign(Statement::Pack(&a, b"header"));
        assert_eq!(reader.check(Statement::Pack(&a, b"header"), &signature), Ok(()));
        // Another place, another thing, another text, another key, a part of it, none.
        assert!(reader.check(Statement::Pack(&b, b"header"), &signature).is_err());
        assert!(reader.check(Statement::List(&a, b"header"), &signature).is_err());
        assert!(reader.check(Statement::Pack(&a, b"headex"), &signature).is_err());
        assert!(trust(None, &[&other_public]).check(Statement::Pack(&a, b"header"), &signature).is_err());
        assert!(reader.check(Statement::Pack(&a, b"header"), &signature[..90]).is_err());
        assert!(reader.check(Statement::Pack(&a, b"header"), &[]).is_err());
        let forged =
            [&signature[..32], &trust(Some(&other), &[]).sign(Statement::Pack(&a, b"header"))[32..]].concat();
        assert!(reader.check(Statement::Pack(&a, b"header"), &forged).is_err());
        // Whoever asks for no key takes what is signed and what is not.
        assert_eq!(trust(None, &[]).check(Statement::Pack(&a, b"header"), &[]), Ok(()));
    }
}
