//! The breakers of a process, by the service that each guards.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::breaker::Breaker;

/// A registry of breakers. Clones are the same registry.
#[derive(Clone, Debug, Default)]
pub struct Breakers {
    by_service: Arc<RwLock<BTreeMap<Arc<str>, Breaker>>>,
}

impl Breakers {
    /// The breaker of a service.
    pub fn get(&self, service: &str) -> Option<Breaker> {
        let breakers = self.by_service.read();
        let breakers = breakers.unwrap_or_else(PoisonError::into_inner);
        breakers.get(service).cloned()
    }

    /// Every breaker, in the order of their services' names.
    pub fn all(&self) -> Vec<Breaker> {
        let breakers = self.by_service.read();
        let breakers = breakers.unwrap_or_else(PoisonError::into_inner);
        breakers.values().cloned().collect()
    }

    /// Adds a breaker. Returns the one that it takes the place of, whose calls go on with it.
    pub fn insert(&self, breaker: Breaker) -> Option<Breaker> {
        let breakers = self.by_service.write();
        let mut breakers = breakers.unwrap_or_else(PoisonError::into_inner);
        breakers.insert(Arc::clone(breaker.service()), breaker)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::resilience::{BreakerPolicy, BreakerState};

    /// Scenario: breakers added in no order, one of them by the name of another. Guarantees: they come in the order of their
    /// names, what is asked for by name is the same breaker, and the later takes the place of the earlier.
    #[test]
    fn breakers_are_found_by_service() {
        let breakers = Breakers::default();
        for service in ["twilio", "openai", "stripe"] {
            let breaker = Breaker::new(service, BreakerPolicy::default());
            assert!(breakers.insert(breaker).is_none());
        }
        let names = |breakers: &Breakers| -> Vec<String> {
            let all = breakers.all();
            all.iter().map(|one| one.service().to_string()).collect()
        };
        assert_eq!(names(&breakers), ["openai", "stripe", "twilio"]);
        breakers.get("stripe").unwrap().force_open(Instant::now());
        let again = Breaker::new("stripe", BreakerPolicy::STRIPE);
        let before = breakers.clone().insert(again).unwrap();
        assert_eq!(before.state(), BreakerState::ForcedOpen);
        let stripe = breakers.get("stripe").unwrap();
        assert_eq!(stripe.state(), BreakerState::Closed);
        assert_eq!(names(&breakers), ["openai", "stripe", "twilio"]);
        assert!(breakers.get("Stripe").is_none());
    }
}
