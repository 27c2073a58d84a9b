import { describe, expect, it } from "vitest";
import { createLedger } from "./ledger.ts";

describe("createLedger", () => {
  it("forgets a client when its last job leaves the queue or ends", () => {
    const ledger = createLedger();
    const client = ledger.enter("a");
    expect(ledger.enter("a")).toBe(client);
    ledger.start(client);
    for (let i = 0; i < 2; i += 1) ledger.leave(client);
    expect([ledger.size, ledger.enter("a") === client]).toEqual([1, true]);
    ledger.leave(client);
    ledger.finish(client);
    expect(ledger.size).toBe(0);
  });

  it("counts waiting jobs and running places by client", () => {
    const ledger = createLedger();
    const client = ledger.enter("a");
    ledger.enter("a");
    expect([ledger.queuedBy("a"), ledger.queuedBy("b")]).toEqual([2, 0]);
    ledger.start(client);
    ledger.leave(client);
    expect([ledger.queuedBy("a"), client.running]).toEqual([1, 1]);
    ledger.finish(client);
    expect([ledger.queuedBy("a"), client.running]).toEqual([1, 0]);
  });

  it("is empty after a thousand clients have come and gone", () => {
    const ledger = createLedger();
    for (let i = 0; i < 1_000; i += 1) {
      const client = ledger.enter(`client ${i}`);
      if (i % 2 === 0) ledger.leave(client);
      else {
        ledger.start(client);
        ledger.leave(client);
        ledger.finish(client);
      }
    }
    expect(ledger.size).toBe(0);
  });
});
