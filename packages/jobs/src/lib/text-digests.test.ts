import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { createTextDigests } from "./text-digests.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

test.each([[[]], [["one"]], [["", "né", "🐝", ""]], [Array.from({ length: 3_000 }, (_, i) => `${i} 蜜蜂 `)]])(
  "is the hash of all texts together",
  (texts) => {
    const digests = createTextDigests();
    for (const text of texts) digests.add({ text });
    expect(digests.sha256(0)).toBe(sha256(texts.join("")));
    expect(digests.sha256(0), "asked again").toBe(sha256(texts.join("")));
  },
);

test("each choice has its own", () => {
  const digests = createTextDigests();
  digests.add({ text: "a", choice: 0 });
  digests.add({ text: "b", choice: 2 });
  digests.add({ text: "c", choice: 0 });
  expect([0, 1, 2].map((choice) => digests.sha256(choice))).toEqual([sha256("ac"), sha256(""), sha256("b")]);
});
