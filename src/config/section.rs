//! The macros that turn one declaration into a struct, its defaults, its reader and its part of the default file.

/// Declares a section of the configuration.
///
/// Each field has a doc comment (which becomes its text in the default file), a type and a default; after the
/// default may stand `within` with the limits, and `=>` with an example for the default file: a value, or the name of an
/// entry where people name the tables, or the entry that a table belongs to where only some have it. Fields that have no
/// default stand first, in `required { … }`.
macro_rules! section {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr $(, within $limits:expr)? $(=> $example:literal)?;)*
        }
    ) => {
        $crate::config::section::section! {
            $(#[$meta])*
            pub struct $name {
                required {}
                $($(#[doc = $doc])+ $field: $type = $default $(, within $limits)? $(=> $example)?;)*
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }
    };
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            required { $($(#[doc = $needed_doc:literal])+ $needed:ident: $needed_type:ty => $needed_example:literal;)* }
            $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr $(, within $limits:expr)? $(=> $example:literal)?;)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $name {
            $($(#[doc = $needed_doc])+ pub $needed: $needed_type,)*
            $($(#[doc = $doc])+ pub $field: $type,)*
        }

        impl $name {
            /// The section with its required settings given and every other at its default.
            pub fn new($($needed: $needed_type),*) -> Self {
                Self { $($needed,)* $($field: $default,)* }
            }
        }

        impl $crate::config::setting::Setting for $name {
            fn read(
                node: &$crate::config::node::Node<'_>,
                preset: Option<&Self>,
                problems: &mut $crate::config::problem::Problems,
            ) -> Option<Self> {
                let dict = $crate::config::section::table_at(node, problems)?;
                node.refuse_unknown(&dict, &[$(stringify!($needed),)* $(stringify!($field),)*], problems);
                $(let $needed = $crate::config::section::required(
                    node, &dict, stringify!($needed), preset.map(|preset| &preset.$needed), problems);)*
                $(let $field = node.child(&dict, stringify!($field)).and_then(|child| {
                    let default = preset.map_or_else(|| $default, |preset| preset.$field.clone());
                    let value = $crate::config::setting::Setting::read(&child, Some(&default), problems)?;
                    $(let value = $crate::config::setting::within::<$type>(value, &($limits), &child, problems)?;)?
                    Some(value)
                });)*
                let mut section = match preset {
                    Some(preset) => preset.clone(),
                    None => Self::new($($needed.clone()?),*),
                };
                $(if let Some(value) = $needed { section.$needed = value; })*
                $(if let Some(value) = $field { section.$field = value; })*
                Some(section)
            }

            fn describe(preset: Option<&Self>) -> $crate::config::setting::Shape {
                use $crate::config::setting::{FieldDoc, Setting, Shape};
                let fields = vec![
                    $(FieldDoc {
                        key: stringify!($needed),
                        doc: &[$($needed_doc),+],
                        limits: None,
                        example: Some($needed_example),
                        required: true,
                        shape: <$needed_type as Setting>::describe(None),
                    },)*
                    $(FieldDoc {
                        key: stringify!($field),
                        doc: &[$($doc),+],
                        limits: None $(.or_else(|| Some($crate::config::section::show_limits::<<$type as $crate::config::setting::Bounded>::Bound>(&($limits)))))?,
                        example: None $(.or(Some($example)))?,
                        required: false,
                        shape: <$type as Setting>::describe(Some(&preset.map_or_else(|| $default, |preset| preset.$field.clone()))),
                    },)*
                ];
                Shape::Table { fields, optional: false }
            }
        }
    };
}

/// Declares an enum whose variants are words in the configuration.
macro_rules! choice {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+ }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// The word that the configuration uses.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl $crate::config::setting::Scalar for $name {
            const QUOTED: bool = true;
            fn kind() -> String {
                format!("one of {}", [$($word),+].join(", "))
            }
            fn parse(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::config::section::not_a_choice(text, &[$($word),+])),
                }
            }
            fn show(&self) -> String {
                format!("\"{}\"", self.name())
            }
        }
    };
}

use std::ops::RangeInclusive;

use figment::value::Dict;

use super::node::Node;
use super::problem::Problems;
use super::setting::{Scalar, Setting};
use super::suggest::nearest;
pub(crate) use {choice, section};

/// The table at `node`, or a report that something else stands there.
pub(crate) fn table_at(node: &Node<'_>, problems: &mut Problems) -> Option<Dict> {
    let table = node.table();
    if table.is_none() {
        problems.error(
            &node.key,
            format!("{} stands here", node.kind()),
            format!("Write a table: [{}]", node.key),
        );
    }
    table
}

/// The setting `name`, which has no default.
pub(crate) fn required<T: Setting>(
    node: &Node<'_>,
    dict: &Dict,
    name: &str,
    preset: Option<&T>,
    problems: &mut Problems,
) -> Option<T> {
    match (node.child(dict, name), preset) {
        (Some(child), _) => T::read(&child, preset, problems),
        (None, Some(preset)) => Some(preset.clone()),
        (None, None) => {
            let key = node.key.child(name);
            problems.error(
                &key,
                "is required and missing",
                format!("Set it in the file or as {}", key.variable()),
            );
            None
        }
    }
}

/// The limits as the default file spells them.
pub(crate) fn show_limits<T: Scalar>(limits: &RangeInclusive<T>) -> (String, String) {
    let bare = |bound: &T| bound.show().trim_matches('"').to_owned();
    (bare(limits.start()), bare(limits.end()))
}

/// Why `text` is none of `words`.
pub(crate) fn not_a_choice(text: &str, words: &[&str]) -> String {
    match nearest(text, words.iter().copied()) {
        Some(near) => format!("is not known here; did you mean \"{near}\"?"),
        None => "is not known here".to_owned(),
    }
}
