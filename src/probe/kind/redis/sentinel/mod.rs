//! Redis Sentinel: whether sentinels, master and replicas agree on who is what.

mod parts;
mod places;
mod replicas;
#[cfg(test)]
mod tests;
mod verdict;
mod view;

use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use serde_json::json;
use tokio::time::{Instant, timeout};

use self::parts::{held, share, two_at_once};
use self::replicas::OwnWord;
use self::verdict::{Agreement, Heard};
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
        let sentinels = places::places(settings)?.into_iter().map(|place| {
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
    ) -> OwnWord {
        let began = Instant::now();
        let info = match self.ask_server(run, share, place).await {
            Ok(info) => info,
            Err(failure) => return OwnWord::Silent(failure),
        };
        let Some(role) = Role::of(&info) else {
            let message = "it does not say what it is";
            return OwnWord::Silent(Failure::new(Reason::Protocol, message));
        };
        let follows = match &role {
            Role::Primary => false,
            Role::Replica(upstream) => {
                let left = share.saturating_sub(began.elapsed());
                let same = timeout(left, is_same(&upstream.place, master));
                same.await.unwrap_or(false)
            }
        };
        OwnWord::Says { role, follows }
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
        let views = replicas::known(heard);
        let (to_ask, others) = views.split_at(views.len().min(MAX_ASKED));
        let ask = two_at_once(to_ask, |view, turns| async move {
            let share = share(run, REPLICAS_UNTIL, turns);
            self.ask_replica(run, share, &view.place, master).await
        });
        let mut asked = ask.await;
        asked.extend(others.iter().map(|_| OwnWord::NotAsked));
        let seen_by_master = Replica::all(info);
        replication::measure(run, &seen_by_master);
        let mut facts = Vec::new();
        let mut following = 0_u32;
        for (view, asked) in views.iter().zip(&asked) {
            let seen = seen_by_master.iter().find(|seen| seen.place == view.place);
            let (follows, trouble) = replicas::judge(view, asked, master, seen, self.lag_warn);
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
