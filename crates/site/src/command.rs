//! The commands' way down: validation, guards, wishes, the adapter, the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use connect::Encoded;
use model::{Cause, CauseKind, Command, CommandId, CommandState, Name, Position, ThingId, Timestamp, Value};
use twin::{CommandRow, CommandsFull, Thing, ThingStatus};

use crate::counters::count;
use crate::error::SiteError;
use crate::guard::{Attempt, Guard, Refusal};
use crate::options::COMMAND_TIMEOUT_RANGE;
use crate::plans::WantedCommand;
use crate::publish::{NotPublished, Outgoing};
use crate::site::Site;
use crate::things::Things;

/// Who asks for a command, and how long it may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Who, and why.
    pub cause: Cause,
    /// How long it may take; the site's own measure when not given.
    pub timeout: Option<Duration>,
}

/// Commands to one thing that fit and passed the guards, and are still to be sent.
pub(crate) struct Ready {
    row: Arc<Thing>,
    sending: Vec<(Command, Encoded)>,
}

impl Site {
    /// Asks a thing to act. The answer says that the command is on its way; watch it for how it ends.
    pub fn invoke(&self, asked: &Asked, thing: &ThingId, action: &Name, input: Value) -> Result<Command, SiteError> {
        let ready = self.ready_to_invoke(asked, thing, action, input)?;
        let mut commands = self.send(vec![ready])?.remove(0)?;
        Ok(commands.remove(0))
    }

    /// Asks a thing to be something: each value becomes what is desired of that property, and one command. All of them
    /// fit and pass the guards, or none goes out.
    pub fn write(&self, asked: &Asked, thing: &ThingId, values: Vec<(Name, Value)>) -> Result<Vec<Command>, SiteError> {
        let ready = self.ready_to_write(asked, thing, values)?;
        self.send(vec![ready])?.remove(0)
    }

    /// What [`Site::invoke`] sends.
    pub(crate) fn ready_to_invoke(
        &self,
        asked: &Asked,
        thing: &ThingId,
        action: &Name,
        input: Value,
    ) -> Result<Ready, SiteError> {
        let row = self.accepted(thing)?;
        let input = row.model.check_input(action, input).map_err(|source| model_error(action, source))?;
        let command = self.command_of(asked, thing, action, false, input);
        self.guard(&command)?;
        let encoded = self.with_adapter(&row.adapter, thing, |adapter| adapter.encode(&command))??;
        Ok(Ready { row, sending: vec![(command, encoded)] })
    }

    /// What [`Site::write`] sends.
    pub(crate) fn ready_to_write(
        &self,
        asked: &Asked,
        thing: &ThingId,
        values: Vec<(Name, Value)>,
    ) -> Result<Ready, SiteError> {
        let row = self.accepted(thing)?;
        if values.is_empty() {
            return Err(SiteError::NothingToWrite(thing.clone()));
        }
        let mut sending = Vec::with_capacity(values.len());
        for (name, value) in values {
            let value = row.model.check_write(&name, value).map_err(|source| model_error(&name, source))?;
            let command = self.command_of(asked, thing, &name, true, value);
            let encoded = self.with_adapter(&row.adapter, thing, |adapter| adapter.encode(&command))??;
            sending.push((command, encoded));
        }
        for (command, _) in &sending {
            self.guard(command)?;
        }
        Ok(Ready { row, sending })
    }

    /// Does everything with a command but sending it: gives what would be sent.
    pub(crate) fn rehearse(&self, asked: &Asked, wanted: &WantedCommand) -> Result<Value, SiteError> {
        let WantedCommand { thing, name, write, .. } = wanted;
        let (row, input) = (self.accepted(thing)?, wanted.input.clone());
        let checked = if *write { row.model.check_write(name, input) } else { row.model.check_input(name, input) };
        let input = checked.map_err(|source| model_error(name, source))?;
        let command = self.command_of(asked, thing, name, *write, input.clone());
        self.with_adapter(&row.adapter, thing, |adapter| adapter.encode(&command))??;
        self.pass(&command, |guard, attempt| guard.look(attempt))?;
        Ok(input)
    }

    fn accepted(&self, thing: &ThingId) -> Result<Arc<Thing>, SiteError> {
        let things = self.things.read();
        let slot = things.registry.get(thing).ok_or_else(|| twin::RegistryError::Unknown(thing.clone()))?;
        match slot.thing.status {
            ThingStatus::Accepted => Ok(Arc::clone(&slot.thing)),
            ThingStatus::Inbox | ThingStatus::Ignored => Err(SiteError::NotAccepted(thing.clone())),
        }
    }

    fn command_of(&self, asked: &Asked, thing: &ThingId, action: &Name, write: bool, input: Value) -> Command {
        let now = self.clock.now();
        let (shortest, longest) = COMMAND_TIMEOUT_RANGE;
        let timeout = asked.timeout.unwrap_or(self.options.command_timeout).clamp(shortest, longest);
        Command {
            id: self.command_id(now),
            thing: thing.clone(),
            action: action.clone(),
            write,
            input,
            state: CommandState::Sent,
            output: Value::Null,
            error: None,
            created: now,
            deadline: now + timeout,
            updated: now,
            cause: asked.cause.clone(),
        }
    }

    /// Sorts by time, and is unique although a clock may be set back over a restart.
    fn command_id(&self, now: Timestamp) -> CommandId {
        loop {
            let number = self.commands_made.fetch_add(1, Ordering::Relaxed);
            let id = CommandId::new(format!("c{:014x}{:04x}", now.micros().max(0), number & 0xffff))
                .expect("hexadecimal digits are an id");
            if self.things.read().commands.get(&id).is_none() {
                return id;
            }
        }
    }

    fn guard(&self, command: &Command) -> Result<(), SiteError> {
        self.pass(command, |guard, attempt| guard.check(attempt))
            .inspect_err(|_| count(&self.counters.commands_guarded))
    }

    /// Asks every guard.
    fn pass(
        &self,
        command: &Command,
        ask: impl Fn(&dyn Guard, &Attempt<'_>) -> Result<(), String>,
    ) -> Result<(), SiteError> {
        let things = self.things.read();
        let Some(slot) = things.registry.get(&command.thing) else { return Ok(()) };
        let attempt = Attempt { thing: &slot.thing, twin: &slot.twin, command, now: command.created };
        for guard in &self.guards {
            if let Err(reason) = ask(&**guard, &attempt) {
                let (thing, action) = (command.thing.clone(), command.action.clone());
                return Err(Refusal { guard: guard.name(), thing, action, reason }.into());
            }
        }
        Ok(())
    }

    /// Writes commands down, publishes them, and remembers where on the log they are: once for all of them, as that
    /// waits for the disk. How it went for each thing, in their order; an error when nothing could be written down.
    pub(crate) fn send(&self, batch: Vec<Ready>) -> Result<Vec<Result<Vec<Command>, SiteError>>, SiteError> {
        let note = |ready: Ready| self.note_down(&ready).map(|()| ready);
        let noted: Vec<Result<Ready, SiteError>> = batch.into_iter().map(note).collect();
        let commands = noted.iter().flatten().flat_map(|ready| &ready.sending);
        self.rules.suggestions.note(commands.map(|(command, _)| command));
        self.write_rows()?;
        let sent = noted.into_iter().map(|ready| Ok(self.publish_commands(ready?))).collect();
        // So that what follows can be traced to the commands after a restart, too.
        self.write_rows()?;
        Ok(sent)
    }

    /// Notes commands and what they desire, or none when there is no room for all of them.
    fn note_down(&self, ready: &Ready) -> Result<(), SiteError> {
        let Ready { row, sending } = ready;
        let mut things = self.things.write();
        if sending.len() > 1 && things.commands.room(&row.id) < sending.len() {
            return Err(CommandsFull(row.id.clone()).into());
        }
        for (command, _) in sending {
            let superseded = things.commands.add(command.clone())?;
            if command.write
                && let Some(slot) = things.registry.get_mut(&command.thing)
            {
                let (value, cause) = (command.input.clone(), command.cause.clone());
                slot.twin.desire(&command.action, value, command.created, cause, &row.model);
            }
            self.tell_commands(&mut things, &superseded);
        }
        Ok(())
    }

    fn publish_commands(&self, ready: Ready) -> Vec<Command> {
        let Ready { row, sending } = ready;
        let cause = &sending[0].0.cause;
        let writes = sending.iter().any(|(command, _)| command.write);
        let desired = if writes { self.publish_wishes(&row, cause) } else { Ok(None) };
        let mut sent = Vec::with_capacity(sending.len());
        for (command, encoded) in sending {
            let published = desired.clone().and_then(|desired| {
                let messages = encoded.messages.iter().map(|message| self.publish_message(message, &command.cause));
                let positions = messages.collect::<Result<Vec<Position>, NotPublished>>()?;
                Ok(positions.first().copied().or(desired))
            });
            sent.push(self.sent(&command, published, encoded.answers));
        }
        sent
    }

    /// Notes how the publishing of a command went.
    fn sent(&self, command: &Command, published: Result<Option<Position>, NotPublished>, answers: bool) -> Command {
        let mut things = self.things.write();
        let now = self.clock.now();
        let mut steps = vec![command.clone()];
        match published {
            Ok(position) => {
                count(&self.counters.commands);
                if let Some(position) = position {
                    things.commands.published(&command.id, position);
                }
                let already_so = command.write
                    && things.registry.get(&command.thing).is_some_and(|slot| {
                        let reported = slot.twin.property(&command.action);
                        reported.is_some_and(|reported| reported.is(&command.input, &slot.thing.model))
                    });
                let over = if command.write { already_so } else { !answers };
                if over {
                    let finished = CommandState::Finished;
                    steps.extend(things.commands.advance(&command.id, finished, &Value::Null, None, now));
                }
            }
            Err(error) => {
                let (failed, error) = (CommandState::Failed, error.to_string());
                steps.extend(things.commands.advance(&command.id, failed, &Value::Null, Some(&error), now));
            }
        }
        self.tell_commands(&mut things, &steps);
        things.commands.get(&command.id).map_or_else(|| command.clone(), |row| row.command.clone())
    }

    /// Gives live clients what became of commands. Under the lock, so that it comes in order.
    pub(crate) fn tell_commands(&self, things: &mut Things, commands: &[Command]) {
        let records = commands.iter().filter_map(|command| things.command_record(command)).collect();
        self.live.push(things.applied, records);
    }

    /// Tells a thing everything that is desired of it. The position of what was published, if it was.
    fn publish_wishes(&self, row: &Thing, cause: &Cause) -> Result<Option<Position>, NotPublished> {
        let wishes = {
            let things = self.things.read();
            let desired = things.registry.get(&row.id).map(|slot| slot.twin.desired());
            let desired = desired.into_iter().flatten();
            desired.map(|(name, desired)| (name.to_string(), desired.value.to_json())).collect()
        };
        let messages = self.with_adapter(&row.adapter, &row.id, |adapter| adapter.encode_desired(&row.id, &wishes));
        let messages = messages.unwrap_or_default();
        let positions = messages.iter().map(|message| self.publish_message(message, cause));
        Ok(positions.collect::<Result<Vec<Position>, NotPublished>>()?.first().copied())
    }

    /// A wish is over because of what the thing reported: the thing is told what is left.
    pub(crate) fn publish_desired(&self, thing: &ThingId) {
        let Some(row) = self.thing_row(thing) else { return };
        if self.publisher.get().is_some() {
            let cause = Cause::new(CauseKind::System, "manmul");
            if let Err(error) = self.publish_wishes(&row, &cause) {
                tracing::warn!(%error, "what is desired of a thing was not published");
            }
        }
    }

    pub(crate) fn publish_message(&self, message: &connect::Message, cause: &Cause) -> Result<Position, NotPublished> {
        self.publish(Outgoing {
            topic: message.topic.clone(),
            payload: message.payload.clone(),
            qos: message.qos,
            retain: message.retain,
            cause: cause.clone(),
        })
    }

    pub(crate) fn publish(&self, message: Outgoing) -> Result<Position, NotPublished> {
        let published = match self.publisher.get() {
            Some(publisher) => publisher.publish(message),
            None => Err(NotPublished { topic: message.topic, problem: "the site is not running".to_owned() }),
        };
        published.inspect_err(|_| count(&self.counters.publish_errors))
    }

    /// One command.
    pub fn command(&self, id: &CommandId) -> Result<CommandRow, SiteError> {
        let things = self.things.read();
        things.commands.get(id).cloned().ok_or_else(|| SiteError::UnknownCommand(id.clone()))
    }

    /// The commands of a thing, newest first, from after `cursor` on.
    pub fn commands(&self, thing: &ThingId, cursor: Option<&CommandId>, limit: usize) -> Vec<CommandRow> {
        let things = self.things.read();
        let all = things.commands.of(thing);
        let rest = all.skip_while(|row| cursor.is_some_and(|cursor| row.command.id >= *cursor));
        rest.take(limit).cloned().collect()
    }
}

fn model_error(place: &Name, source: model::ModelError) -> SiteError {
    SiteError::Model { place: place.to_string(), source }
}
