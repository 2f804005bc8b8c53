//! Units.

use crate::series::naming::{unit_is_suffix, unit_word};

/// Scenario: the table of "Metric Metadata". Guarantees: every abbreviation gives its word.
#[test]
fn the_table_of_the_specification() {
    let table = [
        ("d", "days"),
        ("h", "hours"),
        ("min", "minutes"),
        ("s", "seconds"),
        ("ms", "milliseconds"),
        ("us", "microseconds"),
        ("ns", "nanoseconds"),
        ("By", "bytes"),
        ("KiBy", "kibibytes"),
        ("MiBy", "mebibytes"),
        ("GiBy", "gibibytes"),
        ("TiBy", "tebibytes"),
        ("kBy", "kilobytes"),
        ("MBy", "megabytes"),
        ("GBy", "gigabytes"),
        ("TBy", "terabytes"),
        ("m", "meters"),
        ("V", "volts"),
        ("A", "amperes"),
        ("J", "joules"),
        ("W", "watts"),
        ("g", "grams"),
        ("Cel", "celsius"),
        ("Hz", "hertz"),
        ("%", "percent"),
    ];
    for (unit, word) in table {
        assert_eq!(unit_word(unit), word, "{unit}");
    }
}

/// Scenario: units of every form. Guarantees: each gives the words the specification asks for.
#[test]
fn units_in_words() {
    let cases = [
        // "Portions of the Unit within brackets (e.g. {packet}) MUST be dropped."
        ("{packet}", ""),
        ("{packet}/s", "per_second"),
        ("By/{packet}", "bytes"),
        ("By{used}", "bytes"),
        ("{used}By", "bytes"),
        ("{a}By{b}/s{c}", "bytes_per_second"),
        ("{request}/{second}", ""),
        ("{never closed", ""),
        ("By}", "By"),
        // "Units defined as rates over time (e.g. "m/s") MUST be converted to words (e.g. "meters_per_second")."
        ("m/s", "meters_per_second"),
        ("By/s", "bytes_per_second"),
        ("KiBy/ms", "kibibytes_per_millisecond"),
        ("1/s", "per_second"),
        ("/s", "per_second"),
        ("1/min", "per_minute"),
        ("1/m", "per_minute"),
        ("1/h", "per_hour"),
        ("1/d", "per_day"),
        ("1/w", "per_week"),
        ("1/mo", "per_month"),
        ("1/y", "per_year"),
        ("m/s/s", "meters_per_second_per_second"),
        ("J/By", "joules_per_byte"),
        ("1/custom_unit", "per_custom_unit"),
        ("By/", "bytes"),
        ("By/1", "bytes"),
        // "converted from the UCUM unit […] if it is included in the table": others stay.
        ("1", ""),
        ("", ""),
        ("/", ""),
        ("KBy", "kilobytes"),
        ("custom_unit", "custom_unit"),
        ("by", "by"),
        ("S", "S"),
        ("seconds", "seconds"),
        (" By / s ", "bytes_per_second"),
        ("unit@with#special/chars", "unit_with_special_per_chars"),
        ("unit__multiple__underscores", "unit_multiple_underscores"),
        ("10*3/s", "10_3_per_second"),
        ("mm[Hg]", "mm_Hg"),
        ("k:b", "k_b"),
        ("€", ""),
        ("w", "w"),
    ];
    for (unit, word) in cases {
        assert_eq!(unit_word(unit), word, "{unit}");
    }
}

/// Scenario: family names and units. Guarantees: a unit is a suffix only behind an underscore.
#[test]
fn units_as_suffixes() {
    let cases = [
        ("duration_seconds", "seconds", true),
        ("io_bytes_per_second", "bytes_per_second", true),
        ("duration.seconds", "seconds", false),
        ("duration_milliseconds", "seconds", false),
        ("seconds", "seconds", false),
        ("duration_seconds_total", "seconds", false),
        ("duration_", "", false),
        ("", "seconds", false),
    ];
    for (name, word, is_suffix) in cases {
        assert_eq!(unit_is_suffix(name, word), is_suffix, "{name} {word}");
    }
}
