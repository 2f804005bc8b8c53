//! The breakers, each as its own documentation says to use it.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use failsafe::CircuitBreaker;
use lineside::resilience::{Breaker, BreakerPolicy, CallResult, Window};
use recloser::Recloser;
use tower::{Layer, Service, service_fn};
use tower_resilience_circuitbreaker::{CircuitBreakerLayer, SlidingWindowType};

use crate::run::Calls;

/// What is compared with what.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Consecutive,
    Rates,
    Floor,
}

impl Group {
    pub const fn title(self) -> &'static str {
        match self {
            Group::Consecutive => "fewest checks each crate offers",
            Group::Rates => "failure rate of a window",
            Group::Floor => "what the parts cost",
        }
    }
}

pub struct Contender {
    pub name: &'static str,
    pub group: Group,
    /// What is in the figure.
    pub with: &'static str,
    pub prepare: fn() -> Box<Calls>,
}

pub const CONTENDERS: &[Contender] = &[
    Contender {
        name: "Lineside, `run`",
        group: Group::Consecutive,
        with: "failures in a row, counts, latency of one call in 16 with its two clock reads",
        prepare: || lineside_run(policy()),
    },
    Contender {
        name: "Lineside, `admit` and `success`",
        group: Group::Consecutive,
        with: "failures in a row, counts, latency of every call; the caller knows the time",
        prepare: || lineside_given(policy()),
    },
    Contender {
        name: "Lineside, `admit_owned` and `success`",
        group: Group::Consecutive,
        with: "the same with a permit that may outlive the call",
        prepare: lineside_owned,
    },
    Contender {
        name: "Lineside, `admit` and `success`, clock read twice",
        group: Group::Consecutive,
        with: "the same, and two clock reads",
        prepare: || lineside_timed(policy()),
    },
    Contender {
        name: "failsafe, consecutive_failures",
        group: Group::Consecutive,
        with: "failures in a row; no counts, no latency, no clock read",
        prepare: || failsafe(failsafe::failure_policy::consecutive_failures(5, backoff())),
    },
    Contender {
        name: "recloser",
        group: Group::Consecutive,
        with: "failure rate of 100 calls (it has no other); no counts, no latency, no clock read",
        prepare: recloser,
    },
    Contender {
        name: "tower-resilience, consecutive_failures",
        group: Group::Consecutive,
        with: "failures in a row, counts, two clock reads, one for each event; boxes each call",
        prepare: || tower(CircuitBreakerLayer::builder().consecutive_failures(5)),
    },
    Contender {
        name: "Lineside, 100 calls, `run`",
        group: Group::Rates,
        with: "counts, latency of one call in 16 with its two clock reads",
        prepare: || lineside_run(by_calls()),
    },
    Contender {
        name: "Lineside, 100 calls, `admit` and `success`",
        group: Group::Rates,
        with: "counts, latency of every call; the caller knows the time",
        prepare: || lineside_given(by_calls()),
    },
    Contender {
        name: "Lineside, 1 minute, `admit` and `success`",
        group: Group::Rates,
        with: "counts, latency of every call; the caller knows the time",
        prepare: || lineside_given(by_time()),
    },
    Contender {
        name: "Lineside, 1 minute, `run`",
        group: Group::Rates,
        with: "counts, latency of every call, two clock reads",
        prepare: || lineside_run(by_time()),
    },
    Contender {
        name: "recloser, 100 calls",
        group: Group::Rates,
        with: "no counts, no latency, no clock read",
        prepare: recloser,
    },
    Contender {
        name: "failsafe, 30 s",
        group: Group::Rates,
        with: "an average that forgets by and by, one clock read",
        prepare: || failsafe(failsafe_rate()),
    },
    Contender {
        name: "tower-resilience, 100 calls",
        group: Group::Rates,
        with: "counts, two clock reads, one for each event; boxes each call",
        prepare: || tower(CircuitBreakerLayer::builder().sliding_window_size(100)),
    },
    Contender {
        name: "tower-resilience, 1 ms",
        group: Group::Rates,
        with: "the same; it keeps a record of each call in the window and counts them all after each, so a minute is too much",
        prepare: || {
            let builder = CircuitBreakerLayer::builder();
            let by_time = builder.sliding_window_type(SlidingWindowType::TimeBased);
            tower(by_time.sliding_window_duration(Duration::from_millis(1)))
        },
    },
    Contender {
        name: "a clock read",
        group: Group::Floor,
        with: "Instant::now()",
        prepare: || {
            Box::new(|calls| {
                for _ in 0..calls {
                    black_box(Instant::now());
                }
            })
        },
    },
    Contender {
        name: "an atomic addition",
        group: Group::Floor,
        with: "relaxed, on one line for all threads",
        prepare: || {
            let counter = AtomicU64::new(0);
            Box::new(move |calls| {
                for _ in 0..calls {
                    black_box(counter.fetch_add(1, Ordering::Relaxed));
                }
            })
        },
    },
];

fn policy() -> BreakerPolicy {
    BreakerPolicy::OPENAI
}

fn by_calls() -> BreakerPolicy {
    BreakerPolicy {
        failure_rate: Some(0.5),
        window: Window::Calls(100),
        ..policy()
    }
}

fn by_time() -> BreakerPolicy {
    BreakerPolicy {
        failure_rate: Some(0.5),
        window: Window::Time(Duration::from_secs(60)),
        ..policy()
    }
}

/// The call that is guarded.
fn work() -> Result<u8, u8> {
    Ok(black_box(1))
}

fn lineside_run(policy: BreakerPolicy) -> Box<Calls> {
    let breaker = Breaker::new("bench", policy);
    let judge = |result: &Result<u8, u8>| match result {
        Ok(_) => CallResult::Success,
        Err(_) => CallResult::Failure,
    };
    Box::new(move |calls| {
        for _ in 0..calls {
            let _ = black_box(black_box(&breaker).run(work, judge));
        }
    })
}

fn lineside_given(policy: BreakerPolicy) -> Box<Calls> {
    let breaker = Breaker::new("bench", policy);
    Box::new(move |calls| {
        let now = Instant::now();
        for _ in 0..calls {
            let Ok(permit) = black_box(&breaker).admit(black_box(now)) else {
                continue;
            };
            let _ = black_box(work());
            black_box(permit.success(black_box(now)));
        }
    })
}

fn lineside_owned() -> Box<Calls> {
    let breaker = Breaker::new("bench", policy());
    Box::new(move |calls| {
        let now = Instant::now();
        for _ in 0..calls {
            let Ok(permit) = black_box(&breaker).admit_owned(black_box(now)) else {
                continue;
            };
            let _ = black_box(work());
            black_box(permit.success(black_box(now)));
        }
    })
}

fn lineside_timed(policy: BreakerPolicy) -> Box<Calls> {
    let breaker = Breaker::new("bench", policy);
    Box::new(move |calls| {
        for _ in 0..calls {
            let Ok(permit) = black_box(&breaker).admit(Instant::now()) else {
                continue;
            };
            let _ = black_box(work());
            black_box(permit.success(Instant::now()));
        }
    })
}

fn backoff() -> failsafe::backoff::Constant {
    failsafe::backoff::constant(Duration::from_secs(30))
}

fn failsafe_rate() -> impl failsafe::FailurePolicy + Send + 'static {
    let window = Duration::from_secs(30);
    failsafe::failure_policy::success_rate_over_time_window(0.5, 20, window, backoff())
}

fn failsafe(policy: impl failsafe::FailurePolicy + Send + 'static) -> Box<Calls> {
    let breaker = failsafe::Config::new().failure_policy(policy).build();
    Box::new(move |calls| {
        for _ in 0..calls {
            let _ = black_box(black_box(&breaker).call(work));
        }
    })
}

fn recloser() -> Box<Calls> {
    let breaker = Recloser::custom().closed_len(100).error_rate(0.5).build();
    Box::new(move |calls| {
        for _ in 0..calls {
            let _ = black_box(black_box(&breaker).call(work));
        }
    })
}

/// Its service, polled to the end by hand: no runtime is in the figure.
fn tower(
    builder: tower_resilience_circuitbreaker::CircuitBreakerConfigBuilder<
        tower_resilience_circuitbreaker::DefaultClassifier,
    >,
) -> Box<Calls> {
    let Ok(layer) = builder.build() else {
        return Box::new(|_| {});
    };
    let service = layer.layer(service_fn(|()| std::future::ready(work())));
    Box::new(move |calls| {
        let mut service = service.clone();
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut context = Context::from_waker(&waker);
        for _ in 0..calls {
            if Service::<()>::poll_ready(&mut service, &mut context).is_pending() {
                std::thread::park();
            }
            let mut call = service.call(());
            while call.as_mut().poll(&mut context).is_pending() {
                std::thread::park();
            }
        }
    })
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
