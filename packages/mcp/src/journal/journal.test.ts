// Tests the journal across restarts: what a new process finds of the calls of an earlier one.
import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, it } from "vitest";
import { begin, call, message, useJournals } from "../testing/journals.ts";

const journals = useJournals();

it("keeps steps and results, and says of a call without a result that its outcome is unknown", async () => {
  const pictures = [{ mimeType: "image/png", data: "aGk=" }];
  const turn = await begin(await journals.open(), "c k");
  await turn.addStep(message);
  await turn.willSend("c1");
  await turn.addResult("c1", { kind: "done", text: "é", ...{ pictures } });
  await turn.willSend("c2");
  // No close: the process was killed.
  const again = await begin(await journals.open(), "c k");
  expect(again.steps).toEqual([message]);
  expect(again.outcomeOf("c1")).toEqual({ kind: "done", text: "é", pictures });
  expect(again.outcomeOf("c2")).toMatchObject({ kind: "unknown" });
  expect(again.outcomeOf("c2")?.text).toMatch(/restarted.*Whether the tool ran is unknown/);
  expect(again.outcomeOf("c3")).toBeUndefined();
  await expect(again.willSend("c2")).rejects.toThrow("twice");
});

it("has a call on disk before the call may be sent", async () => {
  const turn = await begin(await journals.open(), "c k");
  await turn.willSend("c1");
  expect(readFileSync(journals.path, "utf8")).toContain('"call":"c1"');
});

it("writes nothing for a turn without calls", async () => {
  const journal = await journals.open();
  const { size } = statSync(journals.path);
  (await begin(journal, "c k")).release();
  await journal.newest("c", "k ", "digest");
  expect(statSync(journals.path).size).toBe(size);
  await journal.close();
  expect(existsSync(journals.path), "no turn is left").toBe(false);
});

it("refuses a key that was used with another request, for each client", async () => {
  const journal = await journals.open();
  await call(journal, "c k");
  expect(await journal.begin({ client: "c", key: "k", digest: "other" })).toBeUndefined();
  expect(await journal.begin({ client: "c", key: "k", digest: "digest" })).toBeDefined();
  expect(await journal.begin({ client: "d", key: "k", digest: "other" })).toBeDefined();
});

it("reads the lines of earlier versions, and ignores a torn last line and lines of others", async () => {
  mkdirSync(dirname(journals.path), { recursive: true });
  const records = [
    { kind: "turn", key: "c job_id k", digest: "digest", at: 900 },
    { kind: "step", key: "c job_id k", index: 0, message },
    { kind: "later" },
    { kind: "turn", key: "c job_id without-calls", digest: "digest", at: 900 },
    { kind: "end", key: "c job_id without-calls" },
    { kind: "call", key: "c job_id k", call: "0.0" },
    { kind: "result", key: "c job_id k", call: "0.0", outcome: { kind: "done", text: "was" } },
    { kind: "end", key: "c job_id k" },
    { kind: "turn", key: "c job_id k", digest: "digest", at: 900 },
  ];
  const torn = '{"kind":"result","key":"c job_id k","call":"0.1","outc';
  writeFileSync(journals.path, `${records.map((record) => JSON.stringify(record)).join("\n")}\n${torn}`);
  const journal = await journals.open();
  const turn = await begin(journal, "c job_id k");
  expect([turn.steps, turn.outcomeOf("0.0")?.text, turn.outcomeOf("0.1")]).toEqual([[message], "was", undefined]);
  expect((await begin(journal, "c job_id without-calls", "other")).steps).toEqual([]);
  await turn.willSend("0.1");
  appendFileSync(journals.path, torn);
  const again = await begin(await journals.open(), "c job_id k");
  expect([again.steps.length, again.outcomeOf("0.1")?.kind]).toEqual([1, "unknown"]);
});

it("reads a line of many pieces, and lines that end between two pieces", async () => {
  const journal = await journals.open();
  const lengths = [65_400, 200_000, 65_536, 1];
  for (const [index, length] of lengths.entries()) await call(journal, `c ${index}`, length);
  const again = await journals.open();
  for (const [index, length] of lengths.entries())
    expect((await begin(again, `c ${index}`)).steps[0]?.content).toHaveLength(length);
});

it("continues a turn that has ended, and keeps it open until it ends again", async () => {
  const limits = { maxBytes: 200_000 };
  const journal = await journals.open(limits);
  const turn = await call(journal, "c k");
  turn.release();
  const next = await begin(journal, "c k");
  expect(next.outcomeOf("0.0")?.kind).toBe("unknown");
  await next.willSend("1.0");
  const later = await journals.open(limits);
  for (let i = 0; i < 40; i += 1) (await call(later, `c ended ${i}`, 10_000)).release();
  expect((await begin(later, "c k")).outcomeOf("1.0")?.kind, "it was interrupted").toBe("unknown");
});

it("finds the newest turn of a request, unless it is so old that a retry cannot mean it", async () => {
  let time = 0;
  const journal = await journals.open({ now: () => time });
  for (const key of ["c try 1", "c try 2", "c other 3", "d try 4"]) (await call(journal, key)).release();
  await begin(journal, "c try 5", "other");
  (await begin(journal, "c try without-calls")).release();
  expect(await journal.newest("c", "try ", "digest")).toBe("try 2");
  await begin(journal, "c long 6");
  time = 1_800_001;
  expect(await journal.newest("c", "try ", "digest")).toBeUndefined();
  expect(await journal.newest("c", "long ", "digest"), "it runs").toBe("long 6");
});
