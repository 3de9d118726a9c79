// The router: addresses are matched against patterns like "/things/:thing", and the query is part of the state.

export interface Match { params: Record<string, string>; query: URLSearchParams }

class Router {
  path = $state(location.pathname);
  query = $state.raw(new URLSearchParams(location.search));

  constructor() {
    addEventListener("popstate", () => this.#read());
    addEventListener("click", (event) => this.#click(event));
  }

  go(address: string, replace = false): void {
    if (address === location.pathname + location.search) return;
    history[replace ? "replaceState" : "pushState"](null, "", address);
    const moved = this.path !== location.pathname;
    this.#read();
    if (moved && !replace) document.getElementById("main")?.scrollTo(0, 0);
  }

  /** Changes parts of the query; null or an empty text removes one. */
  set(changes: Record<string, string | string[] | null | undefined>, replace = true): void {
    const query = new URLSearchParams(this.query);
    for (const [name, value] of Object.entries(changes)) {
      query.delete(name);
      for (const one of Array.isArray(value) ? value : [value]) if (one) query.append(name, one);
    }
    // Slashes and commas are legal in a query and far easier to read than their codes.
    const text = query.toString().replaceAll("%2F", "/").replaceAll("%2C", ",");
    this.go(this.path + (text ? `?${text}` : ""), replace);
  }

  #read(): void {
    this.path = location.pathname;
    this.query = new URLSearchParams(location.search);
  }

  #click(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.("a[href]");
    if (!(link instanceof HTMLAnchorElement) || link.origin !== location.origin || link.target || link.hasAttribute("download")) return;
    if (link.pathname.startsWith("/api/") || link.pathname === "/openapi.json" || link.pathname === "/metrics") return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}

export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/");
  const given = path.replace(/\/$/, "").split("/");
  if (wanted.length !== Math.max(given.length, 1) && pattern !== "/") return null;
  if (pattern === "/") return path === "/" ? {} : null;
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    if (part.startsWith(":")) params[part.slice(1)] = decodeURIComponent(given[index] ?? "");
    else if (part !== given[index]) return null;
  }
  return params;
}

export const router = new Router();
