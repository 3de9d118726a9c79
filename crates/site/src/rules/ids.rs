//! Names that people read: ids made of titles.

use super::error::RuleError;

/// The longest id of a rule or scene, in bytes.
pub const ID_BYTES_MAX: usize = 64;

/// The longest title, in characters.
pub const TITLE_MAX: usize = 200;

/// Words that the API's paths use themselves.
const TAKEN: [&str; 4] = ["check", "conflicts", "import", "traces"];

/// The id that was asked for, or one that is made of the title and that nobody has.
pub(super) fn choose(
    id: Option<&str>,
    title: &str,
    otherwise: &str,
    is_taken: impl Fn(&str) -> bool,
) -> Result<String, RuleError> {
    if let Some(id) = id {
        if !is_id(id) || TAKEN.contains(&id) {
            return Err(RuleError::BadId(id.to_owned()));
        }
        return if is_taken(id) { Err(RuleError::Taken(id.to_owned())) } else { Ok(id.to_owned()) };
    }
    let made = slug(title);
    let base = if made.is_empty() { otherwise } else { &made };
    let free = |id: &String| !is_taken(id) && !TAKEN.contains(&id.as_str());
    let numbered = (2_u32..).map(|number| format!("{base}-{number}"));
    Ok(std::iter::once(base.to_owned()).chain(numbered).find(free).expect("numbers do not end"))
}

pub(super) fn check_title(title: &str) -> Result<(), RuleError> {
    if title.trim().is_empty() || title.chars().count() > TITLE_MAX {
        return Err(RuleError::BadTitle);
    }
    Ok(())
}

fn is_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= ID_BYTES_MAX && text.bytes().all(fits) && !text.starts_with('-')
}

/// Lower case letters, digits and single hyphens; what is written in other letters leaves nothing.
fn slug(title: &str) -> String {
    let mut slug = String::new();
    for letter in title.chars().map(|letter| letter.to_ascii_lowercase()) {
        if slug.len() >= ID_BYTES_MAX - 8 {
            break;
        }
        if letter.is_ascii_lowercase() || letter.is_ascii_digit() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_made_of_titles_and_never_given_twice() {
        let taken = ["light-when-somebody-comes", "rule"];
        let chosen = |id, title| choose(id, title, "rule", |id| taken.contains(&id));
        assert_eq!(chosen(None, "Light when somebody comes!").unwrap(), "light-when-somebody-comes-2");
        assert_eq!(chosen(None, "누가 오면").unwrap(), "rule-2");
        assert_eq!(chosen(None, "Traces").unwrap(), "traces-2");
        assert_eq!(chosen(Some("my-rule"), "x").unwrap(), "my-rule");
        for wrong in ["", "a b", "traces", "A", "rule", "-x", "a/b"] {
            assert!(chosen(Some(wrong), "x").is_err(), "{wrong}");
        }
    }
}
