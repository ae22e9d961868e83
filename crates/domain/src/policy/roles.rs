//! What sessions are granted.

use alloc::{collections::BTreeMap, vec::Vec};

use crate::model::{Role, Scope, Session};

/// What members are granted by default: written out, so that a scope which is added later is granted to
/// nobody by its name. `credentials:read` is not among them: the credentials of a database open it.
const OF_MEMBERS: [Scope; 6] = [
    Scope::ProjectsRead,
    Scope::BackupsRead,
    Scope::JobsRead,
    Scope::SchemaRead,
    Scope::OrganizationsRead,
    Scope::ApiKeysRead,
];

/// What a session's role grants, behind gateways and as it is told by `GET /v1/me`.
///
/// Listing, creating and revoking API keys go by the functions of [`policy`](crate::policy), whatever
/// stands here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleTable {
    rows: BTreeMap<Role, Vec<Scope>>,
    others: Vec<Scope>,
}

impl Default for RoleTable {
    /// `org:admin` has everything, every other role what a member reads.
    fn default() -> Self {
        Self::new(BTreeMap::from([(Role::admin(), alloc::vec![Scope::All])]), OF_MEMBERS.to_vec())
    }
}

impl RoleTable {
    /// A row for each of these roles, and one for all others.
    #[must_use]
    pub const fn new(rows: BTreeMap<Role, Vec<Scope>>, others: Vec<Scope>) -> Self {
        Self { rows, others }
    }

    /// The rows.
    #[must_use]
    pub const fn rows(&self) -> &BTreeMap<Role, Vec<Scope>> {
        &self.rows
    }

    /// What every role is granted that has no row of its own.
    #[must_use]
    pub const fn others(&self) -> &Vec<Scope> {
        &self.others
    }

    /// What the session is granted: nothing where no organization is active, for then it has no role.
    /// Whoever acts as somebody else has no more than that user, and no more than a member.
    #[must_use]
    pub fn scopes_of(&self, session: &Session) -> Vec<Scope> {
        let Some(organization) = &session.organization else { return Vec::new() };
        let own = self.row(&organization.role);
        if session.impersonated { in_both(own, self.row(&Role::member())) } else { own.to_vec() }
    }

    fn row(&self, role: &Role) -> &[Scope] {
        self.rows.get(role).unwrap_or(&self.others)
    }
}

/// Whether a session with these scopes may do what needs `scope`: it is here, or `*` is.
pub(super) fn grants(held: &[Scope], scope: Scope) -> bool {
    held.contains(&scope) || held.contains(&Scope::All)
}

/// What is granted by the one and by the other.
fn in_both(one: &[Scope], other: &[Scope]) -> Vec<Scope> {
    let (narrow, wide) = if one.contains(&Scope::All) { (other, one) } else { (one, other) };
    narrow.iter().copied().filter(|&scope| grants(wide, scope)).collect()
}
