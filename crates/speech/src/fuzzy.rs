//! How far two names are apart.

/// The longest name that is compared, in characters.
const CHARACTERS_MAX: usize = 48;

/// How many letters may differ in a name of this length and it is still taken for the same, once confirmed.
pub(crate) fn tolerance(characters: usize) -> usize {
    match characters {
        0..=2 => 0,
        4..=7 => 1,
        _ => 2,
    }
}

/// How many letters have to be put in, taken out, replaced or swapped with their neighbour; `None` when more than `most`.
pub(crate) fn distance(first: &str, second: &str, most: usize) -> Option<usize> {
    let (first, second): (Vec<char>, Vec<char>) =
        (first.chars().take(CHARACTERS_MAX + 1).collect(), second.chars().take(CHARACTERS_MAX + 1).collect());
    if first.len().max(second.len()) > CHARACTERS_MAX || first.len().abs_diff(second.len()) > most {
        return None;
    }
    let width = second.len() + 1;
    let (mut before, mut above): (Vec<usize>, Vec<usize>) = (vec![0; width], (0..width).collect());
    for (row, a) in first.iter().enumerate() {
        let mut current = vec![row + 1; width];
        for (column, b) in second.iter().enumerate() {
            let replaced = above[column] + usize::from(a != b);
            let mut least = replaced.min(above[column + 1] + 1).min(current[column] + 1);
            let swapped = row > 0 && column > 0 && first[row - 1] == *b && second[column - 1] == *a;
            if swapped {
                least = least.min(before[column - 1] + 1);
            }
            current[column + 1] = least;
        }
        if current.iter().min().is_some_and(|least| *least > most) {
            return None;
        }
        (before, above) = (above, current);
    }
    above.last().copied().filter(|found| *found <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_single_letters() {
        assert_eq!(distance("kitchen", "kitchen", 0), Some(0));
        assert_eq!(distance("kichen", "kitchen", 1), Some(1));
        assert_eq!(distance("kithcen", "kitchen", 1), Some(1));
        assert_eq!(distance("kitten", "kitchen", 1), None);
        assert_eq!(distance("거실등", "거실둥", 1), Some(1));
        assert_eq!(distance("", "abc", 2), None);
    }
}
