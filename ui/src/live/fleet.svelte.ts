// The live floor: one WebSocket while a page shows it; frames of robots, the floor when it changes, and orders as they change.
import { untrack } from "svelte";
import { fleet, type FleetOrder } from "../api/fleet.ts";
import type { Drawing } from "../floor/drawing.ts";
import { LiveFrames } from "../floor/live.ts";
import { backoff } from "./backoff.ts";

type Said = { kind: "floor"; drawing: Drawing; revision: number } | { kind: "order"; order: FleetOrder } | { kind: "skipped"; count: number };

/** A line that says nothing for this long is dead even when TCP has not noticed: the server sends frames all the time. */
const silenceMilliseconds = 15_000;

export class FleetWatch {
  state = $state<"connecting" | "open" | "lost">("connecting");
  drawing = $state.raw<Drawing | null>(null);
  revision = $state(0);
  readonly frames = new LiveFrames();
  /** Grows with each frame, at most five times a second. */
  beat = $state(0);
  onframe: (() => void) | null = null;
  onorder: ((order: FleetOrder) => void) | null = null;
  /** Called when changes were missed and what is shown must be fetched again. */
  onmissed: (() => void) | null = null;
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #attempts = 0;
  #closed = false;

  connect(): void {
    clearTimeout(this.#timer);
    this.#closed = false;
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}${fleet.path}/watch`);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.onmessage = (event) => {
      this.#heard();
      if (event.data instanceof ArrayBuffer) this.#frame(event.data);
      else this.#said(JSON.parse(event.data as string) as Said);
    };
    socket.onclose = () => {
      clearTimeout(this.#silence);
      if (this.#closed || this.#socket !== socket) return;
      this.state = "lost";
      this.#attempts += 1;
      this.#timer = setTimeout(() => this.connect(), backoff(this.#attempts));
    };
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#socket?.close();
  }

  #heard(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#socket?.close(), silenceMilliseconds);
    if (this.state === "open") return;
    this.state = "open";
    if (this.#attempts > 0) this.onmissed?.();
    this.#attempts = 0;
  }

  #frame(data: ArrayBuffer): void {
    if (!this.frames.take(data, performance.now())) return;
    this.beat += 1;
    this.onframe?.();
  }

  #said(said: Said): void {
    if (said.kind === "floor") {
      if (this.drawing !== null && said.revision !== this.revision) this.frames.clear();
      this.drawing = said.drawing;
      this.revision = said.revision;
    } else if (said.kind === "order") this.onorder?.(said.order);
    else this.onmissed?.();
  }
}

/** For use while a component is made; connects while `wanted` says so. */
export function fleetWatch(wanted: () => boolean): FleetWatch {
  const watch = new FleetWatch();
  $effect(() => {
    if (!wanted()) return;
    untrack(() => watch.connect());
    return () => watch.close();
  });
  return watch;
}
