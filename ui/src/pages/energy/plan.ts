// What is drawn and said of a plan: stacked powers, steps of prices, and the reasons that hold at a step.
import type { Course, PlannedDevice } from "../../api/home.ts";

export interface Part { id: string; watts: number[]; expected: boolean }

/** The parts of a plan's powers: what takes is positive, what gives is negative. */
export function parts(course: Course): Part[] {
  return [
    { id: "load", watts: course.load_watts, expected: true },
    { id: "solar", watts: course.solar_watts.map((watts) => -watts), expected: true },
    ...course.devices.map((device) => ({ id: device.thing, watts: device.watts, expected: false })),
  ];
}

export interface Box { id: string; step: number; from: number; to: number; expected: boolean }

/** Boxes stacked away from zero, a step each; what is next to nothing is left out. */
export function stack(all: Part[], steps: number): { boxes: Box[]; low: number; high: number } {
  const boxes: Box[] = [];
  let [low, high] = [0, 0];
  for (let step = 0; step < steps; step += 1) {
    let [up, down] = [0, 0];
    for (const part of all) {
      const watts = part.watts[step] ?? 0;
      if (Math.abs(watts) < 5) continue;
      const from = watts > 0 ? up : down;
      if (watts > 0) up += watts;
      else down += watts;
      boxes.push({ id: part.id, step, from, to: from + watts, expected: part.expected });
    }
    [low, high] = [Math.min(low, down), Math.max(high, up)];
  }
  return { boxes, low, high };
}

/** When a step begins, in microseconds. */
export const begin = (course: Course, step: number): number => course.start + step * course.step_seconds * 1e6;

/** The step that a moment falls into, within the plan. */
export function stepAt(course: Course, moment: number): number {
  const step = Math.floor((moment - course.start) / (course.step_seconds * 1e6));
  return Math.max(0, Math.min(course.grid_watts.length - 1, step));
}

/** Why a device does what it does at a step. */
export const reasonAt = (device: PlannedDevice, step: number): string | null => device.reasons.find((reason) => reason.from <= step && step < reason.to)?.words ?? null;

/** A line of steps through values, as a path; `x` and `y` turn steps and values into places. */
export function steps(values: number[], x: (step: number) => number, y: (value: number) => number): string {
  return values.map((value, step) => `${step === 0 ? "M" : "L"}${x(step).toFixed(1)} ${y(value).toFixed(1)}H${x(step + 1).toFixed(1)}`).join("");
}

/** A line through the states at the begin of each step and at the end. */
export function line(values: number[], x: (step: number) => number, y: (value: number) => number): string {
  return values.map((value, step) => `${step === 0 ? "M" : "L"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
}

/** Ticks for a scale that begins or ends at these: a few round numbers. */
export function ticks(low: number, high: number, wanted: number): number[] {
  const rough = (high - low || 1) / wanted;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * size >= rough) ?? 10) * size;
  const found: number[] = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step / 1e6; tick += step) found.push(Math.abs(tick) < step / 1e6 ? 0 : tick);
  return found;
}

/** "07:30" of a minute of the day, and back. */
export const clock = (minute: number): string => `${String(Math.floor(minute / 60) % 24).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
export function minuteOf(text: string): number {
  const [hours = 0, minutes = 0] = text.split(":").map(Number);
  return hours * 60 + minutes;
}
