//! Campaigns: see them, hold them still, let them go on.

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use chimera_domain::{Campaign, CampaignId, CampaignStatus, StateVersion};
use chimera_store::StoreError;

use super::id;
use crate::{access::Visitor, problem::Problem, routes::Shared};

pub(crate) async fn list(State(shared): State<Shared>) -> Result<Response, Problem> {
    Ok(Json(shared.access.store.campaigns().await?).into_response())
}

pub(crate) async fn one(State(shared): State<Shared>, Path(campaign): Path<String>) -> Result<Response, Problem> {
    Ok(tagged(found(&shared, id(&campaign)?).await?))
}

pub(crate) async fn pause(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(campaign): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    set(&shared, &visitor, id(&campaign)?, &headers, CampaignStatus::Paused).await
}

pub(crate) async fn resume(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(campaign): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    set(&shared, &visitor, id(&campaign)?, &headers, CampaignStatus::Active).await
}

async fn found(shared: &Shared, id: CampaignId) -> Result<Campaign, Problem> {
    let found = shared.access.store.campaign_by_id(id).await?;
    found.ok_or_else(|| Problem::not_found("there is no such campaign"))
}

/// Sets the status at the version that `If-Match` names. One that has that status already is left as it is, so this may be
/// sent again.
async fn set(
    shared: &Shared,
    visitor: &Visitor,
    id: CampaignId,
    headers: &HeaderMap,
    to: CampaignStatus,
) -> Result<Response, Problem> {
    set_status(shared, visitor, id, version(headers)?, to).await.map(tagged)
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

/// The version that `If-Match` names, as `ETag` told it.
fn version(headers: &HeaderMap) -> Result<StateVersion, Problem> {
    let Some(seen) = headers.get(header::IF_MATCH) else {
        let detail = "say with `If-Match: \"VERSION\"` which `state_version` of the campaign you saw";
        return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, detail));
    };
    let number = seen.to_str().ok().and_then(|text| text.trim().trim_matches('"').parse().ok());
    number.map(StateVersion::new).ok_or_else(|| Problem::bad_request("`If-Match` names no version, such as \"3\""))
}

fn tagged(campaign: Campaign) -> Response {
    let tag = HeaderValue::try_from(format!("\"{}\"", campaign.state_version.get()));
    let mut response = Json(campaign).into_response();
    if let Ok(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
