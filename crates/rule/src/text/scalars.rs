//! The small parts of a text: names, numbers, durations, times, values, expressions.

use std::sync::Arc;
use std::time::Duration;

use model::Value;

use super::{Reader, is_plain, spot};
use crate::calendar::{TimeOfDay, Weekdays, parse_span};
use crate::effect::AlarmSeverity;
use crate::expression::{self, Expression, Part, Piece, SyntaxFault, Template, pieces, place_within};
use crate::hint::did_you_mean;
use crate::limits::{DURATION_MAX, ITEMS_MAX, NAME_BYTES_MAX, TEMPLATE_BYTES_MAX};
use crate::problem::{Problem, ProblemSeverity};
use crate::rule::{Operand, Range, Spot};
use crate::yaml::{Data, Node, Scalar};

impl Reader {
    /// A name: short, not empty, without holes.
    pub(super) fn name(&mut self, node: &Node, path: &str) -> Option<String> {
        let text = self.words(node, path)?;
        if text.trim().is_empty() {
            self.error(node, path, "a name is wanted here");
            return None;
        }
        if text.len() > NAME_BYTES_MAX {
            self.error(node, path, format!("a name may be {NAME_BYTES_MAX} bytes long, this one has {}", text.len()));
            return None;
        }
        Some(text.trim().to_owned())
    }

    pub(super) fn name_arc(&mut self, node: &Node, path: &str) -> Option<Arc<str>> {
        self.name(node, path).map(Arc::from)
    }

    /// Text, or a number taken as text.
    pub(super) fn words(&mut self, node: &Node, path: &str) -> Option<String> {
        match node.text() {
            Some(text) => Some(text.to_owned()),
            None => {
                self.error(node, path, format!("text is wanted here, and this is {}", node.sort()));
                None
            }
        }
    }

    pub(super) fn names(&mut self, node: &Node, path: &str) -> Vec<Arc<str>> {
        self.list(node, path, Self::name_arc)
    }

    /// A list of things, or one of them.
    pub(super) fn list<T>(
        &mut self,
        node: &Node,
        path: &str,
        mut read: impl FnMut(&mut Self, &Node, &str) -> Option<T>,
    ) -> Vec<T> {
        let items = node.items();
        if items.is_empty() {
            self.error(node, path, "at least one is wanted here");
        }
        if items.len() > ITEMS_MAX {
            self.error(node, path, format!("at most {ITEMS_MAX} may stand here, and these are {}", items.len()));
            return Vec::new();
        }
        let is_list = matches!(node.data, Data::List(_));
        let paths = (0..items.len()).map(|at| if is_list { format!("{path}[{at}]") } else { path.to_owned() });
        items.iter().zip(paths).filter_map(|(item, path)| read(self, item, &path)).collect()
    }

    pub(super) fn one_of(&mut self, node: &Node, path: &str, what: &str, known: &[&str]) -> Option<String> {
        let text = self.words(node, path)?;
        if known.contains(&text.as_str()) {
            return Some(text);
        }
        let mut problem = Problem::new(ProblemSeverity::Error, &spot(node, path), format!("{text:?} is no {what}"));
        problem.hint = did_you_mean(&text, known.iter().copied());
        self.tell(problem);
        None
    }

    pub(super) fn whole(&mut self, node: &Node, path: &str, least: i64, most: i64) -> Option<i64> {
        let found = match &node.data {
            Data::Scalar(scalar) => scalar.value().as_i64(),
            _ => None,
        };
        if let Some(number) = found.filter(|number| (least..=most).contains(number)) {
            return Some(number);
        }
        let got = node.text().map_or_else(|| node.sort().to_owned(), ToOwned::to_owned);
        self.error(node, path, format!("a whole number from {least} to {most} is wanted, and this is {got}"));
        None
    }

    pub(super) fn severity(&mut self, node: &Node, path: &str) -> Option<AlarmSeverity> {
        let names = AlarmSeverity::ALL.map(AlarmSeverity::as_str);
        let name = self.one_of(node, path, "severity", &names)?;
        AlarmSeverity::ALL.into_iter().find(|severity| severity.as_str() == name)
    }

    /// A time that passes: `2 min`.
    pub(super) fn duration(&mut self, node: &Node, path: &str) -> Option<Duration> {
        let micros = self.offset(node, path)?;
        let duration = Duration::from_micros(micros.unsigned_abs());
        let problem = match micros {
            negative if negative < 0 => "a time that passes is not negative",
            _ if duration > DURATION_MAX => "this is longer than a year",
            _ => return Some(duration),
        };
        self.error(node, path, problem);
        None
    }

    /// A time that passes, or one before: microseconds.
    pub(super) fn offset(&mut self, node: &Node, path: &str) -> Option<i64> {
        let text = self.words(node, path)?;
        if let Some(micros) = parse_span(&text) {
            return Some(micros);
        }
        let hint = if text.trim().parse::<f64>().is_ok() {
            format!("with its unit: {} s, {} min", text.trim(), text.trim())
        } else {
            "for example 30 s, 2 min, 1 h 30 min, 1 d".to_owned()
        };
        self.error_with(node, path, format!("{text:?} is no time that passes"), hint);
        None
    }

    pub(super) fn time(&mut self, node: &Node, path: &str) -> Option<TimeOfDay> {
        let text = self.words(node, path)?;
        let time = TimeOfDay::parse(&text);
        if time.is_none() {
            self.error_with(node, path, format!("{text:?} is no time of day"), "for example \"07:30\" or \"23:59:30\"");
        }
        time
    }

    pub(super) fn weekdays(&mut self, node: &Node, path: &str) -> Option<Weekdays> {
        let mut all = Weekdays::NONE;
        for day in self.list(node, path, |reader, node, path| reader.words(node, path)) {
            let days: &[&str] = match day.as_str() {
                "weekdays" => &Weekdays::NAMES[..5],
                "weekends" => &Weekdays::NAMES[5..],
                day => &[day],
            };
            for name in days {
                match all.with(name) {
                    Some(more) => all = more,
                    None => {
                        let mut problem =
                            Problem::new(ProblemSeverity::Error, &spot(node, path), format!("{day:?} is no weekday"));
                        problem.hint = did_you_mean(&day, Weekdays::NAMES);
                        self.tell(problem);
                        return None;
                    }
                }
            }
        }
        Some(all)
    }

    /// Values without holes.
    pub(super) fn values(&mut self, node: &Node, path: &str) -> Vec<Value> {
        self.list(node, path, Self::literal)
    }

    /// A value without holes.
    pub(super) fn literal(&mut self, node: &Node, path: &str) -> Option<Value> {
        if node.text().is_some_and(|text| text.contains("${")) {
            self.error(node, path, "this value cannot be worked out, it has to be written down");
            return None;
        }
        Some(Value::from_json(node.to_json()))
    }

    /// A map of places in things and values.
    pub(super) fn assignments(&mut self, node: &Node, path: &str) -> Vec<(crate::rule::Reference, Value)> {
        let Some(entries) = node.entries() else {
            self.error(node, path, format!("places and values are wanted, and this is {}", node.sort()));
            return Vec::new();
        };
        let mut found = Vec::new();
        for (key, value) in entries {
            let at = Node {
                at: key.at,
                tag: None,
                data: Data::Scalar(Scalar { text: key.text.clone(), plain: false, inner: None }),
            };
            let path = format!("{path}.{}", key.text);
            let reference = self.refer(&at, &path, model::RecordKind::Property);
            if let (Some(reference), Some(value)) = (reference, self.literal(value, &path)) {
                found.push((reference, value));
            }
        }
        found
    }

    /// `above` and `below`.
    pub(super) fn range(&mut self, fields: &super::Fields<'_>) -> Option<Range> {
        let mut bound = |key: &str| fields.get(key).map(|node| self.operand(node, &fields.path(key)));
        let (above, below) = (bound("above"), bound("below"));
        if above.is_none() && below.is_none() {
            self.error(fields.node, &fields.path, "above or below is missing");
            return None;
        }
        let range = Range { above: above.flatten(), below: below.flatten() };
        if let (Some(Operand::Number(above)), Some(Operand::Number(below))) = (&range.above, &range.below)
            && above >= below
        {
            self.error(fields.node, &fields.path, format!("nothing is above {above} and below {below}"));
        }
        Some(range)
    }

    fn operand(&mut self, node: &Node, path: &str) -> Option<Operand> {
        match self.template(node, path)? {
            Template::Literal(value) if matches!(value, Value::Integer(_) | Value::Float(_)) => {
                value.as_f64().map(Operand::Number)
            }
            Template::Expression(expression) => Some(Operand::Expression(expression)),
            _ => {
                self.error(node, path, format!("a number is wanted here, and this is {}", node.sort()));
                None
            }
        }
    }

    /// A whole value that is an expression: `${ … }`, or the expression alone.
    pub(super) fn expression(&mut self, node: &Node, path: &str) -> Option<Expression> {
        match self.template(node, path)? {
            Template::Expression(expression) => Some(expression),
            Template::Literal(Value::Boolean(_)) | Template::Text(_) | Template::List(_) | Template::Map(_) => {
                self.error_with(node, path, "an expression is wanted here", "it is written ${ … }");
                None
            }
            Template::Literal(_) => {
                let message = format!("an expression is wanted here, and this is {}", node.sort());
                self.error_with(node, path, message, "it is written ${ … }");
                None
            }
        }
    }

    /// A value that may have holes.
    pub(super) fn template(&mut self, node: &Node, path: &str) -> Option<Template> {
        let template = match &node.data {
            Data::Scalar(scalar) => self.text_template(node, scalar, path)?,
            Data::List(items) => {
                let items = items.iter().enumerate().map(|(at, item)| self.template(item, &format!("{path}[{at}]")));
                Template::List(items.collect::<Vec<_>>().into_iter().collect::<Option<_>>()?)
            }
            Data::Map(entries) => {
                let entries = entries.iter().map(|(key, item)| {
                    let item = self.template(item, &format!("{path}.{}", key.text))?;
                    Some((Arc::from(key.text.as_str()), item))
                });
                Template::Map(entries.collect::<Vec<_>>().into_iter().collect::<Option<_>>()?)
            }
        };
        // What has no holes is one value, worked out once.
        let is_composed = matches!(template, Template::List(_) | Template::Map(_));
        if is_composed && is_plain(&template) {
            return Some(Template::Literal(Value::from_json(node.to_json())));
        }
        Some(template)
    }

    fn text_template(&mut self, node: &Node, scalar: &Scalar, path: &str) -> Option<Template> {
        if !scalar.text.contains("${") {
            return Some(Template::Literal(Value::from_json(scalar.value())));
        }
        if scalar.text.len() > TEMPLATE_BYTES_MAX {
            let message =
                format!("text with holes may be {TEMPLATE_BYTES_MAX} bytes long, this has {}", scalar.text.len());
            self.error(node, path, message);
            return None;
        }
        let pieces = match pieces(scalar.text.trim_end()) {
            Ok(pieces) => pieces,
            Err(fault) => {
                self.fault(node, scalar, path, fault, 0);
                return None;
            }
        };
        if let [Piece::Hole(at, text)] = pieces.as_slice() {
            return self.hole(node, scalar, path, *at, text).map(Template::Expression);
        }
        let parts = pieces.iter().map(|piece| match piece {
            Piece::Text(text) => Some(Part::Text(Arc::from(text.as_str()))),
            Piece::Hole(at, text) => self.hole(node, scalar, path, *at, text).map(Part::Hole),
        });
        let parts: Vec<Part> = parts.collect::<Vec<_>>().into_iter().collect::<Option<_>>()?;
        match parts.as_slice() {
            [Part::Text(text)] => Some(Template::Literal(Value::Text(Arc::clone(text)))),
            _ => Some(Template::Text(parts)),
        }
    }

    fn hole(&mut self, node: &Node, scalar: &Scalar, path: &str, at: u32, text: &str) -> Option<Expression> {
        let at = at + (text.len() - text.trim_start().len()) as u32;
        let place = place_within(scalar.inner, &scalar.text, at);
        let (line, column) = place.map_or((node.at.line, node.at.column), |place| (place.line, place.column));
        let spot = Spot { path: path.into(), line, column };
        match expression::parse(text.trim(), &spot, place.is_some(), &mut self.references) {
            Ok(expression) => Some(expression),
            Err(fault) => {
                self.fault(node, scalar, path, fault, at);
                None
            }
        }
    }

    fn fault(&mut self, node: &Node, scalar: &Scalar, path: &str, fault: SyntaxFault, offset: u32) {
        let place = place_within(scalar.inner, &scalar.text, offset + fault.at).unwrap_or(node.at);
        let spot = Spot { path: path.into(), line: place.line, column: place.column };
        let mut problem = Problem::new(ProblemSeverity::Error, &spot, fault.message);
        problem.hint = fault.hint;
        self.tell(problem);
    }
}
