// Tests what the queue of pieces keeps in memory.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { deferred } from "@waggle/async";
import { expect, test } from "vitest";
import { createPieceQueue } from "./piece-queue.ts";

test("a cancelled piece that waits behind a long one keeps no memory", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const queue = createPieceQueue({ now: () => 0 });
  const long = deferred<void>();
  const running = queue.of("alice").run("picture", () => long.promise);
  async function cancelled(): Promise<WeakRef<Uint8Array>> {
    const picture = new Uint8Array(1_000_000);
    const leaving = new AbortController();
    const piece = queue.of("bob", leaving.signal).run("picture", async () => picture.length);
    leaving.abort(new Error("cancelled"));
    await expect(piece).rejects.toThrow("cancelled");
    return new WeakRef(picture);
  }
  const picture = await cancelled();
  await new Promise<void>((resolve) => setImmediate(resolve));
  collect();
  expect(picture.deref()).toBeUndefined();
  long.resolve();
  await running;
});
