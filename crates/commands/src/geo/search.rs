//! `GEOSEARCH`, `GEORADIUS` and their kin: members within a shape.
//!
//! Order of checks, as in Valkey: the key's type, then arguments from left to right, then what they make together.

use structures::zset::{Limits, ScoreRange, Zset, order};
use wire::number::parse_f64;
use wire::resp::ReplyWriter;

use super::hash::{Cell, Place, to_i64};
use super::shape::{Form, Shape};
use super::{partial, place, unit, write_distance, write_place};
use crate::options::integer;
use crate::t_zset::{limits, store};
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// Members in the cells of a search above which a worker computes the reply.
const WORKER_MEMBERS: usize = 2048;

/// The order of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Ascending,
    Descending,
}

/// Which command a search is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    /// `GEORADIUS`; `store` if it may have the options `STORE` and `STOREDIST`.
    Radius { store: bool },
    /// `GEORADIUSBYMEMBER`.
    ByMember { store: bool },
    /// `GEOSEARCH`.
    Search,
    /// `GEOSEARCHSTORE`.
    SearchStore,
}

impl Command {
    /// The argument that is the key.
    fn key(self) -> usize {
        if self == Command::SearchStore { 2 } else { 1 }
    }

    fn is_search(self) -> bool {
        matches!(self, Command::Search | Command::SearchStore)
    }

    /// Whether the destination is an option.
    fn may_store(self) -> bool {
        matches!(self, Command::Radius { store: true } | Command::ByMember { store: true })
    }
}

/// Where the centre comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Member,
    Place,
}

/// What a search is asked for.
#[derive(Clone, Debug)]
struct Search {
    /// `None` also when the key is missing.
    centre: Option<Place>,
    from: Option<From>,
    /// Form and metres in a unit.
    form: Option<(Form, f64)>,
    with_distance: bool,
    with_hash: bool,
    with_place: bool,
    sort: Option<Sort>,
    /// Members at most; 0 for all.
    count: usize,
    any: bool,
    /// The argument that names the destination.
    store_at: Option<usize>,
    /// The destination gets distances for scores.
    store_distance: bool,
}

impl Search {
    /// Reads the arguments. `zset` is the value of the key, which members are looked up in.
    fn parse(args: &Args<'_>, command: Command, zset: Option<&Zset>) -> Result<Search, CommandError> {
        let mut search = Search {
            centre: None,
            from: None,
            form: None,
            with_distance: false,
            with_hash: false,
            with_place: false,
            sort: None,
            count: 0,
            any: false,
            store_at: None,
            store_distance: false,
        };
        let from = match command {
            Command::Radius { .. } => {
                search.centre = Some(place(args, 2)?);
                search.form = Some(circle(args, 4)?);
                6
            }
            Command::ByMember { .. } => {
                if let Some(zset) = zset {
                    search.centre = Some(member(zset, args.get(2))?);
                    search.form = Some(circle(args, 3)?);
                }
                5
            }
            Command::Search => 2,
            Command::SearchStore => {
                search.store_at = Some(1);
                3
            }
        };
        let mut i = from;
        while i < args.len() {
            i += 1 + search.take(args, i, command, zset)?;
        }
        search.check(args, command)?;
        Ok(search)
    }

    /// Takes in the option at `i` and says how many arguments it has.
    fn take(
        &mut self,
        args: &Args<'_>,
        i: usize,
        command: Command,
        zset: Option<&Zset>,
    ) -> Result<usize, CommandError> {
        let left = args.len() - i - 1;
        let is = |word: &str| args.is(i, word);
        let form = self.form.as_ref().map(|(form, _)| form);
        let polygon = matches!(form, Some(Form::Polygon { .. }));
        if is("withdist") {
            self.with_distance = true;
        } else if is("withhash") {
            self.with_hash = true;
        } else if is("withcoord") {
            self.with_place = true;
        } else if is("any") {
            self.any = true;
        } else if is("asc") {
            self.sort = Some(Sort::Ascending);
        } else if is("desc") {
            self.sort = Some(Sort::Descending);
        } else if is("count") && left >= 1 {
            let count = integer(args.get(i + 1))?;
            self.count = usize::try_from(count)
                .ok()
                .filter(|&count| count > 0)
                .ok_or(CommandError::text("ERR COUNT must be > 0"))?;
            return Ok(1);
        } else if (is("store") || is("storedist")) && left >= 1 && command.may_store() {
            self.store_at = Some(i + 1);
            self.store_distance = is("storedist");
            return Ok(1);
        } else if is("storedist") && command == Command::SearchStore {
            self.store_distance = true;
        } else if !command.is_search() {
            return Err(CommandError::Syntax);
        } else if is("frommember") && left >= 1 && !polygon && self.from != Some(From::Place) {
            if let Some(zset) = zset {
                self.centre = Some(member(zset, args.get(i + 1))?);
            }
            self.from = Some(From::Member);
            return Ok(1);
        } else if is("fromlonlat") && left >= 2 && !polygon && self.from != Some(From::Member) {
            self.centre = Some(place(args, i + 1)?);
            self.from = Some(From::Place);
            return Ok(2);
        } else if is("byradius") && left >= 2 && matches!(form, None | Some(Form::Circle { .. })) {
            self.form = Some(circle(args, i + 1)?);
            return Ok(2);
        } else if is("bybox") && left >= 3 && matches!(form, None | Some(Form::Box { .. })) {
            self.form = Some(rectangle(args, i + 1)?);
            return Ok(3);
        } else if is("bypolygon")
            && left >= 2
            && matches!(form, None | Some(Form::Polygon { .. }))
            && self.from.is_none()
        {
            let corners = corners(args, i + 1)?;
            let taken = 1 + corners.len() * 2;
            self.form = Some((Form::Polygon { corners }, 1.0));
            return Ok(taken);
        } else {
            return Err(CommandError::Syntax);
        }
        Ok(0)
    }

    /// Whether the options fit together.
    fn check(&self, args: &Args<'_>, command: Command) -> Result<(), CommandError> {
        if self.store_at.is_some() && (self.with_distance || self.with_hash || self.with_place) {
            let what = if command.is_search() { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
            return Err(CommandError::owned(format!(
                "ERR {what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            )));
        }
        let lacks = |what: &str| {
            let name = String::from_utf8_lossy(args.get(0));
            Err(CommandError::owned(format!("ERR exactly one of {what} can be specified for {name}")))
        };
        if command.is_search() && self.from.is_none() && !self.is_polygon() {
            return lacks("FROMMEMBER or FROMLONLAT");
        }
        if command.is_search() && self.form.is_none() {
            return lacks("BYRADIUS, BYBOX and BYPOLYGON");
        }
        if self.any && self.count == 0 {
            return Err(CommandError::text("ERR the ANY argument requires COUNT argument"));
        }
        Ok(())
    }

    fn is_polygon(&self) -> bool {
        matches!(self.form, Some((Form::Polygon { .. }, _)))
    }

    /// The shape to look in; `None` when the key is missing.
    fn shape(&mut self) -> Option<Shape> {
        match self.form.take()? {
            (Form::Polygon { corners }, _) => Some(Shape::polygon(corners)),
            (form, metres) => Some(Shape { form, centre: self.centre?, metres }),
        }
    }

    /// The members in a shape, in the order and the number wanted.
    fn run(&self, zset: &Zset, shape: &Shape) -> Found {
        let limit = if self.any { self.count } else { usize::MAX };
        let mut found = Found::default();
        for cell in shape.cells() {
            if found.points.len() >= limit {
                break;
            }
            zset.visit_while(zset.score_ranks(&scores(cell)), false, |member, score| {
                let place = Place::of_score(score);
                if let Some(distance) = shape.distance(place) {
                    found.push(member, Point { distance, score, place, member: (0, 0) });
                }
                found.points.len() < limit
            });
        }
        let points = &mut found.points;
        let count = if self.count == 0 { points.len() } else { points.len().min(self.count) };
        // The nearest ones are wanted, unless any will do.
        let sort = self.sort.or((self.count > 0 && !self.any).then_some(Sort::Ascending));
        let compare = |a: &Point, b: &Point| {
            let order = a.distance.total_cmp(&b.distance);
            if sort == Some(Sort::Descending) { order.reverse() } else { order }
        };
        if sort.is_some() {
            if count == points.len() {
                points.sort_by(compare);
            } else {
                partial::sort_first(points, count, &compare);
            }
        }
        points.truncate(count);
        found
    }

    fn write(&self, found: &Found, metres: f64, reply: &mut ReplyWriter<'_>) {
        reply.array(found.points.len());
        let extras =
            usize::from(self.with_distance) + usize::from(self.with_hash) + usize::from(self.with_place);
        for point in &found.points {
            if extras > 0 {
                reply.array(1 + extras);
            }
            reply.bulk(found.member(point));
            if self.with_distance {
                write_distance(reply, point.distance / metres);
            }
            if self.with_hash {
                reply.int(to_i64(point.score));
            }
            if self.with_place {
                write_place(reply, point.place);
            }
        }
    }

    /// What is stored: cells, or distances in the unit of the search.
    fn sorted_set(&self, found: &Found, metres: f64, limits: Limits) -> Zset {
        let score = |point: &Point| if self.store_distance { point.distance / metres } else { point.score };
        let mut members: Vec<(f64, &[u8])> =
            found.points.iter().map(|point| (score(point), found.member(point))).collect();
        members.sort_unstable_by(|a, b| order(*a, *b));
        Zset::from_sorted(limits, members.iter().copied())
    }
}

/// The scores of the places in a cell.
fn scores(cell: Cell) -> ScoreRange {
    ScoreRange { min: cell.score(), min_excluded: false, max: cell.score_end(), max_excluded: true }
}

/// A member that was found.
#[derive(Clone, Copy, Debug)]
struct Point {
    /// From the centre, metres.
    distance: f64,
    score: f64,
    place: Place,
    /// Start and end of the member in [`Found::bytes`].
    member: (usize, usize),
}

/// Members that were found.
#[derive(Default)]
struct Found {
    points: Vec<Point>,
    bytes: Vec<u8>,
}

impl Found {
    fn push(&mut self, member: &[u8], point: Point) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(member);
        self.points.push(Point { member: (start, self.bytes.len()), ..point });
    }

    fn member(&self, point: &Point) -> &[u8] {
        &self.bytes[point.member.0..point.member.1]
    }
}

/// The place of a member.
fn member(zset: &Zset, member: &[u8]) -> Result<Place, CommandError> {
    zset.score(member).map(Place::of_score).ok_or_else(|| {
        // As far as C would print it.
        let shown = member.split(|&b| b == 0).next().unwrap_or_default();
        CommandError::owned([b"ERR member ", shown, b" does not exist"].concat())
    })
}

/// A length that must be a number.
fn length(arg: &[u8], error: &'static str) -> Result<f64, CommandError> {
    parse_f64(arg).ok_or(CommandError::text(error))
}

/// Radius and unit from argument `i` on.
fn circle(args: &Args<'_>, i: usize) -> Result<(Form, f64), CommandError> {
    let radius = length(args.get(i), "ERR need numeric radius")?;
    if radius < 0.0 {
        return Err(CommandError::text("ERR radius cannot be negative"));
    }
    Ok((Form::Circle { radius }, unit(args.get(i + 1))?))
}

/// Width, height and unit from argument `i` on.
fn rectangle(args: &Args<'_>, i: usize) -> Result<(Form, f64), CommandError> {
    let width = length(args.get(i), "ERR need numeric width")?;
    let height = length(args.get(i + 1), "ERR need numeric height")?;
    if height < 0.0 || width < 0.0 {
        return Err(CommandError::text("ERR height or width cannot be negative"));
    }
    Ok((Form::Box { width, height }, unit(args.get(i + 2))?))
}

/// The number of corners and the corners from argument `i` on.
fn corners(args: &Args<'_>, i: usize) -> Result<Vec<Place>, CommandError> {
    let count = wire::number::parse_i64(args.get(i)).and_then(|n| i32::try_from(n).ok());
    let count = count.ok_or(CommandError::text("ERR invalid number of vertices"))?;
    let count = usize::try_from(count).unwrap_or(0);
    if count < 3 || (args.len() - i - 1) / 2 < count {
        return Err(CommandError::text("ERR GEOSEARCH BYPOLYGON must have at least 3 vertices"));
    }
    (0..count).map(|corner| place(args, i + 1 + corner * 2)).collect()
}

fn search(ctx: &mut Ctx<'_>, args: &Args<'_>, command: Command) -> CommandResult {
    let (limits, may_set_aside) = (limits(ctx), ctx.may_set_aside());
    let key = ctx.key(args, command.key());
    let zset = ctx.space.read_as::<Zset>(key)?;
    let mut search = Search::parse(args, command, zset)?;
    let shape = zset.and_then(|_| search.shape());
    let is_long = |zset: &Zset, shape: &Shape| {
        let candidates: usize = shape.cells().map(|cell| zset.score_ranks(&scores(cell)).len()).sum();
        candidates > WORKER_MEMBERS && !(search.any && search.count <= WORKER_MEMBERS / 8)
    };
    if let Some(at) = search.store_at {
        if let (Some(zset), Some(shape)) = (zset, &shape)
            && may_set_aside
            && is_long(zset, shape)
        {
            return Ok(Outcome::Aside);
        }
        let result = match (zset, shape) {
            (Some(zset), Some(shape)) => search.sorted_set(&search.run(zset, &shape), shape.metres, limits),
            _ => Zset::default(),
        };
        let (key, len) = (ctx.key(args, at), result.len());
        let event = if let Command::SearchStore = command { "geosearchstore" } else { "georadiusstore" };
        store(ctx, key, result, event);
        ctx.space.local.counters.changes += len.saturating_sub(1) as u64;
        return Ok(Outcome::Done);
    }
    let (Some(zset), Some(shape)) = (zset, shape) else {
        ctx.reply.array(0);
        return Ok(Outcome::Done);
    };
    if !is_long(zset, &shape) {
        search.write(&search.run(zset, &shape), shape.metres, &mut ctx.reply);
        return Ok(Outcome::Done);
    }
    let (zset, resp) = (zset.clone(), ctx.reply.resp);
    Ok(Outcome::Worker(Box::new(move || {
        let mut out = Vec::new();
        let found = search.run(&zset, &shape);
        search.write(&found, shape.metres, &mut ReplyWriter::new(&mut out, resp));
        out
    })))
}

/// `GEORADIUS key longitude latitude radius M | KM | FT | MI [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]]
/// [ASC | DESC] [STORE key | STOREDIST key]`. O(n + log m), n: members in the cells around the circle.
pub fn georadius(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    search(ctx, args, Command::Radius { store: true })
}

/// `GEORADIUS_RO …`: `GEORADIUS` without `STORE` and `STOREDIST`.
pub fn georadius_ro(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    search(ctx, args, Command::Radius { store: false })
}

/// `GEORADIUSBYMEMBER key member radius M | KM | FT | MI …`: `GEORADIUS` around a member.
pub fn georadiusbymember(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    search(ctx, args, Command::ByMember { store: true })
}

/// `GEORADIUSBYMEMBER_RO …`: `GEORADIUSBYMEMBER` without `STORE` and `STOREDIST`.
pub fn georadiusbymember_ro(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    search(ctx, args, Command::ByMember { store: false })
}

/// `GEOSEARCH key [FROMMEMBER member | FROMLONLAT longitude latitude] BYRADIUS radius unit | BYBOX width height unit |
/// BYPOLYGON corners longitude latitude … [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]`. O(n +
/// log m), n: members in the cells around the shape.
pub fn geosearch(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    search(ctx, args, Command::Search)
}

/// `GEOSEARCHSTORE destination source … [STOREDIST]`: stores what `GEOSEARCH` finds, with its cells or distances as
/// scores; how many.
pub fn geosearchstore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    search(ctx, args, Command::SearchStore)
}
