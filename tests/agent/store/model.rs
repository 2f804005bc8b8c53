//! Two agents that do anything in any order, against a model of what may come of it.

use std::collections::BTreeMap;
use std::time::Duration;

use lineside::store::{Claim, Finished, Held, Hold, KeptAnswer, Settled, Store, Verdict};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::keys::{answer, claiming};
use super::{Database, databases};

const HOUR: Duration = Duration::from_secs(3600);

/// What somebody does. Holders are numbered in the order of their claims, whether they got a hold or not.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// A request with one of two payloads comes to one of two agents, whose lease holds or has ended when it begins, and which repeats
    /// what is unknown or does not.
    Claim {
        agent: usize,
        key: usize,
        body: usize,
        is_dead: bool,
        repeats: bool,
    },
    Renew {
        holder: usize,
    },
    Finish {
        holder: usize,
        ends: bool,
    },
    Release {
        holder: usize,
    },
    GiveUp {
        holder: usize,
    },
    Withdraw {
        holder: usize,
    },
    Sweep,
    Settle {
        key: usize,
        ran: bool,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let holder = 0..12usize;
    prop_oneof![
        6 => (0..2usize, 0..2usize, 0..2usize, any::<bool>(), any::<bool>()).prop_map(
            |(agent, key, body, is_dead, repeats)| Act::Claim { agent, key, body, is_dead, repeats }
        ),
        2 => holder.clone().prop_map(|holder| Act::Renew { holder }),
        4 => (holder.clone(), any::<bool>()).prop_map(|(holder, ends)| Act::Finish { holder, ends }),
        1 => holder.clone().prop_map(|holder| Act::Release { holder }),
        1 => holder.clone().prop_map(|holder| Act::GiveUp { holder }),
        1 => holder.prop_map(|holder| Act::Withdraw { holder }),
        1 => Just(Act::Sweep),
        1 => (0..2usize, any::<bool>()).prop_map(|(key, ran)| Act::Settle { key, ran }),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running { is_dead: bool },
    Done { by: Option<usize>, has_ended: bool },
    Unknown,
}

/// A row as it should be. `owner` is the holder's number; `None` after an operator has settled it.
#[derive(Clone, Copy, Debug)]
struct Row {
    state: State,
    body: usize,
    owner: Option<usize>,
}

/// One claim, and what it got.
struct Holder {
    key: usize,
    claiming: lineside::store::Claiming,
    hold: Option<Hold>,
    finished: u32,
}

#[derive(Default)]
struct World {
    rows: BTreeMap<usize, Row>,
    holders: Vec<Holder>,
}

impl World {
    /// What `key` is as someone claims it.
    fn expected(&mut self, key: usize, body: usize, repeats: bool) -> &'static str {
        if let Some(row) = self.rows.get_mut(&key)
            && row.state == (State::Running { is_dead: true })
        {
            row.state = State::Unknown;
        }
        match self.rows.get(&key) {
            None => "run",
            Some(Row {
                state: State::Done {
                    has_ended: true, ..
                },
                ..
            }) => "run",
            Some(row) if row.body != body => "mismatch",
            Some(row) => match row.state {
                State::Running { .. } => "in flight",
                State::Unknown if repeats => "run",
                State::Unknown => "unknown",
                State::Done { by: Some(_), .. } => "replay",
                State::Done { by: None, .. } => "not kept",
            },
        }
    }

    /// The row that `holder` still has a say in.
    fn of_holder(&mut self, holder: usize) -> Option<&mut Row> {
        let key = self.holders[holder].key;
        let row = self.rows.get_mut(&key)?;
        (row.owner == Some(holder)).then_some(row)
    }

    async fn act(&mut self, agents: &[Store; 2], act: Act) -> Result<(), TestCaseError> {
        match act {
            Act::Claim { .. } => self.claim(agents, act).await,
            Act::Sweep => {
                agents[0].sweep(100).await.unwrap();
                for row in self.rows.values_mut() {
                    if row.state == (State::Running { is_dead: true }) {
                        row.state = State::Unknown;
                    }
                }
                self.rows.retain(|_, row| {
                    !matches!(
                        row.state,
                        State::Done {
                            has_ended: true,
                            ..
                        }
                    )
                });
                Ok(())
            }
            Act::Settle { key, ran } => self.settle(&agents[0], key, ran).await,
            Act::Renew { holder }
            | Act::Finish { holder, .. }
            | Act::Release { holder }
            | Act::GiveUp { holder }
            | Act::Withdraw { holder } => match self.holders.get(holder) {
                Some(_) => self.say(&agents[1], act, holder).await,
                None => Ok(()),
            },
        }
    }

    async fn claim(&mut self, agents: &[Store; 2], act: Act) -> Result<(), TestCaseError> {
        let Act::Claim {
            agent,
            key,
            body,
            is_dead,
            repeats,
        } = act
        else {
            unreachable!("a claim")
        };
        let expected = self.expected(key, body, repeats);
        let lease = if is_dead { Duration::ZERO } else { HOUR };
        let store = &agents[agent];
        let (name, payload) = (format!("k{key}"), ["a", "b"][body]);
        let claiming = claiming(store, &name, payload, lease, repeats);
        let claim = store.claim(&claiming).await.unwrap();
        let (found, hold) = match claim {
            Claim::Run(hold) => ("run", Some(hold)),
            Claim::InFlight => ("in flight", None),
            Claim::Mismatch => ("mismatch", None),
            Claim::Unknown { .. } => ("unknown", None),
            Claim::NotKept { .. } => ("not kept", None),
            Claim::Replay(replayed) => {
                prop_assert_eq!(Some(replayed), self.answer_of(key));
                ("replay", None)
            }
        };
        prop_assert_eq!(found, expected);
        if hold.is_some() {
            let (state, owner) = (State::Running { is_dead }, Some(self.holders.len()));
            self.rows.insert(key, Row { state, body, owner });
        }
        self.holders.push(Holder {
            key,
            claiming,
            hold,
            finished: 0,
        });
        Ok(())
    }

    /// What the holder who finished `key` said.
    fn answer_of(&self, key: usize) -> Option<KeptAnswer> {
        match self.rows.get(&key)?.state {
            State::Done { by, .. } => by.map(|holder| answer(&format!("of {holder}"))),
            _ => None,
        }
    }

    async fn say(&mut self, store: &Store, act: Act, holder: usize) -> Result<(), TestCaseError> {
        let Holder {
            key,
            claiming,
            hold,
            ..
        } = &self.holders[holder];
        let (key, claiming) = (*key, claiming.clone());
        if matches!(act, Act::Withdraw { .. }) {
            let withdrawn = store.withdraw(&claiming).await.unwrap();
            let row = self.of_holder(holder).copied();
            let expected = row.is_some_and(|row| !matches!(row.state, State::Done { .. }));
            prop_assert_eq!(withdrawn, expected);
            if expected {
                self.rows.remove(&key);
            }
            return Ok(());
        }
        let Some(hold) = hold.clone() else {
            return Ok(());
        };
        let state = self.of_holder(holder).map(|row| row.state);
        let is_done = matches!(state, Some(State::Done { .. }));
        let (said, expected) = match act {
            Act::Renew { .. } => {
                let can = matches!(state, Some(State::Running { .. }));
                (store.renew(&hold).await, can)
            }
            Act::Finish { ends, .. } => {
                let finished = Finished::Kept(answer(&format!("of {holder}")));
                let keep_for = if ends { Duration::ZERO } else { HOUR };
                (
                    store.finish(&hold, &finished, keep_for).await,
                    state.is_some(),
                )
            }
            Act::Release { .. } => (store.release(&hold).await, state.is_some() && !is_done),
            _ => (store.give_up(&hold).await, state.is_some() && !is_done),
        };
        prop_assert_eq!(said.unwrap() == Held::Yes, expected);
        if expected && !is_done {
            self.note(act, key, holder);
        }
        Ok(())
    }

    fn note(&mut self, act: Act, key: usize, holder: usize) {
        let is_dead = self.holders[holder].claiming.terms.lease.is_zero();
        match act {
            Act::Release { .. } => {
                self.rows.remove(&key);
            }
            Act::Finish { ends, .. } => {
                self.holders[holder].finished += 1;
                self.rows.entry(key).and_modify(|row| {
                    row.state = State::Done {
                        by: Some(holder),
                        has_ended: ends,
                    };
                });
            }
            Act::Renew { .. } => {
                self.rows
                    .entry(key)
                    .and_modify(|row| row.state = State::Running { is_dead });
            }
            _ => {
                self.rows
                    .entry(key)
                    .and_modify(|row| row.state = State::Unknown);
            }
        }
    }

    async fn settle(&mut self, store: &Store, key: usize, ran: bool) -> Result<(), TestCaseError> {
        let verdict = if ran { Verdict::Ran } else { Verdict::NeverRan };
        let settled = store
            .settle("stripe", &format!("k{key}"), "", verdict)
            .await
            .unwrap();
        let state = self.rows.get(&key).map(|row| row.state);
        prop_assert_eq!(settled == Settled::Yes, state == Some(State::Unknown));
        prop_assert_eq!(settled == Settled::NoSuchKey, state.is_none());
        match (settled, ran) {
            (Settled::Yes, true) => {
                self.rows.entry(key).and_modify(|row| {
                    row.state = State::Done {
                        by: None,
                        has_ended: false,
                    };
                    row.owner = None;
                });
            }
            (Settled::Yes, false) => {
                self.rows.remove(&key);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Empties the table and lets two agents live through `acts`.
async fn live(database: &Database, agents: &[Store; 2], acts: &[Act]) -> Result<(), TestCaseError> {
    database.sql("DELETE FROM idempotency_keys").await;
    let mut world = World::default();
    for act in acts {
        world
            .act(agents, *act)
            .await
            .map_err(|error| TestCaseError::fail(format!("{}: {act:?}: {error}", database.name)))?;
    }
    prop_assert!(world.holders.iter().all(|holder| holder.finished <= 1));
    Ok(())
}

/// Scenario: two agents on one database do anything in any order: they claim, with leases that hold and such as end at once, renew,
/// finish, release, give up and withdraw, also late and repeatedly; sweeps and operators come between.
/// Guarantees: each finds what the model says; a hold finishes at most once, and who has lost it writes nothing.
#[tokio::test]
async fn whatever_the_order_a_hold_finishes_once() {
    for (database, cases) in databases().await.into_iter().zip([60, 40]) {
        let agents = [database.open().await, database.open().await];
        let mut runner = TestRunner::new(Config {
            failure_persistence: None,
            ..Config::default()
        });
        let strategy = proptest::collection::vec(act(), 1..40);
        for _ in 0..cases {
            let mut acts = strategy.new_tree(&mut runner).unwrap();
            let Err(mut error) = live(&database, &agents, &acts.current()).await else {
                continue;
            };
            let mut smallest = acts.current();
            let mut smaller = acts.simplify();
            while smaller {
                smaller = match live(&database, &agents, &acts.current()).await {
                    Err(found) => {
                        (error, smallest) = (found, acts.current());
                        acts.simplify()
                    }
                    Ok(()) => acts.complicate(),
                };
            }
            panic!("{error}\n{smallest:#?}");
        }
        for store in agents {
            store.close().await;
        }
    }
}
