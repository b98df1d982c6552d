//! What can go wrong with memories.

use chimera_domain::{EmbeddingModel, MemoryId};
use sea_orm::DbErr;

use crate::StoreError;

/// Why memories could not be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Weaviate failed, or refused.
    #[error(transparent)]
    Weaviate(super::weaviate::WeaviateError),
    /// PostgreSQL has no pgvector in this database, and it could not be added.
    #[error(
        "PostgreSQL has no pgvector in this database, so memories can't be searched: install pgvector 0.8 or newer on the \
         server (Debian: postgresql-16-pgvector), and have a superuser run CREATE EXTENSION vector in this database"
    )]
    NoPgvector {
        /// What the server says.
        #[source]
        source: Option<DbErr>,
    },
    /// pgvector is too old.
    #[error(
        "pgvector {found} is too old, memories need 0.8 or newer: update it on the server, and have a superuser run ALTER \
         EXTENSION vector UPDATE in this database"
    )]
    OldPgvector {
        /// What is there.
        found: String,
    },
    /// A memory says that another model embedded it than did.
    #[error("memory {id} says it was embedded by {}/{}, but its vector is of {}/{}", said.name, said.dims, found.name, found.dims)]
    OtherModel {
        /// The memory.
        id: MemoryId,
        /// What it says.
        said: EmbeddingModel,
        /// What its vector is of.
        found: EmbeddingModel,
    },
}

impl From<DbErr> for MemoryError {
    fn from(source: DbErr) -> Self {
        Self::Store(source.into())
    }
}

impl crate::store::Collides for MemoryError {
    fn collided(&self) -> bool {
        matches!(self, Self::Store(error) if error.collided())
    }
}
