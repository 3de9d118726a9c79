// Decides what became of a change that was asked of a thing. Pure.

export type Verdict = "pending" | "settled" | "different" | "silent";

/** How long a thing may report steps towards the wanted value (a dimmer fading) before another value counts as its answer. */
const fading = 2500;

export function same(one: unknown, other: unknown): boolean {
  if (typeof one === "number" && typeof other === "number") return Math.abs(one - other) <= Math.max(1e-6, Math.abs(one) * 1e-6);
  if (typeof one === "object" || typeof other === "object") return JSON.stringify(one) === JSON.stringify(other);
  return one === other;
}

export function judge(change: { wanted: unknown; reported: unknown; waited: number; patience: number }): Verdict {
  if (change.reported !== undefined) {
    if (same(change.wanted, change.reported)) return "settled";
    if (change.waited > fading) return "different";
  }
  return change.waited > change.patience ? "silent" : "pending";
}
