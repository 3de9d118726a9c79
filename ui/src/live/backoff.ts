// How long to wait before the next attempt to reconnect: doubling with jitter, so that a restarted server is not stormed.

const first = 400;
const longest = 15_000;

export function backoff(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(longest, first * 2 ** Math.min(attempt, 16));
  return Math.round(ceiling / 2 + (ceiling / 2) * random());
}
