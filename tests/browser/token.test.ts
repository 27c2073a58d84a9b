// Shows the API token on each page: required, declined, wrong, accepted, changed, forgotten.
import { beforeAll, expect, it } from "vitest";
import { spawnGuardedWorker } from "../support/daemon.ts";
import { visit } from "./support/browser.ts";
import { chatPage, say } from "./support/chat-page.ts";
import { useBrowser } from "./support/use-browser.ts";

const token = "a-token-of-the-tests-1234";
const browser = useBrowser();
let url: string;
beforeAll(async () => {
  ({ url } = await spawnGuardedWorker(token));
});

it.each(["/", "/status"])("on %s, a visitor without a token gets a notice, and can enter one later", async (path) => {
  const { page } = await visit(browser, `${url}${path}`);
  await page.getByRole("dialog").waitFor();
  // A page cannot prevent that a second Escape closes a dialog.
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  const notice = page.getByText("No API token: the server requires one.");
  await notice.waitFor();
  expect(await page.getByRole("dialog").count()).toBe(0);
  await page.getByRole("button", { name: "Enter a token" }).click();
  await page.getByLabel("API token", { exact: true }).fill(token);
  await page.getByRole("button", { name: "Continue" }).click();
  await notice.waitFor({ state: "detached" });
  await page.getByText(path === "/" ? "A test backend that makes up words" : "0 of 8 busy").waitFor();
});

it("reports that a message needs a token, asks for it once, and never puts it into an address", async () => {
  const { page, requests } = await visit(browser, url);
  await page.getByRole("button", { name: "Cancel" }).click();
  const chat = chatPage(page);
  await chat.send("hello [eog:3]");
  await chat.phase("broken");
  await chat.lastAnswer.getByText("API token missing or wrong").waitFor();
  await chat.lastAnswer.getByRole("button", { name: "Enter a token" }).click();
  const field = page.getByLabel("API token", { exact: true });
  await field.fill("not-this-one");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("Wrong token: the server did not accept it.").waitFor();
  await field.fill(token);
  await page.getByRole("button", { name: "Continue" }).click();
  await field.waitFor({ state: "detached" });
  await chat.lastAnswer.getByRole("button", { name: "Retry" }).click();
  await chat.phase("done");
  await page.reload();
  await say(chat, "again [eog:3]");
  await page.goto(`${url}/status`);
  await page.getByText("0 of 8 busy").waitFor();
  expect(await field.count()).toBe(0);
  expect(requests.filter((address) => address.includes(token))).toEqual([]);
});

it("changes a token, keeps the old one if the new one is wrong, and forgets it", async () => {
  const { page, context } = await visit(browser, `${url}/status`);
  const field = page.getByLabel("API token", { exact: true });
  await field.fill(token);
  await page.getByLabel("Keep the token in this browser").check();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("0 of 8 busy").waitFor();
  await page.getByRole("button", { name: "Change API token" }).click();
  await field.fill("not-this-one");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("Wrong token").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  // The old token is still stored, so a new tab does not ask for one.
  const second = await context.newPage();
  await second.goto(url);
  await second.getByText("A test backend that makes up words").waitFor();
  await page.getByRole("button", { name: "Change API token" }).click();
  await page.getByRole("button", { name: "Forget the token" }).click();
  await page.getByText("No API token: the server requires one.").waitFor();
  expect(await page.getByRole("button", { name: "Change API token" }).count()).toBe(0);
  await page.reload();
  await page.getByRole("heading", { name: "API token required" }).waitFor();
});

it("treats a token with characters that HTTP headers forbid as wrong", async () => {
  const { page } = await visit(browser, url);
  await page.getByLabel("API token", { exact: true }).fill("жетон");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("Wrong token").waitFor();
});
