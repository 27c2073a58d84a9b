// Tests the client's package as a program has it: installed from its tarball, against real workers, through connections that break.
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type * as Client from "@waggle/client/ask";
import type { Answer, AnswerEvent, WaggleError } from "@waggle/client/ask";
import { createGate, createRandom, openProxy, poll, repositoryPath, type CuttableProxy } from "@waggle/testing/harness";
import { execa } from "execa";
import { afterEach, beforeAll, expect, inject, it } from "vitest";
import { killDaemons, spawnFakeWorker } from "../support/daemon.ts";
import { seed } from "../support/long.ts";

const folder = mkdtempSync(join(tmpdir(), "waggle-client-"));
const { clientCuts: cutsWanted } = inject("runs");
const mostBytesBeforeCut = 3_000;
const sideBySide = 8;

let client: Pick<typeof Client, "createWaggle" | "WaggleError">;
let installed: readonly string[];
beforeAll(async () => {
  const xtask = ["--import", "tsx", "tools/xtask/src/main.ts", "pack", "--client-only", "--out", folder];
  await execa(process.execPath, xtask, { cwd: repositoryPath("") });
  const [tarball] = readdirSync(folder);
  await execa("npm", ["install", "--offline", "--no-audit", "--no-fund", `./${tarball}`], { cwd: folder });
  installed = [tarball ?? "", ...readdirSync(join(folder, "node_modules")).filter((name) => !name.startsWith("."))];
  client = (await import(pathToFileURL(join(folder, "node_modules/@waggle/client/index.js")).href)) as typeof client;
});
afterEach(killDaemons);

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** How an answer ended. A text that is not whole, or that came twice, differs from the receipt. */
async function outcomeOf(answer: Answer): Promise<{ whole: boolean } | { code: string; retryable: boolean }> {
  let text = "";
  try {
    for await (const part of answer.text) text += part;
    const { receipt } = await answer.result;
    return { whole: receipt?.text_sha256 === sha256(text) };
  } catch (error) {
    expect(error).toBeInstanceOf(client.WaggleError);
    const { code, retryable } = error as WaggleError;
    return { code, retryable };
  }
}

async function eventOf(answer: Answer, isIt: (event: AnswerEvent) => boolean): Promise<void> {
  for await (const event of answer.events) if (isIt(event)) return;
  throw new Error("The event did not come");
}

const isToken = ({ type }: AnswerEvent): boolean => type === "token";

it("the tarball is installed offline, and brings no other package", () => {
  expect(installed).toEqual([expect.stringMatching(/^waggle-client-[\d.]+\.tgz$/), "@waggle"]);
});

it(`answers are whole through ${cutsWanted} cuts at random bytes (seed ${seed})`, async () => {
  const worker = await spawnFakeWorker([
    ...["--slots", String(sideBySide), "--fake-step-delay", "1"],
    // A busy machine may reconnect late.
    ...["--reconnect-grace", "60s"],
  ]);
  await using proxy = await openProxy(worker.url);
  const random = createRandom(seed, "cuts");
  proxy.cutAfter = () => (proxy.cuts < cutsWanted ? random.between(1, mostBytesBeforeCut) : undefined);
  const waggle = client.createWaggle({ url: proxy.url });
  const outcomes: unknown[] = [];
  async function askInTurn(reader: number): Promise<void> {
    for (let number = 0; proxy.cuts < cutsWanted; number += 1) {
      outcomes.push(await outcomeOf(waggle.ask({ prompt: `story ${reader} ${number} [eog:60]`, temperature: 0 })));
    }
  }
  await Promise.all(Array.from({ length: sideBySide }, (_, reader) => askInTurn(reader)));
  expect(proxy.cuts).toBeGreaterThanOrEqual(cutsWanted);
  expect(outcomes.filter((outcome) => JSON.stringify(outcome) !== JSON.stringify({ whole: true }))).toEqual([]);
  expect(outcomes.length).toBeGreaterThan(sideBySide);
});

it("an answer survives a killed engine, and says so", async () => {
  using gate = await createGate();
  const worker = await spawnFakeWorker(gate.flags);
  gate.step(3);
  const { engine_pid: engine } = await worker.line("ready");
  const answer = client.createWaggle({ url: worker.url }).ask({ prompt: "story [eog:30]", temperature: 0 });
  const outcome = outcomeOf(answer);
  await eventOf(answer, isToken);
  process.kill(engine as number, "SIGKILL");
  gate.open();
  await eventOf(answer, (event) => event.type === "status" && event.status === "resuming");
  expect(await outcome).toEqual({ whole: true });
});

/** A worker at the address of the last one, which was killed. */
async function restart(proxy: CuttableProxy): Promise<void> {
  await killDaemons();
  const next = await spawnFakeWorker(["--slots", "1"]);
  proxy.targetUrl = next.url;
  proxy.refuse = false;
}

it("a restarted daemon: an answer with text ends with one typed error, an answer without text is whole", async () => {
  using gate = await createGate();
  const worker = await spawnFakeWorker([...gate.flags, "--slots", "1"]);
  gate.step(3);
  await using proxy = await openProxy(worker.url);
  const waggle = client.createWaggle({ url: proxy.url, maxTries: 60 });
  const running = waggle.ask({ prompt: "story", temperature: 0 });
  const ended = outcomeOf(running);
  await eventOf(running, isToken);
  const waiting = waggle.ask({ prompt: "another [eog:5]", temperature: 0 });
  const waited = outcomeOf(waiting);
  await eventOf(waiting, ({ type }) => type === "queued");
  proxy.refuse = true;
  proxy.cut();
  await restart(proxy);
  expect(await ended).toEqual({ code: "unavailable", retryable: true });
  expect(await waited).toEqual({ whole: true });
});

it("a full queue is one typed error with a time to wait, and a cancel ends the job at the worker", async () => {
  using gate = await createGate();
  const worker = await spawnFakeWorker([...gate.flags, "--slots", "1", "--queue-capacity", "1"]);
  gate.step(3);
  const waggle = client.createWaggle({ url: worker.url, maxTries: 0 });
  const stop = new AbortController();
  const running = waggle.ask({ prompt: "endless", signal: stop.signal });
  await eventOf(running, isToken);
  const waiting = waggle.ask({ prompt: "waits [eog:3]", temperature: 0 });
  await eventOf(waiting, ({ type }) => type === "queued");
  const refused = waggle.ask({ prompt: "one too many" });
  const error = await refused.result.catch((reason: unknown) => reason as WaggleError);
  expect(error).toMatchObject({ code: "resource_exhausted", retryable: true });
  expect((error as WaggleError).retryAfterMs).toBeGreaterThan(0);
  stop.abort(new Error("enough"));
  gate.open();
  await expect(running.result).rejects.toThrow("enough");
  expect(await worker.client.job(running.jobId)).toMatchObject({ state: "cancelled", cancelled_by: "client" });
  expect(await outcomeOf(waiting)).toEqual({ whole: true });
  await poll("all slots to be free", async () => (await worker.client.health()).slots.busy === 0);
});
