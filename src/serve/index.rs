//! `/`: what this is and what can be asked.

use http::{Method, StatusCode};
use serde::Serialize;

use super::Face;
use super::answer::{self, Answer};
use super::endpoint::{ENDPOINTS, Endpoint};

#[derive(Serialize)]
struct Index<'a> {
    name: &'a str,
    version: &'static str,
    endpoints: Vec<Line>,
}

/// One endpoint and a line about it.
#[derive(Serialize)]
struct Line {
    path: &'static str,
    methods: Vec<&'static str>,
    description: &'static str,
}

pub(super) fn answer(face: &Face) -> Answer {
    let line = |endpoint: &Endpoint| Line {
        path: endpoint.path,
        methods: endpoint.methods.iter().map(Method::as_str).collect(),
        description: endpoint.about,
    };
    let index = Index {
        name: &face.service,
        version: env!("CARGO_PKG_VERSION"),
        endpoints: ENDPOINTS.iter().map(line).collect(),
    };
    answer::json(StatusCode::OK, &index)
}
