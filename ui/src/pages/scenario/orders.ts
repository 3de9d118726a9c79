// Known orders as text: "second,from,to,priority,due", one a line, with or without these words above. Pure.

export interface OrderRow { second: number; from: string; to: string; priority: number; due: number | null }
export type RowProblem = "columns" | "second" | "from" | "to" | "priority" | "due" | "due_early";
export interface ReadOrders { rows: OrderRow[]; problems: { line: number; problem: RowProblem; text: string }[] }

const columns = ["second", "from", "to", "priority", "due"] as const;

/** The cells of a line; quoted ones may hold commas. */
function cells(line: string, separator: string): string[] {
  const found: string[] = [];
  let cell = "";
  let quoted = false;
  for (let at = 0; at < line.length; at += 1) {
    const character = line[at];
    if (quoted && character === '"' && line[at + 1] === '"') { cell += '"'; at += 1; }
    else if (character === '"') quoted = !quoted;
    else if (character === separator && !quoted) { found.push(cell.trim()); cell = ""; }
    else cell += character;
  }
  return [...found, cell.trim()];
}

export function readOrders(text: string): ReadOrders {
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/);
  const head = lines.find((line) => line.trim() !== "") ?? "";
  const separator = [",", ";", "\t"].reduce((best, one) => (head.split(one).length > head.split(best).length ? one : best), ",");
  const names = cells(head, separator).map((name) => name.toLowerCase());
  const named = names.includes("second") && names.includes("from") && names.includes("to");
  const order = columns.map((name, index) => (named ? names.indexOf(name) : index));
  const found: ReadOrders = { rows: [], problems: [] };
  let skipHead = named;
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "" || line.trimStart().startsWith("#")) continue;
    if (skipHead) { skipHead = false; continue; }
    const given = cells(line, separator);
    const [second = "", from = "", to = "", priority = "", due = ""] = order.map((column) => given[column] ?? "");
    const number = (value: string) => (/^\d+(\.\d+)?$/.test(value) ? Number(value) : null);
    const row = { second: number(second), from, to, priority: priority === "" ? 0 : number(priority), due: due === "" ? null : number(due) };
    const problem: RowProblem | null =
      given.length < 3 ? "columns" : row.second === null ? "second" : from === "" ? "from" : to === "" ? "to"
      : row.priority === null || !Number.isInteger(row.priority) || row.priority > 255 ? "priority" : due !== "" && row.due === null ? "due"
      : row.due !== null && row.due < row.second ? "due_early" : null;
    if (problem) found.problems.push({ line: index + 1, problem, text: line.slice(0, 80) });
    else found.rows.push(row as OrderRow);
  }
  return found;
}

export function writeOrders(rows: OrderRow[]): string {
  const cell = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return [columns.join(","), ...rows.map((row) => [row.second, cell(row.from), cell(row.to), row.priority ?? 0, row.due ?? ""].join(","))].join("\n");
}
