//! What ids look like.

/// How long an id is that begins `text` and may hold more than letters and digits: a UUID, a date, an address, an
/// e-mail address, a long token. `bound`: whether it continues a word.
pub(super) fn long_id(text: &str, bound: bool) -> Option<usize> {
    let len = uuid(text)
        .or_else(|| date(text))
        .or_else(|| if bound { None } else { address(text) })
        .or_else(|| if bound { None } else { email(text) })
        .or_else(|| token(text))?;
    let after = text[len..].chars().next();
    after
        .is_none_or(|one| !one.is_alphanumeric())
        .then_some(len)
}

fn uuid(text: &str) -> Option<usize> {
    const LEN: usize = 36;
    let uuid = text.as_bytes().get(..LEN)?;
    let fits = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    uuid.iter().enumerate().all(fits).then_some(LEN)
}

/// `2024-01-31`, with or without a time behind it.
fn date(text: &str) -> Option<usize> {
    const PATTERN: &[u8] = b"0000-00-00";
    let date = text.as_bytes().get(..PATTERN.len())?;
    let fits = |(pattern, byte): (&u8, &u8)| match pattern {
        b'0' => byte.is_ascii_digit(),
        _ => byte == pattern,
    };
    if !PATTERN.iter().zip(date).all(fits) {
        return None;
    }
    let time = text[PATTERN.len()..].strip_prefix(['T', 't']);
    let time_len = time.map_or(0, |time| {
        1 + run(time, |byte| {
            byte.is_ascii_digit() || b":.Zz+-".contains(&byte)
        })
    });
    Some(PATTERN.len() + time_len)
}

/// An IP address with or without a port, a MAC address, or a time of day.
fn address(text: &str) -> Option<usize> {
    let len = run(text, |byte| byte.is_ascii_digit() || byte == b'.');
    if is_ipv4(&text[..len]) {
        let port = text[len..].strip_prefix(':');
        let port_len = port.map_or(0, |port| run(port, |byte| byte.is_ascii_digit()));
        return Some(len + if port_len > 0 { port_len + 1 } else { 0 });
    }
    let len = run(text, |byte| byte.is_ascii_hexdigit() || byte == b':');
    let groups = text[..len].bytes().filter(|byte| *byte == b':').count();
    let has_digit = text[..len].bytes().any(|byte| byte.is_ascii_digit());
    let short = text[..len].split(':').all(|group| group.len() <= 4);
    (groups >= 2 && has_digit && short).then_some(len)
}

/// Whether `text` is four numbers below 256 with dots between.
pub(super) fn is_ipv4(text: &str) -> bool {
    text.parse::<std::net::Ipv4Addr>().is_ok()
}

fn email(text: &str) -> Option<usize> {
    let local = run(text, |byte| {
        byte.is_ascii_alphanumeric() || b"._+-".contains(&byte)
    });
    let host = text[local..].strip_prefix('@')?;
    let host_len = run(host, |byte| {
        byte.is_ascii_alphanumeric() || b".-".contains(&byte)
    });
    let (_, top) = host[..host_len].rsplit_once('.')?;
    let is_name = top.len() >= 2 && top.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_name.then_some(local + 1 + host_len)
}

/// A token with the characters of base64, of which `-` and `_` also stand between words.
fn token(text: &str) -> Option<usize> {
    let len = run(text, |byte| {
        byte.is_ascii_alphanumeric() || b"-_+=".contains(&byte)
    });
    let token = &text[..len];
    let classes = [
        u8::is_ascii_digit,
        u8::is_ascii_lowercase,
        u8::is_ascii_uppercase,
    ];
    let has_all = classes
        .iter()
        .all(|class| token.bytes().any(|byte| class(&byte)));
    let pieces = token.split(['-', '_', '+', '=']);
    let runs: usize = pieces.map(runs).sum();
    (len >= 20 && has_all && len * 10 < runs * 22).then_some(len)
}

/// Whether `atom` is a hexadecimal number: `0x1f`, or eight digits and more.
pub(super) fn is_hex(atom: &str) -> bool {
    let (digits, least) = match atom.strip_prefix("0x") {
        Some(digits) => (digits, 1),
        None => (atom, 8),
    };
    digits.len() >= least && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether letters and digits alternate as they do in no word: words have runs of three letters and more.
pub(super) fn is_random(atom: &str) -> bool {
    if !atom.is_ascii() {
        return false;
    }
    let digits = atom.bytes().filter(u8::is_ascii_digit).count();
    let (len, runs) = (atom.len(), runs(atom));
    match len {
        0..10 => false,
        10..16 => digits >= 2 && len < runs * 2,
        16..20 => digits >= 1 && len < runs * 3,
        _ => digits >= 1 && len < runs * 3 || len * 10 < runs * 22,
    }
}

/// In how many runs `text` falls: capitals with the small letters behind them, or digits.
fn runs(text: &str) -> usize {
    let class = |byte: u8| match byte {
        b'0'..=b'9' => 0,
        b'A'..=b'Z' => 1,
        _ => 2,
    };
    let bytes = text.as_bytes();
    let starts = bytes.windows(2).filter(|pair| {
        let (before, here) = (class(pair[0]), class(pair[1]));
        before != here && !(before == 1 && here == 2)
    });
    starts.count() + usize::from(!bytes.is_empty())
}

fn run(text: &str, belongs: impl Fn(u8) -> bool) -> usize {
    let end = text.bytes().position(|byte| !belongs(byte));
    end.unwrap_or(text.len())
}
