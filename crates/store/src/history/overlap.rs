//! Which chunks overlap in time.

/// Groups items, given in order of writing, so that only items of one group overlap. Groups are in order of time; the
/// items of a group stay in order of writing.
pub(crate) fn overlap_groups<T>(items: Vec<T>, span: impl Fn(&T) -> (i64, i64)) -> Vec<Vec<T>> {
    let mut by_time: Vec<(usize, (i64, i64), T)> =
        items.into_iter().enumerate().map(|(order, item)| (order, span(&item), item)).collect();
    by_time.sort_by_key(|(_, (first, _), _)| *first);
    let mut reached = i64::MIN;
    let mut groups: Vec<Vec<(usize, T)>> = Vec::new();
    for (order, (first, last), item) in by_time {
        match groups.last_mut() {
            Some(group) if first <= reached => group.push((order, item)),
            _ => groups.push(vec![(order, item)]),
        }
        reached = reached.max(last);
    }
    groups
        .into_iter()
        .map(|mut group| {
            group.sort_by_key(|(order, _)| *order);
            group.into_iter().map(|(_, item)| item).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_late_chunk_joins_what_it_touches() {
        let groups = overlap_groups(vec![(0, 9), (10, 19), (30, 39), (5, 10), (40, 41)], |span| *span);
        assert_eq!(groups, [vec![(0, 9), (10, 19), (5, 10)], vec![(30, 39)], vec![(40, 41)]]);
    }
}
