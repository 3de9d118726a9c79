//! Moments and spans of Home Assistant: `now()`, `today_at('07:00')`, `now() - states.light.a.last_changed`.

use minijinja::machinery::ast::{BinOpKind, CallArg, Expr};

use super::translate::{Translation, call_of, constant, method_of, path};

impl Translation<'_> {
    /// A time of today in minutes: `now()`, `today_at('07:00')`, and a helper's time.
    pub(super) fn moment(&self, tree: &Expr<'_>) -> Option<String> {
        let (name, arguments) = call_of(tree)?;
        match (name, arguments) {
            ("now" | "utcnow", []) => Some("now.minute_of_day".to_owned()),
            ("today_at", [CallArg::Pos(time)]) => {
                let time = self.node(time, 0).ok()?;
                Some(format!("minute_of_day({time})"))
            }
            _ => None,
        }
    }

    /// A span in seconds.
    pub(super) fn span(&self, tree: &Expr<'_>) -> Option<String> {
        if let Expr::BinOp(op) = tree
            && matches!(op.op, BinOpKind::Sub)
        {
            return if is_now(&op.left) { self.since(&op.right) } else { None };
        }
        if let Some((subject, "total_seconds", [])) = method_of(tree) {
            return self.span(subject);
        }
        if let Expr::GetAttr(get) = tree
            && get.name == "seconds"
        {
            return self.span(&get.expr);
        }
        match call_of(tree)? {
            ("timedelta", arguments) => timedelta(arguments),
            _ => None,
        }
    }

    /// How long ago an entity changed or was heard.
    fn since(&self, tree: &Expr<'_>) -> Option<String> {
        let inner = match call_of(tree) {
            Some(("as_timestamp", [CallArg::Pos(inner)])) => inner,
            _ => tree,
        };
        let names = path(inner)?;
        let [states, domain, object, when] = names.as_slice() else { return None };
        let word = match when.as_str() {
            "last_changed" => "since",
            "last_updated" | "last_reported" => "age",
            _ => return None,
        };
        if states != "states" {
            return None;
        }
        Some(format!("{word}('{}')", self.entities.place(&format!("{domain}.{object}"), None).ok()?))
    }

    /// Parts of the present that are asked for by a call: `now().weekday()`, `as_timestamp(now())`.
    pub(super) fn present(tree: &Expr<'_>) -> Option<Result<String, String>> {
        if is_now(tree) && !matches!(call_of(tree), Some(("now" | "utcnow", _))) {
            return Some(Ok("now.unix".to_owned()));
        }
        let (subject, method, arguments) = method_of(tree)?;
        if !matches!(call_of(subject), Some(("now", []))) {
            return None;
        }
        Some(match (method, arguments) {
            ("weekday", []) => Ok("(now.weekday_number - 1)".to_owned()),
            ("isoweekday", []) => Ok("now.weekday_number".to_owned()),
            ("timestamp", []) => Ok("now.unix".to_owned()),
            ("strftime", [CallArg::Pos(format)]) => match constant(format) {
                Some("%H:%M") => Ok("now.clock".to_owned()),
                Some("%H") => Ok("now.hour".to_owned()),
                Some("%a") => Ok("now.weekday".to_owned()),
                Some(other) => Err(format!("now() as {other:?} has no counterpart")),
                None => Err("a format that is worked out has no counterpart".to_owned()),
            },
            (other, _) => Err(format!("now().{other}() has no counterpart")),
        })
    }
}

/// `now()`, or what stands for it in seconds.
fn is_now(tree: &Expr<'_>) -> bool {
    match call_of(tree) {
        Some(("now" | "utcnow", [])) => true,
        Some(("as_timestamp", [CallArg::Pos(inner)])) => is_now(inner),
        _ => matches!(method_of(tree), Some((subject, "timestamp", [])) if is_now(subject)),
    }
}

fn timedelta(arguments: &[CallArg<'_>]) -> Option<String> {
    let mut seconds = 0.0;
    for argument in arguments {
        let (unit, amount) = match argument {
            CallArg::Kwarg(name, amount) => (*name, amount),
            CallArg::Pos(amount) => ("days", amount),
            _ => return None,
        };
        let each = match unit {
            "days" => 86_400.0,
            "hours" => 3_600.0,
            "minutes" => 60.0,
            "seconds" => 1.0,
            "weeks" => 604_800.0,
            _ => return None,
        };
        let Expr::Const(amount) = amount else { return None };
        seconds += each * f64::try_from(amount.value.clone()).ok()?;
    }
    Some(seconds.to_string())
}
