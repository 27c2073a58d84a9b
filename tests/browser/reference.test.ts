// Shows that the API reference can be read and searched in both themes and on a phone, and that its commands work. It can be read without a token.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { allWorkerRoutes } from "@waggle/protocol";
import { beforeAll, expect, it } from "vitest";
import { spawnGuardedWorker } from "../support/daemon.ts";
import { visit } from "./support/browser.ts";
import { problemsInLooks } from "./support/page-problems.ts";
import { useBrowser } from "./support/use-browser.ts";

const token = "reference-token";
const run = promisify(execFile);
const browser = useBrowser();
let url: string;
beforeAll(async () => {
  ({ url } = await spawnGuardedWorker(token));
});

it("can be read without a token", async () => {
  const { page, complaints, requests } = await visit(browser, `${url}/reference#post-v1-chat-completions`);
  const route = page.locator("#post-v1-chat-completions");
  await route.getByText("Answers", { exact: true }).waitFor();
  await page.getByRole("navigation", { name: "Contents" }).getByRole("link", { name: "Schemas" }).waitFor();
  expect(await problemsInLooks(page)).toEqual([]);
  expect(complaints).toEqual([]);
  expect(requests.every((request) => request.startsWith(url))).toBe(true);
  expect(await page.getByRole("dialog").count()).toBe(0);
});

it("lists all routes, and finds them by their fields", async () => {
  const { page } = await visit(browser, `${url}/reference`);
  const routes = page.locator("details:has(.method)");
  const shown = page.locator("details:has(.method) summary code");
  await routes.first().waitFor();
  expect(new Set(await shown.allInnerTexts())).toEqual(
    new Set(Object.values(allWorkerRoutes).map(({ path }) => path.replaceAll(/:(\w+)/g, "{$1}"))),
  );
  const search = page.getByRole("searchbox");
  await search.fill("delete jobs");
  await expect.poll(() => shown.allInnerTexts()).toEqual(["/v1/jobs/{id}"]);
  await search.fill("min_p chat");
  await page.locator("#post-v1-chat-completions").waitFor();
  await search.fill("there is no such thing");
  await page.getByText("Nothing matches.").waitFor();
  expect(await routes.count()).toBe(0);
});

it("links from a route to its schemas, also during a search", async () => {
  const { page } = await visit(browser, `${url}/reference`);
  await page.getByRole("searchbox").fill("jobs run and wait");
  const route = page.locator("#get-v1-jobs");
  await route.locator("summary").click();
  await route.getByRole("link", { name: "JobList" }).click();
  const shape = page.locator("#schema-JobList[open]");
  await shape.getByText("total", { exact: true }).waitFor();
  await shape.getByRole("link", { name: "ListedJob" }).click();
  await page.locator("#schema-ListedJob").getByText("tokens_per_second", { exact: true }).waitFor();
});

it("shows commands that run unchanged", async () => {
  const { page } = await visit(browser, `${url}/reference#post-v1-chat-completions`);
  const command = await page.locator("#post-v1-chat-completions pre").first().innerText();
  expect(command).toContain("$WAGGLE_API_TOKEN");
  const { stdout } = await run("sh", ["-c", command], { env: { ...process.env, WAGGLE_API_TOKEN: token } });
  expect(stdout).toContain("chat.completion.chunk");
  expect(stdout.trim().endsWith("data: [DONE]")).toBe(true);
});
