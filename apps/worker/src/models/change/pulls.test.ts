// Tests which clients wait for a download, on a local server that never answers.
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPulls } from "./pulls.ts";

const folder = mkdtempSync(join(tmpdir(), "pulls-"));
const server = createServer(() => {});
beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

test("a client that joins a download just as all its other clients leave is not aborted with them", async () => {
  const pulls = createPulls({
    pull: { folder, offline: false, projector: true },
    now: () => 0,
    requireFree: async () => {},
    onPulled: () => {
      throw new Error("Nothing comes");
    },
  });
  const reference = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x.gguf`;
  const first = pulls.join(reference, undefined);
  const joined = pulls.join(reference, undefined);
  expect(joined.change).toBe(first.change);
  const named = pulls.join(reference, "tale");
  expect(named.change).not.toBe(first.change);
  named.release();
  first.release();
  joined.release();
  const second = pulls.join(reference, undefined);
  for await (const event of first.change.watch()) {
    if (event.type === "progress") continue;
    expect(event).toMatchObject({ type: "error", code: "cancelled" });
    break;
  }
  expect(second.change.value).toMatchObject({ type: "progress" });
  // A request that does not release the download keeps it running.
  second.release();
  const again = pulls.join(reference, undefined);
  const kept = pulls.join(reference, undefined);
  expect(kept.change).toBe(again.change);
  again.release();
  again.release();
  expect(pulls.list()).toEqual([{ reference, name: "x", state: "running", stage: "asking" }]);
  expect(kept.change.value).toMatchObject({ type: "progress" });
  // A request just after a stop begins anew.
  const stopped = pulls.cancel(reference);
  const anew = pulls.join(reference, undefined);
  expect([await stopped, anew.change.value]).toMatchObject([true, { type: "progress" }]);
  expect(kept.change.value).toMatchObject({ type: "error", code: "cancelled" });
  await pulls.stop();
  expect(anew.change.value).toMatchObject({ type: "error", code: "cancelled" });
  expect(pulls.list()).toEqual([]);
});
