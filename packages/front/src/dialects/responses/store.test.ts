import { createFakeClock } from "@waggle/testing";
import { expect, test } from "vitest";
import { withIds } from "./history.ts";
import { createResponseStore } from "./store.ts";
import type { ResponseStore } from "./store.ts";

const day = 86_400_000;
const maxBytes = 100_000;

function start(): { store: ResponseStore; clock: ReturnType<typeof createFakeClock> } {
  const clock = createFakeClock();
  return { clock, store: createResponseStore({ clock, maxBytes, keptForMs: day }) };
}

const headOf = (id: string) => ({ id, created_at: 0, tools: [], model: "m", previous_response_id: null });

function keep(store: ResponseStore, client: string, id: string, text: string, previousId?: string): void {
  const input = withIds([{ type: "message", role: "user", content: text }], id);
  store.keep(client, { head: headOf(id), previousId, input, pictures: [] });
  const output = [{ type: "message" as const, id: `msg_${id}`, role: "assistant" as const, content: `re ${text}` }];
  store.end(client, id, { response: { status: "completed" }, output });
}

const isThere = (store: ResponseStore, client: string, id: string): boolean => store.charactersOf(client, id) > 0;

test("the least recently used response is dropped first, and its bytes no longer count", () => {
  const { store } = start();
  const ids = ["1", "2", "3", "4"];
  for (const id of ids) {
    keep(store, "a", id, "x".repeat(6_000));
    store.get("a", "1");
  }
  expect(ids.filter((id) => isThere(store, "a", id))).toEqual(["1", "3", "4"]);
  expect(store.bytes).toBeLessThanOrEqual(maxBytes);
  for (const id of ids) store.forget("a", id);
  expect(store.bytes).toBe(0);
});

test("at the limit, a response of the client with the most stored bytes is dropped", () => {
  const { store } = start();
  keep(store, "quiet", "mine", "hello");
  for (let i = 0; i < 20; i += 1) keep(store, "loud", `l${i}`, "x".repeat(10_000));
  expect(isThere(store, "quiet", "mine")).toBe(true);
  expect(isThere(store, "loud", "l0")).toBe(false);
  expect(store.bytes).toBeLessThanOrEqual(maxBytes);
  keep(store, "loud", "huge", "x".repeat(maxBytes));
  expect(isThere(store, "loud", "huge")).toBe(false);
  expect(isThere(store, "quiet", "mine")).toBe(true);
});

test("a response is dropped a day after its last use", () => {
  const { store, clock } = start();
  keep(store, "a", "r", "hi");
  clock.advance(day - 1);
  store.get("a", "r");
  clock.advance(day - 1);
  expect(isThere(store, "a", "r")).toBe(true);
  clock.advance(1);
  expect(isThere(store, "a", "r")).toBe(false);
  expect([store.bytes, store.item("a", "msg_r")]).toEqual([0, undefined]);
});

test("a response that was deleted while it ran does not come back", () => {
  const { store } = start();
  store.keep("a", { head: headOf("r"), previousId: undefined, input: [], pictures: [] });
  expect(store.forget("a", "r")).toBe(true);
  store.end("a", "r", { response: { status: "completed" }, output: [] });
  expect([isThere(store, "a", "r"), store.bytes]).toEqual([false, 0]);
});

test("an item is found as long as any response contains it; the latest of these responses counts", () => {
  const { store } = start();
  const said = (content: string) => [{ type: "message" as const, id: "msg", role: "user" as const, content }];
  const keepSaid = (id: string): void => {
    store.keep("a", { head: headOf(id), previousId: undefined, input: said(id), pictures: [] });
  };
  for (const id of ["1", "2", "3"]) keepSaid(id);
  const shown = (): unknown => store.item("a", "msg");
  expect(shown()).toMatchObject({ content: "3" });
  store.forget("a", "3");
  expect(shown()).toMatchObject({ content: "2" });
  store.forget("a", "1");
  expect(shown()).toMatchObject({ content: "2" });
  store.forget("a", "2");
  expect(shown()).toBeUndefined();
});

test("an input whose JSON exceeds the maximum length of a string changes nothing", () => {
  const { store } = start();
  keep(store, "a", "r", "hi");
  const before = store.bytes;
  const toJSON = (): never => {
    throw new RangeError("Invalid string length");
  };
  const input = [{ type: "message" as const, id: "new", role: "user" as const, content: "hi", toJSON }];
  for (const id of ["r", "s"]) {
    expect(() => store.keep("a", { head: headOf(id), previousId: undefined, input, pictures: [] })).toThrow(RangeError);
  }
  expect([store.bytes, store.item("a", "new"), store.find("a", "s")]).toEqual([before, undefined, undefined]);
  expect(store.item("a", "msg_r")).toMatchObject({ content: "re hi" });
});

test("a picture counts once for each client, until the last response with it is dropped", () => {
  const { store } = start();
  const pictureOf = (sha256: string, size: number) => ({ sha256, bytes: new Uint8Array(size) });
  const keepPictures = (client: string, id: string, ...pictures: { sha256: string; bytes: Uint8Array }[]): void => {
    store.keep(client, { head: headOf(id), previousId: undefined, input: [], pictures });
  };
  keepPictures("a", "1", pictureOf("x", 20_000), pictureOf("y", 10_000));
  const before = store.bytes;
  keepPictures("a", "2", pictureOf("x", 20_000));
  expect(store.bytes - before).toBeLessThan(10_000);
  keepPictures("b", "1", pictureOf("x", 20_000));
  expect(store.bytes).toBeGreaterThan(50_000);
  store.forget("a", "1");
  expect([store.picture("a", "x")?.bytes.length, store.picture("a", "y")]).toEqual([20_000, undefined]);
  store.forget("a", "2");
  expect([store.picture("a", "x"), store.picture("b", "x")?.bytes.length]).toEqual([undefined, 20_000]);
  store.forget("b", "1");
  expect(store.bytes).toBe(0);
});

test("a response with large pictures displaces older responses, and is itself dropped beyond the limit", () => {
  const { store } = start();
  keep(store, "a", "old", "hi");
  const picture = { sha256: "x", bytes: new Uint8Array(maxBytes - 4_000) };
  store.keep("a", { head: headOf("new"), previousId: undefined, input: [], pictures: [picture] });
  expect([store.find("a", "old"), store.picture("a", "x")]).toEqual([undefined, picture]);
  const large = { sha256: "y", bytes: new Uint8Array(maxBytes) };
  store.keep("a", { head: headOf("huge"), previousId: undefined, input: [], pictures: [large] });
  expect([store.find("a", "huge"), store.picture("a", "y"), store.bytes]).toEqual([undefined, undefined, 0]);
});
