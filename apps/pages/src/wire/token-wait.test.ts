import { expect, it } from "vitest";
import { createTokenWait } from "./token-wait.ts";

it("lets all waiting requests continue at once", async () => {
  const tokens = createTokenWait();
  const waits = [tokens.wait(undefined), tokens.wait(new AbortController().signal)];
  expect(tokens.count).toBe(2);
  tokens.end();
  await Promise.all(waits);
  expect(tokens.count).toBe(0);
});

it("forgets a request that is aborted, and keeps the others waiting", async () => {
  const tokens = createTokenWait();
  const abort = new AbortController();
  const aborted = tokens.wait(abort.signal);
  const other = tokens.wait(undefined);
  abort.abort(new Error("left the page"));
  await expect(aborted).rejects.toThrow("left the page");
  expect(tokens.count).toBe(1);
  tokens.end();
  await other;
});

it("does not wait for a request that was aborted before", async () => {
  const tokens = createTokenWait();
  await expect(tokens.wait(AbortSignal.abort(new Error("left the page")))).rejects.toThrow("left the page");
  expect(tokens.count).toBe(0);
});
