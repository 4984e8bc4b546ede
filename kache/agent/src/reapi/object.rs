//! kache's objects in an action cache.
//!
//! The API has no names: it stores blobs by digest, and action results by the digest of an action. So an object's name
//! becomes an action, which is never executed: its command is `kache object NAME`, and its result has one output file,
//! whose digest is that of the object's bytes. The action and its command are stored, too, so that whoever looks into the
//! server sees what the result belongs to, and so that servers that check actions find them.

use super::messages::{Action, ActionResult, BlobUpdate, Command, Digest, OutputFile};
use prost::Message;
use prost::bytes::Bytes;

/// The name of an object's only output file.
pub const OUTPUT: &str = "object";
/// The maximum size of an object that an action result repeats, to save readers a round trip where the server itself
/// inlines nothing: indexes and lists, and the packs of small units.
const MAX_INLINE: usize = 16 << 10;

/// The action of an object.
pub struct ObjectAction {
    pub digest: Digest,
    /// The action, its command, and its inputs, which are an empty directory.
    pub blobs: Vec<BlobUpdate>,
}

impl ObjectAction {
    pub fn of(name: &str) -> ObjectAction {
        let command = Command {
            arguments: ["kache", "object", name].map(String::from).to_vec(),
            output_paths: vec![OUTPUT.to_string()],
        };
        let (command, inputs) = (blob(command.encode_to_vec().into()), blob(Bytes::new()));
        let action =
            Action { command_digest: command.digest.clone(), input_root_digest: inputs.digest.clone() };
        let bytes = action.encode_to_vec();
        ObjectAction { digest: Digest::of(&bytes), blobs: vec![blob(bytes.into()), command, inputs] }
    }
}

pub fn blob(data: Bytes) -> BlobUpdate {
    BlobUpdate { digest: Some(Digest::of(&data)), data }
}

/// The result of an object's action. A large object's bytes are not in it.
pub fn result(digest: Digest, bytes: Option<Bytes>) -> ActionResult {
    let contents = bytes.filter(|bytes| bytes.len() <= MAX_INLINE).unwrap_or_default();
    let file = OutputFile { path: OUTPUT.to_string(), digest: Some(digest), contents };
    ActionResult { output_files: vec![file] }
}

/// Where the bytes of an object are.
#[derive(Debug, PartialEq, Eq)]
pub enum Located {
    Inline(Bytes),
    Blob(Digest),
}

/// The object of an action result; `None` if another program wrote it.
pub fn located(result: ActionResult) -> Option<Located> {
    let file = result.output_files.into_iter().find(|file| file.path == OUTPUT)?;
    let digest = file.digest.filter(|digest| digest.size_bytes >= 0)?;
    match file.contents.len() as i64 == digest.size_bytes {
        true => Some(Located::Inline(file.contents)),
        false => Some(Located::Blob(digest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Machines share objects only if they compute the same digests. This one is by Python's library.
    #[test]
    fn the_action_of_a_name_never_changes() {
        let action = ObjectAction::of("kache/v2/index/ab/abcd");
        let computed_elsewhere = "7aeabe358c6913ad678a5ee2f2ba04af12bc996936251808fbe9e2d8fb7d98e3";
        assert_eq!(action.digest.hash, computed_elsewhere);
        assert_ne!(action.digest, ObjectAction::of("kache/v2/index/ab/abce").digest);
        assert!(action.blobs.iter().all(|blob| blob.digest == Some(Digest::of(&blob.data))));
    }

    #[test]
    fn small_objects_are_in_their_results() {
        let small = Bytes::from_static(b"small");
        let digest = Digest::of(&small);
        assert_eq!(located(result(digest.clone(), Some(small.clone()))), Some(Located::Inline(small)));
        let large = Bytes::from(vec![0; MAX_INLINE + 1]);
        let digest_of_large = Digest::of(&large);
        assert_eq!(
            located(result(digest_of_large.clone(), Some(large))),
            Some(Located::Blob(digest_of_large))
        );
        assert_eq!(located(result(digest.clone(), None)), Some(Located::Blob(digest)));
        assert_eq!(located(result(Digest::of(b""), None)), Some(Located::Inline(Bytes::new())));
    }

    #[test]
    fn results_of_other_programs_are_not_objects() {
        assert_eq!(located(ActionResult::default()), None);
        let mut other = result(Digest::of(b"x"), None);
        other.output_files[0].path = "a.o".to_string();
        assert_eq!(located(other), None);
        assert_eq!(located(result(Digest { hash: String::new(), size_bytes: -1 }, None)), None);
    }
}
