// The recording of a run as it comes from the server: frames of robots, read where they lie. Pure.

/** What a robot is at, by the number in a frame. */
export const doings = ["free", "going", "served", "to_charger", "charging", "stuck"] as const;
export type Doing = (typeof doings)[number];

export const frameVersion = 1;
const headBytes = 12;
export const frameHeadBytes = 8;
export const robotBytes = 12;
/** Frames further apart are not joined by straight lines: robots would seem to drive through shelves. */
const joinSecondsMax = 3;

export interface Robot { x: number; y: number; heading: number; doing: number; battery: number }
/** Robots at a moment, in columns so that drawing thousands makes no garbage. Headings in quarters clockwise from east. */
export interface Moment { count: number; x: Float32Array; y: Float32Array; heading: Float32Array; doing: Uint8Array; battery: Uint16Array }

export class Recording {
  readonly seconds: number[] = [];
  readonly robots: number;
  readonly end: number;
  #view: DataView;
  #bodies: number[] = [];
  #counts: number[] = [];

  constructor(buffer: ArrayBuffer) {
    this.#view = new DataView(buffer);
    for (let at = 0; at + headBytes <= buffer.byteLength; ) {
      const second = this.#view.getFloat64(at, true);
      const length = this.#view.getUint32(at + 8, true);
      const body = at + headBytes;
      at = body + length;
      if (at > buffer.byteLength || length < frameHeadBytes || this.#view.getUint8(body) !== frameVersion) continue;
      const count = this.#view.getUint32(body + 4, true);
      if (frameHeadBytes + count * robotBytes > length) continue;
      this.seconds.push(second);
      this.#bodies.push(body + frameHeadBytes);
      this.#counts.push(count);
    }
    this.robots = this.#counts.reduce((most, count) => Math.max(most, count), 0);
    this.end = this.seconds.at(-1) ?? 0;
  }

  get frames(): number {
    return this.seconds.length;
  }

  /** How far apart frames are, in seconds. */
  get gap(): number {
    return this.frames > 1 ? (this.end - (this.seconds[0] ?? 0)) / (this.frames - 1) : 0;
  }

  /** The last frame that is not after a moment. */
  indexAt(second: number): number {
    let low = 0;
    let high = this.frames - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.seconds[middle] ?? 0) <= second) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }

  robot(frame: number, index: number): Robot | null {
    const body = this.#bodies[frame];
    if (body === undefined || index >= (this.#counts[frame] ?? 0)) return null;
    const at = body + index * robotBytes;
    const view = this.#view;
    return { x: view.getFloat32(at, true), y: view.getFloat32(at + 4, true), heading: view.getUint8(at + 8), doing: view.getUint8(at + 9), battery: view.getUint16(at + 10, true) };
  }

  makeMoment(): Moment {
    const size = this.robots;
    return { count: 0, x: new Float32Array(size), y: new Float32Array(size), heading: new Float32Array(size), doing: new Uint8Array(size), battery: new Uint16Array(size) };
  }

  /** Fills in where everybody is at a moment, between two frames on the straight line between them. */
  fill(second: number, moment: Moment): void {
    const frame = this.indexAt(second);
    const body = this.#bodies[frame];
    moment.count = this.#counts[frame] ?? 0;
    if (body === undefined) return;
    const [before, after] = [this.seconds[frame] ?? 0, this.seconds[frame + 1] ?? 0];
    const next = this.#bodies[frame + 1];
    const joined = next !== undefined && after - before <= joinSecondsMax && after > before && this.#counts[frame + 1] === moment.count;
    const part = joined ? Math.min(1, Math.max(0, (second - before) / (after - before))) : 0;
    const view = this.#view;
    for (let index = 0; index < moment.count; index += 1) {
      const at = body + index * robotBytes;
      let x = view.getFloat32(at, true);
      let y = view.getFloat32(at + 4, true);
      let heading = view.getUint8(at + 8);
      if (part > 0 && next !== undefined) {
        const to = next + index * robotBytes;
        x += (view.getFloat32(to, true) - x) * part;
        y += (view.getFloat32(to + 4, true) - y) * part;
        heading += (((view.getUint8(to + 8) - heading + 6) % 4) - 2) * part;
      }
      moment.x[index] = x;
      moment.y[index] = y;
      moment.heading[index] = heading;
      moment.doing[index] = view.getUint8(at + 9);
      moment.battery[index] = view.getUint16(at + 10, true);
    }
  }
}

export interface Heat { spots: { x: number; y: number; seconds: number }[]; most: number }

/** For how long robots stood still on their way, place by place, over the whole recording. */
export function standing(recording: Recording): Heat {
  const spots = new Map<string, { x: number; y: number; seconds: number }>();
  const onTheWay = (robot: Robot) => robot.doing === 1 || robot.doing === 3;
  for (let index = 0; index < recording.robots; index += 1) {
    let before = recording.robot(0, index);
    for (let frame = 1; frame < recording.frames; frame += 1) {
      const now = recording.robot(frame, index);
      if (before && now && onTheWay(before) && onTheWay(now) && before.x === now.x && before.y === now.y && before.heading === now.heading) {
        const key = `${now.x} ${now.y}`;
        const spot = spots.get(key) ?? { x: now.x, y: now.y, seconds: 0 };
        spot.seconds += (recording.seconds[frame] ?? 0) - (recording.seconds[frame - 1] ?? 0);
        spots.set(key, spot);
      }
      before = now;
    }
  }
  const list = [...spots.values()];
  return { spots: list, most: list.reduce((most, spot) => Math.max(most, spot.seconds), 0) };
}

/** "1:02:03" of virtual time. */
export function clockText(second: number): string {
  const whole = Math.max(0, Math.floor(second));
  const pad = (value: number) => String(value).padStart(2, "0");
  return `${Math.floor(whole / 3600)}:${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}`;
}
