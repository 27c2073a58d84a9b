import { afterEach, expect, test, vi } from "vitest";
import { deriveFormat } from "./derive-format.ts";
import { limitRender, maxDeriveMs } from "./limited-render.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

test("a template is asked for so long, and not once more", async () => {
  let nowMs = 5;
  let asked = 0;
  const limited = limitRender(
    async () => {
      asked += 1;
      nowMs += maxDeriveMs;
      return "text";
    },
    () => nowMs,
  );
  expect(await limited.render({})).toBe("text");
  expect(await limited.render({})).toBe("text");
  expect(limited.isSpent).toBe(false);
  await expect(limited.render({})).rejects.toThrow("has taken too long");
  await expect(limited.render({})).rejects.toThrow("has taken too long");
  expect([limited.isSpent, asked]).toEqual([true, 2]);
});

test("a template that takes too long gets the generic format, and the last word is not its own", async () => {
  let nowMs = 0;
  let asked = 0;
  vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  const format = await deriveFormat({
    source: "functools[",
    render: async ({ messages }) => {
      asked += 1;
      nowMs += maxDeriveMs / 4;
      return JSON.stringify(messages);
    },
  });
  expect(asked).toBe(5);
  expect(format).toMatchObject({
    name: "generic",
    turnOpens: [],
    inputs: { tools: false, calls: false, system: false },
  });
});
