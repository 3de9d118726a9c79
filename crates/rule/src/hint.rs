//! "Did you mean": the nearest of some words.

/// The word of `words` that is nearest to `asked`, if any is near enough to be meant.
pub(crate) fn nearest<'w>(asked: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let allowed = (asked.chars().count() / 3).clamp(1, 4);
    let asked_lower = asked.to_lowercase();
    let distances = words.into_iter().map(|word| (distance(&asked_lower, &word.to_lowercase(), allowed), word));
    let (least, word) = distances.min_by_key(|(distance, _)| *distance)?;
    (least <= allowed).then_some(word)
}

/// The hint for a word that is not known: the nearest one, or all when they are few.
pub(crate) fn did_you_mean<'w>(asked: &str, words: impl IntoIterator<Item = &'w str> + Clone) -> Option<String> {
    if let Some(word) = nearest(asked, words.clone()) {
        return Some(format!("did you mean {word}?"));
    }
    let all: Vec<&str> = words.into_iter().collect();
    (!all.is_empty() && all.len() <= 24).then(|| format!("known are {}", all.join(", ")))
}

/// How many letters have to be changed, added, left out or swapped; anything above `allowed` once it is more.
fn distance(a: &str, b: &str, allowed: usize) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > allowed {
        return allowed + 1;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (row, letter) in a.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, other) in b.iter().enumerate() {
            let mut least =
                (last[column] + usize::from(letter != other)).min(last[column + 1] + 1).min(next[column] + 1);
            let swapped = row > 0 && column > 0 && *letter == b[column - 1] && a[row - 1] == *other;
            if swapped {
                least = least.min(before[column - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut last, next);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found() {
        assert_eq!(nearest("tirggers", ["triggers", "conditions"]), Some("triggers"));
        assert_eq!(nearest("hall.lmap", ["hall.lamp", "hall.motion"]), Some("hall.lamp"));
        assert_eq!(nearest("zzz", ["triggers", "conditions"]), None);
        assert_eq!(did_you_mean("zzz", ["on", "off"]), Some("known are on, off".to_owned()));
        assert_eq!(nearest("Europe/Berln", ["Europe/Berlin", "Europe/Bern"]), Some("Europe/Berlin"));
    }
}
