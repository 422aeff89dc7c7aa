//! The stream against the library's own client, over sockets that give and take as little as they like.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use parameters::{Origin, Parameters};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::*;
use crate::tls::config;

/// A certificate that signed itself, its key, and the key behind a passphrase.
fn files() -> &'static PathBuf {
    static FILES: OnceLock<PathBuf> = OnceLock::new();
    FILES.get_or_init(|| {
        let directory = std::env::temp_dir().join(format!("brasa-tls-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        let openssl = |words: &str| {
            let done = Command::new("openssl").args(words.split(' ')).current_dir(&directory).output();
            assert!(done.expect("openssl is installed").status.success(), "openssl {words}");
        };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        openssl(&format!(
            "req -x509 {key} -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
             -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE"
        ));
        openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out other.pem");
        openssl("pkey -in key.pem -aes256 -passout pass:secret -out encrypted.pem");
        directory
    })
}

fn parameters(changes: &[(&str, &str)]) -> Parameters {
    let path = |name: &str| files().join(name).to_string_lossy().into_owned();
    let mut parameters = Parameters::new();
    let base = [
        ("tls-cert-file", path("cert.pem")),
        ("tls-key-file", path("key.pem")),
        ("tls-auth-clients", "no".into()),
    ];
    let changes = changes.iter().map(|(name, value)| (*name, (*value).to_owned()));
    for (name, value) in base.into_iter().chain(changes) {
        let set = parameters.set(name.as_bytes(), value.as_bytes(), Origin::Client { local: true });
        let _ = set.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
    parameters
}

fn server(changes: &[(&str, &str)]) -> Stream {
    let loaded = config::load(&parameters(changes)).expect("files and lists are right");
    Stream::new(loaded.config, 0).expect("a connection")
}

fn client() -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(files().join("cert.pem")).expect("a certificate"))
        .expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    ClientConnection::new(Arc::new(config), name).expect("a connection")
}

/// Lets the two talk until both are silent; pieces of `step` bytes both ways. What the server sends of `plain` is
/// counted in `taken`.
fn talk(
    server: &mut Stream,
    client: &mut ClientConnection,
    step: usize,
    plain: &[u8],
    taken: &mut usize,
) -> (Vec<u8>, Vec<u8>) {
    let (mut got, mut reply) = (Vec::new(), Vec::new());
    loop {
        let mut up = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut up).expect("memory takes all");
        }
        for piece in up.chunks(step) {
            server.feed(piece, &mut got).expect("the client is honest");
        }
        // The socket takes a piece, then says that it is full.
        let (mut down, mut is_full) = (Vec::new(), false);
        *taken += server
            .send(&plain[*taken..], usize::MAX, |bytes| {
                is_full = !is_full;
                let count = if is_full { bytes.len().min(step) } else { 0 };
                down.extend_from_slice(&bytes[..count]);
                Ok(count)
            })
            .expect("the socket holds");
        for mut piece in down.chunks(step) {
            while !piece.is_empty() {
                client.read_tls(&mut piece).expect("room");
                client.process_new_packets().expect("the server is honest");
                reply.extend(received(client));
            }
        }
        if up.is_empty() && down.is_empty() {
            return (got, reply);
        }
    }
}

fn received(client: &mut ClientConnection) -> Vec<u8> {
    let mut got = Vec::new();
    // Ends with "would block": there is no more yet.
    let _ = client.reader().read_to_end(&mut got);
    got
}

#[test]
fn pieces_of_any_size_make_the_same_stream() {
    for step in [1, 7, 100, 5000] {
        let (mut server, mut client) = (server(&[]), client());
        let mut taken = 0;
        assert_eq!(talk(&mut server, &mut client, step, b"", &mut taken), (Vec::new(), Vec::new()));
        assert!(!server.is_handshaking() && !client.is_handshaking(), "{step}");
        client.writer().write_all(b"PING\r\n").expect("room");
        let reply: Vec<u8> = (0..40_000u32).map(|i| (i % 251) as u8).collect();
        let (got, whole) = talk(&mut server, &mut client, step, &reply, &mut taken);
        assert_eq!((got.as_slice(), taken, server.pending_bytes()), (b"PING\r\n".as_slice(), reply.len(), 0));
        assert!(whole == reply, "{step}");
    }
}

#[test]
fn a_socket_that_takes_nothing_bounds_what_is_encrypted_ahead() {
    let (mut server, mut client) = (server(&[]), client());
    talk(&mut server, &mut client, 5000, b"", &mut 0);
    let plain = vec![b'x'; 10 << 20];
    let taken = server.send(&plain, usize::MAX, |_| Ok(0)).expect("the socket holds");
    assert!((1..=SEAL_BYTES).contains(&taken), "{taken}");
    assert!(server.pending_bytes() > taken && server.pending_bytes() < 2 * SEAL_BYTES);
    assert_eq!(server.send(&plain[taken..], usize::MAX, |_| Ok(0)).expect("the socket holds"), 0);
    let error = server.send(&plain, usize::MAX, |_| Err(io::ErrorKind::ConnectionReset.into()));
    assert_eq!(error.expect_err("it is told").kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn no_more_than_the_share_of_a_tick_is_encrypted() {
    let (mut server, mut client) = (server(&[]), client());
    talk(&mut server, &mut client, 5000, b"", &mut 0);
    let taken = server.send(&[b'x'; 300_000], 200_000, |bytes| Ok(bytes.len())).expect("the socket holds");
    assert_eq!((taken, server.pending_bytes()), (200_000, 0));
}

#[test]
fn nonsense_ends_with_an_alert_and_never_panics() {
    for nonsense in
        [b"PING\r\n".as_slice(), b"*1\r\n$4\r\nPING\r\n", &[0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5], &[0xff; 70_000]]
    {
        let mut stream = server(&[]);
        let mut got = Vec::new();
        assert!(stream.feed(nonsense, &mut got).is_err());
        assert!(got.is_empty());
        stream.end();
        assert_eq!(stream.send(b"secret", usize::MAX, |bytes| Ok(bytes.len())).expect("the socket holds"), 0);
    }
}

#[test]
fn the_end_of_either_side_is_told() {
    let (mut server, mut client) = (server(&[]), client());
    talk(&mut server, &mut client, 5000, b"", &mut 0);
    client.writer().write_all(b"QUIT\r\n").expect("room");
    client.send_close_notify();
    let (mut up, mut got) = (Vec::new(), Vec::new());
    while client.wants_write() {
        client.write_tls(&mut up).expect("memory takes all");
    }
    let fed = server.feed(&up, &mut got).expect("the client is honest");
    assert_eq!(
        (fed, got.as_slice()),
        (Fed { plain: 6, connected: false, ended: true }, b"QUIT\r\n".as_slice())
    );
    server.end();
    let mut down = Vec::new();
    server
        .send(b"", 0, |bytes| {
            down.extend_from_slice(bytes);
            Ok(bytes.len())
        })
        .expect("the socket holds");
    client.read_tls(&mut down.as_slice()).expect("room");
    assert!(client.process_new_packets().expect("the server is honest").peer_has_closed());
}

#[test]
fn wrong_files_are_refused_with_a_reason() {
    let path = |name: &str| files().join(name).to_string_lossy().into_owned();
    let refused = |name: &str, value: &str, reason: &str| {
        let error = config::load(&parameters(&[(name, value)])).err().expect("it is refused");
        assert!(error.contains(reason), "{error}");
    };
    refused("tls-cert-file", "", "No tls-cert-file configured!");
    refused("tls-cert-file", "/nowhere.pem", "Failed to load certificate: /nowhere.pem: No such file");
    refused("tls-cert-file", &path("key.pem"), "holds no certificate");
    refused("tls-key-file", &path("other.pem"), "key values mismatch");
    refused("tls-key-file", &path("encrypted.pem"), "the key is encrypted");
    refused("tls-auth-clients", "yes", "Either tls-ca-cert-file or tls-ca-cert-dir must be specified");
    refused("tls-protocols", "SSLv3", "Invalid tls-protocols");
    refused("tls-ciphers", "NULL", "no cipher match");
}
