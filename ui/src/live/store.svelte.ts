// The live connection: one WebSocket, the newest record of every watched value, and the state of the line itself.
import { createSubscriber } from "svelte/reactivity";
import { backoff } from "./backoff.ts";
import { decodeFrame, type LiveKind, type LiveRecord } from "./frame.ts";

type RecordListener = (record: LiveRecord) => void;

/** The newest record of one value; reading `current` in markup makes that markup follow it. */
export class Cell {
  #record: LiveRecord | null = null;
  #changed: (() => void) | null = null;
  #subscribe = createSubscriber((update) => {
    this.#changed = update;
    return () => { this.#changed = null; };
  });

  get current(): LiveRecord | null {
    this.#subscribe();
    return this.#record;
  }

  put(record: LiveRecord): void {
    if (this.#record !== null && this.#record.position >= record.position) return;
    this.#record = record;
    this.#changed?.();
  }
}

class Live {
  state = $state<"off" | "connecting" | "open" | "lost">("off");
  /** Server microseconds at which the newest record of the site was seen to arrive. */
  newestAt = $state.raw<number | null>(null);
  attempts = $state(0);

  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #newest = -1;
  #cells = new Map<string, Cell>();
  #watched = new Map<string, number>();
  #everything = 0;
  #insights = 0;
  #listeners = new Set<RecordListener>();
  #refetch = new Set<() => void>();
  #subscribedAt = 0;
  #subscription: ReturnType<typeof setTimeout> | undefined;
  #offset = 0;

  /** The server's clock, so that ages are right on a device whose own clock is not. */
  now(): number {
    return Date.now() * 1000 + this.#offset;
  }

  cell(thing: string, name: string, kind: LiveKind = "property"): Cell {
    const key = `${kind} ${thing} ${name}`;
    let cell = this.#cells.get(key);
    if (cell === undefined) this.#cells.set(key, (cell = new Cell()));
    return cell;
  }

  presence(thing: string): Cell {
    return this.cell(thing, "", "presence");
  }

  /** Asks the server for the records of these things until the returned function is called; null asks for all things. */
  watch(things: string[] | null): () => void {
    if (things === null) this.#everything += 1;
    else for (const thing of things) this.#watched.set(thing, (this.#watched.get(thing) ?? 0) + 1);
    this.#queueSubscription();
    return () => {
      if (things === null) this.#everything -= 1;
      else
        for (const thing of things) {
          const left = (this.#watched.get(thing) ?? 1) - 1;
          if (left > 0) this.#watched.set(thing, left);
          else this.#watched.delete(thing);
        }
      this.#queueSubscription();
    };
  }

  /** Asks for what is found of any thing. A page that follows things hears of theirs alone: one subscription cannot say both. */
  watchInsights(): () => void {
    this.#insights += 1;
    this.#queueSubscription();
    return () => {
      this.#insights -= 1;
      this.#queueSubscription();
    };
  }

  onRecord(listener: RecordListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Called when records were missed and what is shown must be fetched again. */
  onRefetch(listener: () => void): () => void {
    this.#refetch.add(listener);
    return () => this.#refetch.delete(listener);
  }

  connect(): void {
    if (this.#socket !== null) return;
    clearTimeout(this.#timer);
    this.state = this.attempts === 0 ? "connecting" : "lost";
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/api/v1/live?format=binary`);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.onopen = () => {
      this.#heard();
      this.#subscribe(this.#newest >= 0 ? this.#newest : null);
    };
    socket.onmessage = (event) => this.#receive(event.data as ArrayBuffer);
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      clearTimeout(this.#silence);
      if (this.state === "off") return;
      this.state = "lost";
      this.attempts += 1;
      this.#timer = setTimeout(() => this.connect(), backoff(this.attempts));
    };
  }

  disconnect(): void {
    this.state = "off";
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#socket?.close();
    this.#socket = null;
    this.attempts = 0;
    this.#newest = -1;
    this.#cells.clear();
  }

  /** Tries again now instead of at the end of the waiting time. */
  retry(): void {
    if (this.state !== "lost") return;
    clearTimeout(this.#timer);
    this.connect();
  }

  #heard(): void {
    clearTimeout(this.#silence);
    // The server beats each second; a line that is silent this long is dead even when TCP has not noticed.
    this.#silence = setTimeout(() => this.#socket?.close(), 8000);
  }

  #receive(data: ArrayBuffer): void {
    this.#heard();
    const frame = decodeFrame(data);
    this.#offset = frame.time - Date.now() * 1000;
    const missed = frame.type === "gap" || (frame.type === "hello" && this.#newest > frame.newest);
    if (frame.newest > this.#newest || frame.type === "hello") {
      if (this.#newest >= 0 && frame.newest > this.#newest) this.newestAt = frame.time;
      this.#newest = frame.newest;
    }
    for (const record of frame.records) {
      const name = record.kind === "presence" ? "" : record.name;
      this.#cells.get(`${record.kind} ${record.thing} ${name}`)?.put(record);
      for (const listener of this.#listeners) listener(record);
    }
    if (frame.type === "hello") {
      const again = this.attempts > 0;
      this.state = "open";
      this.attempts = 0;
      if (again) for (const listener of this.#refetch) listener();
    } else if (missed) for (const listener of this.#refetch) listener();
  }

  #queueSubscription(): void {
    if (this.#subscription !== undefined) return;
    // The first change goes at once, so that nothing falls between what a page fetches and what it follows;
    // a page that scrolls changes what it watches many times a second, and the server hears of that now and then.
    this.#subscription = setTimeout(() => {
      this.#subscription = undefined;
      this.#subscribedAt = performance.now();
      this.#subscribe(null);
    }, Math.max(0, this.#subscribedAt + 80 - performance.now()));
  }

  #subscribe(resume: number | null): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    const insights = this.#everything === 0 && this.#watched.size === 0 && this.#insights > 0;
    const things = this.#everything > 0 || insights ? null : [...this.#watched.keys()];
    this.#socket.send(JSON.stringify({ subscribe: { things, spaces: null, kinds: insights ? ["insight"] : null }, resume }));
  }
}

export const live = new Live();
