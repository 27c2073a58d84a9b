// Tests the check of a batch's input: what fails the whole batch, with the lines of the first hundred problems.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { linesOf, numbered, testModel, testShape } from "../testing/lane-world.ts";
import type { BatchInput, BatchRecord } from "./batch.ts";
import { checkInput } from "./batch-input.ts";
import { createIdSet } from "./id-set.ts";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "waggle-input-"))));

const record: BatchRecord = {
  ...{ id: "batch_1", client: "c", dialect: "openai", endpoint: "/x", metadata: null, createdAt: 0, expiresAt: 1 },
  ...{ status: "validating", at: {}, total: 0, problems: [] },
};
const models = new Map([
  ["m", testModel("m")],
  ["alias", testModel("m")],
  ["other", testModel("other")],
]);

async function check(input: string | Buffer, more: Partial<BatchRecord> = {}): Promise<BatchInput | undefined> {
  const path = join(folder, "input");
  writeFileSync(path, input);
  const options = { path, record: { ...record, ...more }, shape: testShape, maxLineBytes: 100 };
  return await checkInput(options, (name = "m") => models.get(name), new AbortController().signal);
}

it.each([
  ["one model under two names and the default one", linesOf(["a"], { model: "alias" }) + linesOf(["b", "c"]), 3, "m"],
  ["two models", linesOf(["a"], { model: "other" }) + linesOf(["b"]), 2, undefined],
  ["an unknown model among others", linesOf(["a"], { model: "x" }) + linesOf(["b"]), 2, undefined],
  ["a byte order mark, CRLF, blank lines and no newline at the end", '\uFEFF{"id":"a"}\r\n\n \r\n{"id":"b"}', 2, "m"],
  ["as many lines as there may be", linesOf(numbered(50_000)), 50_000, "m"],
])("accepts %s", async (_, input, total, model) => {
  expect(await check(input)).toEqual({ type: "checked", total, model });
});

it.each<[string, string | Buffer, readonly (readonly [code: string, line: number | null])[]]>([
  ["no line", "\n \r\n", [["empty_file", null]]],
  ["a line that is not JSON", `${linesOf(["a"])}{bad\n`, [["invalid_json_line", 2]]],
  ["invalid UTF-8", Buffer.from([0x7b, 0xff, 0x7d]), [["invalid_json_line", 1]]],
  ["a line beyond the limit", `${linesOf(["a"])}${"x".repeat(101)}\n${linesOf(["b"])}`, [["line_too_large", 2]]],
  ["two lines with one id", linesOf(["a", "b", "__proto__", "a"]), [["duplicate_custom_id", 4]]],
  ["only unknown models", linesOf(["a", "b"], { model: "x" }), [["model_not_found", null]]],
  ["too many lines", linesOf(numbered(50_002)), [["too_many_tasks", null]]],
  [
    "several problems",
    `x\n${linesOf(["a", "a"])}y`,
    [
      ["invalid_json_line", 1],
      ["duplicate_custom_id", 3],
      ["invalid_json_line", 4],
    ],
  ],
])("refuses %s", async (_, input, problems) => {
  const found = await check(input);
  if (found?.type !== "refused") expect.fail("accepted");
  expect(found.problems.map(({ code, line }) => [code, line])).toEqual(problems);
});

it("reports a hundred problems, and lets Anthropic's batches have more lines", async () => {
  const found = await check("x\n".repeat(1_000));
  expect(found).toMatchObject({ problems: { length: 100 } });
  expect(await check(linesOf(numbered(50_002)), { dialect: "anthropic" })).toMatchObject({ total: 50_002 });
});

it("knows each of 100,000 ids, and no other", () => {
  const ids = createIdSet("batch_1");
  for (const id of numbered(100_000)) if (!ids.add(id)) expect.fail(id);
  expect([ids.size, ids.add("7"), ids.size]).toEqual([100_000, false, 100_000]);
  expect(numbered(100_000).every(ids.has)).toBe(true);
  expect(["", "x", "100000"].some(ids.has)).toBe(false);
});
