// Every page, on a desk and on a phone, light and dark: it loads, says nothing to the console, does not overflow, and axe finds nothing.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { base, call, close, enter, open } from "./support/browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const bounded = { timeout: 60_000 };
const looks = [
  { name: "desk, light", options: { colorScheme: "light" } },
  { name: "phone, dark", options: { colorScheme: "dark", viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true } },
];
const pages = ["/", "/things", "/history", "/insights", "/insights?state=all", "/energy", "/energy/setup", "/energy/what-if", "/models", "/inbox", "/connect", "/connect?way=virtual", "/settings", "/settings/rooms", "/settings/people", "/settings/mind", "/settings/tokens", "/settings/system", "/settings/storage", "/settings/audit", "/settings/about", "/components", "/no/such/page"];

for (const look of looks) {
  let page;
  let paths = [];
  before(async () => {
    // A reduced motion keeps a fading notice from being measured half way through.
    page = await open({ reducedMotion: "reduce", bypassCSP: true, ...look.options });
    await enter(page);
    const { items } = await call(page, "GET", "/things?limit=200");
    const shown = items.find((thing) => thing.primary.some((one) => typeof one.value === "number")) ?? items[0];
    if (shown) {
      const id = encodeURIComponent(shown.id);
      const name = encodeURIComponent(shown.primary[0]?.name ?? "");
      paths = [`/things/${id}`, `/things/${id}?tab=messages`, `/things/${id}?tab=settings`, `/things/${id}?view=table`, `/history?series=${id}/${name}&span=7d`];
      if (shown.space) paths.push(`/spaces/${encodeURIComponent(shown.space)}`);
    }
  }, bounded);

  test(`pages, ${look.name}`, { timeout: 180_000 }, async (context) => {
    for (const path of [...pages, ...paths])
      await context.test(path, bounded, async () => {
        page.errors.length = 0;
        await page.goto(base + path);
        await page.locator("h1, .empty").first().waitFor();
        await page.waitForTimeout(700);
        assert.deepEqual(page.errors, []);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(overflow <= 0, `the page is ${overflow} px wider than the screen`);
        await page.evaluate(axe);
        const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
        assert.deepEqual(found.violations.map((violation) => `${violation.id}: ${violation.nodes.slice(0, 3).map((node) => `${node.target.join(" ")} ${node.failureSummary?.split("\n")[1]?.trim() ?? ""}`).join("; ")}`), []);
      });
  });
}

test("the pages work under the server's own content policy and in Korean", bounded, async () => {
  const page = await open({ locale: "ko-KR" });
  await page.goto(base);
  await page.evaluate(() => localStorage.setItem("manmul.language", "en"));
  await enter(page);
  await page.evaluate(() => localStorage.setItem("manmul.language", "ko"));
  page.errors.length = 0;
  for (const path of ["/", "/things", "/history", "/settings"]) {
    await page.goto(base + path);
    await page.locator("h1").first().waitFor();
    assert.equal(await page.locator("html").getAttribute("lang"), "ko");
  }
  assert.deepEqual(page.errors, []);
});

after(close);
