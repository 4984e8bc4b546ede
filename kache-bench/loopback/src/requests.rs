//! Finds the requests in the bytes that a client sends: of HTTP/1.1 by method and path, of HTTP/2 by frames.

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The type of an HTTP/2 frame that begins a request.
const HEADERS: u8 = 1;
/// The size of an HTTP/2 frame's header.
const FRAME_HEADER: usize = 9;

/// Reads one connection.
#[derive(Default)]
pub struct RequestScanner {
    protocol: Protocol,
    /// The begin of a head.
    pending: Vec<u8>,
    /// The bytes of a body that are still to come.
    body: u64,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Protocol {
    #[default]
    Unknown,
    Http1,
    Http2,
    /// A body of unknown length: what follows cannot be told from it.
    Lost,
}

/// A head: its length, that of its body, and the request's kind if it begins one.
struct Head {
    length: usize,
    body: u64,
    kind: Option<String>,
}

impl RequestScanner {
    /// Returns the kinds of the requests that begin in the next bytes: the method and the folder of an object (`GET
    /// packs`), `LIST` with the folder, or `call` (HTTP/2, whose paths are compressed).
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut kinds = Vec::new();
        if self.protocol == Protocol::Lost {
            return kinds;
        }
        let skipped = usize::try_from(self.body).unwrap_or(usize::MAX).min(bytes.len());
        self.body -= skipped as u64;
        self.pending.extend(&bytes[skipped..]);
        while let Some(head) = self.head() {
            kinds.extend(head.kind);
            let in_body = usize::try_from(head.body).unwrap_or(usize::MAX);
            let passed = head.length.saturating_add(in_body).min(self.pending.len());
            self.body = head.body - (passed - head.length) as u64;
            self.pending.drain(..passed);
        }
        kinds
    }

    fn head(&mut self) -> Option<Head> {
        if self.protocol == Protocol::Unknown {
            let known = self.pending.len().min(PREFACE.len());
            self.protocol = match self.pending[..known] == PREFACE[..known] {
                true if known < PREFACE.len() => return None,
                true => Protocol::Http2,
                false => Protocol::Http1,
            };
            if self.protocol == Protocol::Http2 {
                return Some(Head { length: PREFACE.len(), body: 0, kind: None });
            }
        }
        match self.protocol {
            Protocol::Http2 => frame(&self.pending),
            Protocol::Http1 => self.http1(),
            Protocol::Unknown | Protocol::Lost => None,
        }
    }

    fn http1(&mut self) -> Option<Head> {
        let end = self.pending.windows(4).position(|window| window == b"\r\n\r\n")?;
        let text = String::from_utf8_lossy(&self.pending[..end]).into_owned();
        let header = |name: &str| {
            let mut lines = text.lines().skip(1).filter_map(|line| line.split_once(':'));
            lines.find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
        };
        if header("transfer-encoding").is_some() {
            self.protocol = Protocol::Lost;
        }
        let body = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut line = text.lines().next().unwrap_or_default().split(' ');
        let kind = kind(line.next().unwrap_or_default(), line.next().unwrap_or_default());
        Some(Head { length: end + 4, body, kind: Some(kind) })
    }
}

fn frame(bytes: &[u8]) -> Option<Head> {
    let header = bytes.get(..FRAME_HEADER)?;
    let body = u64::from(u32::from_be_bytes([0, header[0], header[1], header[2]]));
    let kind = (header[3] == HEADERS).then(|| "call".to_owned());
    Some(Head { length: FRAME_HEADER, body, kind })
}

/// The folders are those of kache's objects.
fn kind(method: &str, target: &str) -> String {
    let target = target.replace("%2F", "/");
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let method = if query.contains("list-type=") { "LIST" } else { method };
    let place = if method == "LIST" { query } else { path };
    match place.split_once("v2/").and_then(|(_, rest)| rest.split('/').next()) {
        Some(folder) if !folder.is_empty() => format!("{method} {folder}"),
        _ => method.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_pieces(bytes: &[u8], size: usize) -> Vec<String> {
        let mut scanner = RequestScanner::default();
        bytes.chunks(size).flat_map(|piece| scanner.feed(piece)).collect()
    }

    #[test]
    fn requests_of_http1_are_found_whatever_the_pieces() {
        let text = b"PUT /kache/v2/packs/ab/abcd HTTP/1.1\r\nContent-Length: 9\r\n\r\nGET / x\r\n\
            GET /kache/v2/index/ab/abcd HTTP/1.1\r\nhost: x\r\n\r\n\
            GET /kache?list-type=2&prefix=v2%2Flists%2Fab HTTP/1.1\r\n\r\nHEAD /kache/a/b HTTP/1.1\r\n\r\n";
        for size in [1, 2, 7, 64, 1000] {
            assert_eq!(
                in_pieces(text, size),
                ["PUT packs", "GET index", "LIST lists", "HEAD"],
                "pieces of {size}"
            );
        }
    }

    #[test]
    fn calls_of_http2_are_found_by_their_frames() {
        let mut text = PREFACE.to_vec();
        for (kind, body) in [(4, 0), (1, 30), (0, 300), (8, 4), (1, 7)] {
            text.extend([0, (body >> 8) as u8, body as u8, kind, 0, 0, 0, 0, 1]);
            text.extend(vec![1; body]);
        }
        for size in [1, 5, 100, 10_000] {
            assert_eq!(in_pieces(&text, size), ["call", "call"], "pieces of {size}");
        }
    }

    #[test]
    fn nothing_is_guessed_after_a_body_of_unknown_length() {
        let text = b"PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nGET /b HTTP/1.1\r\n\r\n";
        assert_eq!(in_pieces(text, 10), ["PUT"]);
    }
}
