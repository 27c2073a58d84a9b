import { requestLimits } from "@waggle/protocol";
import type { ResponseItem } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import { expect, test } from "vitest";
import { conversationOf, inputItems, keptConversationOf, withIds } from "./history.ts";
import { createResponseStore } from "./store.ts";
import type { ResponseStore } from "./store.ts";

const maxBytes = 10_000;

const createStore = (): ResponseStore =>
  createResponseStore({ clock: createFakeClock(), maxBytes: 10_000_000, keptForMs: 1_000 });
const headOf = (id: string, instructions = "") => ({
  id,
  created_at: 0,
  tools: [],
  model: "m",
  previous_response_id: null,
  instructions,
});
const asked = (content: string): ResponseItem => ({ type: "message", role: "user", content });

/** A turn of two items. */
function keep(store: ResponseStore, id: string, text: string, previousId?: string, instructions?: string): void {
  store.keep("a", { head: headOf(id, instructions), previousId, input: withIds([asked(text)], id) });
  const output = [{ type: "message" as const, id: `msg_${id}`, role: "assistant" as const, content: `re ${text}` }];
  store.end("a", id, { response: { status: "completed" }, output });
}

const textsOf = (items: readonly ResponseItem[]): unknown[] => items.map((item) => "content" in item && item.content);

test("a conversation is all responses up to one, oldest first", () => {
  const store = createStore();
  keep(store, "1", "one");
  keep(store, "2", "two", "1");
  expect(textsOf(conversationOf("2", store, "a", maxBytes))).toEqual(["one", "re one", "two", "re two"]);
  expect(conversationOf(null, store, "a", maxBytes)).toEqual([]);
});

test("a conversation that has lost a response cannot continue, and is listed as far as it is kept", () => {
  const store = createStore();
  keep(store, "1", "one");
  keep(store, "2", "two", "1");
  keep(store, "3", "three", "2");
  store.forget("a", "1");
  expect(() => conversationOf("3", store, "a", maxBytes)).toThrow('Cannot find response "1"');
  expect(textsOf(keptConversationOf("3", store, "a"))).toEqual(["two", "re two", "three", "re three"]);
  expect(keptConversationOf(undefined, store, "a")).toEqual([]);
});

test("the length of a conversation is that of its items, without the other fields of its requests", () => {
  const store = createStore();
  const turns = ["1", "2", "3", "4", "5"];
  for (const [index, id] of turns.entries()) keep(store, id, "x".repeat(500), turns[index - 1], "y".repeat(9_000));
  expect(conversationOf("5", store, "a", maxBytes)).toHaveLength(10);
  const characters = JSON.stringify(conversationOf("5", store, "a", maxBytes)).length;
  expect(() => conversationOf("5", store, "a", characters - 100)).toThrow(`more than ${characters - 100} characters`);
});

test("a conversation has no more items than a request may bring", () => {
  const store = createStore();
  const last = requestLimits.messages / 2;
  for (let turn = 1; turn <= last + 1; turn += 1) keep(store, `${turn}`, "", turn === 1 ? undefined : `${turn - 1}`);
  expect(conversationOf(`${last}`, store, "a", 10_000_000)).toHaveLength(requestLimits.messages);
  expect(() => conversationOf(`${last + 1}`, store, "a", 10_000_000)).toThrow(
    `"previous_response_id": its conversation has more than ${requestLimits.messages} items`,
  );
});

test("no conversation continues from a response that has not ended, or failed", () => {
  const store = createStore();
  store.keep("a", { head: headOf("r"), previousId: undefined, input: [] });
  const why = (): unknown => conversationOf("r", store, "a", maxBytes);
  expect(why).toThrow('"previous_response_id": response "r" has not ended');
  store.end("a", "r", { response: { status: "failed" }, output: [] });
  expect(why).toThrow('"previous_response_id": response "r" failed');
});

test("an item may be named instead of sent", () => {
  const store = createStore();
  keep(store, "r", "hi");
  const named = (id: string) => inputItems([{ type: "item_reference", id }], store, "a", maxBytes);
  expect(named("msg_r")).toMatchObject([{ content: "re hi" }]);
  expect(() => named("x")).toThrow('"input.0.id"');
  expect(inputItems("", store, "a", maxBytes)).toEqual([]);
});

test("an item that is named counts each time, against what a request may bring by itself", () => {
  const store = createStore();
  keep(store, "r", "x".repeat(2_950));
  const named = (times: number) =>
    inputItems(
      [asked("y".repeat(maxBytes)), ...Array(times).fill({ type: "item_reference", id: "msg_r" })],
      store,
      "a",
      maxBytes,
    );
  expect(named(3)).toHaveLength(4);
  expect(() => named(4)).toThrow(`"input.4.id": the items named have more than ${maxBytes} characters`);
});

test("an item keeps the id that its client gave it, and gets one where it has none", () => {
  expect(withIds([{ ...asked("a"), id: "mine" }, asked("b")], "k")).toMatchObject([{ id: "mine" }, { id: "in_k_1" }]);
});
