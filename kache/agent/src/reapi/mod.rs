//! Remotes that speak the Remote Execution API v2, as a service of opendal.
//!
//! | operation | calls |
//! | --- | --- |
//! | the first | `GetCapabilities` |
//! | read | `GetActionResult`; then `ByteStream.Read`, unless the result has the bytes |
//! | write | `FindMissingBlobs`, `BatchUpdateBlobs` for what is missing (a large blob by `ByteStream.Write`), `UpdateActionResult` |
//! | probe | `GetActionResult` |
//!
//! The API cannot list or remove objects. All objects are compressed already, so the compressors of the API are not used.

mod address;
mod client;
mod messages;
mod object;

use crate::error::ConfigError;
use crate::pack;
use crate::service::Throttle;
use address::Address;
use client::{Client, unexpected};
use kache_core::remote::Remote;
use messages::{BlobUpdate, Digest, Hasher, ReadResponse};
use object::{Located, ObjectAction};
use opendal::raw::{
    OpCopy, OpCreateDir, OpList, OpPresign, OpRead, OpRename, OpStat, OpWrite, RpCreateDir, RpPresign,
    RpRead, RpRename, RpStat, Service, ServiceInfo, oio,
};
use opendal::{
    Buffer, BytesRange, Capability, Error, ErrorKind, Metadata, MetadataBuilder, OperationContext, Operator,
    Result,
};
use prost::bytes::Bytes;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tonic::Streaming;

/// The maximum size of a batch, even if the server allows more; larger blobs are streamed.
const MAX_BATCH: u64 = 1 << 20;
/// The size of the parts of a stream.
const PART_SIZE: usize = 1 << 20;

/// The objects of a remote. Clones share the connection.
#[derive(Clone)]
pub struct Reapi {
    client: Arc<Client>,
    /// Before all names.
    prefix: String,
    /// The address without secrets.
    shown: String,
}

impl fmt::Debug for Reapi {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Reapi").field("address", &self.shown).finish_non_exhaustive()
    }
}

/// The bytes of an object to be written.
enum Source {
    Bytes(Bytes),
    File(PathBuf),
}

impl Reapi {
    /// Configures the remote, without connecting; `None` if the address is not one of this API.
    ///
    /// # Errors
    /// If the address or an option is invalid.
    pub fn open(remote: &Remote, throttle: &Throttle) -> std::result::Result<Option<Reapi>, ConfigError> {
        if !address::is_reapi(&remote.url) {
            return Ok(None);
        }
        let client = Client::new(Address::of(remote)?, throttle.clone());
        let (prefix, shown) = (remote.prefix.clone(), remote.shown());
        Ok(Some(Reapi { client: Arc::new(client), prefix, shown }))
    }

    pub fn operator(&self) -> Operator {
        Operator::from_parts(OperationContext::default(), Arc::new(self.clone()))
    }

    fn action(&self, name: &str) -> ObjectAction {
        ObjectAction::of(&format!("{}/{name}", self.prefix))
    }

    async fn locate(&self, name: &str) -> Result<Located> {
        self.client.capabilities().await?;
        let result = self.client.action_result(self.action(name).digest, object::OUTPUT).await?;
        object::located(result).ok_or_else(|| unexpected(format!("the result of {name} has no object")))
    }

    /// Writes an object from a file. Fails if no part is sent for so long.
    pub async fn write_file(&self, name: &str, path: &Path, patience: Duration) -> Result<()> {
        let file = path.to_path_buf();
        let digest = pack::run_in_background(move || digest_of(&file)).await.and_then(|digest| digest);
        let digest = digest.map_err(|e| unexpected(format!("{}: {e}", path.display())))?;
        let sent = Arc::new(AtomicU64::new(0));
        let write = self.put(name, digest, Source::File(path.to_path_buf()), sent.clone());
        tokio::pin!(write);
        let mut before = 0;
        loop {
            match tokio::time::timeout(patience, &mut write).await {
                Ok(written) => return written,
                Err(_) if sent.load(Ordering::Relaxed) > before => before = sent.load(Ordering::Relaxed),
                Err(_) => return Err(unexpected(format!("nothing was sent for {} s", patience.as_secs()))),
            }
        }
    }

    async fn put(&self, name: &str, digest: Digest, source: Source, sent: Arc<AtomicU64>) -> Result<()> {
        let capabilities = self.client.capabilities().await?;
        if !capabilities.update {
            let message =
                "the server does not allow updates of its action cache; set remote.mode to read-only";
            return Err(Error::new(ErrorKind::PermissionDenied, message));
        }
        let ObjectAction { digest: action, blobs } = self.action(name);
        let known = blobs.iter().filter_map(|blob| blob.digest.clone());
        let missing = self.client.missing_blobs(known.chain([digest.clone()]).collect()).await?;
        let is_missing = |blob: &BlobUpdate| blob.digest.as_ref().is_some_and(|d| missing.contains(d));
        let mut batch: Vec<BlobUpdate> = blobs.into_iter().filter(is_missing).collect();
        let max = MAX_BATCH.min(capabilities.max_batch);
        let total = batch.iter().map(|blob| blob.data.len() as u64).sum::<u64>() + digest.size_bytes as u64;
        let inline = match &source {
            Source::Bytes(bytes) => Some(bytes.clone()),
            Source::File(_) => None,
        };
        if missing.contains(&digest) {
            match source {
                Source::Bytes(data) if total <= max => {
                    batch.push(BlobUpdate { digest: Some(digest.clone()), data });
                }
                source => self.client.write_blob(&digest, parts(source, sent)).await?,
            }
        }
        if !batch.is_empty() {
            self.client.update_blobs(batch).await?;
        }
        self.client.update_action_result(action, object::result(digest, inline)).await
    }
}

fn digest_of(path: &Path) -> std::io::Result<Digest> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Hasher::default();
    let mut part = vec![0; PART_SIZE];
    loop {
        match file.read(&mut part)? {
            0 => return Ok(hasher.finish()),
            n => hasher.update(&part[..n]),
        }
    }
}

/// The parts of an object, and how many bytes of them were taken. If the file cannot be read, the parts end early, and the
/// server refuses the blob.
fn parts(source: Source, sent: Arc<AtomicU64>) -> impl futures_util::Stream<Item = Bytes> + Send + 'static {
    let mut next: Box<dyn FnMut() -> Option<Bytes> + Send> = match source {
        Source::Bytes(mut bytes) => Box::new(move || {
            let part = bytes.split_to(bytes.len().min(PART_SIZE));
            (!part.is_empty()).then_some(part)
        }),
        Source::File(path) => {
            let mut file = std::fs::File::open(path).ok();
            Box::new(move || {
                let mut part = Vec::with_capacity(PART_SIZE);
                file.as_mut()?.take(PART_SIZE as u64).read_to_end(&mut part).ok()?;
                (!part.is_empty()).then(|| part.into())
            })
        }
    };
    futures_util::stream::iter(std::iter::from_fn(move || {
        let part = next()?;
        sent.fetch_add(part.len() as u64, Ordering::Relaxed);
        Some(part)
    }))
}

/// Reads one object.
pub struct ObjectReader {
    reapi: Reapi,
    name: String,
}

impl oio::StreamRead for ObjectReader {
    async fn open(&self, range: BytesRange) -> Result<(RpRead, Box<dyn oio::ReadStreamDyn>)> {
        if !range.is_full() {
            return Err(unsupported());
        }
        let located = self.reapi.locate(&self.name).await?;
        let response = RpRead::new(metadata(&located));
        match located {
            Located::Inline(bytes) => Ok((response, Box::new(Buffer::from(bytes)))),
            Located::Blob(digest) => {
                let stream = self.reapi.client.read_blob(&digest).await?;
                let (client, left) = (self.reapi.client.clone(), digest.size_bytes as u64);
                Ok((response, Box::new(BlobStream { client, stream, left })))
            }
        }
    }
}

fn metadata(located: &Located) -> Metadata {
    let length = match located {
        Located::Inline(bytes) => bytes.len() as u64,
        Located::Blob(digest) => digest.size_bytes as u64,
    };
    MetadataBuilder::file(length).build()
}

/// The bytes of a blob. Whether they are the right ones, the reader of the object checks: objects are sealed.
struct BlobStream {
    client: Arc<Client>,
    stream: Streaming<ReadResponse>,
    /// The bytes that are to come.
    left: u64,
}

impl oio::ReadStream for BlobStream {
    async fn read(&mut self) -> Result<Buffer> {
        loop {
            let data = match self.stream.message().await {
                Ok(Some(response)) => response.data,
                Ok(None) if self.left == 0 => return Ok(Buffer::new()),
                Ok(None) => return Err(unexpected(format!("the blob ended {} bytes early", self.left))),
                Err(status) => return Err(self.client.read_failure(&status)),
            };
            match self.left.checked_sub(data.len() as u64) {
                None => return Err(unexpected("the blob is longer than its digest says".to_string())),
                Some(_) if data.is_empty() => {}
                Some(left) => {
                    self.left = left;
                    return Ok(Buffer::from(data));
                }
            }
        }
    }
}

/// Writes one object.
pub struct ObjectWriter {
    reapi: Reapi,
    name: String,
}

impl oio::OneShotWrite for ObjectWriter {
    async fn write_once(&self, bytes: Buffer) -> Result<Metadata> {
        let bytes = bytes.to_bytes();
        let (digest, length) = (Digest::of(&bytes), bytes.len() as u64);
        self.reapi.put(&self.name, digest, Source::Bytes(bytes), Arc::default()).await?;
        Ok(MetadataBuilder::file(length).build())
    }
}

fn unsupported() -> Error {
    Error::new(ErrorKind::Unsupported, "the Remote Execution API has no such operation")
}

impl Service for Reapi {
    type Reader = oio::StreamReader<ObjectReader>;
    type Writer = oio::OneShotWriter<ObjectWriter>;
    type Lister = ();
    type Deleter = ();
    type Copier = ();
    type Composer = ();

    fn info(&self) -> ServiceInfo {
        ServiceInfo::new("reapi", "/", &self.shown)
    }

    fn capability(&self) -> Capability {
        Capability {
            read: true,
            stat: true,
            write: true,
            write_can_empty: true,
            shared: true,
            ..Default::default()
        }
    }

    async fn stat(&self, _: &OperationContext, name: &str, _: OpStat) -> Result<RpStat> {
        Ok(RpStat::new(metadata(&self.locate(name).await?)))
    }

    fn read(&self, _: &OperationContext, name: &str, _: OpRead) -> Result<Self::Reader> {
        Ok(oio::StreamReader::new(ObjectReader { reapi: self.clone(), name: name.to_string() }))
    }

    fn write(&self, _: &OperationContext, name: &str, _: OpWrite) -> Result<Self::Writer> {
        Ok(oio::OneShotWriter::new(ObjectWriter { reapi: self.clone(), name: name.to_string() }))
    }

    async fn create_dir(&self, _: &OperationContext, _: &str, _: OpCreateDir) -> Result<RpCreateDir> {
        Err(unsupported())
    }

    fn delete(&self, _: &OperationContext) -> Result<Self::Deleter> {
        Err(unsupported())
    }

    fn list(&self, _: &OperationContext, _: &str, _: OpList) -> Result<Self::Lister> {
        Err(unsupported())
    }

    fn copy(&self, _: &OperationContext, _: &str, _: &str, _: OpCopy) -> Result<Self::Copier> {
        Err(unsupported())
    }

    async fn rename(&self, _: &OperationContext, _: &str, _: &str, _: OpRename) -> Result<RpRename> {
        Err(unsupported())
    }

    async fn presign(&self, _: &OperationContext, _: &str, _: OpPresign) -> Result<RpPresign> {
        Err(unsupported())
    }
}
