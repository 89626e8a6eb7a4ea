//! The webhook: what starts to wait is told to a receiver, signed, again and again until it is taken.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use calt_core::Digest;
use calt_tests::World;
use serde_json::{Value, json};

use crate::{look, plan};

const SECRET: &str = "a secret that only two of us know";
/// Longest that a request is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// One request, as it came.
struct Told {
    headers: BTreeMap<String, String>,
    body: String,
}

impl Told {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn is_signed(&self) -> bool {
        let signed = format!("{}.{}.{}", self.headers["webhook-id"], self.headers["webhook-timestamp"], self.body);
        self.headers["webhook-signature"]
            == format!("v1,{}", base64(&hmac_sha256(SECRET.as_bytes(), signed.as_bytes())))
    }
}

/// A receiver on loopback: it answers each request with the next of the given statuses, and 204 after them.
struct Endpoint {
    url: String,
    came: Receiver<Told>,
}

impl Endpoint {
    fn answering(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook/of-one-team", listener.local_addr().unwrap());
        let (sender, came) = channel();
        std::thread::spawn(move || {
            let mut statuses = statuses.iter();
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                answer(stream, statuses.next().copied().unwrap_or(204), &sender);
            }
        });
        Self { url, came }
    }

    /// The same by https, as `localhost`, with a certificate of this authority.
    fn certified_by(authority: &Authority) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}/hook/of-one-team", listener.local_addr().unwrap().port());
        let config = authority.server();
        let (sender, came) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                answer(rustls::StreamOwned::new(connection, stream), 204, &sender);
            }
        });
        Self { url, came }
    }

    fn next(&self) -> Told {
        self.came.recv_timeout(PATIENCE).expect("a request comes")
    }
}

/// Who vouches for receivers, in this story alone.
struct Authority {
    pem: String,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut about = rcgen::CertificateParams::default();
        about.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let pem = about.self_signed(&key).unwrap().pem();
        Self { pem, issuer: rcgen::Issuer::new(about, key) }
    }

    fn server(&self) -> Arc<rustls::ServerConfig> {
        let key = rcgen::KeyPair::generate().unwrap();
        let about = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = about.signed_by(&key, &self.issuer).unwrap();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate.into()], key.into()).unwrap();
        Arc::new(config)
    }
}

fn answer(stream: impl Read + Write, status: u16, sender: &Sender<Told>) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let mut headers = BTreeMap::from([("request".to_owned(), line.trim().to_owned())]);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let _ = sender.send(Told { headers, body: String::from_utf8(body).unwrap() });
    let _ = write!(reader.get_mut(), "HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let _ = reader.get_mut().flush();
}

/// HMAC of RFC 2104, put together here so that the daemon's is not its own witness.
fn hmac_sha256(key: &[u8], text: &[u8]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let padded =
        |byte: u8| -> Vec<u8> { (0..BLOCK).map(|place| key.get(place).copied().unwrap_or(0) ^ byte).collect() };
    let inner = Digest::of_bytes(&[padded(0x36), text.to_vec()].concat());
    *Digest::of_bytes(&[padded(0x5c), inner.as_bytes().to_vec()].concat()).as_bytes()
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for piece in bytes.chunks(3) {
        let bits = piece.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - piece.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize] as char;
            text.push(if place <= piece.len() { letter } else { '=' });
        }
    }
    text
}

fn told_by(endpoint: &Endpoint) -> World {
    World::with(&[("CALT__NOTIFY__URL", &endpoint.url), ("CALT_NOTIFY_SECRET", SECRET)])
}

#[test]
fn what_starts_to_wait_is_told_signed_and_once() {
    let endpoint = Endpoint::answering(&[]);
    let world = told_by(&endpoint);
    let (agent, ada) = (world.agent(), world.person("ada"));
    let session = agent.propose(&plan(1, &[look("a")]));
    let told = endpoint.next();
    assert!(told.is_signed(), "{:?}", told.headers);
    assert_eq!(told.headers["request"], "POST /hook/of-one-team HTTP/1.1");
    let inbox = ada.get("/api/v1/inbox").expect(200).json();
    let said = told.json();
    assert_eq!((&said["type"], &said["data"]), (&json!("waiting.started"), &inbox["items"][0]));

    ada.approve_plan(&session, 1).expect(200);
    let told = endpoint.next();
    assert_eq!(told.json()["data"]["waits_for"], "step_approval", "{}", told.body);
    ada.approve(&session, "a").expect(200);
    agent.run(&session, "a").expect(200);
    let other = agent.propose(&plan(1, &[look("a")]));
    let told = endpoint.next();
    assert_eq!(told.json()["data"]["session_id"], other.id, "nothing was told of a session that does not wait");
}

#[test]
fn a_receiver_that_refuses_is_asked_again_until_it_takes_it() {
    let endpoint = Endpoint::answering(&[500, 302]);
    let world = told_by(&endpoint);
    let session = world.agent().propose(&plan(1, &[look("a")]));
    let attempts: Vec<Told> = (0..3).map(|_| endpoint.next()).collect();
    for told in &attempts {
        assert_eq!(told.json()["data"]["session_id"], session.id);
        assert_eq!(told.headers["webhook-id"], attempts[0].headers["webhook-id"], "one id for one event");
        assert!(told.is_signed());
    }
    let log = world.daemon_log();
    assert!(log.contains("the receiver answered 500") && log.contains("302"), "{log}");
    assert!(!log.contains("of-one-team"), "the address is the receiver's secret: {log}");
}

#[test]
fn what_began_while_the_receiver_was_away_is_told_after_a_crash() {
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (url, secret) = (format!("http://{away}/"), ("CALT_NOTIFY_SECRET", SECRET));
    let world = World::asleep(&[]);
    assert!(world.wakes_with(&[("CALT__NOTIFY__URL", &url), secret]));
    let agent = world.agent();
    let (first, second) = (agent.propose(&plan(1, &[look("a")])), agent.propose(&plan(1, &[look("a")])));
    world.until("the first attempt failed", || world.daemon_log().contains("the webhook at http://127.0.0.1"));
    world.kill();
    let endpoint = Endpoint::answering(&[]);
    assert!(world.wakes_with(&[("CALT__NOTIFY__URL", &endpoint.url), secret]));
    let told: Vec<Value> = (0..2).map(|_| endpoint.next().json()["data"]["session_id"].clone()).collect();
    assert_eq!(told, [json!(first.id), json!(second.id)], "in the order they began to wait");
}

#[test]
fn the_secret_is_asked_for_and_never_shown() {
    let world = World::asleep(&[("CALT__NOTIFY__URL", "http://127.0.0.1:9/hook/of-one-team")]);
    let ran = world.calt(&["daemon", "--port", "0"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("notify.secret") && ran.stderr.contains("CALT_NOTIFY_SECRET"), "{}", ran.stderr);

    let world = told_by(&Endpoint::answering(&[]));
    let ran = world.calt(&["doctor", "--json"]);
    assert!(ran.stdout.contains("notify.url"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("of-one-team") && !ran.stdout.contains(SECRET), "{}", ran.stdout);

    let kept = world.home().join("secret");
    std::fs::write(&kept, SECRET).unwrap();
    let careless = World::asleep(&[
        ("CALT__NOTIFY__URL", "http://127.0.0.1:9/"),
        ("CALT__NOTIFY__SECRET_FILE", &kept.to_string_lossy()),
    ]);
    let ran = careless.calt(&["daemon", "--port", "0"]);
    assert!(ran.stderr.contains("others may read it; `chmod 600"), "{}", ran.stderr);
}

#[test]
fn by_https_only_a_receiver_is_told_that_can_prove_its_name() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let endpoint = Endpoint::certified_by(&authority);
    let world = World::asleep(&[("CALT__NOTIFY__URL", &endpoint.url), ("CALT_NOTIFY_SECRET", SECRET)]);
    let kept = |name: &str, authority: &Authority| {
        let path = world.home().join(name);
        std::fs::write(&path, &authority.pem).unwrap();
        path.to_string_lossy().into_owned()
    };
    let (ours, theirs) = (kept("ours.pem", &authority), kept("theirs.pem", &stranger));
    let by_address = endpoint.url.replace("localhost", "127.0.0.1");
    // Nobody vouches for it; somebody else does; the name is another. Each time it is said, and nothing is sent.
    for more in [
        &[][..],
        &[("CALT__NOTIFY__CA_FILE", theirs.as_str())],
        &[("CALT__NOTIFY__CA_FILE", &ours), ("CALT__NOTIFY__URL", &by_address)],
    ] {
        let said = world.daemon_log().matches("invalid peer certificate").count();
        assert!(world.wakes_with(more));
        world.agent().propose(&plan(1, &[look("a")]));
        world.until("the certificate is refused", || {
            world.daemon_log().matches("invalid peer certificate").count() > said
        });
        world.kill();
        assert!(endpoint.came.try_recv().is_err(), "{more:?}");
    }
    assert!(!world.daemon_log().contains("of-one-team"), "{}", world.daemon_log());
    assert!(world.wakes_with(&[("CALT__NOTIFY__CA_FILE", &ours)]));
    for _ in 0..3 {
        let told = endpoint.next();
        assert!(told.is_signed(), "{:?}", told.headers);
        assert_eq!(told.json()["data"]["waits_for"], "plan_approval", "{}", told.body);
    }
}

#[test]
fn what_hides_in_a_title_is_written_out_in_what_is_sent() {
    let endpoint = Endpoint::answering(&[]);
    let world = told_by(&endpoint);
    let title = "pay\u{202e}eno\u{200b}\u{1b}[31m";
    let mut proposed = plan(1, &[look("a")]);
    proposed["title"] = json!(title);
    world.agent().propose(&proposed);
    let told = endpoint.next();
    assert!(told.is_signed());
    assert!(told.body.is_ascii() && !told.body.contains('\u{1b}'), "{}", told.body);
    assert!(told.body.contains(r"\u202e") && told.body.contains(r"\u200b"), "{}", told.body);
    assert_eq!(told.json()["data"]["title"], title, "it is the same text");
}
