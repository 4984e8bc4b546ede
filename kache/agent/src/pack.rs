//! Packs: a result with its blobs, as one object.
//!
//! ```text
//! "kachepk1" · length u32 · header, zstd · length u16 · signature · blobs one after the other, zstd
//! ```
//!
//! Reading trusts nothing: the signature is checked over the packed header before it is unpacked, unpacking stops at the
//! lengths that were announced and allowed, each blob must have the digest that names it, and nothing may follow. Memory is
//! bounded throughout: blobs go through a buffer, from a file to a file.

use super::trust::{Statement, Trust};
use kache_core::digest::Digest;
use kache_core::platform;
use kache_core::remote::format::{self, Header, PACK, Refused, SMALL, refuse};
use kache_core::store::Store;
use kache_core::store::manifest::{Entry, Manifest};
use kache_core::store::result::ActionResult;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How hard to pack. Uploads share the machine with the build: the first level is four times as fast as the third, and an eighth
/// larger.
const LEVEL: i32 = 1;
/// The most memory that unpacking may ask for, as a power of two.
const WINDOW: u32 = 27;

/// Packs bytes.
pub fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    zstd::stream::encode_all(bytes, LEVEL)
}

/// Unpacks bytes, if they come to no more than `most`.
pub fn decompress(bytes: &[u8], most: usize) -> Result<Vec<u8>, Refused> {
    let unpack = || {
        let mut decoder = zstd::stream::read::Decoder::new(bytes)?;
        decoder.window_log_max(WINDOW)?;
        let mut out = Vec::new();
        decoder.take(most as u64 + 1).read_to_end(&mut out)?;
        Ok::<_, io::Error>(out)
    };
    match unpack() {
        Ok(out) if out.len() > most => refuse(format!("it unpacks to more than {most} bytes")),
        Ok(out) => Ok(out),
        Err(e) => refuse(format!("it cannot be unpacked: {e}")),
    }
}

/// A pack in a file of its own, removed when it is dropped.
pub struct Packed {
    /// Where.
    pub path: PathBuf,
}

impl Drop for Packed {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Packs a stored result. `None` where something of it is not in the store any more.
pub fn pack(store: &Store, trust: &Trust, action: &Digest, entry: &Entry) -> io::Result<Option<Packed>> {
    let Some(mut result) = ActionResult::load(store, &entry.result) else { return Ok(None) };
    // Whether this machine fetched it is nobody else's affair.
    result.fetched = false;
    let mut blobs: Vec<(Digest, u64)> = Vec::new();
    let mut files = Vec::new();
    for output in &result.outputs {
        if blobs.iter().any(|(known, _)| *known == output.digest) {
            continue;
        }
        let Some(file) = store.open_blob(&output.digest)? else { return Ok(None) };
        blobs.push((output.digest, file.metadata()?.len()));
        files.push(file);
    }
    let header =
        Header { action: *action, set: entry.dependencies.clone(), key: entry.result, result, blobs };
    let state = format::state_of(action, &header.set);
    let squeezed = compress(&header.encode())?;
    let signature = trust.sign(Statement::Pack(&state, &squeezed));
    let packed = Packed { path: store.temporary() };
    let mut out = OpenOptions::new().write(true).create_new(true).open(&packed.path)?;
    out.write_all(PACK)?;
    out.write_all(&(squeezed.len() as u32).to_le_bytes())?;
    out.write_all(&squeezed)?;
    out.write_all(&(signature.len() as u16).to_le_bytes())?;
    out.write_all(&signature)?;
    let mut body = zstd::stream::write::Encoder::new(out, LEVEL)?;
    for mut file in files {
        io::copy(&mut file, &mut body)?;
    }
    body.finish()?;
    Ok(Some(packed))
}

/// The part of a pack before its blobs, as far as it has come; nothing where more is needed. With it how many bytes it took.
pub fn head(bytes: &[u8], state: &Digest, trust: &Trust) -> Result<Option<(Header, usize)>, Refused> {
    let most = PACK.len().min(bytes.len());
    if bytes[..most] != PACK[..most] {
        return refuse("it is not what kache writes");
    }
    let Some((length, rest)) = bytes.get(8..).and_then(<[u8]>::split_first_chunk) else { return Ok(None) };
    let length = u32::from_le_bytes(*length) as usize;
    if length > SMALL {
        return refuse("its header is too long");
    }
    let Some((squeezed, rest)) = rest.split_at_checked(length) else { return Ok(None) };
    let Some((size, rest)) = rest.split_first_chunk() else { return Ok(None) };
    let size = usize::from(u16::from_le_bytes(*size));
    let Some(signature) = rest.get(..size) else { return Ok(None) };
    trust.check(Statement::Pack(state, squeezed), signature)?;
    let header = Header::decode(&decompress(squeezed, SMALL)?, state)?;
    Ok(Some((header, 8 + 4 + length + 2 + size)))
}

/// What came of putting a pack into the store.
pub enum Install {
    /// It is there, in so many bytes.
    Done(Box<Header>, u64),
    /// It is not to be believed.
    Refused(Refused),
}

/// Puts a pack that lies in a file into the store, once all of it has been verified.
///
/// # Errors
/// Where the store cannot be written, or the file not read.
pub fn install(store: &Store, trust: &Trust, state: &Digest, path: &Path) -> io::Result<Install> {
    let mut file = File::open(path)?;
    let mut first = Vec::new();
    let (header, at) = loop {
        let before = first.len();
        Read::by_ref(&mut file).take(1 << 20).read_to_end(&mut first)?;
        match head(&first, state, trust) {
            Err(why) => return Ok(Install::Refused(why)),
            Ok(Some(found)) => break found,
            Ok(None) if first.len() == before => {
                return Ok(Install::Refused(Refused("it ends too early".into())));
            }
            Ok(None) => {}
        }
    };
    if store.is_blocked(&header.key) {
        return Ok(Install::Refused(Refused("a check found it wrong on this machine".into())));
    }
    io::Seek::seek(&mut file, io::SeekFrom::Start(at as u64))?;
    let mut written = Vec::new();
    let bytes = match blobs(store, &header, &file, &mut written) {
        Ok(Ok(bytes)) => bytes,
        other => {
            written.iter().for_each(|(tmp, ..)| _ = std::fs::remove_file(tmp));
            return other.map(|done| Install::Refused(done.err().unwrap_or(Refused(String::new()))));
        }
    };
    // All of it is right: blobs, then the result, then the manifest.
    for (tmp, file, digest) in &written {
        store.adopt_blob(tmp, file, digest)?;
    }
    let result = ActionResult { fetched: true, ..header.result.clone() };
    result.save(store, &header.key)?;
    let entry = Entry { result: header.key, dependencies: header.set.clone() };
    let lock = store.lock(&header.action, Duration::from_millis(100));
    Manifest::add(store, &header.action, entry)?;
    drop(lock);
    Ok(Install::Done(Box::new(header), bytes))
}

type Written = Vec<(PathBuf, File, Digest)>;

/// Unpacks the blobs to temporary files, each verified.
fn blobs(store: &Store, header: &Header, file: &File, out: &mut Written) -> io::Result<Result<u64, Refused>> {
    let mut body = match zstd::stream::read::Decoder::new(file) {
        Ok(body) => body,
        Err(e) => return Ok(refuse(format!("it cannot be unpacked: {e}"))),
    };
    body.window_log_max(WINDOW)?;
    let mut total = 0;
    for (digest, size) in &header.blobs {
        let have = store.has_blob(digest);
        let tmp = store.temporary();
        let mut to = None;
        if !have {
            let open = OpenOptions::new().read(true).write(true).create_new(true).open(&tmp)?;
            out.push((tmp, open.try_clone()?, *digest));
            to = Some(open);
        }
        match one(&mut body, to, *size, digest)? {
            Ok(()) => total += if have { 0 } else { *size },
            Err(why) => return Ok(Err(why)),
        }
    }
    match body.read(&mut [0]) {
        Ok(0) => Ok(Ok(total)),
        Ok(_) => Ok(refuse("more follows than it says")),
        Err(e) => Ok(refuse(format!("it cannot be unpacked: {e}"))),
    }
}

fn one(
    body: &mut impl Read,
    mut to: Option<File>,
    size: u64,
    digest: &Digest,
) -> io::Result<Result<(), Refused>> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 256 << 10];
    let mut left = size;
    while left > 0 {
        let most = left.min(buffer.len() as u64) as usize;
        let got = match body.read(&mut buffer[..most]) {
            Ok(0) => return Ok(refuse("it ends too early")),
            Ok(n) => n,
            Err(e) => return Ok(refuse(format!("it cannot be unpacked: {e}"))),
        };
        hasher.update(&buffer[..got]);
        if let Some(file) = &mut to {
            file.write_all(&buffer[..got])?;
        }
        left -= got as u64;
    }
    match Digest(*hasher.finalize().as_bytes()) == *digest {
        true => Ok(Ok(())),
        false => Ok(refuse("a blob has other bytes than its name says")),
    }
}

/// Does something in a thread that yields to whatever else wants a processor.
pub async fn behind<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("pack".into()).spawn(move || {
        platform::socket::background_thread();
        let _ = tell.send(work());
    })?;
    told.await.map_err(|_| io::Error::other("packing ended without an answer"))
}
