//! What a request costs an API: tokens seen for the first time beside the bare public-key operation, tokens seen
//! before among 100,000 living ones, the deny-list at a million entries, and an endpoint with and without the layer.
//!
//! `cargo bench -p countersign-verifier --bench verify`. Times are those of the processor, of all threads together,
//! so that other programs disturb less. Compare pairs of one run only.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a benchmark that cannot go on stops, and says what it found"
)]

mod cpu;
mod endpoint;
mod list;
mod world;

use std::cell::Cell;
use std::hint::black_box;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use countersign_core::token::{Algorithm, SigningKey};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

use self::cpu::CpuTime;
use self::world::{World, shown};

/// How many tokens are new: so many that each has left the memory of 64 when it comes again.
const NEW: u32 = 2_000;
const LIVING: u32 = 100_000;

fn public_key(key: &SigningKey) -> ParsedPublicKey {
    let bytes = key.to_bytes().unwrap();
    match key.algorithm() {
        Algorithm::EdDsa => {
            ParsedPublicKey::new(&ED25519, Ed25519KeyPair::from_pkcs8(&bytes).unwrap().public_key())
        }
        Algorithm::Es256 => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &bytes).unwrap();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key())
        }
        _ => ParsedPublicKey::new(
            &RSA_PKCS1_2048_8192_SHA256,
            RsaKeyPair::from_pkcs8(&bytes).unwrap().public_key(),
        ),
    }
    .unwrap()
}

/// Goes through all, again and again, in an order that no cache of the processor foresees.
fn turns<'a, T>(all: &'a [T]) -> impl Fn() -> &'a T {
    let at = Cell::new(0_usize);
    move || {
        at.set((at.get() + 7919) % all.len());
        &all[at.get()]
    }
}

fn first_sight(criterion: &mut Criterion<CpuTime>) {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
        let world = World::new(algorithm, 64);
        let tokens = world.tokens(NEW);
        let public = public_key(&world.key);
        let signed: Vec<_> = tokens
            .iter()
            .map(|token| {
                let (signed, signature) = token.rsplit_once('.').unwrap();
                (signed, BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap())
            })
            .collect();
        let mut group = criterion.benchmark_group(format!("first sight, {algorithm}"));
        let next = turns(&signed);
        group.bench_function("the public-key operation alone", |bencher| {
            bencher.iter(|| {
                let (signed, signature) = next();
                public.verify_sig(black_box(signed.as_bytes()), signature).unwrap();
            });
        });
        let next = turns(&tokens);
        group.bench_function("verify", |bencher| {
            bencher.iter(|| world.verifier.verify_known(&shown(black_box(next()))).unwrap());
        });
        group.finish();
    }
}

fn seen_before(criterion: &mut Criterion<CpuTime>) {
    let world = World::new(Algorithm::EdDsa, 100_000);
    let before = world::resident();
    let tokens = world.tokens(LIVING);
    let texts = world::resident();
    for token in &tokens {
        world.verifier.verify_known(&shown(token)).unwrap();
    }
    assert_eq!(world.verifier.status().signatures, tokens.len());
    eprintln!(
        "{LIVING} living tokens: {} kB each in memory, besides {} kB for the text that the benchmark holds",
        (world::resident() - texts) / tokens.len(),
        (texts - before) / tokens.len(),
    );
    let mut group = criterion.benchmark_group("seen before");
    let next = turns(&tokens);
    // A copy for each request, as it has just come from the network.
    let size = BatchSize::NumIterations(64);
    let verify = |token: &mut String| world.verifier.verify_known(&shown(token)).unwrap();
    group.bench_function("among 100,000 living", |bencher| {
        bencher.iter_batched_ref(|| next().clone(), verify, size);
    });
    list::fill(&world.feed);
    group.bench_function("and a million denied", |bencher| {
        bencher.iter_batched_ref(|| next().clone(), verify, size);
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = list::memory, first_sight, seen_before, list::bench, endpoint::bench
}
criterion_main!(benches);
