//! Headers that are meant for one connection, and not for whoever stands behind.

use axum::http::HeaderMap;
use axum::http::header::{
    CONNECTION, EXPECT, FORWARDED, HOST, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION,
    TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};

use crate::caller::Peer;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// [RFC 9110, section 7.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1), and what older programs say.
const OF_A_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Takes out what is meant for this connection only, and what `Connection` names besides. Done before we say
/// anything, so that no name there can take out what is ours.
pub(crate) fn clear(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .into_iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&OF_A_HOP).chain([&EXPECT]) {
        headers.remove(name);
    }
}

/// Says where the request comes from. What the sender says of those before it counts only if it is a proxy that
/// is trusted.
pub(crate) fn forwarded(headers: &mut HeaderMap, peer: &Peer) {
    if !peer.trusted {
        for name in [FORWARDED, FORWARDED_FOR, FORWARDED_HOST, FORWARDED_PROTO, REAL_IP] {
            headers.remove(name);
        }
    }
    let address = peer.address.to_string();
    let mut hops: Vec<_> =
        headers.get_all(FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok()).collect();
    hops.push(&address);
    if let Ok(hops) = HeaderValue::from_str(&hops.join(", ")) {
        headers.insert(FORWARDED_FOR, hops);
    }
    let host = headers.remove(HOST);
    if let Some(host) = host.or_else(|| peer.host.clone()) {
        headers.entry(FORWARDED_HOST).or_insert(host);
    }
    headers.entry(FORWARDED_PROTO).or_insert(HeaderValue::from_static(peer.scheme));
}
