//! All routes, prepared once, and which of them a request takes.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use super::host::Host;
use super::path::BadPath;
use super::plan::Plan;
use super::refusal::Refusal;
use super::route::Route;
use super::target::{BadTarget, Place};
use crate::config::RouteSettings;

/// Why a route cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("route.{name}: {problem}")]
pub struct RouteError {
    /// The route's name.
    pub name: String,
    /// What of its settings cannot be used.
    pub problem: String,
}

/// Every route that cannot be opened.
#[derive(Debug)]
pub struct RouteErrors(pub Vec<RouteError>);

impl fmt::Display for RouteErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        let routes = if count == 1 { "route" } else { "routes" };
        write!(f, "{count} {routes} cannot be opened as configured")?;
        self.0.iter().try_for_each(|error| write!(f, "\n✗ {error}"))
    }
}

impl std::error::Error for RouteErrors {}

/// Routes that are ready to be opened.
#[derive(Default)]
pub struct Prepared(pub(super) Vec<Plan>);

impl Prepared {
    /// The enabled routes among `settings`, in the order of their names. Nothing is called yet.
    ///
    /// # Errors
    /// Names every route that cannot be opened.
    pub fn of(settings: &BTreeMap<String, RouteSettings>) -> Result<Prepared, RouteErrors> {
        let (mut plans, mut errors) = (Vec::new(), Vec::new());
        for (name, settings) in settings.iter().filter(|(_, route)| route.enabled) {
            match Plan::of(name, settings) {
                Ok(plan) => plans.push(plan),
                Err(problem) => errors.push(RouteError {
                    name: name.clone(),
                    problem,
                }),
            }
        }
        match errors.is_empty() {
            true => Ok(Prepared(plans)),
            false => Err(RouteErrors(errors)),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Which requests take which route. Within each list the longest prefix comes first.
#[derive(Default)]
pub(super) struct Routes {
    by_host: HashMap<String, Vec<Arc<Route>>>,
    for_every_host: Vec<Arc<Route>>,
}

impl Routes {
    /// The table of `routes`.
    pub(super) fn of(routes: &[Arc<Route>]) -> Routes {
        let mut table = Routes::default();
        for route in routes {
            if route.plan.hosts.is_empty() {
                insert(&mut table.for_every_host, route);
            }
            for host in &route.plan.hosts {
                insert(table.by_host.entry(host.clone()).or_default(), route);
            }
        }
        table
    }

    /// The route of a request to `place`.
    ///
    /// # Errors
    /// None leads there, or the path leads elsewhere to those who decode it.
    pub(super) fn find(&self, place: &Place<'_>) -> Result<&Arc<Route>, Refusal> {
        let of_host = place
            .authority
            .as_ref()
            .and_then(|named| self.of_host(&named.host));
        if place.by_host_only && of_host.is_none() {
            return Err(Refusal::NotServed);
        }
        let for_every_host = match place.by_host_only {
            true => &[],
            false => &self.for_every_host[..],
        };
        let candidates = || of_host.unwrap_or_default().iter().chain(for_every_host);
        let find = |path: &str| candidates().find(|route| route.plan.prefix.fits(path));
        let found = find(place.path.raw());
        if let Some(read) = place.path.as_others_read_it() {
            let by_others = find(&read);
            if found.map(|route| &route.plan.name) != by_others.map(|route| &route.plan.name) {
                return Err(BadTarget::from(BadPath::OtherRoute).into());
            }
        }
        found.ok_or(Refusal::NoRoute)
    }

    fn of_host(&self, host: &Host<'_>) -> Option<&[Arc<Route>]> {
        // Most gateways have no such route, and need no text of addresses.
        if self.by_host.is_empty() {
            return None;
        }
        let routes = match host {
            Host::Name(name) => self.by_host.get(&**name),
            Host::Address(_) => self.by_host.get(&host.to_string()),
        };
        routes.map(Vec::as_slice)
    }
}

/// Puts `route` behind those with longer prefixes.
fn insert(routes: &mut Vec<Arc<Route>>, route: &Arc<Route>) {
    let length = |route: &Route| route.plan.prefix.as_str().len();
    let place = routes.partition_point(|other| length(other) >= length(route));
    routes.insert(place, Arc::clone(route));
}
