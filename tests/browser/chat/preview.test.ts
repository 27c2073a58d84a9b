// Shows that hostile HTML and SVG of an answer reach nothing from their preview: no network, no other page, no storage and nothing of the chat page.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Frame, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { visit, type Watched } from "../support/browser.ts";
import { button, chatPage } from "../support/chat-page.ts";
import { says } from "../support/says.ts";
import { pageProblems } from "../support/page-problems.ts";
import { sharedWorker, useBrowser } from "../support/use-browser.ts";

const browser = useBrowser();
let url: string;
/** Connections and requests that reached the other server. */
const reached: string[] = [];
const other = createServer((request, response) => {
  reached.push(request.url ?? "");
  response.end();
});
other.on("connection", () => reached.push("connection"));
let E = "";
beforeAll(async () => {
  url = (await sharedWorker()).url;
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  E = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
});
afterAll(() => void other.close());

/** Markup by what it tries. */
const markupCases = (): Readonly<Record<string, string>> => ({
  pictures: `<img src="${E}/a" srcset="${E}/b 2x"><video src="${E}/c" poster="${E}/d" autoplay></video><body background="${E}/e">`,
  styles: `<style>@import url(${E}/a); @font-face { font-family: f; src: url(${E}/b) } p { font-family: f; background: url(${E}/c) }</style><p>x</p>`,
  links: ["preconnect", "dns-prefetch", "prefetch", "preload", "stylesheet", "icon", "manifest", "modulepreload"]
    .map((rel) => `<link rel="${rel}" as="image" href="${E}/${rel}">`)
    .join(""),
  refresh: `<meta http-equiv="refresh" content="0;url=${E}/refresh">`,
  frames: `<iframe src="${E}/a"></iframe><object data="${E}/b"></object><embed src="${E}/c"><iframe src="/v1/info"></iframe>`,
  "frame in a shadow": `<div><template shadowrootmode="open"><iframe src="${E}/shadow"></iframe></template></div>`,
  "frame in changed markup": `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;iframe src=${E}/changed&gt;">`,
  base: `<base href="${E}/"><img src="base">`,
  svg: `<svg xmlns="http://www.w3.org/2000/svg"><image href="${E}/a"/><use href="${E}/b#x"/><foreignObject><iframe src="${E}/c"/></foreignObject></svg>`,
});
const scriptCases = (): Readonly<Record<string, string>> => ({
  fetch: `fetch("${E}/a").catch(() => {}); navigator.sendBeacon("${E}/b"); new EventSource("${E}/c"); new WebSocket("${E.replace("http", "ws")}/d")`,
  modules: `import("${E}/a").catch(() => {}); new Worker(URL.createObjectURL(new Blob(["fetch('${E}/b')"])))`,
  "location of the frame": `location = "${E}/frame"`,
  "location of the worker": `location = "/v1/info"`,
  "location of the chat": `try { top.location = "${E}/top" } catch {}; try { parent.location = "${E}/parent" } catch {}`,
  window: `if (window.open("${E}/window") !== null) top.postMessage("leak: window", "*")`,
  form: `document.body.innerHTML = '<form method="post" action="${E}/form"></form>'; document.forms[0].submit()`,
  click: `const a = document.createElement("a"); a.href = "${E}/a"; a.target = "_blank"; a.ping = "${E}/ping"; a.click(); a.download = "x"; a.href = "data:,x"; a.click()`,
  "speculation rules": `const s = document.createElement("script"); s.type = "speculationrules"; s.textContent = '{"prefetch":[{"source":"list","urls":["${E}/s"]}]}'; document.head.append(s)`,
  dialogs: `alert("a"); confirm("b"); print()`,
  storage: `for (const read of [() => localStorage, () => sessionStorage, () => indexedDB.open("x"), () => document.cookie, () => top.localStorage, () => top.document.body, () => parent.document.body])
    try { read(); top.postMessage("leak: " + read, "*") } catch {}`,
  messages: `parent.postMessage({ markup: "replaced", scripts: true }, "*"); top.postMessage({ markup: "replaced" }, "*")`,
});

const inDocument = (script: string): string => `<p>page</p><script>${script}\n;top.postMessage("done", "*")</script>`;
const fenced = (markups: readonly string[]): string =>
  markups.map((markup) => "```html\n" + markup + "\n```").join("\n\n");

async function open(text: string): Promise<Watched> {
  const watched = await visit(browser, url, { viewport: { width: 1_000, height: 800 } });
  await says(watched.page, text);
  await chatPage(watched.page).send("Show me a page.");
  await chatPage(watched.page).phase("done");
  return watched;
}

/** The frames with markup. */
const innerFrames = (page: Page): Frame[] =>
  page.frames().filter((frame) => frame.parentFrame()?.url() === `${url}/preview`);

async function previewAll(page: Page, count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1) await button(page, "Preview").first().click();
  // Code and preview of a block have the same place, so the first button is that of the next block.
  await expect.poll(() => innerFrames(page).length).toBe(count);
}

it.each(["markup", "scripts"] as const)("without scripts opens no connection: %s", async (kind) => {
  const markups = kind === "markup" ? Object.values(markupCases()) : Object.values(scriptCases()).map(inDocument);
  const { page } = await open(fenced(markups));
  reached.length = 0;
  await previewAll(page, markups.length);
  for (const frame of innerFrames(page)) await frame.waitForLoadState("load");
  expect(reached).toEqual([]);
});

it("with scripts sends no request, and does not reach the chat page", async () => {
  const scripts = Object.values(scriptCases()).map(inDocument);
  const { page, context, requests } = await open(fenced(scripts));
  await page.evaluate(() => {
    localStorage.setItem("secret", "honey");
    addEventListener("message", ({ data }) => document.body.append(`<${String(data)}>`));
  });
  const downloads: string[] = [];
  page.on("download", (download) => downloads.push(download.url()));
  page.on("dialog", (dialog) => downloads.push(dialog.message()));
  await previewAll(page, scripts.length);
  reached.length = 0;
  requests.length = 0;
  for (let left = scripts.length; left > 0; left -= 1) await button(page, "Run scripts").first().click();
  await expect.poll(async () => (await page.locator("body").innerText()).match(/<done>/g)?.length).toBe(scripts.length);
  await expect.poll(() => innerFrames(page).length).toBe(scripts.length);
  // A navigation that is refused still opens an empty connection.
  expect(reached.filter((what) => what !== "connection")).toEqual([]);
  expect(requests.filter((address) => address.startsWith(`${url}/v1/`))).toEqual([]);
  expect(await page.locator("body").innerText()).not.toContain("leak");
  expect(await Promise.all(innerFrames(page).map(async (frame) => await frame.content()))).not.toContain("replaced");
  expect(downloads).toEqual([]);
  expect(context.pages().length).toBe(1);
  expect(new URL(page.url()).origin).toBe(url);
});

it("shows a page in place of its code, runs its scripts after a click, and needs a complete block", async () => {
  const game = '<button onclick="this.textContent = \'won\'">play</button><a href="#x">link</a>';
  const { page, complaints } = await open(`${fenced([game])}\n\n\`\`\`svg\n<svg></svg>\n\`\`\`\n\n\`\`\`html\n<p>cut`);
  expect(await button(page, "Preview").count()).toBe(2);
  await button(page, "Preview").first().focus();
  await page.keyboard.press("Enter");
  const play = page.frameLocator("iframe").frameLocator("iframe").getByRole("button");
  await play.click();
  expect(await play.innerText()).toBe("play");
  await button(page, "Run scripts").click();
  await play.click();
  await page.frameLocator("iframe").frameLocator("iframe").getByText("won").waitFor();
  expect(await pageProblems(page)).toEqual([]);
  await button(page, "Code").press("Enter");
  await page.locator(".code").first().getByText("play").waitFor();
  expect(await page.locator("iframe").count()).toBe(0);
  expect(complaints.filter((text) => !text.includes("Blocked script execution"))).toEqual([]);
});
