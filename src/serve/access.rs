//! Who may see details, and who may have checks run.
//!
//! Which probes there are and how they stand is on `/metrics`, which anyone who reaches the port can read. Details are
//! what goes beyond that: messages, advice, targets, facts, versions of servers, the name of this machine.

use std::net::IpAddr;

use http::header::ORIGIN;
use http::uri::Authority;

use super::fault::Refusal;
use super::request::Request;
use crate::config::Secret;
use crate::receive::{BearerToken, Presented};

/// What the address that the face listens on, and the setting `api.token`, allow callers.
#[derive(Clone, Debug)]
pub struct Access {
    is_exposed: bool,
    token: Option<BearerToken>,
}

/// How much a caller is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// Everything.
    Details,
    /// How things stand, and no more.
    Statuses,
}

impl View {
    pub(super) fn is_detailed(self) -> bool {
        self == View::Details
    }
}

impl Access {
    /// A face that listens on `address`. On loopback everybody may see and do everything; elsewhere whoever presents
    /// `token`, and nobody where there is none.
    pub fn new(address: IpAddr, token: Option<Secret>) -> Access {
        Access {
            is_exposed: !address.to_canonical().is_loopback(),
            token: token.map(BearerToken::new),
        }
    }

    /// How much the caller is shown, or that the token is wrong.
    pub(super) fn view(&self, request: &Request) -> Result<View, Refusal> {
        if !self.is_exposed {
            return Ok(View::Details);
        }
        match self.presented(request) {
            Presented::Right => Ok(View::Details),
            Presented::Nothing => Ok(View::Statuses),
            Presented::Wrong => Err(Refusal::WrongToken),
        }
    }

    /// Passes those who are shown details.
    pub(super) fn to_details(&self, request: &Request) -> Result<(), Refusal> {
        match self.view(request)? {
            View::Details => Ok(()),
            View::Statuses => Err(Refusal::TokenWanted {
                is_configured: self.token.is_some(),
            }),
        }
    }

    /// Passes those who may have checks run.
    pub(super) fn to_run(&self, request: &Request) -> Result<(), Refusal> {
        if self.is_cross_site(request) {
            return Err(Refusal::CrossSite);
        }
        if self.is_exposed && self.token.is_none() {
            return Err(Refusal::NoTokenConfigured);
        }
        self.to_details(request)
    }

    /// Passes those who may change how the agent treats calls: whoever presents the token, on loopback as elsewhere, and nobody where
    /// there is none.
    pub(super) fn to_control(&self, request: &Request) -> Result<(), Refusal> {
        if self.is_cross_site(request) {
            return Err(Refusal::CrossSite);
        }
        if self.token.is_none() {
            return Err(Refusal::NoTokenToControl);
        }
        match self.presented(request) {
            Presented::Right => Ok(()),
            Presented::Nothing => Err(Refusal::TokenToControlWanted),
            Presented::Wrong => Err(Refusal::WrongToken),
        }
    }

    /// Without a token to compare with, none is wrong: it may be meant for a proxy.
    fn presented(&self, request: &Request) -> Presented {
        self.token.as_ref().map_or(Presented::Nothing, |token| {
            token.presented(&request.headers)
        })
    }

    /// Whether a page of another site sends this. Browsers name the page's origin with every POST (Fetch standard,
    /// section "Origin header").
    ///
    /// On loopback there is no token, and a name that leads to 127.0.0.1 would make any page one of this host: there, a
    /// page must have been asked for by an address or as localhost.
    fn is_cross_site(&self, request: &Request) -> bool {
        let Some(origin) = request.headers.get(ORIGIN) else {
            return false;
        };
        let site = origin
            .to_str()
            .ok()
            .and_then(|origin| origin.split_once("://"));
        match (site, &request.host) {
            (Some((_, site)), Some(host)) => {
                !host.as_str().eq_ignore_ascii_case(site) || (!self.is_exposed && !is_local(host))
            }
            _ => true,
        }
    }
}

/// Whether `host` is written as an address or as localhost, so that no name server has a say in it.
fn is_local(host: &Authority) -> bool {
    let name = host.host();
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}
