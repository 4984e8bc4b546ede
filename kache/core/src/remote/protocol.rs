//! What wrapper and agent say to each other, over a socket of this user's.
//!
//! The agent speaks first: its greeting says which protocol, which kache and which remote it is for, and a wrapper that
//! is another hangs up. Then a question gets its answer; one that takes longer is kept alive by `Working`, so that an agent that
//! hangs is known from one that waits. A message is its length as four bytes, then its bytes, sealed as in the store.

use crate::codec::{Reader, Writer};
use crate::digest::Digest;
use std::io::{self, Read, Write};

/// The version of all that is below.
pub const VERSION: u32 = 2;
/// The longest message.
pub const LONGEST: usize = 64 << 20;
const MAGIC: &[u8; 8] = b"kacheag1";

/// What a wrapper or a command asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// What is there under an action?
    Find {
        /// The action.
        action: Digest,
        /// Where the project is, for the order of its last build.
        place: Vec<u8>,
        /// What was fetched ahead does not hold here: the lists themselves are wanted.
        again: bool,
    },
    /// Is there a pack under one of these states? If so, put it into the store.
    Fetch {
        /// The action.
        action: Digest,
        /// In the order of the lists.
        states: Vec<Digest>,
        /// As above.
        place: Vec<u8>,
    },
    /// Are there lists besides those that were told?
    More {
        /// The action.
        action: Digest,
    },
    /// There is something to upload.
    Wake,
    /// Upload all that is to be uploaded, for so many seconds at most, and say how it went.
    Flush {
        /// How long, in seconds.
        seconds: u64,
    },
    /// End, once what was begun is done.
    Stop,
}

/// Why there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The remote does not have it.
    Absent,
    /// The remote has not answered lately, and is not asked.
    Closed,
    /// The remote could not be asked, or did not answer in time.
    Failed,
    /// The remote has something that is not to be believed.
    Refused,
}

/// What the agent answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tell {
    /// The greeting.
    Hello {
        /// [`VERSION`].
        version: u32,
        /// kache's own.
        kache: String,
        /// [`super::Remote::fingerprint`].
        remote: String,
    },
    /// The answer will take longer.
    Working,
    /// There is nothing.
    Nothing(Why, String),
    /// Lists of dependencies, as [`super::format::encode_looks`] makes them.
    Lists(Vec<Vec<u8>>),
    /// A result is in the local store now.
    Here {
        /// Its key.
        result: Digest,
        /// Whether it had been fetched before it was asked for.
        ahead: bool,
    },
    /// How far flushing is.
    Progress {
        /// Uploaded since it was asked.
        done: u64,
        /// Still to be uploaded.
        left: u64,
    },
    /// How flushing went.
    Flushed {
        /// Uploaded since it was asked.
        done: u64,
        /// Not uploaded.
        left: u64,
        /// Why not.
        troubles: Vec<String>,
    },
}

impl Ask {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(MAGIC);
        match self {
            Ask::Find { action, place, again } => {
                w.num(1);
                w.digest(action);
                w.bytes(place);
                w.num(u64::from(*again));
            }
            Ask::Fetch { action, states, place } => {
                w.num(2);
                w.digest(action);
                w.num(states.len() as u64);
                states.iter().for_each(|s| w.digest(s));
                w.bytes(place);
            }
            Ask::Wake => w.num(3),
            Ask::Flush { seconds } => {
                w.num(4);
                w.num(*seconds);
            }
            Ask::Stop => w.num(5),
            Ask::More { action } => {
                w.num(6);
                w.digest(action);
            }
        }
        w.finish()
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Option<Ask> {
        let mut r = Reader::open(bytes, MAGIC)?;
        let ask = match r.num()? {
            1 => Ask::Find { action: r.digest()?, place: r.bytes()?.to_vec(), again: r.num()? == 1 },
            2 => {
                let action = r.digest()?;
                let n = r.count()?;
                let states = (0..n).map(|_| r.digest()).collect::<Option<_>>()?;
                Ask::Fetch { action, states, place: r.bytes()?.to_vec() }
            }
            3 => Ask::Wake,
            4 => Ask::Flush { seconds: r.num()? },
            5 => Ask::Stop,
            6 => Ask::More { action: r.digest()? },
            _ => return None,
        };
        r.at_end().then_some(ask)
    }
}

impl Why {
    fn from_number(n: u64) -> Option<Why> {
        [Why::Absent, Why::Closed, Why::Failed, Why::Refused].into_iter().find(|w| *w as u64 == n)
    }
}

impl Tell {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(MAGIC);
        match self {
            Tell::Hello { version, kache, remote } => {
                w.num(1);
                w.num(u64::from(*version));
                w.bytes(kache.as_bytes());
                w.bytes(remote.as_bytes());
            }
            Tell::Working => w.num(2),
            Tell::Nothing(why, detail) => {
                w.num(3);
                w.num(*why as u64);
                w.bytes(detail.as_bytes());
            }
            Tell::Lists(lists) => {
                w.num(4);
                w.num(lists.len() as u64);
                lists.iter().for_each(|l| w.bytes(l));
            }
            Tell::Here { result, ahead } => {
                w.num(5);
                w.digest(result);
                w.num(u64::from(*ahead));
            }
            Tell::Progress { done, left } => {
                w.num(6);
                w.num(*done);
                w.num(*left);
            }
            Tell::Flushed { done, left, troubles } => {
                w.num(7);
                w.num(*done);
                w.num(*left);
                w.num(troubles.len() as u64);
                troubles.iter().for_each(|t| w.bytes(t.as_bytes()));
            }
        }
        w.finish()
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Option<Tell> {
        let mut r = Reader::open(bytes, MAGIC)?;
        let tell = match r.num()? {
            1 => Tell::Hello { version: r.num()?.try_into().ok()?, kache: r.text()?, remote: r.text()? },
            2 => Tell::Working,
            3 => Tell::Nothing(Why::from_number(r.num()?)?, r.text()?),
            4 => {
                let n = r.count()?;
                Tell::Lists((0..n).map(|_| Some(r.bytes()?.to_vec())).collect::<Option<_>>()?)
            }
            5 => Tell::Here { result: r.digest()?, ahead: r.num()? == 1 },
            6 => Tell::Progress { done: r.num()?, left: r.num()? },
            7 => {
                let (done, left, n) = (r.num()?, r.num()?, r.count()?);
                Tell::Flushed { done, left, troubles: (0..n).map(|_| r.text()).collect::<Option<_>>()? }
            }
            _ => return None,
        };
        r.at_end().then_some(tell)
    }
}

/// Sends a message.
pub fn send(to: &mut impl Write, message: &[u8]) -> io::Result<()> {
    let mut all = Vec::with_capacity(message.len() + 4);
    all.extend((message.len() as u32).to_le_bytes());
    all.extend(message);
    to.write_all(&all)
}

/// Receives one.
pub fn receive(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message that is too long"));
    }
    let mut message = vec![0; length];
    from.read_exact(&mut message)?;
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard() {
        let d = Digest::of(b"d");
        let place = b"/w".to_vec();
        for ask in [
            Ask::Find { action: d, place: place.clone(), again: true },
            Ask::Fetch { action: d, states: vec![d, d], place },
            Ask::More { action: d },
            Ask::Wake,
            Ask::Flush { seconds: 300 },
            Ask::Stop,
        ] {
            assert_eq!(Ask::decode(&ask.encode()), Some(ask));
        }
        for tell in [
            Tell::Hello { version: 7, kache: "k".into(), remote: "r".into() },
            Tell::Working,
            Tell::Nothing(Why::Refused, "why".into()),
            Tell::Lists(vec![vec![1], vec![]]),
            Tell::Here { result: d, ahead: true },
            Tell::Progress { done: 1, left: 300 },
            Tell::Flushed { done: 1, left: 2, troubles: vec!["t".into()] },
        ] {
            assert_eq!(Tell::decode(&tell.encode()), Some(tell));
        }
        assert_eq!(Tell::decode(&Ask::Stop.encode()[1..]), None);
    }
}
