import { expect, test } from "vitest";
import { file, fleetJob, seeingFile } from "../testing/fleet.ts";
import { keys } from "../broker/names.ts";
import type { Broker } from "../broker/port.ts";
import { encode, fleetVersion } from "../queue/records.ts";
import { siblingsOf } from "./siblings.ts";

interface Written {
  readonly id: string;
  readonly ageMs: number;
  readonly more?: object;
  readonly model?: object;
}

/** A broker with these heartbeats and the heartbeat of the worker "me". */
function brokerWith(...others: readonly Written[]): Broker {
  const written: readonly Written[] = [{ id: "me", ageMs: 0 }, ...others];
  const records = written.map(({ id, ageMs, more, model }, index) => ({
    key: keys.member("worker", id),
    value: encode({
      version: fleetVersion,
      kind: "worker",
      id,
      takesJobs: id !== "me",
      models: [{ name: "tiny", ready: true, ...file, ...model }],
      ...more,
    }),
    revision: index + 1,
    at: 1_000_000 - ageMs,
  }));
  return { records: { members: { list: async () => records } } } as unknown as Broker;
}

const job = fleetJob();
const ask = async (...others: readonly Written[]): Promise<boolean> =>
  (await siblingsOf(brokerWith(...others), "me", new Map([["tiny", file]]))).canContinue(job);

test("another worker with the model from the same file is a sibling", async () => {
  expect(await ask({ id: "other", ageMs: 5_000 })).toBe(true);
  expect(await ask()).toBe(false);
});

test.each([
  ["whose heartbeat is late", { id: "other", ageMs: 8_000 }],
  ["that leaves as well", { id: "other", ageMs: 0, more: { takesJobs: false } }],
  ["that has not loaded the model", { id: "other", ageMs: 0, model: { ready: false } }],
  ["with another file", { id: "other", ageMs: 0, model: { modelSha256: "c".repeat(64) } }],
  ["with another template", { id: "other", ageMs: 0, model: { templateSha256: "c".repeat(64) } }],
  ["of another version", { id: "other", ageMs: 0, more: { version: 0 } }],
])("a worker %s is no sibling", async (_, other) => {
  expect(await ask(other)).toBe(false);
});

test("a sibling that reads pictures in another way continues only jobs without pictures", async () => {
  const files = new Map([["tiny", seeingFile]]);
  const pictured = fleetJob({ pictures: { key: "k", files: [] } });
  const continues = async (vision: string | null) => {
    const others = brokerWith({ id: "other", ageMs: 0, model: { vision } });
    const { canContinue } = await siblingsOf(others, "me", files);
    return [job, pictured].map(canContinue);
  };
  expect(await continues(seeingFile.vision)).toEqual([true, true]);
  expect(await continues("another projector")).toEqual([true, false]);
  expect(await continues(null)).toEqual([true, false]);
});

test("a file without a known hash has no sibling", async () => {
  const files = new Map([["tiny", { ...file, modelSha256: null }]]);
  const unhashed = brokerWith({ id: "other", ageMs: 0, model: { modelSha256: null } });
  expect((await siblingsOf(unhashed, "me", files)).canContinue(job)).toBe(false);
});
