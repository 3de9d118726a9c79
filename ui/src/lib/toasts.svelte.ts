// Short notices at the foot of the page, and changes that wait a moment so that they can be undone.
import { inWords } from "./problems.ts";

export interface Toast { id: number; text: string; level: "plain" | "red"; undo: (() => void) | null }

class Toasts {
  list = $state<Toast[]>([]);
  #next = 1;

  show(text: string, options: { level?: Toast["level"]; undo?: () => void; lasting?: number } = {}): number {
    const id = this.#next;
    this.#next += 1;
    this.list.push({ id, text, level: options.level ?? "plain", undo: options.undo ?? null });
    if (this.list.length > 4) this.list.shift();
    setTimeout(() => this.close(id), options.lasting ?? (options.undo || options.level === "red" ? 8000 : 3500));
    return id;
  }

  close(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();

const waiting = new Set<() => void>();
const grace = 8000;

/** Does something that cannot be taken back only after its undo has gone; leaving the page does it at once. */
export function undoable(text: string, commit: () => Promise<unknown> | void, undone: () => void): void {
  const run = () => {
    if (!waiting.delete(run)) return;
    clearTimeout(timer);
    Promise.resolve(commit()).catch((cause: Error) => {
      undone();
      toasts.show(inWords(cause), { level: "red" });
    });
  };
  const timer = setTimeout(run, grace);
  waiting.add(run);
  toasts.show(text, {
    lasting: grace,
    undo: () => {
      if (!waiting.delete(run)) return;
      clearTimeout(timer);
      undone();
    },
  });
}

addEventListener("pagehide", () => { for (const run of [...waiting]) run(); });
