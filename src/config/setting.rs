//! How a value of each type is read from the tree, and how it is described in the default file.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use figment::value::Value;

use super::node::Node;
use super::problem::Problems;

/// Something a configuration can hold.
pub(crate) trait Setting: Clone {
    /// A word that means "not set" for an optional setting of this type.
    const NONE: Option<&'static str> = None;

    /// Reads the value at `node`, over `preset` where a part may be left out.
    /// `None` means that a problem was reported.
    fn read(node: &Node<'_>, preset: Option<&Self>, problems: &mut Problems) -> Option<Self>;

    /// What the default file says about the type and `preset`.
    fn describe(preset: Option<&Self>) -> Shape;
}

/// What a setting looks like in a file.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// One value.
    Value {
        /// What a person may write.
        kind: String,
        /// The default as the file spells it.
        default: Option<String>,
    },
    /// A table of named fields; `optional` ones are absent unless written.
    Table {
        /// The fields in the order of their declaration.
        fields: Vec<FieldDoc>,
        /// Whether the table is absent by default.
        optional: bool,
    },
    /// A table whose keys are names that people choose.
    Map(Box<Shape>),
}

/// One field of a section, as the default file describes it.
#[derive(Clone, Debug)]
pub(crate) struct FieldDoc {
    /// The key.
    pub(crate) key: &'static str,
    /// The lines of its doc comment.
    pub(crate) doc: &'static [&'static str],
    /// Its least and greatest value.
    pub(crate) limits: Option<(String, String)>,
    /// A value to show where there is no default; a name, for tables that people name; or, for a table that only some of
    /// those above it have, such a one: its header and its settings.
    pub(crate) example: Option<&'static str>,
    /// Whether it must be given.
    pub(crate) required: bool,
    /// Its type and default.
    pub(crate) shape: Shape,
}

/// A setting that is one value, read from text.
pub(crate) trait Scalar: Clone {
    /// See [`Setting::NONE`].
    const NONE: Option<&'static str> = None;
    /// Whether a file must quote the value: a bare number would lose leading zeros.
    const QUOTED: bool = false;
    /// Whether error texts may repeat what was written.
    const REPEAT: bool = true;

    /// What a person may write, after "Write".
    fn kind() -> String;
    /// The same in the default file, whose head explains sizes and durations.
    fn short_kind() -> String {
        Self::kind()
    }
    /// Reads the text; the error says what is wrong with it.
    fn parse(text: &str) -> Result<Self, String>;
    /// The value as a file spells it.
    fn show(&self) -> String;
}

impl<T: Scalar> Setting for T {
    const NONE: Option<&'static str> = T::NONE;

    fn read(node: &Node<'_>, _preset: Option<&T>, problems: &mut Problems) -> Option<T> {
        let text = node.text().filter(|_| !T::QUOTED || node.kind() == "text");
        let Some(text) = text else {
            problems.error(
                &node.key,
                format!("{} stands here", node.kind()),
                format!("Write {}", T::kind()),
            );
            return None;
        };
        let parsed = T::parse(&text);
        parsed
            .map_err(|reason| {
                problems.error(
                    &node.key,
                    rejected::<T>(&text, &reason),
                    format!("Write {}", T::kind()),
                )
            })
            .ok()
    }

    fn describe(preset: Option<&T>) -> Shape {
        Shape::Value {
            kind: T::short_kind(),
            default: preset.map(Scalar::show),
        }
    }
}

fn rejected<T: Scalar>(text: &str, reason: &str) -> String {
    let shown: String = text.chars().take(80).collect();
    if T::REPEAT {
        format!("\"{}\" {reason}", shown.escape_debug())
    } else {
        format!("the value {reason}")
    }
}

impl<T: Setting> Setting for Option<T> {
    fn read(node: &Node<'_>, preset: Option<&Self>, problems: &mut Problems) -> Option<Self> {
        if T::NONE.is_some() && node.text().as_deref() == T::NONE {
            return Some(None);
        }
        T::read(node, preset.and_then(Option::as_ref), problems).map(Some)
    }

    fn describe(preset: Option<&Self>) -> Shape {
        match T::describe(preset.and_then(Option::as_ref)) {
            Shape::Table { fields, .. } => Shape::Table {
                fields,
                optional: true,
            },
            Shape::Value { kind, default } => optional_value::<T>(kind, default),
            map => map,
        }
    }
}

fn optional_value<T: Setting>(kind: String, default: Option<String>) -> Shape {
    match T::NONE {
        None => Shape::Value { kind, default },
        Some(word) => Shape::Value {
            kind: format!("{kind}, or \"{word}\""),
            default: default.or_else(|| Some(format!("\"{word}\""))),
        },
    }
}

impl<T: Scalar> Setting for Vec<T> {
    fn read(node: &Node<'_>, _preset: Option<&Self>, problems: &mut Problems) -> Option<Self> {
        let Some(items) = node.list() else {
            problems.error(
                &node.key,
                format!("{} stands here", node.kind()),
                format!("Write a list: [{}, …]", T::kind()),
            );
            return None;
        };
        let read = |value: Value| {
            T::read(
                &Node {
                    value,
                    ..node.clone()
                },
                None,
                problems,
            )
        };
        // Every item is read before any is judged, so that all problems are reported.
        items
            .into_iter()
            .map(read)
            .collect::<Vec<_>>()
            .into_iter()
            .collect()
    }

    fn describe(preset: Option<&Self>) -> Shape {
        let shown = preset.map(|items| {
            items
                .iter()
                .map(Scalar::show)
                .collect::<Vec<_>>()
                .join(", ")
        });
        Shape::Value {
            kind: format!("a list, each {}", T::short_kind()),
            default: shown.map(|items| format!("[{items}]")),
        }
    }
}

impl<T: Setting> Setting for BTreeMap<String, T> {
    fn read(node: &Node<'_>, _preset: Option<&Self>, problems: &mut Problems) -> Option<Self> {
        let Some(dict) = node.table() else {
            problems.error(
                &node.key,
                format!("{} stands here", node.kind()),
                "Write a table of names and values",
            );
            return None;
        };
        let named = |name: &String| {
            Some((
                name.clone(),
                T::read(&node.child(&dict, name)?, None, problems)?,
            ))
        };
        Some(dict.keys().filter_map(named).collect())
    }

    fn describe(_preset: Option<&Self>) -> Shape {
        Shape::Map(Box::new(T::describe(None)))
    }
}

/// A setting with a least and a greatest value.
pub(crate) trait Bounded {
    /// The type that is compared.
    type Bound: Scalar + PartialOrd;
    /// The value to compare, if one is set.
    fn bound(&self) -> Option<&Self::Bound>;
}

impl<T: Scalar + PartialOrd> Bounded for T {
    type Bound = T;
    fn bound(&self) -> Option<&T> {
        Some(self)
    }
}

impl<T: Scalar + PartialOrd> Bounded for Option<T> {
    type Bound = T;
    fn bound(&self) -> Option<&T> {
        self.as_ref()
    }
}

/// Reports `value` when it lies outside `limits`.
pub(crate) fn within<T: Bounded>(
    value: T,
    limits: &RangeInclusive<T::Bound>,
    node: &Node<'_>,
    problems: &mut Problems,
) -> Option<T> {
    let outside = value
        .bound()
        .filter(|bound| !limits.contains(bound))
        .map(Scalar::show);
    if let Some(shown) = outside {
        let fix = format!(
            "Write a value from {} to {}",
            limits.start().show(),
            limits.end().show()
        );
        problems.error(&node.key, format!("{shown} is outside the limits"), fix);
        return None;
    }
    Some(value)
}
