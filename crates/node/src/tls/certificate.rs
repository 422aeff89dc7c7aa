//! What this server needs to know of a certificate beyond whether it is valid: names, serial number, end, key.
//!
//! A reader for the few fields of RFC 5280, section 4.1, that are used here. Chains and signatures are the TLS
//! library's business; whatever does not look as expected here is simply absent.

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_ID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// A URI among the alternative names.
const URI: u8 = 0x86;
/// Object identifiers: `commonName` 2.5.4.3, `subjectAltName` 2.5.29.17.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];

/// Facts of one certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Upper-case hexadecimal, as OpenSSL prints it.
    pub serial: String,
    /// The last second of its life, Unix time.
    pub not_after: i64,
    /// The subject's last common name.
    pub common_name: Option<Vec<u8>>,
    /// URIs of the alternative names.
    pub uris: Vec<Vec<u8>>,
    /// The subject's public key, `SubjectPublicKeyInfo` with its header.
    pub public_key: Vec<u8>,
}

/// One element: its tag, what is in it, and all of it.
struct Element<'a> {
    tag: u8,
    value: &'a [u8],
    whole: &'a [u8],
}

/// Takes the next element off the front.
fn take<'a>(bytes: &mut &'a [u8]) -> Option<Element<'a>> {
    let all = *bytes;
    let (&tag, &first) = (all.first()?, all.get(1)?);
    let (header, length) = if first < 0x80 {
        (2, usize::from(first))
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let digits = all.get(2..2 + count)?;
        (2 + count, digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)))
    };
    let whole = all.get(..header.checked_add(length)?)?;
    *bytes = &all[whole.len()..];
    Some(Element { tag, value: &whole[header..], whole })
}

fn take_tagged<'a>(bytes: &mut &'a [u8], tag: u8) -> Option<Element<'a>> {
    take(bytes).filter(|element| element.tag == tag)
}

impl Certificate {
    /// Reads a certificate in DER.
    pub fn parse(der: &[u8]) -> Option<Certificate> {
        let mut outer = take_tagged(&mut &*der, SEQUENCE)?.value;
        let mut fields = take_tagged(&mut outer, SEQUENCE)?.value;
        if fields.first() == Some(&VERSION) {
            take(&mut fields)?;
        }
        let serial = take_tagged(&mut fields, INTEGER)?.value;
        let _signature = take_tagged(&mut fields, SEQUENCE)?;
        let _issuer = take_tagged(&mut fields, SEQUENCE)?;
        let mut validity = take_tagged(&mut fields, SEQUENCE)?.value;
        let _not_before = take(&mut validity)?;
        let not_after = take(&mut validity)?;
        let subject = take_tagged(&mut fields, SEQUENCE)?.value;
        let public_key = take_tagged(&mut fields, SEQUENCE)?.whole.to_vec();
        let mut uris = Vec::new();
        while let Some(field) = take(&mut fields) {
            if field.tag == EXTENSIONS {
                uris = alternative_uris(field.value).unwrap_or_default();
            }
        }
        let serial = serial.strip_prefix(&[0]).filter(|rest| !rest.is_empty()).unwrap_or(serial);
        Some(Certificate {
            serial: serial.iter().map(|byte| format!("{byte:02X}")).collect(),
            not_after: unix_time(&not_after)?,
            common_name: common_name(subject),
            uris,
            public_key,
        })
    }
}

/// The last common name of a subject: the most specific one.
fn common_name(mut subject: &[u8]) -> Option<Vec<u8>> {
    let mut found = None;
    while let Some(set) = take(&mut subject) {
        let mut attributes = set.value;
        while let Some(attribute) = take(&mut attributes) {
            let mut parts = attribute.value;
            if take_tagged(&mut parts, OBJECT_ID).is_some_and(|id| id.value == COMMON_NAME)
                && let Some(value) = take(&mut parts)
            {
                found = Some(value.value.to_vec());
            }
        }
    }
    found
}

fn alternative_uris(mut extensions: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut list = take_tagged(&mut extensions, SEQUENCE)?.value;
    while let Some(extension) = take(&mut list) {
        let mut parts = extension.value;
        if take_tagged(&mut parts, OBJECT_ID)?.value != ALTERNATIVE_NAMES {
            continue;
        }
        // Between the two may stand whether the extension is critical.
        while let Some(part) = take(&mut parts) {
            if part.tag == OCTET_STRING {
                let mut names = take_tagged(&mut &*part.value, SEQUENCE)?.value;
                let names = std::iter::from_fn(move || take(&mut names));
                return Some(names.filter(|name| name.tag == URI).map(|name| name.value.to_vec()).collect());
            }
        }
    }
    None
}

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`.
fn unix_time(time: &Element<'_>) -> Option<i64> {
    let digits = std::str::from_utf8(time.value).ok()?.strip_suffix('Z')?;
    let (year, rest) = match time.tag {
        UTC_TIME => {
            let year: i64 = digits.get(..2)?.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, digits.get(2..)?)
        }
        GENERALIZED_TIME => (digits.get(..4)?.parse().ok()?, digits.get(4..)?),
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at + 2)?.parse::<i64>().ok();
    let (month, day) = (part(0)?, part(2)?);
    let (hour, minute, second) = (part(4)?, part(6)?, part(8)?);
    if !(1..=12).contains(&month) {
        return None;
    }
    // Years begin in March, so that the leap day ends them.
    let years = year - i64::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days =
        365 * years + years.div_euclid(4) - years.div_euclid(100) + years.div_euclid(400) + day_of_year;
    Some((days - 719_468) * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let value = parts.concat();
        let mut out = vec![tag];
        match value.len() {
            length @ ..0x80 => out.push(length as u8),
            length => out.extend([0x82, (length >> 8) as u8, length as u8]),
        }
        out.extend(value);
        out
    }

    fn certificate() -> Vec<u8> {
        let name = |text: &[u8]| {
            let attribute =
                element(SEQUENCE, &[&element(OBJECT_ID, &[COMMON_NAME]), &element(0x0c, &[text])]);
            element(0x31, &[&attribute])
        };
        let validity = element(
            SEQUENCE,
            &[&element(UTC_TIME, &[b"700101000000Z"]), &element(GENERALIZED_TIME, &[b"20501231235959Z"])],
        );
        let uri = element(URI, &[b"urn:user:bob"]);
        let names = element(OCTET_STRING, &[&element(SEQUENCE, &[&element(0x82, &[b"example.org"]), &uri])]);
        let extension = element(SEQUENCE, &[&element(OBJECT_ID, &[ALTERNATIVE_NAMES]), &names]);
        let fields = element(
            SEQUENCE,
            &[
                &element(VERSION, &[&element(INTEGER, &[&[2]])]),
                &element(INTEGER, &[&[0, 0xab, 0x01]]),
                &element(SEQUENCE, &[]),
                &element(SEQUENCE, &[&name(b"issuer")]),
                &validity,
                &element(SEQUENCE, &[&name(b"first"), &name(b"bob")]),
                &element(SEQUENCE, &[&[0xcc; 200]]),
                &element(EXTENSIONS, &[&element(SEQUENCE, &[&extension])]),
            ],
        );
        element(SEQUENCE, &[&fields])
    }

    #[test]
    fn fields_are_found() {
        let found = Certificate::parse(&certificate()).expect("it is one");
        assert_eq!((found.serial.as_str(), found.not_after), ("AB01", 2_556_143_999));
        assert_eq!(found.common_name.as_deref(), Some(b"bob".as_slice()));
        assert_eq!(found.uris, [b"urn:user:bob"]);
        assert_eq!(found.public_key, element(SEQUENCE, &[&[0xcc; 200]]));
    }

    #[test]
    fn what_is_cut_or_changed_never_panics() {
        let whole = certificate();
        for end in 0..whole.len() {
            assert_eq!(Certificate::parse(&whole[..end]), None);
        }
        for at in 0..whole.len() {
            for value in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut changed = whole.clone();
                changed[at] = value;
                let _ = Certificate::parse(&changed);
            }
        }
    }
}
