// Shows what a dialect's schema takes over from the table of sampling fields, and the defaults that a request gets.
import { expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { samplers, samplingFields, samplingNames } from "../sampling/sampling-fields.ts";
import type { SamplingField } from "../sampling/sampling-fields.ts";
import { nativeSamplingShape, samplingIn, samplingShapeOf } from "./sampling.ts";

const rows = Object.entries<SamplingField>(samplingFields);

test.each(rows)("%s: default and off value are valid", (name, { values }) => {
  const schema = nativeSamplingShape[name as keyof typeof samplingFields];
  expect(schema.parse(undefined)).toBe(values.default);
  if (values.off !== undefined) expect(schema.parse(values.off)).toBe(values.off);
});

test("a dialect has the fields that name it, with its own ranges", () => {
  expect(Object.keys(samplingShapeOf("anthropic"))).toEqual(["temperature", "top_k", "top_p"]);
  const [native, ollama] = [nativeSamplingShape.repeat_last_n, samplingShapeOf("ollama").repeat_last_n];
  expect([native, ollama].map((schema) => schema.safeParse(-1).success)).toEqual([false, true]);
  expect(samplingShapeOf("openai").seed.safeParse(-(2 ** 62)).success).toBe(true);
  expect(samplingShapeOf("openai").top_k.safeParse(0.5).success).toBe(false);
});

test("a request gets the dialect's defaults for absent fields and null", () => {
  expect(samplingIn("anthropic", { top_p: null, top_k: 3 })).toEqual({ temperature: 1, top_p: 1, top_k: 3 });
  expect(samplingIn("ollama", { temperature: 0 })).toMatchObject({ temperature: 0, top_p: 0.9, min_p: 0 });
});

test("Ollama's sampling options may have any value", () => {
  const given = { temperature: 5, top_k: -1, top_p: 1.5, min_p: -1, repeat_last_n: -1, repeat_penalty: 0, seed: -7 };
  const clamped = { ...given, temperature: 2, top_k: 0, top_p: 1, min_p: 0, repeat_penalty: 0.01 };
  expect(samplingIn("ollama", z.object(samplingShapeOf("ollama")).parse(given))).toMatchObject(clamped);
});

test("the types name the fields of a dialect, and which of them have a default", () => {
  const schema = z.object(samplingShapeOf("responses"));
  type Nullish = number | null | undefined;
  expectTypeOf<z.infer<typeof schema>>().toEqualTypeOf<{
    temperature?: Nullish;
    top_p?: Nullish;
    presence_penalty?: Nullish;
    frequency_penalty?: Nullish;
  }>();
  expectTypeOf(samplingIn("anthropic", {})).toEqualTypeOf<{
    temperature: number;
    top_p: number;
    top_k: number | undefined;
  }>();
});

test("each field with an off value belongs to one sampler", () => {
  const switches = samplingNames.filter((name) => "off" in samplingFields[name].values);
  expect(samplers.flatMap(({ fields }) => [...fields] as string[]).toSorted()).toEqual(switches.toSorted());
  expect(new Set(samplers.map(({ letter }) => letter)).size).toBe(samplers.length);
});
