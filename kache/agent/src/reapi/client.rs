//! The calls of the Remote Execution API that the agent makes, over one connection.

use super::address::Address;
use super::messages::*;
use crate::service::Throttle;
use futures_util::{Stream, stream};
use http::uri::PathAndQuery;
use opendal::{Error, ErrorKind, Result};
use prost::Message;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::OnceCell;
use tonic::client::Grpc;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status, Streaming};
use tonic_prost::ProstCodec;

/// The longest message that is accepted: servers send at most 4 MiB by default.
const MAX_MESSAGE: usize = 16 << 20;

/// What a server supports, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether action results can be stored.
    pub update: bool,
    /// The maximum size of all blobs of a batch.
    pub max_batch: u64,
}

pub struct Client {
    endpoint: Endpoint,
    headers: MetadataMap,
    /// The instance name, sent with each request.
    instance: String,
    connection: Mutex<Connection>,
    capabilities: OnceCell<Capabilities>,
    throttle: Throttle,
}

/// The current connection, and how many there were before it.
#[derive(Default)]
struct Connection {
    /// Made by the first call, since it needs the runtime.
    channel: Option<Channel>,
    number: u64,
}

/// A call that has not ended. If it is dropped because its deadline passed, the connection may be dead, and the next
/// call makes a new one. (Servers close connections on which a client sends HTTP/2 pings to test them.)
struct Pending<'c> {
    client: &'c Client,
    number: u64,
    ended: bool,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if !self.ended {
            let mut connection = self.client.connection();
            if connection.number == self.number {
                *connection = Connection { channel: None, number: self.number + 1 };
            }
        }
    }
}

impl Client {
    /// The first call connects.
    pub fn new(address: Address, throttle: Throttle) -> Client {
        Client {
            endpoint: address.endpoint,
            headers: address.headers,
            instance: address.instance,
            connection: Mutex::default(),
            capabilities: OnceCell::new(),
            throttle,
        }
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> (Channel, Pending<'_>) {
        let mut connection = self.connection();
        let number = connection.number;
        let channel = connection.channel.get_or_insert_with(|| self.endpoint.connect_lazy()).clone();
        (channel, Pending { client: self, number, ended: false })
    }

    /// Makes a call, and waits for the first part of its response.
    async fn call<S, M, R>(&self, method: &'static str, messages: S) -> Result<Streaming<R>>
    where
        S: Stream<Item = M> + Send + 'static,
        M: Message + 'static,
        R: Message + Default + 'static,
    {
        let (channel, mut pending) = self.begin();
        let mut grpc = Grpc::new(channel).max_decoding_message_size(MAX_MESSAGE);
        let mut request = Request::new(messages);
        *request.metadata_mut() = self.headers.clone();
        let responses = async {
            grpc.ready().await.map_err(|e| Status::from_error(e.into()))?;
            grpc.streaming(request, PathAndQuery::from_static(method), ProstCodec::<M, R>::default()).await
        };
        let responses = responses.await;
        pending.ended = true;
        responses.map(tonic::Response::into_inner).map_err(|status| self.failure(method, &status))
    }

    /// A call with one response.
    async fn ask<S, M, R>(&self, method: &'static str, messages: S) -> Result<R>
    where
        S: Stream<Item = M> + Send + 'static,
        M: Message + 'static,
        R: Message + Default + 'static,
    {
        let mut responses: Streaming<R> = self.call(method, messages).await?;
        match responses.message().await {
            Ok(Some(response)) => Ok(response),
            Ok(None) => Err(unexpected(format!("{} has no response", short(method)))),
            Err(status) => Err(self.failure(method, &status)),
        }
    }

    /// A call with one request and one response.
    async fn unary<M, R>(&self, method: &'static str, message: M) -> Result<R>
    where
        M: Message + 'static,
        R: Message + Default + 'static,
    {
        self.ask(method, stream::iter([message])).await
    }

    fn failure(&self, method: &str, status: &Status) -> Error {
        if status.code() == Code::ResourceExhausted {
            self.throttle.record(None);
        }
        failure(method, status)
    }

    /// What the server supports; asked once.
    pub async fn capabilities(&self) -> Result<Capabilities> {
        let ask = || async {
            let request = GetCapabilitiesRequest { instance_name: self.instance.clone() };
            let method = "/build.bazel.remote.execution.v2.Capabilities/GetCapabilities";
            let all: ServerCapabilities = self.unary(method, request).await?;
            supported(all.cache_capabilities)
        };
        self.capabilities.get_or_try_init(ask).await.copied()
    }

    pub async fn action_result(&self, action: Digest, inline: &str) -> Result<ActionResult> {
        let request = GetActionResultRequest {
            instance_name: self.instance.clone(),
            action_digest: Some(action),
            inline_output_files: vec![inline.to_string()],
        };
        self.unary("/build.bazel.remote.execution.v2.ActionCache/GetActionResult", request).await
    }

    pub async fn update_action_result(&self, action: Digest, result: ActionResult) -> Result<()> {
        let request = UpdateActionResultRequest {
            instance_name: self.instance.clone(),
            action_digest: Some(action),
            action_result: Some(result),
        };
        let method = "/build.bazel.remote.execution.v2.ActionCache/UpdateActionResult";
        self.unary(method, request).await.map(|_: ActionResult| ())
    }

    pub async fn missing_blobs(&self, blobs: Vec<Digest>) -> Result<Vec<Digest>> {
        let request = FindMissingBlobsRequest { instance_name: self.instance.clone(), blob_digests: blobs };
        let method = "/build.bazel.remote.execution.v2.ContentAddressableStorage/FindMissingBlobs";
        self.unary(method, request).await.map(|found: FindMissingBlobsResponse| found.missing_blob_digests)
    }

    pub async fn update_blobs(&self, blobs: Vec<BlobUpdate>) -> Result<()> {
        let request = BatchUpdateBlobsRequest { instance_name: self.instance.clone(), requests: blobs };
        let method = "/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchUpdateBlobs";
        let updated: BatchUpdateBlobsResponse = self.unary(method, request).await?;
        let mut statuses = updated.responses.into_iter().filter_map(|one| one.status);
        match statuses.find(|status| status.code != 0) {
            Some(bad) => Err(self.failure(method, &Status::new(Code::from_i32(bad.code), bad.message))),
            None => Ok(()),
        }
    }

    /// Starts to read a blob.
    pub async fn read_blob(&self, blob: &Digest) -> Result<Streaming<ReadResponse>> {
        let Digest { hash, size_bytes } = blob;
        let request = ReadRequest { resource_name: self.resource(&format!("blobs/{hash}/{size_bytes}")) };
        self.call(READ, stream::iter([request])).await
    }

    /// An error of a blob's stream.
    pub fn read_failure(&self, status: &Status) -> Error {
        self.failure(READ, status)
    }

    /// Writes a blob from its parts.
    pub async fn write_blob(
        &self,
        blob: &Digest,
        parts: impl Stream<Item = prost::bytes::Bytes> + Send + 'static,
    ) -> Result<()> {
        use futures_util::StreamExt;
        let Digest { hash, size_bytes } = blob;
        let size = *size_bytes;
        let mut resource_name = self.resource(&format!("uploads/{}/blobs/{hash}/{size}", uuid()?));
        let mut write_offset = 0;
        let requests = parts.map(move |data| {
            let offset = write_offset;
            write_offset += data.len() as i64;
            let resource_name = std::mem::take(&mut resource_name);
            WriteRequest { resource_name, write_offset: offset, finish_write: write_offset == size, data }
        });
        let written: WriteResponse = self.ask("/google.bytestream.ByteStream/Write", requests).await?;
        match written.committed_size == size {
            true => Ok(()),
            false => Err(unexpected(format!("the server stored {} of {size} bytes", written.committed_size))),
        }
    }

    fn resource(&self, name: &str) -> String {
        match self.instance.as_str() {
            "" => name.to_string(),
            instance => format!("{instance}/{name}"),
        }
    }
}

const READ: &str = "/google.bytestream.ByteStream/Read";

/// The last part of a method's name.
fn short(method: &str) -> &str {
    method.rsplit('/').next().unwrap_or(method)
}

pub fn unexpected(message: String) -> Error {
    Error::new(ErrorKind::Unexpected, message)
}

fn supported(capabilities: Option<CacheCapabilities>) -> Result<Capabilities> {
    let Some(cache) = capabilities else {
        return Err(Error::new(ErrorKind::Unsupported, "the server is not a cache"));
    };
    if !cache.digest_functions.is_empty() && !cache.digest_functions.contains(&SHA256) {
        return Err(Error::new(ErrorKind::Unsupported, "the server does not support SHA256 digests"));
    }
    Ok(Capabilities {
        update: cache.action_cache_update_capabilities.is_some_and(|update| update.update_enabled),
        max_batch: match cache.max_batch_total_size_bytes {
            ..=0 => u64::MAX,
            max => max as u64,
        },
    })
}

/// Converts a status: its code, its message and the innermost cause.
fn failure(method: &str, status: &Status) -> Error {
    let kind = match status.code() {
        Code::NotFound => ErrorKind::NotFound,
        Code::PermissionDenied | Code::Unauthenticated => ErrorKind::PermissionDenied,
        Code::ResourceExhausted => ErrorKind::RateLimited,
        Code::Unimplemented => ErrorKind::Unsupported,
        _ => ErrorKind::Unexpected,
    };
    let mut message = format!("{}: {:?}: {}", short(method), status.code(), status.message());
    let mut source = std::error::Error::source(status);
    while let Some(inner) = source {
        source = inner.source();
        if source.is_none() {
            message = format!("{message}: {inner}");
        }
    }
    Error::new(kind, message)
}

/// A random UUID, which names one upload.
fn uuid() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| unexpected(format!("cannot read random bytes: {e}")))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_sha256_or_without_a_cache_is_not_used() {
        assert!(supported(None).unwrap_err().to_string().contains("not a cache"));
        let other = CacheCapabilities { digest_functions: vec![9], ..CacheCapabilities::default() };
        assert!(supported(Some(other)).unwrap_err().to_string().contains("SHA256"));
        let silent = supported(Some(CacheCapabilities::default())).unwrap();
        assert_eq!(silent, Capabilities { update: false, max_batch: u64::MAX });
    }

    #[test]
    fn a_status_becomes_an_error_with_its_call() {
        let error = failure("/a.B/Read", &Status::not_found("no blob"));
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("Read: NotFound: no blob"), "{error}");
        assert_eq!(failure("/a.B/C", &Status::unauthenticated("")).kind(), ErrorKind::PermissionDenied);
    }

    #[test]
    fn uploads_have_random_names_in_the_form_of_a_uuid() {
        let (one, two) = (uuid().unwrap(), uuid().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!(one.as_bytes()[14], b'4');
    }
}
