// The places that a rule speaks of, in the order in which it does. Pure.

const keys = ["property", "forecast", "set", "insight"];

export function placesIn(rule: unknown): string[] {
  const found: string[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit);
    if (value === null || typeof value !== "object") return;
    for (const [key, inner] of Object.entries(value)) {
      if (keys.includes(key) && typeof inner === "string" && inner.includes("/")) found.push(inner);
      else if (key === "set" && inner !== null && typeof inner === "object") found.push(...Object.keys(inner).filter((place) => place.includes("/")));
      else if (key !== "tests") visit(inner);
    }
  };
  visit(rule);
  return [...new Set(found)];
}
