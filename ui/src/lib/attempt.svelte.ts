// Something asked of the server from a form: whether it is under way, and what came back instead of an answer.
import { Problem } from "../api/client.ts";

export class Attempt {
  busy = $state(false);
  problem = $state.raw<Problem | null>(null);

  /** The answer; nothing when there was a problem, which is kept to be shown. */
  async run<Done>(work: () => Promise<Done>): Promise<Done | undefined> {
    this.busy = true;
    this.problem = null;
    try {
      return await work();
    } catch (cause) {
      if (!(cause instanceof Problem)) throw cause;
      this.problem = cause;
      return undefined;
    } finally {
      this.busy = false;
    }
  }
}
