//! YAML as a tree in which every part knows its line and column. Size and depth are bounded before anything is built.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use crate::limits::{NODE_DEPTH_MAX, NODES_MAX};

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct At {
    /// From 1.
    pub(crate) line: u32,
    /// From 1.
    pub(crate) column: u32,
}

impl From<Marker> for At {
    fn from(marker: Marker) -> Self {
        Self { line: marker.line() as u32, column: marker.col() as u32 + 1 }
    }
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: At,
    /// `!secret` and the like, without the mark.
    pub(crate) tag: Option<String>,
    pub(crate) data: Data,
}

/// What a part of a text is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A word, number or text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Written without quotes.
    pub(crate) plain: bool,
    /// Where its first character stands, when it is written on one line without escapes: places within can be told.
    pub(crate) inner: Option<At>,
}

/// A key of a map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    pub(crate) at: At,
    pub(crate) text: String,
}

/// What is wrong with a text as YAML.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    pub(crate) at: At,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Fault {
    fn new(at: At, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), hint: None }
    }
}

impl Node {
    /// As people name what it is.
    pub(crate) fn sort(&self) -> &'static str {
        match &self.data {
            Data::Scalar(scalar) if scalar.is_null() => "nothing",
            Data::Scalar(scalar) => match scalar.value() {
                serde_json::Value::Bool(_) => "true or false",
                serde_json::Value::Number(_) => "a number",
                _ => "text",
            },
            Data::List(_) => "a list",
            Data::Map(_) => "a map",
        }
    }

    /// The word or text; `None` for lists, maps and nothing.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar(scalar) if !scalar.is_null() => Some(&scalar.text),
            _ => None,
        }
    }

    /// Whether nothing is written here.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.data, Data::Scalar(scalar) if scalar.is_null())
    }

    /// The items: of a list, or of anything else the one that it is.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.data {
            Data::List(items) => items,
            _ if self.is_null() => &[],
            _ => std::slice::from_ref(self),
        }
    }

    /// The entries of a map.
    pub(crate) fn entries(&self) -> Option<&[(Key, Node)]> {
        match &self.data {
            Data::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// An entry of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?.iter().find(|(found, _)| found.text == key).map(|(_, node)| node)
    }

    /// As JSON, with YAML's core schema.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.data {
            Data::Scalar(scalar) => scalar.value(),
            Data::List(items) => serde_json::Value::Array(items.iter().map(Self::to_json).collect()),
            Data::Map(entries) => {
                let entries = entries.iter().map(|(key, node)| (key.text.clone(), node.to_json()));
                serde_json::Value::Object(entries.collect())
            }
        }
    }
}

impl Scalar {
    /// `null`, `~` or nothing at all.
    pub(crate) fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// The value by YAML's core schema.
    pub(crate) fn value(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        if !self.plain {
            return Json::String(self.text.clone());
        }
        if self.is_null() {
            return Json::Null;
        }
        match self.text.as_str() {
            "true" | "True" | "TRUE" => return Json::Bool(true),
            "false" | "False" | "FALSE" => return Json::Bool(false),
            _ => {}
        }
        let digits = self.text.strip_prefix(['-', '+']).unwrap_or(&self.text);
        let is_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '-' | '+'));
        if is_number {
            if let Ok(integer) = self.text.parse::<i64>() {
                return integer.into();
            }
            if let Some(number) = self.text.parse::<f64>().ok().and_then(serde_json::Number::from_f64) {
                return Json::Number(number);
            }
        }
        Json::String(self.text.clone())
    }
}

/// Reads the one document of a text.
pub(crate) fn read(text: &str) -> Result<Node, Fault> {
    Reader { parser: Parser::new_from_str(text), lines: text.lines().collect(), anchors: Vec::new(), nodes: 0 }
        .document()
}

struct Reader<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    lines: Vec<&'t str>,
    anchors: Vec<(usize, Node)>,
    nodes: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), Fault> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let mut fault = Fault::new((*error.marker()).into(), error.info().to_lowercase());
                let line = self.lines.get(fault.at.line.saturating_sub(1) as usize).copied().unwrap_or_default();
                if line.contains('\t') {
                    fault.hint = Some("indent with spaces; a tab does not count".to_owned());
                } else if line.contains("${") && line.contains(": ") {
                    fault.hint =
                        Some("put the value into quotes: a colon or a # within it means something else".to_owned());
                }
                Err(fault)
            }
            None => Err(Fault::new(At { line: 1, column: 1 }, "the text ends too early")),
        }
    }

    fn document(mut self) -> Result<Node, Fault> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                Event::StreamEnd => break,
                event if root.is_none() => root = Some(self.node(event, span, 0)?),
                _ => {
                    let mut fault = Fault::new(span.start.into(), "a second document begins here");
                    fault.hint = Some("keep one document in a text".to_owned());
                    return Err(fault);
                }
            }
        }
        root.ok_or_else(|| Fault::new(At { line: 1, column: 1 }, "the text is empty"))
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Fault> {
        let at = At::from(span.start);
        self.count(1, at)?;
        if depth > NODE_DEPTH_MAX {
            return Err(Fault::new(at, format!("lists and maps lie more than {NODE_DEPTH_MAX} deep in each other")));
        }
        let (data, anchor, tag) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let inner = self.inner(at, &text, style);
                let scalar = Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain, inner };
                (Data::Scalar(scalar), anchor, tag.map(|tag| tag_text(&tag)))
            }
            Event::SequenceStart(anchor, tag) => {
                let tag = tag.map(|tag| tag_text(&tag));
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                }
                (Data::List(items), anchor, tag)
            }
            Event::MappingStart(anchor, tag) => {
                let tag = tag.map(|tag| tag_text(&tag));
                (Data::Map(self.entries(depth)?), anchor, tag)
            }
            Event::Alias(anchor) => {
                let found = self.anchors.iter().rev().find(|(id, _)| *id == anchor);
                let mut node =
                    found.map(|(_, node)| node.clone()).ok_or_else(|| Fault::new(at, "an alias of itself"))?;
                self.count(size(&node), at)?;
                node.at = at;
                return Ok(node);
            }
            _ => return Err(Fault::new(at, "the text cannot be read here")),
        };
        let node = Node { at, tag, data };
        if anchor != 0 {
            self.count(size(&node), at)?;
            self.anchors.push((anchor, node.clone()));
        }
        Ok(node)
    }

    fn entries(&mut self, depth: usize) -> Result<Vec<(Key, Node)>, Fault> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            let key = self.node(event, span, depth + 1)?;
            let Data::Scalar(scalar) = key.data else {
                let mut fault = Fault::new(key.at, "a list or map cannot be a key");
                fault.hint = Some("a value that begins with { or [ has to stand in quotes".to_owned());
                return Err(fault);
            };
            let key = Key { at: key.at, text: scalar.text };
            if let Some((first, _)) = entries.iter().find(|(other, _)| other.text == key.text) {
                let message = format!("{:?} stands here twice, first in line {}", key.text, first.at.line);
                return Err(Fault::new(key.at, message));
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            entries.push((key, value));
        }
    }

    fn count(&mut self, nodes: usize, at: At) -> Result<(), Fault> {
        self.nodes += nodes;
        match self.nodes > NODES_MAX {
            true => Err(Fault::new(at, format!("the text has more than {NODES_MAX} parts"))),
            false => Ok(()),
        }
    }

    /// Where the first character of a scalar stands, if the text shows it there as it is.
    fn inner(&self, at: At, text: &str, style: ScalarStyle) -> Option<At> {
        let quote = match style {
            ScalarStyle::Plain => 0,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => 1,
            ScalarStyle::Literal | ScalarStyle::Folded => return None,
        };
        let line = self.lines.get(at.line.checked_sub(1)? as usize)?;
        let rest = line.char_indices().nth(at.column as usize - 1 + quote).map(|(index, _)| &line[index..])?;
        rest.starts_with(text).then_some(At { line: at.line, column: at.column + quote as u32 })
    }
}

fn tag_text(tag: &Tag) -> String {
    tag.suffix.clone()
}

fn size(node: &Node) -> usize {
    match &node.data {
        Data::Scalar(_) => 1,
        Data::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Data::Map(entries) => 1 + entries.iter().map(|(_, node)| 1 + size(node)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_know_their_place_and_kind() {
        let root = read("a: 1\nb:\n  - \"x ${ y }\"\n  - 07:30\non: [yes, ~, -1.5]\n").unwrap();
        assert_eq!(root.to_json().to_string(), r#"{"a":1,"b":["x ${ y }","07:30"],"on":["yes",null,-1.5]}"#);
        let item = &root.get("b").unwrap().items()[0];
        assert_eq!(item.at, At { line: 3, column: 5 });
        let Data::Scalar(scalar) = &item.data else { panic!("a scalar") };
        assert_eq!(scalar.inner, Some(At { line: 3, column: 6 }));
    }

    #[test]
    fn what_is_no_yaml_is_told() {
        let said = |text: &str| {
            let fault = read(text).unwrap_err();
            format!("{}:{} {}", fault.at.line, fault.at.column, fault.message)
        };
        assert_eq!(said(""), "1:1 the text is empty");
        assert_eq!(said("a: 1\na: 2"), "2:1 \"a\" stands here twice, first in line 1");
        assert_eq!(said("a: {b: [c: 1}"), "1:13 while parsing a flow sequence, expected ',' or ']'");
        assert_eq!(said("{a: 1}: 2"), "1:1 a list or map cannot be a key");
        assert_eq!(said("a: 1\n---\nb: 2"), "3:1 a second document begins here");
        assert!(said(&format!("{}1", "[".repeat(100))).contains("deep in each other"));
    }

    #[test]
    fn a_bomb_of_aliases_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let below = format!("*a{}, ", level - 1).repeat(10);
            text.push_str(&format!("a{level}: &a{level} [{below}]\n"));
        }
        assert!(read(&text).unwrap_err().message.contains("parts"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-a: \\n\"'\\[\\]{}#&*!|>%@`,?0-9\\t\\\\ü]{0,200}") {
            let _read = read(&text);
        }
    }
}
