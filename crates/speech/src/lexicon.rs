//! Finds what each run of tokens can mean, and tries readings of a sentence in order: without names that hold words of the
//! grammar, then with them, then with names that are nearly right.

use model::SpaceId;

use crate::catalogue::{Catalogue, Named};
use crate::clause::{self, Clause};
use crate::fuzzy;
use crate::intent::{Choice, Guess, Intent, Language, Reason, Unclear, Understanding};
use crate::korean;
use crate::numbers;
use crate::resolve::{self, Resolved};
use crate::times;
use crate::vocabulary::Word;
use crate::words::{Token, is_hangul, name_words, tokens};
use crate::{CHOICES_MAX, TEXT_CHARACTERS_MAX, TOKENS_MAX};

/// How often a word may be taken for a name that is nearly right.
const GUESSES_MAX: usize = 3;

/// The longest name that is looked for among names that are nearly right, in words.
const GUESSED_WORDS_MAX: usize = 4;

/// What a run of tokens means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    Word(Word),
    Named(Vec<Named>),
    Number(f64),
    Time(times::Found),
    Unknown,
}

/// A run of tokens with what it means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lexeme {
    pub(crate) item: Item,
    pub(crate) plural: bool,
    /// The first token, and the one after the last.
    pub(crate) tokens: (usize, usize),
}

/// A sentence with everything that belongs to one reading of it.
pub(crate) struct Sentence<'a> {
    pub(crate) text: &'a str,
    pub(crate) tokens: Vec<Token>,
    pub(crate) lexemes: Vec<Lexeme>,
    pub(crate) language: Language,
    pub(crate) catalogue: &'a Catalogue,
    /// Where whoever asks is, when nothing else is said.
    pub(crate) here: Option<usize>,
}

impl Sentence<'_> {
    /// Where some lexemes stand in the text, in bytes.
    pub(crate) fn range(&self, (first, last): (usize, usize)) -> (usize, usize) {
        let (start, _) = self.lexemes[first].tokens;
        let (_, end) = self.lexemes[last].tokens;
        (self.tokens[start].start, self.tokens[end - 1].end)
    }

    /// The text with other words for some lexemes.
    pub(crate) fn with(&self, span: (usize, usize), words: &str) -> String {
        let (start, end) = self.range(span);
        let before = &self.text[..start];
        let names_all = words.starts_with("all ") || words.starts_with("everything");
        let before = before.strip_suffix("the ").filter(|_| names_all).unwrap_or(before);
        format!("{before}{words}{}", &self.text[end..])
    }

    /// The words of some lexemes as they were said.
    pub(crate) fn said(&self, span: (usize, usize)) -> &str {
        let (start, end) = self.range(span);
        &self.text[start..end]
    }
}

/// A name that stands for what was said nearly so, from one token to another.
struct Override {
    tokens: (usize, usize),
    named: Vec<Named>,
}

/// What somebody wants who says `text`, and is in the space `here`.
pub fn understand(text: &str, catalogue: &Catalogue, here: Option<&SpaceId>) -> Understanding {
    let language = Language::of(text);
    let unclear = |reason: Reason| Understanding {
        language,
        intent: Intent::Unclear(Unclear { reason, choices: Vec::new() }),
        guesses: Vec::new(),
        refused: Vec::new(),
    };
    if text.chars().count() > TEXT_CHARACTERS_MAX {
        return unclear(Reason::TooLong);
    }
    let here = here.and_then(|here| catalogue.space(here));
    let tokens = cut(tokens(text), catalogue);
    if tokens.is_empty() {
        return unclear(Reason::Empty);
    }
    if tokens.len() > TOKENS_MAX {
        return unclear(Reason::TooLong);
    }
    let read = |with_grammar: bool, overrides: &[Override]| {
        let lexemes = lexemes(&tokens, catalogue, with_grammar, overrides);
        Sentence { text, tokens: tokens.clone(), lexemes, language, catalogue, here }
    };
    let plain = read(false, &[]);
    let mut resolved = resolved(&plain);
    // Only what means nothing otherwise may be a name with words of the grammar in it: a title must not turn one sentence
    // into another.
    let senseless = matches!(&resolved.intent, Intent::Unclear(Unclear { reason: Reason::Unknown(_), .. }));
    if senseless && plain.lexemes != read(true, &[]).lexemes {
        let named = self::resolved(&read(true, &[]));
        if !is_unclear(&named) {
            resolved = named;
        }
    }
    let mut guesses = Vec::new();
    let mut overrides: Vec<Override> = Vec::new();
    while let Intent::Unclear(Unclear { reason: Reason::Unknown(_), .. }) = resolved.intent {
        let sentence = read(false, &overrides);
        let Some((span, nearest)) = first_unknown(&sentence) else { break };
        let unique = nearest
            .first()
            .filter(|first| first.2 && nearest.get(1).is_none_or(|second| second.1 > first.1 || !second.2));
        let Some((named, _, _)) = unique.filter(|_| guesses.len() < GUESSES_MAX) else {
            resolved.intent = Intent::Unclear(Unclear {
                reason: Reason::Unknown(
                    sentence.text[span_bytes(&sentence, span).0..span_bytes(&sentence, span).1].to_owned(),
                ),
                choices: instead(&sentence, span, &nearest),
            });
            break;
        };
        let (start, end) = span_bytes(&sentence, span);
        guesses.push(Guess { said: text[start..end].to_owned(), meant: catalogue.called(&named[0]) });
        overrides.push(Override { tokens: span, named: named.clone() });
        resolved = self::resolved(&read(false, &overrides));
    }
    // What could not be made sense of was not guessed at either.
    if is_unclear(&resolved) {
        guesses.clear();
    }
    Understanding { language, intent: resolved.intent, guesses, refused: resolved.refused }
}

fn is_unclear(resolved: &Resolved) -> bool {
    matches!(resolved.intent, Intent::Unclear(_))
}

fn resolved(sentence: &Sentence<'_>) -> Resolved {
    let clauses: Vec<Clause> = clause::clauses(&sentence.lexemes, sentence.language);
    resolve::resolve(sentence, clauses)
}

/// Cuts words in Hangul into what is known.
fn cut(tokens: Vec<Token>, catalogue: &Catalogue) -> Vec<Token> {
    let mut cut = Vec::with_capacity(tokens.len());
    for token in tokens {
        let is_whole = token.quoted || !token.text.chars().all(is_hangul);
        let pieces = if is_whole { None } else { korean::cut(&token.text, &catalogue.pieces) };
        let Some(pieces) = pieces else {
            cut.push(token);
            continue;
        };
        let mut start = token.start;
        for piece in pieces {
            let end = start + piece.len();
            cut.push(Token { text: piece, start, end, quoted: false });
            start = end;
        }
    }
    cut
}

fn lexemes(tokens: &[Token], catalogue: &Catalogue, with_grammar: bool, overrides: &[Override]) -> Vec<Lexeme> {
    let words: Vec<String> = tokens.iter().map(|token| token.text.clone()).collect();
    let mut lexemes = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let given = overrides.iter().find(|given| given.tokens.0 == at);
        let (items, plural, length) = match given {
            Some(given) => (vec![Item::Named(given.named.clone())], false, given.tokens.1 - at),
            None if tokens[at].quoted => (vec![quoted(&words[at], catalogue)], false, 1),
            None => item(tokens, &words, at, catalogue, with_grammar),
        };
        lexemes.extend(items.into_iter().map(|item| Lexeme { item, plural, tokens: (at, at + length) }));
        at += length;
    }
    lexemes
}

/// What stands in quotes is a name and nothing else.
fn quoted(text: &str, catalogue: &Catalogue) -> Item {
    let words = name_words(text);
    let whole = catalogue.name(&words, true).filter(|(_, length)| *length == words.len());
    whole.map_or(Item::Unknown, |(named, _)| Item::Named(named))
}

fn item(
    tokens: &[Token],
    words: &[String],
    at: usize,
    catalogue: &Catalogue,
    with_grammar: bool,
) -> (Vec<Item>, bool, usize) {
    // What stands in quotes further on is never part of a phrase.
    let open = tokens[at..].iter().position(|token| token.quoted).map_or(words.len(), |length| at + length);
    let rest = &words[at..open];
    let name = catalogue.name(rest, with_grammar);
    let time = times::at(&tokens[..open], at);
    if let Some((found, length)) = time
        && name.as_ref().is_none_or(|(_, longest)| *longest <= length)
    {
        return (vec![Item::Time(found)], false, length);
    }
    let phrase = catalogue.phrase(rest);
    let number = numbers::at(&tokens[..open], at);
    let (name_length, phrase_length) = (name.as_ref().map_or(0, |name| name.1), phrase.map_or(0, |phrase| phrase.1));
    if let Some((named, length)) = name {
        let of_model =
            named.iter().all(|named| matches!(named, Named::Property(_) | Named::Action(_) | Named::Kind(_)));
        if length > phrase_length || (length == phrase_length && !of_model) {
            return (vec![Item::Named(named)], false, length);
        }
    }
    // Korean counts with words that are particles elsewhere: they are numbers in front of a unit only.
    if let Some((number, length)) = number {
        let next = words.get(at + length).map_or("", String::as_str);
        let digits = words[at].starts_with(|c: char| c.is_ascii_digit());
        let counted = digits
            || words[at].is_ascii()
            || times::KOREAN_WORDS.contains(&next)
            || matches!(next, "도" | "퍼센트" | "프로" | "%");
        if counted && length >= phrase_length {
            return (vec![Item::Number(number)], false, length);
        }
    }
    if let Some(((meaning, plural), length)) = phrase {
        let floors = match meaning {
            [Word::Downstairs] => catalogue.floors(true),
            [Word::Upstairs] => catalogue.floors(false),
            _ => return (meaning.iter().map(|word| Item::Word(*word)).collect(), plural, length),
        };
        let named: Vec<Named> = floors.into_iter().map(Named::Space).collect();
        return (vec![if named.is_empty() { Item::Unknown } else { Item::Named(named) }], false, length);
    }
    debug_assert!(name_length == 0 || phrase_length > 0);
    if korean::is_ending(&words[at]) {
        return (vec![Item::Word(Word::Filler)], false, 1);
    }
    (plural_name(rest, catalogue, with_grammar).map_or(vec![Item::Unknown], |named| vec![Item::Named(named)]), false, 1)
}

/// A name of one word that is said in the plural.
fn plural_name(rest: &[String], catalogue: &Catalogue, with_grammar: bool) -> Option<Vec<Named>> {
    let word = vec![crate::words::singular(rest.first()?).to_owned()];
    catalogue.name(&word, with_grammar).map(|(named, _)| named)
}

/// Names that are nearly what was said, the nearest first, with their distance and whether they are near enough.
type Nearest = Vec<(Vec<Named>, usize, bool)>;

fn span_bytes(sentence: &Sentence<'_>, (start, end): (usize, usize)) -> (usize, usize) {
    (sentence.tokens[start].start, sentence.tokens[end - 1].end)
}

/// The first word that means nothing, taken together with its neighbours where that is nearer to a name.
fn first_unknown(sentence: &Sentence<'_>) -> Option<((usize, usize), Nearest)> {
    let at = sentence.lexemes.iter().find(|lexeme| lexeme.item == Item::Unknown)?.tokens.0;
    let tokens = &sentence.tokens;
    let mut best: Option<((usize, usize), Nearest)> = None;
    for start in at.saturating_sub(GUESSED_WORDS_MAX - 1)..=at {
        for end in at + 1..=(start + GUESSED_WORDS_MAX).min(tokens.len()) {
            if tokens[start..end].iter().any(|token| token.quoted) && end - start > 1 {
                continue;
            }
            let said: Vec<&str> = tokens[start..end].iter().map(|token| token.text.as_str()).collect();
            let nearest = nearest(sentence.catalogue, &said.join(" "));
            let Some(first) = nearest.first() else { continue };
            let better = best.as_ref().is_none_or(|(span, found)| {
                (!first.2, first.1, start + span.1) < (!found[0].2, found[0].1, span.0 + end)
            });
            if better {
                best = Some(((start, end), nearest));
            }
        }
    }
    Some(best.unwrap_or(((at, at + 1), Nearest::new())))
}

/// The names that are nearest to what was said; at most [`CHOICES_MAX`].
fn nearest(catalogue: &Catalogue, said: &str) -> Nearest {
    let length = said.chars().count();
    let most = (length / 3).max(1);
    let mut found: Nearest = Vec::new();
    for entry in catalogue.entries().filter(|entry| entry.characters.abs_diff(length) <= most) {
        let Some(distance) = fuzzy::distance(said, &entry.joined, most).filter(|distance| *distance > 0) else {
            continue;
        };
        let places =
            entry.named.iter().filter(|named| matches!(named, Named::Thing(_) | Named::Space(_) | Named::Scene(_)));
        let named: Vec<Named> = places.cloned().collect();
        if named.is_empty() {
            continue;
        }
        let near = is_near(said, &entry.words, distance);
        // Two names of one thing are one.
        if let Some(known) = found.iter_mut().find(|known| known.0 == named) {
            (known.1, known.2) = (known.1.min(distance), known.2 || near);
        } else {
            found.push((named, distance, near));
        }
    }
    found.sort_by_key(|(named, distance, _)| (*distance, catalogue.called(&named[0])));
    found.truncate(CHOICES_MAX);
    found
}

/// Whether a name may be taken for what was said: no word of it differs by more than its length allows.
fn is_near(said: &str, name: &[String], distance: usize) -> bool {
    let said: Vec<&str> = said.split(' ').collect();
    if said.len() != name.len() {
        return distance == 1 && said.iter().all(|word| fuzzy::tolerance(word.chars().count()) > 0);
    }
    said.iter().zip(name).all(|(said, name)| {
        fuzzy::distance(said, name, fuzzy::tolerance(said.chars().count().min(name.chars().count()))).is_some()
    })
}

fn instead(sentence: &Sentence<'_>, span: (usize, usize), nearest: &Nearest) -> Vec<Choice> {
    let (start, end) = span_bytes(sentence, span);
    let choice = |named: &Named| {
        let words = match named {
            Named::Thing(at) => sentence.catalogue.said(*at),
            other => sentence.catalogue.called(other),
        };
        let text = format!("{}{words}{}", &sentence.text[..start], &sentence.text[end..]);
        Choice { text, words: sentence.catalogue.called(named) }
    };
    nearest.iter().filter_map(|(named, _, _)| named.first()).map(choice).take(CHOICES_MAX).collect()
}
