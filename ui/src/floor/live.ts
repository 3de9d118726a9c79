// Frames of the live floor: the newest wins, robots glide from where they are seen to where they are, and whoever stands in the way of others is remembered. Pure.
import { doings, frameHeadBytes, frameVersion, robotBytes, type Heat, type Moment } from "./frames.ts";

/** Whoever is further off than this did not drive there since the last frame. */
const jumpMetres = 4;
const glideLeast = 60;
const glideMost = 1200;
/** After this long, half of what was seen of a congestion is forgotten. */
const halfLifeSeconds = 180;
const onTheWay = [doings.indexOf("going"), doings.indexOf("to_charger"), doings.indexOf("stuck")];

function columns(size: number): Moment {
  return { count: 0, x: new Float32Array(size), y: new Float32Array(size), heading: new Float32Array(size), doing: new Uint8Array(size), battery: new Uint16Array(size) };
}

export class LiveFrames {
  /** What is seen just now. */
  shown: Moment = columns(0);
  counts: number[] = doings.map(() => 0);
  /** How many frames have come. */
  frames = 0;
  #from: Moment = columns(0);
  #to: Moment = columns(0);
  #begun = 0;
  #gap = 250;
  #heat = new Map<string, { x: number; y: number; seconds: number }>();
  #cooled = 0;

  /** Takes a frame; false when it is none. `now` in milliseconds. */
  take(buffer: ArrayBuffer, now: number): boolean {
    if (buffer.byteLength < frameHeadBytes) return false;
    const view = new DataView(buffer);
    const count = view.getUint32(4, true);
    if (view.getUint8(0) !== frameVersion || buffer.byteLength < frameHeadBytes + count * robotBytes) return false;
    this.advance(now);
    if (count > this.#to.x.length) {
      const size = Math.ceil(count * 1.2);
      this.shown = grown(this.shown, size);
      this.#from = columns(size);
      this.#to = grown(this.#to, size);
    }
    const seconds = this.#begun === 0 ? 0 : Math.min((now - this.#begun) / 1000, 2);
    if (this.#begun > 0) this.#gap = Math.min(glideMost, Math.max(glideLeast, this.#gap * 0.7 + (now - this.#begun) * 0.3));
    const [from, to, shown] = [this.#from, this.#to, this.shown];
    const known = shown.count;
    this.counts.fill(0);
    for (let index = 0; index < count; index += 1) {
      const at = frameHeadBytes + index * robotBytes;
      const x = view.getFloat32(at, true);
      const y = view.getFloat32(at + 4, true);
      const heading = view.getUint8(at + 8);
      const doing = view.getUint8(at + 9);
      // Who has not said where it is has no number there, and comes from nowhere when it has.
      const isNew = index >= known || !(Math.abs(shown.x[index]! - x) + Math.abs(shown.y[index]! - y) <= jumpMetres);
      if (index < known && seconds > 0 && onTheWay.includes(doing) && to.doing[index] === doing && to.x[index] === x && to.y[index] === y && to.heading[index] === heading) this.#warm(x, y, seconds);
      from.x[index] = isNew ? x : shown.x[index]!;
      from.y[index] = isNew ? y : shown.y[index]!;
      from.heading[index] = isNew ? heading : shown.heading[index]!;
      to.x[index] = x;
      to.y[index] = y;
      to.heading[index] = heading;
      to.doing[index] = shown.doing[index] = doing;
      to.battery[index] = shown.battery[index] = view.getUint16(at + 10, true);
      this.counts[doing] = (this.counts[doing] ?? 0) + 1;
    }
    from.count = to.count = shown.count = count;
    this.#begun = now;
    this.frames += 1;
    if (now - this.#cooled > 5000) this.#cool(now);
    this.advance(now);
    return true;
  }

  /** Moves everybody to where they are seen at a moment; says whether somebody is still on the way. */
  advance(now: number): boolean {
    const part = Math.min(1, Math.max(0, (now - this.#begun) / this.#gap));
    const [from, to, shown] = [this.#from, this.#to, this.shown];
    for (let index = 0; index < shown.count; index += 1) {
      shown.x[index] = from.x[index]! + (to.x[index]! - from.x[index]!) * part;
      shown.y[index] = from.y[index]! + (to.y[index]! - from.y[index]!) * part;
      shown.heading[index] = from.heading[index]! + (((((to.heading[index]! - from.heading[index]! + 6) % 4) + 4) % 4) - 2) * part;
    }
    return part < 1;
  }

  #warm(x: number, y: number, seconds: number): void {
    const key = `${x.toFixed(1)} ${y.toFixed(1)}`;
    const spot = this.#heat.get(key);
    if (spot) spot.seconds += seconds;
    else this.#heat.set(key, { x, y, seconds });
  }

  #cool(now: number): void {
    const factor = this.#cooled === 0 ? 1 : 0.5 ** ((now - this.#cooled) / 1000 / halfLifeSeconds);
    this.#cooled = now;
    for (const [key, spot] of this.#heat) {
      spot.seconds *= factor;
      if (spot.seconds < 0.5) this.#heat.delete(key);
    }
  }

  /** Where robots stood on their way in the last minutes. */
  heat(): Heat {
    const spots = [...this.#heat.values()].filter((spot) => spot.seconds >= 1);
    return { spots, most: spots.reduce((most, spot) => Math.max(most, spot.seconds), 0) };
  }

  /** Forgets everybody: the floor is another one. */
  clear(): void {
    this.shown.count = this.#from.count = this.#to.count = 0;
    this.#heat.clear();
  }
}

function grown(old: Moment, size: number): Moment {
  const made = columns(size);
  for (const name of ["x", "y", "heading", "doing", "battery"] as const) made[name].set(old[name] as never);
  made.count = old.count;
  return made;
}
