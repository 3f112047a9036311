//! The keys whose signatures count now.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use countersign_core::token::{KeySet, PublicKey};

/// A set of keys in which each has a number that no other key ever had. A name is not enough: what a signature
/// proved must not outlive its key under the same name.
#[derive(Default)]
pub(crate) struct Keys {
    pub(crate) set: KeySet,
    /// By name; none for a name that several keys have.
    numbered: HashMap<String, Option<Numbered>>,
    next: u64,
}

struct Numbered {
    number: u64,
    jwk: String,
}

impl Keys {
    /// These keys instead, each with the number that it had.
    pub(crate) fn replaced_by(&self, set: KeySet) -> Self {
        let mut keys = Self { set: KeySet::default(), numbered: HashMap::new(), next: self.next };
        for key in set.public() {
            let number = keys.number_as_in(self, key);
            match keys.numbered.entry(key.kid().to_owned()) {
                Entry::Vacant(place) => {
                    place.insert(Some(Numbered { number, jwk: key.to_jwk() }));
                }
                Entry::Occupied(mut place) => {
                    place.insert(None);
                }
            }
        }
        keys.set = set;
        keys
    }

    /// The number of the only public key of this name.
    pub(crate) fn number(&self, kid: &str) -> Option<u64> {
        Some(self.numbered.get(kid)?.as_ref()?.number)
    }

    /// Whether the key of this number is still in the set.
    pub(crate) fn holds(&self, number: u64) -> bool {
        self.numbered.values().flatten().any(|key| key.number == number)
    }

    fn number_as_in(&mut self, before: &Self, key: &PublicKey) -> u64 {
        let known = before.numbered.get(key.kid()).and_then(Option::as_ref);
        known.filter(|known| known.jwk == key.to_jwk()).map_or_else(
            || {
                self.next += 1;
                self.next
            },
            |known| known.number,
        )
    }
}
