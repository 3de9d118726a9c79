// A rule while it is written: one text that sentences, text and graph share, what the server says of it as one types, and the way back.
import { getContext, setContext } from "svelte";
import { rules, type Checked, type Rule, type RuleProblem } from "../../api/rules.ts";
import { Steps } from "../editor/history.ts";
import { pathKey, read, type Path } from "./document.ts";
import * as document from "./document.ts";

const pauseMilliseconds = 350;

export class Editing {
  text = $state("");
  saved = $state("");
  checked = $state.raw<Checked | null>(null);
  checking = $state(false);
  /** Why the text could not be checked. */
  problem = $state.raw<Error | null>(null);
  /** A line of the text to go to, once. */
  line = $state<number | null>(null);
  readonly reading = $derived(read(this.text));
  readonly dirty = $derived(this.text !== this.saved);
  readonly problems = $derived<RuleProblem[]>(this.checked?.problems ?? []);
  readonly errors = $derived(this.problems.filter((one) => one.severity === "error").length + (this.reading.fault ? 1 : 0));
  steps = $state.raw({ back: false, forth: false });
  #steps = new Steps<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: AbortController | null = null;
  #typed = -Infinity;
  #id: string | null = null;

  /** Starts from a kept rule, or from a text that is not kept yet. */
  start(text: string, rule: Rule | null): void {
    this.text = text;
    this.saved = rule?.text ?? "";
    this.#id = rule?.id ?? null;
    this.checked = rule && text === rule.text ? { title: rule.title, problems: rule.problem_list, words: rule.words, graph: rule.graph, tests: rule.tests } : null;
    this.#steps.clear();
    this.#note();
    if (this.checked === null) this.#check(0);
  }

  /** What was kept is what is here now. */
  keep(rule: Rule): void {
    this.saved = rule.text;
    this.#id = rule.id;
    if (this.text === rule.text) this.checked = { title: rule.title, problems: rule.problem_list, words: rule.words, graph: rule.graph, tests: rule.tests };
  }

  change(text: string, remember = true): void {
    if (text === this.text) return;
    if (remember) this.#steps.add(this.text);
    this.text = text;
    this.#note();
    this.#check(pauseMilliseconds);
  }

  /** What is typed in one go is one step back. */
  type(text: string): void {
    const now = performance.now();
    this.change(text, now - this.#typed > pauseMilliseconds * 3);
    this.#typed = now;
  }

  set(path: Path, value: unknown): void { this.change(document.setValue(this.text, path, value)); }
  setAll(changes: readonly (readonly [Path, unknown])[]): void { this.change(document.setValues(this.text, changes)); }
  insert(list: Path, index: number, value: unknown): void { this.change(document.insertItem(this.text, list, index, value)); }
  move(list: Path, from: number, to: number): void { this.change(document.moveItem(this.text, list, from, to)); }
  rename(map: Path, from: string, to: string): void { this.change(document.renameKey(this.text, map, from, to)); }

  undo(): void { this.#step(this.#steps.undo(this.text)); }
  redo(): void { this.#step(this.#steps.redo(this.text)); }

  #step(text: string | null): void {
    if (text === null) return;
    this.text = text;
    this.#note();
    this.#check(0);
  }

  #note(): void {
    this.steps = { back: this.#steps.canUndo, forth: this.#steps.canRedo };
  }

  #check(after: number): void {
    clearTimeout(this.#timer);
    this.#running?.abort();
    const controller = new AbortController();
    this.#running = controller;
    this.checking = true;
    this.#timer = setTimeout(() => {
      rules.check(this.text, this.#id, controller.signal).then(
        (checked) => { this.checked = checked; this.problem = null; this.checking = false; },
        (cause: Error) => { if (!controller.signal.aborted) { this.problem = cause; this.checking = false; } },
      );
    }, after);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#running?.abort();
  }

  /** What is wrong in the lines of a part, but not in those of the parts inside it. */
  problemsOf(path: Path, inside: readonly Path[] = []): RuleProblem[] {
    const lines = this.reading.places.get(pathKey(path));
    if (!lines) return [];
    const within = (line: number, [first, last]: readonly [number, number]) => line >= first && line <= last;
    const inner = inside.flatMap((one) => this.reading.places.get(pathKey(one)) ?? []) as number[];
    const ranges = inner.reduce<[number, number][]>((made, line, index) => (index % 2 === 0 ? [...made, [line, inner[index + 1] ?? line]] : made), []);
    return this.problems.filter((one) => within(one.line, lines) && !ranges.some((range) => within(one.line, range)));
  }
}

const key = Symbol("editing");
export const provideEditing = (editing: Editing): Editing => setContext(key, editing);
export const useEditing = (): Editing => getContext<Editing>(key);
