//! The organizations of sessions that are cached.

use std::collections::{HashMap, HashSet};

use capykeys_domain::model::{ExternalOrganizationId, Organization, OrganizationId};

/// How many are kept at most, at some hundred bytes each; when there are more, all are dropped.
const CAPACITY: usize = 10_000;

/// Organizations by their ids at Clerk. Only signed tokens name them, so that nobody can fill the
/// cache with ids that they have made up.
#[derive(Clone, Debug, Default)]
pub(crate) struct CachedOrganizations(HashMap<ExternalOrganizationId, Organization>);

impl CachedOrganizations {
    pub(crate) fn get(&self, id: &ExternalOrganizationId) -> Option<&Organization> {
        self.0.get(id)
    }

    pub(crate) fn insert(&mut self, organization: &Organization) {
        if self.0.len() >= CAPACITY {
            self.0.clear();
        }
        if let Some(link) = &organization.clerk {
            self.0.insert(link.id.clone(), organization.clone());
        }
    }

    pub(crate) fn remove(&mut self, ids: &HashSet<OrganizationId>) {
        if !ids.is_empty() {
            self.0.retain(|_, organization| !ids.contains(&organization.id));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use capykeys_conformance::fixtures;

    use super::*;

    #[test]
    fn their_number_is_bounded_and_changes_remove_the_ones_that_are_meant() {
        let mut cached = CachedOrganizations::default();
        let all: Vec<_> = (0..=CAPACITY)
            .map(|number| fixtures::organization_at_clerk(fixtures::at(0), &format!("org_2test{number}")))
            .collect();
        for organization in &all {
            cached.insert(organization);
            assert!(cached.0.len() <= CAPACITY);
        }
        cached.insert(&all[0]);
        cached.remove(&HashSet::from([all[0].id]));
        let has =
            |organization: &Organization| cached.get(&organization.clerk.as_ref().unwrap().id).is_some();
        assert!(!has(&all[0]) && has(&all[CAPACITY]));
    }
}
