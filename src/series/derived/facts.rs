//! What spans say of themselves in attributes, as far as metrics are made of it.

use crate::otlp::view::{AnyValue, Attribute};

/// How many dimensions may be added to those that every span has.
pub const MAX_DIMENSIONS: usize = 16;

/// The attributes of one span that count, by the semantic conventions (stable and before). Text as UTF-8 bytes, empty
/// where absent or no text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts<'a> {
    /// `http.route`.
    pub route: &'a [u8],
    /// `http.request.method`, `http.method`.
    pub method: &'a [u8],
    /// `peer.service`.
    pub peer_service: &'a [u8],
    /// `server.address`, `net.peer.name`.
    pub address: &'a [u8],
    /// `rpc.service`.
    pub rpc_service: &'a [u8],
    /// `url.full`, `http.url`.
    pub url: &'a [u8],
    /// `db.system.name`, `db.system`.
    pub db_system: &'a [u8],
    /// `db.namespace`, `db.name`.
    pub db_name: &'a [u8],
    /// `messaging.system`.
    pub messaging_system: &'a [u8],
    /// The attribute of each further dimension as it was sent, empty where absent.
    pub dimensions: [&'a [u8]; MAX_DIMENSIONS],
}

impl<'a> Facts<'a> {
    /// Takes note of `attribute`, if it counts or is one of `dimensions`.
    #[inline]
    pub fn note(&mut self, attribute: Attribute<'a>, dimensions: &[Box<str>]) {
        let key = attribute.key();
        if let Some(place) = self.place(key)
            && let AnyValue::Str(text) = attribute.value()
        {
            *place = text;
        }
        for (at, dimension) in dimensions.iter().enumerate().take(MAX_DIMENSIONS) {
            if dimension.as_bytes() == key {
                self.dimensions[at] = attribute.raw;
            }
        }
    }

    #[inline]
    fn place(&mut self, key: &[u8]) -> Option<&mut &'a [u8]> {
        Some(match key {
            b"http.route" => &mut self.route,
            b"http.request.method" | b"http.method" => &mut self.method,
            b"peer.service" => &mut self.peer_service,
            b"server.address" | b"net.peer.name" => &mut self.address,
            b"rpc.service" => &mut self.rpc_service,
            b"url.full" | b"http.url" => &mut self.url,
            b"db.system.name" | b"db.system" => &mut self.db_system,
            b"db.namespace" | b"db.name" => &mut self.db_name,
            b"messaging.system" => &mut self.messaging_system,
            _ => return None,
        })
    }
}
