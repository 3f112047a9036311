//! `countersign token verify --batch`: JSON lines in, JSON lines out, for the test vectors of others.
//!
//! ```text
//! {"hello":1}                                                   {"algs":["ES256","EdDSA","RS256","HS256"]}
//! {"id":7,"mode":"jws","jwks":{"keys":[…]},"token":"…"}         {"id":7,"ok":true,"error":null}
//! {"id":8,"mode":"jwt",…,"algs":["ES256"],                      {"id":8,"ok":false,"error":"expired"}
//!  "expect":{"now":1,"skew":0,"iss":"…","aud":"…","typ":"…"}}
//! ```
//!
//! Mode `jws` verifies the signature and reads no claims; `jwt` checks the registered claims too, and each
//! member of `expect` that is there. Every line is answered, in order, before the next is read.

use std::io::{BufRead, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use countersign_core::Timestamp;
use countersign_core::token::{Algorithm, Expected, KeySet, Unverified};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// The longest line, in bytes; a longer one is answered and skipped.
const MAX_LINE: u64 = 32 * 1024 * 1024;

const ALGORITHMS: [Algorithm; 4] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Hs256];

#[derive(Deserialize)]
struct Question<'q> {
    mode: Mode,
    // As it stands, so that a member that comes twice is seen.
    #[serde(borrow)]
    jwks: &'q RawValue,
    algs: Option<Vec<String>>,
    token: String,
    expect: Option<Asked>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Jws,
    Jwt,
}

#[derive(Deserialize, Default)]
struct Asked {
    now: Option<f64>,
    skew: Option<f64>,
    iss: Option<String>,
    aud: Option<String>,
    typ: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Hello { algs: [Algorithm; 4] },
    Verdict { id: Value, ok: bool, error: Option<String> },
}

/// Answers until the input ends. A line that is no question is answered too.
pub(super) fn run(mut stdin: impl BufRead, mut stdout: impl Write) -> anyhow::Result<ExitCode> {
    let mut line = Vec::new();
    while read_line(&mut stdin, &mut line)? {
        serde_json::to_writer(&mut stdout, &answer(&line))?;
        stdout.write_all(b"\n")?;
        stdout.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads one line, at most a byte more than [`MAX_LINE`] of it; false at the end of the input.
fn read_line(stdin: &mut impl BufRead, line: &mut Vec<u8>) -> anyhow::Result<bool> {
    line.clear();
    let length = stdin.by_ref().take(MAX_LINE + 1).read_until(b'\n', line)?;
    if length as u64 > MAX_LINE && line.last() != Some(&b'\n') {
        stdin.skip_until(b'\n')?;
    }
    Ok(length > 0)
}

fn answer(line: &[u8]) -> Answer {
    let known: Value = serde_json::from_slice(line).unwrap_or_default();
    if known.get("hello").is_some() {
        return Answer::Hello { algs: ALGORITHMS };
    }
    let error = verify(line).err().map(|error| format!("{error:#}"));
    Answer::Verdict { id: known.get("id").cloned().unwrap_or_default(), ok: error.is_none(), error }
}

fn verify(line: &[u8]) -> anyhow::Result<()> {
    if line.len() as u64 > MAX_LINE {
        bail!("the line is too long");
    }
    let question: Question<'_> = serde_json::from_slice(line).context("not a question")?;
    let keys = KeySet::danger_from_jwks_with_secrets(question.jwks.get().as_bytes()).context("jwks")?;
    let allowed = allowed(question.algs.as_deref());
    let expected = question.expect.unwrap_or_default().try_into()?;
    let verified = Unverified::parse_foreign(&question.token).and_then(|token| match question.mode {
        Mode::Jws => token.verify_jws(&keys, &allowed).map(drop),
        Mode::Jwt => token.verify_jwt(&keys, &allowed, &expected).map(drop),
    });
    verified.map_err(|reject| anyhow::Error::msg(reject.name()))
}

/// Of the algorithms in the list those that are ours; without a list, all.
fn allowed(names: Option<&[String]>) -> Vec<Algorithm> {
    match names {
        Some(names) => names.iter().filter_map(|name| name.parse().ok()).collect(),
        None => ALGORITHMS.to_vec(),
    }
}

impl TryFrom<Asked> for Expected {
    type Error = anyhow::Error;

    fn try_from(asked: Asked) -> anyhow::Result<Self> {
        let seconds = |seconds| Duration::try_from_secs_f64(seconds).context("not a number of seconds");
        Ok(Self {
            now: asked.now.map(seconds).transpose()?.map(|span| Timestamp::from_secs(0).plus(span)),
            leeway: asked.skew.map(seconds).transpose()?.unwrap_or_default(),
            issuer: asked.iss,
            audience: asked.aud,
            typ: asked.typ,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answers(lines: &[u8]) -> Vec<Value> {
        let mut stdout = Vec::new();
        run(lines, &mut stdout).unwrap();
        let text = String::from_utf8(stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn cases() -> Vec<Value> {
        let files = [
            include_str!("../../../../vectors/rfc7515.json"),
            include_str!("../../../../vectors/rfc7519.json"),
            include_str!("../../../../vectors/rfc7520.json"),
            include_str!("../../../../vectors/rfc8037.json"),
        ];
        let cases = |text| {
            let file: Value = serde_json::from_str(text).unwrap();
            file["cases"].as_array().unwrap().clone()
        };
        files.into_iter().flat_map(cases).collect()
    }

    /// One question, which `edit` may spoil.
    fn ask(edit: impl FnOnce(&mut Value)) -> Value {
        let mut question = cases().swap_remove(0);
        question["id"] = 1.into();
        edit(&mut question);
        answers(question.to_string().as_bytes()).swap_remove(0)
    }

    fn ok() -> Value {
        json!({"id": 1, "ok": true, "error": null})
    }

    fn refused(error: &str) -> Value {
        json!({"id": 1, "ok": false, "error": error})
    }

    #[test]
    fn the_examples_of_the_rfcs_in_order() {
        let line = |(id, mut case): (usize, Value)| {
            case["id"] = id.into();
            format!("{case}\r\n")
        };
        let lines: String = cases().into_iter().enumerate().map(line).collect();
        let answers = answers(lines.as_bytes());
        assert_eq!(answers.len(), cases().len());
        for (id, (case, answer)) in cases().iter().zip(answers).enumerate() {
            let ok = case["answer"] == "ok";
            let error = if ok { Value::Null } else { case["answer"].clone() };
            assert_eq!(answer, json!({"id": id, "ok": ok, "error": error}), "{}", case["name"]);
        }
    }

    #[test]
    fn hello_is_answered_with_the_algorithms() {
        assert_eq!(answers(b"{\"hello\":1}"), [json!({"algs": ["ES256", "EdDSA", "RS256", "HS256"]})]);
    }

    #[test]
    fn a_list_of_algorithms_is_kept() {
        assert_eq!(ask(|question| question["algs"] = json!(["PS256", "HS256"])), ok());
        assert_eq!(ask(|question| question["algs"] = Value::Null), ok());
        for algs in [json!([]), json!(["RS256"]), json!(["hs256"])] {
            assert_eq!(ask(|question| question["algs"] = algs), refused("algorithm"));
        }
    }

    #[test]
    fn times_may_be_fractions() {
        let at = |now: f64, skew: f64| {
            ask(|question| {
                question["mode"] = "jwt".into();
                question["expect"] = json!({"now": now, "skew": skew});
            })
        };
        assert_eq!(at(1_300_819_379.999, 0.0), ok());
        assert_eq!(at(1_300_819_380.25, 0.5), ok());
        assert_eq!(at(1_300_819_380.25, 0.25), refused("expired"));
    }

    #[test]
    fn a_line_that_is_no_question_is_answered_and_the_run_goes_on() {
        let good = json!({"id": "last", "mode": "jws", "jwks": {"keys": []}, "token": ".."});
        let lines = format!("\nnonsense\n[]\n{{\"id\":3}}\n{{\"id\":[4],\"mode\":\"jwe\"}}\n\u{0}\n{good}\n");
        let answers = answers(&[b"\xff\xfe\n", lines.as_bytes()].concat());
        let ids: Vec<_> = answers.iter().map(|answer| answer["id"].clone()).collect();
        let null = Value::Null;
        assert_eq!(
            ids,
            [&null, &null, &null, &null, &json!(3), &json!([4]), &null, &json!("last")].map(Clone::clone)
        );
        for answer in &answers {
            assert_eq!(answer["ok"], false);
            assert!(answer["error"].as_str().is_some_and(|error| !error.is_empty()));
        }
        assert_eq!(answers.last().unwrap()["error"], "header");
    }

    #[test]
    fn wrong_members_are_named() {
        for (name, value) in [
            ("mode", json!("JWS")),
            ("jwks", json!([])),
            ("jwks", json!({"keys": [{"kty": "oct", "k": "AA"}]})),
            ("token", json!(1)),
            ("algs", json!("HS256")),
            ("expect", json!({"now": "1"})),
            ("expect", json!({"now": -1})),
            ("expect", json!({"skew": 1e300})),
            ("expect", json!({"aud": 1})),
        ] {
            let answer = ask(|question| question[name] = value.clone());
            assert_eq!((&answer["id"], &answer["ok"]), (&json!(1), &json!(false)), "{name}: {value}");
        }
    }

    #[test]
    fn a_key_whose_member_comes_twice_is_refused() {
        let line = r#"{"id":1,"mode":"jws","jwks":{"keys":[{"kty":"oct","k":"A","k":"B"}]},"token":".."}"#;
        assert_eq!(answers(line.as_bytes()), [refused("jwks: not a strict JSON object")]);
    }

    #[test]
    fn lines_of_several_mebibytes_are_answered() {
        let long = "A".repeat(3 << 20);
        assert_eq!(ask(|question| question["token"] = long.into()), refused("form"));
    }

    #[test]
    fn each_answer_is_flushed_before_the_next_line_is_read() {
        #[derive(Default)]
        struct Flushes(Vec<u8>, Vec<usize>);
        impl Write for Flushes {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.write(bytes)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                self.1.push(self.0.split(|&byte| byte == b'\n').count() - 1);
                Ok(())
            }
        }
        let mut stdout = Flushes::default();
        run(b"{\"hello\":1}\n{\"hello\":1}\n{\"hello\":1}".as_slice(), &mut stdout).unwrap();
        assert_eq!(stdout.1, [1, 2, 3]);
    }
}
