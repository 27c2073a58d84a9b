// Shows what an answer's markdown becomes in a real browser: colours, formulas, tables; and that nothing a model says can load, run or
// lead anywhere it should not.
import type { Page } from "playwright-core";
import { beforeAll, describe, expect, it } from "vitest";
import { spawnFakeWorker } from "../support/daemon.ts";
import { visit } from "./support/browser.ts";
import type { Watched } from "./support/browser.ts";
import { chatPage } from "./support/chat-page.ts";
import type { ChatPage } from "./support/chat-page.ts";
import { directs, says } from "./support/says.ts";
import { useBrowser } from "./support/use-browser.ts";

const browser = useBrowser();
let workerUrl: string;
beforeAll(async () => {
  workerUrl = (await spawnFakeWorker(["--context-size", "65536"])).url;
});

interface Told extends Watched {
  readonly chat: ChatPage;
  /** What the page's policy has refused. */
  readonly refused: () => Promise<readonly string[]>;
}

/** A page on which a model has said this. */
async function tell(text: string): Promise<Told> {
  const visited = await visit(browser, workerUrl);
  const { page } = visited;
  await page.evaluate(() => {
    const refused: string[] = [];
    Object.assign(globalThis, { refused });
    document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
      refused.push(`${violatedDirective} ${blockedURI}`),
    );
  });
  await says(page, text);
  const chat = chatPage(page);
  await chat.send("Go on.");
  await chat.phase("done");
  const refused = (): Promise<readonly string[]> =>
    page.evaluate(() => (globalThis as unknown as { readonly refused: readonly string[] }).refused);
  return { ...visited, chat, refused };
}

function strangers({ requests, page }: Told): readonly string[] {
  const { origin } = new URL(page.url());
  return requests.filter((url) => new URL(url).origin !== origin);
}

const colour = (page: Page, selector: string): Promise<string> =>
  page
    .locator(selector)
    .first()
    .evaluate((element) => getComputedStyle(element).color);

describe("code", () => {
  it("has colours where its language is known, and is plain where not", async () => {
    const code = '```py\ndef bee(n):\n    return "honey"  # sweet\n```\n\n```klingon\nreturn Qapla\n```\n';
    const told = await tell(code);
    await told.page.locator(".code-keyword").first().waitFor();
    expect(await told.page.locator(".code-keyword").allInnerTexts()).toEqual(["def", "return"]);
    expect(await told.page.locator(".code-string").innerText()).toBe('"honey"');
    expect(await told.page.locator(".code-comment").innerText()).toBe("# sweet");
    expect(await colour(told.page, ".code-keyword")).not.toBe(await colour(told.page, ".code pre"));
    const plain = told.page.locator("figure.code").nth(1);
    expect(await plain.locator("pre").innerText()).toBe("return Qapla");
    expect(await plain.locator("[class^=code-]").count()).toBe(0);
    expect(told.complaints).toEqual([]);
    expect(await told.refused()).toEqual([]);
  });

  it("of many lines is coloured to its end, and is what was said", async () => {
    const lines = Array.from({ length: 200 }, (_, i) => `let a${i} = "x"; // ${i}`).join("\n");
    const told = await tell(`\`\`\`js\n${lines}\n\`\`\`\n`);
    await told.page.waitForFunction(() => document.querySelectorAll(".code-comment").length === 200);
    expect(await told.page.locator("figure.code code").textContent()).toBe(lines);
  });
});

describe("formulas", () => {
  it("are drawn as mathematics, fetched when the first is shown, and prices stay prices", async () => {
    const text =
      "It costs $5 and $10, or $HOME/$USER.\n\nSo \\(a^2\\) and $b_1$:\n\n$$\n\\frac{1}{\\sqrt{2}} \\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}\n$$\n\n\\[ \\sum_{i=1}^n i \\]";
    const told = await tell(text);
    await told.page.waitForFunction(() => document.querySelectorAll("math").length === 4);
    expect(told.requests.some((url) => url.includes("formula-drawing"))).toBe(true);
    expect(await told.page.locator("mfrac msqrt").count()).toBe(1);
    expect(await told.page.locator("mtable mtd").count()).toBe(4);
    expect(await told.page.locator(".formula.display math[display=block]").count()).toBe(2);
    expect(await told.page.locator(".markdown p").first().innerText()).toBe("It costs $5 and $10, or $HOME/$USER.");
    expect(told.complaints).toEqual([]);
    expect(await told.refused()).toEqual([]);
  });

  it("that are none stay as they were written, and can neither link nor load", async () => {
    const bad = ["$\\frac{1$", "$\\href{javascript:alert(1)}{x}$", "$\\includegraphics{http://evil.invalid/a.png}$"];
    const told = await tell(`${bad.join("\n\n")}\n\n$x$`);
    await told.page.locator("math").waitFor();
    await told.page.waitForFunction(() => document.querySelectorAll(".formula").length === 4);
    expect(await told.page.locator(".formula.source").allInnerTexts()).toEqual(bad);
    expect(await told.chat.lastAnswer.locator(".markdown a, .markdown img").count()).toBe(0);
    expect(strangers(told)).toEqual([]);
  });
});

it("a table has its columns aligned as it says, by no style of its own", async () => {
  const told = await tell("| a | b | c | d |\n|:--|:-:|--:|---|\n| 1 | 2 | 3 | 4 |\n\n- [x] done\n- [ ] to do");
  const cells = told.page.locator("td");
  const aligned = await cells.evaluateAll((all) => all.map((cell) => getComputedStyle(cell).textAlign));
  expect(aligned).toEqual(["start", "center", "right", "start"]);
  expect(await told.page.locator(".markdown [style]").count()).toBe(0);
  expect(await told.page.getByRole("checkbox", { name: "Done", exact: true }).isChecked()).toBe(true);
  expect(await told.page.getByRole("checkbox", { name: "Not done" }).isChecked()).toBe(false);
  expect(await told.refused()).toEqual([]);
});

it("nothing that a model says is loaded or run, or leads anywhere but to the web and to mail", async () => {
  const evil = [
    "<script>document.title = 'taken'</script>",
    "<img src=http://evil.invalid/a.png onerror=\"document.title='taken'\"> in a line <b onclick=alert(1)>bold</b>",
    "![seen](http://evil.invalid/b.png) ![ref][pic] <iframe src=http://evil.invalid/c></iframe>",
    "[js](javascript:alert(1)) [data](data:text/html,x) [file](file:///etc/passwd) [rel](/v1/jobs) [ok](https://bees.example) [mail](mailto:a@b.example)",
    "<style>body{background:url(http://evil.invalid/d)}</style>",
    "<svg><a xlink:href='javascript:alert(1)'>x</a></svg> <http://evil.invalid/e> &lt;script&gt;",
    "```html\n<script src=http://evil.invalid/f></script>\n```",
    "[pic]: http://evil.invalid/g.png",
  ];
  const told = await tell(evil.join("\n\n"));
  const answer = told.chat.lastAnswer.locator(".markdown");
  expect(
    await answer.locator("script, img, iframe, style, b, svg:not(.icon-picture), object, embed, link, form").count(),
  ).toBe(0);
  const hrefs = await answer.locator("a").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
  expect(hrefs).toEqual([
    "http://evil.invalid/b.png",
    "http://evil.invalid/g.png",
    "https://bees.example",
    "mailto:a@b.example",
    "http://evil.invalid/e",
  ]);
  expect(
    await answer
      .locator("a")
      .evaluateAll((all) => all.every((link) => (link as HTMLAnchorElement).rel.includes("noopener"))),
  ).toBe(true);
  expect(await told.page.title()).not.toBe("taken");
  expect(strangers(told)).toEqual([]);
  expect(await told.refused()).toEqual([]);
  expect(told.complaints).toEqual([]);
});

it("blocks that stand are not touched while the answer grows", async () => {
  const { page } = await visit(browser, workerUrl);
  await directs(page, "[document][eog:1200]");
  const chat = chatPage(page);
  await chat.send("Go on.");
  await page.locator(".markdown > .block").nth(8).waitFor({ state: "attached" });
  // Whatever is changed in the first six from now on is counted.
  await page.evaluate(() => {
    const blocks = [...document.querySelectorAll(".markdown > .block")].slice(0, 6);
    const touched = { count: 0 };
    Object.assign(globalThis, { touched, blocks });
    const observer = new MutationObserver((changes) => {
      for (const { target } of changes) {
        const element = target instanceof Element ? target : target.parentElement;
        if (element?.closest(".formula, figure") === null) touched.count += 1;
      }
    });
    for (const block of blocks) observer.observe(block, { childList: true, characterData: true, subtree: true });
  });
  await chat.phase("done");
  const seen = await page.evaluate(() => {
    const { touched, blocks } = globalThis as unknown as { touched: { count: number }; blocks: Element[] };
    return { touched: touched.count, standing: blocks.every((block) => block.isConnected) };
  });
  expect(seen).toEqual({ touched: 0, standing: true });
  expect(await page.locator(".markdown > .block").count()).toBeGreaterThan(15);
});
