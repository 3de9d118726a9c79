//! How much of anything a rule, a run and the engine may have. What is beyond is refused with a message.

use std::time::Duration;

/// The longest text of a rule, in bytes.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// The most nodes of a text, aliases counted as what they stand for.
pub const NODES_MAX: usize = 20_000;
/// The most triggers of a rule, those it waits for included.
pub const TRIGGERS_MAX: usize = 64;
/// The most conditions of a rule, wherever they stand.
pub const CONDITIONS_MAX: usize = 256;
/// The most actions of a rule, wherever they stand.
pub const ACTIONS_MAX: usize = 512;
/// The most variables that are set in one place.
pub const VARIABLES_MAX: usize = 64;
/// The most tests of a rule.
pub const TESTS_MAX: usize = 64;
/// How deep conditions and actions may lie in each other.
pub const DEPTH_MAX: usize = 16;
/// How deep the text's lists and maps may lie in each other.
pub const NODE_DEPTH_MAX: usize = 96;
/// The longest string that may have holes, and the longest expression, in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 4 * 1024;
/// The longest text that an expression or a template may make, in bytes.
pub const MADE_BYTES_MAX: usize = 16 * 1024;
/// The most things told in one list: times, weekdays, values, sets, receivers.
pub const ITEMS_MAX: usize = 64;
/// The longest name of a rule, trigger, variable, scene, webhook or alarm, in bytes.
pub const NAME_BYTES_MAX: usize = 256;
/// The most problems that are told of one text.
pub const PROBLEMS_MAX: usize = 200;

/// The most steps of the evaluation of one expression.
pub const FUEL_MAX: u32 = 10_000;
/// The shortest time between two firings of `every`.
pub const EVERY_MIN: Duration = Duration::from_secs(1);
/// The longest time that a rule may name.
pub const DURATION_MAX: Duration = Duration::from_hours(366 * 24);

/// The most rounds of a `repeat`.
pub const ROUNDS_MAX: u32 = 1_000;
/// The most runs of one rule that may go on or wait at a time.
pub const RUNS_MAX: u32 = 100;
/// How many runs `queued` and `parallel` allow where the rule does not say.
pub const RUNS_DEFAULT: u32 = 10;
/// The most steps of one run without time passing.
pub const STEPS_AT_ONCE_MAX: u32 = 10_000;
/// The most steps of one run, however long it lasts.
pub const STEPS_MAX: u32 = 200_000;
/// The most steps that a trace keeps; what is beyond is counted.
pub const TRACE_STEPS_MAX: usize = 500;
/// The most commands (writes, actions, scenes, calls of policies) that one rule may give within a minute; a run that
/// gives more fails.
pub const COMMANDS_PER_MINUTE_MAX: u32 = 600;
/// The most runs of one rule within a minute that its own effects may have led to.
pub const LOOP_RUNS_PER_MINUTE_MAX: u32 = 10;
/// For how long a value that comes is taken as the answer to a command of a rule.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How many rules back the chain of what led to a run is remembered.
pub const CHAIN_MAX: usize = 16;
/// How late a moment of the clock may be noticed and still fire (after a restart, or a clock that jumped ahead).
pub const LATE_MAX: Duration = Duration::from_mins(5);
/// A clock that was set back by more than this starts its schedules anew; after less, nothing fires a second time.
pub const BACK_MAX: Duration = Duration::from_hours(24);
/// The most traces that the engine holds until they are taken; the oldest give way, and are counted.
pub const TRACES_WAITING_MAX: usize = 10_000;
/// The most circles of rules that the engine holds until they are taken; newer ones are counted only.
pub const CIRCLES_WAITING_MAX: usize = 100;
/// The most runs of one rule that a replay traces in full, and as many that were kept from running; of the others it is
/// told that they were.
pub const REPLAY_TRACES_MAX: u32 = 2_000;
/// The most runs without a trace that the engine holds until they are taken; the oldest give way, and are counted.
pub const UNTOLD_WAITING_MAX: usize = 1_000_000;
