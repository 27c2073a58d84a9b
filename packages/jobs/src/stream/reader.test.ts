import type { TokenEvent } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import { expect, it } from "vitest";
import { createReader } from "./reader.ts";
import { createReplayLog } from "./replay-log.ts";

const token = (index: number): TokenEvent => ({ type: "token", stream_id: "s", index, text: "ab", t_ms: index });

it("a reader that is too slow, and then does not pull, is cut off only once", async () => {
  const log = createReplayLog(500);
  for (let index = 0; index < 50; index += 1) log.append(token(index));
  const clock = createFakeClock();
  const calls: string[] = [];
  const reader = createReader({
    log,
    keys: { stream_id: "s" },
    after: -1,
    clock,
    pingIntervalMs: 15_000,
    stallTimeoutMs: 30_000,
    onClose: () => calls.push("closed"),
    onCutOff: () => calls.push("cut off"),
    onStalled: () => calls.push("stalled"),
  });
  const { value } = await reader.next();
  expect(value).toMatchObject([{ type: "error", code: "slow_consumer" }]);
  clock.advance(30_000);
  expect(calls).toEqual(["cut off", "stalled", "closed"]);
});
