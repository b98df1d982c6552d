//! A second campaign that somebody pauses and resumes at random.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use super::world::{FITFUL, World};
use crate::dice::Dice;
use chimera_domain::CampaignStatus;
use chimera_store::{Store, StoreConfig};

/// How long a pause lasts, and how long it is until the next, in milliseconds.
const PAUSED: (u64, u64) = (500, 2_500);
const RUNNING: (u64, u64) = (1_000, 4_000);

/// What came of it.
#[derive(Default)]
pub(super) struct Pauses {
    pub(super) count: u32,
    /// Tasks that were begun to be published while the campaign stood still.
    pub(super) broken: BTreeSet<String>,
}

/// Pauses and resumes until told to end; resumed at the end.
pub(super) fn pause_now_and_then(world: &World, mut dice: Dice, end: &AtomicBool) -> Pauses {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut pauses = Pauses::default();
    while !end.load(Ordering::Relaxed) {
        std::thread::sleep(dice.millis(RUNNING.0, RUNNING.1));
        set(world, &runtime, CampaignStatus::Paused);
        let begun = begun(world);
        std::thread::sleep(dice.millis(PAUSED.0, PAUSED.1));
        pauses.broken.extend(self::begun(world).difference(&begun).cloned());
        set(world, &runtime, CampaignStatus::Active);
        pauses.count += 1;
    }
    pauses
}

/// Tasks of the campaign that are out, or about to be.
fn begun(world: &World) -> BTreeSet<String> {
    let query = format!(
        "SELECT t.id FROM agent_tasks t JOIN campaigns c ON c.id = t.campaign_id \
         WHERE c.slug = '{FITFUL}' AND t.state IN ('PUBLISHING', 'PUBLISHED')"
    );
    world.ask(&query).lines().map(str::to_owned).collect()
}

/// Sets the campaign's status, as often as it takes: the database may be away, and someone else may change the campaign.
fn set(world: &World, runtime: &tokio::runtime::Runtime, status: CampaignStatus) {
    runtime.block_on(async {
        loop {
            let set = async {
                let config = StoreConfig { connections_max: 1, ..StoreConfig::new(&world.database.url) };
                let store = Store::connect(&config).await?;
                if let Some(campaign) = store.campaign_by_slug(FITFUL).await? {
                    #[expect(clippy::disallowed_methods, reason = "whoever pauses does it now")]
                    let now = chrono::Utc::now();
                    store.campaign_set_status(campaign.id, campaign.state_version, status, now).await?;
                    store.close().await;
                    return Ok(true);
                }
                Ok::<bool, chimera_store::StoreError>(false)
            };
            if matches!(set.await, Ok(true)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}
