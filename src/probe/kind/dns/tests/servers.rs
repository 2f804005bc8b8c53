use super::server::first_server;
use super::*;

/// Scenario: resolv.conf(5) as it is found: comments, spaces, tabs, an address with a zone, several servers, none.
/// Guarantees: the first server counts; without one it is this machine, as the manual says.
#[test]
fn the_first_server_of_the_system_is_asked() {
    let cases = [
        ("nameserver 192.0.2.1\nnameserver 192.0.2.2\n", "192.0.2.1"),
        (
            "# nameserver 192.0.2.1\n;nameserver 192.0.2.1\nsearch example\nnameserver\t fe80::1%eth0  # x\n",
            "fe80::1%eth0",
        ),
        (
            "nameservers 192.0.2.1\nnameserver\noptions edns0\n",
            "127.0.0.1",
        ),
        ("", "127.0.0.1"),
    ];
    for (text, expected) in cases {
        assert_eq!(first_server(text), expected, "{text:?}");
    }
}

/// Scenario: an answer does not fit into UDP.
/// Guarantees: the question is asked again over TCP, at the same server, and the phases say so.
#[tokio::test]
async fn a_truncated_answer_is_fetched_over_tcp() {
    let (fake, server) = Fake::bind().await;
    let serving = async {
        fake.answer_udp(|question| vec![two_addresses(question).truncate().to_vec().unwrap()])
            .await;
        fake.answer_tcp(|question| framed(&two_addresses(question).to_vec().unwrap()))
            .await;
    };
    let ((), (checked, run)) = tokio::join!(serving, checked(server, "shop.example"));
    assert_eq!(checked, Ok(()));
    let expected = [Phase::Resolve, Phase::Query, Phase::Connect, Phase::Query];
    assert_eq!(phases(&run), expected);
}

/// Scenario: the settings ask for TCP.
/// Guarantees: nothing is asked over UDP.
#[tokio::test]
async fn tcp_is_asked_where_the_settings_say_so() {
    let (fake, server) = Fake::bind().await;
    let asked = DnsProbeSettings {
        tcp: true,
        ..DnsProbeSettings::default()
    };
    let (check, run) = (check(server, "shop.example", asked), a_run());
    let serving = fake.answer_tcp(|question| framed(&two_addresses(question).to_vec().unwrap()));
    let ((), checked) = tokio::join!(serving, check.check(&run));
    assert_eq!(checked, Ok(()));
    assert_eq!(phases(&run), [Phase::Resolve, Phase::Connect, Phase::Query]);
    let nothing = fake.udp.try_recv(&mut [0; 1]).unwrap_err();
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
}

/// Scenario: the first question is lost.
/// Guarantees: it is asked again after a third of the time, under the same id, and the run succeeds.
#[tokio::test]
async fn a_lost_question_is_asked_again() {
    let (fake, server) = Fake::bind().await;
    let serving = async {
        let (first, _) = fake.asked().await;
        let begun = tokio::time::Instant::now();
        fake.answer_udp(|again| {
            assert_eq!(first.metadata.id, again.metadata.id);
            vec![two_addresses(again).to_vec().unwrap()]
        })
        .await;
        begun.elapsed()
    };
    let (waited, (checked, _)) = tokio::join!(serving, checked(server, "shop.example"));
    assert_eq!(checked, Ok(()));
    assert!(waited > Duration::from_millis(900), "after {waited:?}");
}

/// Scenario: a port where nobody listens, asked over UDP and over TCP.
/// Guarantees: the run ends at once as refused, in the phase in which that was found.
#[tokio::test]
async fn nobody_there_is_refused_at_once() {
    let (fake, server) = Fake::bind().await;
    drop(fake);
    for (tcp, phase) in [(false, Phase::Query), (true, Phase::Connect)] {
        let asked = DnsProbeSettings {
            tcp,
            ..DnsProbeSettings::default()
        };
        let (check, run) = (check(server, "shop.example", asked), a_run());
        let checked = within(Duration::from_secs(2), check.check(&run)).await;
        assert_eq!(checked.unwrap().unwrap_err().reason, Reason::Refused);
        assert_eq!(run.last_phase(), Some(phase));
    }
}

/// Scenario: the server has two addresses, and listens at the second only.
/// Guarantees: the second is asked.
#[tokio::test]
async fn the_next_address_is_asked_where_nobody_listens() {
    let (gone, dead) = Fake::bind().await;
    drop(gone);
    let (fake, alive) = Fake::bind().await;
    let (check, run) = (
        check(alive, "shop.example", DnsProbeSettings::default()),
        a_run(),
    );
    let exchange = Exchange::new(&run, &check.question).unwrap();
    let serving = fake.answer_udp(|question| vec![two_addresses(question).to_vec().unwrap()]);
    let servers = [dead, alive];
    let ((), heard) = tokio::join!(serving, exchange.udp_or_tcp(&servers));
    assert_eq!(heard.unwrap().answers.len(), 2);
}
