//! CLIENT TRACKING and its kin: invalidations for clients that keep copies of keys.
//!
//! Pages: <https://valkey.io/commands/client-tracking/>, <https://valkey.io/topics/client-side-caching/>. What they lead
//! to: see `crate::tracking`.

use std::collections::BTreeSet;

use commands::options::integer;
use commands::session::{Tracking, TrackingMode};
use commands::{Args, CommandError, CommandResult, Outcome};

use crate::client::Client;
use crate::ctx::NodeCtx;
use crate::tracking::{self, Place};

/// What CLIENT TRACKING asks for.
#[derive(Default)]
struct Asked<'a> {
    redirect: u64,
    broadcast: bool,
    optin: bool,
    optout: bool,
    noloop: bool,
    prefixes: Vec<&'a [u8]>,
}

impl<'a> Asked<'a> {
    fn parse(ctx: &mut NodeCtx<'_>, args: &Args<'a>) -> Result<Self, CommandError> {
        let mut asked = Asked::default();
        let mut at = 3;
        while at < args.len() {
            let value = args.try_get(at + 1);
            match value {
                Some(value) if args.is(at, "REDIRECT") => {
                    if asked.redirect != 0 {
                        return Err(CommandError::text(
                            "ERR A client can only redirect to a single other client",
                        ));
                    }
                    asked.redirect = find_target(ctx, integer(value)?)
                        .ok_or(CommandError::text("ERR The client ID you want redirect to does not exist"))?;
                    at += 1;
                }
                Some(value) if args.is(at, "PREFIX") => {
                    asked.prefixes.push(value);
                    at += 1;
                }
                _ if args.is(at, "BCAST") => asked.broadcast = true,
                _ if args.is(at, "OPTIN") => asked.optin = true,
                _ if args.is(at, "OPTOUT") => asked.optout = true,
                _ if args.is(at, "NOLOOP") => asked.noloop = true,
                _ => return Err(CommandError::Syntax),
            }
            at += 1;
        }
        Ok(asked)
    }

    /// Whether the options go together, and with what the client does so far. The mode that they mean.
    fn check(&self, now: Option<&Tracking>) -> Result<TrackingMode, CommandError> {
        let was = now.map(|tracking| tracking.mode);
        let refused = |text| Err(CommandError::text(text));
        if !self.broadcast && !self.prefixes.is_empty() {
            return refused("ERR PREFIX option requires BCAST mode to be enabled");
        }
        if was.is_some_and(|was| (was == TrackingMode::Broadcast) != self.broadcast) {
            return refused(
                "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then \
                 re-enabling it with a different mode.",
            );
        }
        if self.broadcast && (self.optin || self.optout) {
            return refused("ERR OPTIN and OPTOUT are not compatible with BCAST");
        }
        if self.optin && self.optout {
            return refused("ERR You can't specify both OPTIN mode and OPTOUT mode");
        }
        if (self.optin && was == Some(TrackingMode::OptOut))
            || (self.optout && was == Some(TrackingMode::OptIn))
        {
            return refused(
                "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then \
                 re-enabling it with a different mode.",
            );
        }
        check_prefixes(&self.prefixes, now)?;
        Ok(match self {
            Asked { broadcast: true, .. } => TrackingMode::Broadcast,
            Asked { optin: true, .. } => TrackingMode::OptIn,
            Asked { optout: true, .. } => TrackingMode::OptOut,
            _ => TrackingMode::All,
        })
    }
}

/// No key may begin in two of a client's ways.
fn check_prefixes(prefixes: &[&[u8]], now: Option<&Tracking>) -> Result<(), CommandError> {
    let overlap = |a: &[u8], b: &[u8]| a.starts_with(b) || b.starts_with(a);
    // Texts of Valkey end at a zero byte.
    let shown = |prefix: &[u8]| prefix.split(|&byte| byte == 0).next().unwrap_or_default().to_vec();
    let refused = |prefix: &[u8], kind: &str, other: &[u8]| {
        let kind = format!("' overlaps with {kind} prefix '");
        let end = b"'. Prefixes for a single client must not overlap.";
        let parts = [b"ERR Prefix '", &shown(prefix)[..], kind.as_bytes(), &shown(other)[..], end];
        Err(CommandError::owned(parts.concat()))
    };
    for (at, prefix) in prefixes.iter().enumerate() {
        let existing = now.into_iter().flat_map(|tracking| &tracking.prefixes);
        if let Some(other) = existing.into_iter().find(|other| overlap(other, prefix)) {
            return refused(prefix, "an existing", other);
        }
        if let Some(other) = prefixes[at + 1..].iter().find(|other| overlap(other, prefix)) {
            return refused(prefix, "another provided", other);
        }
    }
    Ok(())
}

/// Makes sure that a client is there, and that it can be found from now on. O(clients).
fn find_target(ctx: &mut NodeCtx<'_>, id: i64) -> Option<u64> {
    let id = u64::try_from(id).ok()?;
    let node = ctx.node;
    let mark = |client: &mut Client, thread: usize| {
        client.meta.is_redirect_target = true;
        Place { thread, token: client.token }
    };
    let is_it = |client: &&mut Client| client.session.id == id && !client.meta.killed;
    let place = if ctx.data.session.id == id {
        ctx.meta.is_redirect_target = true;
        Some(Place { thread: ctx.thread, token: ctx.token })
    } else if let Some(client) = ctx.clients.iter_mut().find(is_it) {
        Some(mark(client, ctx.thread))
    } else {
        ctx.other_threads().find_map(|(thread, mut state)| {
            let client = state.clients.iter_mut().find(is_it)?;
            Some(mark(client, thread))
        })
    };
    match place {
        Some(place) => node.tracking.target_is_at(id, place),
        // It may be on its way from one thread to another: it will say where it is.
        None => {
            let thread = node.threads.iter().position(|thread| {
                thread.mailbox.with_moved(id, |client| client.meta.is_redirect_target = true).is_some()
            })?;
            node.tracking.target_is_at(id, Place { thread, token: u64::MAX });
        }
    }
    Some(id)
}

/// `CLIENT TRACKING ON | OFF [REDIRECT client-id] [PREFIX prefix ...] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]`. O(prefixes),
/// with REDIRECT O(clients).
pub fn tracking(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let asked = Asked::parse(ctx, args)?;
    if args.is(2, "ON") {
        begin(ctx, asked)?;
    } else if args.is(2, "OFF") {
        tracking::end(ctx.node, ctx.data.session);
    } else {
        return Err(CommandError::Syntax);
    }
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

fn begin(ctx: &mut NodeCtx<'_>, asked: Asked<'_>) -> Result<(), CommandError> {
    let session = &mut *ctx.data.session;
    let mode = asked.check(session.tracking.as_deref())?;
    let was = session.tracking.take().unwrap_or_default();
    let mut prefixes: BTreeSet<Box<[u8]>> = was.prefixes;
    prefixes.extend(asked.prefixes.iter().map(|&prefix| Box::from(prefix)));
    if mode == TrackingMode::Broadcast && asked.prefixes.is_empty() {
        prefixes.insert(Box::default());
    }
    let Asked { noloop, redirect, .. } = asked;
    let wish =
        Tracking { mode, noloop, redirect, prefixes, caching: was.caching, broken: Default::default() };
    let place = Place { thread: ctx.thread, token: ctx.token };
    tracking::begin(ctx.node, session.id, place, session.resp, &wish);
    session.tracking = Some(Box::new(wish));
    session.settle_special();
    if mode == TrackingMode::Broadcast {
        let prefixes = ctx.node.tracking.all_prefixes();
        for (_, mut state) in ctx.other_threads() {
            state.local.broadcasts.prefixes = prefixes.clone();
        }
        ctx.data.space.local.broadcasts.prefixes = prefixes;
    }
    Ok(())
}

/// `CLIENT CACHING YES | NO`: the keys that the next command reads are, or are not, remembered. O(1).
pub fn caching(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let Some(tracking) = &mut ctx.data.session.tracking else {
        return Err(CommandError::text(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ));
    };
    let (mode, text) = if args.is(2, "YES") {
        (TrackingMode::OptIn, "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
    } else if args.is(2, "NO") {
        (TrackingMode::OptOut, "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
    } else {
        return Err(CommandError::Syntax);
    };
    if tracking.mode != mode {
        return Err(CommandError::text(text));
    }
    tracking.caching = true;
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// The client that is told instead; 0: none, -1: nobody tracks.
fn redirect(ctx: &NodeCtx<'_>) -> i64 {
    ctx.data.session.tracking.as_ref().map_or(-1, |tracking| tracking.redirect as i64)
}

/// `CLIENT GETREDIR`. O(1).
pub fn getredir(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    let redirect = redirect(ctx);
    ctx.data.reply.int(redirect);
    Ok(Outcome::Done)
}

/// `CLIENT TRACKINGINFO`. O(prefixes).
pub fn trackinginfo(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    let redirect = redirect(ctx);
    let tracking = ctx.data.session.tracking.as_deref();
    let mut flags = vec![if tracking.is_some() { "on" } else { "off" }];
    if let Some(tracking) = tracking {
        let (mode, cached) = match tracking.mode {
            TrackingMode::All => (None, None),
            TrackingMode::OptIn => (Some("optin"), Some("caching-yes")),
            TrackingMode::OptOut => (Some("optout"), Some("caching-no")),
            TrackingMode::Broadcast => (Some("bcast"), None),
        };
        flags.extend(mode);
        flags.extend(cached.filter(|_| tracking.caching));
        flags.extend(tracking.noloop.then_some("noloop"));
        flags.extend(tracking.is_broken().then_some("broken_redirect"));
    }
    let reply = &mut ctx.data.reply;
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"redirect");
    reply.int(redirect);
    reply.bulk(b"prefixes");
    reply.array(tracking.map_or(0, |tracking| tracking.prefixes.len()));
    for prefix in tracking.into_iter().flat_map(|tracking| &tracking.prefixes) {
        reply.bulk(prefix);
    }
    Ok(Outcome::Done)
}
