use super::*;

/// What others may put before the answer.
fn made_up(question: &Message) -> Vec<Vec<u8>> {
    let mut other_id = two_addresses(question);
    other_id.metadata.id ^= 1;
    let mut other_name = two_addresses(question);
    other_name.queries[0].set_name(name("evil.example."));
    let mut no_question = two_addresses(question);
    no_question.queries.clear();
    let mut a_question = question.clone();
    a_question.answers.clear();
    let messages = [other_id, other_name, no_question, a_question];
    let mut all: Vec<_> = messages
        .iter()
        .map(|message| message.to_vec().unwrap())
        .collect();
    all.push(Vec::new());
    all.push(vec![0; 11]);
    all
}

/// Scenario: before the answer come packets with another id, to another question, to none, the question itself, an empty
/// one and a short one.
/// Guarantees: all of them are passed over, and the answer counts.
#[tokio::test]
async fn what_is_not_the_answer_is_passed_over() {
    let (fake, server) = Fake::bind().await;
    let serving = fake.answer_udp(|question| {
        let mut all = made_up(question);
        all.push(two_addresses(question).to_vec().unwrap());
        all
    });
    let ((), (checked, run)) = tokio::join!(serving, checked(server, "shop.example"));
    assert_eq!(checked, Ok(()));
    assert_eq!(run.take().readings[0].value, 2.0);
}

/// Scenario: only what is not the answer comes.
/// Guarantees: the run goes on waiting, in the phase of the question.
#[tokio::test]
async fn without_an_answer_it_waits() {
    let (fake, server) = Fake::bind().await;
    let (run, check) = (
        a_run(),
        check(server, "shop.example", DnsProbeSettings::default()),
    );
    let serving = fake.answer_udp(made_up);
    let waiting = within(Duration::from_millis(300), check.check(&run));
    let ((), waited) = tokio::join!(serving, waiting);
    assert!(waited.is_err(), "it ended: {waited:?}");
    assert_eq!(run.last_phase(), Some(Phase::Query));
}

/// A message whose only record has the name `owner`, byte for byte.
fn with_owner(question: &Message, owner: &[u8]) -> Vec<u8> {
    let mut message = answer(question, &[]).to_vec().unwrap();
    message[7] = 1; // ANCOUNT
    message.extend(owner);
    message.extend([0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 1]);
    message
}

/// Scenario: the answer has names that point to themselves, forward, in a circle, and behind its end; a record longer than
/// the answer; more records than there are; and it is cut off within a record.
/// Guarantees: each is a failure of the protocol, at once.
#[tokio::test]
async fn broken_answers_are_failures_of_the_protocol() {
    // The question is 12 + 14 + 4 bytes long: the owner's name begins at 30.
    let owners: [&[u8]; 5] = [
        &[0xc0, 30],
        &[0xc0, 40],
        &[1, b'a', 0xc0, 30],
        &[0xff, 0xff],
        &[0x80, 1],
    ];
    for owner in owners {
        let (fake, server) = Fake::bind().await;
        let serving = fake.answer_udp(|question| vec![with_owner(question, owner)]);
        let ((), (checked, _)) = tokio::join!(serving, checked(server, "shop.example"));
        assert_eq!(checked.unwrap_err().reason, Reason::Protocol, "{owner:?}");
    }
    let broken: [fn(&mut Vec<u8>); 3] = [
        |whole| whole.truncate(whole.len() - 2),
        |whole| whole[7] = 200,
        |whole| *whole.last_chunk_mut::<6>().unwrap() = [0xff; 6],
    ];
    for (number, breaks) in broken.into_iter().enumerate() {
        let (fake, server) = Fake::bind().await;
        let serving = fake.answer_udp(|question| {
            let mut whole = two_addresses(question).to_vec().unwrap();
            breaks(&mut whole);
            vec![whole]
        });
        let ((), (checked, _)) = tokio::join!(serving, checked(server, "shop.example"));
        let failure = checked.unwrap_err();
        assert_eq!(failure.reason, Reason::Protocol, "{number}: {failure}");
    }
}

/// Scenario: over TCP the server answers another question, garbage, less than it announces, or nothing.
/// Guarantees: what is not the answer is a failure of the protocol; what ends early was closed.
#[tokio::test]
async fn over_tcp_only_the_answer_counts() {
    type Wrong = fn(&Message) -> Vec<u8>;
    let wrong: [(Wrong, Reason); 5] = [
        (|question| framed(&made_up(question)[0]), Reason::Protocol),
        (|question| framed(&made_up(question)[1]), Reason::Protocol),
        (|_| framed(&[0xff; 600]), Reason::Protocol),
        (|_| vec![0xff, 0xff, 1, 2, 3], Reason::Closed),
        (|_| Vec::new(), Reason::Closed),
    ];
    for (number, (sent, reason)) in wrong.into_iter().enumerate() {
        let (fake, server) = Fake::bind().await;
        let asked = DnsProbeSettings {
            tcp: true,
            ..DnsProbeSettings::default()
        };
        let (check, run) = (check(server, "shop.example", asked), a_run());
        let ((), checked) = tokio::join!(fake.answer_tcp(sent), check.check(&run));
        assert_eq!(checked.unwrap_err().reason, reason, "{number}");
    }
}

/// Scenario: ten thousand random changes to a good answer: bytes replaced, cut off, doubled.
/// Guarantees: reading it never panics and never takes long; what is still read is judged.
#[test]
fn random_changes_never_panic() {
    let url = ProbeUrl::parse("dns://192.0.2.1/shop.example?type=A").unwrap();
    let check = DnsCheck::new(&ProbeSettings::new(url)).unwrap();
    let question = Message::from_vec(&check.question.message(7).unwrap()).unwrap();
    let mx = RData::MX(MX::new(10, name("mail.shop.example.")));
    let txt = RData::TXT(TXT::new(vec!["text".to_owned()]));
    let records = [
        ("shop.example.", address(1)),
        ("shop.example.", mx),
        ("shop.example.", txt),
    ];
    let good = answer(&question, &records).to_vec().unwrap();
    let mut random = fastrand::Rng::with_seed(20_260_501);
    let (mut read, begun) = (0, std::time::Instant::now());
    for _ in 0..10_000 {
        let mut bytes = good.clone();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(..bytes.len());
            match random.u8(..4) {
                0 => bytes.truncate(at.max(1)),
                1 => bytes.extend_from_within(at..),
                _ => bytes[at] = random.u8(..),
            }
        }
        if let Ok(message) = Message::from_vec(&bytes) {
            let answer = Answer::read(&message, &check.question);
            check.told(&a_run(), &answer);
            read += usize::from(check.judge(&answer).is_ok());
        }
    }
    assert!(read > 100, "only {read} were still good");
    assert!(begun.elapsed() < Duration::from_secs(20));
}
