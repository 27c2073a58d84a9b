import { expect, it } from "vitest";
import { allWorkerRoutes, workerOpenApi } from "./openapi.ts";
import { requestExamples } from "./request-examples.ts";

const requests = new Map(
  Object.values(allWorkerRoutes).flatMap(({ request }) =>
    request === undefined ? [] : [[request.meta()?.id ?? "none", request] as const],
  ),
);

it("has one of every request, and of nothing else", () => {
  expect(Object.keys(requestExamples).toSorted()).toEqual([...requests.keys()].toSorted());
});

it.each([...requests])("is accepted as it stands: %s", (id, schema) => {
  expect(schema.safeParse(requestExamples[id]).error?.message).toBeUndefined();
});

it("is in the document, with the description of each family of routes", () => {
  const { paths, tags } = workerOpenApi("1.0.0") as {
    paths: Record<string, Record<string, { requestBody?: { content: Record<string, { example?: unknown }> } }>>;
    tags: readonly { name: string; description?: string }[];
  };
  expect(paths["/tokenize"]?.["post"]?.requestBody?.content["application/json"]?.example).toEqual(
    requestExamples["TokenizeRequest"],
  );
  expect(tags.find(({ name }) => name === "OpenAI")?.description).toContain("/v1");
});
