use super::*;

/// Scenario: a server answers with records of each type, among others that only lead there.
/// Guarantees: success; records of the type are told as a zone file writes them, with their number, the least time to
/// live, and the code.
#[tokio::test]
async fn records_are_told_as_a_zone_file_writes_them() {
    let mx = RData::MX(MX::new(10, name("mail.shop.example.")));
    let txt = RData::TXT(TXT::new(vec!["v=spf1 ".to_owned(), "-all".to_owned()]));
    let srv = RData::SRV(SRV::new(1, 2, 5432, name("db.shop.example.")));
    let alias = RData::CNAME(CNAME(name("web.example.")));
    let cases = [
        ("A", vec![alias.clone(), address(7)], "10.0.0.7"),
        ("CNAME", vec![alias, address(7)], "web.example."),
        ("MX", vec![mx], "10 mail.shop.example."),
        ("TXT", vec![txt], "v=spf1 -all"),
        ("SRV", vec![srv], "1 2 5432 db.shop.example."),
    ];
    for (kind, records, expected) in cases {
        let (fake, server) = Fake::bind().await;
        let serving = fake.answer_udp(|question| {
            assert_eq!(question.queries[0].name(), &name("shop.example."));
            assert!(question.metadata.recursion_desired);
            let records: Vec<_> = records
                .into_iter()
                .map(|data| ("shop.example.", data))
                .collect();
            let mut answer = answer(question, &records);
            answer.answers[0].ttl = 30;
            vec![answer.to_vec().unwrap()]
        });
        let asked = format!("shop.example?type={kind}");
        let ((), (checked, run)) = tokio::join!(serving, checked(server, &asked));
        assert_eq!(checked, Ok(()), "{kind}");
        let found = run.take();
        assert_eq!(found.facts["answers"], serde_json::json!([expected]));
        assert_eq!(found.facts["ttl"], 30);
        assert_eq!(found.facts["rcode"], "NOERROR");
        let readings: Vec<_> = found
            .readings
            .iter()
            .map(|one| (&*one.metric, one.value))
            .collect();
        assert_eq!(readings, [("dns.answers", 1.0), ("dns.ttl", 30.0)]);
        let laps: Vec<_> = found.laps.iter().map(|lap| lap.phase).collect();
        assert_eq!(laps, [Phase::Resolve, Phase::Query]);
    }
}

/// Scenario: servers answer with every code that has a meaning, with nothing of the type, and with an error that leaves
/// the question out.
/// Guarantees: each has its reason and its code in the message.
#[tokio::test]
async fn codes_have_their_reasons() {
    use ResponseCode::{FormErr, NXDomain, NoError, NotImp, Refused, ServFail, YXDomain};
    let cases = [
        (
            NXDomain,
            Reason::Missing,
            "the name does not exist (NXDOMAIN)",
        ),
        (
            ServFail,
            Reason::Unavailable,
            "the server could not find out (SERVFAIL)",
        ),
        (
            Refused,
            Reason::Permission,
            "the server refuses to answer (REFUSED)",
        ),
        (
            FormErr,
            Reason::Protocol,
            "the server did not understand (FORMERR)",
        ),
        (
            NotImp,
            Reason::Protocol,
            "the server answers no such question (NOTIMP)",
        ),
        (
            YXDomain,
            Reason::Query,
            "the server answered with an error (6)",
        ),
        (NoError, Reason::Missing, "the name has no A records"),
    ];
    for (code, reason, message) in cases {
        let (fake, server) = Fake::bind().await;
        let serving = fake.answer_udp(|question| vec![refusal(question, code)]);
        let ((), (checked, run)) = tokio::join!(serving, checked(server, "shop.example"));
        let failure = checked.unwrap_err();
        assert_eq!(
            (failure.reason, failure.message.as_str()),
            (reason, message)
        );
        let counted = run
            .take()
            .readings
            .iter()
            .any(|one| &*one.metric == ANSWERS && one.value == 0.0);
        let knows = matches!(code, NoError | NXDomain);
        assert_eq!(counted, knows, "{code}: whether there are records is known");
    }
    let (fake, server) = Fake::bind().await;
    let serving = fake.answer_udp(|question| {
        let mut answer = Message::response(question.metadata.id, OpCode::Query);
        answer.metadata.response_code = ServFail;
        vec![answer.to_vec().unwrap()]
    });
    let ((), (checked, _)) = tokio::join!(serving, checked(server, "shop.example"));
    assert_eq!(checked.unwrap_err().reason, Reason::Unavailable);
}

/// Scenario: two addresses, and patterns that match both, one and none, of which one or all must match.
/// Guarantees: what is expected decides, and the message shows what came instead.
#[tokio::test]
async fn expectations_decide() {
    let cases = [
        ("^10\\.", true, Ok(())),
        ("\\.2$", false, Ok(())),
        (
            "\\.2$",
            true,
            Err("1 of 2 answers match \\.2$, not all: 10.0.0.1, 10.0.0.2"),
        ),
        (
            "^192",
            false,
            Err("none of 2 answers matches ^192: 10.0.0.1, 10.0.0.2"),
        ),
        (
            "^192",
            true,
            Err("0 of 2 answers match ^192, not all: 10.0.0.1, 10.0.0.2"),
        ),
    ];
    for (pattern, all, expected) in cases {
        let (fake, server) = Fake::bind().await;
        let asked = DnsProbeSettings {
            expect: Some(pattern.to_owned()),
            expect_all: all,
            ..DnsProbeSettings::default()
        };
        let (check, run) = (check(server, "shop.example", asked), a_run());
        let serving = fake.answer_udp(|question| vec![two_addresses(question).to_vec().unwrap()]);
        let ((), checked) = tokio::join!(serving, check.check(&run));
        let checked = checked.map_err(|failure| (failure.reason, failure.message));
        let expected = expected.map_err(|text: &str| (Reason::Assertion, text.to_owned()));
        assert_eq!(checked, expected);
    }
}

/// Scenario: a hundred records, one of them very long.
/// Guarantees: twenty are shown, none longer than 300 characters, and a sentence about them is short.
#[test]
fn what_is_shown_is_short() {
    let mut texts: Vec<_> = (0..100).map(|number| format!("record {number}")).collect();
    texts[0] = "ö".repeat(65_000);
    let shown = answer::shown(&texts);
    assert_eq!(shown.len(), 20);
    assert_eq!(shown[0].chars().count(), 301);
    assert_eq!(shown[19], "record 19");
    texts[0] = "a\nb".to_owned();
    let listed = answer::listed(&texts);
    assert!(listed.starts_with("a b, record 1, "), "{listed}");
    assert_eq!(listed.chars().count(), 201);
}
