//! Which entities: by type, id, attributes, conditions on them (`q`) and place (ETSI GS CIM 009, clauses 4.9 and 4.10).

use std::sync::Arc;

use model::{Coordinates, Geometry, Timestamp};
use serde_json::{Map, Value, json};
use site::map::{DISTANCE_METRES_MAX, FOUND_MAX, Where};
use site::{Site, ThingDetail, ThingQuery};

use super::Failure;
use super::entity::{attributes, id_of, short, type_of, value_of};

/// How many entities one question looks at.
const LOOKED_AT_MAX: usize = 100_000;

/// How many things are read at a time.
const THINGS_AT_A_TIME: usize = 500;

/// The most entities of one answer, and how many there are when nobody says.
pub(super) const LIMIT_MAX: usize = 1_000;
const LIMIT: usize = 20;

/// The longest condition, in bytes.
const CONDITION_BYTES_MAX: usize = 4_096;

/// How deep parentheses of a condition may go.
const DEPTH_MAX: usize = 32;

/// A question.
#[derive(Debug, Clone, Default)]
pub(super) struct Query {
    pub(super) types: Vec<String>,
    pub(super) ids: Vec<String>,
    pub(super) id_pattern: Option<Pattern>,
    pub(super) attributes: Vec<String>,
    pub(super) condition: Option<Condition>,
    pub(super) place: Option<Where>,
    pub(super) limit: Option<usize>,
    pub(super) offset: usize,
    pub(super) count: bool,
}

/// A pattern of ids: a prefix with `.*`, or words that are contained. Patterns of any form would cost any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    prefix: Option<String>,
    contains: Vec<String>,
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let (anchored, body) = text.strip_prefix('^').map_or((false, text), |rest| (true, rest));
        let parts: Vec<String> = body.trim_end_matches('$').split(".*").map(|part| part.replace("\\.", ".")).collect();
        if let Some(special) = parts.iter().flat_map(|part| part.chars()).find(|c| "*+?()[]{}|\\^".contains(*c)) {
            return Err(Failure::unsupported(format!(
                "patterns are words parted by .*; {special:?} in {text:?} is not understood"
            )));
        }
        let prefix = anchored.then(|| parts.first().cloned().unwrap_or_default());
        Ok(Self { prefix, contains: parts.into_iter().filter(|part| !part.is_empty()).collect() })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let mut rest = text;
        self.prefix.as_ref().is_none_or(|prefix| text.starts_with(prefix))
            && self.contains.iter().all(|part| match rest.split_once(part.as_str()) {
                Some((_, after)) => {
                    rest = after;
                    true
                }
                None => false,
            })
    }
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    /// An attribute is there.
    Has(Vec<String>),
    Compare(Vec<String>, Comparison, Vec<Operand>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
    NotLike,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    One(Value),
    Range(Value, Value),
}

/// The longer ones first, so that none is taken for its beginning.
const COMPARISONS: &[(&str, Comparison)] = &[
    ("!~=", Comparison::NotLike),
    ("~=", Comparison::Like),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl Condition {
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        if text.len() > CONDITION_BYTES_MAX {
            return Err(Failure::bad(format!(
                "q has {} bytes, and at most {CONDITION_BYTES_MAX} are read",
                text.len()
            )));
        }
        Self::parse_at(text, 0)
    }

    fn parse_at(text: &str, depth: usize) -> Result<Self, Failure> {
        if depth > DEPTH_MAX {
            return Err(Failure::bad(format!("q is nested deeper than {DEPTH_MAX}")));
        }
        let text = text.trim();
        let any = split(text, '|');
        if any.len() > 1 {
            return any
                .into_iter()
                .map(|part| Self::parse_at(part, depth + 1))
                .collect::<Result<_, _>>()
                .map(Self::Any);
        }
        let all = split(text, ';');
        if all.len() > 1 {
            return all
                .into_iter()
                .map(|part| Self::parse_at(part, depth + 1))
                .collect::<Result<_, _>>()
                .map(Self::All);
        }
        if let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            return Self::parse_at(inner, depth + 1);
        }
        let place = |word: &str| unquoted(text).find(|at| text[*at..].starts_with(word));
        let found = COMPARISONS.iter().filter_map(|(word, comparison)| Some((place(word)?, *word, *comparison)));
        let Some((at, word, comparison)) = found.min_by_key(|(at, word, _)| (*at, usize::MAX - word.len())) else {
            return path(text).map(Self::Has);
        };
        let operands = split(&text[at + word.len()..], ',');
        Ok(Self::Compare(path(&text[..at])?, comparison, operands.into_iter().map(operand).collect()))
    }

    /// Whether an entity with these attributes is wanted.
    pub(super) fn holds(&self, entity: &Map<String, Value>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(entity)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(entity)),
            Self::Has(path) => lookup(entity, path).is_some(),
            Self::Compare(path, comparison, operands) => {
                let Some(value) = lookup(entity, path) else { return false };
                let is_any = |test: &dyn Fn(&Operand) -> bool| operands.iter().any(test);
                match comparison {
                    Comparison::Equal => is_any(&|operand| operand.equals(&value)),
                    Comparison::NotEqual => !is_any(&|operand| operand.equals(&value)),
                    Comparison::Like => is_any(&|operand| operand.is_like(&value)),
                    Comparison::NotLike => !is_any(&|operand| operand.is_like(&value)),
                    _ => is_any(&|operand| operand.orders(&value, *comparison)),
                }
            }
        }
    }
}

impl Operand {
    fn equals(&self, value: &Value) -> bool {
        let is = |one: &Value| compare(value, one).is_some_and(std::cmp::Ordering::is_eq) || value == one;
        match self {
            Self::One(one) => is(one) || value.as_array().is_some_and(|several| several.iter().any(|part| part == one)),
            Self::Range(least, most) => {
                compare(value, least).is_some_and(std::cmp::Ordering::is_ge)
                    && compare(value, most).is_some_and(std::cmp::Ordering::is_le)
            }
        }
    }

    fn is_like(&self, value: &Value) -> bool {
        let (Self::One(Value::String(pattern)), Some(text)) = (self, value.as_str()) else { return false };
        Pattern::parse(pattern).is_ok_and(|pattern| pattern.matches(text))
    }

    fn orders(&self, value: &Value, comparison: Comparison) -> bool {
        let Self::One(one) = self else { return false };
        compare(value, one).is_some_and(|order| match comparison {
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            _ => order.is_ge(),
        })
    }
}

/// How two values stand to each other; times by when they are.
fn compare(left: &Value, right: &Value) -> Option<std::cmp::Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        (Value::String(left), Value::String(right)) => match (Timestamp::parse(left), Timestamp::parse(right)) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => Some(left.cmp(right)),
        },
        _ => None,
    }
}

/// The value at a path: the attribute's own, a member of it (`address[city]`), or what is said of it (`speed.observedAt`).
fn lookup(entity: &Map<String, Value>, path: &[String]) -> Option<Value> {
    let attribute = entity.get(path.first()?)?;
    let value = value_of(attribute);
    match &path[1..] {
        [] => Some(value),
        [one] if attribute.get(one).is_some() && value.get(one).is_none() => attribute.get(one).cloned(),
        rest => rest.iter().try_fold(&value, |value, step| value.get(step)).cloned(),
    }
}

/// Where in a text no quotes are open.
fn unquoted(text: &str) -> impl Iterator<Item = usize> + '_ {
    let mut quoted = false;
    text.char_indices().filter_map(move |(at, character)| {
        quoted ^= character == '"';
        (!quoted).then_some(at)
    })
}

/// The parts between separators that stand in no parentheses and no quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0_usize, false);
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            _ if character == separator && depth == 0 && !quoted => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn path(text: &str) -> Result<Vec<String>, Failure> {
    let text = text.trim();
    let steps: Vec<String> = text.split(['.', '[']).map(|step| short(step.trim_end_matches(']')).to_owned()).collect();
    if steps.iter().any(String::is_empty) {
        return Err(Failure::bad(format!("{text:?} names no attribute")));
    }
    Ok(steps)
}

fn operand(text: &str) -> Operand {
    let text = text.trim();
    match text.split_once("..").filter(|_| !text.starts_with('"')) {
        Some((least, most)) => Operand::Range(literal(least), literal(most)),
        None => Operand::One(literal(text)),
    }
}

fn literal(text: &str) -> Value {
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.into(),
        None => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
    }
}

impl Query {
    /// Reads the parameters of an address; those that say how to show entities are left alone.
    pub(super) fn parse(pairs: &[(String, String)]) -> Result<Self, Failure> {
        let mut query = Self::default();
        let list = |text: &str| text.split(',').map(|part| short(part.trim()).to_owned()).collect::<Vec<_>>();
        let number = |key: &str, text: &str| {
            text.parse::<usize>().map_err(|_| Failure::bad(format!("{key} is {text:?}, not a whole number")))
        };
        for (key, value) in pairs {
            match key.as_str() {
                "type" => query.types = list(value),
                "id" => query.ids = value.split(',').map(|id| id.trim().to_owned()).collect(),
                "idPattern" => query.id_pattern = Some(Pattern::parse(value)?),
                "attrs" => query.attributes = list(value),
                "q" => query.condition = Some(Condition::parse(value)?),
                "limit" => query.limit = Some(number(key, value)?),
                "offset" => query.offset = number(key, value)?,
                "count" => query.count = value == "true",
                _ => {}
            }
        }
        let get = |key: &str| pairs.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
        if let Some(relation) = get("georel") {
            query.place = Some(place(relation, get("geometry"), get("coordinates"))?);
        }
        Ok(query)
    }

    /// Reads a query that is a document: that of `entityOperations/query`, or the entities of a subscription.
    pub(super) fn from_document(document: &Map<String, Value>) -> Result<Self, Failure> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        let entities = document.get("entities").and_then(Value::as_array);
        let members = |key: &str| -> Vec<String> {
            let found = entities.into_iter().flatten().filter_map(|entity| entity.get(key)?.as_str());
            found.map(str::to_owned).collect()
        };
        for key in ["type", "id"] {
            let found = members(key);
            if !found.is_empty() {
                pairs.push((key.to_owned(), found.join(",")));
            }
        }
        if let Some(pattern) = members("idPattern").first() {
            pairs.push(("idPattern".to_owned(), pattern.clone()));
        }
        if let Some(q) = document.get("q").and_then(Value::as_str) {
            pairs.push(("q".to_owned(), q.to_owned()));
        }
        if let Some(geo) = document.get("geoQ").and_then(Value::as_object) {
            for key in ["georel", "geometry", "coordinates"] {
                if let Some(value) = geo.get(key) {
                    pairs.push((key.to_owned(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
                }
            }
        }
        if let Some(attributes) = document.get("attrs").and_then(Value::as_array) {
            let names: Vec<&str> = attributes.iter().filter_map(Value::as_str).collect();
            pairs.push(("attrs".to_owned(), names.join(",")));
        }
        Self::parse(&pairs)
    }

    /// Whether nothing is asked: that would be everything.
    pub(super) fn is_open(&self) -> bool {
        let Self { types, ids, id_pattern, attributes, condition, place, .. } = self;
        types.is_empty()
            && ids.is_empty()
            && id_pattern.is_none()
            && attributes.is_empty()
            && condition.is_none()
            && place.is_none()
    }

    /// How many entities are wanted.
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(LIMIT).min(LIMIT_MAX)
    }

    /// Whether a thing is what is asked for, but for its place.
    pub(super) fn wants(&self, detail: &ThingDetail) -> bool {
        let thing = &detail.summary.thing;
        let id = id_of(thing);
        if !self.types.is_empty() && !self.types.iter().any(|kind| kind == type_of(thing))
            || !self.ids.is_empty() && !self.ids.contains(&id)
            || self.id_pattern.as_ref().is_some_and(|pattern| !pattern.matches(&id))
        {
            return false;
        }
        if self.attributes.is_empty() && self.condition.is_none() {
            return true;
        }
        let said: Map<String, Value> = attributes(detail).into_iter().collect();
        (self.attributes.is_empty() || self.attributes.iter().any(|name| said.contains_key(name)))
            && self.condition.as_ref().is_none_or(|condition| condition.holds(&said))
    }

    /// Whether a thing is at the place that is asked for.
    pub(super) fn is_there(&self, detail: &ThingDetail) -> bool {
        let at = detail.summary.location;
        self.place.as_ref().is_none_or(|place| at.is_some_and(|at| place.distance_metres(at).is_some()))
    }

    /// The entities that are wanted on this page, and how many there are where that was asked.
    pub(super) fn find(&self, site: &Site) -> Result<(Vec<ThingDetail>, Option<usize>), Failure> {
        let candidates = self.candidates(site)?;
        let (mut page, mut total) = (Vec::new(), 0);
        for (looked_at, detail) in candidates.enumerate() {
            if looked_at >= LOOKED_AT_MAX {
                return Err(Failure::too_many(format!(
                    "more than {LOOKED_AT_MAX} entities would have to be looked at; ask for a type or a place"
                )));
            }
            if !self.wants(&detail) {
                continue;
            }
            if total >= self.offset && page.len() < self.limit() {
                page.push(detail);
            } else if !self.count && page.len() >= self.limit() {
                break;
            }
            total += 1;
        }
        Ok((page, self.count.then_some(total)))
    }

    fn candidates<'a>(&'a self, site: &'a Site) -> Result<Box<dyn Iterator<Item = ThingDetail> + 'a>, Failure> {
        if let Some(place) = &self.place {
            let found = site.find_on_map(place, None, FOUND_MAX);
            if found.total > found.items.len() {
                return Err(Failure::too_many(format!(
                    "{} entities lie there, and at most {FOUND_MAX} are looked at; ask for less",
                    found.total
                )));
            }
            let things = found.items.into_iter().filter_map(move |found| site.thing(&found.summary.thing.id));
            return Ok(Box::new(things));
        }
        if !self.ids.is_empty() {
            return Ok(Box::new(self.ids.iter().filter_map(move |id| super::entity::find(site, id))));
        }
        let kind = if let [one] = &self.types[..] { Some(one.clone()).filter(|one| one != "Thing") } else { None };
        let mut cursor = Some(None);
        let pages = std::iter::from_fn(move || {
            let (kind, limit) = (kind.clone(), THINGS_AT_A_TIME);
            let page = site.things(&ThingQuery { kind, cursor: cursor.take()?, limit, ..ThingQuery::default() });
            cursor = page.next_cursor.map(Some);
            Some(page.items)
        });
        Ok(Box::new(pages.flatten().filter_map(move |summary| site.thing(&summary.thing.id))))
    }
}

/// A place by its relation to a shape: `near;maxDistance==500`, `within`, `intersects`.
fn place(relation: &str, kind: Option<&str>, coordinates: Option<&str>) -> Result<Where, Failure> {
    let kind = kind.ok_or_else(|| Failure::bad("georel needs a geometry"))?;
    let coordinates = coordinates.ok_or_else(|| Failure::bad("georel needs coordinates"))?;
    let coordinates: Value =
        serde_json::from_str(coordinates).map_err(|error| Failure::bad(format!("coordinates: {error}")))?;
    let shape: Result<Geometry, _> = serde_json::from_value(json!({"type": kind, "coordinates": coordinates}));
    let geometry = Arc::new(shape.map_err(|error| Failure::bad(format!("coordinates: {error}")))?);
    let (word, rest) = relation.split_once(';').unwrap_or((relation, ""));
    match word {
        "near" => {
            let metres = rest.strip_prefix("maxDistance==").and_then(|text| text.parse::<f64>().ok());
            let within = metres.filter(|metres| (0.0..=DISTANCE_METRES_MAX).contains(metres));
            let metres_max = within.ok_or_else(|| {
                Failure::bad(format!("near needs maxDistance==METRES, at most {DISTANCE_METRES_MAX}"))
            })?;
            Ok(match *geometry {
                Geometry::Point(point) => Where::Near { point, metres_max },
                _ => Where::Along { geometry, metres_max },
            })
        }
        "within" | "intersects" if geometry.is_area() => Ok(Where::Inside(geometry)),
        "equals" => {
            let point: Coordinates = geometry.middle();
            Ok(Where::Near { point, metres_max: 0.1 })
        }
        _ => Err(Failure::unsupported(format!(
            "georel {relation:?} of a {kind} is not understood: near, within and equals are"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(condition: &str) -> bool {
        let entity = json!({
            "speed": {"type": "Property", "value": 55, "unitCode": "KMH", "observedAt": "2026-01-01T12:00:00Z"},
            "name": {"type": "Property", "value": "Main; street"},
            "address": {"type": "Property", "value": {"city": "Köln", "zip": {"code": 5}}},
            "refRoad": {"type": "Relationship", "object": "urn:ngsi-ld:Road:7"},
            "tags": {"type": "Property", "value": ["a", "b"]}, "ok": {"type": "Property", "value": true}});
        Condition::parse(condition).unwrap().holds(entity.as_object().unwrap())
    }

    #[test]
    fn conditions_hold_or_not() {
        for condition in [
            "speed>50",
            "speed>=55;speed<=55",
            "speed==50..60",
            "speed==1,55",
            "name==\"Main; street\"",
            "name~=\"Main.*\"",
            "address[city]==\"Köln\"",
            "address[zip.code]==5",
            "refRoad==urn:ngsi-ld:Road:7",
            "ok==true",
            "speed",
            "speed.observedAt>2026-01-01T00:00:00Z",
            "speed.unitCode==\"KMH\"",
            "speed>90|(ok==true;tags==\"b\")",
            "name!~=\"Side.*\"",
        ] {
            assert!(holds(condition), "{condition}");
        }
        for condition in
            ["speed>55", "speed!=55", "missing", "missing!=3", "speed==\"55\"", "name~=\"^street\"", "ok==true;speed<5"]
        {
            assert!(!holds(condition), "{condition}");
        }
        assert!(Condition::parse("==5").is_err() && Condition::parse("a..b").is_err());
        assert!(Condition::parse(&"(".repeat(5_000)).is_err() && Pattern::parse("(a+)+").is_err());
    }
}
