//! The default configuration file, written from the settings' doc comments.

use super::setting::{FieldDoc, Setting, Shape};
use super::settings::Settings;

const HEADER: &str = r#"# Lineside: every setting, its meaning, its limits and its default.
#
# `lineside default-config` prints this file. Nothing in it is required: copy what you change into lineside.toml
# and uncomment it there. Lines marked `# example` have no default.
#
# Durations are text with a unit: "100ms", "30s", "5m", "24h", "7d". Sizes are text with a unit or a number of bytes:
# "64KiB", "16MiB", "2GiB" (powers of 1024), "64kB", "16MB", "2GB" (powers of 1000). Limits include both ends.
#
# The environment sets the same keys, and comes after the file: LINESIDE_ in front, two underscores between the parts,
# as LINESIDE_JOURNAL__SYNC=interval or LINESIDE_EXPORT__COLLECTOR__ENDPOINT=http://collector:4317. In names that you
# choose, `_` stands for `-` unless the file spells the name with `_`. Lists take commas. Empty variables count as unset.
#
# `lineside check-config` shows every error and what is in force.
"#;

/// The default file: TOML with every key commented out.
pub fn default_file() -> String {
    let mut text = HEADER.to_owned();
    if let Shape::Table { fields, .. } = Settings::describe(Some(&Settings::default())) {
        table(&mut text, &[], &fields, false);
    }
    text
}

/// Values first: in TOML, what follows a table's header belongs to that table.
fn table(text: &mut String, path: &[&str], fields: &[FieldDoc], commented: bool) {
    for field in fields {
        match &field.shape {
            Shape::Value { kind, default } => value(text, field, kind, default.as_deref()),
            Shape::Map(entry) => values_by_name(text, field, entry),
            Shape::Table { .. } => {}
        }
    }
    for field in fields {
        match &field.shape {
            Shape::Table { fields, optional } => {
                inner(text, path, field, fields, commented || *optional)
            }
            Shape::Map(entry) => entries(text, &[path, &[field.key]].concat(), field, entry),
            Shape::Value { .. } => {}
        }
    }
}

fn values_by_name(text: &mut String, field: &FieldDoc, entry: &Shape) {
    if let Shape::Value { kind, .. } = entry {
        value(
            text,
            field,
            &format!("table, each value {kind}"),
            Some("{}"),
        );
    }
}

/// One table of those that people name, under the name that the field gives as its example.
fn entries(text: &mut String, path: &[&str], field: &FieldDoc, entry: &Shape) {
    if let Shape::Table { fields, .. } = entry {
        let path = [path, &[field.example.unwrap_or("example")]].concat();
        text.push('\n');
        doc(text, field);
        section(text, &path, fields, true);
    }
}

/// A table with its own name. One that only some of the tables above it may hold is shown in the one that the field
/// gives as its example.
fn inner(text: &mut String, path: &[&str], field: &FieldDoc, fields: &[FieldDoc], commented: bool) {
    text.push('\n');
    doc(text, field);
    let Some(entry) = field.example else {
        return section(text, &[path, &[field.key]].concat(), fields, commented);
    };
    let mut lines = entry.lines();
    let header = lines.next().unwrap_or_default();
    text.push_str(&format!("#{header}\n"));
    lines.for_each(|line| text.push_str(&format!("#{line} # example\n")));
    let above = header.trim_matches(['[', ']']);
    section(text, &[above, field.key], fields, true);
}

fn section(text: &mut String, path: &[&str], fields: &[FieldDoc], commented: bool) {
    let mark = if commented { "#" } else { "" };
    text.push_str(&format!("{mark}[{}]\n", path.join(".")));
    table(text, path, fields, commented);
}

fn value(text: &mut String, field: &FieldDoc, kind: &str, default: Option<&str>) {
    text.push('\n');
    doc(text, field);
    text.push_str(&format!("# {}\n", facts(field, kind, default)));
    match (default, field.example) {
        (Some(default), _) => text.push_str(&format!("#{} = {default}\n", field.key)),
        (None, Some(example)) => text.push_str(&format!("#{} = {example} # example\n", field.key)),
        (None, None) => text.push_str(&format!("#{} =\n", field.key)),
    }
}

fn doc(text: &mut String, field: &FieldDoc) {
    for line in field.doc {
        text.push_str(&format!("#{line}\n"));
    }
}

fn facts(field: &FieldDoc, kind: &str, default: Option<&str>) -> String {
    let mut facts = format!("Value: {kind}");
    if let Some((least, greatest)) = &field.limits {
        facts.push_str(&format!("; {least} to {greatest}"));
    }
    if field.required {
        facts.push_str("; required");
    }
    if let (Some(_), Some(example)) = (default, field.example) {
        facts.push_str(&format!("; for example {example}"));
    }
    facts + "."
}
