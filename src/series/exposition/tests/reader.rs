//! A reader of both texts, as simple as their grammar, that shares nothing with the writer.

use std::collections::BTreeMap;

/// One line of a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
    /// Value and time.
    pub exemplar: Option<(BTreeMap<String, String>, f64, Option<f64>)>,
}

/// What a text holds: the types by name, and the samples in their order.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub types: BTreeMap<String, String>,
    pub samples: Vec<Sample>,
}

/// Reads a text; panics where a reader of Prometheus would refuse it.
pub(super) fn read(text: &str) -> Document {
    let mut document = Document::default();
    assert!(text.is_empty() || text.ends_with('\n'));
    for line in text.lines() {
        let mut cursor = Cursor {
            text: line.chars().collect(),
            at: 0,
        };
        if line == "# EOF" {
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.rsplit_once(' ').unwrap();
            let name = name.trim_matches('"').to_owned();
            assert!(
                document.types.insert(name, kind.to_owned()).is_none(),
                "two types: {line}"
            );
        } else if !line.starts_with('#') {
            document.samples.push(cursor.sample());
        }
    }
    document
}

struct Cursor {
    text: Vec<char>,
    at: usize,
}

impl Cursor {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self) -> char {
        self.at += 1;
        self.text[self.at - 1]
    }

    fn expect(&mut self, letter: char) {
        assert_eq!(
            self.take(),
            letter,
            "at {} of {:?}",
            self.at,
            self.text.iter().collect::<String>()
        );
    }

    fn sample(&mut self) -> Sample {
        let mut name = self.word();
        let mut labels = BTreeMap::new();
        if self.peek() == Some('{') {
            let (quoted, all) = self.labels();
            name = quoted.unwrap_or(name);
            labels = all;
        }
        self.expect(' ');
        let value = self.number();
        let exemplar = self.peek().map(|_| self.exemplar());
        assert!(!name.is_empty());
        Sample {
            name,
            labels,
            value,
            exemplar,
        }
    }

    fn exemplar(&mut self) -> (BTreeMap<String, String>, f64, Option<f64>) {
        " # ".chars().for_each(|letter| self.expect(letter));
        let (name, labels) = self.labels();
        assert_eq!(name, None);
        self.expect(' ');
        let value = self.number();
        let time = self.peek().map(|_| {
            self.expect(' ');
            self.number()
        });
        (labels, value, time)
    }

    /// A name in quotes on its own, and the labels.
    fn labels(&mut self) -> (Option<String>, BTreeMap<String, String>) {
        let (mut name, mut labels) = (None, BTreeMap::new());
        self.expect('{');
        while self.peek() != Some('}') {
            let key = self.word();
            if self.peek() == Some('=') {
                self.expect('=');
                let value = self.quoted();
                assert!(labels.insert(key, value).is_none(), "a label twice");
            } else {
                assert!(name.replace(key).is_none() && labels.is_empty());
            }
            if self.peek() == Some(',') {
                self.expect(',');
                assert_ne!(self.peek(), Some('}'));
            }
        }
        self.expect('}');
        (name, labels)
    }

    fn word(&mut self) -> String {
        if self.peek() == Some('"') {
            return self.quoted();
        }
        let start = self.at;
        while self
            .peek()
            .is_some_and(|letter| letter.is_ascii_alphanumeric() || "_:".contains(letter))
        {
            self.at += 1;
        }
        self.text[start..self.at].iter().collect()
    }

    fn quoted(&mut self) -> String {
        self.expect('"');
        let mut text = String::new();
        loop {
            match self.take() {
                '"' => return text,
                '\\' => text.push(match self.take() {
                    'n' => '\n',
                    letter @ ('"' | '\\') => letter,
                    other => panic!("unknown escape {other}"),
                }),
                letter => text.push(letter),
            }
        }
    }

    fn number(&mut self) -> f64 {
        let start = self.at;
        while self.peek().is_some_and(|letter| letter != ' ') {
            self.at += 1;
        }
        let text: String = self.text[start..self.at].iter().collect();
        text.parse().unwrap()
    }
}
