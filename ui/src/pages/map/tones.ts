// How loud an alarm is on the map, and the alarms of things in the words of what wants attention. Pure.
import type { Alarm } from "../../api/rules.ts";
import type { Attention } from "../../api/types.ts";
import type { Tone } from "../../map/types.ts";

export const toneOf = (alarm: Pick<Alarm, "severity">): Tone => (alarm.severity === "alarm" ? "red" : "amber");

/** The loudest alarm of each thing. */
export function tonesOf(alarms: Pick<Alarm, "severity" | "thing">[]): Map<string, Tone> {
  const tones = new Map<string, Tone>();
  for (const alarm of alarms) if (alarm.thing !== null && tones.get(alarm.thing) !== "red") tones.set(alarm.thing, toneOf(alarm));
  return tones;
}

/** What wants attention of these things: what the site says, and active alarms it does not speak of. */
export function attentionOf(said: Attention[], alarms: Alarm[], things: Set<string>): Attention[] {
  const found = alarms.filter((one) => one.thing !== null && things.has(one.thing)).map((one): Attention => ({ thing: one.thing, title: one.name, text: one.message, level: toneOf(one) }));
  return [...said, ...found.filter((one) => !said.some((other) => other.thing === one.thing && other.title === one.title && other.text === one.text))];
}
