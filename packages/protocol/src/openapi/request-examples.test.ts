import { expect, it } from "vitest";
import { allWorkerRoutes, workerOpenApi } from "./openapi.ts";
import { requestExamples } from "./request-examples.ts";

const requests = new Map(
  Object.values(allWorkerRoutes).flatMap(({ request }) =>
    request === undefined ? [] : [[request.meta()?.id ?? "none", request] as const],
  ),
);

it("the table has an example for each request schema, and no other examples", () => {
  expect(Object.keys(requestExamples).toSorted()).toEqual([...requests.keys()].toSorted());
});

it.each([...requests])("has a valid example: %s", (id, schema) => {
  expect(schema.safeParse(requestExamples[id]).error?.message).toBeUndefined();
});

it("each example appears in the OpenAPI document, which also describes each route group", () => {
  const { paths, tags } = workerOpenApi("1.0.0");
  expect(paths["/tokenize"]?.["post"]?.requestBody?.content["application/json"]?.example).toEqual(
    requestExamples["TokenizeRequest"],
  );
  expect(tags.find(({ name }) => name === "OpenAI")?.description).toContain("/v1");
});
