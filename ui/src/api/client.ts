// The typed client: adds the forgery guard to every change and turns every refusal into one Problem with words a person can use.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.d.ts";

type Complaint = components["schemas"]["Complaint"];

export class Problem extends Error {
  readonly status: number;
  readonly title: string;
  readonly hint: string | null;
  readonly where: string | null;
  /** Everything that is wrong, place by place, where it is more than one thing. */
  readonly errors: Complaint[];

  constructor(status: number, title: string, detail: string, hint: string | null = null, where: string | null = null, errors: Complaint[] = []) {
    super(detail);
    this.status = status;
    this.title = title;
    this.hint = hint;
    this.where = where;
    this.errors = errors;
  }
}

type Listener = () => void;
const signedOut = new Set<Listener>();

/** Called when the server no longer knows this session. */
export function onSignedOut(listener: Listener): void {
  signedOut.add(listener);
}

export const client = createClient<paths>({ baseUrl: location.origin, credentials: "same-origin" });

client.use({
  onRequest({ request }) {
    if (request.method !== "GET") request.headers.set("X-Manmul-Csrf", "1");
    return request;
  },
  onResponse({ response, request }) {
    const asking = new URL(request.url).pathname;
    if (response.status === 401 && !asking.endsWith("/session") && !asking.endsWith("/setup")) for (const listener of signedOut) listener();
  },
});

type Outcome<Data> = { data?: Data; error?: unknown; response: Response };

/** The body of an answer, or a thrown Problem. */
export async function ask<Data>(outcome: Promise<Outcome<Data>>): Promise<Data> {
  let answer: Outcome<Data>;
  try {
    answer = await outcome;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new Problem(0, "unreachable", "");
  }
  if (answer.response.ok) return answer.data as Data;
  const body = (typeof answer.error === "object" && answer.error !== null ? answer.error : {}) as Partial<Problem> & { detail?: string };
  throw new Problem(answer.response.status, body.title ?? answer.response.statusText, body.detail ?? "", body.hint ?? null, body.where ?? null, body.errors ?? []);
}

/** Asks the server to refuse a change of something that is not as it was when the page fetched it. */
export function ifMatch(rev: number): { headers: { "If-Match": string } } {
  return { headers: { "If-Match": `"${rev}"` } };
}

/** Items of a list endpoint, which may answer with a bare array where paging makes no sense. */
export function items<Item>(list: Item[] | { items: Item[] }): Item[] {
  return Array.isArray(list) ? list : list.items;
}
