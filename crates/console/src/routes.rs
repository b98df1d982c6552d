//! The one list of routes, each with what it needs.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    handler::Handler,
    http::Method,
    middleware,
    routing::{MethodFilter, MethodRouter, on},
};
use chimera_bus::Bus;
use chimera_domain::{AccessRole, Ambient};
use chimera_store::{Blobs, Store};

use crate::{
    Probes,
    access::{self, Access, Needs},
    door::{behind_guard, dressed},
    read,
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
}

/// A route, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteInfo {
    /// The method; GET answers HEAD too.
    pub method: Method,
    /// The path, with `{names}` for what varies.
    pub path: &'static str,
    /// What it needs of whoever asks.
    pub needs: Needs,
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
    Route { info: RouteInfo { method, path, needs }, handler: on(filter, handler) }
}

fn all() -> Vec<Route> {
    use Needs::{Nothing, Role};
    let (get, post) = (|| (MethodFilter::GET, Method::GET), || (MethodFilter::POST, Method::POST));
    let viewer = Role(AccessRole::Viewer);
    vec![
        route(get(), "/", viewer, read::overview),
        route(get(), "/traces/{id}", viewer, read::trace_page),
        route(get(), "/media/{name}", viewer, read::media),
        route(get(), "/api/status", viewer, read::status),
        route(get(), "/api/posts", viewer, read::posts),
        route(get(), "/api/traces/{id}", viewer, read::trace),
        route(get(), "/style.css", Nothing, read::style),
        route(get(), "/sign-in", Nothing, access::sign_in_page),
        route(post(), "/sign-in", Nothing, access::sign_in),
        route(post(), "/sign-out", viewer, access::sign_out),
    ]
}

impl Console {
    /// A console over its dependencies.
    #[must_use]
    pub fn new(store: Store, blobs: Blobs, _bus: Arc<dyn Bus>, ambient: Arc<dyn Ambient>) -> Self {
        Self { shared: Shared { access: Access::new(store, ambient), blobs } }
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
        behind_guard(own.with_state(self.shared.clone()).merge(probes.router()))
    }
}

/// What a role answers that is a process of its own. On loopback only its names are answered, as the console does;
/// elsewhere any name is: supervisors come by the address of a pod. Nothing of the fleet's content is told here.
pub fn probe_router(probes: &Probes, address: SocketAddr) -> Router {
    if address.ip().is_loopback() { behind_guard(probes.router()) } else { dressed(probes.router(), |routes| routes) }
}
