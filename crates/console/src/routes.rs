//! The one list of routes, each with what it needs.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Extension, Router,
    handler::Handler,
    http::{Method, StatusCode},
    middleware,
    routing::{MethodFilter, MethodRouter, on},
};
use chimera_bus::Bus;
use chimera_domain::{AccessRole, Ambient};
use chimera_judge::{Desk, HitlQueue};
use chimera_store::{Blobs, Store};
use tokio_util::sync::CancellationToken;

use crate::{
    Probes,
    access::{self, Access, Needs},
    api::{self, Endpoint},
    door::{behind_guard, dressed},
    openapi::{self, Operation},
    pages,
    pulse::LastLook,
    read, review,
};

/// The console: what it shows, and what it is shown through.
#[derive(Debug, Clone)]
pub struct Console {
    shared: Shared,
}

/// What handlers work with.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) access: Access,
    pub(crate) blobs: Blobs,
    pub(crate) desk: Desk,
    pub(crate) waiting: HitlQueue,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) last_look: Arc<LastLook>,
    /// Whether a webhook is told of alerts.
    pub(crate) has_webhook: bool,
    /// Cancelled when answers that never end by themselves should.
    pub(crate) closing: CancellationToken,
}

/// A route, as it is listed.
#[derive(Debug, Clone)]
pub struct RouteInfo {
    /// The method; GET answers HEAD too.
    pub method: Method,
    /// The path, with `{names}` for what varies.
    pub path: &'static str,
    /// What it needs of whoever asks.
    pub needs: Needs,
    /// What it does, in a line; of the API's routes.
    pub summary: &'static str,
    /// Says what it takes and gives; of the API's routes.
    pub(crate) describe: Option<fn(&mut Operation<'_>)>,
    /// Why else it may refuse than for what it takes.
    pub(crate) refusals: &'static [StatusCode],
}

struct Route {
    info: RouteInfo,
    handler: MethodRouter<Shared>,
}

fn route<T: 'static>(
    (filter, method): (MethodFilter, Method),
    path: &'static str,
    needs: Needs,
    handler: impl Handler<T, Shared>,
) -> Route {
    let info = RouteInfo { method, path, needs, summary: "", describe: None, refusals: &[] };
    Route { info, handler: on(filter, handler) }
}

/// The same of the API's, which describe themselves.
fn endpoint<T: 'static, H: Endpoint<T>>(
    method: (MethodFilter, Method),
    path: &'static str,
    needs: Needs,
    handler: H,
) -> Route {
    let mut route = route(method, path, needs, handler);
    route.info.describe = Some(H::describe);
    route
}

impl Route {
    /// Does this, in a line.
    fn says(mut self, summary: &'static str) -> Self {
        self.info.summary = summary;
        self
    }

    /// May refuse for these reasons, too.
    fn refuses(mut self, statuses: &'static [StatusCode]) -> Self {
        self.info.refusals = statuses;
        self
    }
}

fn all() -> Vec<Route> {
    for_people().into_iter().chain(api()).collect()
}

const fn get() -> (MethodFilter, Method) {
    (MethodFilter::GET, Method::GET)
}

const fn post() -> (MethodFilter, Method) {
    (MethodFilter::POST, Method::POST)
}

/// What people see, and what their forms send.
fn for_people() -> Vec<Route> {
    use Needs::Nothing;
    let [viewer, reviewer, operator] =
        [AccessRole::Viewer, AccessRole::Reviewer, AccessRole::Operator].map(Needs::Role);
    vec![
        route(get(), "/", viewer, pages::fleet::page),
        route(get(), "/campaigns", viewer, pages::campaigns::page),
        route(get(), "/campaigns/{id}", viewer, pages::campaign::page),
        route(post(), "/campaigns/{id}", operator, pages::campaign::act),
        route(get(), "/signals", viewer, pages::signals::page),
        route(post(), "/signals/{id}", operator, pages::signals::mark),
        route(get(), "/plans", viewer, pages::plans::page),
        route(post(), "/plans/{id}", operator, pages::plans::act),
        route(get(), "/traces/{id}", viewer, pages::trace::page),
        route(get(), "/published", viewer, pages::published::page),
        route(get(), "/money", viewer, pages::money::page),
        route(get(), "/alerts", viewer, pages::alerts::page),
        route(post(), "/alerts", operator, pages::alerts::acknowledge),
        route(get(), "/audit", viewer, pages::audit::page),
        route(get(), "/system", viewer, pages::system::page),
        route(get(), "/media/{name}", viewer, read::media),
        route(get(), "/signed/{name}", Nothing, read::signed),
        route(get(), "/review", viewer, review::page),
        route(post(), "/review", reviewer, review::decide_many),
        route(post(), "/review/{id}", reviewer, review::decide),
        route(get(), "/review.js", Nothing, review::script),
        route(get(), "/live.js", Nothing, read::script),
        route(get(), "/style.css", Nothing, read::style),
        route(get(), "/icon.svg", Nothing, read::icon),
        route(get(), "/sign-in", Nothing, access::sign_in_page),
        route(post(), "/sign-in", Nothing, access::sign_in),
        route(post(), "/sign-out", viewer, access::sign_out),
    ]
}

/// What programs ask, and the pages' own script.
fn api() -> Vec<Route> {
    let [viewer, reviewer, operator] =
        [AccessRole::Viewer, AccessRole::Reviewer, AccessRole::Operator].map(Needs::Role);
    vec![
        endpoint(get(), "/api/status", viewer, read::status).says("The state of the fleet in numbers"),
        endpoint(get(), "/api/posts", viewer, read::posts).says("The newest posts, a line each"),
        endpoint(get(), "/api/traces/{id}", viewer, read::trace).says("The whole life of one post"),
        endpoint(get(), "/api/hitl/queue", viewer, api::hitl::queue)
            .says("Posts that wait for a person, the one due first first, in pages")
            .refuses(&[StatusCode::NOT_FOUND]),
        endpoint(get(), "/api/hitl/{id}", viewer, api::hitl::ticket)
            .says("Everything that a person looks at to decide"),
        endpoint(post(), "/api/hitl/{id}/claim", reviewer, api::hitl::claim)
            .says("Take a ticket in hand that nobody else has. May be sent again")
            .refuses(&[StatusCode::CONFLICT]),
        endpoint(post(), "/api/hitl/{id}/assign", reviewer, api::hitl::assign)
            .says("Put a ticket into somebody's hands, or into nobody's. May be sent again")
            .refuses(&[StatusCode::CONFLICT]),
        endpoint(post(), "/api/hitl/{id}/approve", reviewer, api::hitl::approve)
            .says("Let a post go out, edited if there is a text. May be sent again")
            .refuses(&[StatusCode::CONFLICT, StatusCode::PRECONDITION_FAILED]),
        endpoint(post(), "/api/hitl/{id}/reject", reviewer, api::hitl::reject)
            .says("Keep a post from going out. May be sent again")
            .refuses(&[StatusCode::CONFLICT, StatusCode::PRECONDITION_FAILED]),
        endpoint(post(), "/api/hitl/{id}/confirm", reviewer, api::hitl::confirm)
            .says("Say that a post whose outcome is unknown is out. May be sent again")
            .refuses(&[StatusCode::CONFLICT, StatusCode::PRECONDITION_FAILED]),
        endpoint(get(), "/api/campaigns", viewer, api::campaigns::list).says("Every campaign"),
        endpoint(get(), "/api/campaigns/{id}", viewer, api::campaigns::one)
            .says("One campaign, with its version as `ETag`"),
        endpoint(post(), "/api/campaigns/{id}/pause", operator, api::campaigns::pause)
            .says("Hold a campaign still. May be sent again")
            .refuses(&[StatusCode::CONFLICT]),
        endpoint(post(), "/api/campaigns/{id}/resume", operator, api::campaigns::resume)
            .says("Let a campaign go on. May be sent again")
            .refuses(&[StatusCode::CONFLICT]),
        endpoint(get(), "/api/plans", viewer, api::plans::list)
            .says("Plans that wait for their operator, the one that waits longest first, in pages")
            .refuses(&[StatusCode::NOT_FOUND]),
        endpoint(get(), "/api/plans/{id}", viewer, api::plans::one)
            .says("The plan of one trace, if it waits, with its version as `ETag`"),
        endpoint(post(), "/api/plans/{id}/edit", operator, api::plans::edit)
            .says("Change what is to be made. May be sent again"),
        endpoint(post(), "/api/plans/{id}/start", operator, api::plans::start)
            .says("Have it made, all of it or its posts for one channel. May be sent again")
            .refuses(&[StatusCode::CONFLICT]),
        endpoint(post(), "/api/plans/{id}/drop", operator, api::plans::withdraw)
            .says("Have nothing of it made, or no post for one channel. May be sent again")
            .refuses(&[StatusCode::CONFLICT]),
        endpoint(get(), "/api/signals", viewer, api::signals::list)
            .says("What was read, how it scored and why, the newest first, in pages")
            .refuses(&[StatusCode::NOT_FOUND]),
        endpoint(post(), "/api/signals/{id}/mark", operator, api::signals::mark)
            .says("Say whether a signal is relevant, for the next calibration. May be sent again"),
        endpoint(get(), "/api/trends", viewer, api::trends::list)
            .says("Subjects told of much more often than they use to be, those that last first"),
        endpoint(get(), "/api/alerts", viewer, api::alerts::list)
            .says("Alerts that nobody has acknowledged, the newest first"),
        endpoint(post(), "/api/alerts/{id}/ack", operator, api::alerts::acknowledge)
            .says("Acknowledge an alert. May be sent again"),
        endpoint(get(), "/api/events", viewer, api::events::events)
            .says("Says that something has changed, never what: look again"),
        endpoint(get(), "/api/openapi.json", viewer, openapi::serve).says("This document"),
    ]
}

impl Console {
    /// A console over its dependencies. Events end with `closing`, so that nobody who listens holds up the end.
    #[must_use]
    pub fn new(
        store: Store,
        blobs: Blobs,
        bus: Arc<dyn Bus>,
        ambient: Arc<dyn Ambient>,
        closing: CancellationToken,
    ) -> Self {
        let desk = Desk::new(store.clone(), bus.clone(), ambient.clone());
        let waiting = HitlQueue::new(store.clone(), bus.clone());
        let (access, last_look) = (Access::new(store, ambient), Arc::default());
        Self { shared: Shared { access, blobs, desk, waiting, bus, last_look, has_webhook: false, closing } }
    }

    /// The same, where a rejected post may be written anew so often.
    #[must_use]
    pub fn with_replans_max(mut self, replans_max: u32) -> Self {
        self.shared.desk = self.shared.desk.with_replans_max(replans_max);
        self
    }

    /// The same, where a webhook is told of alerts, or is not.
    #[must_use]
    pub const fn with_webhook(mut self, has_webhook: bool) -> Self {
        self.shared.has_webhook = has_webhook;
        self
    }

    /// Every route but the probes'.
    #[must_use]
    pub fn routes() -> Vec<RouteInfo> {
        all().into_iter().map(|route| route.info).collect()
    }

    /// Everything that the console answers, the probes among it.
    pub fn router(&self, probes: &Probes) -> Router {
        let own = all().into_iter().fold(Router::new(), |router, Route { info, handler }| {
            let admit = middleware::from_fn_with_state((self.shared.access.clone(), info.needs), access::admit);
            router.route(info.path, handler.route_layer(admit))
        });
        let own = own.layer(Extension(probes.clone())).with_state(self.shared.clone());
        behind_guard(own.merge(probes.router()))
    }
}

/// What a role answers that is a process of its own. On loopback only its names are answered, as the console does;
/// elsewhere any name is: supervisors come by the address of a pod. Nothing of the fleet's content is told here.
pub fn probe_router(probes: &Probes, address: SocketAddr) -> Router {
    if address.ip().is_loopback() { behind_guard(probes.router()) } else { dressed(probes.router(), |routes| routes) }
}
