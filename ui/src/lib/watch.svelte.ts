// Follows things while a component is shown.
import { live } from "../live/store.svelte.ts";

/** For use while a component is made; the list may change. */
export function watch(things: () => string[]): void {
  const key = $derived(things().join("\n"));
  $effect(() => (key ? live.watch(key.split("\n")) : undefined));
}

/** Runs a job over many items, a few at a time, and says how far it is. */
export async function each<Item>(list: Item[], job: (item: Item) => Promise<unknown>, progress: (done: number) => void = () => undefined): Promise<Error[]> {
  const errors: Error[] = [];
  let next = 0;
  let done = 0;
  const worker = async () => {
    while (next < list.length) {
      const item = list[next] as Item;
      next += 1;
      await job(item).catch((cause: Error) => errors.push(cause));
      done += 1;
      progress(done);
    }
  };
  await Promise.all(Array.from({ length: Math.min(6, list.length) }, worker));
  return errors;
}
