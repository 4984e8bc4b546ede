//! The messages of the Remote Execution API that the agent sends and reads.
//!
//! They are written by hand from `build/bazel/remote/execution/v2/remote_execution.proto` (version 2.3),
//! `google/bytestream/bytestream.proto` and `google/rpc/status.proto`, so that no machine needs protoc. Fields that
//! the agent does not use are left out: a reader of protocol buffers skips unknown fields.

use prost::Message;
use prost::bytes::Bytes;
use ring::digest;

/// The digest function of the API that the agent uses.
pub const SHA256: i32 = 1;

#[derive(Clone, PartialEq, Eq, Message)]
pub struct Digest {
    /// In lower-case hex.
    #[prost(string, tag = "1")]
    pub hash: String,
    #[prost(int64, tag = "2")]
    pub size_bytes: i64,
}

impl Digest {
    pub fn of(bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }
}

/// Computes the digest of bytes that come in parts.
pub struct Hasher {
    context: digest::Context,
    length: u64,
}

impl Default for Hasher {
    fn default() -> Hasher {
        Hasher { context: digest::Context::new(&digest::SHA256), length: 0 }
    }
}

impl Hasher {
    pub fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.length += bytes.len() as u64;
    }

    pub fn finish(self) -> Digest {
        let hash = self.context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Digest { hash, size_bytes: self.length as i64 }
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct Action {
    #[prost(message, optional, tag = "1")]
    pub command_digest: Option<Digest>,
    #[prost(message, optional, tag = "2")]
    pub input_root_digest: Option<Digest>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Command {
    #[prost(string, repeated, tag = "1")]
    pub arguments: Vec<String>,
    #[prost(string, repeated, tag = "7")]
    pub output_paths: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ActionResult {
    #[prost(message, repeated, tag = "2")]
    pub output_files: Vec<OutputFile>,
}

#[derive(Clone, PartialEq, Message)]
pub struct OutputFile {
    #[prost(string, tag = "1")]
    pub path: String,
    #[prost(message, optional, tag = "2")]
    pub digest: Option<Digest>,
    /// The bytes of the digest, or nothing.
    #[prost(bytes = "bytes", tag = "5")]
    pub contents: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetActionResultRequest {
    #[prost(string, tag = "1")]
    pub instance_name: String,
    #[prost(message, optional, tag = "2")]
    pub action_digest: Option<Digest>,
    /// The output files whose contents the server may put into the response.
    #[prost(string, repeated, tag = "5")]
    pub inline_output_files: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct UpdateActionResultRequest {
    #[prost(string, tag = "1")]
    pub instance_name: String,
    #[prost(message, optional, tag = "2")]
    pub action_digest: Option<Digest>,
    #[prost(message, optional, tag = "3")]
    pub action_result: Option<ActionResult>,
}

#[derive(Clone, PartialEq, Message)]
pub struct FindMissingBlobsRequest {
    #[prost(string, tag = "1")]
    pub instance_name: String,
    #[prost(message, repeated, tag = "2")]
    pub blob_digests: Vec<Digest>,
}

#[derive(Clone, PartialEq, Message)]
pub struct FindMissingBlobsResponse {
    #[prost(message, repeated, tag = "2")]
    pub missing_blob_digests: Vec<Digest>,
}

#[derive(Clone, PartialEq, Message)]
pub struct BatchUpdateBlobsRequest {
    #[prost(string, tag = "1")]
    pub instance_name: String,
    #[prost(message, repeated, tag = "2")]
    pub requests: Vec<BlobUpdate>,
}

/// `BatchUpdateBlobsRequest.Request`.
#[derive(Clone, PartialEq, Message)]
pub struct BlobUpdate {
    #[prost(message, optional, tag = "1")]
    pub digest: Option<Digest>,
    #[prost(bytes = "bytes", tag = "2")]
    pub data: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub struct BatchUpdateBlobsResponse {
    #[prost(message, repeated, tag = "1")]
    pub responses: Vec<BlobUpdated>,
}

/// `BatchUpdateBlobsResponse.Response`.
#[derive(Clone, PartialEq, Message)]
pub struct BlobUpdated {
    #[prost(message, optional, tag = "1")]
    pub digest: Option<Digest>,
    #[prost(message, optional, tag = "2")]
    pub status: Option<RpcStatus>,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetCapabilitiesRequest {
    #[prost(string, tag = "1")]
    pub instance_name: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct ServerCapabilities {
    #[prost(message, optional, tag = "1")]
    pub cache_capabilities: Option<CacheCapabilities>,
}

#[derive(Clone, PartialEq, Message)]
pub struct CacheCapabilities {
    #[prost(int32, repeated, tag = "1")]
    pub digest_functions: Vec<i32>,
    #[prost(message, optional, tag = "2")]
    pub action_cache_update_capabilities: Option<ActionCacheUpdateCapabilities>,
    /// 0 if the server sets no limit.
    #[prost(int64, tag = "4")]
    pub max_batch_total_size_bytes: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct ActionCacheUpdateCapabilities {
    #[prost(bool, tag = "1")]
    pub update_enabled: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct ReadRequest {
    #[prost(string, tag = "1")]
    pub resource_name: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct ReadResponse {
    #[prost(bytes = "bytes", tag = "10")]
    pub data: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub struct WriteRequest {
    /// In the first message of a stream only.
    #[prost(string, tag = "1")]
    pub resource_name: String,
    #[prost(int64, tag = "2")]
    pub write_offset: i64,
    #[prost(bool, tag = "3")]
    pub finish_write: bool,
    #[prost(bytes = "bytes", tag = "10")]
    pub data: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub struct WriteResponse {
    #[prost(int64, tag = "1")]
    pub committed_size: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_sha256() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b""), Digest { hash: empty.to_string(), size_bytes: 0 });
    }

    /// The tags and wire types, as bytes that another implementation wrote.
    #[test]
    fn messages_have_the_encoding_of_the_specification() {
        let digest = Some(Digest { hash: "ab".to_string(), size_bytes: 300 });
        let encoded = digest.clone().unwrap().encode_to_vec();
        assert_eq!(encoded, b"\x0a\x02ab\x10\xac\x02");
        let file = OutputFile { path: "p".to_string(), digest, contents: Bytes::from_static(b"c") };
        let result = ActionResult { output_files: vec![file] };
        assert_eq!(result.encode_to_vec(), b"\x12\x0f\x0a\x01p\x12\x07\x0a\x02ab\x10\xac\x02\x2a\x01c");
        let write = WriteRequest {
            resource_name: "r".to_string(),
            write_offset: 1,
            finish_write: true,
            data: Bytes::from_static(b"d"),
        };
        assert_eq!(write.encode_to_vec(), b"\x0a\x01r\x10\x01\x18\x01\x52\x01d");
        // `max_batch_total_size_bytes` after fields of versions that the agent does not know.
        let capabilities =
            CacheCapabilities::decode(&b"\x0a\x01\x01\x12\x02\x08\x01\x20\x05\x3a\x01\x01"[..]);
        let capabilities = capabilities.unwrap();
        assert_eq!(
            (capabilities.digest_functions, capabilities.max_batch_total_size_bytes),
            (vec![SHA256], 5)
        );
        assert!(capabilities.action_cache_update_capabilities.unwrap().update_enabled);
    }
}
