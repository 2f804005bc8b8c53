//! `/`: what this is and what can be asked.

use http::StatusCode;
use serde::Serialize;

use super::Face;
use super::answer::{self, Answer};
use super::routes::ENDPOINTS;

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
    methods: [&'static str; 2],
    description: &'static str,
}

pub(super) fn answer(face: &Face) -> Answer {
    let line = |endpoint: &super::routes::Endpoint| Line {
        path: endpoint.path,
        methods: ["GET", "HEAD"],
        description: endpoint.about,
    };
    let index = Index {
        name: &face.service,
        version: env!("CARGO_PKG_VERSION"),
        endpoints: ENDPOINTS.iter().map(line).collect(),
    };
    answer::json(StatusCode::OK, &index)
}
