import { Ajv } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { describe, expect, it } from "vitest";
import { readGbnf } from "../testing/match-gbnf.ts";
import { recordedTools, type RecordedTool } from "../testing/recorded-tools/index.ts";
import { createSampler, seededRandom } from "../testing/sample-gbnf.ts";
import { UnsupportedSchemaError } from "../rules/errors.ts";
import { jsonSchemaToGbnf } from "./json-grammar.ts";

/** Number of random texts of each grammar. */
const texts = 5;

const lists = recordedTools();

const draft7 = new Ajv({ strict: false, logger: false });
const draft2020 = new Ajv2020({ strict: false, logger: false });
for (const ajv of [draft7, draft2020]) formats.default(ajv);

describe("recorded tools", () => {
  it("include those of Claude Code, Codex and at least a dozen MCP servers", () => {
    const packages = lists.map((list) => list.package);
    expect(packages).toEqual(expect.arrayContaining(["@anthropic-ai/claude-code", "@openai/codex"]));
    expect(lists.filter((list) => list.source === "mcp").length).toBeGreaterThanOrEqual(12);
    expect(new Set(packages).size).toBe(packages.length);
    for (const list of lists) expect(list.tools.length, list.package).toBeGreaterThan(0);
  });

  it.each(lists)("of $package: every schema compiles, and the texts are valid arguments", ({ tools }) => {
    expect(tools.flatMap(faultsOf)).toEqual([]);
  });

  it.each(lists)("of $package: one grammar allows a call of any tool", ({ tools }) => {
    const calls = samples(anyCall(tools)) as readonly { name: string; arguments: unknown }[];
    const wrong = calls.filter(
      (call) =>
        !isValid(
          tools.find(({ name }) => name === call.name),
          call.arguments,
        ),
    );
    expect(wrong).toEqual([]);
  });
});

/** Descriptions of the faults of a tool's grammar. */
function faultsOf(tool: RecordedTool): readonly string[] {
  try {
    const wrong = samples(tool.schema).filter((value) => !isValid(tool, value));
    return wrong.map((value) => `${tool.name} accepts ${JSON.stringify(value)}`);
  } catch (error) {
    if (!(error instanceof UnsupportedSchemaError)) throw error;
    return [`${tool.name}: ${error.message}`];
  }
}

/** Values of random texts of the schema's grammar. Each run has the same values. */
function samples(schema: unknown): readonly unknown[] {
  const sample = createSampler(readGbnf(jsonSchemaToGbnf(schema)));
  const random = seededRandom(1);
  return Array.from({ length: texts }, (): unknown => JSON.parse(sample(random)));
}

function isValid(tool: RecordedTool | undefined, value: unknown): boolean {
  if (tool === undefined) return false;
  const isDraft7 = String(tool.schema["$schema"]).includes("draft-07");
  return (isDraft7 ? draft7 : draft2020).validate(tool.schema, value);
}

function anyCall(tools: readonly RecordedTool[]): unknown {
  const calls = tools.map(({ name, schema }, index) => ({
    type: "object",
    properties: { name: { const: name }, arguments: movedTo(`#/anyOf/${index}/properties/arguments`, schema) },
    required: ["name", "arguments"],
    additionalProperties: false,
  }));
  return { anyOf: calls };
}

/** The schema for use at this place of another schema: references in the schema point to this place. */
function movedTo(place: string, schema: unknown): unknown {
  const text = JSON.stringify(schema, (key, value: unknown) =>
    key === "$ref" && typeof value === "string" ? value.replace(/^#/, place) : value,
  );
  return JSON.parse(text);
}
