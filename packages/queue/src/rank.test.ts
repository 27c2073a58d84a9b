// Tests the computed rank of one entry against the order of all entries, which is simulated turn by turn.
import fc from "fast-check";
import { expect, it } from "vitest";
import { takeOrder } from "./testing/take-order.ts";
import { createLedger, type Client } from "./ledger.ts";
import { createLevels, type Entry } from "./levels.ts";
import { rankOf } from "./rank.ts";

const command = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("enter" as const),
      priority: fc.integer({ min: -1, max: 1 }),
      client: fc.constantFrom("a", "b", "c"),
      flow: fc.constantFrom("", "s", "t"),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("take" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("finish" as const, "leave" as const), pick: fc.nat() }) },
);

it("is the position in the order in which entries would be taken, after any history", () => {
  fc.assert(
    // Without `size`, fast-check would make most histories very short.
    fc.property(fc.array(command, { maxLength: 80, size: "max" }), (commands) => {
      const ledger = createLedger();
      const levels = createLevels<undefined>();
      const waiting: Entry<undefined>[] = [];
      const running: Client[] = [];
      for (const [seq, each] of commands.entries()) {
        switch (each.kind) {
          case "enter": {
            const { priority, client, flow } = each;
            const key = { id: `j${seq}`, priority, client: ledger.enter(client), flow };
            const entry = { ...key, item: undefined, seq, sinceMs: 0 };
            waiting.push(entry);
            levels.insert(entry);
            break;
          }
          case "take": {
            const [entry] = levels.inTurn();
            if (entry === undefined) break;
            waiting.splice(waiting.indexOf(entry), 1);
            levels.serve(entry);
            ledger.serve(entry.client);
            running.push(entry.client);
            break;
          }
          case "finish":
            for (const client of running.splice(each.pick % (running.length + 1), 1)) ledger.finish(client);
            break;
          case "leave":
            for (const entry of waiting.splice(each.pick % (waiting.length + 1), 1)) {
              levels.remove(entry);
              ledger.leave(entry.client);
            }
            break;
        }
      }
      const order = takeOrder(levels.all);
      expect(order).toHaveLength(waiting.length);
      expect(order.map((entry) => rankOf(levels.all, entry))).toEqual(order.map((_, index) => index + 1));
    }),
    { numRuns: 1_000 },
  );
});
