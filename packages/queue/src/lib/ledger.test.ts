import { describe, expect, it } from "vitest";
import { createLedger } from "./ledger.ts";

describe("createLedger", () => {
  it("forgets a client and its flows with their last job, whichever way that left", () => {
    const ledger = createLedger();
    const first = ledger.enter("a", "s");
    const second = ledger.enter("a", "t");
    ledger.serve(first);
    ledger.leave(second);
    expect([...second.client.flows.keys()]).toEqual(["s"]);
    expect(ledger.size).toBe(1);
    ledger.finish(first);
    expect(ledger.size).toBe(0);
  });

  it("counts what waits, by client", () => {
    const ledger = createLedger();
    const flow = ledger.enter("a", "");
    ledger.enter("a", "s");
    expect([ledger.queuedBy("a"), ledger.queuedBy("b")]).toEqual([2, 0]);
    ledger.serve(flow);
    expect(ledger.queuedBy("a")).toBe(1);
  });

  it("remembers the turn of who still has a job", () => {
    const ledger = createLedger();
    const flow = ledger.enter("a", "s");
    ledger.serve(flow);
    expect(ledger.enter("a", "s")).toBe(flow);
    ledger.finish(flow);
    expect(ledger.enter("a", "s").turn).toBe(flow.turn);
  });

  it("remembers a turn while any job of it still runs", () => {
    const ledger = createLedger();
    const flow = ledger.enter("a", "s");
    ledger.enter("a", "s");
    ledger.serve(flow);
    ledger.serve(flow);
    ledger.finish(flow);
    expect(ledger.enter("a", "s")).toBe(flow);
  });

  it("stays empty through a thousand clients that come and go", () => {
    const ledger = createLedger();
    for (let i = 0; i < 1_000; i += 1) {
      const flow = ledger.enter(`client ${i}`, `session ${i}`);
      if (i % 2 === 0) ledger.leave(flow);
      else {
        ledger.serve(flow);
        ledger.finish(flow);
      }
    }
    expect(ledger.size).toBe(0);
  });
});
