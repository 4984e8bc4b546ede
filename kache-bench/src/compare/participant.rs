//! A backend that takes part in a comparison.

use crate::backend::Backend;
use crate::error::Result;
use serde::{Deserialize, Serialize};

/// Requested backends; an error if one is not available.
pub type Offered = Vec<(String, Result<Box<dyn Backend>>)>;
/// Backends with their index among the participants.
pub type Admitted = Vec<(usize, Box<dyn Backend>)>;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Participant {
    pub name: String,
    /// Empty for `plain`.
    pub version: String,
    /// Why it did not take part, or from when on.
    pub out: Option<String>,
    /// A note next to its figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Participant {
    /// Admits the backends that are available and suitable: `suits` returns a note, or why one is out.
    pub fn admit(
        offered: Offered,
        suits: impl Fn(&dyn Backend) -> std::result::Result<Option<String>, String>,
    ) -> Result<(Vec<Participant>, Admitted)> {
        let (mut participants, mut admitted) = (Vec::new(), Vec::new());
        for (name, backend) in offered {
            let mut participant = Participant { name, version: String::new(), out: None, note: None };
            match backend {
                Err(error) => participant.out = Some(error.to_string()),
                Ok(backend) => {
                    participant.version = backend.version()?;
                    match suits(backend.as_ref()) {
                        Err(why) => participant.out = Some(why),
                        Ok(note) => {
                            participant.note = note;
                            admitted.push((participants.len(), backend));
                        }
                    }
                }
            }
            participants.push(participant);
        }
        Ok((participants, admitted))
    }
}

impl std::fmt::Display for Participant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let out = if self.out.is_some() { "is out" } else { "" };
        let words = [&*self.name, &*self.version, out].into_iter().filter(|word| !word.is_empty());
        f.write_str(&words.collect::<Vec<_>>().join(" "))?;
        let said = [&self.out, &self.note].into_iter().flatten().cloned().collect::<Vec<_>>().join("; ");
        if said.is_empty() { Ok(()) } else { write!(f, ": {}", said.replace("\n  ", "; ")) }
    }
}
