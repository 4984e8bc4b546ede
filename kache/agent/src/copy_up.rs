//! Copies of results that a later level has, to the level that is written (`copy_up`).
//!
//! A copy has the bytes and the signature of the original: this machine signs only what it made itself. It is written only if
//! the keys of its new level accept it, and it replaces no valid object there.

use crate::error::StorageError;
use crate::level::Level;
use crate::trust::Statement;
use crate::{Agent, locked, pack};
use kache_core::digest::Digest;
use kache_core::remote::format::{self, Header, SignedList, encode_list};
use std::sync::Arc;
use tempfile::TempPath;

/// The maximum number of copies that run or wait. Further results are not copied.
const MAX_COPIES: usize = 64;

impl Agent {
    /// Starts to copy a pack to the level that is written, if that level wants it.
    pub async fn copy_up(self: &Arc<Self>, from: &Arc<Level>, key: Digest, header: Header, pack: TempPath) {
        let Some(to) = self.writer().ok().filter(|to| to.remote.copy_up).cloned() else { return };
        let mut copies = self.copies.lock().await;
        while copies.try_join_next().is_some() {}
        if copies.len() >= MAX_COPIES {
            return;
        }
        let (agent, from) = (self.clone(), from.clone());
        copies.spawn(async move {
            if let Err(e) = agent.copy(&from, &to, &key, &header, &pack).await {
                agent.log(&format!("not copied from {} to {}: {e}", from.name, to.name));
            }
        });
    }

    async fn copy(
        self: &Arc<Self>,
        from: &Level,
        to: &Arc<Level>,
        key: &Digest,
        header: &Header,
        file: &TempPath,
    ) -> Result<(), StorageError> {
        let Some(list) = self.list_to_copy(from, to, header).await? else { return Ok(()) };
        let refused = |e| StorageError::Failed(format!("{}: {e}", format::pack_name(key)));
        pack::open(file, key, &to.trust).map_err(refused)?;
        if !self.has_valid_pack(to, key).await? {
            to.storage.write_file(&format::pack_name(key), file).await?;
            locked(&to.quarantined).remove(key);
        }
        self.add_list(to, &header.action, list, false).await?;
        Ok(())
    }

    /// The list that leads to a result, with its signature, if the keys of its new level accept it.
    async fn list_to_copy(
        &self,
        from: &Level,
        to: &Level,
        header: &Header,
    ) -> Result<Option<SignedList>, StorageError> {
        let wanted = encode_list(header.set.iter().map(|recorded| &recorded.dependency));
        let (lists, _) = self.lists(from, &header.action, false).await?;
        let mut found = lists.into_iter().find(|list| list.list == wanted);
        if found.is_none() {
            let orphaned = self.orphaned_lists(from, &header.action).await?;
            found = orphaned.into_iter().find(|list| list.list == wanted);
        }
        let accepted = |list: &SignedList| {
            to.trust.check(Statement::List(&header.action, &list.list), &list.signature).is_ok()
        };
        Ok(found.filter(accepted))
    }

    /// Whether no copy runs.
    pub fn has_copied(&self) -> bool {
        self.copies.try_lock().is_ok_and(|mut copies| {
            while copies.try_join_next().is_some() {}
            copies.is_empty()
        })
    }

    /// Waits for the copies that run.
    pub async fn finish_copies(&self) {
        let mut copies = self.copies.lock().await;
        while copies.join_next().await.is_some() {}
    }
}
