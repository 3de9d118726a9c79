// What a robot's maker wants to be told with every action, as rows of a form and as the API takes it.

/** The most that the server takes. */
export const parametersMost = 20;

/** Numbers, true and false as such, everything else as text; rows without a key are left out. */
export function parametersOf(rows: readonly { key: string; value: string }[]): Record<string, string | number | boolean> {
  const plain = (value: string) => (value === "true" || value === "false" ? value === "true" : value.trim() !== "" && String(Number(value)) === value.trim() ? Number(value) : value);
  return Object.fromEntries(rows.filter((row) => row.key.trim() !== "").map((row) => [row.key.trim(), plain(row.value)]));
}
