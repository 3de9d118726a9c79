//! Scenes: values that belong together, set with one word.

use model::{Name, ThingId, Value};
use serde::{Deserialize, Serialize};
use store::state::Table;

use super::error::RuleError;
use super::shelf::{self, Kept};
use crate::command::Asked;
use crate::site::Site;

/// The most scenes that are kept; more are refused.
pub const SCENES_MAX: usize = 1_000;

/// The most values that one scene sets.
pub const SCENE_SETS_MAX: usize = 500;

/// One value that a scene sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SceneSet {
    /// Of which thing.
    pub thing: ThingId,
    /// Which property.
    pub name: Name,
    /// To what.
    pub value: Value,
}

/// Values that belong together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Scene {
    /// Unique.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// What it sets.
    pub sets: Vec<SceneSet>,
}

impl Kept for Scene {
    const TABLE: Table = Table::Scene;

    fn id(&self) -> &str {
        &self.id
    }
}

/// What became of one value of a scene.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SceneResult {
    /// Of which thing.
    pub thing: ThingId,
    /// Which property.
    pub name: Name,
    /// The command that went out.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, required))]
    pub command: Option<model::CommandId>,
    /// Why none went out.
    #[cfg_attr(feature = "schema", schema(required))]
    pub problem: Option<String>,
}

impl Site {
    /// Every scene, in order of id.
    pub fn scenes(&self) -> Vec<Scene> {
        self.rules.scenes.lock().iter().cloned().collect()
    }

    /// One scene.
    pub fn scene(&self, id: &str) -> Result<Scene, RuleError> {
        self.rules.scenes.lock().get(id).cloned().ok_or_else(|| RuleError::UnknownScene(id.to_owned()))
    }

    /// Adds a scene; its id is made of its title when none is given.
    pub fn add_scene(&self, id: Option<&str>, title: &str, sets: Vec<SceneSet>) -> Result<Scene, RuleError> {
        check(title, &sets)?;
        let scene = {
            let mut scenes = self.rules.scenes.lock();
            if scenes.len() >= SCENES_MAX {
                return Err(RuleError::Full { what: "scenes", limit: SCENES_MAX });
            }
            let id = super::ids::choose(id, title, "scene", |id| scenes.get(id).is_some())?;
            let scene = Scene { id, title: title.to_owned(), sets };
            scenes.put(scene.clone());
            scene
        };
        self.keep_scenes()?;
        Ok(scene)
    }

    /// Changes a scene.
    pub fn change_scene(&self, id: &str, title: &str, sets: Vec<SceneSet>) -> Result<Scene, RuleError> {
        check(title, &sets)?;
        let scene = {
            let mut scenes = self.rules.scenes.lock();
            let scene = scenes.get_mut(id).ok_or_else(|| RuleError::UnknownScene(id.to_owned()))?;
            (scene.title, scene.sets) = (title.to_owned(), sets);
            scene.clone()
        };
        self.keep_scenes()?;
        Ok(scene)
    }

    /// Removes a scene.
    pub fn remove_scene(&self, id: &str) -> Result<(), RuleError> {
        let removed = self.rules.scenes.lock().remove(id);
        removed.ok_or_else(|| RuleError::UnknownScene(id.to_owned()))?;
        self.keep_scenes()
    }

    /// Sets every value of a scene, each on its own: one that is refused does not hold up the others.
    pub fn apply_scene(&self, asked: &Asked, id: &str) -> Result<Vec<SceneResult>, RuleError> {
        let scene = self.scene(id)?;
        let set = |set: SceneSet| {
            let written = self.write(asked, &set.thing, vec![(set.name.clone(), set.value)]);
            let (command, problem) = match written {
                Ok(commands) => (commands.first().map(|command| command.id.clone()), None),
                Err(error) => (None, Some(error.to_string())),
            };
            SceneResult { thing: set.thing, name: set.name, command, problem }
        };
        Ok(scene.sets.into_iter().map(set).collect())
    }

    fn keep_scenes(&self) -> Result<(), RuleError> {
        self.rules_changed();
        Ok(shelf::write(&self.rules.scenes, &*self.state, self.clock.now())?)
    }
}

fn check(title: &str, sets: &[SceneSet]) -> Result<(), RuleError> {
    super::ids::check_title(title)?;
    if sets.is_empty() {
        return Err(RuleError::NothingToSet);
    }
    if sets.len() > SCENE_SETS_MAX {
        return Err(RuleError::Full { what: "values of a scene", limit: SCENE_SETS_MAX });
    }
    Ok(())
}
