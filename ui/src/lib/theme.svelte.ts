// For canvases, which cannot read tokens: a count that changes with the theme, and what a token's colour is just now.

/** For use while a component is made. Read `.count` where colours are asked for. */
export function themeCount(): { readonly count: number } {
  let count = $state(0);
  $effect(() => {
    const renew = () => { count += 1; };
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const watcher = new MutationObserver(renew);
    scheme.addEventListener("change", renew);
    watcher.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "data-density"] });
    return () => { scheme.removeEventListener("change", renew); watcher.disconnect(); };
  });
  return { get count() { return count; } };
}

/** A token's colour as a canvas understands it; the browser is asked, inside an element that has the theme. */
export function tokenColour(host: HTMLElement, token: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${token})`;
  host.append(probe);
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  if (!pen) return "currentColor";
  pen.fillStyle = getComputedStyle(probe).color;
  probe.remove();
  pen.fillRect(0, 0, 1, 1);
  const [red, green, blue] = pen.getImageData(0, 0, 1, 1).data;
  return `rgb(${red}, ${green}, ${blue})`;
}
