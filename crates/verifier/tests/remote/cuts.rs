//! Two hundred cuts, and no logout lost.

use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_verifier::{Ended, Refused, Staleness, Unready};

use crate::auth::{Auth, session, shown};
use crate::network::Network;

const CUTS: u64 = 200;
/// Far longer than any pause before the next try.
const LONG: Duration = Duration::from_mins(1);
const STALE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_policy_holds_at_each_cut_and_no_logout_is_ever_lost() {
    let auth = Auth::start().await;
    let network = Network::to(&auth.url).await;
    let allowing = auth.verifier().reached_at(&network.url).build().await.unwrap();
    let refusing =
        auth.verifier().reached_at(&network.url).staleness(Staleness::Refuse(STALE)).build().await.unwrap();
    tokio::join!(allowing.ready(), refusing.ready());

    for cut in 0..CUTS {
        // Those that end before the cut, and during it.
        let ids = [session(2 * cut), session(2 * cut + 1)];
        let tokens = ids.map(|id| auth.token(id));
        let mut open = Vec::new();
        for (verifier, token) in [&allowing, &refusing]
            .into_iter()
            .flat_map(|verifier| tokens.iter().map(move |token| (verifier, token)))
        {
            open.push(verifier.verify(&shown(token)).await.unwrap().session());
        }
        auth.end(ids[0]);
        network.cut();
        auth.end(ids[1]);
        if cut % 5 == 0 {
            auth.restart();
        }
        let other = auth.token(session(u64::MAX));
        auth.clock.advance(STALE + Duration::from_secs(2));
        // What came before the cut may be in time still; what was said of it is then that old.
        let refused = refusing.verify_known(&shown(&other)).unwrap_err();
        assert!(matches!(refused, Refused::Unready(Unready::Stale(_))), "cut {cut}: {refused:?}");
        assert!(allowing.verify_known(&shown(&other)).is_ok(), "cut {cut}");
        assert!(allowing.status().stale_for.unwrap() > STALE, "cut {cut}");

        // Every third time it is cut again in the middle of what was to be told.
        network.mend((cut % 3 == 0).then_some(usize::try_from(300 + cut * 7).unwrap()));
        for session in open {
            let ended = loop {
                let told = tokio::time::timeout(LONG, session.ended()).await;
                match told.unwrap_or_else(|_| panic!("cut {cut}: a logout was lost")) {
                    // Only the one that refuses, and only for as long as it has no news.
                    Ended::Refused(Refused::Unready(_)) => refusing.ready().await,
                    ended => break ended,
                }
            };
            assert_eq!(ended, Ended::Refused(Refused::SessionEnded), "cut {cut}");
        }
        tokio::join!(allowing.ready(), refusing.ready());
        for token in &tokens {
            for verifier in [&allowing, &refusing] {
                assert_eq!(
                    verifier.verify(&shown(token)).await.unwrap_err(),
                    Refused::SessionEnded,
                    "cut {cut}"
                );
            }
        }
    }
    assert_eq!(allowing.status().entries, 2 * usize::try_from(CUTS).unwrap());
    assert!(auth.streams.load(Ordering::Relaxed) >= usize::try_from(2 * CUTS).unwrap());
    let resumed = auth.resumed.lock().unwrap();
    assert!(resumed.iter().any(Option::is_some) && resumed.iter().any(Option::is_none));
}
