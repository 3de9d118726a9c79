//! The demo home: its places and things at once, its past in the background, then it lives on.

mod energy;
mod rules;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use model::{Clock, Position, RecordKind, SpaceKind, ThingId, Timestamp};
use server::{Application, Simulation};
use site::run::RunBook;
use site::{NewThing, Site, SiteError};
use store::history::{Batch, HistoryError, SeriesId, SeriesKey};
use store::state::{Change, StateError, Table};
use store::{History, State};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use twin::{Origin, ThingEdit, ThingStatus};
use world::{DemoHome, DemoThing, World};

use crate::config::DemoConfig;
use crate::stage::Stage;

/// How far the world may stand behind the wall clock when it goes on stage.
const SEAM: Duration = Duration::from_secs(2);

/// The setting in which the world of the demo home is kept, so that its meters do not start at zero again.
const WORLD_SETTING: &str = "manmul.demo";

/// How often it is written down.
const SAVE_EVERY: Duration = Duration::from_secs(60);

/// How far the past of the demo home is told, from 0 to 1.
pub(crate) type Progress = watch::Sender<f64>;

/// What the demo home needs.
pub(crate) struct Needs {
    pub(crate) app: Arc<Application>,
    pub(crate) site: Arc<Site>,
    pub(crate) history: Arc<dyn History>,
    pub(crate) state: Arc<dyn State>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stage: Arc<Stage>,
    pub(crate) home: Arc<home::desk::Desk>,
    pub(crate) runs: Arc<RunBook>,
    pub(crate) config: DemoConfig,
}

/// Sets the demo home up, tells its past, and lets it live. Blocks for as long as the past takes; what was told
/// before, in an earlier run, is not told again. Returns who lives in it.
pub(crate) fn run(needs: &Needs, progress: &Progress, stopping: &dyn Fn() -> bool) -> anyhow::Result<HashSet<ThingId>> {
    let known = needs.app.simulation();
    let now = needs.clock.now();
    let past = needs.config.past();
    // A past that was told once is not told again: the world goes on from now.
    let from = if known.until.is_some() { now } else { now - past };
    let DemoHome { spaces, things, mut world } = world::home(needs.config.seed, from);
    place(&needs.site, &spaces, &things).context("the demo home cannot be set up")?;
    rules::stand(&needs.site).context("the demo home stands nowhere")?;
    if known.until.is_some() {
        go_on(&*needs.state, &mut world)?;
    } else {
        needs.app.set_simulation(Simulation { demo: true, until: Some(now) })?;
        tell_the_past(needs, &mut world, progress, stopping)?;
        write_down(&*needs.state, &world.save(), needs.clock.now())?;
        needs.app.set_simulation(Simulation { demo: true, until: Some(world.time()) })?;
        let_someone_wait(&needs.site).context("nothing can wait in the inbox")?;
    }
    progress.send_replace(1.0);
    if !stopping() {
        needs.stage.put_home(world);
    }
    if known.until.is_none() {
        // Once it lives, so that rules follow what happens from here on; their cards show the past that was just told.
        rules::write(&needs.site, stopping).context("the rules of the demo home cannot be written")?;
    }
    energy::set_up(needs, stopping).context("the energy of the demo home cannot be set up")?;
    // What its family did by hand in that time is looked at now rather than tomorrow.
    if known.until.is_none()
        && !stopping()
        && let Err(error) = needs.site.look_for_habits()
    {
        tracing::warn!(%error, "habits could not be looked for in the demo home");
    }
    Ok(things.into_iter().map(|thing| thing.id).collect())
}

/// Lets the world go on from where it was written down, if it was.
fn go_on(state: &dyn State, world: &mut World) -> anyhow::Result<()> {
    if let Some(row) = state.get(Table::Setting, WORLD_SETTING)? {
        let saved: serde_json::Value = row.parse(Table::Setting)?;
        if let Err(error) = world.restore(&saved) {
            tracing::warn!(%error, "the demo home begins anew");
        }
    }
    Ok(())
}

fn write_down(state: &dyn State, world: &serde_json::Value, now: Timestamp) -> Result<(), StateError> {
    state.commit(vec![Change::put(Table::Setting, WORLD_SETTING, None, world)], now).map(drop)
}

/// Writes the world of the demo home down now and then, and when it has come to rest.
pub(crate) async fn keep(state: Arc<dyn State>, clock: Arc<dyn Clock>, stage: Arc<Stage>, closing: CancellationToken) {
    let mut is_over = false;
    while !is_over {
        is_over = tokio::time::timeout(SAVE_EVERY, closing.cancelled()).await.is_ok();
        if is_over {
            stage.closed().await;
        }
        let Some(world) = stage.save_home() else { continue };
        let (state, now) = (Arc::clone(&state), clock.now());
        let written = tokio::task::spawn_blocking(move || write_down(&*state, &world, now)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, "the demo home was not written down");
        }
    }
}

/// Puts a thing into the inbox, so that a new owner sees what the inbox is for.
fn let_someone_wait(site: &Site) -> Result<(), SiteError> {
    let world::Newcomer { id, title, model } = world::newcomer();
    if site.thing_row(&id).is_some() {
        return Ok(());
    }
    let thing = NewThing {
        id: id.clone(),
        title: Some(title),
        model: Some(model),
        space: None,
        location: None,
        tags: vec!["demo".to_owned()],
        origin: Origin::Virtual,
    };
    site.create_thing(thing)?;
    let waiting = ThingEdit { status: Some(ThingStatus::Inbox), ..ThingEdit::default() };
    site.edit_thing(&id, None, waiting).map(drop)
}

/// Makes the places and things that are not there yet.
fn place(site: &Site, spaces: &[model::Space], things: &[DemoThing]) -> Result<(), SiteError> {
    let existing = site.spaces();
    let root = existing.iter().map(|(row, _)| &row.space).find(|space| space.parent.is_none());
    let root = root.map(|space| space.id.clone());
    let root_of_demo = spaces.iter().find(|space| space.kind == SpaceKind::Site).map(|space| &space.id);
    for space in spaces {
        let is_known = existing.iter().any(|(row, _)| row.space.id == space.id);
        if is_known || Some(&space.id) == root_of_demo {
            continue;
        }
        let mut space = space.clone();
        if space.parent.as_ref() == root_of_demo {
            space.parent.clone_from(&root);
        }
        site.add_space(space)?;
    }
    for thing in things {
        if site.thing_row(&thing.id).is_some() {
            continue;
        }
        let space = if Some(&thing.space) == root_of_demo { root.clone() } else { Some(thing.space.clone()) };
        site.create_thing(NewThing {
            id: thing.id.clone(),
            title: Some(thing.title.clone()),
            model: Some((*thing.model).clone()),
            space,
            location: None,
            tags: vec!["demo".to_owned()],
            origin: Origin::Virtual,
        })?;
    }
    Ok(())
}

/// Why the past was not told to the end.
#[derive(Debug, thiserror::Error)]
enum Untold {
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error("the program stops")]
    Stopping,
}

fn tell_the_past(
    needs: &Needs,
    world: &mut World,
    progress: &Progress,
    stopping: &dyn Fn() -> bool,
) -> anyhow::Result<()> {
    let mut series: HashMap<(ThingId, model::Name), SeriesId> = HashMap::new();
    // While the past is told the clock goes on, so the last seconds are told in a second, short round.
    while needs.clock.now().since(world.time()) > SEAM {
        let until: Timestamp = needs.clock.now();
        let is_first = *progress.borrow() < 1.0;
        world::backfill(world, until, |batch| {
            if stopping() {
                return Err(Untold::Stopping);
            }
            let mut points = Vec::with_capacity(batch.points.len());
            for point in batch.points {
                if !matches!(point.kind, RecordKind::Property | RecordKind::Event) {
                    continue;
                }
                let key = (point.thing.clone(), point.name.clone());
                let id = match series.get(&key) {
                    Some(id) => *id,
                    None => {
                        let (thing, name) = key.clone();
                        let id = needs.history.series(&SeriesKey { thing, name })?;
                        series.insert(key, id);
                        id
                    }
                };
                points.push((id, point.time, point.value.clone()));
            }
            // The past says nothing of what was folded from the log.
            needs.history.append(&Batch { points }, Position::START)?;
            if is_first {
                progress.send_replace(batch.done.min(0.999));
            }
            Ok(())
        })?;
    }
    needs.history.sync()?;
    Ok(())
}
