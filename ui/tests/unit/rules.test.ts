// A rule's text as a document: whatever the sentences change, comments, order and unknown parts stay; texts compared line by line; graphs laid out.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { insertItem, moveItem, pathKey, read, renameKey, setValue, setValues, valueAt, type Path } from "../../src/pages/rules/document.ts";
import { changeOf, changes, catalogue, durationOf, kindOf, onlyInText, wants, type Section } from "../../src/pages/rules/kinds.ts";
import { layoutGraph } from "../../src/pages/rules/layout.ts";
import { diffLines, nearby } from "../../src/pages/rules/lines.ts";
import { placesIn } from "../../src/pages/rules/places.ts";
import { ruleSentences } from "../../src/messages/sentences.ts";

const text = `# The hall, after the painters
rule: Light when somebody comes   # a title
mode: single

triggers:
  - property: hall.motion/occupancy     # the new sensor
    to: true
    for: 2 min
  # every morning
  - time: "07:30"
    on: [mon, tue]    # not at weekends

conditions:
  - property: hall.lamp/on
    is: false
actions:
  - set: { hall.lamp/on: true, hall.lamp/brightness: 60 }
  - shout: loudly     # nobody knows this
    how: { often: 3 }
# the end
`;

test("a value is changed where it stands, and nothing else", () => {
  const next = setValue(text, ["triggers", 0, "for"], "5 min");
  assert.equal(next, text.replace("for: 2 min", "for: 5 min"));
  assert.equal(setValue(text, ["triggers", 1, "time"], "08:15"), text.replace('"07:30"', '"08:15"'));
  assert.equal(setValue(text, ["actions", 0, "set", "hall.lamp/brightness"], 75), text.replace("60", "75"));
  assert.equal(setValue(text, ["triggers", 0, "to"], false), text.replace("to: true", "to: false"));
  assert.equal(renameKey(text, ["actions", 0, "set"], "hall.lamp/on", "kitchen.lamp/on"), text.replace("{ hall.lamp/on", "{ kitchen.lamp/on"));
  assert.equal(setValue(text, ["rule"], "Light in the hall"), text.replace("Light when somebody comes  ", "Light in the hall"));
});

test("what is taken out leaves its neighbours alone", () => {
  assert.equal(setValue(text, ["triggers", 0, "for"], undefined), text.replace("    for: 2 min\n", ""));
  assert.equal(setValue(text, ["actions", 1], undefined).includes("shout"), false);
  assert.ok(setValue(text, ["triggers", 0], undefined).includes("# every morning"));
  assert.equal(setValue(text, ["no", "such", "place"], undefined), text);
});

test("what is put in stands where a person looks for it", () => {
  const described = setValue(text, ["description"], "By day too");
  assert.ok(described.indexOf("description:") > described.indexOf("rule:") && described.indexOf("description:") < described.indexOf("mode:"), described);
  const added = insertItem(text, ["triggers"], 1, { property: "door/open", to: true });
  assert.deepEqual(parse(added).triggers[1], { property: "door/open", to: true });
  assert.ok(added.includes("# every morning\n  - time:"));
  const first = insertItem("rule: New\n", ["actions"], 0, { delay: "2 min" });
  assert.equal(first, "rule: New\nactions:\n  - delay: 2 min\n");
  assert.equal(insertItem(insertItem("rule: New\n", ["actions"], 0, { delay: "1 min" }), ["triggers"], 0, { time: "07:00" }), 'rule: New\ntriggers:\n  - time: "07:00"\nactions:\n  - delay: 1 min\n');
  assert.equal(insertItem("rule: New\ntriggers: []\n", ["triggers"], 0, { every: "10 min" }), "rule: New\ntriggers:\n  - every: 10 min\n");
  assert.equal(setValues("", [[["rule"], "New"], [["mode"], "queued"]]), "rule: New\nmode: queued\n");
});

test("an item moves with what is said about it", () => {
  const moved = moveItem(text, ["triggers"], 1, 0);
  assert.equal(parse(moved).triggers[0].time, "07:30");
  assert.ok(moved.indexOf("# every morning") < moved.indexOf('"07:30"'));
  assert.equal(moveItem(text, ["triggers"], 0, 5), text);
});

test("a text that cannot be read says where, and is not touched", () => {
  const broken = "rule: x\ntriggers:\n  - property: [\nactions: 3";
  const { rule, fault } = read(broken);
  assert.equal(rule, null);
  assert.ok(fault && fault.line >= 3, JSON.stringify(fault));
  assert.equal(setValue(broken, ["rule"], "y"), broken);
  assert.equal(read("- a\n").rule, null);
  assert.deepEqual(read("").rule, {});
});

test("every part knows its lines", () => {
  const { places } = read(text);
  assert.deepEqual(places.get(pathKey(["triggers", 0])), [6, 8]);
  assert.deepEqual(places.get(pathKey(["triggers", 1])), [10, 11]);
  assert.deepEqual(places.get(pathKey(["actions", 1])), [18, 19]);
});

/** A small generator of numbers, so that a failing case can be had again by its seed. */
function seeded(seed: number): (below: number) => number {
  let state = seed + 1;
  return (below) => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return Math.floor((state / 2 ** 32) * below); };
}

function madeUp(pick: (below: number) => number): { text: string; comments: string[] } {
  const comments: string[] = [];
  const note = () => { comments.push(`# remark ${comments.length} ${pick(1000)}`); return comments.at(-1) as string; };
  const maybe = (line: string, indent: number) => {
    const own = pick(4) === 0 ? `${" ".repeat(indent)}${note()}\n` : "";
    return `${own}${line}${pick(3) === 0 ? `${" ".repeat(1 + pick(4))}${note()}` : ""}\n`;
  };
  const items = [
    (at: number) => maybe(`  - property: room${at}.lamp/on`, 2) + maybe(`    to: ${pick(2) === 0}`, 4) + (pick(2) ? maybe(`    for: ${pick(9) + 1} min`, 4) : ""),
    (at: number) => maybe(`  - unheard_of: ${at}`, 2) + maybe("    deep: { a: [1, 2], b: 'it''s' }", 4),
    () => maybe('  - time: "07:30"', 2) + maybe("    on: [mon, sun]", 4),
  ];
  const list = (key: string) => maybe(`${key}:`, 0) + Array.from({ length: 1 + pick(4) }, (_, at) => (items[pick(items.length)] as (typeof items)[number])(at)).join("");
  return { text: maybe(`rule: Title ${pick(100)}`, 0) + (pick(2) ? maybe("mode: queued", 0) : "") + (pick(2) ? "\n" : "") + list("triggers") + (pick(2) ? list("conditions") : "") + list("actions") + maybe("extra: { kept: true }", 0), comments };
}

test("whatever is edited, every comment of the rest stays in its order, and every other value as it was", () => {
  for (let seed = 0; seed < 120; seed += 1) {
    const pick = seeded(seed);
    const { text, comments } = madeUp(pick);
    const before = parse(text) as Record<string, unknown[]>;
    const list = (["triggers", "actions"] as const)[pick(2)] as string;
    const at = pick((before[list] as unknown[]).length);
    const path: Path = [list, at, "for"];
    const edits: [string, (text: string) => string, (rule: typeof before) => void][] = [
      ["set", (text) => setValue(text, path, "9 h"), (rule) => { (rule[list]?.[at] as Record<string, unknown>)["for"] = "9 h"; }],
      ["title", (text) => setValue(text, ["rule"], "Another"), (rule) => { (rule as Record<string, unknown>)["rule"] = "Another"; }],
      ["insert", (text) => insertItem(text, [list], at, { every: "10 min" }), (rule) => { rule[list]?.splice(at, 0, { every: "10 min" }); }],
      ["move", (text) => moveItem(text, [list], at, 0), (rule) => { const [one] = rule[list]?.splice(at, 1) ?? []; rule[list]?.unshift(one); }],
    ];
    const [name, edit, expect] = edits[pick(edits.length)] as (typeof edits)[number];
    const after = edit(text);
    expect(before);
    assert.deepEqual(parse(after), before, `seed ${seed}, ${name}\n${text}\n---\n${after}`);
    const found = comments.map((comment) => [after.indexOf(comment), comment] as const);
    for (const [where, comment] of found) assert.ok(where >= 0, `seed ${seed}, ${name}: lost ${comment}\n${text}\n---\n${after}`);
    if (name !== "move") assert.deepEqual(found.map(([where]) => where), found.map(([where]) => where).toSorted((one, other) => one - other), `seed ${seed}, ${name}: comments changed places`);
    // Nothing differs but what the edit says, and that a remark behind the name of a list may go down one line.
    const remarks = text.match(/^(?:triggers|conditions|actions):\s+#/gm)?.length ?? 0;
    if (name !== "move") assert.ok(diffLines(text, after).filter((line) => line.kind !== "same").length <= 3 + 3 * remarks, `seed ${seed}, ${name}\n${text}\n---\n${after}`);
    assert.deepEqual(valueAt(read(after).rule, ["extra"]), { kept: true });
  }
});

test("a comparison says what was added and what was removed, and leaves out what is far from both", () => {
  const before = Array.from({ length: 30 }, (_, line) => `line ${line}`).join("\n");
  const after = before.replace("line 12", "another\nand one more").replace("line 20\n", "");
  const lines = diffLines(before, after);
  assert.deepEqual(lines.filter((line) => line.kind === "added").map((line) => line.text), ["another", "and one more"]);
  assert.deepEqual(lines.filter((line) => line.kind === "removed").map((line) => line.text), ["line 12", "line 20"]);
  assert.equal(lines.filter((line) => line.kind !== "added").map((line) => line.text).join("\n"), before);
  assert.equal(lines.filter((line) => line.kind !== "removed").map((line) => line.text).join("\n"), after);
  const near = nearby(lines, 2);
  assert.ok(near.length < 18 && near.includes(null), String(near.length));
  assert.deepEqual(nearby(diffLines(before, before)), [null]);
});

test("comparisons of any two texts can be played both ways", () => {
  for (let seed = 0; seed < 200; seed += 1) {
    const pick = seeded(seed);
    const made = () => Array.from({ length: pick(14) }, () => `abcd`[pick(4)]).join("\n");
    const [before, after] = [made(), made()];
    const lines = diffLines(before, after);
    assert.equal(lines.filter((line) => line.kind !== "added").map((line) => line.text).join("\n"), before);
    assert.equal(lines.filter((line) => line.kind !== "removed").map((line) => line.text).join("\n"), after);
  }
});

test("a sentence has the same controls in both languages, and every kind has its sentence", () => {
  const slots = (text: string) => (text.match(/\{[\w.]+\}/g) ?? []).toSorted();
  for (const [key, [english, korean]] of Object.entries(ruleSentences)) assert.deepEqual(slots(korean), slots(english), key);
  for (const [section, kinds] of Object.entries(catalogue))
    for (const [name, kind] of Object.entries(kinds)) {
      assert.ok(`rule.${section}.${name}.name` in ruleSentences, `${section} ${name} has no name`);
      const said = Object.entries(ruleSentences).filter(([key]) => key === `rule.${section}.${name}` || key.startsWith(`rule.${section}.${name}.`)).flatMap(([, [english]]) => slots(english));
      for (const [field, { optional }] of Object.entries(kind.fields)) {
        if (optional) assert.ok(`rule.clause.${field}` in ruleSentences && `rule.field.${field}` in ruleSentences, `${section} ${name}: the clause ${field} has no words`);
        else assert.ok(said.includes(`{${field === "is" && name === "property" ? "compare" : field}}`), `${section} ${name}: its sentence leaves out ${field}`);
      }
    }
});

test("what a new item says is all in its sentence", () => {
  for (const [section, kinds] of Object.entries(catalogue))
    for (const [name, kind] of Object.entries(kinds)) {
      const item = kind.start();
      assert.equal(kindOf(section as Section, item), name);
      assert.deepEqual(onlyInText(section as Section, name, item), []);
    }
  assert.deepEqual(onlyInText("trigger", "property", { property: "a/b", to: true, unheard: 1 }), ["unheard"]);
  assert.deepEqual(onlyInText("action", "notify", { notify: { message: "x", sound: "loud" } }), ["notify.sound"]);
  assert.equal(kindOf("trigger", { dawn_chorus: "loud" }), null);
});

test("how a property changes is read from its keys", () => {
  assert.equal(changeOf({ property: "a/b" }), "any");
  assert.equal(changeOf({ to: false }), "to");
  assert.equal(changeOf({ from: 1, to: 2 }), "from_to");
  assert.equal(changeOf({ above: 1, below: 2 }), "between");
  for (const change of changes) assert.equal(changeOf(Object.fromEntries(wants[change].map((key) => [key, 1]))), change);
  assert.deepEqual(durationOf("-30 min"), { sign: "-", amount: 30, unit: "min" });
  assert.equal(durationOf("soon"), null);
});

test("places are found in the order of the rule, once each", () => {
  assert.deepEqual(placesIn(read(text).rule), ["hall.motion/occupancy", "hall.lamp/on", "hall.lamp/brightness"]);
});

test("a graph stands in layers: nothing lies on another, every arrow leads down but those that close a circle", () => {
  for (let seed = 0; seed < 150; seed += 1) {
    const pick = seeded(seed);
    const count = 1 + pick(14);
    const nodes = Array.from({ length: count }, (_, at) => ({ id: `n${at}`, kind: "action", words: "", line: at + 1 }));
    const edges = Array.from({ length: pick(2 * count) }, () => ({ from: `n${pick(count)}`, to: `n${pick(count)}`, label: "" }));
    const layout = layoutGraph({ nodes, edges }, { width: 100, height: 40, across: 20, down: 30 });
    assert.equal(layout.nodes.length, count);
    const at = new Map(layout.nodes.map((one) => [one.node.id, one]));
    for (const one of layout.nodes) {
      assert.ok(one.x >= 0 && one.x + 100 <= layout.width && one.y >= 0 && one.y + 40 <= layout.height, `seed ${seed}: ${one.node.id} stands outside`);
      for (const other of layout.nodes) if (one !== other) assert.ok(Math.abs(one.x - other.x) >= 100 || Math.abs(one.y - other.y) >= 40, `seed ${seed}: ${one.node.id} lies on ${other.node.id}`);
    }
    for (const edge of layout.edges) if (!edge.back) assert.ok((at.get(edge.edge.from)?.y ?? 0) < (at.get(edge.edge.to)?.y ?? 0), `seed ${seed}: an arrow leads up`);
  }
});
