// Orders of some states, the newest first, older ones on demand, kept right by what the live line says.
import { Problem } from "../../api/client.ts";
import { fleet, type FleetOrder, type OrderState } from "../../api/fleet.ts";

const page = 100;
/** A board that is left open for days begins anew; older orders come again when they are asked for. */
const keptMost = 5000;

/** What of one state was fetched: where its next page begins, and how old the oldest of it is. */
interface Reached { next: string | null; oldest: number }

/** Milliseconds, since texts of one moment may differ. */
const madeAt = (order: FleetOrder): number => Date.parse(order.created);

export class OrderList {
  problem = $state.raw<Problem | null>(null);
  loading = $state(true);
  #orders = $state.raw<FleetOrder[]>([]);
  #hidden = $state.raw(new Set<string>());
  #reached = $state.raw(new Map<OrderState | "", Reached>());
  #states: (OrderState | "")[] = [""];
  #running: AbortController | null = null;

  /** Orders of several states are fetched state by state, so those older than what all of them have reached wait. */
  #border = $derived([...this.#reached.values()].reduce((border, one) => (one.next !== null && one.oldest > border ? one.oldest : border), -Infinity));

  get list(): FleetOrder[] {
    return this.#orders.filter((order) => madeAt(order) >= this.#border && !this.#hidden.has(order.id));
  }

  get isMore(): boolean {
    return [...this.#reached.values()].some((one) => one.next !== null);
  }

  /** Shows the orders in any of these states; all of them when none is named. */
  show(states: OrderState[]): void {
    this.#states = states.length > 0 ? states : [""];
    this.#orders = [];
    this.#reached = new Map();
    void this.restart();
  }

  restart(): Promise<void> {
    return this.#load(new Map());
  }

  more(): Promise<void> {
    return this.#load(this.#reached);
  }

  /** Takes an order as it is now, wherever that was heard. */
  take(order: FleetOrder): void {
    const fits = this.#states.includes("") || this.#states.includes(order.state);
    const at = this.#orders.findIndex((one) => one.id === order.id);
    if (at >= 0) {
      if (Date.parse(this.#orders[at]?.changed ?? "") > Date.parse(order.changed)) return;
      this.#orders = fits ? this.#orders.with(at, order) : this.#orders.toSpliced(at, 1);
    } else if (fits && madeAt(order) >= this.#border) {
      const place = this.#orders.findIndex((one) => madeAt(one) <= madeAt(order));
      this.#orders = this.#orders.toSpliced(place < 0 ? this.#orders.length : place, 0, order);
      if (this.#orders.length > keptMost) void this.restart();
    }
  }

  hide(id: string): void {
    this.#hidden = new Set(this.#hidden).add(id);
  }

  unhide(id: string): void {
    this.#hidden = new Set([...this.#hidden].filter((one) => one !== id));
  }

  async #load(reached: ReadonlyMap<OrderState | "", Reached>): Promise<void> {
    this.#running?.abort();
    const controller = new AbortController();
    this.#running = controller;
    this.loading = true;
    const wanted = this.#states.filter((state) => reached.get(state)?.next !== null);
    try {
      const answers = await Promise.all(wanted.map(async (state) => {
        const after = reached.get(state)?.next;
        return { state, ...(await fleet.orders({ limit: page, ...(state === "" ? {} : { state }), ...(after ? { after } : {}) }, controller.signal)) };
      }));
      if (this.#running !== controller) return;
      const known = new Set(answers.flatMap((answer) => answer.items.map((order) => order.id)));
      const before = reached.size === 0 ? [] : this.#orders.filter((order) => !known.has(order.id));
      this.#orders = [...before, ...answers.flatMap((answer) => answer.items)].sort((a, b) => madeAt(b) - madeAt(a));
      this.#reached = new Map([...reached, ...answers.map((answer) => [answer.state, { next: answer.next, oldest: Math.min(...answer.items.map(madeAt)) }] as const)]);
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
