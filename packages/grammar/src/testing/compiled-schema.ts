// Owns what tests ask of a compiled schema: random texts of its grammar, a judge that knows nothing of grammars, and what is accepted.
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { expect } from "vitest";
import { jsonSchemaToGbnf } from "../json-schema/json-grammar.ts";
import { matchGbnf } from "./match-gbnf.ts";
import { readGbnf } from "./read-gbnf.ts";
import { createSampler, seededRandom } from "./sample-gbnf.ts";

export interface CompiledSchema {
  readonly text: string;
  /** Whether the grammar has the value as JSON.stringify writes it. */
  accepts(value: unknown): boolean;
  acceptsText(json: string): boolean;
  /** Most ways that are open at once while the text is read. */
  widest(json: string): number;
  /** The same ones for the same seed. */
  samples(count: number, seed?: number): readonly string[];
  /** Fails on the first sample that is no JSON, or not valid for the schema. */
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

/** The error of a schema that must not compile. */
export function refusal(schema: unknown): unknown {
  try {
    return { grammar: jsonSchemaToGbnf(schema) };
  } catch (error) {
    return error;
  }
}
