//! HTTP, against a real nginx.

mod answers;
mod tls;
mod trouble;

use serde_json::{Value, json};

use super::Watched;
use super::servers::{Nginx, Site};
use crate::fixture::Authority;

const SHOP: &str = r#"
    location /status { default_type application/json; return 200 '{"status":"ok","queue":3}'; }
    location /broken { return 503; }
    location /old { return 301 /new; }
    location /new { return 302 /status; }
    location /round { return 302 /round; }
    location /private { auth_basic "shop"; auth_basic_user_file users; root .; }
"#;

fn shop() -> Site {
    Site::of(SHOP)
        .file("users", "app:{PLAIN}hunter22\n")
        .file("private", "in")
}

async fn watch(url: &str, settings: &[(&str, Value)]) -> Watched {
    let mut all = vec![("url", json!(url))];
    all.extend_from_slice(settings);
    Watched::start(&all).await
}

/// A file with `authority`, for probes that trust it.
fn trusting(nginx: &Nginx, authority: &Authority) -> String {
    nginx.write("authority.pem", &authority.certificate_pem)
}
