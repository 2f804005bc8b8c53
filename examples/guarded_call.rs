//! A call of a Rust service with guards round it: a place, a rate, a breaker and repetitions.
//!
//! `cargo run --example guarded_call --no-default-features` makes calls to a payment service that fails for a while, and prints what the
//! guards make of it.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use lineside::resilience::{
    Again, Breaker, BreakerPolicy, Bulkhead, CallResult, Full, Guarded, Held, Rate, RateLimit,
    RetryPolicy, retry,
};

/// What stands between a service and one that it depends on. One for all calls to it.
struct Guards {
    places: Bulkhead,
    limit: RateLimit,
    breaker: Breaker,
    policy: RetryPolicy,
}

/// Why a payment was not made.
#[derive(Debug, thiserror::Error)]
enum PaymentError {
    #[error("too many payments are under way: {0}")]
    Full(#[from] Full),
    #[error("too many payments, the next may come after {0:?}")]
    Limited(Duration),
    #[error("the service fails, it is left alone: {0}")]
    Held(#[from] Held),
    #[error("the service does not answer")]
    Unavailable,
    #[error("the card was declined")]
    Declined,
}

impl Guards {
    fn new() -> Guards {
        Guards {
            places: Bulkhead::new(8),
            limit: RateLimit::new("payments", Rate::new(50, Duration::from_secs(1))),
            breaker: Breaker::new(
                "payments",
                BreakerPolicy::consecutive(5, Duration::from_millis(200)),
            ),
            policy: RetryPolicy {
                base: Duration::from_millis(10),
                ..RetryPolicy::default()
            },
        }
    }

    /// Makes a payment. It carries a key that the service knows it by, or else it could not be repeated.
    async fn pay(&self, service: &Service, key: &str) -> Result<u32, PaymentError> {
        let allowance = self.limit.check();
        if let Some(wait) = allowance.retry_after {
            return Err(PaymentError::Limited(wait));
        }
        let _place = self.places.enter(Duration::from_millis(100)).await?;
        retry(
            self.policy,
            || self.attempt(service, key),
            again,
            |error, attempt, wait| {
                println!("{key}: attempt {attempt}: {error}; again in {wait:.1?}");
            },
        )
        .await
    }

    async fn attempt(&self, service: &Service, key: &str) -> Result<u32, PaymentError> {
        let called = self.breaker.call(service.pay(key), judge).await;
        called.map_err(|why| match why {
            Guarded::Held(held) => PaymentError::Held(held),
            Guarded::Failed(error) => error,
        })
    }
}

/// What an error says of the service: that it declines a card is no failure of it.
fn judge(result: &Result<u32, PaymentError>) -> CallResult {
    match result {
        Err(PaymentError::Unavailable) => CallResult::Failure,
        _ => CallResult::Success,
    }
}

/// Whether an error is worth another attempt.
fn again(error: &PaymentError) -> Again {
    match error {
        PaymentError::Unavailable => Again::Yes,
        _ => Again::No,
    }
}

/// Stands for a service that is called over the network.
struct Service {
    calls: AtomicU32,
}

impl Service {
    /// The first calls fail, and of the others every fourth card is declined.
    async fn pay(&self, _key: &str) -> Result<u32, PaymentError> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        match self.calls.fetch_add(1, Relaxed) {
            0..5 => Err(PaymentError::Unavailable),
            call if call % 4 == 0 => Err(PaymentError::Declined),
            call => Ok(call),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let guards = Guards::new();
    let service = Service {
        calls: AtomicU32::new(0),
    };
    for order in 1..=12 {
        let key = format!("order {order}");
        match guards.pay(&service, &key).await {
            Ok(receipt) => println!("{key}: paid, receipt {receipt}"),
            Err(error) => println!("{key}: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let status = guards.breaker.status(std::time::Instant::now());
    println!("the breaker is {}", status.state.word());
}
