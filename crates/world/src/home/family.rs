//! The family: who is where and does what, day by day. A day's plan is a function of seed and date alone, so that the
//! family lives the same life however time is stepped.

use crate::home::place::{Moment, weekday};
use crate::home::rooms::Room;
use crate::plant::Plant;
use crate::random::{Random, mix};
use serde::{Deserialize, Serialize};

/// How many people live here: two adults and two children.
pub const PEOPLE: usize = 4;
/// The adult who drives to work.
const COMMUTER: usize = 0;
/// The adult who works at home on some days.
const HOME_WORKER: usize = 1;

const HOUR: f64 = 3_600.0;
const MINUTE: f64 = 60.0;

/// Where somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Whereabouts {
    /// In a room, awake.
    In(Room),
    /// In a room, asleep.
    Asleep(Room),
    /// In the garden.
    Garden,
    /// Not at home.
    Away,
}

/// Something that somebody does at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Chore {
    /// Hot water runs for so many seconds.
    Shower(f64),
    /// A toilet, a tap: so many litres of cold water.
    Water(f64),
    /// The stove is on for so many seconds.
    Cook(f64),
    /// A cup of coffee.
    Coffee,
    /// Laundry is put in.
    StartWashing,
    /// The dishes are put in.
    StartDishes,
    /// The window of a room is opened for so many seconds.
    Air(Room, f64),
    /// The car leaves, to come back after so many kilometres.
    CarLeaves(f64),
    /// The car is back.
    CarReturns,
    /// Somebody is at the door.
    RingDoorbell,
    /// The vacuum robot is due.
    Vacuum,
}

/// What the family does in a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Household {
    /// Where everybody is.
    pub people: [Whereabouts; PEOPLE],
    /// Who changed places in this step: from where, to where.
    pub moves: Vec<(Whereabouts, Whereabouts)>,
    /// What somebody began in this step.
    pub chores: Vec<Chore>,
}

impl Household {
    /// How many people are awake in a room.
    pub fn awake_in(&self, room: Room) -> usize {
        self.people.iter().filter(|person| **person == Whereabouts::In(room)).count()
    }

    /// How many people are asleep in a room.
    pub fn asleep_in(&self, room: Room) -> usize {
        self.people.iter().filter(|person| **person == Whereabouts::Asleep(room)).count()
    }

    /// Whether nobody is at home.
    pub fn is_away(&self) -> bool {
        self.people.iter().all(|person| *person == Whereabouts::Away)
    }

    /// Whether somebody is awake in the house or garden.
    pub fn is_anyone_awake(&self) -> bool {
        self.people.iter().any(|person| matches!(person, Whereabouts::In(_) | Whereabouts::Garden))
    }
}

/// One day's plan, in seconds since midnight, sorted.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct DayPlan {
    day: i64,
    people: [Vec<(f64, Whereabouts)>; PEOPLE],
    chores: Vec<(f64, Chore)>,
}

/// The people of a home.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Family {
    seed: u64,
    plan: DayPlan,
    /// Up to when chores were handed out.
    second: f64,
    people: [Whereabouts; PEOPLE],
}

impl Family {
    /// The family of this seed, at a moment.
    pub fn new(seed: u64, moment: &Moment) -> Self {
        let seed = mix(seed, 0xFA);
        let plan = DayPlan::new(seed, moment.day);
        let people = plan.whereabouts(moment.second);
        Self { seed, plan, second: moment.second, people }
    }
}

impl Plant for Family {
    type Inputs = Moment;
    type Outputs = Household;

    fn step(&mut self, _dt_seconds: f64, moment: &Moment, _random: &mut Random) -> Household {
        let mut chores = Vec::new();
        if moment.day != self.plan.day {
            chores.extend(self.plan.chores_within(self.second, f64::INFINITY));
            self.plan = DayPlan::new(self.seed, moment.day);
            self.second = -1.0;
        }
        chores.extend(self.plan.chores_within(self.second, moment.second));
        self.second = moment.second;
        let people = self.plan.whereabouts(moment.second);
        let moves = self.people.iter().zip(&people).filter(|(from, to)| from != to).map(|(a, b)| (*a, *b)).collect();
        self.people = people;
        Household { people, moves, chores }
    }
}

/// The days of a block of four weeks on which the family is on holiday: the first and the one after the last.
fn holiday(seed: u64, block: i64) -> (i64, i64) {
    let bits = mix(seed ^ 0x0E0E, block);
    let first = block * 28 + 4 + (bits % 18) as i64;
    (first, first + 2 + (bits >> 8) as i64 % 4)
}

impl DayPlan {
    fn new(seed: u64, day: i64) -> Self {
        let mut random = Random::new(mix(seed, day), "day");
        let mut plan = Self { day, people: Default::default(), chores: Vec::new() };
        let (first, end) = holiday(seed, day.div_euclid(28));
        if (first..end).contains(&day) {
            plan.go_on_holiday(day == first, day + 1 == end, &mut random);
        } else {
            plan.live_a_day(&mut random);
        }
        for visits in &mut plan.people {
            visits.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        plan.chores.sort_by(|a, b| a.0.total_cmp(&b.0));
        plan
    }

    fn whereabouts(&self, second: f64) -> [Whereabouts; PEOPLE] {
        let at = |visits: &Vec<(f64, Whereabouts)>| {
            visits.iter().rev().find(|(from, _)| *from <= second).map_or(Whereabouts::Away, |(_, place)| *place)
        };
        std::array::from_fn(|person| at(&self.people[person]))
    }

    fn chores_within(&self, after: f64, until: f64) -> Vec<Chore> {
        self.chores.iter().filter(|(time, _)| *time > after && *time <= until).map(|(_, chore)| *chore).collect()
    }

    fn go(&mut self, person: usize, second: f64, place: Whereabouts) {
        self.people[person].push((second, place));
    }

    fn go_all(&mut self, second: f64, place: Whereabouts) {
        for person in 0..PEOPLE {
            self.go(person, second, place);
        }
    }

    fn begin(&mut self, second: f64, chore: Chore) {
        self.chores.push((second, chore));
    }

    fn bed(person: usize) -> Room {
        if person < 2 { Room::Bedroom } else { Room::ChildrensRoom }
    }

    fn go_on_holiday(&mut self, leaves: bool, returns: bool, random: &mut Random) {
        if leaves {
            for person in 0..PEOPLE {
                self.go(person, 0.0, Whereabouts::Asleep(Self::bed(person)));
                self.get_up(person, random.between(7.5, 8.2) * HOUR, random);
            }
            let departure = random.between(9.6, 11.0) * HOUR;
            self.go_all(departure, Whereabouts::Away);
            self.begin(departure + 2.0 * MINUTE, Chore::CarLeaves(random.between(120.0, 190.0)));
        } else {
            self.go_all(0.0, Whereabouts::Away);
        }
        if returns {
            let arrival = random.between(15.5, 17.5) * HOUR;
            self.begin(arrival - 2.0 * MINUTE, Chore::CarReturns);
            self.begin(random.between(18.0, 18.5) * HOUR, Chore::StartWashing);
            self.spend_evening(arrival, random);
        }
        self.maybe_ring(random);
    }

    fn live_a_day(&mut self, random: &mut Random) {
        let weekday = weekday(self.day);
        for person in 0..PEOPLE {
            self.go(person, 0.0, Whereabouts::Asleep(Self::bed(person)));
        }
        let home = if weekday < 5 { self.work(weekday, random) } else { self.rest(weekday, random) };
        self.spend_evening(home, random);
        if [1, 3, 5].contains(&weekday) {
            self.begin(random.between(9.5, 11.5) * HOUR, Chore::StartWashing);
        }
        if weekday != 6 {
            self.begin(random.between(9.9, 10.2) * HOUR, Chore::Vacuum);
        }
        for room in [Room::Bedroom, Room::ChildrensRoom] {
            let minutes = random.between(6.0, 14.0);
            self.begin(
                random.between(7.0, 7.6) * HOUR + if weekday < 5 { 0.0 } else { 2.0 * HOUR },
                Chore::Air(room, minutes * MINUTE),
            );
        }
        self.maybe_ring(random);
    }

    fn maybe_ring(&mut self, random: &mut Random) {
        if random.unit() < 0.55 && weekday(self.day) != 6 {
            self.begin(random.between(9.5, 18.5) * HOUR, Chore::RingDoorbell);
        }
    }

    /// Bathroom and breakfast; returns when that is over.
    fn get_up(&mut self, person: usize, second: f64, random: &mut Random) -> f64 {
        let bathroom = random.between(10.0, 18.0) * MINUTE;
        self.go(person, second, Whereabouts::In(Room::Bathroom));
        self.begin(second + 60.0, Chore::Water(7.0));
        if person < 2 {
            self.begin(second + 3.0 * MINUTE, Chore::Shower(random.between(240.0, 420.0)));
        }
        self.go(person, second + bathroom, Whereabouts::In(Room::Kitchen));
        self.begin(second + bathroom + 4.0 * MINUTE, Chore::Water(random.between(1.0, 4.0)));
        if person < 2 {
            self.begin(second + bathroom + 2.0 * MINUTE, Chore::Coffee);
        }
        second + bathroom + random.between(18.0, 28.0) * MINUTE
    }

    /// A weekday until everybody is home again; returns when that is.
    fn work(&mut self, weekday: i64, random: &mut Random) -> f64 {
        for person in 0..PEOPLE {
            let up = if person < 2 { random.between(6.3, 6.7) } else { random.between(6.8, 7.0) } * HOUR;
            let ready = self.get_up(person, up, random);
            let stays = person == HOME_WORKER && (weekday == 2 || weekday == 4);
            if stays {
                self.work_at_home(ready, random);
                continue;
            }
            let leaves = ready.max(7.5 * HOUR + random.between(0.0, 12.0) * MINUTE);
            self.go(person, ready, Whereabouts::In(Room::Hall));
            self.go(person, leaves, Whereabouts::Away);
            if person == COMMUTER {
                self.begin(leaves + 60.0, Chore::CarLeaves(random.between(38.0, 64.0)));
            } else if person >= 2 {
                let back = random.between(14.8, 16.2) * HOUR;
                self.go(person, back, Whereabouts::In(Room::Hall));
                self.go(person, back + 3.0 * MINUTE, Whereabouts::In(Room::Kitchen));
                self.go(person, back + 25.0 * MINUTE, Whereabouts::In(Room::ChildrensRoom));
            }
        }
        if weekday != 2 && weekday != 4 {
            let back = random.between(14.5, 15.0) * HOUR;
            self.go(HOME_WORKER, back, Whereabouts::In(Room::Kitchen));
            self.go(HOME_WORKER, back + 40.0 * MINUTE, Whereabouts::In(Room::Study));
        }
        let home = random.between(17.0, 18.2) * HOUR;
        self.begin(home - 60.0, Chore::CarReturns);
        home
    }

    fn work_at_home(&mut self, ready: f64, random: &mut Random) {
        let study = Whereabouts::In(Room::Study);
        self.go(HOME_WORKER, ready, study);
        let lunch = random.between(12.0, 12.6) * HOUR;
        self.go(HOME_WORKER, lunch, Whereabouts::In(Room::Kitchen));
        self.begin(lunch + 2.0 * MINUTE, Chore::Cook(random.between(8.0, 15.0) * MINUTE));
        self.go(HOME_WORKER, lunch + 40.0 * MINUTE, study);
        for hour in [9.7, 14.2] {
            let coffee = (hour + random.between(0.0, 0.5)) * HOUR;
            self.go(HOME_WORKER, coffee, Whereabouts::In(Room::Kitchen));
            self.begin(coffee + 30.0, Chore::Coffee);
            self.go(HOME_WORKER, coffee + 7.0 * MINUTE, study);
        }
    }

    /// A day of the weekend until the evening; returns when that begins.
    fn rest(&mut self, weekday: i64, random: &mut Random) -> f64 {
        let mut ready = 0.0_f64;
        for person in 0..PEOPLE {
            let ready_person = self.get_up(person, random.between(7.9, 9.0) * HOUR, random);
            ready = ready.max(ready_person);
            let room = if person < 2 { Room::LivingRoom } else { Room::ChildrensRoom };
            self.go(person, ready_person, Whereabouts::In(room));
        }
        let lunch = random.between(12.3, 13.0) * HOUR;
        self.begin(lunch - 30.0 * MINUTE, Chore::Cook(random.between(20.0, 30.0) * MINUTE));
        self.go_all(lunch, Whereabouts::In(Room::Kitchen));
        self.go_all(lunch + 40.0 * MINUTE, Whereabouts::In(Room::LivingRoom));
        let afternoon = random.between(14.0, 15.0) * HOUR;
        let evening = random.between(17.2, 18.4) * HOUR;
        let is_trip = random.unit() < if weekday == 5 { 0.7 } else { 0.45 };
        if is_trip {
            self.go_all(afternoon, Whereabouts::Away);
            self.begin(afternoon + 60.0, Chore::CarLeaves(random.between(12.0, 70.0)));
            self.begin(evening - 60.0, Chore::CarReturns);
        } else {
            for person in 0..PEOPLE {
                let start = afternoon + random.between(0.0, 30.0) * MINUTE;
                self.go(person, start, Whereabouts::Garden);
                self.go(
                    person,
                    start + random.between(40.0, 110.0) * MINUTE,
                    Whereabouts::In(if person < 2 { Room::LivingRoom } else { Room::ChildrensRoom }),
                );
            }
        }
        evening
    }

    /// Dinner, leisure and bed, for everybody who is home by then.
    fn spend_evening(&mut self, home: f64, random: &mut Random) {
        self.go(COMMUTER, home, Whereabouts::In(Room::Hall));
        self.go_all(home + 4.0 * MINUTE, Whereabouts::In(Room::LivingRoom));
        let cook = (18.0 + random.between(0.1, 0.6)) * HOUR;
        self.go(HOME_WORKER, cook, Whereabouts::In(Room::Kitchen));
        self.begin(cook + 3.0 * MINUTE, Chore::Cook(random.between(22.0, 38.0) * MINUTE));
        let dinner = cook + 35.0 * MINUTE;
        self.go_all(dinner, Whereabouts::In(Room::Kitchen));
        self.begin(dinner + 30.0 * MINUTE, Chore::Water(random.between(4.0, 9.0)));
        let after = dinner + random.between(30.0, 42.0) * MINUTE;
        if random.unit() < 0.85 {
            self.begin(after + 5.0 * MINUTE, Chore::StartDishes);
        }
        self.go_all(after, Whereabouts::In(Room::LivingRoom));
        for person in 0..PEOPLE {
            let bath = if person < 2 { random.between(22.2, 22.7) } else { random.between(20.0, 20.4) } * HOUR;
            if person >= 2 {
                self.go(person, after + 10.0 * MINUTE, Whereabouts::In(Room::ChildrensRoom));
                if random.unit() < 0.5 {
                    self.begin(bath + 120.0, Chore::Shower(random.between(180.0, 300.0)));
                }
            }
            self.go(person, bath, Whereabouts::In(Room::Bathroom));
            self.begin(bath + 60.0, Chore::Water(random.between(6.0, 10.0)));
            let bed = bath + random.between(9.0, 16.0) * MINUTE;
            self.go(person, bed, Whereabouts::In(Self::bed(person)));
            self.go(person, bed + random.between(12.0, 25.0) * MINUTE, Whereabouts::Asleep(Self::bed(person)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_have_a_rhythm() {
        let seed = 11;
        let (mut asleep_at_3, mut away_at_11, mut trips) = (0, [0, 0], 0);
        let days = 20_454..20_454 + 28 * 12;
        for day in days.clone() {
            let plan = DayPlan::new(seed, day);
            let count = |second: f64, is: fn(&Whereabouts) -> bool| {
                plan.whereabouts(second).iter().filter(|place| is(place)).count()
            };
            asleep_at_3 += count(3.0 * HOUR, |place| matches!(place, Whereabouts::Asleep(_)));
            away_at_11[usize::from(weekday(day) >= 5)] += count(11.0 * HOUR, |place| *place == Whereabouts::Away);
            let leaves = plan.chores.iter().filter(|(_, chore)| matches!(chore, Chore::CarLeaves(_))).count();
            assert!(leaves <= 1, "the car leaves once a day");
            trips += leaves;
            assert!(plan.chores.iter().all(|(second, _)| (0.0..86_400.0).contains(second)));
        }
        let days = days.count();
        assert!(asleep_at_3 > days * 4 * 8 / 10 && asleep_at_3 < days * 4, "asleep, but for holidays: {asleep_at_3}");
        assert!(away_at_11[0] > away_at_11[1] * 3, "{away_at_11:?}");
        assert!(trips > days / 2);
    }

    #[test]
    fn the_car_is_back_after_it_left() {
        let mut away = false;
        for day in 20_000..20_400 {
            for (_, chore) in DayPlan::new(5, day).chores {
                match chore {
                    Chore::CarLeaves(_) => {
                        assert!(!away, "left twice by day {day}");
                        away = true;
                    }
                    Chore::CarReturns => {
                        assert!(away, "returned twice on day {day}");
                        away = false;
                    }
                    _ => {}
                }
            }
        }
    }
}
