// Tests the route of the recommended models: its content, and who gets it.
import { createTokenTable } from "@waggle/daemon/tokens";
import { RecommendedModelsSchema } from "@waggle/protocol";
import { expect, it } from "vitest";
import { useInlineWorker } from "../../testing/use-worker.ts";

const tokens = createTokenTable([
  { name: "alice", token: "alice-token-1" },
  { name: "root", token: "root-token-3", admin: true },
]);
const { start, get, read } = useInlineWorker();

const path = "/v1/hub/recommended";

it("lists the recommended models with their memory on this machine, and says that none was downloaded", async () => {
  start();
  const { models, note } = RecommendedModelsSchema.parse(await read(path));
  expect(new Set(models.flatMap(({ purposes }) => purposes)).size).toBe(4);
  for (const { bytes, fit, downloaded } of models) {
    expect(downloaded).toBe("never");
    expect(fit?.one_answer_bytes).toBeGreaterThan(bytes * 0.9);
    expect(fit?.memory_bytes).toBeGreaterThanOrEqual(fit?.one_answer_bytes ?? Infinity);
  }
  expect(note).toMatch(/^The list is of \d{4}-\d\d-\d\d\.$/);
});

it("needs the right to download models", async () => {
  start({ access: { localMode: false, tokens: () => tokens } });
  expect((await get(path)).status).toBe(401);
  expect((await get(path, { authorization: "Bearer alice-token-1" })).status).toBe(403);
  expect((await get(path, { authorization: "Bearer root-token-3" })).status).toBe(200);
});
