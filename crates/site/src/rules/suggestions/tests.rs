//! What is the same habit.

use super::*;

fn lamp(goes_by: GoesBy) -> Habit {
    Habit { thing: ThingId::new("lamp").unwrap(), name: Name::new("on").unwrap(), value: Value::Boolean(true), goes_by }
}

#[test]
fn a_habit_that_shifts_a_little_is_the_same_one() {
    let at = |second| lamp(GoesBy::Clock { second });
    assert!(at(100).is_same(&at(86_300)), "midnight lies between");
    assert!(!at(0).is_same(&at(7_200)));
    let sun = |rises, offset_s| lamp(GoesBy::Sun { rises, offset_s });
    assert!(sun(true, -600).is_same(&sun(true, 900)) && !sun(true, 0).is_same(&sun(false, 0)));
    assert!(!at(0).is_same(&sun(true, 0)));
    assert!(!at(0).is_same(&Habit { value: Value::Boolean(false), ..at(0) }));
}
