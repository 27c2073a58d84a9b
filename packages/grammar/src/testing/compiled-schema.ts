// Compiles a schema for tests: matches values against the grammar, and validates random texts of the grammar with Ajv.
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { expect } from "vitest";
import { jsonSchemaToGbnf } from "../json-schema/json-grammar.ts";
import { matchGbnf, readGbnf } from "./match-gbnf.ts";
import { createSampler, seededRandom } from "./sample-gbnf.ts";

export interface CompiledSchema {
  readonly text: string;
  /** Whether the grammar accepts the value as JSON.stringify writes it. */
  accepts(value: unknown): boolean;
  acceptsText(json: string): boolean;
  /** Largest number of readings that are open at once while the text is matched. */
  widest(json: string): number;
  /** Random texts of the grammar; the same texts for the same seed. */
  samples(count: number, seed?: number): readonly string[];
  /** Fails at the first sample that is not JSON, or not valid for the schema. */
  expectValid(count: number, seed?: number): void;
}

const ajv = new Ajv2020({ strict: false, logger: false });
formats.default(ajv);

export function compileSchema(schema: unknown): CompiledSchema {
  const text = jsonSchemaToGbnf(schema);
  const grammar = readGbnf(text);
  const sampler = createSampler(grammar);

  function samples(count: number, seed = 1): readonly string[] {
    const random = seededRandom(seed);
    return Array.from({ length: count }, () => sampler(random));
  }

  function acceptsText(json: string): boolean {
    return matchGbnf(grammar, json).accepted;
  }

  return {
    text,
    accepts: (value) => acceptsText(JSON.stringify(value)),
    acceptsText,
    widest: (json) => matchGbnf(grammar, json).widest,
    samples,
    expectValid: (count, seed) => {
      const validate = ajv.compile(schema as object);
      for (const json of samples(count, seed)) {
        if (!validate(JSON.parse(json))) {
          expect.fail(`${json} is not valid for ${JSON.stringify(schema)}: ${ajv.errorsText(validate.errors)}`);
        }
      }
    },
  };
}

/** Compiles the schema, and fails unless its grammar accepts the valid values and none of the others. */
export function expectAccepts(schema: unknown, valid: readonly unknown[], invalid: readonly unknown[]): CompiledSchema {
  const compiled = compileSchema(schema);
  expect(valid.filter((value) => !compiled.accepts(value))).toEqual([]);
  expect(invalid.filter(compiled.accepts)).toEqual([]);
  return compiled;
}

/** The error for a schema that should not compile; an object with the grammar if the schema does compile. */
export function refusal(schema: unknown): unknown {
  try {
    return { grammar: jsonSchemaToGbnf(schema) };
  } catch (error) {
    return error;
  }
}
