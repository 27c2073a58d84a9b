// Shows an answer's markdown in a real browser: colours, formulas, tables. No text of a model can load or run anything, or link to other places than
// the web and mail.
import type { Page } from "playwright-core";
import { beforeAll, describe, expect, it } from "vitest";
import { visit } from "../support/browser.ts";
import type { Watched } from "../support/browser.ts";
import { chatPage } from "../support/chat-page.ts";
import type { ChatPage } from "../support/chat-page.ts";
import { directs, says } from "../support/says.ts";
import { sharedWorker, useBrowser } from "../support/use-browser.ts";

const browser = useBrowser();
let workerUrl: string;
beforeAll(async () => void (workerUrl = (await sharedWorker()).url));

interface ShownAnswer extends Watched {
  readonly chat: ChatPage;
  /** Violations of the page's content security policy. */
  readonly refused: () => Promise<readonly string[]>;
}

/** Opens a page with this text as a model's answer. */
async function showAnswer(text: string): Promise<ShownAnswer> {
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
  await chat.send("Tell me more.");
  await chat.phase("done");
  const refused = (): Promise<readonly string[]> =>
    page.evaluate(() => (globalThis as unknown as { readonly refused: readonly string[] }).refused);
  return { ...visited, chat, refused };
}

function strangers({ requests, page }: ShownAnswer): readonly string[] {
  const { origin } = new URL(page.url());
  return requests.filter((url) => new URL(url).origin !== origin);
}

const colour = (page: Page, selector: string): Promise<string> =>
  page
    .locator(selector)
    .first()
    .evaluate((element) => getComputedStyle(element).color);

describe("code", () => {
  it("has colours for a known language, is plain otherwise, and can be copied", async () => {
    const code = '```py\ndef bee(n):\n    return "honey"  # sweet\n```\n\n```klingon\nreturn Qapla\n```\n';
    const shown = await showAnswer(code);
    await shown.page.locator(".code-keyword").first().waitFor();
    expect(await shown.page.locator(".code-keyword").allInnerTexts()).toEqual(["def", "return"]);
    expect(await shown.page.locator(".code-string").innerText()).toBe('"honey"');
    expect(await shown.page.locator(".code-comment").innerText()).toBe("# sweet");
    expect(await colour(shown.page, ".code-keyword")).not.toBe(await colour(shown.page, ".code pre"));
    const plain = shown.page.locator("figure.code").nth(1);
    expect(await plain.locator("pre").innerText()).toBe("return Qapla");
    expect(await plain.locator("[class^=code-]").count()).toBe(0);
    await shown.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await plain.getByRole("button", { name: "Copy code" }).click();
    await plain.getByRole("button", { name: "Copied" }).waitFor();
    expect(await shown.page.evaluate(() => navigator.clipboard.readText())).toBe("return Qapla");
    expect(shown.complaints).toEqual([]);
    expect(await shown.refused()).toEqual([]);
  });
});

describe("formulas", () => {
  it("are drawn as mathematics, by code that is loaded with the first formula; prices stay text", async () => {
    const text =
      "It costs $5 and $10, or $HOME/$USER.\n\nSo \\(a^2\\) and $b_1$:\n\n$$\n\\frac{1}{\\sqrt{2}} \\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}\n$$\n\n\\[ \\sum_{i=1}^n i \\]";
    const shown = await showAnswer(text);
    await shown.page.waitForFunction(() => document.querySelectorAll("math").length === 4);
    expect(shown.requests.some((url) => url.includes("formula-drawing"))).toBe(true);
    expect(await shown.page.locator("mfrac msqrt").count()).toBe(1);
    expect(await shown.page.locator("mtable mtd").count()).toBe(4);
    expect(await shown.page.locator(".formula.display math[display=block]").count()).toBe(2);
    expect(await shown.page.locator(".markdown p").first().innerText()).toBe("It costs $5 and $10, or $HOME/$USER.");
    expect(shown.complaints).toEqual([]);
    expect(await shown.refused()).toEqual([]);
  });

  it("that are invalid stay as written, and can neither link nor load", async () => {
    const bad = ["$\\frac{1$", "$\\href{javascript:alert(1)}{x}$", "$\\includegraphics{http://evil.invalid/a.png}$"];
    const shown = await showAnswer(`${bad.join("\n\n")}\n\n$x$`);
    await shown.page.locator("math").waitFor();
    await shown.page.waitForFunction(() => document.querySelectorAll(".formula").length === 4);
    expect(await shown.page.locator(".formula.source").allInnerTexts()).toEqual(bad);
    expect(await shown.chat.lastAnswer.locator(".markdown a, .markdown img").count()).toBe(0);
    expect(strangers(shown)).toEqual([]);
  });
});

it("the columns of a table are aligned as written, without inline styles", async () => {
  const shown = await showAnswer("| a | b | c | d |\n|:--|:-:|--:|---|\n| 1 | 2 | 3 | 4 |\n\n- [x] done\n- [ ] to do");
  const cells = shown.page.locator("td");
  const aligned = await cells.evaluateAll((all) => all.map((cell) => getComputedStyle(cell).textAlign));
  expect(aligned).toEqual(["start", "center", "right", "start"]);
  expect(await shown.page.locator(".markdown [style]").count()).toBe(0);
  expect(await shown.page.getByRole("checkbox", { name: "Done", exact: true }).isChecked()).toBe(true);
  expect(await shown.page.getByRole("checkbox", { name: "Not done" }).isChecked()).toBe(false);
  expect(await shown.refused()).toEqual([]);
});

it("no text of a model loads or runs anything, and links lead only to the web and to mail", async () => {
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
  const shown = await showAnswer(evil.join("\n\n"));
  const answer = shown.chat.lastAnswer.locator(".markdown");
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
  expect(await shown.page.title()).not.toBe("taken");
  expect(strangers(shown)).toEqual([]);
  expect(await shown.refused()).toEqual([]);
  expect(shown.complaints).toEqual([]);
});

it("finished blocks do not change while the answer grows", async () => {
  const { page } = await visit(browser, workerUrl);
  await directs(page, "[document][eog:1200]");
  const chat = chatPage(page);
  await chat.send("Tell me more.");
  await page.locator(".markdown > .block").nth(8).waitFor({ state: "attached" });
  // Counts all changes of the first six blocks.
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
