//! From parameters and files to what the TLS library is to do.
//!
//! Messages are those of valkey-server where it has one; the reply to a client only says to look into the log.

use std::path::Path;
use std::sync::Arc;

use parameters::Parameters;
use parameters::table::{RowId, row};
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::certificate::Certificate;
use super::ciphers;
use super::sessions::Sessions;

const PORT: RowId = row("tls-port");
const CERTIFICATE: RowId = row("tls-cert-file");
const KEY: RowId = row("tls-key-file");
const CA_FILE: RowId = row("tls-ca-cert-file");
const CA_DIRECTORY: RowId = row("tls-ca-cert-dir");
const CLIENTS: RowId = row("tls-auth-clients");
const PROTOCOLS: RowId = row("tls-protocols");
const CIPHERS: RowId = row("tls-ciphers");
const CIPHERSUITES: RowId = row("tls-ciphersuites");
const SERVER_ORDER: RowId = row("tls-prefer-server-ciphers");
const CACHING: RowId = row("tls-session-caching");
const CACHE_SIZE: RowId = row("tls-session-cache-size");
const CACHE_TIMEOUT: RowId = row("tls-session-cache-timeout");

/// Parameters that need everything to be loaded anew, also when they keep their value: files may have changed.
pub const RELOADING: [RowId; 13] = [
    CERTIFICATE,
    KEY,
    row("tls-key-file-pass"),
    CA_FILE,
    CA_DIRECTORY,
    CLIENTS,
    PROTOCOLS,
    CIPHERS,
    CIPHERSUITES,
    SERVER_ORDER,
    CACHING,
    CACHE_SIZE,
    CACHE_TIMEOUT,
];

/// What connections use, and what INFO says of it.
pub struct Loaded {
    /// For the TLS library.
    pub config: Arc<ServerConfig>,
    /// The server's certificate.
    pub server: Option<Certificate>,
    /// The first of the authorities.
    pub authority: Option<Certificate>,
}

/// Whether the parameters ask for TLS.
pub fn is_wanted(parameters: &Parameters) -> bool {
    parameters.get_int(PORT) != 0
}

/// Reads the files that the parameters name. `Err` is for the log.
pub fn load(parameters: &Parameters) -> Result<Loaded, String> {
    let text = |id| String::from_utf8_lossy(parameters.get_str(id)).into_owned();
    let (certificate, key) = (text(CERTIFICATE), text(KEY));
    let authentication = parameters.get_enum(CLIENTS);
    let (ca_file, ca_directory) = (text(CA_FILE), text(CA_DIRECTORY));
    if certificate.is_empty() {
        return Err("No tls-cert-file configured!".into());
    }
    if key.is_empty() {
        return Err("No tls-key-file configured!".into());
    }
    if authentication != "no" && ca_file.is_empty() && ca_directory.is_empty() {
        return Err(
            "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-cluster, tls-replication \
                    or tls-auth-clients are enabled!"
                .into(),
        );
    }
    let versions = ciphers::protocols(&text(PROTOCOLS))?;
    let mut provider = ring::default_provider();
    provider.cipher_suites = ciphers::suites(&text(CIPHERS), &text(CIPHERSUITES), &provider.cipher_suites)?;
    let provider = Arc::new(provider);
    let chain = certificates(&certificate)
        .map_err(|why| format!("Failed to load certificate: {certificate}: {why}"))?;
    let server = chain.first().and_then(|first| Certificate::parse(first));
    let certified = certified(&provider, chain, &key, server.as_ref())
        .map_err(|why| format!("Failed to load private key: {key}: {why}"))?;
    let (roots, authority) = authorities(&ca_file, &ca_directory)?;
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions)
        .map_err(|error| format!("Failed to configure TLS: {error}"))?;
    let builder = if authentication == "no" {
        builder.with_no_client_auth()
    } else {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = if authentication == "optional" { verifier.allow_unauthenticated() } else { verifier };
        let verifier =
            verifier.build().map_err(|error| format!("Failed to configure CA certificate(s): {error}"))?;
        builder.with_client_cert_verifier(verifier)
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.ignore_client_order = parameters.get_bool(SERVER_ORDER);
    if parameters.get_bool(CACHING) {
        let (size, seconds) = (parameters.get_int(CACHE_SIZE), parameters.get_int(CACHE_TIMEOUT));
        config.session_storage = Arc::new(Sessions::new(size as usize, seconds as u64));
    } else {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Loaded { config: Arc::new(config), server, authority })
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| {
        let error = error.to_string();
        error.split(" (os error").next().unwrap_or_default().to_owned()
    })
}

fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(path.as_ref())?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|error| error.to_string())?;
    if chain.is_empty() { Err("it holds no certificate".into()) } else { Ok(chain) }
}

/// The certificate with its key, which must belong together.
fn certified(
    provider: &CryptoProvider,
    chain: Vec<CertificateDer<'static>>,
    path: &str,
    server: Option<&Certificate>,
) -> Result<CertifiedKey, String> {
    let text = read(path.as_ref())?;
    let is_encrypted = ["BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"]
        .iter()
        .any(|mark| text.windows(mark.len()).any(|part| part == mark.as_bytes()));
    if is_encrypted {
        return Err(
            "the key is encrypted, and keys with a passphrase (tls-key-file-pass) cannot be read; write it \
                    without one: openssl pkey -in KEY -out PLAIN_KEY"
                .into(),
        );
    }
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|error| error.to_string())?;
    let key = provider.key_provider.load_private_key(key).map_err(|error| error.to_string())?;
    let public = key.public_key().map(|public| public.to_vec());
    if let (Some(public), Some(server)) = (public, server)
        && public != server.public_key
    {
        return Err("key values mismatch: it does not belong to the certificate".into());
    }
    // Not the constructor that judges: OpenSSL serves certificates of version 1, too.
    Ok(CertifiedKey::new(chain, key))
}

/// All authorities of a file and of the files of a directory.
fn authorities(file: &str, directory: &str) -> Result<(RootCertStore, Option<Certificate>), String> {
    let failed = |path: &str, why: String| {
        format!("Failed to configure CA certificate(s) file/directory: {path}: {why}")
    };
    let mut found = Vec::new();
    if !file.is_empty() {
        found = certificates(file).map_err(|why| failed(file, why))?;
    }
    if !directory.is_empty() {
        let entries = std::fs::read_dir(directory).map_err(|error| failed(directory, error.to_string()))?;
        let mut paths: Vec<_> =
            entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        paths.sort();
        // A directory holds links of the same certificates, lists of revoked ones, and other files.
        found.extend(paths.iter().filter_map(|path| certificates(&path.to_string_lossy()).ok()).flatten());
    }
    let mut roots = RootCertStore::empty();
    for certificate in &found {
        roots.add(certificate.clone()).map_err(|error| failed(file, error.to_string()))?;
    }
    let first = found.first().and_then(|first| Certificate::parse(first));
    Ok((roots, first))
}
