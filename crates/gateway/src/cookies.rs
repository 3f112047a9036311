//! Cookies of the auth server are none of the API's business.

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HeaderValue, SET_COOKIE};

const FINGERPRINT: &str = "csfp";
const OURS: [&str; 3] = ["csrt", "cshint", FINGERPRINT];

/// Whether this is a cookie of the auth server, under either prefix or none, in any case.
fn ours(name: &[u8]) -> Option<&'static str> {
    let name = std::str::from_utf8(name.trim_ascii()).ok()?.to_ascii_lowercase();
    let bare = name.strip_prefix("__host-").or_else(|| name.strip_prefix("__secure-")).unwrap_or(&name);
    OURS.into_iter().find(|ours| *ours == bare)
}

fn name(pair: &[u8]) -> &[u8] {
    pair.split(|byte| *byte == b'=').next().unwrap_or_default()
}

/// Takes our cookies out of a request. What is left goes on one line, as HTTP/1 wants it.
pub(crate) fn clear(headers: &mut HeaderMap, pass_fingerprint: bool) {
    let keep = |pair: &&[u8]| {
        !pair.is_empty() && ours(name(pair)).is_none_or(|ours| pass_fingerprint && ours == FINGERPRINT)
    };
    let lines = headers.get_all(COOKIE).into_iter().map(HeaderValue::as_bytes);
    let pairs = lines.flat_map(|line| line.split(|byte| *byte == b';')).map(<[u8]>::trim_ascii).filter(keep);
    let left = pairs.collect::<Vec<_>>().join(&b"; "[..]);
    headers.remove(COOKIE);
    if let Some(left) = HeaderValue::from_bytes(&left).ok().filter(|left| !left.is_empty()) {
        headers.insert(COOKIE, left);
    }
}

/// Keeps the API from setting our cookies.
pub(crate) fn clear_set(headers: &mut HeaderMap) {
    let kept: Vec<_> = headers
        .get_all(SET_COOKIE)
        .into_iter()
        .filter(|line| ours(name(line.as_bytes())).is_none())
        .cloned()
        .collect();
    headers.remove(SET_COOKIE);
    for line in kept {
        headers.append(SET_COOKIE, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(lines: &[&'static str], pass_fingerprint: bool) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_static(line));
        }
        clear(&mut headers, pass_fingerprint);
        headers.get_all(COOKIE).iter().map(|line| line.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn our_cookies_are_taken_out_and_others_stay() {
        let line =
            "a=1; __Host-csrt=x; theme=dark; __Secure-csfp=y; __Host-cshint=z; CSRT=w; b=__Host-csrt=1";
        assert_eq!(left(&[line], false), ["a=1; theme=dark; b=__Host-csrt=1"]);
        assert_eq!(left(&[line], true), ["a=1; theme=dark; __Secure-csfp=y; b=__Host-csrt=1"]);
        assert_eq!(left(&["__Host-csfp=y"], false), [] as [&str; 0]);
        assert_eq!(left(&["csrt=1; b=2", "a=1;csfp = 2"], false), ["b=2; a=1"]);
        assert_eq!(left(&["csrtx=1; __Host-other=2"], false), ["csrtx=1; __Host-other=2"]);
    }

    #[test]
    fn an_api_sets_no_cookie_of_ours() {
        let mut headers = HeaderMap::new();
        for line in ["__Host-csfp=planted; Path=/; Secure", "theme=dark", " csrt=1", "__secure-CSHINT=2"] {
            headers.append(SET_COOKIE, HeaderValue::from_static(line));
        }
        clear_set(&mut headers);
        assert_eq!(headers.get_all(SET_COOKIE).iter().collect::<Vec<_>>(), ["theme=dark"]);
    }
}
