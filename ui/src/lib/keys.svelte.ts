// Keyboard shortcuts: pages add theirs while they are shown, and the help under `?` is this list.
import { untrack } from "svelte";
import type { MessageKey } from "../messages/index.ts";

export interface Shortcut { keys: string; title: MessageKey; run: (event: KeyboardEvent) => void; group?: MessageKey; evenInFields?: boolean; when?: (event: KeyboardEvent) => boolean }

class Shortcuts {
  list = $state.raw<Shortcut[]>([]);
  #prefix = "";
  #prefixTimer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    addEventListener("keydown", (event) => this.#press(event));
  }

  add(shortcuts: Shortcut[]): () => void {
    this.list = [...this.list, ...shortcuts];
    return () => { this.list = this.list.filter((shortcut) => !shortcuts.includes(shortcut)); };
  }

  #press(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.isComposing) return;
    const target = event.target as HTMLElement | null;
    const typing = target !== null && (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) && (target as HTMLInputElement).type !== "checkbox";
    const modal = document.querySelector("dialog[open]") !== null;
    const name = (event.ctrlKey || event.metaKey ? "mod+" : "") + (event.key === " " ? "Space" : event.key.length === 1 ? event.key.toLowerCase() : event.key);
    if (event.altKey) return;
    const wanted = this.#prefix ? `${this.#prefix} ${name}` : name;
    const found = this.list.find((shortcut) => shortcut.keys.split(",").includes(wanted) && (shortcut.evenInFields || (!typing && !modal)) && (shortcut.when?.(event) ?? true));
    clearTimeout(this.#prefixTimer);
    this.#prefix = "";
    if (found) {
      event.preventDefault();
      found.run(event);
    } else if (name === "g" && !typing && !modal) {
      this.#prefix = "g";
      this.#prefixTimer = setTimeout(() => { this.#prefix = ""; }, 1200);
    }
  }
}

export const shortcuts = new Shortcuts();

/** For use while a component is made. */
export function keys(list: Shortcut[]): void {
  $effect(() => untrack(() => shortcuts.add(list)));
}
