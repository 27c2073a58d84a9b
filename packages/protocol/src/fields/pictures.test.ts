import { expect, test } from "vitest";
import type { z } from "zod";
import { CountTokensRequestSchema, MessagesRequestSchema } from "../anthropic/requests.ts";
import { DecisionRequestSchema } from "../decisions/requests.ts";
import { LlamaServerCompletionRequestSchema } from "../llama-server/requests.ts";
import { ApplyTemplateRequestSchema } from "../llama-server/tokens.ts";
import { GenerateRequestSchema } from "../native/generate.ts";
import { OllamaChatRequestSchema, OllamaGenerateRequestSchema } from "../ollama/requests.ts";
import { allWorkerRoutes } from "../openapi/openapi.ts";
import { ChatCompletionRequestSchema } from "../openai/requests.ts";
import { ResponseCountRequestSchema, ResponseRequestSchema } from "../responses/requests.ts";
import { pictureHash, picturePlaces, pictureSource } from "./pictures.ts";
import type { PicturePlace } from "./pictures.ts";

function pathsIn(place: PicturePlace | undefined, path = ""): string[] {
  if (place === undefined) return [];
  return [
    ...(place.isPicture ? [path] : []),
    ...[...place.members].flatMap(([name, inner]) => pathsIn(inner, `${path}.${name}`)),
    ...pathsIn(place.elements, `${path}[]`),
  ];
}

/** A list of parts, or one part. */
const contents = (path: string): string[] => [path, `${path}[]`];
const openAi = contents(".messages[].content").flatMap((part) => [`${part}.image_url`, `${part}.image_url.url`]);
const blocks = contents(".messages[].content");
const anthropic = [...blocks, ...blocks.flatMap((block) => contents(`${block}.content`))]
  .flatMap((block) => [block, ...contents(`${block}.source.content`)])
  .flatMap((block) => [`${block}.source.data`, `${block}.source.url`]);
const responses = [
  ...[".input[].content", ".input[].output"].flatMap(contents).map((part) => `${part}.image_url`),
  ".input[].result",
];
const decisions = [...[".input[].content", ".input[].output", ".questions[].instructions"].flatMap(contents)].map(
  (part) => `${part}.image_url`,
);
const expected: readonly (readonly [z.ZodType, readonly string[]])[] = [
  [GenerateRequestSchema, [".messages[].content[].image_url.url"]],
  [ChatCompletionRequestSchema, openAi],
  [ApplyTemplateRequestSchema, openAi],
  [ResponseRequestSchema, responses],
  [ResponseCountRequestSchema, responses],
  [DecisionRequestSchema, decisions],
  [MessagesRequestSchema, anthropic],
  [CountTokensRequestSchema, anthropic],
  [OllamaChatRequestSchema, [".messages[].images[]"]],
  [OllamaGenerateRequestSchema, [".images[]"]],
  [LlamaServerCompletionRequestSchema, [".prompt.multimodal_data[]", ".prompt[].multimodal_data[]"]],
];

test.each(expected)("the places of pictures in a request", (schema, paths) => {
  expect(pathsIn(picturePlaces(schema)).toSorted()).toEqual([...paths].toSorted());
});

test("only these requests have pictures", () => {
  const pictured = Object.values(allWorkerRoutes).flatMap(({ request }) =>
    request !== undefined && picturePlaces(request) !== undefined ? [request] : [],
  );
  expect(new Set(pictured)).toEqual(new Set(expected.map(([schema]) => schema)));
});

test("a picture's hash is found in its source, and in no other text", () => {
  const sha256 = "0123456789abcdef".repeat(4);
  expect(pictureHash(pictureSource(sha256))).toBe(sha256);
  for (const text of [sha256, `sha256:${sha256}0`, "sha256:", "https://a/b.png", ""]) {
    expect(pictureHash(text)).toBeUndefined();
  }
});
