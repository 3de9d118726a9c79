//! Lists in pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::Problem;

/// The most items of one page.
pub const PAGE_MAX: usize = 500;

/// How many items a page has when nobody says.
pub const PAGE_DEFAULT: usize = 100;

/// One page of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// What to send as `cursor` for the next page; null on the last.
    #[schema(required)]
    pub next_cursor: Option<String>,
    /// How many items the whole list has.
    pub total: u64,
}

/// Which page.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// The most items to return, at most 500.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<usize>,
}

impl PageQuery {
    /// The limit within bounds.
    pub fn limit(&self) -> usize {
        limit(self.limit)
    }

    /// The place of the last item of the page before.
    pub fn after(&self) -> Result<Option<String>, Problem> {
        self.cursor.as_deref().map(decode).transpose()
    }
}

/// A limit within bounds.
pub fn limit(asked: Option<usize>) -> usize {
    asked.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX)
}

/// Makes a cursor, opaque to clients, of the place of a page's last item.
pub fn encode(place: &str) -> String {
    URL_SAFE_NO_PAD.encode(place)
}

/// Reads a cursor that [`encode`] made.
pub fn decode(cursor: &str) -> Result<String, Problem> {
    URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| Problem::malformed("this is no cursor that this server gave").at("cursor"))
}

/// One page of a list that is wholly in memory and sorted by `place`.
pub fn of_sorted<T>(items: Vec<T>, after: Option<&str>, limit: usize, place: impl Fn(&T) -> String) -> Page<T> {
    let total = items.len() as u64;
    let mut rest = items.into_iter().filter(|item| after.is_none_or(|after| place(item).as_str() > after));
    let items: Vec<T> = rest.by_ref().take(limit).collect();
    let next_cursor = rest.next().and(items.last()).map(|last| encode(&place(last)));
    Page { items, next_cursor, total }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_join_without_gap_or_repetition() {
        let all: Vec<String> = (0..7).map(|i| format!("k{i}")).collect();
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = of_sorted(all.clone(), after.as_deref(), 3, Clone::clone);
            assert_eq!(page.total, 7);
            seen.extend(page.items);
            match page.next_cursor {
                Some(cursor) => after = Some(decode(&cursor).unwrap()),
                None => break,
            }
        }
        assert_eq!(seen, all);
        assert_eq!(decode("!").unwrap_err().status, 400);
    }
}
