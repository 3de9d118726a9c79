// The life of a rule in a real browser against a running server with the demo home: written in the page, shown on thirty days of its past,
// watched in shadow, taken live, changed, and taken back.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { base, call, close, enter, open, until } from "./support/browser.mjs";

const bounded = { timeout: 60_000 };
/** A whole month of a home is played through the rule. */
const replayed = { timeout: 120_000 };
// A server that was tested before knows the names of before.
const mark = Date.now().toString(36);
const title = `Light for whoever comes ${mark}`;
let page;
let id = null;

before(async () => {
  page = await open();
  await enter(page);
  // A server that has only just begun still tells the past of the demo home; its rules come last.
  await until("the demo home is there", async () => (await call(page, "GET", "/rules")).items.length > 0, 100_000);
}, { timeout: 120_000 });
after(async () => {
  if (id !== null) await call(page, "DELETE", `/rules/${encodeURIComponent(id)}`).catch(() => undefined);
  await close();
});

const rule = () => call(page, "GET", `/rules/${encodeURIComponent(id)}`);
const chip = (words) => page.locator("header").getByText(words, { exact: true }).filter({ visible: true }).first();

test("a rule is begun from an example and written in sentences", bounded, async () => {
  await page.goto(`${base}/rules`);
  await page.getByRole("link", { name: "New rule" }).first().waitFor();
  await page.goto(`${base}/rules/new?example=light`);
  const field = page.getByLabel("Title", { exact: true });
  await field.fill(title);
  await field.press("Tab");
  const actions = page.getByRole("list", { name: "Then" });
  await actions.getByRole("button", { name: /^Value to set: / }).first().waitFor();
  // Five minutes of light are three from here on.
  await actions.getByLabel("How long", { exact: true }).fill("3");
  await actions.getByLabel("How long", { exact: true }).press("Tab");
  await page.getByRole("radio", { name: "Text", exact: true }).click();
  const text = page.getByLabel("Text of the rule, YAML");
  assert.match(await text.inputValue(), /- delay: 3 min/);
  await text.fill(`# for the hall\n${await text.inputValue()}`);
  await page.getByRole("radio", { name: "Sentences" }).click();
  assert.equal(await field.inputValue(), title);
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await until("it has an address of its own", () => /\/rules\/(?!new)[^/?]+/.test(page.url()));
  id = decodeURIComponent(/\/rules\/([^/?]+)/.exec(page.url())[1]);
  const kept = await rule();
  assert.equal(kept.title, title);
  assert.equal(kept.state, "draft");
  assert.match(kept.text, /^# for the hall\n/, "comments are kept");
  assert.deepEqual(kept.problem_list.filter((problem) => problem.severity === "error"), []);
});

test("what is wrong is said while one types", bounded, async () => {
  await page.goto(`${base}/rules/${encodeURIComponent(id)}?view=text`);
  const text = page.getByLabel("Text of the rule, YAML");
  const was = await text.inputValue();
  await text.fill(`${was}nonsense: true\n`);
  const problems = page.getByRole("status", { name: "Problems" });
  await problems.getByRole("button", { name: /^Line/ }).first().waitFor();
  await page.getByRole("button", { name: /error/ }).waitFor();
  await text.fill(was);
  await until("nothing is wrong any more", async () => (await page.getByRole("button", { name: /\d+ errors?$/ }).count()) === 0);
});

test("its thirty days are shown on a card", replayed, async () => {
  await page.goto(`${base}/rules/${encodeURIComponent(id)}?tab=backtest`);
  await page.getByRole("button", { name: "Replay the past" }).click();
  const card = page.getByRole("region", { name: "What it would have done" });
  await card.waitFor({ timeout: 60_000 });
  const kept = await until("the card is kept", async () => (await call(page, "GET", `/rules/${encodeURIComponent(id)}/backtests`)).items[0]);
  assert.ok(kept.records > 0, "the past was played");
  await card.getByText(new RegExp(`^${kept.fired.toLocaleString("en")}$`)).first().waitFor();
  assert.ok(kept.to - kept.from > 29 * 86_400 * 1e6);
  await card.getByRole("img", { name: /^Bars of \d+ days/ }).waitFor();
});

test("it is watched in shadow, then taken live with what shows for it", bounded, async () => {
  await page.goto(`${base}/rules/${encodeURIComponent(id)}`);
  await page.getByRole("button", { name: "Start shadow" }).click();
  const dialog = page.getByRole("dialog", { name: "How the rule acts" });
  await dialog.getByRole("button", { name: "Start shadow" }).click();
  await chip("Shadow").waitFor();
  await until("it is watched in shadow", async () => (await rule()).state === "shadow");
  await page.getByRole("tab", { name: "Shadow" }).click();
  await page.getByText("Nothing would have been done").or(page.getByText(/would have been sent/)).first().waitFor();
  await page.getByRole("button", { name: "Promote" }).click();
  await dialog.getByText("What shows for it").waitFor();
  await dialog.getByLabel("Backtest").waitFor();
  const hold = dialog.getByRole("button", { name: "Hold to promote" });
  await hold.focus();
  await page.keyboard.down("Enter");
  const now = await until("it is live", async () => { const now = await rule(); return now.state === "live" ? now : null; });
  await page.keyboard.up("Enter");
  await until("the dialog is gone", async () => (await dialog.count()) === 0);
  await chip("Live").waitFor();
  assert.equal(now.live_version, now.version);
});

test("a change is another version, compared with the one before and taken back", bounded, async () => {
  await page.goto(`${base}/rules/${encodeURIComponent(id)}`);
  const before = await rule();
  const field = page.getByLabel("Description", { exact: true });
  await field.fill("Not so good");
  await field.press("Tab");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await until("there is another version", async () => (await rule()).version > before.version);
  await page.getByRole("tab", { name: "History" }).click();
  await page.getByRole("region", { name: "Differences" }).getByText("description: Not so good").waitFor();
  await page.getByRole("button", { name: new RegExp(`^Version ${before.version}\\b`) }).click();
  await page.getByRole("button", { name: `Go back to version ${before.version}` }).click();
  const after = await until("the text is as it was, and live at once", async () => { const now = await rule(); return now.text === before.text && now.live_version > before.version ? now : null; });
  assert.equal(after.state, "live");
});

test("one may ask why it did not run, and see it as a graph", bounded, async () => {
  await page.goto(`${base}/rules/${encodeURIComponent(id)}?tab=traces`);
  const asked = page.getByRole("region", { name: "Why did it not run?" });
  await page.getByRole("button", { name: "Now", exact: true }).click();
  await asked.getByText(/No trigger fired|A condition does not hold|It is running/).waitFor();
  const why = await call(page, "GET", `/rules/${encodeURIComponent(id)}/why-not`);
  await asked.getByRole("button", { name: why.triggers[0].words }).waitFor();
  await asked.getByText(why.conditions[0].words, { exact: false }).first().waitFor();
  // A day ago, when it was not even written, its text is held against what happened then.
  await page.getByRole("button", { name: "A day ago", exact: true }).click();
  await until("the answer is about yesterday", async () => /\d{1,2} \w{3} /.test(await asked.getByRole("status").innerText()));
  await page.goto(`${base}/rules/${encodeURIComponent(id)}?view=graph`);
  const { graph } = await rule();
  assert.ok(graph.nodes.length > 2, "the graph has its parts");
  await until("every part is drawn", async () => (await page.getByRole("region", { name: "Graph of the rule" }).getByRole("button").count()) === graph.nodes.length);
});

test("it stands in the list with its state, and is found", bounded, async () => {
  await page.goto(`${base}/rules?search=${mark}`);
  await page.getByRole("list", { name: "Rules" }).getByRole("link", { name: new RegExp(title) }).waitFor();
  await page.getByRole("radio", { name: "Draft" }).click();
  await page.getByText("No rule matches").waitFor();
});

test("a scene is made of what a lamp can be, applied, and removed", bounded, async () => {
  await page.goto(`${base}/scenes`);
  await page.getByRole("button", { name: "New scene" }).click();
  const dialog = page.getByRole("dialog", { name: "New scene" });
  await dialog.getByLabel("Name").fill("Test of a scene");
  await dialog.getByRole("button", { name: "Add a value" }).click();
  await page.getByRole("combobox", { name: "Add a value" }).fill("light");
  await page.getByRole("option", { name: /light/i }).first().click();
  await page.getByRole("listbox", { name: "Add a value" }).getByRole("option").first().click();
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Apply Test of a scene" }).click();
  await page.getByText("Test of a scene applied").waitFor();
  const scene = (await call(page, "GET", "/scenes")).items.find((one) => one.title === "Test of a scene");
  await call(page, "DELETE", `/scenes/${encodeURIComponent(scene.id)}`);
});

test("what is asked in words comes back as a plan, and nothing is done without a yes", bounded, async () => {
  await page.goto(`${base}/`);
  await page.locator(".rooms section").first().waitFor();
  let applied = 0;
  page.on("request", (request) => { if (/\/plans\/.+\/apply$/.test(request.url())) applied += 1; });
  await page.keyboard.press(".");
  const box = page.getByRole("dialog", { name: "Ask or tell" });
  await box.getByRole("textbox").fill("Turn off all lights");
  await page.keyboard.press("Enter");
  await box.getByRole("list", { name: "What would be done" }).getByRole("listitem").first().waitFor();
  await page.keyboard.press("Escape");
  await until("the box is closed", async () => (await box.count()) === 0);
  assert.equal(applied, 0);
});

test("nothing went wrong on the way", () => assert.deepEqual(page.errors, []));
