// Tests the client's package as a program has it: installed from its tarball, against real workers, through connections that break.
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type * as Client from "@waggle/client/ask";
import type { Answer } from "@waggle/client/ask";
import { createRandom, openProxy, repositoryPath } from "@waggle/testing/harness";
import { execa } from "execa";
import { afterEach, beforeAll, expect, inject, it } from "vitest";
import { killDaemons, spawnFakeWorker } from "../support/daemon.ts";
import { seed } from "../support/long.ts";

const folder = mkdtempSync(join(tmpdir(), "waggle-client-"));
const { clientCuts: cutsWanted } = inject("runs");
const mostBytesBeforeCut = 3_000;
const sideBySide = 8;

let client: Pick<typeof Client, "createWaggle">;
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

/** A text that is not whole, or that came twice, differs from the receipt. */
async function isWhole(answer: Answer): Promise<boolean> {
  let text = "";
  for await (const part of answer.text) text += part;
  const { receipt } = await answer.result;
  return receipt?.text_sha256 === sha256(text);
}

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
  const whole: boolean[] = [];
  async function askInTurn(reader: number): Promise<void> {
    for (let number = 0; proxy.cuts < cutsWanted; number += 1) {
      whole.push(await isWhole(waggle.ask({ prompt: `story ${reader} ${number} [eog:60]`, temperature: 0 })));
    }
  }
  await Promise.all(Array.from({ length: sideBySide }, (_, reader) => askInTurn(reader)));
  expect(proxy.cuts).toBeGreaterThanOrEqual(cutsWanted);
  expect(whole).not.toContain(false);
  expect(whole.length).toBeGreaterThan(sideBySide);
});
