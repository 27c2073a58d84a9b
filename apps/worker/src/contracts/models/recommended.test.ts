// Tests the route of the recommended models: its content, and who gets it.
import { createTokenTable } from "@waggle/daemon/tokens";
import { RecommendedModelsSchema } from "@waggle/protocol";
import { afterEach, expect, it } from "vitest";
import { createInlineWorker } from "../../testing/inline-worker.ts";
import type { InlineWorker } from "../../testing/inline-worker.ts";

const tokens = createTokenTable([
  { name: "alice", token: "alice-token-1" },
  { name: "root", token: "root-token-3", admin: true },
]);
let worker: InlineWorker;
afterEach(async () => await worker.close());

async function ask(token?: string): Promise<Response> {
  const headers = { host: "localhost", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  return await worker.app.request("/v1/hub/recommended", { headers });
}

it("lists the recommended models with their memory on this machine, and says that none was downloaded", async () => {
  worker = createInlineWorker();
  const { models, note } = RecommendedModelsSchema.parse(await (await ask()).json());
  expect(new Set(models.flatMap(({ purposes }) => purposes)).size).toBe(4);
  for (const { bytes, fit, downloaded } of models) {
    expect(downloaded).toBe("never");
    expect(fit?.memory_bytes).toBeGreaterThan(bytes * 0.9);
  }
  expect(note).toMatch(/^The list is of \d{4}-\d\d-\d\d\.$/);
});

it("needs the right to download models", async () => {
  worker = createInlineWorker({ access: { localMode: false, tokens: () => tokens } });
  expect((await ask()).status).toBe(401);
  expect((await ask("alice-token-1")).status).toBe(403);
  expect((await ask("root-token-3")).status).toBe(200);
});
