//! What a work order says to a tool: the variables of argument templates. Pure.

use chimera_domain::{Artifact, Channel, MediaRef, Modality};
use chimera_store::WorkOrder;
use serde_json::{Map, Value, json};

/// What every generating role may use in its argument template.
pub(crate) fn common(order: &WorkOrder) -> Map<String, Value> {
    let task = &order.task;
    let channel: Channel = task.channel;
    let mut variables = Map::new();
    variables.insert("character_reference_id".into(), json!(task.persona_lock.character_reference_id));
    variables.insert("persona_name".into(), json!(order.agent.display_name));
    variables.insert("channel".into(), json!(channel));
    variables.insert("headline".into(), json!(task.payload.headline));
    variables.insert("budget_usd".into(), json!(task.budget_cap_usd));
    variables.insert("trace_id".into(), json!(task.trace_id));
    variables.insert("seed".into(), json!(task.payload.seed));
    variables
}

/// What the role that makes pictures may use beside that.
pub(crate) fn of_picture(order: &WorkOrder) -> Map<String, Value> {
    let mut variables = drawn(order);
    variables.insert("image_format".into(), json!(order.task.channel.rules().picture.mimes.first()));
    variables
}

/// What the roles that make videos may use beside that.
pub(crate) fn of_video(order: &WorkOrder) -> Map<String, Value> {
    let mut variables = drawn(order);
    // Some channels take no video as short as campaigns may ask for.
    let shortest = order.task.channel.rules().video.duration_ms.0.div_ceil(1_000);
    variables.insert("duration_seconds".into(), json!(u64::from(order.task.payload.video_seconds).max(shortest)));
    variables
}

fn drawn(order: &WorkOrder) -> Map<String, Value> {
    let mut variables = common(order);
    variables.insert("headline".into(), json!(drawable(&order.task.payload.headline)));
    variables.insert("aspect".into(), json!(order.task.channel.rules().aspect));
    variables
}

/// The picture that was made for the post, and what made it.
pub(crate) fn picture_of(order: &WorkOrder) -> Option<(&Artifact, &MediaRef)> {
    let mut all = order.inputs.iter().flat_map(|made| made.media.iter().map(move |medium| (made, medium)));
    all.find(|(_, medium)| medium.modality == Modality::Image)
}

/// A medium in words: as the tool that made it says, else by the headline that it is about.
pub(crate) fn described(order: &WorkOrder, alt_text: Option<&str>) -> String {
    let told = alt_text.map(str::trim).filter(|text| !text.is_empty());
    // The limit is in UTF-16 code units, as Instagram's texts are counted.
    Channel::Instagram.fit(told.unwrap_or(&order.task.payload.headline), order.task.channel.rules().alt_max)
}

/// A headline as it may be drawn: without addresses, and without signs that call people or name topics. A stranger's
/// headline must not put a link or a mention into the agent's picture.
fn drawable(headline: &str) -> String {
    let is_address = |word: &&str| word.contains("://") || word.to_lowercase().starts_with("www.");
    let words = headline.split_whitespace().filter(|word| !is_address(word));
    let plain: Vec<&str> = words.map(|word| word.trim_start_matches(['@', '#'])).filter(|w| !w.is_empty()).collect();
    if plain.is_empty() { headline.to_owned() } else { plain.join(" ") }
}
