import { expect, it } from "vitest";
import { createConsents } from "./consents.ts";

const call = { client: "c", job: "j", call: "1", conversation: undefined, tool: "x" };

it("waits for no consent after the job has ended", async () => {
  const consents = createConsents();
  await expect(consents.ask(call, AbortSignal.abort(new Error("ended")))).rejects.toThrow("ended");
  expect(consents.give(call, "once")).toBe(false);
});

it("counts a consent for a conversation only for its client and its tool", async () => {
  const consents = createConsents();
  const asked = consents.ask({ ...call, conversation: "talk" }, new AbortController().signal);
  expect(consents.give({ ...call, client: "d" }, "conversation")).toBe(false);
  expect(consents.give(call, "conversation")).toBe(true);
  expect(await asked).toBe(true);
  const has = (more: object): boolean => consents.has({ ...call, conversation: "talk", ...more });
  expect([has({}), has({ client: "d" }), has({ tool: "y" }), has({ conversation: undefined })]).toEqual([
    ...[true, false, false, false],
  ]);
});
