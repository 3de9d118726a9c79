// Compares two texts line by line: the longest course that both have in common (of what stands between equal ends). Pure.

export type DiffKind = "same" | "added" | "removed";
export interface DiffLine { kind: DiffKind; text: string; before: number | null; after: number | null }

/** Beyond so many comparisons the middle is taken as replaced, so that the work stays bounded. */
const cellsMost = 4_000_000;

/** Pairs of equal lines, in order: [index in the first, index in the second]. */
export function matchLines(before: readonly string[], after: readonly string[]): [number, number][] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < before.length - start && end < after.length - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  const middle = course(before.slice(start, before.length - end), after.slice(start, after.length - end));
  return [
    ...Array.from({ length: start }, (_, index): [number, number] => [index, index]),
    ...middle.map(([one, other]): [number, number] => [one + start, other + start]),
    ...Array.from({ length: end }, (_, index): [number, number] => [before.length - end + index, after.length - end + index]),
  ];
}

function course(before: readonly string[], after: readonly string[]): [number, number][] {
  const [rows, columns] = [before.length, after.length];
  if (rows * columns === 0 || rows * columns > cellsMost) return [];
  const width = columns + 1;
  // How many lines the rests from here on have in common.
  const common = new Uint32Array((rows + 1) * width);
  const at = (row: number, column: number) => common[row * width + column] ?? 0;
  for (let row = rows - 1; row >= 0; row -= 1)
    for (let column = columns - 1; column >= 0; column -= 1)
      common[row * width + column] = before[row] === after[column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
  const pairs: [number, number][] = [];
  for (let row = 0, column = 0; row < rows && column < columns; ) {
    if (before[row] === after[column]) pairs.push([row++, column++]);
    else if (at(row + 1, column) >= at(row, column + 1)) row += 1;
    else column += 1;
  }
  return pairs;
}

export function diffLines(before: string, after: string): DiffLine[] {
  const [old, fresh] = [before.replace(/\n$/, "").split("\n"), after.replace(/\n$/, "").split("\n")];
  const lines: DiffLine[] = [];
  let [one, other] = [0, 0];
  const upTo = (from: number, to: number) => {
    for (; one < from; one += 1) lines.push({ kind: "removed", text: old[one] ?? "", before: one + 1, after: null });
    for (; other < to; other += 1) lines.push({ kind: "added", text: fresh[other] ?? "", before: null, after: other + 1 });
  };
  for (const [from, to] of matchLines(old, fresh)) {
    upTo(from, to);
    lines.push({ kind: "same", text: fresh[to] ?? "", before: from + 1, after: to + 1 });
    [one, other] = [from + 1, to + 1];
  }
  upTo(old.length, fresh.length);
  return lines;
}

/** Lines that did not change are left out where they are far from a change; null stands for what was left out. */
export function nearby(lines: DiffLine[], around = 3): (DiffLine | null)[] {
  const wanted = new Set<number>();
  lines.forEach((line, index) => { if (line.kind !== "same") for (let near = index - around; near <= index + around; near += 1) wanted.add(near); });
  return lines.flatMap((line, index): (DiffLine | null)[] => (wanted.has(index) ? [line] : wanted.has(index - 1) || index === 0 ? [null] : []));
}
