//! The keys whose signatures count now.

use std::sync::Arc;

use countersign_core::token::{KeySet, PublicKey};

/// A set of keys in which each has a number that no other key ever had. A name is not enough: what a signature
/// proved must not outlive its key under the same name.
#[derive(Default)]
pub(crate) struct Keys {
    pub(crate) set: KeySet,
    names: Vec<Name>,
    next: u64,
}

struct Name {
    kid: Arc<str>,
    /// The number of the key and its text; none if several keys have the name.
    only: Option<(u64, String)>,
}

impl Keys {
    /// These keys instead, each with the number that it had.
    pub(crate) fn replaced_by(&self, set: KeySet) -> Self {
        let mut keys = Self { set: KeySet::default(), names: Vec::new(), next: self.next };
        for key in set.public() {
            let number = keys.number_as_in(self, key);
            match keys.names.iter_mut().find(|name| *name.kid == *key.kid()) {
                None => keys.names.push(Name { kid: key.kid().into(), only: Some((number, key.to_jwk())) }),
                Some(name) => name.only = None,
            }
        }
        keys.set = set;
        keys
    }

    /// A name of a key, and the number of the public key that alone has it.
    pub(crate) fn named(&self, kid: &str) -> (Arc<str>, Option<u64>) {
        match self.name(kid) {
            Some(name) => (Arc::clone(&name.kid), name.only.as_ref().map(|(number, _)| *number)),
            None => (kid.into(), None),
        }
    }

    /// Whether the key of this number is still in the set.
    pub(crate) fn holds(&self, number: u64) -> bool {
        self.names.iter().filter_map(|name| name.only.as_ref()).any(|(known, _)| *known == number)
    }

    fn name(&self, kid: &str) -> Option<&Name> {
        self.names.iter().find(|name| *name.kid == *kid)
    }

    fn number_as_in(&mut self, before: &Self, key: &PublicKey) -> u64 {
        let known = before.name(key.kid()).and_then(|name| name.only.as_ref());
        known.filter(|(_, jwk)| *jwk == key.to_jwk()).map_or_else(
            || {
                self.next += 1;
                self.next
            },
            |(number, _)| *number,
        )
    }
}
