//! `vectors/rotation.json`: the refresh rule at its boundaries, and the text of refresh tokens, as data for every
//! language. Times are milliseconds; `row` is the row of the table in `session/mod.rs`.

#![expect(clippy::expect_used, reason = "a test may panic, and these functions are all test")]

use std::time::Duration;

use countersign_core::session::{MacKey, Place, RefreshToken, Shown, State, Verdict, Windows};
use countersign_core::{Secret, SessionId, Timestamp, UserId};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    verdicts: Vec<Judged>,
    tokens: Vec<Sealed>,
    malformed: Vec<Refused>,
    forged: Vec<Refused>,
}

#[derive(Deserialize)]
struct Judged {
    name: String,
    row: u8,
    windows: Spans,
    state: Confirmed,
    shown: Token,
    now: Timestamp,
    verdict: String,
    next: Option<Confirmed>,
    child: Option<Stands>,
}

#[derive(Deserialize)]
struct Spans {
    flight: u64,
    grace: u64,
}

#[derive(Deserialize)]
struct Stands {
    depth: u32,
    slot: Timestamp,
    parent_slot: Timestamp,
}

#[derive(Deserialize)]
struct Confirmed {
    #[serde(flatten)]
    place: Stands,
    confirmed_at: Timestamp,
}

#[derive(Deserialize)]
struct Token {
    #[serde(flatten)]
    place: Stands,
    issued: Timestamp,
}

#[derive(Deserialize)]
struct Sealed {
    name: String,
    key: String,
    salt: String,
    user: UserId,
    session: SessionId,
    #[serde(flatten)]
    token: Token,
    text: String,
}

#[derive(Deserialize)]
struct Refused {
    name: String,
    text: String,
}

impl Stands {
    fn place(&self) -> Place {
        Place { depth: self.depth, slot: self.slot, parent_slot: self.parent_slot }
    }
}

impl Confirmed {
    fn state(&self) -> State {
        State { place: self.place.place(), confirmed_at: self.confirmed_at }
    }
}

impl Token {
    fn of(&self, user: UserId, session: SessionId) -> RefreshToken {
        RefreshToken { user, session, place: self.place.place(), issued: self.issued }
    }
}

impl Sealed {
    fn key(&self) -> MacKey {
        MacKey::new(&secret(&self.key))
    }

    fn salt(&self) -> Secret<16> {
        secret(&self.salt)
    }
}

fn secret<const N: usize>(hex: &str) -> Secret<N> {
    let digits = hex.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).expect("hex is ASCII");
        u8::from_str_radix(pair, 16).expect("the vectors hold hex")
    });
    Secret::from_slice(&digits.collect::<Vec<_>>()).expect("the length in the vectors")
}

fn vectors() -> Vectors {
    let text = include_str!("../../../vectors/rotation.json");
    serde_json::from_str(text).expect("the vectors have this form")
}

#[test]
fn every_verdict_is_as_written() {
    let cases = vectors().verdicts;
    for row in 1..=6 {
        let of_row = cases.iter().filter(|case| case.row == row).count();
        assert!(of_row >= 2, "the vector file was cut: row {row}");
    }
    for case in cases {
        let windows = Windows::new(
            Duration::from_millis(case.windows.flight),
            Duration::from_millis(case.windows.grace),
        )
        .unwrap();
        let state = case.state.state();
        let shown = case.shown.of(UserId::from_bytes([1; 16]), SessionId::from_bytes([2; 16]));

        let verdict = state.judge(&shown, case.now, &windows);
        let name = match verdict {
            Verdict::Adopt(_) => "adopt",
            Verdict::Confirm(_) => "confirm",
            Verdict::Repeat => "repeat",
            Verdict::Reuse => "reuse",
            Verdict::Switch(_) => "switch",
        };
        assert_eq!(name, case.verdict, "vector: {}", case.name);
        assert_eq!(verdict.next(), case.next.as_ref().map(Confirmed::state), "vector: {}", case.name);

        let answers = verdict.mints().then(|| verdict.next().unwrap_or(state));
        let child = answers.map(|state| state.child(case.now, &windows));
        assert_eq!(child, case.child.as_ref().map(Stands::place), "vector: {}", case.name);
    }
}

#[test]
fn every_token_has_the_text_written() {
    let cases = vectors().tokens;
    assert!(cases.len() >= 4, "the vector file was cut");
    for case in cases {
        let token = case.token.of(case.user, case.session);
        assert_eq!(token.seal(&case.key(), &case.salt()), case.text, "vector: {}", case.name);

        let shown = Shown::parse(&case.text).expect("a token of the vectors");
        assert_eq!(shown.verify(&case.key(), &case.salt()), Ok(token), "vector: {}", case.name);
    }
}

#[test]
fn every_other_text_is_refused() {
    let vectors = vectors();
    assert!(vectors.malformed.len() >= 10 && vectors.forged.len() >= 3, "the vector file was cut");
    for case in &vectors.malformed {
        assert!(Shown::parse(&case.text).is_err(), "vector: {}", case.name);
    }
    let genuine = &vectors.tokens[0];
    for case in &vectors.forged {
        let shown = Shown::parse(&case.text).unwrap_or_else(|bad| panic!("vector: {}: {bad}", case.name));
        assert!(shown.verify(&genuine.key(), &genuine.salt()).is_err(), "vector: {}", case.name);
    }
}
