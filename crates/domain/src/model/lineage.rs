//! What was made with a key.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec,
    vec::Vec,
};

use super::{ApiKey, KeyId};

/// The key itself and those of `keys` that were made with it, directly or with one that was: for stores that have no
/// query for it.
#[must_use]
pub fn lineage<'k>(keys: impl IntoIterator<Item = &'k ApiKey>, root: KeyId) -> BTreeSet<KeyId> {
    let mut made: BTreeMap<KeyId, Vec<KeyId>> = BTreeMap::new();
    for key in keys {
        if let Some(maker) = key.created_by_key_id {
            made.entry(maker).or_default().push(key.id);
        }
    }
    let (mut all, mut next) = (BTreeSet::new(), vec![root]);
    while let Some(id) = next.pop() {
        // Each is looked at once, also where a store says that two have made each other.
        if all.insert(id) {
            next.extend(made.remove(&id).into_iter().flatten());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{KeyName, KeyPrefix, KeySource, KeySpec, OrganizationId, ScopeSet, Timestamp};

    fn key(id: KeyId, maker: KeyId) -> ApiKey {
        let spec = KeySpec::new(KeyName::parse("CI").unwrap(), ScopeSet::from_stored(["*"]).unwrap());
        let organization = OrganizationId::new(Timestamp::MIN, [2; 8]);
        let prefix = KeyPrefix::from_stored("capy");
        let key = ApiKey::new(id, organization, prefix, &spec, KeySource::Api, Timestamp::MIN);
        ApiKey { created_by_key_id: Some(maker), ..key }
    }

    #[test]
    fn it_reaches_as_far_as_keys_were_made_and_ends_in_a_circle() {
        let ids = [0, 1, 2, 3, 4, 5].map(|one| KeyId::new(Timestamp::MIN, [one; 8]));
        let made = [(1, 0), (2, 1), (3, 1), (5, 4), (0, 3)];
        let keys = made.map(|(own, maker): (usize, usize)| key(ids[own], ids[maker]));
        assert_eq!(lineage(&keys, ids[0]), ids[..4].iter().copied().collect());
        assert_eq!(lineage(&keys, ids[4]), ids[4..].iter().copied().collect());
        assert_eq!(lineage(&keys, ids[5]), BTreeSet::from([ids[5]]));
    }
}
