//! The functions of the expression language, also usable as filters: `round(x, 1)` and `x | round(1)`.

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `abs(x)`: without its sign.
    Absolute,
    /// `min(a, b, …)` or of a list: the least.
    Minimum,
    /// `max(a, b, …)` or of a list: the greatest.
    Maximum,
    /// `sum(a, b, …)` or of a list.
    Sum,
    /// `mean(a, b, …)` or of a list.
    Mean,
    /// `round(x, digits = 0)`.
    Round,
    /// `floor(x)`: the whole number below.
    Floor,
    /// `ceil(x)`: the whole number above.
    Ceiling,
    /// `sqrt(x)`.
    SquareRoot,
    /// `clamp(x, low, high)`.
    Clamp,
    /// `number(x)` (also `float`): of a text.
    Number,
    /// `integer(x)` (also `int`): the whole part.
    Integer,
    /// `text(x)` (also `string`).
    Text,
    /// `boolean(x)` (also `bool`): of `on`, `yes`, `1` and so on.
    Boolean,
    /// `lower(text)`.
    Lower,
    /// `upper(text)`.
    Upper,
    /// `trim(text)`: without blanks around it.
    Trim,
    /// `length(x)` (also `count`): of a text, list or map.
    Length,
    /// `contains(text, part)` or of a list.
    Contains,
    /// `starts_with(text, part)`.
    StartsWith,
    /// `ends_with(text, part)`.
    EndsWith,
    /// `replace(text, from, to)`.
    Replace,
    /// `join(list, between = '')`.
    Join,
    /// `minute_of_day(text)`: of a time like `07:30`.
    MinuteOfDay,
    /// `default(x, y)`: y while x is not known.
    Default,
}

impl Function {
    /// All functions: name, how many arguments at least and at most.
    pub const ALL: [(&'static str, Self, usize, usize); 29] = [
        ("abs", Self::Absolute, 1, 1),
        ("min", Self::Minimum, 1, 32),
        ("max", Self::Maximum, 1, 32),
        ("sum", Self::Sum, 1, 32),
        ("mean", Self::Mean, 1, 32),
        ("round", Self::Round, 1, 2),
        ("floor", Self::Floor, 1, 1),
        ("ceil", Self::Ceiling, 1, 1),
        ("sqrt", Self::SquareRoot, 1, 1),
        ("clamp", Self::Clamp, 3, 3),
        ("number", Self::Number, 1, 2),
        ("float", Self::Number, 1, 2),
        ("integer", Self::Integer, 1, 2),
        ("int", Self::Integer, 1, 2),
        ("text", Self::Text, 1, 1),
        ("string", Self::Text, 1, 1),
        ("boolean", Self::Boolean, 1, 2),
        ("bool", Self::Boolean, 1, 2),
        ("lower", Self::Lower, 1, 1),
        ("upper", Self::Upper, 1, 1),
        ("trim", Self::Trim, 1, 1),
        ("length", Self::Length, 1, 1),
        ("contains", Self::Contains, 2, 2),
        ("starts_with", Self::StartsWith, 2, 2),
        ("ends_with", Self::EndsWith, 2, 2),
        ("replace", Self::Replace, 3, 3),
        ("join", Self::Join, 1, 2),
        ("minute_of_day", Self::MinuteOfDay, 1, 1),
        ("default", Self::Default, 2, 2),
    ];

    /// The function of a name, and how many arguments it takes.
    pub(crate) fn find(name: &str) -> Option<(Self, usize, usize)> {
        let name = if name == "count" { "length" } else { name };
        Self::ALL.iter().find(|(known, ..)| *known == name).map(|(_, function, least, most)| (*function, *least, *most))
    }

    /// Its first name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, function, ..)| *function == self).map_or("default", |(name, ..)| name)
    }
}
