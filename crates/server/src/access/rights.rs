//! Whether people and tokens still may what they put off.

use model::{Cause, CauseKind, Decision, Principal, Resource, Right, Role, ThingId, decide};
use site::plans::Rights;

use super::{Access, LOCAL_USER};

impl Access {
    /// The principal that a cause names, as it would come in now; `None` when it would not.
    fn principal_of(&self, cause: &Cause) -> Option<Principal> {
        let book = self.book.read();
        let id = &*cause.id;
        match cause.kind {
            CauseKind::User if id == LOCAL_USER => Some(Principal::User { id: id.into(), role: Role::Owner }),
            CauseKind::User => Some(Principal::User { id: id.into(), role: book.users.get(id)?.row.role }),
            CauseKind::Token => {
                let row = &book.tokens.get(id)?.row;
                let holds = row.expires.is_none_or(|expires| self.clock.now() < expires);
                holds.then(|| Principal::Token { id: id.into(), scopes: row.scopes.clone() })
            }
            _ => None,
        }
    }
}

impl Rights for Access {
    fn may_command(&self, cause: &Cause, thing: &ThingId) -> Result<(), String> {
        let principal = self.principal_of(cause).ok_or("whoever put it off is not known any more")?;
        match decide(&principal, Right::Command, Resource::Thing(thing)) {
            Decision::Allow => Ok(()),
            Decision::Deny(reason) => Err(reason.to_owned()),
        }
    }
}
