// A form that begins from a scenario: the default of the domain, or that of a run.
import { ask, client, Problem } from "../../api/client.ts";
import type { Complaint, DomainDescription } from "../../api/types.ts";
import { readDraft } from "../editor/draft.ts";
import { complete, type Scenario } from "../scenario/scenario.ts";
import { domains } from "./domains.svelte.ts";

const domainName = "fleet";

export class Start {
  scenario = $state<Scenario | null>(null);
  domain = $state.raw<DomainDescription | null>(null);
  problem = $state.raw<Problem | null>(null);
  complaints = $state.raw<Complaint[]>([]);
  busy = $state(false);

  /** Begins from a run, or with the floor that was drawn. */
  async load(from: string | null, isDrawn = false): Promise<void> {
    this.problem = null;
    try {
      const [run] = await Promise.all([from ? ask(client.GET("/api/v1/runs/{id}", { params: { path: { id: from } } })) : null, domains.load()]);
      const domain = domains.find(run?.scenario.domain ?? domainName);
      if (!domain) throw domains.problem ?? new Problem(404, "", domainName);
      this.domain = domain;
      const scenario = complete(domain, run?.scenario);
      const draft = isDrawn ? readDraft() : null;
      if (draft) scenario.world.floor = { drawn: draft };
      this.scenario = scenario;
    } catch (cause) {
      if (!(cause instanceof Problem)) throw cause;
      this.problem = cause;
    }
  }

  /** Sends what was made of the form; what the server has against it is shown where it is. */
  async send<Done>(work: () => Promise<Done>): Promise<Done | null> {
    this.busy = true;
    this.problem = null;
    this.complaints = [];
    try {
      return await work();
    } catch (cause) {
      if (!(cause instanceof Problem)) throw cause;
      this.complaints = cause.errors.length > 0 ? cause.errors : cause.where ? [{ place: cause.where, problem: cause.message, hint: cause.hint ?? "" }] : [];
      this.problem = cause;
      requestAnimationFrame(() => (document.querySelector<HTMLElement>("[aria-invalid=true]") ?? document.querySelector<HTMLElement>(".problem"))?.scrollIntoView({ block: "center" }));
      return null;
    } finally {
      this.busy = false;
    }
  }
}
