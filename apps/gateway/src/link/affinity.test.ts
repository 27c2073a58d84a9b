import type { Job, JobOwner, JobSpec } from "@waggle/jobs";
import { expect, it } from "vitest";
import { affinityKeys, createAffinity } from "./affinity.ts";

function specOf(text: string, who: Partial<JobOwner> = {}): JobSpec {
  return {
    model: "m",
    who: { client: "alice", trace: "t", ...who },
    work: { kind: "generate", prompt: { kind: "messages", messages: [{ role: "system", content: text }] } },
  } as unknown as JobSpec;
}

const long = "Be brief. ".repeat(300);

it("gives prompts with the same long beginning the same key, within one client", () => {
  const [key] = affinityKeys(specOf(long));
  expect(affinityKeys(specOf(`${long} And kind.`))).toEqual([key]);
  expect(affinityKeys(specOf(`Now: ${long}`))).not.toEqual([key]);
  expect(affinityKeys(specOf(long, { client: "bob" }))).not.toEqual([key]);
});

it("puts the session's key first, and makes no key from a short beginning", () => {
  expect(affinityKeys(specOf("Be brief."))).toEqual([]);
  expect(affinityKeys(specOf("Be brief.", { sessionId: "s" }))).toHaveLength(1);
  const [session] = affinityKeys(specOf("Be brief.", { sessionId: "s" }));
  expect(affinityKeys(specOf(long, { sessionId: "s" }))[0]).toBe(session);
});

it("gives conversations with the same first picture the same key, however short their texts are", () => {
  const withPictures = (text: string, ...hashes: readonly string[]): JobSpec => {
    const spec = specOf(text);
    const pictures = hashes.map((sha256) => ({ sha256, bytes: new Uint8Array() }));
    return { ...spec, work: { ...spec.work, pictures } as JobSpec["work"] };
  };
  const [key] = affinityKeys(withPictures("Be brief.", "a"));
  expect(key).toContain("alice");
  expect(affinityKeys(withPictures("Be brief. And now?", "a", "b"))).toEqual([key]);
  expect(affinityKeys(withPictures("Be brief.", "b", "a"))).not.toEqual([key]);
  expect(affinityKeys(withPictures(long, "a"))).toEqual([key, ...affinityKeys(specOf(long))]);
});

it("gives decide jobs with the same long state the same key, whatever they ask", () => {
  const decide = (state: object, question: string): JobSpec => {
    const readings = [{ content: [{ type: "text", text: question }], options: [["A"], ["B"]], ends: false }];
    return { ...specOf(""), work: { kind: "decide", state, readings } as unknown as JobSpec["work"] };
  };
  const state = { messages: [{ role: "user", content: long }] };
  const [key] = affinityKeys(decide(state, "Is it damaged?"));
  expect(key).toContain("alice");
  expect(affinityKeys(decide(state, "Is it late?"))).toEqual([key]);
  expect(affinityKeys(decide({ messages: [{ role: "user", content: `Now: ${long}` }] }, ""))).not.toEqual([key]);
});

it("asks the session's last worker while that worker is alive and serves the model; a missing answer counts as a refusal", async () => {
  const asked: (string | undefined)[] = [];
  let alive = true;
  let taken: boolean | undefined = true;
  const affinity = createAffinity({
    isAlive: () => alive,
    async ask(_, { worker }) {
      asked.push(worker);
      if (taken === undefined) throw new Error("The worker did not answer in time");
      return await Promise.resolve({ kind: "offer", taken } as never);
    },
  });
  const job = { spec: specOf("", { sessionId: "s" }) } as unknown as Job;
  expect(await affinity.choose(job, "f1", ["w1", "w2"])).toBeUndefined();
  affinity.ran(job, "w2");
  expect(await affinity.choose(job, "f2", ["w1", "w2"])).toBe("w2");
  taken = undefined;
  expect(await affinity.choose(job, "f3", ["w1", "w2"])).toBeUndefined();
  alive = false;
  expect(await affinity.choose(job, "f4", ["w1", "w2"])).toBeUndefined();
  alive = true;
  expect(await affinity.choose(job, "f5", ["w1", "w3"])).toBeUndefined();
  expect(asked).toEqual(["w2", "w2"]);
});
