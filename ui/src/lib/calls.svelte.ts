// The API calls behind the page being looked at, for "copy as API call".

export interface ApiCall { title: string; method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE"; path: string; body?: unknown }

class Calls {
  list = $state.raw<ApiCall[]>([]);
}

export const calls = new Calls();

/** Names the calls of a page while that page is shown. */
export function pageCalls(make: () => ApiCall[]): void {
  $effect(() => {
    calls.list = make();
    return () => { calls.list = []; };
  });
}

/** Quotes one word for a POSIX shell. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

export function asCurl(call: ApiCall, origin: string): string {
  const parts = ["curl"];
  if (call.method !== "GET") parts.push("-X", call.method);
  parts.push("-H", '"Authorization: Bearer $MANMUL_TOKEN"');
  if (call.body !== undefined) parts.push("-H", "'Content-Type: application/json'", "-d", quote(JSON.stringify(call.body)));
  parts.push(quote(origin + call.path));
  return parts.join(" ");
}
