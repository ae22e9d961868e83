//! What sessions are granted.

use alloc::collections::BTreeMap;

use crate::model::{Role, Scope, ScopeSet, Session};

/// What members are granted by default: written out, so that a scope which is added later is granted to
/// nobody by its name. `credentials:read` is not among them: the credentials of a database open it.
const OF_MEMBERS: [&str; 6] =
    ["projects:read", "backups:read", "jobs:read", "schema:read", "organizations:read", "api_keys:read"];

/// What a session's role grants, behind gateways and as it is told by `GET /v1/me`.
///
/// Listing, creating and revoking API keys go by the functions of [`policy`](crate::policy), whatever
/// stands here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleTable {
    rows: BTreeMap<Role, ScopeSet>,
    others: ScopeSet,
}

impl Default for RoleTable {
    /// Of the default scopes `org:admin` has everything, every other role what a member reads.
    fn default() -> Self {
        let rows = BTreeMap::from([(Role::admin(), ScopeSet::default().with(Scope::ALL))]);
        let others = OF_MEMBERS.into_iter().filter_map(Scope::parse);
        Self::new(rows, others.fold(ScopeSet::default(), ScopeSet::with))
    }
}

impl RoleTable {
    /// A row for each of these roles, and one for all others.
    #[must_use]
    pub const fn new(rows: BTreeMap<Role, ScopeSet>, others: ScopeSet) -> Self {
        Self { rows, others }
    }

    /// The rows.
    #[must_use]
    pub const fn rows(&self) -> &BTreeMap<Role, ScopeSet> {
        &self.rows
    }

    /// What every role is granted that has no row of its own.
    #[must_use]
    pub const fn others(&self) -> &ScopeSet {
        &self.others
    }

    /// What the session is granted by any of its roles: nothing where no organization is active, for then it
    /// has none.
    /// Whoever acts as somebody else has no more than that user, and no more than a member.
    #[must_use]
    pub fn scopes_of(&self, session: &Session) -> ScopeSet {
        let Some(organization) = &session.organization else { return ScopeSet::default() };
        let rows = organization.roles.iter().flat_map(|role| self.row(role).iter());
        let own = rows.cloned().fold(ScopeSet::default(), ScopeSet::with);
        if session.impersonated { own.granted_by_both(self.row(&Role::member())) } else { own }
    }

    fn row(&self, role: &Role) -> &ScopeSet {
        self.rows.get(role).unwrap_or(&self.others)
    }
}
