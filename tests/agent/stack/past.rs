//! An agent to which everything that it counts has happened once.

use std::time::Duration;

use crate::fixture::{
    Agent, Authority, Config, Reaction, Signal, Sink, Transport, eventually, get, own_loopback,
    request,
};
use crate::gateway::fixture::{Answer, Upstream};
use crate::probes::servers::RedisServer;
use crate::series::shop;

/// The agent, and what it depends on.
pub struct Past {
    pub agent: Agent,
    _sinks: [Sink; 2],
    _servers: [RedisServer; 2],
    shop: Upstream,
}

impl Past {
    /// It forwarded, let requests through and held them back, refused, was refused, tried again, gave up, and checked what works and what does not.
    pub async fn of_everything() -> Past {
        let (sink, gone) = (Sink::start().await, Sink::at(own_loopback(), None));
        let (authority, address) = (Authority::new(), own_loopback());
        let secure = Sink::start_tls(address, &authority.certify(address), None).await;
        let primary = RedisServer::start(&[]).await;
        let replica = RedisServer::replica_of(&primary).await;
        let shop = Upstream::start().await;
        let mut agent = Agent::installed(Config::to(&sink));
        let ca = agent.write("ca.pem", &authority.certificate_pem);
        agent.change(|config| {
            config
                .set("receive.max_connections", 8)
                .export("gone", &gone)
                .set("export.gone.max_age", "1s")
                .set("probe.gone.url", format!("tcp://{}", gone.address()))
                .set("probe.gone.failures", 1)
                .set("probe.mail.url", format!("tls://{}", secure.address()))
                .set("probe.mail.tls.ca_file", ca)
                .set("probe.sessions.url", replica.url(""))
                .set("probe.sessions.every", "200ms")
                .set("route.shop.upstream", shop.url())
                .set("route.shop.prefix", "/shop")
                .set("route.shop.breaker.failures", 1)
                .set("route.shop.retry.attempts", 1)
        });
        agent.restart().await;
        let past = Past {
            agent,
            _sinks: [sink, secure],
            _servers: [primary, replica],
            shop,
        };
        past.happen().await;
        past
    }

    async fn happen(&self) {
        let (agent, [sink, _]) = (&self.agent, &self._sinks);
        sink.next([Reaction::TryLater(None), Reaction::Refuse]);
        for transport in Transport::BOTH {
            let mut sender = agent.sender(transport);
            for signal in Signal::ALL {
                sender.must_send(signal, &request(signal, 0..5)).await;
            }
            sender.send(Signal::Logs, &"rubbish".into()).await.unwrap();
        }
        shop::visit(agent, 2).await;
        self.shop.next([Answer::ok(), Answer::reply(500, &[], "")]);
        for status in [200, 500, 503] {
            let reply = get(agent.gateway(), "/shop/orders").await.unwrap();
            assert_eq!(reply.status, status, "{}", reply.text());
        }
        agent.metrics().await;
        agent.drained().await;
        let gave_up = "the dead export gave up";
        agent
            .ledger_where(gave_up, |ledger| ledger.export("gone").waiting == 0)
            .await;
        let checked = [
            "lineside_probe_up{kind=\"tcp\",probe=\"gone\"} 0",
            "lineside_probe_certificate_end_seconds{",
            "db_server_replication_lag_seconds{",
        ];
        eventually("the probes have run", Duration::from_secs(30), async || {
            let metrics = agent.metrics().await;
            checked
                .iter()
                .all(|sample| metrics.contains(sample))
                .then_some(())
        })
        .await;
    }
}
