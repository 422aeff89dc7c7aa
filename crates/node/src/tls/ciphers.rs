//! `tls-protocols`, `tls-ciphers`, `tls-ciphersuites`: the lists of OpenSSL, over what this build offers.
//!
//! Grammar: openssl-ciphers(1). Offered are the suites with authenticated encryption and forward secrecy of TLS 1.2,
//! and those of TLS 1.3; words that only older suites match are no error, as in OpenSSL.

use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, SupportedCipherSuite, SupportedProtocolVersion};

/// A suite of TLS 1.2: its name in OpenSSL, and the words that match it.
const TLS12_SUITES: [(CipherSuite, &str, &[&str]); 6] = [
    (
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        &["aECDSA", "ECDSA", "AES", "AES256", "AESGCM", "SHA384"],
    ),
    (
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        "ECDHE-RSA-AES256-GCM-SHA384",
        &["aRSA", "AES", "AES256", "AESGCM", "SHA384"],
    ),
    (
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        &["aECDSA", "ECDSA", "CHACHA20", "SHA256"],
    ),
    (
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        "ECDHE-RSA-CHACHA20-POLY1305",
        &["aRSA", "CHACHA20", "SHA256"],
    ),
    (
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        &["aECDSA", "ECDSA", "AES", "AES128", "AESGCM", "SHA256"],
    ),
    (
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        "ECDHE-RSA-AES128-GCM-SHA256",
        &["aRSA", "AES", "AES128", "AESGCM", "SHA256"],
    ),
];
/// Words that match every one of them.
const TLS12_COMMON: [&str; 9] =
    ["ALL", "DEFAULT", "COMPLEMENTOFDEFAULT", "HIGH", "ECDHE", "EECDH", "kECDHE", "kEECDH", "TLSv1.2"];

/// The names of TLS 1.3.
const TLS13_SUITES: [(CipherSuite, &str); 3] = [
    (CipherSuite::TLS13_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384"),
    (CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256"),
    (CipherSuite::TLS13_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256"),
];

/// The versions that `tls-protocols` allows; all that are offered when it is empty.
pub fn protocols(text: &str) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    let mut versions: Vec<&'static SupportedProtocolVersion> = Vec::new();
    for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
        let version = match word.to_ascii_lowercase().as_str() {
            "tlsv1.3" => &TLS13,
            "tlsv1.2" => &TLS12,
            "tlsv1" | "tlsv1.1" => continue,
            _ => {
                return Err(
                    "Invalid tls-protocols specified. Use a combination of 'TLSv1.2' and 'TLSv1.3'.".into()
                );
            }
        };
        if !versions.contains(&version) {
            versions.push(version);
        }
    }
    if versions.is_empty() && !text.trim().is_empty() {
        return Err(
            "tls-protocols names only TLSv1 and TLSv1.1, which are not offered: they are not safe.".into()
        );
    }
    Ok(if versions.is_empty() { vec![&TLS13, &TLS12] } else { versions })
}

/// The suites in the order of the two lists; empty lists stand for everything in our own order.
pub fn suites(
    ciphers: &str,
    ciphersuites: &str,
    offered: &[SupportedCipherSuite],
) -> Result<Vec<SupportedCipherSuite>, String> {
    let newer = match ciphersuites {
        "" => TLS13_SUITES.iter().map(|(suite, _)| *suite).collect(),
        list => named(list),
    };
    let older = match ciphers {
        "" => TLS12_SUITES.iter().map(|(suite, ..)| *suite).collect(),
        list => matched(list),
    };
    if newer.is_empty() {
        return Err("Failed to configure ciphersuites: none of tls-ciphersuites is known".into());
    }
    if older.is_empty() {
        return Err("Failed to configure ciphers: no cipher match".into());
    }
    let wanted = newer.iter().chain(&older);
    Ok(wanted.filter_map(|name| offered.iter().find(|suite| suite.suite() == *name)).copied().collect())
}

fn named(list: &str) -> Vec<CipherSuite> {
    let words = list.split([':', ',', ' ']);
    words
        .filter_map(|word| TLS13_SUITES.iter().find(|(_, name)| *name == word))
        .map(|(suite, _)| *suite)
        .collect()
}

/// What an expression of words selects, in order. `!` rules out for good, `-` takes out, `+` moves to the end.
fn matched(list: &str) -> Vec<CipherSuite> {
    let (mut chosen, mut ruled_out): (Vec<CipherSuite>, Vec<CipherSuite>) = (Vec::new(), Vec::new());
    for word in list.split([':', ',', ' ', ';']).filter(|word| !word.is_empty() && !word.starts_with('@')) {
        let (sign, terms) = match word.as_bytes()[0] {
            sign @ (b'!' | b'-' | b'+') => (sign, &word[1..]),
            _ => (b' ', word),
        };
        let fits = |(_, name, words): &(CipherSuite, &str, &[&str])| {
            terms
                .split('+')
                .all(|term| *name == term || TLS12_COMMON.contains(&term) || words.contains(&term))
        };
        let fitting = TLS12_SUITES.iter().filter(|suite| fits(suite)).map(|(suite, ..)| *suite);
        let fitting: Vec<CipherSuite> = fitting.collect();
        match sign {
            b' ' => {
                let new = fitting.into_iter().filter(|suite| !ruled_out.contains(suite));
                for suite in new.collect::<Vec<_>>() {
                    if !chosen.contains(&suite) {
                        chosen.push(suite);
                    }
                }
            }
            b'+' => {
                let (last, rest) = chosen.into_iter().partition(|suite| fitting.contains(suite));
                chosen = rest;
                let mut last: Vec<CipherSuite> = last;
                chosen.append(&mut last);
            }
            _ => {
                chosen.retain(|suite| !fitting.contains(suite));
                if sign == b'!' {
                    ruled_out.extend(fitting);
                }
            }
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str) -> Vec<&'static str> {
        let name = |suite| TLS12_SUITES.iter().find(|(known, ..)| *known == suite).expect("known").1;
        matched(list).into_iter().map(name).collect()
    }

    #[test]
    fn lists_select_as_in_openssl() {
        assert_eq!(names("DEFAULT").len(), 6);
        assert_eq!(names("HIGH:!aNULL:!MD5:!CHACHA20:!AES128"), names("AES256"));
        assert_eq!(names("ECDHE+aRSA+AES128"), ["ECDHE-RSA-AES128-GCM-SHA256"]);
        assert_eq!(
            names("!aRSA:ALL:+AES256:-AES128"),
            ["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES256-GCM-SHA384"]
        );
        assert_eq!(names("DES-CBC3-SHA:RC4"), Vec::<&str>::new());
    }

    #[test]
    fn all_lists_hold_what_is_offered() {
        let offered = rustls::crypto::ring::ALL_CIPHER_SUITES;
        assert_eq!(suites("", "", offered).expect("all").len(), offered.len());
        let one = suites("AES256+aRSA", "TLS_AES_128_GCM_SHA256:TLS_UNKNOWN", offered).expect("two");
        assert_eq!(one.len(), 2);
        assert!(suites("NULL", "", offered).is_err() && suites("", "TLS_UNKNOWN", offered).is_err());
    }

    #[test]
    fn versions_below_1_2_are_not_offered() {
        assert_eq!(protocols("").expect("all").len(), 2);
        assert_eq!(protocols("TLSv1.1 tlsv1.2"), Ok(vec![&TLS12]));
        assert!(protocols("TLSv1 TLSv1.1").is_err() && protocols("SSLv3").is_err());
    }
}
