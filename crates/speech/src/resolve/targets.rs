//! Which things are meant.

use model::SpaceId;

use super::{Refusal, among, because, title};
use crate::STEPS_MAX;
use crate::amount::Wanted;
use crate::catalogue::Thing;
use crate::clause::{Clause, Noun, Sort};
use crate::intent::{Choice, Language, Reason};
use crate::lexicon::Sentence;
use crate::vocabulary::{GENERIC_KINDS, Kind, NOT_AMBIENT, NOT_EVERYTHING, Quantity};
use crate::words::name_words;

/// The things of a clause.
#[derive(Debug)]
pub(crate) struct Targets {
    pub(crate) things: Vec<usize>,
    /// Whether one thing was named, and not several things at once.
    pub(crate) named: bool,
}

fn kind_words(thing: &Thing) -> Vec<String> {
    name_words(&thing.model.kind)
}

/// Whether a thing is of a sort.
pub(crate) fn is_of(thing: &Thing, kind: Kind) -> bool {
    if kind == Kind::Thing {
        return true;
    }
    let words = kind_words(thing);
    if words.iter().any(|word| kind.kinds().contains(&word.as_str())) {
        return true;
    }
    let says_nothing = words.iter().all(|word| GENERIC_KINDS.contains(&word.as_str()));
    says_nothing && name_words(&thing.title).iter().any(|word| kind.titles().contains(&word.as_str()))
}

fn has_sort(thing: &Thing, sort: &Sort) -> bool {
    match sort {
        Sort::Known(kind) => is_of(thing, *kind),
        Sort::Model(kind) => thing.model.kind == *kind,
    }
}

/// Whether a thing is what "everything" means.
fn is_everything(thing: &Thing) -> bool {
    !kind_words(thing).iter().any(|word| NOT_EVERYTHING.contains(&word.as_str()))
}

/// Whether a thing measures the room it stands in.
pub(crate) fn is_ambient(thing: &Thing) -> bool {
    !kind_words(thing).iter().any(|word| NOT_AMBIENT.contains(&word.as_str()))
}

/// Whether a thing stands where a noun says.
fn stands(sentence: &Sentence<'_>, noun: &Noun, thing: usize) -> bool {
    let here = if noun.spaces.is_empty() && noun.things.is_empty() { sentence.here } else { None };
    here.is_none_or(|here| sentence.catalogue.is_within(thing, here))
        && noun.spaces.iter().all(|spaces| spaces.iter().any(|space| sentence.catalogue.is_within(thing, *space)))
}

/// A place of which there are several is no place yet.
fn known_places(sentence: &Sentence<'_>, noun: &Noun) -> Result<(), Refusal> {
    let Some(several) = noun.spaces.iter().find(|spaces| spaces.len() > 1) else { return Ok(()) };
    if noun.all || noun.plural {
        return Ok(());
    }
    let choice = |space: &usize| {
        let space = &sentence.catalogue.spaces[*space];
        let head = noun.head.map(|head| format!(" {}", sentence.said(head))).unwrap_or_default();
        Choice {
            text: sentence.with(noun.span, &format!("{}{head}", space.id)),
            words: format!("{} ({})", space.title, space.id),
        }
    };
    Err(among(Reason::Which, several.iter().map(choice).collect()))
}

/// What is left out.
fn is_excepted(sentence: &Sentence<'_>, clause: &Clause, thing: usize) -> bool {
    clause.except.iter().any(|noun| {
        let place =
            noun.spaces.iter().all(|spaces| spaces.iter().any(|space| sentence.catalogue.is_within(thing, *space)));
        let head = noun.things.contains(&thing)
            || noun.sorts.iter().any(|sort| has_sort(&sentence.catalogue.things[thing], sort));
        place && (head || (!noun.has_head() && !noun.spaces.is_empty()))
    })
}

/// The things that a noun means and that fit, before it is asked whether that is clear.
fn candidates(sentence: &Sentence<'_>, noun: &Noun, fits: &dyn Fn(usize) -> bool) -> Vec<usize> {
    let catalogue = sentence.catalogue;
    if !noun.things.is_empty() {
        return noun
            .things
            .iter()
            .copied()
            .filter(|thing| stands(sentence, noun, *thing) || noun.spaces.is_empty())
            .collect();
    }
    let all = (0..catalogue.things.len()).filter(|at| {
        let thing = &catalogue.things[*at];
        (noun.sorts.is_empty() || noun.sorts.iter().all(|sort| has_sort(thing, sort)))
            && (!noun.means_everything() || is_everything(thing))
    });
    all.filter(|thing| stands(sentence, noun, *thing) && fits(*thing)).collect()
}

/// The things of all nouns of a clause that fit, or why that is not clear.
pub(crate) fn targets(
    sentence: &Sentence<'_>,
    clause: &Clause,
    fits: &dyn Fn(usize) -> bool,
) -> Result<Targets, Refusal> {
    if clause.nouns.is_empty() {
        return Err(because(Reason::NoTarget));
    }
    let (mut things, mut single) = (Vec::new(), clause.nouns.len() == 1);
    for noun in &clause.nouns {
        known_places(sentence, noun)?;
        if !noun.has_head() && !noun.all {
            return Err(of_place(sentence, noun));
        }
        let found = of_noun(sentence, clause, noun, fits)?;
        if found.len() > STEPS_MAX {
            return Err(because(Reason::TooMany));
        }
        single &= found.len() == 1 && !noun.all;
        for thing in found {
            if !things.contains(&thing) {
                things.push(thing);
            }
        }
    }
    things.retain(|thing| !is_excepted(sentence, clause, *thing));
    if things.is_empty() {
        return Err(because(Reason::Nothing(sentence.said(clause.span).to_owned())));
    }
    Ok(Targets { things, named: single })
}

fn of_noun(
    sentence: &Sentence<'_>,
    clause: &Clause,
    noun: &Noun,
    fits: &dyn Fn(usize) -> bool,
) -> Result<Vec<usize>, Refusal> {
    let catalogue = sentence.catalogue;
    let said = || sentence.said(noun.span).to_owned();
    let found = candidates(sentence, noun, fits);
    if noun.things.is_empty() {
        let many = noun.all || noun.plural || (sentence.language == Language::Korean && !noun.spaces.is_empty());
        let left = found.iter().filter(|thing| !is_excepted(sentence, clause, **thing)).count();
        return match found.len() {
            0 if has_any(sentence, noun) => Err(because(Reason::Cannot(said()))),
            0 => Err(because(Reason::Nothing(said()))),
            _ if many || left <= 1 || !clause.except.is_empty() => Ok(found),
            _ => Err(which(sentence, noun, &found)),
        };
    }
    let able: Vec<usize> = found.iter().copied().filter(|thing| fits(*thing)).collect();
    match (&found[..], &able[..]) {
        ([], _) => Err(because(Reason::Nothing(said()))),
        (_, [only]) => Ok(vec![*only]),
        (_, []) => {
            // `lock the front door`: the lock of it is a thing of its own.
            let own: Vec<String> = name_words(title(catalogue, found[0]));
            let longer = (0..catalogue.things.len()).filter(|at| {
                let words = name_words(title(catalogue, *at));
                words.len() > own.len() && words.starts_with(&own) && fits(*at)
            });
            let longer: Vec<usize> = longer.collect();
            match &longer[..] {
                [] => Err(because(Reason::Cannot(said()))),
                [only] => Ok(vec![*only]),
                several => Err(which(sentence, noun, several)),
            }
        }
        _ if noun.all || noun.plural => Ok(able),
        _ => Err(which(sentence, noun, &able)),
    }
}

/// Whether there is anything of what a noun names, although it cannot do what is wished.
fn has_any(sentence: &Sentence<'_>, noun: &Noun) -> bool {
    !candidates(sentence, noun, &|_| true).is_empty()
}

/// The noun with each of some things in its place.
fn which(sentence: &Sentence<'_>, noun: &Noun, things: &[usize]) -> Refusal {
    let span = noun.head.filter(|_| noun.things.is_empty() && noun.spaces.is_empty()).unwrap_or(noun.span);
    let choice = |thing: &usize| Choice {
        text: sentence.with(span, &sentence.catalogue.said(*thing)),
        words: place_of(sentence, *thing),
    };
    let mut choices: Vec<Choice> = things.iter().take(crate::CHOICES_MAX - 1).map(choice).collect();
    let head = noun.head.unwrap_or(noun.span);
    let all = match sentence.language {
        Language::English => sentence.with(head, &format!("all {}", plural(sentence.said(head)))),
        Language::Korean => sentence.with(head, &format!("{} 모두", sentence.said(head))),
    };
    if noun.things.is_empty() {
        let words = if sentence.language == Language::Korean {
            format!("모두 ({})", things.len())
        } else {
            format!("all {}", things.len())
        };
        choices.push(Choice { text: all, words });
    }
    among(Reason::Which, choices)
}

fn plural(word: &str) -> String {
    let folded = word.to_lowercase();
    if folded.ends_with("ing") {
        return word.to_owned();
    }
    if folded.ends_with('s') || folded.ends_with("sh") || folded.ends_with("ch") || folded.ends_with('x') {
        format!("{word}es")
    } else {
        format!("{word}s")
    }
}

/// A thing and where it stands.
fn place_of(sentence: &Sentence<'_>, thing: usize) -> String {
    let known = &sentence.catalogue.things[thing];
    let space = known.space.as_ref().and_then(|space: &SpaceId| sentence.catalogue.space(space));
    match space {
        Some(space) => format!("{} ({})", known.title, sentence.catalogue.spaces[space].title),
        None => known.title.clone(),
    }
}

/// `turn on the kitchen`: of a place alone it is open what is meant.
fn of_place(sentence: &Sentence<'_>, noun: &Noun) -> Refusal {
    let said = sentence.said(noun.span);
    let sentences = match sentence.language {
        Language::English => [format!("all lights in {said}"), format!("everything in {said}")],
        Language::Korean => [format!("{said} 불 모두"), format!("{said} 모든것")],
    };
    let choices = sentences.map(|words| Choice { text: sentence.with(noun.span, &words), words });
    among(Reason::Which, choices.into())
}

/// `set the living room to 21 degrees`: a place alone means what makes the temperature in it. `None` when something else
/// than places was named.
pub(crate) fn by_place(
    sentence: &Sentence<'_>,
    clause: &Clause,
    wanted: &Wanted,
    fits: &dyn Fn(usize) -> bool,
) -> Option<Result<Targets, Refusal>> {
    use crate::vocabulary::UnitWord::{Celsius, Degrees, Fahrenheit};
    let warmth =
        wanted.quantity == Some(Quantity::Temperature) || matches!(wanted.unit, Some(Degrees | Celsius | Fahrenheit));
    let places = clause.nouns.iter().all(|noun| !noun.has_head());
    if !places || !(warmth || wanted.quantity.is_some()) || (clause.nouns.is_empty() && sentence.here.is_none()) {
        return None;
    }
    if let Some(unclear) = clause.nouns.iter().find_map(|noun| known_places(sentence, noun).err()) {
        return Some(Err(unclear));
    }
    let catalogue = sentence.catalogue;
    let nowhere = [Noun::default()];
    let nouns = if clause.nouns.is_empty() { &nowhere[..] } else { &clause.nouns[..] };
    let found = (0..catalogue.things.len()).filter(|thing| {
        let known = &catalogue.things[*thing];
        let makes = if warmth { is_ambient(known) } else { true };
        makes
            && fits(*thing)
            && nouns.iter().any(|noun| stands(sentence, noun, *thing))
            && !is_excepted(sentence, clause, *thing)
    });
    let things: Vec<usize> = found.collect();
    if things.len() > STEPS_MAX {
        return Some(Err(because(Reason::TooMany)));
    }
    let Some(first) = things.first() else {
        return Some(Err(because(Reason::Nothing(sentence.said(clause.span).to_owned()))));
    };
    let kind = &catalogue.things[*first].model.kind;
    if things.iter().any(|thing| catalogue.things[*thing].model.kind != *kind) {
        let noun = clause.nouns.first();
        return Some(Err(noun.map_or_else(
            || because(Reason::Which),
            |noun| {
                let choice = |thing: &usize| Choice {
                    text: sentence.with(noun.span, &catalogue.said(*thing)),
                    words: place_of(sentence, *thing),
                };
                among(Reason::Which, things.iter().map(choice).collect())
            },
        )));
    }
    Some(Ok(Targets { named: things.len() == 1, things }))
}

/// The things that a question is about: all that fit, since telling does no harm.
pub(crate) fn asked(sentence: &Sentence<'_>, clause: &Clause, fits: &dyn Fn(usize) -> bool) -> Vec<usize> {
    let catalogue = sentence.catalogue;
    let nowhere = [Noun::default()];
    let nouns = if clause.nouns.is_empty() { &nowhere[..] } else { &clause.nouns[..] };
    let means = |thing: usize| {
        nouns.iter().any(|noun| {
            let head = noun.things.contains(&thing)
                || (noun.things.is_empty() && noun.sorts.iter().all(|sort| has_sort(&catalogue.things[thing], sort)));
            head && (stands(sentence, noun, thing) || (noun.spaces.is_empty() && !noun.things.is_empty()))
        })
    };
    let found = (0..catalogue.things.len())
        .filter(|thing| means(*thing) && fits(*thing) && !is_excepted(sentence, clause, *thing));
    found.collect()
}
