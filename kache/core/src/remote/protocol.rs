//! The messages between wrapper and agent, over a local socket of this user.
//!
//! The agent sends a greeting first, which names the protocol, the version of kache and the remote. A client that
//! expects another agent closes the connection. Then each request gets a response. While a response takes long, the agent
//! sends [`Response::KeepAlive`], so that a client can distinguish an agent that waits from one that hangs. A message is
//! its length in four bytes, then its bytes, sealed as in the store.

use crate::codec::{Reader, Writer};
use crate::digest::Digest;
use std::io::{self, Read, Write};

/// The version of the protocol.
pub const VERSION: u32 = 4;
/// The maximum length of a message.
pub const MAX_MESSAGE: usize = 64 << 20;
const MAGIC: &[u8; 8] = b"kacheag1";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Which results does an action have?
    Find {
        action: Digest,
        /// The project's directory, which identifies its last build.
        workspace: Vec<u8>,
        /// Respond with lists only: the prefetched result does not hold here.
        skip_prefetched: bool,
    },
    /// Install the first pack that exists under one of these input keys into the store.
    Fetch {
        action: Digest,
        /// In the order of the lists.
        input_keys: Vec<Digest>,
        workspace: Vec<u8>,
    },
    /// Which lists does an action have besides those in its index?
    MoreLists { action: Digest },
    /// The upload queue has a new entry.
    Wake,
    /// Upload the whole queue, for at most this many seconds, and report.
    Flush { seconds: u64 },
    /// Exit after the current work.
    Stop,
}

/// Why the agent has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// The remote does not have it.
    NotFound,
    /// The circuit breaker is open: the remote was not queried.
    CircuitOpen,
    /// The query failed or timed out.
    Failed,
    /// The remote's object is invalid.
    Invalid,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// The greeting.
    Hello {
        /// [`VERSION`].
        version: u32,
        /// The version of kache.
        kache: String,
        /// [`super::Levels::fingerprint`].
        remote: String,
    },
    /// The response will take longer.
    KeepAlive,
    Unavailable(Unavailable, String),
    /// Lists of dependencies, encoded by [`super::format::encode_list`].
    Lists(Vec<Vec<u8>>),
    /// A result is in the local store now.
    Stored {
        /// The key of the result.
        result: Digest,
        /// Whether the result was there before this request.
        prefetched: bool,
        /// The level that had it.
        level: String,
    },
    /// The progress of a flush.
    Progress {
        /// Uploaded since the request.
        uploaded: u64,
        /// Still in the queue.
        remaining: u64,
    },
    /// The end of a flush.
    Flushed {
        /// Uploaded since the request.
        uploaded: u64,
        /// Not uploaded.
        remaining: u64,
        errors: Vec<String>,
    },
}

impl Request {
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(MAGIC);
        match self {
            Request::Find { action, workspace, skip_prefetched } => {
                w.num(1);
                w.digest(action);
                w.bytes(workspace);
                w.num(u64::from(*skip_prefetched));
            }
            Request::Fetch { action, input_keys, workspace } => {
                w.num(2);
                w.digest(action);
                w.num(input_keys.len() as u64);
                input_keys.iter().for_each(|key| w.digest(key));
                w.bytes(workspace);
            }
            Request::Wake => w.num(3),
            Request::Flush { seconds } => {
                w.num(4);
                w.num(*seconds);
            }
            Request::Stop => w.num(5),
            Request::MoreLists { action } => {
                w.num(6);
                w.digest(action);
            }
        }
        w.finish()
    }

    pub fn decode(bytes: &[u8]) -> Option<Request> {
        let mut r = Reader::open(bytes, MAGIC)?;
        let request = match r.num()? {
            1 => Request::Find {
                action: r.digest()?,
                workspace: r.bytes()?.to_vec(),
                skip_prefetched: r.num()? == 1,
            },
            2 => {
                let action = r.digest()?;
                let n = r.count()?;
                let input_keys = (0..n).map(|_| r.digest()).collect::<Option<_>>()?;
                Request::Fetch { action, input_keys, workspace: r.bytes()?.to_vec() }
            }
            3 => Request::Wake,
            4 => Request::Flush { seconds: r.num()? },
            5 => Request::Stop,
            6 => Request::MoreLists { action: r.digest()? },
            _ => return None,
        };
        r.at_end().then_some(request)
    }
}

impl Unavailable {
    fn from_number(n: u64) -> Option<Unavailable> {
        [Unavailable::NotFound, Unavailable::CircuitOpen, Unavailable::Failed, Unavailable::Invalid]
            .into_iter()
            .find(|reason| *reason as u64 == n)
    }
}

impl Response {
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(MAGIC);
        match self {
            Response::Hello { version, kache, remote } => {
                w.num(1);
                w.num(u64::from(*version));
                w.bytes(kache.as_bytes());
                w.bytes(remote.as_bytes());
            }
            Response::KeepAlive => w.num(2),
            Response::Unavailable(reason, detail) => {
                w.num(3);
                w.num(*reason as u64);
                w.bytes(detail.as_bytes());
            }
            Response::Lists(lists) => {
                w.num(4);
                w.num(lists.len() as u64);
                lists.iter().for_each(|list| w.bytes(list));
            }
            Response::Stored { result, prefetched, level } => {
                w.num(5);
                w.digest(result);
                w.num(u64::from(*prefetched));
                w.bytes(level.as_bytes());
            }
            Response::Progress { uploaded, remaining } => {
                w.num(6);
                w.num(*uploaded);
                w.num(*remaining);
            }
            Response::Flushed { uploaded, remaining, errors } => {
                w.num(7);
                w.num(*uploaded);
                w.num(*remaining);
                w.num(errors.len() as u64);
                errors.iter().for_each(|error| w.bytes(error.as_bytes()));
            }
        }
        w.finish()
    }

    pub fn decode(bytes: &[u8]) -> Option<Response> {
        let mut r = Reader::open(bytes, MAGIC)?;
        let response = match r.num()? {
            1 => Response::Hello { version: r.num()?.try_into().ok()?, kache: r.text()?, remote: r.text()? },
            2 => Response::KeepAlive,
            3 => Response::Unavailable(Unavailable::from_number(r.num()?)?, r.text()?),
            4 => {
                let n = r.count()?;
                Response::Lists((0..n).map(|_| Some(r.bytes()?.to_vec())).collect::<Option<_>>()?)
            }
            5 => Response::Stored { result: r.digest()?, prefetched: r.num()? == 1, level: r.text()? },
            6 => Response::Progress { uploaded: r.num()?, remaining: r.num()? },
            7 => {
                let (uploaded, remaining, n) = (r.num()?, r.num()?, r.count()?);
                let errors = (0..n).map(|_| r.text()).collect::<Option<_>>()?;
                Response::Flushed { uploaded, remaining, errors }
            }
            _ => return None,
        };
        r.at_end().then_some(response)
    }
}

/// The bytes of a message on the wire: its length, then the message.
pub fn frame(message: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(message.len() + 4);
    all.extend((message.len() as u32).to_le_bytes());
    all.extend(message);
    all
}

/// Sends a message.
pub fn send(to: &mut impl Write, message: &[u8]) -> io::Result<()> {
    to.write_all(&frame(message))
}

/// Receives a message.
pub fn receive(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_MESSAGE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the message is too long"));
    }
    let mut message = vec![0; length];
    from.read_exact(&mut message)?;
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_round_trip() {
        let d = Digest::of(b"d");
        let workspace = b"/w".to_vec();
        for request in [
            Request::Find { action: d, workspace: workspace.clone(), skip_prefetched: true },
            Request::Fetch { action: d, input_keys: vec![d, d], workspace },
            Request::MoreLists { action: d },
            Request::Wake,
            Request::Flush { seconds: 300 },
            Request::Stop,
        ] {
            assert_eq!(Request::decode(&request.encode()), Some(request));
        }
        for response in [
            Response::Hello { version: 7, kache: "k".into(), remote: "r".into() },
            Response::KeepAlive,
            Response::Unavailable(Unavailable::Invalid, "why".into()),
            Response::Lists(vec![vec![1], vec![]]),
            Response::Stored { result: d, prefetched: true, level: "l".into() },
            Response::Progress { uploaded: 1, remaining: 300 },
            Response::Flushed { uploaded: 1, remaining: 2, errors: vec!["t".into()] },
        ] {
            assert_eq!(Response::decode(&response.encode()), Some(response));
        }
        assert_eq!(Response::decode(&Request::Stop.encode()[1..]), None);
    }

    #[test]
    fn a_message_longer_than_the_limit_is_not_read() {
        let mut wire = ((MAX_MESSAGE + 1) as u32).to_le_bytes().to_vec();
        wire.extend([0; 64]);
        assert_eq!(receive(&mut &wire[..]).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(receive(&mut &frame(b"message")[..]).unwrap(), b"message");
        let cut = &frame(b"message")[..6];
        assert_eq!(receive(&mut &cut[..]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
