import { expect, test } from "vitest";
import type { OutputItem } from "./output.ts";
import { inputItemPage } from "./input-page.ts";

const ids = ["1", "2", "3", "4"];
const items = ids.map((id) => ({ type: "message" as const, id, role: "user" as const, content: id }));

const page = (query: Readonly<Record<string, string>>, of = items) => inputItemPage(of, (name) => query[name]);
const idsOf = ({ data }: Readonly<Record<string, unknown>>): unknown[] =>
  (data as { id: string }[]).map(({ id }) => id);

test.each([
  ["the latest item comes first by default", {}, ["4", "3", "2", "1"], false],
  ["in ascending order", { order: "asc" }, ids, false],
  ["the first items up to the limit", { limit: "3" }, ["4", "3", "2"], true],
  ["all items after an item", { after: "3" }, ["2", "1"], false],
  ["the first items after an item", { after: "1", order: "asc", limit: "2" }, ["2", "3"], true],
  ["the last items after an item", { after: "2", order: "asc", limit: "2" }, ["3", "4"], false],
  ["the items before an item", { before: "2" }, ["4", "3"], false],
  ["the first items before an item", { before: "4", after: "1", order: "asc", limit: "1" }, ["2"], true],
  ["all items with the greatest limit", { limit: "100", order: "asc" }, ids, false],
])("%s", (_, query, expected, more) => {
  const list = page(query);
  expect(idsOf(list)).toEqual(expected);
  expect(list).toMatchObject({ object: "list", first_id: expected[0], last_id: expected.at(-1), has_more: more });
});

test("a page has twenty items by default, and an empty list has an empty page", () => {
  const many = Array.from({ length: 21 }, (_, index) => ({ type: "web_search_call" as const, id: `${index}` }));
  const list = inputItemPage(many, () => undefined);
  expect([idsOf(list).length, list["has_more"]]).toEqual([20, true]);
  expect(page({}, [])).toEqual({ object: "list", data: [], first_id: null, last_id: null, has_more: false });
});

test.each([
  ["limit", { limit: "0" }],
  ["limit", { limit: "101" }],
  ["limit", { limit: "x" }],
  ["order", { order: "up" }],
])("the error for a wrong %s names the field: %j", (field, query) => {
  expect(() => page(query)).toThrow(
    expect.objectContaining({ details: { problems: [expect.objectContaining({ field })] } }),
  );
});

test.each(["after", "before"])("a page %s an unknown item is refused", (side) => {
  expect(() => page({ [side]: "5" })).toThrow(`${side} item "5"`);
});

test("items have the fields that a client need not send: type, status, and content as parts", () => {
  const image = { type: "input_image", image_url: "sha256:x" };
  const given: OutputItem[] = [
    { id: "1", role: "user", content: "a" },
    { id: "2", role: "assistant", content: "b" },
    { id: "3", role: "user", content: [image], type: "message" },
    { id: "4", type: "function_call", call_id: "c", name: "f", arguments: "{}" },
  ];
  const message = { type: "message", status: "completed" };
  expect(inputItemPage(given, (name) => (name === "order" ? "asc" : undefined)).data).toEqual([
    { ...given[0], ...message, content: [{ type: "input_text", text: "a" }] },
    { ...given[1], ...message, content: [{ type: "output_text", text: "b", annotations: [], logprobs: [] }] },
    { ...given[2], ...message, content: [{ detail: "auto", ...image }] },
    { ...given[3], status: "completed" },
  ]);
});
