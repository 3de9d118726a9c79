//! What a question asks of a set: how much of it, in which order, with what beside it (OGC 18-088, section 9.3).

use super::filter::{self, Expression, FilterError};

/// The most entities of one answer.
pub(super) const TOP_MAX: usize = 1_000;

/// How many there are when nobody says.
pub(super) const TOP: usize = 100;

/// How deep expansions may go.
const EXPAND_DEPTH_MAX: usize = 5;

/// What a question asks.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Options {
    pub(super) top: Option<usize>,
    pub(super) skip: usize,
    pub(super) count: bool,
    pub(super) order: Vec<Order>,
    pub(super) select: Vec<String>,
    pub(super) expand: Vec<Expand>,
    pub(super) filter: Option<Expression>,
}

/// By what a set is ordered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Order {
    pub(super) path: Vec<String>,
    pub(super) falling: bool,
}

/// What is put beside an entity.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expand {
    /// What leads to it: `Datastreams`.
    pub(super) link: String,
    pub(super) options: Options,
}

/// What is wrong with a question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum OptionError {
    #[error("there is no option {0}\nhint: $top, $skip, $count, $orderby, $select, $expand and $filter are known")]
    Unknown(String),
    #[error("{option} is {found:?}, not {expected}")]
    Value { option: &'static str, found: String, expected: &'static str },
    #[error("expansions go deeper than {EXPAND_DEPTH_MAX}")]
    TooDeep,
    #[error(transparent)]
    Filter(#[from] FilterError),
}

impl Options {
    /// How many entities are wanted.
    pub(super) fn top(&self) -> usize {
        self.top.unwrap_or(TOP).min(TOP_MAX)
    }

    /// Reads the query of an address.
    pub(super) fn parse(query: &str) -> Result<Self, OptionError> {
        let mut options = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            options.set(&key, &value, 0)?;
        }
        Ok(options)
    }

    fn set(&mut self, key: &str, value: &str, depth: usize) -> Result<(), OptionError> {
        let number = |option| {
            let wrong = || OptionError::Value { option, found: value.to_owned(), expected: "a whole number" };
            value.trim().parse().map_err(|_| wrong())
        };
        match key.trim() {
            "$top" => self.top = Some(number("$top")?),
            "$skip" => self.skip = number("$skip")?,
            "$count" => {
                let found = || value.to_owned();
                let wrong = || OptionError::Value { option: "$count", found: found(), expected: "true or false" };
                self.count = value.trim().parse().map_err(|_| wrong())?;
            }
            "$orderby" => self.order = value.split(',').map(order).collect::<Result<_, _>>()?,
            "$select" => self.select = value.split(',').map(|word| word.trim().to_owned()).collect(),
            "$expand" => {
                for part in split(value, ',') {
                    self.expand.push(expand(part.trim(), depth + 1)?);
                }
            }
            "$filter" => self.filter = Some(filter::parse(value)?),
            _ => return Err(OptionError::Unknown(key.to_owned())),
        }
        Ok(())
    }
}

fn order(text: &str) -> Result<Order, OptionError> {
    let mut words = text.split_whitespace();
    let wrong =
        || OptionError::Value { option: "$orderby", found: text.to_owned(), expected: "a property and asc or desc" };
    let path = words.next().ok_or_else(wrong)?.split('/').map(str::to_owned).collect();
    let falling = match words.next().map(str::to_ascii_lowercase).as_deref() {
        None | Some("asc") => false,
        Some("desc") => true,
        Some(_) => return Err(wrong()),
    };
    Ok(Order { path, falling })
}

/// `Datastreams`, `Datastreams/Observations`, `Datastreams($top=1;$expand=Observations)`.
fn expand(text: &str, depth: usize) -> Result<Expand, OptionError> {
    if depth > EXPAND_DEPTH_MAX {
        return Err(OptionError::TooDeep);
    }
    let mut options = Options::default();
    let head = &text[..text.find('(').unwrap_or(text.len())];
    if let Some((link, _)) = head.split_once('/') {
        options.expand.push(expand(&text[link.len() + 1..], depth + 1)?);
        return Ok(Expand { link: link.to_owned(), options });
    }
    if head.len() < text.len() {
        let wrong = || OptionError::Value { option: "$expand", found: text.to_owned(), expected: "closed" };
        let inner = text[head.len() + 1..].strip_suffix(')').ok_or_else(wrong)?;
        for part in split(inner, ';') {
            let (key, value) = part.split_once('=').ok_or_else(|| OptionError::Unknown(part.to_owned()))?;
            options.set(key, value, depth)?;
        }
    }
    Ok(Expand { link: head.trim().to_owned(), options })
}

/// The parts between separators that stand in no parentheses and no quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0_usize, false);
    for (at, character) in text.char_indices() {
        match character {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            _ if character == separator && depth == 0 && !quoted => {
                parts.push(&text[start..at]);
                start = at + character.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_with_what_stands_within_it() {
        let text = "$top=5&$skip=10&$count=true&$select=name,id&$orderby=name%20desc,Thing/name\
            &$expand=Datastreams($top=1;$expand=Observations($filter=name%20eq%20'a;b,c)';$orderby=phenomenonTime%20desc),Thing),Locations/Things";
        let options = Options::parse(text).unwrap();
        assert_eq!((options.top(), options.skip, options.count), (5, 10, true));
        assert_eq!(options.select, ["name", "id"]);
        assert_eq!(options.order[1], Order { path: vec!["Thing".into(), "name".into()], falling: false });
        let links: Vec<&str> = options.expand.iter().map(|expand| expand.link.as_str()).collect();
        assert_eq!(links, ["Datastreams", "Locations"]);
        let within: Vec<&str> = options.expand[0].options.expand.iter().map(|expand| expand.link.as_str()).collect();
        assert_eq!(within, ["Observations", "Thing"]);
        assert!(options.expand[0].options.expand[0].options.filter.is_some());
        assert_eq!(options.expand[1].options.expand[0].link, "Things");
        assert_eq!(Options::parse("$top=100000").unwrap().top(), TOP_MAX);
    }

    #[test]
    fn what_is_no_question_is_told() {
        let told = |text: &str| Options::parse(text).unwrap_err().to_string();
        let deep = format!("$expand={}", "Thing/".repeat(6));
        let all =
            ["$top=many", "$count=maybe", "$orderby=name sideways", "$expand=Things($top=1", "$resultFormat=x", &deep];
        let told: Vec<String> = all.iter().map(|text| told(text)).collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
