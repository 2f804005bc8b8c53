//! The levels above the items, alike in every signal: resource groups, scope groups, items.

use super::attribute::Attributes;
use super::reader::{Reader, len};
use super::repeated::Messages;

const RESOURCE_ATTRIBUTES: u32 = 1;
const SCOPE: u32 = 1;
const SCOPE_GROUPS: u32 = 2;
const ITEMS: u32 = 2;

const RESOURCE: u32 = len(1);
const SCOPE_MESSAGE: u32 = len(SCOPE);
const SCHEMA_URL: u32 = len(3);

/// Every `ResourceSpans`, `ResourceMetrics` or `ResourceLogs` of an `Export*ServiceRequest`.
pub fn groups(message: &[u8]) -> impl Iterator<Item = ResourceGroup<'_>> + Clone {
    Messages::of(message, 1).map(ResourceGroup::new)
}

/// One `ResourceSpans`, `ResourceMetrics` or `ResourceLogs`.
#[derive(Clone, Copy, Debug)]
pub struct ResourceGroup<'a> {
    /// The `Resource` message, empty if there is none.
    pub resource: &'a [u8],
    bytes: &'a [u8],
}

impl<'a> ResourceGroup<'a> {
    fn new(bytes: &'a [u8]) -> ResourceGroup<'a> {
        let mut resource: &[u8] = &[];
        let mut rest = Reader::new(bytes);
        while let Some(tag) = rest.tag() {
            match tag {
                RESOURCE => resource = rest.bytes(),
                _ => rest.skip(tag),
            }
        }
        ResourceGroup { resource, bytes }
    }

    /// The attributes of the resource.
    #[must_use]
    pub const fn resource_attributes(&self) -> Attributes<'a> {
        Attributes::of(self.resource, RESOURCE_ATTRIBUTES)
    }

    /// Every `ScopeSpans`, `ScopeMetrics` or `ScopeLogs` of the group.
    pub fn scopes(&self) -> impl Iterator<Item = ScopeGroup<'a>> + Clone + use<'a> {
        Messages::of(self.bytes, SCOPE_GROUPS).map(|bytes| ScopeGroup { bytes })
    }
}

/// One `ScopeSpans`, `ScopeMetrics` or `ScopeLogs`.
#[derive(Clone, Copy, Debug)]
pub struct ScopeGroup<'a> {
    bytes: &'a [u8],
}

impl<'a> ScopeGroup<'a> {
    /// Who made the items. Passes over all of them, as the schema URL usually stands behind them.
    #[must_use]
    pub fn scope(&self) -> Scope<'a> {
        let (mut scope, mut schema_url): (&[u8], &[u8]) = (&[], &[]);
        let mut rest = Reader::new(self.bytes);
        while let Some(tag) = rest.tag() {
            match tag {
                SCOPE_MESSAGE => scope = rest.bytes(),
                SCHEMA_URL => schema_url = rest.bytes(),
                _ => rest.skip(tag),
            }
        }
        Scope::read(scope, schema_url)
    }

    /// The `Span`, `Metric` or `LogRecord` messages.
    #[must_use]
    pub const fn items(&self) -> Messages<'a> {
        Messages::of(self.bytes, ITEMS)
    }
}

/// An `InstrumentationScope`, and the schema URL that stands beside it.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    /// The name of the library or module that made the items.
    pub name: &'a [u8],
    /// Its version.
    pub version: &'a [u8],
    /// The scope's attributes.
    pub attributes: Attributes<'a>,
    /// The schema URL of the `ScopeSpans`, `ScopeMetrics` or `ScopeLogs`.
    pub schema_url: &'a [u8],
}

impl<'a> Scope<'a> {
    fn read(message: &'a [u8], schema_url: &'a [u8]) -> Scope<'a> {
        const NAME: u32 = len(1);
        const VERSION: u32 = len(2);
        let mut scope = Scope {
            name: &[],
            version: &[],
            attributes: Attributes::of(message, 3),
            schema_url,
        };
        let mut rest = Reader::new(message);
        while let Some(tag) = rest.tag() {
            match tag {
                NAME => scope.name = rest.bytes(),
                VERSION => scope.version = rest.bytes(),
                _ => rest.skip(tag),
            }
        }
        scope
    }
}
