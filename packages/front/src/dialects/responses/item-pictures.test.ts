import { pictureSource } from "@waggle/protocol";
import type { ResponseItem } from "@waggle/protocol";
import { expect, test } from "vitest";
import { picturedItems } from "./item-pictures.ts";

const pictures = ["x", "y"].map((sha256) => ({ sha256, bytes: new Uint8Array() }));
const image = (url: string) => ({ type: "input_image" as const, image_url: url });

test("the pictures of messages and of outputs are named by their hashes, wherever they came from", async () => {
  const items: ResponseItem[] = [
    { role: "user", content: [{ type: "input_text", text: "a" }, image("https://a/1")] },
    { type: "message", role: "user", content: [image("https://a/2")] },
    { type: "function_call_output", call_id: "c", output: [image("https://a/1")] },
    { type: "custom_tool_call_output", call_id: "c", output: "text" },
    { type: "reasoning", summary: [] },
  ];
  const asked: string[][] = [];
  const result = await picturedItems(items, async (sources) => {
    asked.push([...sources]);
    return await Promise.resolve({ pictures, indexOf: (source) => Number(source.at(-1)) - 1 });
  });
  expect(asked).toEqual([["https://a/1", "https://a/2", "https://a/1"]]);
  expect(result).toEqual({
    pictures,
    items: [
      { role: "user", content: [{ type: "input_text", text: "a" }, image(pictureSource("x"))] },
      { type: "message", role: "user", content: [image(pictureSource("y"))] },
      { type: "function_call_output", call_id: "c", output: [image(pictureSource("x"))] },
      ...items.slice(3),
    ],
  });
});

test("items without pictures stay as they are", async () => {
  const items: ResponseItem[] = [{ role: "user", content: "a" }];
  const result = await picturedItems(items, async () => await Promise.reject(new Error("There are no pictures")));
  expect(result).toEqual({ items, pictures: [] });
});
