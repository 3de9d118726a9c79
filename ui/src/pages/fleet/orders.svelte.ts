// Orders of some states, the newest first, older ones on demand, kept right by what the live line says.
import { Problem } from "../../api/client.ts";
import { fleet, type FleetOrder, type OrderState } from "../../api/fleet.ts";

const page = 100;
/** A board that is left open for days forgets the oldest rows; they are fetched again when asked for. */
const keptMost = 5000;

export class OrderList {
  problem = $state.raw<Problem | null>(null);
  loading = $state(true);
  /** Where the next page begins; null where there is none. */
  next = $state.raw<string | null>(null);
  #orders = $state.raw<FleetOrder[]>([]);
  #hidden = $state.raw(new Set<string>());
  #states: OrderState[] = [];
  #running: AbortController | null = null;

  get list(): FleetOrder[] {
    return this.#orders.filter((order) => !this.#hidden.has(order.id));
  }

  show(states: OrderState[]): void {
    this.#states = states;
    this.#orders = [];
    void this.restart();
  }

  restart(): Promise<void> {
    return this.#load(null);
  }

  async more(): Promise<void> {
    if (this.next !== null) await this.#load(this.next);
  }

  /** Takes an order as it is now, wherever that was heard. */
  take(order: FleetOrder): void {
    const fits = this.#states.length === 0 || this.#states.includes(order.state);
    const at = this.#orders.findIndex((one) => one.id === order.id);
    if (at >= 0) {
      if ((this.#orders[at]?.changed ?? "") > order.changed) return;
      this.#orders = fits ? this.#orders.with(at, order) : this.#orders.toSpliced(at, 1);
    } else if (fits) {
      const place = this.#orders.findIndex((one) => one.created <= order.created);
      // Older than all that was fetched: it comes with its page.
      if (place < 0 && this.next !== null) return;
      this.#orders = this.#orders.toSpliced(place < 0 ? this.#orders.length : place, 0, order);
      if (this.#orders.length > keptMost) {
        this.#orders = this.#orders.slice(0, keptMost);
        this.next = this.#orders.at(-1)?.id ?? null;
      }
    }
  }

  hide(id: string): void {
    this.#hidden = new Set(this.#hidden).add(id);
  }

  unhide(id: string): void {
    this.#hidden = new Set([...this.#hidden].filter((one) => one !== id));
  }

  async #load(after: string | null): Promise<void> {
    this.#running?.abort();
    const controller = new AbortController();
    this.#running = controller;
    this.loading = true;
    try {
      const answer = await fleet.orders({ limit: page, ...(this.#states.length > 0 ? { state: this.#states.join(",") } : {}), ...(after === null ? {} : { after }) }, controller.signal);
      if (this.#running !== controller) return;
      const known = new Set(answer.items.map((order) => order.id));
      this.#orders = after === null ? answer.items : [...this.#orders.filter((order) => !known.has(order.id)), ...answer.items];
      this.next = answer.next ?? null;
      this.problem = null;
    } catch (cause) {
      if (this.#running !== controller || controller.signal.aborted) return;
      if (!(cause instanceof Problem)) throw cause;
      this.problem = cause;
    } finally {
      if (this.#running === controller) this.loading = false;
    }
  }
}
