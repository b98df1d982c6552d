//! Who may use the console: links, sessions and tokens.

use chrono::{DateTime, Duration, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, sea_query::Expr};

use chimera_domain::{Actor, Credential, CredentialId, CredentialKind, Secret};

use crate::{
    Result, RowKind, Store, StoreError,
    audit::{self, records},
    batch,
    codec::{Mapped, time},
    entity::credentials::{Column, Entity},
    versioned,
};

/// Links and sessions are forgotten so long after they ended; the audit log goes on knowing who signed in.
const FORGOTTEN_AFTER: Duration = Duration::days(30);

impl Store {
    /// Lets the holder of a secret in from now on, at the word of whoever holds this store ([`Self::acting_as`]), and
    /// logs that.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn credential_grant(&self, credential: &Credential) -> Result<()> {
        let tx = self.begin().await?;
        batch::insert::<Entity>(&*tx, self.tenant, [credential]).await?;
        let logged = records::access_granted(credential, self.actor.clone());
        audit::append(&*tx, self.tenant, &[logged]).await?;
        tx.commit().await
    }

    /// The credential of this kind with this secret, if it is live.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn credential_of(
        &self,
        kind: CredentialKind,
        secret: &Secret,
        now: DateTime<Utc>,
    ) -> Result<Option<Credential>> {
        let rows = batch::find::<Entity>(&self.db, self.tenant, Column::SecretHash, [secret.hash()]).await?;
        let found = rows.into_iter().next().map(Entity::read).transpose()?;
        Ok(found.filter(|credential| credential.kind == kind && credential.is_live(now)))
    }

    /// Credentials of this kind that are live, the newest first.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn credentials_live(&self, kind: CredentialKind, now: DateTime<Utc>) -> Result<Vec<Credential>> {
        let rows = Entity::find()
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .filter(Column::Kind.eq(kind.as_str()))
            .filter(Column::ExpiresAt.gt(time(now)))
            .filter(Column::EndedAt.is_null())
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .all(&self.db)
            .await?;
        batch::read_all::<Entity>(rows)
    }

    /// Uses a link up and makes `session` of its person and role; gives that session, or `None` when the link is unknown,
    /// too old, or used already. Of two who come with one link, one is let in.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails; then the link is as it was.
    pub async fn sign_in(&self, link: &Secret, session: &Credential, now: DateTime<Utc>) -> Result<Option<Credential>> {
        self.retrying(|| self.sign_in_once(link, session, now)).await
    }

    async fn sign_in_once(
        &self,
        link: &Secret,
        session: &Credential,
        now: DateTime<Utc>,
    ) -> Result<Option<Credential>> {
        let Some(link) = self.credential_of(CredentialKind::Link, link, now).await? else { return Ok(None) };
        let tx = self.begin().await?;
        let seen = (link.id.as_uuid(), link.state_version);
        match versioned::update_one::<Entity>(&*tx, self.tenant, RowKind::Credential, seen, ended(now)).await {
            Err(StoreError::Conflict { .. } | StoreError::NotFound { .. }) => return Ok(None),
            used => used?,
        };
        let session = Credential { name: link.name.clone(), role: link.role, ..session.clone() };
        batch::insert::<Entity>(&*tx, self.tenant, [&session]).await?;
        Entity::delete_many()
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .filter(Column::Kind.is_in([CredentialKind::Link, CredentialKind::Session].map(CredentialKind::as_str)))
            .filter(Column::ExpiresAt.lt(time(now - FORGOTTEN_AFTER)))
            .exec(&*tx)
            .await?;
        audit::append(&*tx, self.tenant, &[records::signed_in(&session, link.id, now)]).await?;
        tx.commit().await?;
        Ok(Some(session))
    }

    /// Ends a credential: lets its holder in no more, and logs that, as done by `by`. Gives it as it was; `None` when there
    /// is no such credential, or it had ended before.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn credential_end(&self, id: CredentialId, by: &Actor, now: DateTime<Utc>) -> Result<Option<Credential>> {
        let tx = self.begin().await?;
        let rows = batch::find::<Entity>(&*tx, self.tenant, Column::Id, [id.as_uuid()]).await?;
        let Some(before) = rows.into_iter().next().filter(|row| row.ended_at.is_none()) else { return Ok(None) };
        let before = Entity::read(before)?;
        let seen = (id.as_uuid(), before.state_version);
        match versioned::update_one::<Entity>(&*tx, self.tenant, RowKind::Credential, seen, ended(now)).await {
            Err(StoreError::Conflict { .. }) => return Ok(None),
            written => written?,
        };
        audit::append(&*tx, self.tenant, &[records::access_ended(&before, by.clone(), now)]).await?;
        tx.commit().await?;
        Ok(Some(before))
    }
}

fn ended(now: DateTime<Utc>) -> Vec<(Column, Expr)> {
    vec![(Column::EndedAt, Expr::val(time(now)))]
}
