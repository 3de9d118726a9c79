// What rules had to say, and how many alarms wait: fetched now and then for the bell, and by the pages that change it.
import { alarms, notices, type Notice } from "../api/rules.ts";

class Notifications {
  list = $state.raw<Notice[]>([]);
  /** Alarms that nobody has acknowledged. */
  alarms = $state(0);
  loaded = $state(false);
  problem = $state.raw<Error | null>(null);
  readonly unread = $derived(this.list.filter((one) => !one.read).length);
  /** What a screen reader is told: what was not there before. */
  announcement = $state("");

  async load(): Promise<void> {
    try {
      const [list, active] = await Promise.all([notices.list(), alarms.list("active")]);
      const known = new Set(this.list.map((one) => one.id));
      const fresh = this.loaded ? list.filter((one) => !one.read && !known.has(one.id)) : [];
      if (fresh.length > 0) this.announcement = fresh.map((one) => `${one.title}: ${one.message}`).join(". ");
      this.list = list.toSorted((one, other) => other.time - one.time);
      this.alarms = active.length;
      this.loaded = true;
      this.problem = null;
    } catch (cause) {
      this.problem = cause as Error;
    }
  }

  async read(ids: string[]): Promise<void> {
    if (ids.length === 0) return;
    this.list = this.list.map((one) => (ids.includes(one.id) ? { ...one, read: true } : one));
    await notices.read(ids);
  }
}

export const notifications = new Notifications();
