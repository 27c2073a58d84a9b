import { expect, test } from "vitest";
import { createCallTurns } from "./turns.ts";

test("clients take turns with the calls that wait", async () => {
  const turns = createCallTurns(2);
  const begun: string[] = [];
  const releases: (() => void)[] = [];
  for (const call of ["a1", "a2", "a3", "a4", "b1"]) {
    void turns.take(call.charAt(0)).then((release) => {
      begun.push(call);
      releases.push(release);
    });
  }
  for (const next of ["a1,a2", "a1,a2,a3", "a1,a2,a3,b1", "a1,a2,a3,b1,a4"]) {
    await new Promise(setImmediate);
    expect(begun.join()).toBe(next);
    releases.shift()?.();
  }
});
