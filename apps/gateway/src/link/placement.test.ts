import type { GenerateSpec, JobScope } from "@waggle/jobs";
import { expect, it } from "vitest";
import { affinityKeys } from "./placement.ts";

function specOf(text: string, scope: Partial<JobScope> = {}): GenerateSpec {
  return {
    kind: "generate",
    model: "m",
    scope: { client: "alice", trace: "t", ...scope },
    prompt: { kind: "messages", messages: [{ role: "system", content: text }] },
  } as unknown as GenerateSpec;
}

const long = "Be brief. ".repeat(300);

it("has the same long beginning go together, within one client", () => {
  const [key] = affinityKeys(specOf(long));
  expect(affinityKeys(specOf(`${long} And kind.`))).toEqual([key]);
  expect(affinityKeys(specOf(`Now: ${long}`))).not.toEqual([key]);
  expect(affinityKeys(specOf(long, { client: "bob" }))).not.toEqual([key]);
});

it("puts the session first, and remembers no short beginning", () => {
  expect(affinityKeys(specOf("Be brief."))).toEqual([]);
  expect(affinityKeys(specOf("Be brief.", { sessionId: "s" }))).toHaveLength(1);
  const [session] = affinityKeys(specOf("Be brief.", { sessionId: "s" }));
  expect(affinityKeys(specOf(long, { sessionId: "s" }))[0]).toBe(session);
});
