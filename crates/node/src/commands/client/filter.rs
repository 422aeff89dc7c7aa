//! The filters that CLIENT LIST and CLIENT KILL share.
//!
//! Pages: <https://valkey.io/commands/client-list/>, <https://valkey.io/commands/client-kill/>. All filters given must
//! hold. Most have a counterpart with `NOT-`, that must not; a filter given twice counts the last time.

use commands::{Args, CommandError};
use wire::number::parse_i64;

use super::view::View;
use crate::node::Node;

/// Letters that `FLAGS` knows: every state a connection of Valkey may be in.
const FLAGS: &[u8] = b"ABEIMNOPRSTUbcdeirtux";
/// Letters that `CAPA` knows.
const CAPA: &[u8] = b"r";

/// Kinds of connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Normal,
    Primary,
    Replica,
    Pubsub,
}

impl Kind {
    fn parse(word: &[u8]) -> Result<Kind, CommandError> {
        const WORDS: [(&str, Kind); 6] = [
            ("normal", Kind::Normal),
            ("primary", Kind::Primary),
            ("master", Kind::Primary),
            ("replica", Kind::Replica),
            ("slave", Kind::Replica),
            ("pubsub", Kind::Pubsub),
        ];
        let known = WORDS.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(word));
        known.map(|&(_, kind)| kind).ok_or_else(|| {
            CommandError::owned(format!("ERR Unknown client type '{}'", String::from_utf8_lossy(word)))
        })
    }
}

/// Conditions of one side: those that must hold, or those that must not.
#[derive(Default)]
struct Conditions<'a> {
    ids: Option<Vec<u64>>,
    kind: Option<Kind>,
    addr: Option<&'a [u8]>,
    laddr: Option<&'a [u8]>,
    user: Option<&'a [u8]>,
    flags: Option<&'a [u8]>,
    name: Option<&'a [u8]>,
    lib_name: Option<&'a [u8]>,
    lib_ver: Option<&'a [u8]>,
    db: Option<u16>,
    capa: Option<&'a [u8]>,
    ip: Option<&'a [u8]>,
}

impl<'a> Conditions<'a> {
    /// Takes in the option at `at`, its name being `option` without `NOT-`, and returns where the next one begins.
    fn take(&mut self, option: &str, args: &Args<'a>, at: usize, node: &Node) -> Result<usize, CommandError> {
        let value = args.try_get(at + 1).ok_or(CommandError::Syntax)?;
        let negated = args.get(at).len() > option.len();
        let filter = || if negated { format!("NOT-{option} filter") } else { "provided filter".to_owned() };
        match option {
            "ID" => return self.take_ids(args, at + 1),
            "TYPE" => self.kind = Some(Kind::parse(value)?),
            "ADDR" => self.addr = Some(value),
            "LADDR" => self.laddr = Some(value),
            "USER" if node.access.users().get(value).is_some() => self.user = Some(value),
            "USER" => {
                let user = String::from_utf8_lossy(value);
                return Err(CommandError::owned(format!("ERR No such user '{user}'")));
            }
            "FLAGS" => self.flags = Some(letters("flags", value, FLAGS, &filter())?),
            "NAME" => self.name = Some(value),
            "LIB-NAME" => self.lib_name = Some(value),
            "LIB-VER" => self.lib_ver = Some(value),
            "DB" => {
                self.db =
                    Some(database(if negated { "NOT-DB" } else { "DB" }, value, node.keyspace.databases())?)
            }
            "CAPA" => self.capa = Some(letters("capa", value, CAPA, &filter())?),
            "IP" => self.ip = Some(value),
            _ => return Err(CommandError::Syntax),
        }
        Ok(at + 2)
    }

    /// As many numbers as follow; none is an empty list.
    fn take_ids(&mut self, args: &Args<'a>, from: usize) -> Result<usize, CommandError> {
        let ids = self.ids.get_or_insert_default();
        let mut at = from;
        while let Some(number) = args.try_get(at).and_then(parse_i64) {
            if number < 1 {
                return Err(CommandError::text("ERR client-id should be greater than 0"));
            }
            ids.push(number as u64);
            at += 1;
        }
        Ok(at)
    }

    /// What each condition that was set says about a client.
    fn judge(&self, view: &View<'_>) -> impl Iterator<Item = bool> {
        let session = view.session;
        // What a client has not set is unlike any text, the empty one too.
        let named = |wanted: &[u8], is: &[u8]| !is.is_empty() && wanted == is;
        let all_in = |letters: &[u8], of: &str| letters.iter().all(|letter| of.as_bytes().contains(letter));
        [
            self.ids.as_ref().map(|ids| ids.contains(&session.id)),
            self.kind.map(|kind| {
                kind == if view.session.subscriptions.is_some() { Kind::Pubsub } else { Kind::Normal }
            }),
            self.addr.map(|addr| addr == view.meta.addr.as_bytes()),
            self.laddr.map(|laddr| laddr == view.meta.laddr.as_bytes()),
            self.user.map(|user| *view.meta.user.name == *user),
            self.flags.map(|flags| all_in(flags, &view.flags())),
            self.name.map(|name| named(name, &session.name)),
            self.lib_name.map(|name| named(name, &session.lib_name)),
            self.lib_ver.map(|version| named(version, &session.lib_ver)),
            self.db.map(|db| db == session.db),
            self.capa.map(|capa| all_in(capa, view.capa())),
            self.ip.map(|ip| ip == view.ip().as_bytes()),
        ]
        .into_iter()
        .flatten()
    }
}

/// A set of letters, all of them known.
fn letters<'a>(what: &str, value: &'a [u8], known: &[u8], filter: &str) -> Result<&'a [u8], CommandError> {
    if value.iter().all(|letter| known.contains(letter)) {
        return Ok(value);
    }
    let value = String::from_utf8_lossy(value);
    Err(CommandError::owned(format!("ERR Unknown {what} found in the {filter}: {value}")))
}

fn database(option: &str, value: &[u8], databases: u16) -> Result<u16, CommandError> {
    let number = parse_i64(value)
        .and_then(|number| i32::try_from(number).ok())
        .ok_or_else(|| CommandError::owned(format!("ERR {option} is not an integer or out of range")))?;
    u16::try_from(number).ok().filter(|&db| db < databases).ok_or_else(|| {
        CommandError::owned(format!("ERR {option} number should be between 0 and {}", databases - 1))
    })
}

fn seconds(option: &str, value: &[u8]) -> Result<i64, CommandError> {
    let number = parse_i64(value)
        .ok_or_else(|| CommandError::owned(format!("ERR {option} is not an integer or out of range")))?;
    if number > 0 {
        Ok(number)
    } else {
        Err(CommandError::owned(format!("ERR {option} should be greater than 0")))
    }
}

/// Which clients are meant.
#[derive(Default)]
pub struct Filter<'a> {
    wanted: Conditions<'a>,
    unwanted: Conditions<'a>,
    age_min_seconds: Option<i64>,
    idle_min_seconds: Option<i64>,
    /// The asking client is left out whatever it is.
    pub skip_me: bool,
}

impl<'a> Filter<'a> {
    /// The old form of KILL: whoever has this address, the asking client not excepted.
    pub fn by_address(addr: &'a [u8]) -> Self {
        Filter { wanted: Conditions { addr: Some(addr), ..Conditions::default() }, ..Filter::default() }
    }

    /// Reads the options from argument `from` on. `skip_me` holds until an option says otherwise.
    pub fn parse(args: &Args<'a>, from: usize, node: &Node, skip_me: bool) -> Result<Self, CommandError> {
        let mut filter = Filter { skip_me, ..Filter::default() };
        let mut at = from;
        while let Some(option) = args.try_get(at) {
            let option = String::from_utf8_lossy(option).to_ascii_uppercase();
            let Some(value) = args.try_get(at + 1) else {
                // An ID at the very end, behind other options, is an empty list of numbers.
                match option.as_str() {
                    "ID" if at > from => filter.wanted.ids = Some(filter.wanted.ids.unwrap_or_default()),
                    "NOT-ID" if at > from => {}
                    _ => return Err(CommandError::Syntax),
                }
                break;
            };
            at = match (option.as_str(), option.strip_prefix("NOT-")) {
                ("MAXAGE", _) => {
                    filter.age_min_seconds = Some(seconds("maxage", value)?);
                    at + 2
                }
                ("IDLE", _) => {
                    filter.idle_min_seconds = Some(seconds("idle", value)?);
                    at + 2
                }
                ("SKIPME", _) => {
                    filter.skip_me = match () {
                        () if args.is(at + 1, "YES") => true,
                        () if args.is(at + 1, "NO") => false,
                        () => return Err(CommandError::Syntax),
                    };
                    at + 2
                }
                (_, Some(unwanted)) => filter.unwanted.take(unwanted, args, at, node)?,
                (wanted, None) => filter.wanted.take(wanted, args, at, node)?,
            };
        }
        Ok(filter)
    }

    /// Whether a client is meant. [`Self::skip_me`] is the caller's affair.
    pub fn matches(&self, view: &View<'_>, now_ms: i64) -> bool {
        self.wanted.judge(view).all(|holds| holds)
            && !self.unwanted.judge(view).any(|holds| holds)
            && self.age_min_seconds.is_none_or(|least| view.age_seconds(now_ms) >= least)
            && self.idle_min_seconds.is_none_or(|least| view.idle_seconds(now_ms) >= least)
    }
}
