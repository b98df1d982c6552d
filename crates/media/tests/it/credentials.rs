//! Signing files, reading them back, and breaking them.

use std::time::Instant;

use chimera_domain::TraceId;
use chimera_media::{Algorithm, Credentials, CredentialsError, Origin};

const CHAIN: &[u8] = include_bytes!("fixtures/chain.pem");
const KEY: &[u8] = include_bytes!("fixtures/key.pem");

fn trace(n: u8) -> TraceId {
    TraceId::from_traceparent(&format!("00-{n:032x}-0000000000000001-01")).unwrap()
}

fn origin() -> Origin {
    Origin { persona: "fae".to_owned(), trace_id: trace(7), models: vec!["chimera-studio-1".to_owned()] }
}

/// A picture with something in it.
fn png() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 64, 64);
    encoder.set_color(png::ColorType::Rgb);
    let pixels: Vec<u8> = (0..64 * 64 * 3_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

/// The boxes of a video, with some bytes where its frames would be.
fn mp4() -> Vec<u8> {
    let boxed = |kind: &[u8; 4], content: &[u8]| {
        let length = u32::try_from(content.len() + 8).unwrap();
        [&length.to_be_bytes()[..], kind, content].concat()
    };
    let brand = [&b"isom"[..], &[0, 0, 2, 0], b"isomiso2avc1mp41"].concat();
    [boxed(b"ftyp", &brand), boxed(b"moov", &boxed(b"mvhd", &[0; 100])), boxed(b"mdat", &[7; 3_000])].concat()
}

async fn checked(bytes: &[u8], mime: &str) -> Result<(), CredentialsError> {
    Credentials::check(bytes.to_vec(), mime, "fae", trace(7)).await
}

#[tokio::test]
async fn what_was_signed_is_known_again_and_nothing_else_is() {
    for credentials in [Credentials::test().unwrap(), Credentials::new(CHAIN, KEY, Algorithm::Es256).unwrap()] {
        for (bytes, mime) in [(png(), "image/png"), (mp4(), "video/mp4")] {
            let signed = credentials.sign(bytes.clone(), mime, origin()).await.unwrap();
            assert!(signed.len() > bytes.len());
            checked(&signed, mime).await.unwrap();
            let bare = checked(&bytes, mime).await.unwrap_err();
            assert!(matches!(bare, CredentialsError::Unreadable { .. }), "{bare:?}");
            let other = Credentials::check(signed.clone(), mime, "nova", trace(7)).await.unwrap_err();
            assert!(matches!(other, CredentialsError::OtherOrigin(_)), "{other:?}");
            let other = Credentials::check(signed, mime, "fae", trace(8)).await.unwrap_err();
            assert!(matches!(other, CredentialsError::OtherOrigin(_)), "{other:?}");
        }
    }
}

#[tokio::test]
async fn a_flipped_bit_of_the_picture_is_seen() {
    let credentials = Credentials::test().unwrap();
    for (bytes, mime) in [(png(), "image/png"), (mp4(), "video/mp4")] {
        let signed = credentials.sign(bytes, mime, origin()).await.unwrap();
        // The picture's own bytes: its size in the first ones, what it shows in the last. Within the credentials there is filling
        // that no signature covers; of a file's every byte its name, the hash, knows.
        let head = if mime == "image/png" { 19 } else { signed.len() - 2_500 };
        for at in [head, signed.len() - 300, signed.len() - 60, signed.len() - 25] {
            let mut broken = signed.clone();
            broken[at] ^= 0x10;
            assert!(checked(&broken, mime).await.is_err(), "{mime}: byte {at} of {}", signed.len());
        }
        assert!(checked(&signed[..signed.len() - 40], mime).await.is_err(), "{mime}: cut short");
    }
}

#[tokio::test]
async fn what_its_maker_signed_keeps_that_below_ours() {
    let (maker, ours) = (Credentials::test().unwrap(), Credentials::new(CHAIN, KEY, Algorithm::Es256).unwrap());
    let made = maker.sign(png(), "image/png", Origin { persona: "maker".to_owned(), ..origin() }).await.unwrap();
    let signed = ours.sign(made, "image/png", origin()).await.unwrap();
    checked(&signed, "image/png").await.unwrap();
    let text = String::from_utf8_lossy(&signed);
    assert!(text.contains("c2pa.opened") && text.contains("maker"), "the first signature went");
}

#[tokio::test]
async fn a_file_says_who_made_it_for_whom_and_that_its_certificate_is_for_tests() {
    let credentials = Credentials::test().unwrap();
    assert!(credentials.is_test() && !Credentials::new(CHAIN, KEY, Algorithm::Es256).unwrap().is_test());
    let signed = credentials.sign(png(), "image/png", origin()).await.unwrap();
    let text = String::from_utf8_lossy(&signed);
    for part in [
        "c2pa.created",
        "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
        "Chimera TEST certificate",
        "fae",
        &trace(7).to_string(),
    ] {
        assert!(text.contains(part), "{part}");
    }
}

#[tokio::test]
async fn what_is_no_file_of_its_kind_is_not_signed() {
    let credentials = Credentials::test().unwrap();
    for (bytes, mime) in
        [(&b"a film"[..], "video/mp4"), (b"", "image/png"), (b"text", "text/plain"), (b"\x1aE", "video/webm")]
    {
        let refused = credentials.sign(bytes.to_vec(), mime, origin()).await.unwrap_err();
        assert!(matches!(refused, CredentialsError::Sign { .. }), "{mime}: {refused:?}");
        assert!(checked(bytes, mime).await.is_err());
    }
}

#[test]
fn certificates_that_can_not_sign_are_refused_at_once() {
    let other = include_str!("fixtures/key.pem").replace("MIGH", "MIGI");
    for (chain, key, algorithm) in [
        (&b"no certificate"[..], KEY, Algorithm::Es256),
        (CHAIN, &b"no key"[..], Algorithm::Es256),
        (CHAIN, other.as_bytes(), Algorithm::Es256),
        (CHAIN, KEY, Algorithm::Ps256),
    ] {
        let refused = Credentials::new(chain, key, algorithm).unwrap_err();
        assert!(matches!(refused, CredentialsError::Certificate(_)), "{refused:?}");
        let said = format!("{refused:?} {refused}");
        assert!(!said.contains("MIG"), "no key in an error: {said}");
    }
}

/// Not a limit, for machines differ: the figure is printed for whoever looks.
#[tokio::test]
async fn signing_and_checking_take_milliseconds() {
    let credentials = Credentials::test().unwrap();
    let bytes = png();
    let since = Instant::now();
    let signed = credentials.sign(bytes, "image/png", origin()).await.unwrap();
    let signing = since.elapsed();
    checked(&signed, "image/png").await.unwrap();
    println!("signing {signing:?}, checking {:?}", since.elapsed().saturating_sub(signing));
}
