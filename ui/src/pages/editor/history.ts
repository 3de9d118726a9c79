// Steps back and forth. Floors share what did not change between them, so a step costs little. Pure.

/** Older steps are forgotten. */
export const stepsMost = 2000;

export class Steps<State> {
  #past: State[] = [];
  #future: State[] = [];

  get canUndo(): boolean {
    return this.#past.length > 0;
  }

  get canRedo(): boolean {
    return this.#future.length > 0;
  }

  /** Remembers what was before a change. */
  add(before: State): void {
    this.#past.push(before);
    if (this.#past.length > stepsMost) this.#past.shift();
    this.#future = [];
  }

  undo(now: State): State | null {
    const before = this.#past.pop();
    if (before === undefined) return null;
    this.#future.push(now);
    return before;
  }

  redo(now: State): State | null {
    const after = this.#future.pop();
    if (after === undefined) return null;
    this.#past.push(now);
    return after;
  }

  clear(): void {
    this.#past = [];
    this.#future = [];
  }
}
