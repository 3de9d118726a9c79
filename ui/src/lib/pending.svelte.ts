// A change on its way: pending until the thing reports it, then settled, or what came back instead.
import { ask, client, Problem } from "../api/client.ts";
import type { Cell } from "../live/store.svelte.ts";
import { judge, type Verdict } from "./settle.ts";

const patience = 10_000;

export class Pending {
  wanted = $state.raw<unknown>(undefined);
  state = $state<"idle" | Verdict | "refused">("idle");
  problem = $state.raw<Problem | null>(null);
  reported = $state.raw<unknown>(undefined);
  #turn = 0;

  async write(thing: string, name: string, value: unknown, cell: Cell): Promise<void> {
    const turn = (this.#turn += 1);
    const before = cell.current?.position ?? -1;
    this.wanted = value;
    this.state = "pending";
    this.problem = null;
    try {
      await ask(client.PATCH("/api/v1/things/{thing}/desired", { params: { path: { thing } }, body: { [name]: value } }));
    } catch (cause) {
      if (turn !== this.#turn) return;
      this.problem = cause as Problem;
      this.state = "refused";
      return;
    }
    const started = performance.now();
    const look = () => {
      if (turn !== this.#turn) return;
      const record = cell.current;
      const verdict = judge({ wanted: value, reported: record !== null && record.position > before ? record.value : undefined, waited: performance.now() - started, patience });
      this.state = verdict;
      this.reported = record?.value;
      if (verdict === "pending") setTimeout(look, 50);
    };
    look();
  }

  clear(): void {
    this.#turn += 1;
    this.state = "idle";
    this.problem = null;
  }
}
