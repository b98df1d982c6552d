//! Campaigns: see them, hold them still, let them go on.

use axum::{Extension, Json, extract::State, http::StatusCode};
use chimera_domain::{Campaign, CampaignId, CampaignStatus, StateVersion};
use chimera_store::StoreError;

use super::{Id, Seen, Tagged};
use crate::{access::Visitor, problem::Problem, routes::Shared};

pub(crate) async fn list(State(shared): State<Shared>) -> Result<Json<Vec<Campaign>>, Problem> {
    Ok(Json(shared.access.store.campaigns().await?))
}

pub(crate) async fn one(
    State(shared): State<Shared>,
    Id(campaign): Id<CampaignId>,
) -> Result<Tagged<Campaign>, Problem> {
    Ok(tagged(found(&shared, campaign).await?))
}

pub(crate) async fn pause(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Id(campaign): Id<CampaignId>,
    seen: Seen,
) -> Result<Tagged<Campaign>, Problem> {
    set_status(&shared, &visitor, campaign, version(&seen)?, CampaignStatus::Paused).await.map(tagged)
}

pub(crate) async fn resume(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Id(campaign): Id<CampaignId>,
    seen: Seen,
) -> Result<Tagged<Campaign>, Problem> {
    set_status(&shared, &visitor, campaign, version(&seen)?, CampaignStatus::Active).await.map(tagged)
}

async fn found(shared: &Shared, id: CampaignId) -> Result<Campaign, Problem> {
    let found = shared.access.store.campaign_by_id(id).await?;
    found.ok_or_else(|| Problem::not_found("there is no such campaign"))
}

/// Sets the status of a campaign that was seen at this version. One that has that status already is left as it is.
pub(crate) async fn set_status(
    shared: &Shared,
    visitor: &Visitor,
    id: CampaignId,
    seen: StateVersion,
    to: CampaignStatus,
) -> Result<Campaign, Problem> {
    let campaign = found(shared, id).await?;
    if campaign.status == to {
        return Ok(campaign);
    }
    if campaign.status == CampaignStatus::Ended {
        let detail = format!("campaign {} has ended, so it can't become {to}", campaign.slug);
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    let (store, now) = (shared.access.store.acting_as(visitor.operator()), shared.access.ambient.now());
    match store.campaign_set_status(id, seen, to, now).await {
        Ok(campaign) => Ok(campaign),
        Err(StoreError::Conflict { found, .. }) => {
            let detail = format!("campaign {} was changed since {seen}: look again", campaign.slug);
            Err(Problem::new(StatusCode::PRECONDITION_FAILED, detail).with("state_version", found.get()))
        }
        Err(error) => Err(error.into()),
    }
}

/// The version that was seen.
fn version(Seen(seen): &Seen) -> Result<StateVersion, Problem> {
    let number = seen.parse().map(StateVersion::new);
    number.map_err(|_| Problem::bad_request("`If-Match` names no version, such as \"3\""))
}

fn tagged(campaign: Campaign) -> Tagged<Campaign> {
    Tagged { version: campaign.state_version.get().to_string(), told: campaign }
}
