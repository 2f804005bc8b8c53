//! Redis Sentinel: whether sentinels, master and replicas agree on who is what.

mod verdict;
mod view;

use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use serde_json::json;
use tokio::time::timeout;

use self::verdict::{Agreement, Asked, Heard};
use self::view::View;
use super::connection::{Connection, Login};
use super::info::Info;
use super::replication::{Place, Replica, Role};
use super::resp::Command;
use super::server::served;
use super::{numbers, replication};
use crate::config::ProbeSettings;
use crate::dial::{self, ClientTls};
use crate::probe::connection::Address;
use crate::probe::failure::{Failure, Phase, Reason};
use crate::probe::kind::Check;
use crate::probe::metric::Metric;
use crate::probe::run::Run;
use crate::telemetry::names;

/// Shares of a run's time by whose end the sentinels, the master and the replicas have been asked. Who is dead takes the
/// time of nobody else.
const SENTINELS_UNTIL: f64 = 0.5;
const MASTER_UNTIL: f64 = 0.75;
const REPLICAS_UNTIL: f64 = 0.95;

/// Replicas that are asked themselves; of others the sentinels' word counts.
const MAX_ASKED: usize = 8;

/// Checks the group that some sentinels watch.
#[derive(Debug)]
pub(in crate::probe::kind) struct Sentinel {
    group: String,
    sentinels: Vec<(Place, Address)>,
    login: Login,
    server_login: Login,
    /// For the servers that the sentinels name, where the sentinels themselves have it.
    tls: Option<ClientTls>,
    lag_warn: Duration,
}

impl Sentinel {
    /// The check that `settings` ask for.
    ///
    /// # Errors
    ///
    /// Says what of the URL, the sentinels or the TLS settings cannot be used.
    pub(in crate::probe::kind) fn new(settings: &ProbeSettings) -> Result<Sentinel, String> {
        let redis = settings.redis.clone().unwrap_or_default();
        let tls = settings.tls.clone().map(ClientTls::from);
        let tls = settings.url.is_tls().then(|| tls.unwrap_or_default());
        let login = Login::of(settings);
        let sentinels = places(settings)?.into_iter().map(|place| {
            let address = address(&place, tls.as_ref())?;
            Ok((place, address))
        });
        Ok(Sentinel {
            group: settings.url.path(),
            sentinels: sentinels.collect::<Result<_, String>>()?,
            server_login: Login {
                user: redis.server_user.or(login.user.clone()),
                password: redis.server_password.or(login.password.clone()),
                database: 0,
            },
            login,
            tls,
            lag_warn: settings.lag_warn,
        })
    }

    async fn ask_sentinel(
        &self,
        run: &Run,
        share: Duration,
        place: &Place,
        address: &Address,
    ) -> Heard {
        let part = Run::begin(share, run.trace().clone());
        let asking = async {
            let mut connection = Connection::open(address, &self.login, &part).await?;
            let asking = View::ask(&mut connection, &self.group);
            part.phase(Phase::Query, asking).await
        };
        Heard {
            sentinel: place.clone(),
            said: held(run, &part, asking).await,
        }
    }

    /// Asks one of the servers for what it says of itself.
    async fn ask_server(&self, run: &Run, share: Duration, place: &Place) -> Result<Info, Failure> {
        let part = Run::begin(share, run.trace().clone());
        let asking = async {
            let address = address(place, self.tls.as_ref());
            let address = address.map_err(|error| Failure::new(Reason::Tls, error))?;
            let mut connection = Connection::open(&address, &self.server_login, &part).await?;
            let asking = async {
                let questions = ["PING", "INFO"].map(|name| Command::new(&[name]));
                let [ping, info] = connection.ask(questions).await?;
                served(&connection, ping, info)
            };
            part.phase(Phase::Query, asking).await
        };
        held(run, &part, asking).await
    }

    /// Asks a replica whom it follows.
    async fn ask_replica(
        &self,
        run: &Run,
        share: Duration,
        place: &Place,
        master: &Place,
    ) -> Asked {
        let info = match self.ask_server(run, share, place).await {
            Ok(info) => info,
            Err(failure) => return Asked::Silent(failure),
        };
        let Some(role) = Role::of(&info) else {
            let message = "it does not say what it is";
            return Asked::Silent(Failure::new(Reason::Protocol, message));
        };
        let follows = match &role {
            Role::Primary => false,
            Role::Replica(upstream) => {
                let same = is_same(&upstream.place, master);
                timeout(share, same).await.unwrap_or(false)
            }
        };
        Asked::Says { role, follows }
    }

    async fn look(&self, run: &Run, heard: &[Heard]) -> Result<(), Failure> {
        let Agreement {
            master,
            quorum,
            sentinels,
            warnings,
        } = verdict::agreement(&self.group, heard)?;
        run.fact("master", master.to_string());
        run.fact("quorum", quorum);
        run.reading(numbers::QUORUM, &[], quorum as f64);
        run.reading(numbers::SENTINELS, &[], sentinels as f64);
        for warning in warnings {
            run.warn(warning);
        }
        let info = self.ask_server(run, share(run, MASTER_UNTIL, 1), &master);
        let info = info.await;
        let info = info.map_err(|failure| verdict::master_lost(&master, failure))?;
        if let Some((_, version)) = info.version() {
            run.fact("server_version", version);
        }
        let role = Role::of(&info);
        if let Some(warning) = verdict::master(&master, role.as_ref(), heard)? {
            run.warn(warning);
        }
        self.look_at_replicas(run, heard, &master, &info).await;
        Ok(())
    }

    async fn look_at_replicas(&self, run: &Run, heard: &[Heard], master: &Place, info: &Info) {
        let views = verdict::replicas(heard);
        let (to_ask, others) = views.split_at(views.len().min(MAX_ASKED));
        let ask = two_at_once(to_ask, |view, turns| async move {
            let share = share(run, REPLICAS_UNTIL, turns);
            self.ask_replica(run, share, &view.place, master).await
        });
        let mut asked = ask.await;
        asked.extend(others.iter().map(|_| Asked::NotAsked));
        let seen_by_master = Replica::all(info);
        replication::measure(run, &seen_by_master);
        let mut facts = Vec::new();
        let mut following = 0_u32;
        for (view, asked) in views.iter().zip(&asked) {
            let seen = seen_by_master.iter().find(|seen| seen.place == view.place);
            let (follows, trouble) = verdict::replica(view, asked, master, seen, self.lag_warn);
            following += u32::from(follows);
            facts.push(json!({
                "name": view.place.to_string(),
                "follows": follows,
                "flags": view.flags,
                "lag_ms": seen.and_then(|seen| seen.lag_ms()),
            }));
            if let Some(trouble) = trouble {
                run.warn(trouble);
            }
        }
        run.fact("replicas", facts);
        run.reading(numbers::REPLICAS, &[], views.len() as f64);
        run.reading(numbers::REPLICAS_FOLLOWING, &[], f64::from(following));
    }
}

#[async_trait]
impl Check for Sentinel {
    fn attributes(&self) -> Vec<KeyValue> {
        let mut attributes = vec![KeyValue::new(names::DB_SYSTEM, "redis")];
        if let Some((_, address)) = self.sentinels.first() {
            attributes.extend(address.attributes());
        }
        attributes
    }

    fn metrics(&self) -> Vec<Metric> {
        numbers::of_sentinels()
    }

    async fn check(&self, run: &Run) -> Result<(), Failure> {
        let ask = two_at_once(&self.sentinels, |(place, address), turns| async move {
            let share = share(run, SENTINELS_UNTIL, turns);
            self.ask_sentinel(run, share, place, address).await
        });
        let heard = ask.await;
        let facts: Vec<_> = heard.iter().map(Heard::fact).collect();
        run.fact("sentinels", facts);
        let answering = heard.iter().filter(|heard| heard.said.is_ok()).count();
        run.reading(numbers::SENTINELS_ANSWERING, &[], answering as f64);
        self.look(run, &heard).await
    }
}

/// Does `work` for each of `things`, two at a time and in their order. It is told how many turns there are left with its
/// own.
async fn two_at_once<'a, T, F: Future>(
    things: &'a [T],
    work: impl Fn(&'a T, u32) -> F,
) -> Vec<F::Output> {
    let mut done = Vec::with_capacity(things.len());
    let mut turns = u32::try_from(things.len().div_ceil(2)).unwrap_or(u32::MAX);
    for pair in things.chunks(2) {
        match pair {
            [one, other] => done.extend(<[_; 2]>::from(tokio::join!(
                work(one, turns),
                work(other, turns)
            ))),
            rest => {
                for one in rest {
                    done.push(work(one, turns).await);
                }
            }
        }
        turns = turns.saturating_sub(1);
    }
    done
}

/// The time that one of `turns` may take, when all of them end with the share `until` of the run.
fn share(run: &Run, until: f64, turns: u32) -> Duration {
    let left = run.timeout().mul_f64(until).saturating_sub(run.elapsed());
    let share = left / turns.max(1);
    // In whole milliseconds, as it may be shown.
    Duration::from_millis(u64::try_from(share.as_millis()).unwrap_or(u64::MAX).max(1))
}

/// Holds `asking`, which tells `part` what it does, to the time that the part has. The run takes in its phases.
async fn held<T>(
    run: &Run,
    part: &Run,
    asking: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let asked = timeout(part.timeout(), asking).await;
    let phase = part.last_phase();
    run.take_in(part);
    let asked = asked.unwrap_or_else(|_| Err(Failure::timed_out(part.timeout(), phase)));
    asked.map_err(|failure| Failure {
        phase: failure.phase.or(phase),
        ..failure
    })
}

/// Whether both are one server, by whatever name.
async fn is_same(one: &Place, other: &Place) -> bool {
    if one == other || one.port != other.port {
        return one == other;
    }
    let resolved = tokio::join!(
        dial::resolve(&one.host, one.port),
        dial::resolve(&other.host, other.port)
    );
    let (Ok(one), Ok(other)) = resolved else {
        return false;
    };
    one.iter().any(|address| other.contains(address))
}

fn address(place: &Place, tls: Option<&ClientTls>) -> Result<Address, String> {
    Address::new(&place.host, place.port, tls, &[])
}

/// Every sentinel once: that of the URL, then the others.
fn places(settings: &ProbeSettings) -> Result<Vec<Place>, String> {
    let url = &settings.url;
    let mut places = Vec::new();
    places.extend(Place::of(&url.host(), &url.port().unwrap_or(0).to_string()));
    for text in settings.redis.iter().flat_map(|redis| &redis.sentinels) {
        let place = place(text)
            .ok_or_else(|| format!("redis.sentinels: \"{text}\" is not of the form host:port"))?;
        if !places.contains(&place) {
            places.push(place);
        }
    }
    Ok(places)
}

/// Reads `host:port`, where an IPv6 address stands in brackets.
fn place(text: &str) -> Option<Place> {
    let (host, port) = text.rsplit_once(':')?;
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match bare {
        Some(address) => Place::of(address, port),
        None if host.contains([':', '/', '@']) => None,
        None => Place::of(host, port),
    }
}
