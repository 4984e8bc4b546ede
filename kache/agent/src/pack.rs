//! Packs: a result with its blobs, as one object.
//!
//! ```text
//! "kachepk1" · length u32 · header, zstd with a checksum · length u16 · signature · concatenated blobs, zstd
//! ```
//!
//! The reader assumes a hostile writer: it checks the signature of the compressed header before decompressing the header,
//! decompression stops at the announced and allowed lengths, each blob must have its digest, and trailing bytes are an
//! error. Memory use is bounded: blobs go through a buffer, from file to file.

use crate::error::InstallError;
use crate::trust::{Statement, Trust};
use kache_core::digest::Digest;
use kache_core::platform;
use kache_core::remote::format::{self, Header, InvalidObject, MAX_METADATA, PACK_MAGIC, invalid};
use kache_core::store::Store;
use kache_core::store::manifest::{Entry, Manifest};
use kache_core::store::result::ActionResult;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempPath;

/// The zstd level. Uploads share the machine with the build: level 1 is four times as fast as level 3, and its output is an
/// eighth larger.
const LEVEL: i32 = 1;
/// The base-2 logarithm of the memory limit for decompression.
const WINDOW_LOG: u32 = 27;

/// Compresses bytes, with a checksum: most damaged frames without one decompress to other bytes.
pub fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Decompresses bytes. More than `max` bytes of output are an error.
pub fn decompress(bytes: &[u8], max: usize) -> Result<Vec<u8>, InvalidObject> {
    let read = || {
        let mut decoder = zstd::stream::read::Decoder::new(bytes)?;
        decoder.window_log_max(WINDOW_LOG)?;
        let mut out = Vec::new();
        decoder.take(max as u64 + 1).read_to_end(&mut out)?;
        Ok(out)
    };
    match read() {
        Ok(out) if out.len() > max => invalid(format!("it decompresses to more than {max} bytes")),
        Ok(out) => Ok(out),
        Err(e) => Err(cannot_decompress(&e)),
    }
}

fn cannot_decompress(e: &io::Error) -> InvalidObject {
    InvalidObject(format!("it cannot be decompressed: {e}"))
}

/// Packs a stored result into a temporary file. `None` if the store no longer has all of the result.
pub fn pack(store: &Store, trust: &Trust, action: &Digest, entry: &Entry) -> io::Result<Option<TempPath>> {
    let Some(mut result) = ActionResult::load(store, &entry.result) else { return Ok(None) };
    // `fetched` is local state.
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
    let input_key = format::recorded_input_key(action, &header.set);
    let compressed = compress(&header.encode())?;
    let signature = trust.sign(Statement::Pack(&input_key, &compressed));
    let pack = TempPath::try_from_path(store.temporary())?;
    let mut out = OpenOptions::new().write(true).create_new(true).open(&pack)?;
    out.write_all(PACK_MAGIC)?;
    out.write_all(&(compressed.len() as u32).to_le_bytes())?;
    out.write_all(&compressed)?;
    out.write_all(&(signature.len() as u16).to_le_bytes())?;
    out.write_all(&signature)?;
    let mut body = zstd::stream::write::Encoder::new(out, LEVEL)?;
    for mut file in files {
        io::copy(&mut file, &mut body)?;
    }
    body.finish()?;
    Ok(Some(pack))
}

/// Reads the part of a pack before its blobs, and that part's length. `None` if more bytes are needed.
pub fn read_header(
    bytes: &[u8],
    input_key: &Digest,
    trust: &Trust,
) -> Result<Option<(Header, usize)>, InvalidObject> {
    let magic = PACK_MAGIC.len().min(bytes.len());
    if bytes[..magic] != PACK_MAGIC[..magic] {
        return invalid("it is not a pack");
    }
    let Some((length, rest)) = bytes.get(8..).and_then(<[u8]>::split_first_chunk) else { return Ok(None) };
    let length = u32::from_le_bytes(*length) as usize;
    if length > MAX_METADATA {
        return invalid("its header is too long");
    }
    let Some((compressed, rest)) = rest.split_at_checked(length) else { return Ok(None) };
    let Some((size, rest)) = rest.split_first_chunk() else { return Ok(None) };
    let size = usize::from(u16::from_le_bytes(*size));
    let Some(signature) = rest.get(..size) else { return Ok(None) };
    trust.check(Statement::Pack(input_key, compressed), signature)?;
    let header = Header::decode(&decompress(compressed, MAX_METADATA)?, input_key)?;
    Ok(Some((header, 8 + 4 + length + 2 + size)))
}

/// Opens a pack file and verifies its header. Returns the file, the header, and the length of the part before the blobs.
pub fn open(path: &Path, input_key: &Digest, trust: &Trust) -> Result<(File, Header, usize), InstallError> {
    let mut file = File::open(path)?;
    let mut start = Vec::new();
    loop {
        let before = start.len();
        Read::by_ref(&mut file).take(1 << 20).read_to_end(&mut start)?;
        match read_header(&start, input_key, trust)? {
            Some((header, length)) => return Ok((file, header, length)),
            None if start.len() == before => return Err(truncated().into()),
            None => {}
        }
    }
}

/// Verifies a whole pack file and installs its result in the store. Returns the header and the bytes added.
pub fn install(
    store: &Store,
    trust: &Trust,
    input_key: &Digest,
    path: &Path,
) -> Result<(Header, u64), InstallError> {
    let (mut file, header, length) = open(path, input_key, trust)?;
    if store.is_blocked(&header.key) {
        return Err(InvalidObject("a check on this machine found this result wrong".into()).into());
    }
    io::Seek::seek(&mut file, io::SeekFrom::Start(length as u64))?;
    let mut unpacked = Vec::new();
    let bytes = unpack_blobs(store, &header, &file, &mut unpacked)
        .inspect_err(|_| unpacked.iter().for_each(|(tmp, ..)| _ = std::fs::remove_file(tmp)))?;
    // Everything is verified: store the blobs, then the result, then the manifest entry that leads to both.
    for (tmp, file, digest) in &unpacked {
        store.adopt_blob(tmp, file, digest)?;
    }
    let result = ActionResult { fetched: true, ..header.result.clone() };
    result.save(store, &header.key)?;
    let entry = Entry { result: header.key, dependencies: header.set.clone() };
    let lock = store.lock(&header.action, Duration::from_millis(100));
    Manifest::add(store, &header.action, None, entry)?;
    drop(lock);
    Ok((header, bytes))
}

fn truncated() -> InvalidObject {
    InvalidObject("it is truncated".into())
}

type TemporaryBlobs = Vec<(PathBuf, File, Digest)>;

/// Unpacks the blobs that the store does not have to temporary files, and verifies all blobs.
fn unpack_blobs(
    store: &Store,
    header: &Header,
    file: &File,
    out: &mut TemporaryBlobs,
) -> Result<u64, InstallError> {
    let mut body = zstd::stream::read::Decoder::new(file).map_err(|e| cannot_decompress(&e))?;
    body.window_log_max(WINDOW_LOG)?;
    let mut added = 0;
    for (digest, size) in &header.blobs {
        let mut to = None;
        if !store.has_blob(digest) {
            let tmp = store.temporary();
            let open = OpenOptions::new().read(true).write(true).create_new(true).open(&tmp)?;
            out.push((tmp, open.try_clone()?, *digest));
            to = Some(open);
            added += *size;
        }
        unpack_blob(&mut body, to, *size, digest)?;
    }
    match body.read(&mut [0]) {
        Ok(0) => Ok(added),
        Ok(_) => Err(InvalidObject("it has trailing bytes".into()).into()),
        Err(e) => Err(cannot_decompress(&e).into()),
    }
}

fn unpack_blob(
    body: &mut impl Read,
    mut to: Option<File>,
    size: u64,
    digest: &Digest,
) -> Result<(), InstallError> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 256 << 10];
    let mut left = size;
    while left > 0 {
        let max = left.min(buffer.len() as u64) as usize;
        let n = match body.read(&mut buffer[..max]) {
            Ok(0) => return Err(truncated().into()),
            Ok(n) => n,
            Err(e) => return Err(cannot_decompress(&e).into()),
        };
        hasher.update(&buffer[..n]);
        if let Some(file) = &mut to {
            file.write_all(&buffer[..n])?;
        }
        left -= n as u64;
    }
    match Digest(*hasher.finalize().as_bytes()) == *digest {
        true => Ok(()),
        false => Err(InvalidObject("a blob does not have its digest".into()).into()),
    }
}

/// Runs a function in a thread of low priority.
pub async fn run_in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("pack".into()).spawn(move || {
        platform::socket::background_thread();
        let _ = sender.send(work());
    })?;
    receiver.await.map_err(|_| io::Error::other("the background thread panicked"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kache_core::dependency::{Dependency, Kind, RecordedDependency};
    use kache_core::events::Observed;
    use kache_core::store::Area;
    use kache_core::store::result::Output;

    const BLOB: &[u8] = b"the bytes of an output";

    struct Fixture {
        _dir: tempfile::TempDir,
        store: Store,
    }

    fn empty() -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        Fixture { _dir: dir, store }
    }

    fn action() -> Digest {
        Digest::of(b"action")
    }

    fn entry() -> Entry {
        let source =
            RecordedDependency { dependency: Dependency::new(Kind::File, "l.rs"), digest: Digest::of(b"s") };
        Entry { result: Digest::of(b"result"), dependencies: vec![source] }
    }

    fn input_key() -> Digest {
        format::recorded_input_key(&action(), &entry().dependencies)
    }

    /// A pack's bytes, from a store with one result of two outputs with the same contents.
    fn packed() -> Vec<u8> {
        let from = empty();
        let digest = from.store.put_bytes(BLOB).unwrap();
        let output = |path: &str| Output {
            path: path.into(),
            digest,
            executable: false,
            is_template: false,
            exact: None,
        };
        let result = ActionResult {
            outputs: vec![output("<target>/a"), output("<target>/b")],
            stdout: Vec::new(),
            stderr: b"warning".to_vec(),
            label: "l".into(),
            compile_us: 1,
            observed: Observed::Preload,
            fetched: true,
            literal: false,
            confirmation: None,
            place: Vec::new(),
            status: 0,
        };
        result.save(&from.store, &entry().result).unwrap();
        let pack = pack(&from.store, &Trust::default(), &action(), &entry()).unwrap().unwrap();
        std::fs::read(&pack).unwrap()
    }

    fn install_bytes(to: &Fixture, bytes: &[u8]) -> Result<(Header, u64), InstallError> {
        let path = to.store.temporary();
        std::fs::write(&path, bytes).unwrap();
        let installed = install(&to.store, &Trust::default(), &input_key(), &path);
        std::fs::remove_file(&path).unwrap();
        installed
    }

    #[test]
    fn a_pack_installs_a_result_with_each_blob_once() {
        let to = empty();
        let (header, bytes) = install_bytes(&to, &packed()).unwrap();
        assert_eq!((header.blobs.len(), bytes), (1, BLOB.len() as u64));
        let result = ActionResult::load(&to.store, &entry().result).unwrap();
        assert!(result.fetched && !header.result.fetched);
        assert_eq!(result.stderr, b"warning");
        assert_eq!(Manifest::load(&to.store, &action()).unwrap().entries, [entry()]);
        // A second installation adds nothing.
        assert_eq!(install_bytes(&to, &packed()).unwrap().1, 0);
    }

    #[test]
    fn damaged_packs_install_nothing() {
        let bytes = packed();
        let flipped = (0..bytes.len()).map(|at| {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            bad
        });
        let cut = (0..bytes.len()).map(|at| bytes[..at].to_vec());
        let longer = std::iter::once([&bytes[..], b"more"].concat());
        let to = empty();
        let mut rejected = 0;
        for bad in flipped.chain(cut).chain(longer) {
            match install_bytes(&to, &bad) {
                Err(InstallError::Invalid(_)) => rejected += 1,
                Err(InstallError::Io(e)) => panic!("{e}"),
                // Some bits of a zstd frame's header carry no information, so that the contents are intact.
                Ok((header, _)) => {
                    assert_eq!(header.key, entry().result);
                    let open = to.store.open_blob(&header.blobs[0].0).unwrap();
                    assert_eq!(io::read_to_string(open.unwrap()).unwrap().as_bytes(), BLOB);
                }
            }
        }
        assert!(rejected >= 2 * bytes.len() - 8, "{rejected} of {}", 2 * bytes.len() + 1);
        let temporary = std::fs::read_dir(to.store.area(Area::Temporary)).unwrap();
        assert_eq!(temporary.count(), 0);
    }

    #[test]
    fn a_pack_of_another_input_key_is_invalid() {
        let bytes = packed();
        assert!(read_header(&bytes, &input_key(), &Trust::default()).unwrap().is_some());
        assert!(read_header(&bytes, &Digest::of(b"another"), &Trust::default()).is_err());
    }

    #[test]
    fn decompression_stops_at_the_limit() {
        let bytes = compress(&[0; 1000]).unwrap();
        assert_eq!(decompress(&bytes, 1000).unwrap().len(), 1000);
        assert!(decompress(&bytes, 999).unwrap_err().0.contains("more than 999 bytes"));
        assert!(decompress(b"not zstd", 1000).is_err());
    }

    #[test]
    fn damaged_bytes_do_not_decompress_to_others() {
        let bytes: Vec<u8> = (0..4000_u32).flat_map(|n| (n * n % 251).to_string().into_bytes()).collect();
        let compressed = compress(&bytes).unwrap();
        for at in 0..compressed.len() {
            let mut damaged = compressed.clone();
            damaged[at] ^= 1;
            assert!(!decompress(&damaged, bytes.len()).is_ok_and(|out| out != bytes), "byte {at}");
        }
    }
}
