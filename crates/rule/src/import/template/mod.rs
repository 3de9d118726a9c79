//! Templates of Home Assistant as text and expressions of ours. What we have no word for is an error that names it.

mod time;
mod translate;

use std::collections::BTreeMap;

use minijinja::machinery::ast::{Expr, Stmt};
use minijinja::machinery::{WhitespaceConfig, parse};
use minijinja::syntax::SyntaxConfig;

use super::entities::Entities;
use crate::limits::MADE_BYTES_MAX;
pub(super) use translate::value_text;
use translate::{Translation, constant, quoted};

/// How deep parts of a template may lie in each other.
const DEPTH_MAX: usize = 64;

/// Whether a text is a template.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// A template as text of ours with holes.
pub(super) fn text(template: &str, entities: &Entities<'_>) -> Result<String, String> {
    let pieces = pieces(template, entities)?;
    if let [Piece::Hole(hole)] = pieces.as_slice() {
        return Ok(format!("${{ {} }}", hole.value));
    }
    let parts = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => text.replace("${", "$${"),
        Piece::Hole(hole) => format!("${{ {} }}", hole.shown.as_ref().unwrap_or(&hole.value)),
    });
    Ok(parts.collect())
}

/// A template that is one expression.
pub(super) fn whole(template: &str, entities: &Entities<'_>) -> Result<String, String> {
    match pieces(template, entities)?.as_slice() {
        [Piece::Hole(hole)] => Ok(hole.value.clone()),
        _ => Err("a template that decides has to be one {{ … }}".to_owned()),
    }
}

/// A template that comes to one of some words, as each with the condition under which it does; the last has none.
pub(super) fn alternatives(template: &str, entities: &Entities<'_>) -> Result<Vec<(Option<String>, String)>, String> {
    let mut pieces = pieces(template, entities)?;
    let mut words: Vec<(Option<String>, String)> = vec![(None, String::new())];
    for piece in pieces.drain(..) {
        let more = match piece {
            Piece::Text(text) => vec![(None, text)],
            Piece::Hole(hole) => hole.words.ok_or("a service that is worked out has no counterpart")?,
        };
        if words.len() > 1 && more.len() > 1 {
            return Err("a service that is worked out from several parts has no counterpart".to_owned());
        }
        let join = |before: &(Option<String>, String), after: &(Option<String>, String)| {
            (before.0.clone().or_else(|| after.0.clone()), format!("{}{}", before.1, after.1))
        };
        words = words.iter().flat_map(|before| more.iter().map(move |after| join(before, after))).collect();
    }
    Ok(words.into_iter().map(|(under, word)| (under, word.trim().to_owned())).collect())
}

/// A piece of a template: text as it is, or something that is worked out.
enum Piece {
    Text(String),
    Hole(Hole),
}

/// Something that is worked out.
struct Hole {
    /// The expression.
    value: String,
    /// The expression within a sentence, where that is another: a light is `on` there, and not `true`.
    shown: Option<String>,
    /// The words that it may come to, if they are known, each with its condition; the last has none.
    words: Option<Vec<(Option<String>, String)>>,
}

/// A template in pieces, without blanks around it.
fn pieces(template: &str, entities: &Entities<'_>) -> Result<Vec<Piece>, String> {
    if template.len() > MADE_BYTES_MAX {
        return Err(format!("a template may be {MADE_BYTES_MAX} bytes long, this one has {}", template.len()));
    }
    let config = WhitespaceConfig::default();
    let tree = parse(template.trim(), "template", SyntaxConfig, config);
    let tree = tree.map_err(|error| {
        let detail = error.detail().unwrap_or("it is no template").to_owned();
        format!("the template cannot be read: {detail}")
    })?;
    let Stmt::Template(root) = &tree else { return Err("the template cannot be read".to_owned()) };
    let mut reading = Reading { entities, set: BTreeMap::new() };
    reading.body(&root.children, false, 0)
}

/// What was set by `{% set … %}` so far.
struct Reading<'a, 'm> {
    entities: &'a Entities<'m>,
    set: BTreeMap<String, String>,
}

impl Reading<'_, '_> {
    fn body(&mut self, statements: &[Stmt<'_>], is_within: bool, depth: usize) -> Result<Vec<Piece>, String> {
        if depth > DEPTH_MAX {
            return Err("the template lies too deep".to_owned());
        }
        let mut pieces = Vec::new();
        for statement in statements {
            match statement {
                Stmt::EmitRaw(raw) => pieces.push(Piece::Text(raw.raw.to_owned())),
                Stmt::EmitExpr(emitted) => pieces.push(Piece::Hole(self.hole(&emitted.expr)?)),
                Stmt::IfCond(choice) => {
                    let test = self.translation().truth(&choice.expr)?;
                    let then = one(self.body(&choice.true_body, true, depth + 1)?);
                    let otherwise = one(self.body(&choice.false_body, true, depth + 1)?);
                    pieces.push(Piece::Hole(chosen(&test, then, otherwise)));
                }
                Stmt::Set(set) if !is_within => {
                    let Expr::Var(variable) = &set.target else { return Err(has_no("a set of several names")) };
                    let value = self.translation().bracketed(&set.expr)?;
                    self.set.insert(variable.id.to_owned(), value);
                }
                Stmt::Set(_) => return Err(has_no("a set within an if")),
                Stmt::ForLoop(_) => return Err(has_no("a loop ({% for … %})")),
                _ => return Err(has_no("this block ({% … %})")),
            }
        }
        Ok(trimmed(pieces))
    }

    fn translation(&self) -> Translation<'_> {
        Translation { entities: self.entities, set: &self.set }
    }

    fn hole(&self, expression: &Expr<'_>) -> Result<Hole, String> {
        let translation = self.translation();
        let value = translation.node(expression, 0)?;
        let words = match expression {
            Expr::IfExpr(_) => translation.words(expression),
            _ => constant(expression).map(|word| vec![(None, word.to_owned())]),
        };
        Ok(match translation.state_words(expression) {
            Some((on, off)) => Hole {
                shown: Some(format!("{} if {value} else {}", quoted(on), quoted(off))),
                words: Some(vec![(Some(value.clone()), on.to_owned()), (None, off.to_owned())]),
                value,
            },
            None => Hole { shown: None, words, value },
        })
    }
}

fn has_no(what: &str) -> String {
    format!("{what} has no counterpart")
}

/// Without blanks at the beginning and the end, and without empty text.
fn trimmed(mut pieces: Vec<Piece>) -> Vec<Piece> {
    let is_blank = |piece: &Piece| matches!(piece, Piece::Text(text) if text.trim().is_empty());
    while pieces.first().is_some_and(is_blank) {
        pieces.remove(0);
    }
    while pieces.last().is_some_and(is_blank) {
        pieces.pop();
    }
    if let Some(Piece::Text(text)) = pieces.first_mut() {
        *text = text.trim_start().to_owned();
    }
    if let Some(Piece::Text(text)) = pieces.last_mut() {
        *text = text.trim_end().to_owned();
    }
    pieces
}

/// Pieces as one value: what reads as a number or as true or false is one.
fn one(pieces: Vec<Piece>) -> Hole {
    match pieces.as_slice() {
        [] => return Hole { value: "''".to_owned(), shown: None, words: Some(vec![(None, String::new())]) },
        [Piece::Text(text)] => {
            let value = match text.as_str() {
                "true" | "True" => "true".to_owned(),
                "false" | "False" => "false".to_owned(),
                number if number.parse::<f64>().is_ok_and(f64::is_finite) => number.to_owned(),
                _ => quoted(text),
            };
            return Hole { value, shown: None, words: Some(vec![(None, text.clone())]) };
        }
        _ => {}
    }
    if let [Piece::Hole(_)] = pieces.as_slice() {
        return match pieces.into_iter().next() {
            Some(Piece::Hole(hole)) => hole,
            _ => one(Vec::new()),
        };
    }
    let parts = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => quoted(text),
        Piece::Hole(hole) => format!("({})", hole.shown.as_ref().unwrap_or(&hole.value)),
    });
    Hole { value: parts.collect::<Vec<_>>().join(" ~ "), shown: None, words: None }
}

/// One of two values.
fn chosen(test: &str, then: Hole, otherwise: Hole) -> Hole {
    let value =
        |hole: &Hole| if hole.value.contains(" if ") { format!("({})", hole.value) } else { hole.value.clone() };
    let shown = |hole: &Hole| hole.shown.clone().map_or_else(|| value(hole), |shown| format!("({shown})"));
    let made = format!("{} if {test} else {}", value(&then), value(&otherwise));
    let sentence = format!("{} if {test} else {}", shown(&then), shown(&otherwise));
    let words = then.words.zip(otherwise.words).and_then(|(then, otherwise)| match then.as_slice() {
        [(None, word)] => Some(std::iter::once((Some(test.to_owned()), word.clone())).chain(otherwise).collect()),
        _ => None,
    });
    Hole { shown: (sentence != made).then_some(sentence), value: made, words }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::home_assistant::Unmapped;

    fn told(template: &str) -> String {
        let mut entities = Entities::new(&Unmapped);
        entities.set_off_by(vec![("light.hall".to_owned(), None)]);
        text(template, &entities).unwrap_or_else(|error| format!("error: {error}"))
    }

    #[test]
    fn templates_become_expressions() {
        let mut wrong = Vec::new();
        for (template, ours) in [
            ("{{ states('sensor.a') | float > 3 }}", "${ float(value('sensor-a/value')) > 3 }"),
            ("{{ states('sensor.a') | float(0) }}", "${ float(value('sensor-a/value', 0)) }"),
            ("{{ is_state('light.b', 'on') }}", "${ (value('light-b/on', none) == true) }"),
            ("{{ not is_state('light.b', 'unavailable') }}", "${ not ((value('light-b/on', none) == none)) }"),
            (
                "{{ is_state('cover.c', ['open', 'opening']) }}",
                "${ (value('cover-c/open', none) in [true, 'opening']) }",
            ),
            ("{{ states.light.b.state == 'off' }}", "${ value('light-b/on', none) == false }"),
            (
                "{{ states('sensor.a') in ['unknown', 'unavailable'] }}",
                "${ value('sensor-a/value', none) in [none, none] }",
            ),
            ("{{ state_attr('climate.d', 'current_temperature') }}", "${ value('climate-d/temperature') }"),
            ("{{ state_attr('light.b', 'brightness') > 100 }}", "${ (value('light-b/brightness') * 2.55) > 100 }"),
            ("{{ trigger.to_state.state == 'on' }}", "${ trigger.value == true }"),
            ("{{ trigger.from_state.state not in ['unknown'] }}", "${ not (trigger.previous in [none]) }"),
            ("It is {{ trigger.to_state.state }}!", "It is ${ 'on' if trigger.value else 'off' }!"),
            ("{{ is_state('sun.sun', 'below_horizon') }}", "${ (not sun.up) }"),
            ("{{ state_attr('sun.sun', 'elevation') < 4 }}", "${ sun.elevation < 4 }"),
            ("{{ now().hour < 8 and now().weekday() < 5 }}", "${ (now.hour < 8) and ((now.weekday_number - 1) < 5) }"),
            ("{{ now().strftime('%H:%M') == '07:30' }}", "${ now.clock == '07:30' }"),
            ("{{ now() > today_at('21:30') }}", "${ now.minute_of_day > minute_of_day('21:30') }"),
            ("{{ (now() - states.light.b.last_changed).total_seconds() > 300 }}", "${ since('light-b/on') > 300 }"),
            (
                "{{ now() - states.light.b.last_changed > timedelta(minutes=5, seconds=1) }}",
                "${ since('light-b/on') > 301 }",
            ),
            (
                "{{ as_timestamp(now()) - as_timestamp(states.light.b.last_updated) > 60 }}",
                "${ (age('light-b/on')) > 60 }",
            ),
            ("{{ iif(is_state('light.b', 'on'), 1, 2) }}", "${ 1 if (value('light-b/on', none) == true) else 2 }"),
            (
                "{% if is_state('light.b', 'on') %}40{% else %}5{% endif %}",
                "${ 40 if (value('light-b/on', none) == true) else 5 }",
            ),
            (
                "{% set t = states('sensor.a') | float %} {% if t > 30 %} hot {% elif t > 20 %} warm {% else %} cold {% endif %}",
                "${ 'hot' if ((float(value('sensor-a/value'))) > 30) else ('warm' if ((float(value('sensor-a/value'))) > 20) else 'cold') }",
            ),
            ("{{ [states('sensor.a') | int, 5] | max }}", "${ max([int(value('sensor-a/value')), 5]) }"),
            (
                "{{ (states('sensor.a') | float) | multiply(2) | round(0, 'floor') }}",
                "${ floor((float(value('sensor-a/value')) * 2)) }",
            ),
            ("{{ states('input_datetime.a')[0:5] }}", "error: maps and slices have no counterpart"),
            ("{% for x in y %}{% endfor %}", "error: a loop ({% for … %}) has no counterpart"),
            ("{{ trigger.to_state.attributes.brightness }}", "${ (value('light-hall/brightness') * 2.55) }"),
            ("costs ${5}", "costs $${5}"),
        ] {
            let told = told(template);
            if told != ours {
                wrong.push(format!("{template}\n  {told}\n  not {ours}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn services_that_are_chosen_are_told_one_by_one() {
        let entities = Entities::new(&Unmapped);
        let told = |template: &str| alternatives(template, &entities).unwrap();
        let on = "(value('light-b/on', none) == true)".to_owned();
        let both = vec![(Some(on.clone()), "light.turn_off".to_owned()), (None, "light.turn_on".to_owned())];
        assert_eq!(told("{{ 'light.turn_off' if is_state('light.b', 'on') else 'light.turn_on' }}"), both);
        assert_eq!(
            told("{% if is_state('light.b', 'on') %} light.turn_off {% else %} light.turn_on {% endif %}"),
            both
        );
        assert_eq!(told("light.turn_{{ 'off' if is_state('light.b', 'on') else 'on' }}"), both);
        assert!(alternatives("light.{{ states('sensor.a') }}", &entities).is_err());
    }
}
