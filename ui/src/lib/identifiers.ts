// Makes a thing's id from the title a person typed. Pure.

/** Letters, digits and dashes only, since the id is part of an MQTT topic; other scripts fall back to a short random word. */
export function identifierFrom(title: string, random: () => number = Math.random): string {
  const plain = title.normalize("NFKD").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 48);
  return plain || `thing-${Math.floor(random() * 36 ** 4).toString(36).padStart(4, "0")}`;
}
