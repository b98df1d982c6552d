//! What the platform behind the `publish_post` role can do: known of our own sandbox, declared of every other.

use chimera_domain::policy::PlatformAbilities;
use chimera_mcp::{HostConfig, RoleConfig, Template};

use super::Config;
use crate::compose::is_our_sandbox;

const PUBLISH: &str = "publish_post";
const FIND: &str = "find_post";
const WRITE: &str = "generate_text";

/// A key, and why its value can't be.
type Contradiction = (&'static str, &'static str);

/// The abilities to go by. Nothing is assumed of a platform that we don't know: a post could go out twice.
pub(super) fn abilities(config: &Config, host: &HostConfig) -> Result<PlatformAbilities, Contradiction> {
    let able = match (config.publisher.platform, is_our_sandbox(host, PUBLISH)) {
        (Some(declared), ours) => {
            if ours {
                agrees_with_sandbox(declared, config)?;
            }
            declared
        }
        (None, true) => PlatformAbilities {
            idempotency_key: config.sandbox.honours_idempotency_key,
            client_chosen_id: config.sandbox.client_chosen_ids,
            look_up: host.roles.contains_key(FIND),
        },
        (None, false) => {
            return Err((
                "publisher.platform",
                "publish_post is another platform's than the sandbox: say whether it remembers idempotency keys \
                 (`idempotency_key`), takes ids that clients choose (`client_chosen_id`), and can be asked for a post \
                 (`look_up`). Where all three are false, a person is asked after every call that was cut off",
            ));
        }
    };
    agrees_with_roles(able, host)?;
    Ok(able)
}

fn agrees_with_sandbox(declared: PlatformAbilities, config: &Config) -> Result<(), Contradiction> {
    if declared.client_chosen_id && !config.sandbox.client_chosen_ids {
        return Err((
            "publisher.platform.client_chosen_id",
            "set it to false, or sandbox.client_chosen_ids to true: the sandbox gives ids itself",
        ));
    }
    if declared.idempotency_key && !config.sandbox.keeps_posts_single() {
        return Err((
            "publisher.platform.idempotency_key",
            "set it to false: sandbox.honours_idempotency_key is false, so a repeated key doubles a post",
        ));
    }
    Ok(())
}

fn agrees_with_roles(able: PlatformAbilities, host: &HostConfig) -> Result<(), Contradiction> {
    let Some(publish) = host.roles.get(PUBLISH) else { return Ok(()) };
    if publish.idempotent && !able.keeps_posts_single() {
        return Err((
            "publisher.platform.idempotency_key",
            "it says that a repeated key may double a post, yet mcp.roles.publish_post is marked idempotent",
        ));
    }
    if !publish.fallback.is_empty() {
        return Err((
            "mcp.roles.publish_post.fallback",
            "take it out: a post whose call was cut off could go out on both platforms",
        ));
    }
    if able.keeps_posts_single() && !passes_key(publish) {
        return Err((
            "publisher.platform",
            "it trusts in the key, yet mcp.roles.publish_post.arguments don't pass {{idempotency_key}} on",
        ));
    }
    if !able.look_up {
        return Ok(());
    }
    let Some(find) = host.roles.get(FIND) else {
        return Err((
            "publisher.platform.look_up",
            "set it to false, or add mcp.roles.find_post: the tool that finds a post on that platform by its key",
        ));
    };
    if is_our_sandbox(host, PUBLISH) != is_our_sandbox(host, FIND) {
        return Err((
            "mcp.roles.find_post",
            "it must ask the platform that publish_post publishes on: one of the two is the sandbox, the other is not",
        ));
    }
    if !passes_key(find) {
        return Err((
            "mcp.roles.find_post.arguments",
            "pass {{idempotency_key}} on: by what else would the platform know the post",
        ));
    }
    Ok(())
}

/// Whether a role that fetches media can be given addresses to fetch them by.
pub(super) fn has_links(config: &Config, host: &HostConfig) -> Result<(), Contradiction> {
    let asks = |role: &RoleConfig| {
        let template = Template::compile(&role.arguments);
        template.is_ok_and(|template| template.uses("media_url") || template.uses("media_urls"))
    };
    if config.media.bucket.is_some() || config.media.links.address.is_some() || !host.roles.values().any(asks) {
        return Ok(());
    }
    Err((
        "media.links",
        "a role's template asks for {{media_url}} or {{media_urls}}: say by `address` and `key` how the console is \
         reached from there, or keep media in a bucket (docs/media.md)",
    ))
}

/// Whether replies go below what they answer: a template that leaves out what a reply is would make it a post of its own.
pub(super) fn takes_replies(config: &Config, host: &HostConfig) -> Result<(), Contradiction> {
    let leaves_out = |name: &str, variable: &str| {
        let first = host.roles.get(name);
        let others = first.into_iter().flat_map(|role| &role.fallback).filter_map(|name| host.roles.get(name));
        let mut asked = first.into_iter().chain(others);
        asked.any(|role| Template::compile(&role.arguments).is_ok_and(|template| !template.uses(variable)))
    };
    if config.planner.replies.resource.is_some() && (leaves_out(PUBLISH, "in_reply_to") || leaves_out(WRITE, "reply")) {
        return Err((
            "planner.replies",
            "the templates of `publish_post` and `generate_text` must pass {{in_reply_to?}} and {{reply?}} on, or replies would \
             go out as posts of their own",
        ));
    }
    Ok(())
}

fn passes_key(role: &RoleConfig) -> bool {
    Template::compile(&role.arguments).is_ok_and(|template| template.uses("idempotency_key"))
}
