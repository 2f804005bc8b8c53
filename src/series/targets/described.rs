//! What a resource says of its sender.

use crate::otlp::view::{self, Attributes};
use crate::series::naming::{identifies_target, job};
use crate::series::store::FingerprintKey;

/// A resource, read.
#[derive(Clone, Debug, Default)]
pub(super) struct Described {
    pub(super) job: Box<str>,
    pub(super) instance: Box<str>,
    /// The attributes that are neither in `job` nor in `instance`.
    pub(super) others: Vec<(String, String)>,
}

/// Longer values are cut off, so that names stay readable and bounded.
const MAX_BYTES: usize = 1024;

impl Described {
    pub(super) fn read(resource: Attributes<'_>) -> Described {
        let (mut namespace, mut service, mut instance) = Default::default();
        let mut others = Vec::new();
        for attribute in resource {
            let key = view::text(attribute.key()).into_owned();
            let mut value = attribute.value().text().into_owned();
            value.truncate(value.floor_char_boundary(MAX_BYTES));
            match key.as_str() {
                "service.namespace" => namespace = value,
                "service.name" => service = value,
                "service.instance.id" => instance = value,
                _ => {
                    debug_assert!(!identifies_target(&key));
                    others.push((key, value));
                }
            }
        }
        Described {
            job: job(&namespace, &service).into(),
            instance: instance.into(),
            others,
        }
    }

    /// The same with an instance made of everything that the resource says: the same in every process, so that a
    /// restart of the agent gives it again.
    pub(super) fn with_made_up_instance(&self) -> Described {
        let mut said = self.others.clone();
        said.sort();
        let mut text = self.instance.to_string();
        for (key, value) in &said {
            text.push('\0');
            text.push_str(key);
            text.push('\0');
            text.push_str(value);
        }
        let hash = FingerprintKey::stable().of(text.as_bytes()).short();
        let made_up = format!("{:08x}", hash >> 32);
        let instance = match self.instance.is_empty() {
            true => made_up,
            false => format!("{}-{made_up}", self.instance),
        };
        Described {
            instance: instance.into(),
            ..self.clone()
        }
    }
}
