//! Looks up which things and properties are meant, and checks what shall become of them against their models.

mod capability;
mod question;
mod targets;

use model::{DataType, Value};

use crate::amount::{self, Amount, Much, Wanted};
use crate::catalogue::Catalogue;
use crate::clause::{Clause, Noun};
use crate::intent::{Change, Choice, Intent, Reason, Refused, Step, Unclear, What, When};
use crate::lexicon::{Item, Sentence};
use crate::vocabulary::{Quantity, Word};
use crate::{CHOICES_MAX, STEPS_MAX};

use capability::Can;
use targets::Targets;

/// What came of a reading.
pub(crate) struct Resolved {
    pub(crate) intent: Intent,
    pub(crate) refused: Vec<Refused>,
}

/// Why a clause leads to nothing.
pub(crate) type Refusal = Unclear;

pub(crate) fn because(reason: Reason) -> Refusal {
    Unclear { reason, choices: Vec::new() }
}

pub(crate) fn among(reason: Reason, choices: Vec<Choice>) -> Refusal {
    Unclear { reason, choices: choices.into_iter().take(CHOICES_MAX).collect() }
}

/// Makes one intent of all clauses, or says why not.
pub(crate) fn resolve(sentence: &Sentence<'_>, clauses: Vec<Clause>) -> Resolved {
    let mut refused = Vec::new();
    let intent = intent(sentence, clauses, &mut refused).unwrap_or_else(Intent::Unclear);
    Resolved { intent, refused }
}

fn intent(sentence: &Sentence<'_>, mut clauses: Vec<Clause>, refused: &mut Vec<Refused>) -> Result<Intent, Refusal> {
    if clauses.iter().any(|clause| clause.lasting) {
        return Err(because(Reason::Lasting));
    }
    if clauses.iter().any(|clause| clause.bad_time || clause.times > 1) {
        return Err(because(Reason::Time));
    }
    let asking: Vec<bool> = clauses.iter().map(|clause| asks(sentence, clause)).collect();
    if asking.iter().any(|asks| *asks) {
        let [clause] = &clauses[..] else { return Err(because(Reason::Verbs)) };
        if clause.when.is_some_and(|when| when != When::Now) {
            return Err(because(Reason::Time));
        }
        return question::question(sentence, clause).map(Intent::Question);
    }
    if clauses.iter().any(|clause| clause.negated) {
        return Err(because(Reason::Negated));
    }
    spread_time(sentence, &mut clauses)?;
    let mut steps: Vec<Step> = Vec::new();
    for clause in &clauses {
        for step in commands(sentence, clause, refused)? {
            // Said twice is done once; two wishes for one property are a contradiction.
            match steps
                .iter()
                .find(|known| known.thing == step.thing && known.name == step.name && known.when == step.when)
            {
                Some(known) if known.what == step.what => {}
                Some(_) => return Err(because(Reason::Verbs)),
                None => steps.push(step),
            }
        }
    }
    if steps.len() > STEPS_MAX {
        return Err(because(Reason::TooMany));
    }
    if steps.is_empty() {
        let reasons: Vec<String> =
            refused.iter().map(|refused| format!("{}: {}", refused.thing, refused.reason)).collect();
        return Err(because(Reason::Cannot(reasons.join("; "))));
    }
    Ok(Intent::Commands(steps))
}

/// Whether a clause asks for something instead of wishing it.
fn asks(sentence: &Sentence<'_>, clause: &Clause) -> bool {
    let Some(_) = clause.asks else { return false };
    let (start, end) = clause.span;
    let said = sentence.lexemes[start..=end].iter().map(|lexeme| &lexeme.item);
    let first = said.clone().find(|item| **item != Item::Word(Word::Filler));
    let asks_first = matches!(first, Some(Item::Word(Word::Is | Word::What | Word::Which)));
    let wishes = said.clone().any(|item| {
        use Word::{Activate, Brighten, Dim, Dock, Lower, Pause, Raise, Set, Start, Stop, Toggle, TurnOff, TurnOn};
        let wishes = [TurnOn, TurnOff, Set, Activate, Toggle, Start, Stop, Pause, Dock, Dim, Brighten, Raise, Lower];
        matches!(item, Item::Word(word) if wishes.contains(word))
    });
    asks_first || !wishes
}

/// A time at the beginning holds for the whole sentence; one at the end of several wishes could mean the last or all.
fn spread_time(sentence: &Sentence<'_>, clauses: &mut [Clause]) -> Result<(), Refusal> {
    let timed: Vec<usize> = (0..clauses.len()).filter(|at| clauses[*at].when.is_some()).collect();
    let ([only], true) = (&timed[..], clauses.len() > 1) else { return Ok(()) };
    let when = clauses[*only].when;
    let first = sentence.lexemes.iter().find(|lexeme| lexeme.item != Item::Word(Word::Filler));
    let leads = first.is_some_and(|lexeme| matches!(lexeme.item, Item::Time(_) | Item::Word(Word::Now)));
    if leads || when == Some(When::Now) {
        clauses.iter_mut().for_each(|clause| clause.when = when);
        return Ok(());
    }
    let Some(at) = sentence.lexemes.iter().position(|lexeme| matches!(lexeme.item, Item::Time(_))) else {
        return Ok(());
    };
    let (time, rest) = (sentence.said((at, at)), sentence.with((at, at), ""));
    let all = Choice { text: format!("{time} {}", rest.trim()), words: format!("{time}: {}", rest.trim()) };
    let now = match sentence.language {
        crate::Language::English => "now",
        crate::Language::Korean => "지금",
    };
    let parts = clauses.iter().enumerate().map(|(at, clause)| {
        let said = sentence.said(clause.span);
        if at == *only { said.to_owned() } else { format!("{said} {now}") }
    });
    let parts: Vec<String> = parts.collect();
    let joined = parts.join(if sentence.language == crate::Language::English { " and " } else { " 그리고 " });
    Err(among(Reason::TimeScope, vec![all, Choice { text: joined.clone(), words: joined }]))
}

fn commands(sentence: &Sentence<'_>, clause: &Clause, refused: &mut Vec<Refused>) -> Result<Vec<Step>, Refusal> {
    if let Some(scene) = clause.scene {
        return scene_steps(sentence, clause, scene, refused);
    }
    let verb = clause.verbs.first().copied().filter(|_| clause.verbs.len() == 1);
    if clause.verbs.len() < 2
        && let Some(choice) = chosen(sentence, clause, verb)?
    {
        return Ok(choice);
    }
    if let Some(span) = clause.unknown.first() {
        return Err(because(Reason::Unknown(sentence.said(*span).to_owned())));
    }
    if clause.verbs.len() > 1 {
        return Err(because(Reason::Verbs));
    }
    if clause.amounts.len() > 1 {
        return Err(because(Reason::HowMuch));
    }
    let amount = clause.amounts.first().copied();
    match (verb, amount) {
        (_, Some(amount)) => amounts(sentence, clause, verb, amount, refused),
        (Some(Word::Set | Word::Dim | Word::Brighten | Word::Warmer | Word::Cooler), None) => {
            Err(how_much(sentence, clause, verb))
        }
        (Some(verb), None) => acts(sentence, clause, Can::Verb(verb), refused),
        (None, None) => match &clause.action {
            Some(action) => acts(sentence, clause, Can::Action(action.clone()), refused),
            None if clause.nouns.is_empty() && clause.wanted == Wanted::default() => Err(because(Reason::NoVerb)),
            None => Err(because(Reason::NoVerb)),
        },
    }
}

fn scene_steps(
    sentence: &Sentence<'_>,
    clause: &Clause,
    scene: usize,
    refused: &mut Vec<Refused>,
) -> Result<Vec<Step>, Refusal> {
    let other =
        clause.verbs.iter().any(|verb| !matches!(verb, Word::TurnOn | Word::Activate | Word::Start | Word::Set));
    if let Some(span) = clause.unknown.first() {
        return Err(because(Reason::Unknown(sentence.said(*span).to_owned())));
    }
    if other || !clause.nouns.is_empty() || !clause.amounts.is_empty() {
        return Err(because(Reason::Cannot(sentence.catalogue.scenes[scene].title.clone())));
    }
    let catalogue = sentence.catalogue;
    let mut steps = Vec::new();
    for (thing, name, value) in &catalogue.scenes[scene].sets {
        let Some(known) = catalogue.things.iter().find(|known| known.id == *thing) else {
            refused.push(Refused {
                thing: thing.clone(),
                name: name.clone(),
                reason: "it is not there any more".to_owned(),
            });
            continue;
        };
        match known.model.check_write(name, value.clone()) {
            Ok(value) => steps.push(Step {
                thing: thing.clone(),
                name: name.clone(),
                what: What::Write(Change::To(value)),
                when: clause.when.unwrap_or_default(),
                hold: false,
            }),
            Err(error) => refused.push(Refused { thing: thing.clone(), name: name.clone(), reason: error.to_string() }),
        }
    }
    Ok(steps)
}

/// `set the heating to auto`: words that mean nothing else but are one of the choices of a property.
fn chosen(sentence: &Sentence<'_>, clause: &Clause, verb: Option<Word>) -> Result<Option<Vec<Step>>, Refusal> {
    let [span] = &clause.unknown[..] else { return Ok(None) };
    if !matches!(verb, None | Some(Word::Set | Word::TurnOn | Word::Start)) || clause.nouns.is_empty() {
        return Ok(None);
    }
    let said = crate::words::name_words(sentence.said(*span)).join(" ");
    let catalogue = sentence.catalogue;
    let choices = |thing: usize| -> Vec<(model::Name, Value)> {
        let properties = catalogue.things[thing].model.properties.iter();
        let writable = properties.filter(|(name, model)| {
            let named = clause.wanted.property.as_ref().is_none_or(|called| amount::is_called(name, model, called));
            model.writable && model.data_type == DataType::String && named
        });
        let fitting = writable.filter_map(|(name, model)| {
            let is_said = |choice: &&Value| matches!(choice, Value::Text(text) if crate::words::name_words(text).join(" ") == said);
            model.choices.iter().find(is_said).map(|choice| (name.clone(), choice.clone()))
        });
        fitting.collect()
    };
    let fits = |thing: usize| !choices(thing).is_empty();
    let targets = match targets::targets(sentence, clause, &fits) {
        Ok(targets) => targets,
        Err(unclear) if unclear.reason == Reason::Which && clause.nouns.iter().all(Noun::has_head) => {
            return Err(unclear);
        }
        Err(_) => return Ok(None),
    };
    let mut steps = Vec::new();
    for thing in targets.things {
        let found = choices(thing);
        let [(name, value)] = &found[..] else { return Err(because(Reason::WhichProperty)) };
        steps.push(Step {
            thing: catalogue.things[thing].id.clone(),
            name: name.clone(),
            what: What::Write(Change::To(value.clone())),
            when: clause.when.unwrap_or_default(),
            hold: false,
        });
    }
    Ok(Some(steps))
}

/// What is done to each target by a verb or an action.
fn acts(sentence: &Sentence<'_>, clause: &Clause, can: Can, refused: &mut Vec<Refused>) -> Result<Vec<Step>, Refusal> {
    let catalogue = sentence.catalogue;
    if clause.wanted.quantity.is_some() {
        return Err(how_much(sentence, clause, clause.verbs.first().copied()));
    }
    let everything = clause.nouns.iter().any(|noun| noun.all && noun.means_everything());
    let ways = |thing: usize| {
        let mut ways = capability::ways(&catalogue.things[thing], &can);
        // To turn everything off is to switch it off, and not to stop what moves.
        ways.retain(|way| !everything || matches!(way.what, What::Write(_)));
        if let Some(called) = &clause.wanted.property {
            ways.retain(|way| crate::words::name_words(&way.words).join(" ") == *called || way.is_called(called));
        }
        ways
    };
    let fits = |thing: usize| !ways(thing).is_empty();
    let Targets { things, named } = targets::targets(sentence, clause, &fits)?;
    let mut steps = Vec::new();
    for thing in things {
        let known = &catalogue.things[thing];
        match &ways(thing)[..] {
            [way] => steps.push(Step {
                thing: known.id.clone(),
                name: way.name.clone(),
                what: way.what.clone(),
                when: clause.when.unwrap_or_default(),
                hold: way.hold,
            }),
            [] => {}
            several if named => {
                let words = several.iter().map(|way| way.words.clone());
                let choices = words.map(|words| property_choice(sentence, clause, &words)).collect();
                return Err(among(Reason::WhichProperty, choices));
            }
            several => {
                let names: Vec<&str> = several.iter().map(|way| way.words.as_str()).collect();
                refused.push(Refused {
                    thing: known.id.clone(),
                    name: several[0].name.clone(),
                    reason: format!("it is not clear which of {} is meant", names.join(", ")),
                });
            }
        }
    }
    Ok(steps)
}

/// A sentence that names the property.
fn property_choice(sentence: &Sentence<'_>, clause: &Clause, words: &str) -> Choice {
    let noun = &clause.nouns[0];
    let said = sentence.said(noun.span);
    Choice { text: sentence.with(noun.span, &format!("{said} {words}")), words: format!("{said}: {words}") }
}

/// Which way a verb goes; `None` when it does not say.
fn sign(verb: Option<Word>) -> Option<f64> {
    match verb? {
        Word::Raise | Word::Brighten | Word::Warmer => Some(1.0),
        Word::Lower | Word::Dim | Word::Cooler => Some(-1.0),
        _ => None,
    }
}

fn wanted(clause: &Clause, verb: Option<Word>) -> Wanted {
    let mut wanted = clause.wanted.clone();
    if wanted.quantity.is_none() && wanted.property.is_none() {
        wanted.quantity = match verb {
            Some(Word::Dim | Word::Brighten) => Some(Quantity::Brightness),
            Some(Word::Warmer | Word::Cooler) => Some(Quantity::Temperature),
            _ => None,
        };
    }
    wanted
}

fn amounts(
    sentence: &Sentence<'_>,
    clause: &Clause,
    verb: Option<Word>,
    amount: Amount,
    refused: &mut Vec<Refused>,
) -> Result<Vec<Step>, Refusal> {
    let catalogue = sentence.catalogue;
    let fixed = matches!(amount.much, Much::Maximum | Much::Minimum);
    let is_difference = match (amount.is_value, verb) {
        _ if fixed => false,
        (Some(is_value), _) => !is_value,
        (None, Some(Word::Raise | Word::Lower | Word::Warmer | Word::Cooler)) => true,
        (None, Some(Word::Dim | Word::Brighten)) => return Err(to_or_by(sentence, clause)),
        (None, _) => false,
    };
    let sign = match (sign(verb), verb) {
        (Some(sign), _) => sign,
        (None, None | Some(Word::Set)) => 1.0,
        // `turn on the lamp at 30 %`, `open the blind to 50 %`.
        (None, Some(Word::TurnOn | Word::Open | Word::Close)) if !is_difference => 1.0,
        (None, Some(_)) => return Err(because(Reason::Verbs)),
    };
    let mut wanted = wanted(clause, verb);
    if matches!(verb, Some(Word::Open | Word::Close)) && wanted == (Wanted { unit: wanted.unit, ..Wanted::default() }) {
        wanted.quantity = Some(Quantity::Position);
    }
    let fits = |thing: usize| !amount::properties(&catalogue.things[thing].model, &wanted, true).is_empty();
    let in_room = targets::by_place(sentence, clause, &wanted, &fits);
    let Targets { things, named } = in_room.unwrap_or_else(|| targets::targets(sentence, clause, &fits))?;
    let mut steps = Vec::new();
    for thing in things {
        let known = &catalogue.things[thing];
        let properties = amount::properties(&known.model, &wanted, true);
        let [(name, model)] = &properties[..] else {
            if named && !properties.is_empty() {
                let titles = properties.iter().map(|(name, model)| capability::title(name, model));
                let choices = titles.map(|title| property_choice(sentence, clause, &title));
                return Err(among(Reason::WhichProperty, choices.collect()));
            }
            continue;
        };
        let checked = amount::change(amount, model, is_difference, sign).and_then(|change| match change {
            Change::To(value) => {
                known.model.check_write(name, value).map(Change::To).map_err(|error| error.to_string())
            }
            by @ Change::By(_) => Ok(by),
        });
        // `turn it on at 40 %` is two wishes.
        if let ([way], Some(Word::TurnOn), true) =
            (&capability::ways(known, &Can::Verb(Word::TurnOn))[..], verb, checked.is_ok())
        {
            let (thing, name, what) = (known.id.clone(), way.name.clone(), way.what.clone());
            steps.push(Step { thing, name, what, when: clause.when.unwrap_or_default(), hold: way.hold });
        }
        match checked {
            Ok(change) => steps.push(Step {
                thing: known.id.clone(),
                name: (*name).clone(),
                what: What::Write(change),
                when: clause.when.unwrap_or_default(),
                hold: false,
            }),
            Err(reason) => refused.push(Refused { thing: known.id.clone(), name: (*name).clone(), reason }),
        }
    }
    Ok(steps)
}

fn to_or_by(sentence: &Sentence<'_>, clause: &Clause) -> Refusal {
    let (start, end) = clause.span;
    let at = (start..=end).find(|at| matches!(sentence.lexemes[*at].item, Item::Number(_)));
    let Some(at) = at else { return because(Reason::HowMuch) };
    let said = sentence.said((at, at)).to_owned();
    let choice = |text: String| Choice { words: text.clone(), text };
    let choices = match sentence.language {
        crate::Language::English => {
            ["to", "by"].map(|word| choice(sentence.with((at, at), &format!("{word} {said}")))).to_vec()
        }
        crate::Language::Korean => {
            let unit =
                if matches!(sentence.lexemes.get(at + 1).map(|lexeme| &lexeme.item), Some(Item::Word(Word::Unit(_)))) {
                    at + 1
                } else {
                    at
                };
            let said = sentence.said((at, unit)).to_owned();
            ["로", "만큼"].map(|word| choice(sentence.with((at, unit), &format!("{said}{word}")))).to_vec()
        }
    };
    among(Reason::HowMuch, choices)
}

/// Asks for a number, with some that are usual.
fn how_much(sentence: &Sentence<'_>, clause: &Clause, verb: Option<Word>) -> Refusal {
    if let Some(span) = clause.unknown.first() {
        return because(Reason::Unknown(sentence.said(*span).to_owned()));
    }
    if clause.nouns.is_empty() && clause.wanted == Wanted::default() {
        return because(Reason::NoTarget);
    }
    let numbers: &[&str] = match verb {
        Some(Word::Dim | Word::Brighten) => &["to 10 %", "to 30 %", "to 60 %"],
        Some(Word::Warmer | Word::Cooler) => &["by 1 degree", "by 2 degrees"],
        _ => &[],
    };
    if sentence.language == crate::Language::Korean {
        return because(Reason::HowMuch);
    }
    let (_, end) = clause.span;
    let said = sentence.said((clause.span.0, end)).trim_end_matches(['?', ' ']).to_owned();
    let choices = numbers.iter().map(|number| Choice { text: format!("{said} {number}"), words: (*number).to_owned() });
    among(Reason::HowMuch, choices.collect())
}

/// What people call a thing.
pub(crate) fn title(catalogue: &Catalogue, thing: usize) -> &str {
    &catalogue.things[thing].title
}
