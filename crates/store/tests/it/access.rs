//! Links, sessions and tokens.

use chimera_domain::{AccessRole, Actor, Credential, CredentialKind, Secret, StateVersion, TenantId};
use chimera_domain::{Ambient as _, TicketId};
use chimera_store::{AuditFilter, Store, StoreConfig, StoreError};
use chrono::{Duration, SubsecRound as _};

use crate::world::World;

fn made(world: &World, kind: CredentialKind, name: &str) -> (Credential, Secret) {
    Credential::grant(kind, AccessRole::Reviewer, name, Duration::hours(1), TenantId::DEFAULT, &world.ambient)
}

async fn granted(world: &World, kind: CredentialKind, name: &str) -> (Credential, Secret) {
    let (credential, secret) = made(world, kind, name);
    world.store.acting_as(Actor::operator("zoe")).credential_grant(&credential).await.unwrap();
    (credential, secret)
}

pub(crate) async fn a_credential_is_found_by_its_secret_while_it_lives(world: World) {
    let (store, now) = (&world.store, world.ambient.now());
    let (token, secret) = granted(&world, CredentialKind::Token, "ci").await;
    let found = store.credential_of(CredentialKind::Token, &secret, now).await.unwrap();
    assert_eq!(found, Some(token.clone()));
    let end = token.expires_at.trunc_subsecs(6);
    let just_before = end - Duration::microseconds(1);
    assert!(store.credential_of(CredentialKind::Token, &secret, just_before).await.unwrap().is_some());
    assert_eq!(store.credential_of(CredentialKind::Token, &secret, end).await.unwrap(), None);
    assert_eq!(store.credential_of(CredentialKind::Session, &secret, now).await.unwrap(), None, "another kind");
    let (_, unknown) = made(&world, CredentialKind::Token, "ci");
    assert_eq!(store.credential_of(CredentialKind::Token, &unknown, now).await.unwrap(), None);

    let (link, _) = granted(&world, CredentialKind::Link, "mara").await;
    let (second, _) = granted(&world, CredentialKind::Token, "cd").await;
    let live = store.credentials_live(CredentialKind::Token, now).await.unwrap();
    assert_eq!(live, [second.clone(), token.clone()]);
    assert_eq!(store.credentials_live(CredentialKind::Link, now).await.unwrap(), [link]);
    let by = Actor::operator("zoe");
    assert_eq!(store.credential_end(token.id, &by, now).await.unwrap(), Some(token));
    assert_eq!(store.credential_of(CredentialKind::Token, &secret, now).await.unwrap(), None);
    assert_eq!(store.credentials_live(CredentialKind::Token, now).await.unwrap(), [second]);
    let twice = store.credential_grant(&live[0]).await.unwrap_err();
    assert!(matches!(twice, StoreError::Database { .. }), "{twice:?}");
}

pub(crate) async fn no_other_tenant_finds_a_credential(world: World) {
    let (token, secret) = granted(&world, CredentialKind::Token, "ci").await;
    let (_, link) = granted(&world, CredentialKind::Link, "mara").await;
    let tenant = TenantId::from_uuid(TicketId::generate(&world.ambient).as_uuid());
    let other = Store::connect(&StoreConfig { tenant, ..world.config.clone() }).await.unwrap();
    let now = world.ambient.now();
    assert_eq!(other.credential_of(CredentialKind::Token, &secret, now).await.unwrap(), None);
    assert_eq!(other.credentials_live(CredentialKind::Token, now).await.unwrap(), []);
    assert_eq!(other.credential_end(token.id, &Actor::system(), now).await.unwrap(), None);
    let (session, _) = made(&world, CredentialKind::Session, "mallory");
    let session = Credential { tenant_id: tenant, ..session };
    assert_eq!(other.sign_in(&link, &session, now).await.unwrap(), None);
    let foreign = other.credential_grant(&token).await.unwrap_err();
    assert!(matches!(foreign, StoreError::ForeignTenant { .. }), "{foreign:?}");
    assert!(world.store.credential_of(CredentialKind::Token, &secret, now).await.unwrap().is_some());
}

pub(crate) async fn of_many_who_come_with_one_link_one_signs_in(world: World) {
    let (link, secret) = granted(&world, CredentialKind::Link, "mara").await;
    let mut coming = tokio::task::JoinSet::new();
    for _ in 0..8 {
        // Each with connections of its own, as processes have.
        let (config, secret, now) = (world.config.clone(), secret.clone(), world.ambient.now());
        let (session, key) = made(&world, CredentialKind::Session, "");
        coming.spawn(async move {
            let store = Store::connect(&config).await.unwrap();
            (store.sign_in(&secret, &session, now).await.unwrap(), key)
        });
    }
    let came = coming.join_all().await;
    let signed_in: Vec<_> = came.iter().filter_map(|(session, key)| Some((session.clone()?, key))).collect();
    let [(session, key)] = signed_in.as_slice() else { panic!("{} signed in", signed_in.len()) };
    // Name and role are the link's, whatever was asked.
    assert_eq!((&*session.name, session.role, session.state_version), ("mara", link.role, StateVersion::FIRST));
    let now = world.ambient.now();
    let found = world.store.credential_of(CredentialKind::Session, key, now).await.unwrap();
    assert_eq!(found.as_ref(), Some(session));
    assert_eq!(world.store.credential_of(CredentialKind::Link, &secret, now).await.unwrap(), None, "used up");
    let entries = world.store.audit_entries(&AuditFilter { limit: 10, ..AuditFilter::default() }).await.unwrap();
    let mut told: Vec<_> = entries.iter().map(|e| (e.actor.as_str(), e.action.as_str())).collect();
    told.retain(|(_, action)| action.contains("access") || action.contains("signed"));
    told.sort_unstable();
    assert_eq!(told, [("human:mara", "signed_in"), ("operator:zoe", "access_granted")]);
}

pub(crate) async fn what_ended_long_ago_is_forgotten_but_for_tokens(world: World) {
    let (token, _) = granted(&world, CredentialKind::Token, "ci").await;
    let (old, _) = granted(&world, CredentialKind::Link, "mara").await;
    let later = world.ambient.now() + Duration::days(40);
    let (link, secret) = made(&world, CredentialKind::Link, "zoe");
    let link = Credential { expires_at: later + Duration::hours(1), ..link };
    world.store.credential_grant(&link).await.unwrap();
    let (session, _) = made(&world, CredentialKind::Session, "");
    assert!(world.store.sign_in(&secret, &session, later).await.unwrap().is_some());
    let by = Actor::system();
    assert_eq!(world.store.credential_end(old.id, &by, later).await.unwrap(), None, "it is gone");
    assert!(world.store.credential_end(token.id, &by, later).await.unwrap().is_some());
}
