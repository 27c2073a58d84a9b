import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { compileTimeMs, judgeSchema } from "./judge-schema.ts";
import { readCorpus } from "./read-corpus.ts";
import { reportOf } from "./schema-report.ts";

const folder = mkdtempSync(join(tmpdir(), "schemas-"));
const closed = { type: "object", properties: { a: { type: "integer" }, b: {} }, required: ["a"] };
const files: Readonly<Record<string, string>> = {
  "exact.json": JSON.stringify({
    schema: closed,
    tests: [
      { valid: true, data: { b: 1, a: 2 } },
      { valid: false, data: { b: 1 } },
    ],
  }),
  "refused.json": JSON.stringify({ schema: { unevaluatedProperties: false } }),
  "strict.json": JSON.stringify({ schema: closed, tests: [{ valid: true, data: { a: 1, c: 1 } }] }),
  // The corpus marks both integers as invalid. The grammar accepts 12, and rejects the spelling 12.0.
  "lax.json": '{"schema":{"type":"integer"},"tests":[{"valid":false,"data":12.0},{"valid":false,"data":12}]}',
};
for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("the report about a corpus of schemas", () => {
  it("counts exact and wrong grammars, with members in any order, and refused schemas by keyword", () => {
    const corpus = readCorpus(folder, 10);
    const verdicts = corpus.files.map((file) => ({ file, ...judgeSchema(corpus.read(file)) }));
    const report = reportOf(verdicts, [3, 1, 2, 4], true);
    expect(report).toMatch(/^compile p50 \/ p99 \/ max +3\.0 ms \/ 4\.0 ms \/ 4\.0 ms$/m);
    for (const file of corpus.files) expect(compileTimeMs(corpus.read(file))).toBeGreaterThan(0);
    expect(report).toMatch(/^schemas +4$/m);
    expect(report).toMatch(/^compiled +3$/m);
    expect(report).toMatch(/^exact +1$/m);
    expect(report).toMatch(/^accept invalid instances +1$/m);
    expect(report).toMatch(/^reject valid instances +1$/m);
    expect(report).toMatch(/^refused: unevaluatedProperties +1$/m);
    expect(report).toContain("lax.json: 1 wrong accepts, 0 wrong rejects");
    expect(report).toContain("strict.json: 0 wrong accepts, 1 wrong rejects");
  });
});
